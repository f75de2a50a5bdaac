//! Which place wins, where files are looked for, and what comes out.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::config::load::DEFAULTS;
use crate::config::origin::Origin;
use crate::domain::database::Password;
use crate::domain::reply::{Says, read};

#[test]
fn defaults_alone_are_a_configuration() {
    let c = Bench::new().load();
    assert_eq!(c.mode, Mode::Live);
    assert_eq!(c.server.listen.to_string(), "127.0.0.1:3000");
    assert!(c.twilio.is_none() && c.airtable.is_none() && c.heartbeat.is_none() && c.file.is_none());
    let d = &c.delivery;
    assert_eq!((d.settle, d.poll_after, d.status_timeout), (secs(60), secs(30), secs(300)));
    assert_eq!((d.unknown_first, d.unknown_follow_up), (UnknownPolicy::Resend, UnknownPolicy::Hold));
    assert_eq!((d.resend_limit, d.resend_pause, d.stand_down), (2, secs(20), true));
    assert_eq!((c.alerts.consecutive_failures, c.alerts.late_follow_up), (3, secs(30)));
    assert_eq!(c.directory.default_line.name, "Dispatch");
    let waits = |level: &str| {
        let p = c.directory.policy(&c.directory.default_line, level).expect(level);
        (0..=p.total_steps()).map(|i| p.wait_before(i).as_secs()).collect::<Vec<_>>()
    };
    assert_eq!(waits("Normal"), [0, 120, 180, 180, 360, 360]);
    assert_eq!(waits("HIGH"), [0, 60, 120, 120, 420]);
    for (level, minutes) in [("normal", 20), ("high", 12)] {
        assert_eq!(waits(level).iter().sum::<u64>(), minutes * 60, "{level}: cut off as shops are used to");
        let p = c.directory.policy(&c.directory.default_line, level).expect(level);
        let last = p.steps.last().map(|s| s.notify.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(last, Some(vec!["owner".to_owned()]), "{level}");
    }
    let all = c.warnings.join("\n");
    for said in ["no contacts", "public_url", "alerts.sinks", "last_resort.notify is empty"] {
        assert!(all.contains(said), "{said} in {all}");
    }
    let missing = c.twilio_required().expect_err("no provider").to_string();
    for key in ["twilio.account_sid", "twilio.auth_token", "twilio.from", "TWILIO_AUTH_TOKEN"] {
        assert!(missing.contains(key), "{key} in {missing}");
    }
    assert!(c.airtable_required().expect("not used").is_none());
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn names_of_airtable_fields_have_their_documented_defaults() {
    let c = Bench::new().env("AIRTABLE_API_KEY", "pat-1").env("AIRTABLE_BASE_ID", "app00000000000000").load();
    let a = c.airtable_required().expect("complete").expect("used");
    assert_eq!((&a.events, &a.calls), (&EventFields::default(), &CallFields::default()));
    assert_eq!((a.mirror, a.verify, a.adopt_every), (MirrorPace::Realtime, Verify::All, None));
    assert_eq!((a.tables.events.as_str(), a.tables.contacts.as_deref()), ("Dispatch Events", None));
}

#[test]
fn fixtures_are_valid() {
    let c = Bench::new().toml(&fixture("minimal.toml")).load();
    assert_eq!(c.directory.contacts.len(), 3);
    assert!(c.twilio.is_none(), "its token is not here");
    let why = c.twilio_required().expect_err("missing").to_string();
    assert!(why.contains("twilio.auth_token: is missing") && why.contains("TWILIO_AUTH_TOKEN"), "{why}");
    assert_eq!(why.lines().count(), 1, "{why}");

    let bench = Bench::new().toml(&fixture("two-lines.toml")).file("twilio_auth_token", "tok\r\n");
    let c = bench.load();
    assert_eq!(c.twilio_required().expect("complete").auth_token.expose_secret(), "tok");
    assert_eq!((c.store.path(), c.backups), (Some(bench.path("dispatchctl.db").as_path()), 7));
    let (lifts, unlisted) = c.directory.line(Some("+18005550199"));
    assert!(!unlisted);
    assert_eq!(lifts.policies.get("high").map(|p| p.steps.len()), Some(2));
    assert_eq!(c.directory.sender(lifts).map(|s| s.as_str()), Some("+15005550009"));
    assert!(!c.warnings.iter().any(|w| w.contains("role")), "{:?}", c.warnings);

    let c = Bench::new().toml(&fixture("full.toml")).load();
    let t = c.twilio_required().expect("complete");
    assert_eq!(t.api_key.as_ref().map(|(k, s)| (k.len(), s.expose_secret())), Some((34, "sample-api-secret")));
    assert!(t.sender.as_ref().is_some_and(|s| s.is_service()));
    assert_eq!((t.messages_per_second, t.validity, t.request_timeout), (3.0, secs(900), secs(15)));
    let a = c.airtable_required().expect("complete").expect("used");
    assert_eq!((a.mirror, a.adopt_every), (MirrorPace::Batched(secs(600)), Some(secs(60))));
    assert_eq!((a.events.result.as_str(), a.events.call_id.as_str()), ("Outcome", "Call ID"));
    let normal = c.directory.default_line.policies.get("normal").expect("replaced");
    assert_eq!((normal.steps.len(), normal.repeat, normal.exhaust_after), (3, 2, secs(600)));
    assert!(normal.has_mails() && c.smtp.is_some() && c.directory.mail_from.is_some());
    // Nobody gave it: with a number to ring from it rings.
    assert_eq!(c.directory.default_line.policies.get("high").map(|p| p.steps.len()), Some(5));
    assert_eq!(c.directory.voice_from.as_ref().map(|s| s.as_str()), Some("+15005550011"));
    assert_eq!((c.voice.per_second, c.voice.timeout), (5.0, secs(25)));
    assert_eq!(c.directory.last_resort().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Lee Park"]);
    assert_eq!((c.server.tokens.len(), c.alerts.sinks.len(), c.test_numbers.len()), (2, 7, 1));
    for (text, says) in
        [("Si", Says::Take), ("Voy en camino!", Says::Take), ("no puedo", Says::Pass), ("LISTO", Says::Done)]
    {
        assert_eq!(read(text, "", &c.replies).says, says, "{text}");
    }
    assert!(c.documents.decides.pointer("/replies/take/2").is_some(), "the words decide");
    assert!(c.heartbeat.is_some() && c.warnings.is_empty(), "{:?}", c.warnings);
    c.check(&[Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars])
        .expect("complete");
}

#[test]
fn a_ladder_that_ends_before_an_outcome_can_be_known_is_warned_of() {
    let file = |after: &str| {
        let steps = "steps = [ { wait = \"0s\", notify = [\"primary\"] } ]";
        let contact = "[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"\n";
        format!("{contact}[policies.normal]\n{steps}\nexhaust_after = \"{after}\"\n")
    };
    for (after, warned) in [("0s", true), ("59s", true), ("60s", false), ("10m", false)] {
        let c = Bench::new().toml(&file(after)).load();
        let about: Vec<&String> = c.warnings.iter().filter(|w| w.starts_with("exhaust_after")).collect();
        assert_eq!(about.len(), usize::from(warned), "{after}: {:?}", c.warnings);
        assert!(!warned || about[0].contains(&format!("exhaust_after ({after}) of policy normal")), "{about:?}");
    }
}

#[test]
fn a_stronger_place_wins() {
    let listen = |b: &Bench| {
        let c = b.load();
        (c.server.listen.port(), c.origins.get("server.listen").expect("known").to_string())
    };
    let b = Bench::new().toml("\n[server]\nlisten = \"127.0.0.1:1\"\n");
    assert_eq!(listen(&b), (1, "dispatchctl.toml:3".into()));
    let b = b.file(".env", "# x\nPORT=2\n");
    assert_eq!(listen(&b), (2, ".env:2".into()));
    let b = b.file(".env", "DISPATCHCTL_SERVER__LISTEN=127.0.0.1:3\nPORT=2\n");
    assert_eq!(listen(&b), (3, ".env:1".into()));
    let b = b.env("PORT", "4");
    assert_eq!(listen(&b), (4, "environment variable PORT".into()));
    let b = b.env("DISPATCHCTL_SERVER__LISTEN", "127.0.0.1:5");
    assert_eq!(listen(&b), (5, "environment variable DISPATCHCTL_SERVER__LISTEN".into()));
    let b = b.flag("server.listen", "localhost:6");
    assert_eq!(listen(&b), (6, "command line".into()));
}

#[test]
fn names_of_operators_and_our_own_are_read() {
    let b = Bench::new()
        .env("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001")
        .env("TWILIO_AUTH_TOKEN", "plain")
        .env("DISPATCHCTL_TWILIO__AUTH_TOKEN", "ours")
        .env("TWILIO_PHONE_NUMBER", "+15005550006")
        .env("TWILIO_API_KEY", "")
        .env("DISPATCHCTL_TWILIO__FALLBACK_FROM", "12345, AcmePlumb,")
        .env("DISPATCHCTL_TWILIO__MESSAGES_PER_SECOND", "0.5")
        .env("DISPATCHCTL_DELIVERY__STAND_DOWN", "off")
        .env("DISPATCHCTL_DELIVERY__RESEND_LIMIT", "0")
        .env("DISPATCHCTL_TEST__NUMBERS", "+19495550101")
        .env("DISPATCHCTL_POLICIES__NORMAL__REPEAT", "1");
    let c = b.load();
    let t = c.twilio_required().expect("complete");
    assert_eq!(t.auth_token.expose_secret(), "ours");
    assert_eq!(t.messages_per_second, 0.5);
    assert_eq!(c.directory.fallback.len(), 2);
    assert!(t.api_key.is_none());
    assert_eq!((c.delivery.stand_down, c.delivery.resend_limit, c.test_numbers.len()), (false, 0, 1));
    let normal = c.directory.default_line.policies.get("normal").expect("default");
    assert_eq!((normal.repeat, normal.steps.len()), (1, 5));
}

#[test]
fn the_file_is_looked_for_in_order() {
    let name = |b: &Bench| b.load().directory.default_line.name;
    let b = Bench::new().file("etc/config.toml", "name = 'system'");
    assert_eq!(name(&b), "system");
    let b = b.file("home/.config/dispatchctl/config.toml", "name = 'home'");
    assert_eq!(name(&b), "home");
    let xdg = b.path("xdg").display().to_string();
    let b = b.file("xdg/dispatchctl/config.toml", "name = 'xdg'").env("XDG_CONFIG_HOME", &xdg);
    assert_eq!(name(&b), "xdg");
    let b = b.toml("name = 'here'");
    assert_eq!(name(&b), "here");
    let b = b.file("dot.toml", "name = 'dot'").file(".env", "DISPATCHCTL_CONFIG=dot.toml");
    assert_eq!(name(&b), "dot");
    let b = b.file("env.toml", "name = 'env'").env("DISPATCHCTL_CONFIG", "env.toml");
    assert_eq!(name(&b), "env");
    let mut b = b.file("flag.toml", "name = 'flag'");
    b.sources.flag_config = Some("flag.toml".into());
    assert_eq!((name(&b), b.load().file), ("flag".into(), Some("flag.toml".into())));
    b.sources.flag_config = Some("gone.toml".into());
    let e = b.errors();
    assert!(e.contains("command line: cannot read gone.toml"), "{e}");
}

#[test]
fn the_store_is_found() {
    let b = Bench::new();
    let store = |b: &Bench| {
        b.load().store.path().expect("a file").strip_prefix(b.dir.path()).expect("inside").display().to_string()
    };
    assert_eq!(store(&b), "home/.local/state/dispatchctl/dispatchctl.db");
    let xdg = b.path("x").display().to_string();
    let b = b.env("XDG_STATE_HOME", &xdg);
    assert_eq!(store(&b), "x/dispatchctl/dispatchctl.db");
    let systemd = format!("{}:/other", b.path("s").display());
    let b = b.env("STATE_DIRECTORY", &systemd);
    assert_eq!(store(&b), "s/dispatchctl.db");
    let mut b = b.file("conf/c.toml", "store.url = 'sqlite:calls.db'");
    b.sources.flag_config = Some("conf/c.toml".into());
    assert_eq!(store(&b), "conf/calls.db", "a file's path starts at the file");
    b.sources.flag_store = Some("flag.db".into());
    assert_eq!(store(&b), "flag.db");
    for (url, want) in
        [("sqlite:///abs/x.db", "/abs/x.db"), ("sqlite:/abs/x.db", "/abs/x.db"), ("/abs/x.db", "/abs/x.db")]
    {
        b.sources.flag_store = Some(url.into());
        assert_eq!(b.load().store.path().expect("a file").display().to_string(), want, "{url}");
    }
}

#[test]
fn a_store_on_a_server_is_named_by_file_environment_and_flag_and_its_password_is_shown_nowhere() {
    let server = |b: &Bench| match b.load().store {
        StoreLocation::Postgres(server) => server,
        StoreLocation::Sqlite(path) => panic!("{path:?}"),
    };
    let password = |b: &Bench| match server(b).url.password() {
        Password::Text(text) => text.clone(),
        Password::File(path) => path.display().to_string(),
        Password::None => String::new(),
    };
    let b = Bench::new().toml("[store]\nurl = \"postgres://sam@db.example.com/shop\"\npassword_file = \"pw\"");
    assert_eq!(server(&b).url.whole(), "postgres://sam@db.example.com/shop");
    assert_eq!(password(&b), b.path("pw").display().to_string(), "from the file's own directory, and not read yet");
    let b = b.env("DISPATCHCTL_STORE__PASSWORD", "hush");
    assert_eq!(password(&b), "hush", "the stronger layer counts");
    let b = Bench::new().env("DISPATCHCTL_STORE__URL", "postgres://sam:h%75sh@db.example.com/shop");
    assert_eq!((server(&b).url.whole(), password(&b).as_str()), ("postgres://sam@db.example.com/shop", "hush"));
    let c = b.load();
    let shown = format!("{c:?} {:?}", c.shown());
    assert!(shown.contains("postgres://sam@db.example.com/shop") && !shown.contains("hush"), "{shown}");
    assert!(!shown.contains("h%75sh"), "{shown}");
    let both = Bench::new().toml("[store]\npassword_file = \"pw\"");
    let both = both.env("DISPATCHCTL_STORE__URL", "postgres://sam:hush@db.example.com/shop");
    assert_eq!(password(&both), "hush", "the environment is stronger than a file's password_file");
    let both = Bench::new().toml("[store]\nurl = \"postgres://sam@db.example.com/shop\"\npassword_file = \"pw\"");
    let both = both.env("DISPATCHCTL_STORE__PASSWORD_FILE", "other-pw");
    assert_eq!(password(&both), both.path("other-pw").display().to_string());
    let b = b.env("DISPATCHCTL_STORE__PASSWORD", "other");
    assert!(b.errors().contains("one of the two"), "{}", b.errors());
    let mut b = Bench::new();
    b.sources.flag_store = Some("postgres://sam@localhost/shop".into());
    assert_eq!(server(&b).url.whole(), "postgres://sam@localhost/shop");
    b.sources.flag_store = Some("postgres://sam:hush@localhost/shop".into());
    let e = b.errors();
    assert!(e.contains("command line") && e.contains("store.password_file") && !e.contains("hush"), "{e}");
}

#[test]
fn every_default_is_shown_with_its_origin() {
    let c = Bench::new().toml("[delivery]\nsettle = \"70s\"\n").load();
    let rows = c.shown();
    let row = |key: &str| rows.iter().find(|r| r.key == key).unwrap_or_else(|| panic!("{key}")).clone();
    assert_eq!(
        (row("delivery.settle").value.as_str(), row("delivery.settle").origin.to_string()),
        ("1m10s", "dispatchctl.toml:2".into())
    );
    assert_eq!(
        (row("sandbox.listen").value.as_str(), row("sandbox.listen").origin),
        ("127.0.0.1:4010", Origin::Default)
    );
    assert_eq!(row("policies.high.steps[3].notify").value, "owner");
    assert_eq!(rows.len(), c.origins.len());
}

#[test]
fn the_commented_keys_of_the_defaults_exist() {
    // Uncomments every `# key = value` of a section or table in default.toml and loads the result.
    let mut text = String::new();
    for line in DEFAULTS.lines() {
        let inner = line.strip_prefix("# ").unwrap_or("");
        let is_key = inner.starts_with("[[")
            || inner.split_once(" = ").is_some_and(|(k, _)| k.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        let is_section = ["[templates]", "[intake.", "[smtp]"].iter().any(|s| inner.starts_with(s));
        text.push_str(if is_key || is_section { inner } else { line });
        text.push('\n');
    }
    let text = text
        .replace("\"AC...\"", "\"AC00000000000000000000000000000001\"")
        .replace("\"SK...\"", "\"SK00000000000000000000000000000001\"")
        .replace("\"app...\"", "\"app00000000000000\"");
    let c = Bench::new().toml(&text).load();
    assert_eq!((c.server.tokens.len(), c.directory.lines.len(), c.alerts.sinks.len()), (1, 1, 7));
    assert!(c.directory.default_line.templates.reminder.is_some() && c.airtable.is_some());
    assert!(c.intake.retell.is_some() && c.intake.vapi.is_some());
    let desk = &c.intake.custom["desk"];
    assert_eq!((desk.call_id.len(), desk.fields.issue_summary.len(), desk.fields.address.len()), (2, 1, 2));
    assert!(c.twilio.is_some_and(|t| t.api_key.is_some() && t.auth_token_previous.is_some()));
}

#[test]
fn contacts_may_live_in_airtable_and_are_then_not_missed_here() {
    let load = |more: &str| {
        let airtable = format!("[airtable]\ntoken = \"pat-1\"\nbase_id = \"app00000000000000\"\n{more}\n");
        Bench::new().toml(&airtable)
    };
    let team = "[[lines]]\nnumber = \"+18005550100\"\nteam = [ { contact = \"kim-lee\", role = \"primary\" } ]";
    let c =
        load(&format!("[airtable.tables]\ncontacts = \"On-Call\"\n[airtable.fields.contacts]\nactive = \"\"\n{team}"))
            .load();
    let a = c.airtable_required().expect("complete").expect("used");
    assert_eq!(a.contacts, ContactFields { active: String::new(), ..ContactFields::default() });
    assert!(!c.warnings.iter().any(|w| w.contains("role") || w.contains("contacts")), "{:?}", c.warnings);
    assert_eq!(c.directory.lines[0].team.as_ref().map(Vec::len), Some(1));
    assert!(load(team).errors().contains("there is no contact kim-lee"), "without such a table nobody else can know");
    let twice = load("[airtable.tables]\ncontacts = \"Calls\"").errors();
    assert!(twice.contains("is the table of the calls too"), "{twice}");
    let unnamed = load("[airtable.fields.contacts]\nphone = \"\"").errors();
    assert!(unnamed.contains("airtable.fields.contacts.phone: is missing"), "{unnamed}");
}

#[test]
fn who_has_no_address_for_a_step_of_mails_is_warned_of() {
    let file = |email: &str| {
        let steps = "steps = [ { wait = \"0s\", notify = [\"primary\"], channel = \"email\" } ]";
        let contact = format!("[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"\n{email}\n");
        let smtp = "[smtp]\nurl = \"smtp://127.0.0.1\"\nfrom = \"dispatch@example.com\"\n";
        format!("{contact}{smtp}[policies.normal]\n{steps}\n")
    };
    for (email, warned) in [("", 1), ("email = \"sam@example.com\"", 0)] {
        let c = Bench::new().toml(&file(email)).load();
        let about = c.warnings.iter().filter(|w| w.contains("sam has no mail address")).count();
        assert_eq!(about, warned, "{email}: {:?}", c.warnings);
    }
}
