//! Rotations, and teams that name them.

use jiff::civil::Time;

use super::*;
use crate::domain::settings::{SettingsNumber, SettingsRow};
use crate::domain::team::TeamWho;
use crate::domain::types::Actor;

const PEOPLE: &str = r#"
time_zone = "America/Los_Angeles"
[[contacts]]
id = "sam"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
phone = "+19495550102"
role = "backup"
"#;

fn load(text: &str) -> Bench {
    Bench::new().toml(&format!("{PEOPLE}{text}"))
}

/// A rotation with these lines in place of the usual ones of their keys.
fn rotation(lines: &str) -> String {
    let usual = [
        ("id", "\"night\""),
        ("handoff", "\"08:00\""),
        ("every", "\"1w\""),
        ("starts", "\"2026-10-05\""),
        ("members", "[\"sam\", \"ana\"]"),
    ];
    let named = |key: &str| lines.lines().any(|l| l.split('=').next().is_some_and(|k| k.trim() == key));
    let rest: Vec<String> =
        usual.iter().filter(|(key, _)| !named(key)).map(|(key, value)| format!("{key} = {value}")).collect();
    format!("[[rotations]]\n{}\n{lines}\n", rest.join("\n"))
}

const LINE: &str = "[[lines]]\nnumber = \"+18005550100\"\nteam = [ { rotation = \"night\", role = \"primary\" }, \
    { contact = \"ana\", role = \"primary\", fallback = true } ]\n";

#[test]
fn a_rotation_is_read_with_its_changes_and_a_team_names_it() {
    let c = load(&format!(
        "{LINE}{}[[rotations.changes]]\nstarts = \"2027-01-04\"\nmembers = [[\"ana\", \"sam\"]]\n[oncall]\ngap_warning = [\"1h\", \"24h\"]\nmerge_within = \"5m\"",
        rotation("hours = [\"mon-thu 17:00-08:00\", \"fri 17:00-mon 08:00\"]")
    ))
    .load();
    let r = &c.directory.rotations[0];
    assert_eq!((r.id.as_str(), r.period_days, r.lists.len()), ("night", 7, 2));
    assert_eq!(r.zone.iana_name(), Some("America/Los_Angeles"), "the shop's");
    assert_eq!(r.lists[1].members, vec![vec!["ana".parse().expect("id"), "sam".parse().expect("id")]]);
    let team = c.directory.lines[0].team.as_ref().expect("a team");
    assert_eq!(team[0].who, TeamWho::Rotation("night".parse().expect("id")));
    assert!(team[1].fallback && !team[0].fallback);
    assert_eq!(c.oncall.merge_within.as_secs(), 300);
    assert_eq!(c.oncall.gap_warning.iter().map(|d| d.as_secs()).collect::<Vec<_>>(), [86_400, 3_600]);
    assert_eq!(c.oncall.look_ahead.as_secs(), 14 * 86_400);
}

#[test]
fn a_rotation_takes_the_zone_of_its_line_before_that_of_the_shop() {
    let line = LINE.replace("team =", "time_zone = \"America/Denver\"\nteam =");
    let c = load(&format!("{line}{}", rotation(""))).load();
    assert_eq!(c.directory.rotations[0].zone.iana_name(), Some("America/Denver"));
    let other = line.replace("0100", "0101").replace("Denver", "Chicago");
    let errors = load(&format!("{line}{other}{}", rotation(""))).errors();
    assert!(errors.contains("rotations[0].time_zone: is missing, and the lines that use it have several"), "{errors}");
    let own = load(&format!("{line}{other}{}", rotation("time_zone = \"America/Phoenix\""))).load();
    assert_eq!(own.directory.rotations[0].zone.iana_name(), Some("America/Phoenix"));
    let none = Bench::new().toml(&format!("{}{LINE}{}", PEOPLE.replace("time_zone", "name"), rotation(""))).errors();
    assert!(none.contains("dispatchctl.toml") && none.contains("rotations[0].time_zone: is missing"), "{none}");
}

#[test]
fn what_is_wrong_with_a_rotation_is_named_with_its_key() {
    for (label, lines, says) in [
        ("unknown member", "members = [\"san\"]", &["rotations[0].members[0]", "there is no contact san", "sam"][..]),
        ("no member", "members = []", &["rotations[0].members", "is empty"]),
        ("an empty turn", "members = [[]]", &["rotations[0].members[0]", "names nobody"]),
        ("a number as a member", "members = [3]", &["rotations[0].members[0]", "is an integer"]),
        ("a zone", "time_zone = \"Pacific Standard Time\"", &["rotations[0].time_zone", "is not a time zone"]),
        ("hours", "every = \"12h\"", &["rotations[0].every", "is not whole days or weeks"]),
        ("no day", "every = \"0d\"", &["rotations[0].every", "is not whole days or weeks"]),
        ("a handoff", "handoff = \"8am\"", &["rotations[0].handoff", "is no time of day"]),
        ("a date", "starts = \"5 October\"", &["rotations[0].starts", "is not a date"]),
        ("days of a week", "days = [\"mon\"]", &["rotations[0].days", "goes with every = \"1d\" alone"]),
        ("a day", "days = [\"monday\"]\nevery = \"1d\"", &["rotations[0].days[0]", "is no day of the week"]),
        (
            "hours that overlap",
            "hours = [\"mon-fri 17:00-08:00\", \"fri 17:00-mon 08:00\"]",
            &["rotations[0].hours", "overlap"],
        ),
        ("a key", "member = [\"sam\"]", &["rotations[0].member", "did you mean `rotations[0].members`"]),
    ] {
        let errors = load(&format!("{LINE}{}", rotation(lines))).errors();
        assert!(says.iter().all(|s| errors.contains(s)) && errors.contains("dispatchctl.toml:"), "{label}: {errors}");
    }
}

#[test]
fn ids_dates_and_names_of_teams_are_checked_against_each_other() {
    let twice = load(&format!("{LINE}{}{}", rotation(""), rotation("id = \"Night\""))).errors();
    assert!(twice.contains("rotations[1].id: Night is another rotation's id"), "{twice}");
    let change = |date: &str| format!("[[rotations.changes]]\nstarts = \"{date}\"\nmembers = [\"ana\"]\n");
    let back = load(&format!("{LINE}{}{}{}", rotation(""), change("2027-01-04"), change("2027-01-04"))).errors();
    assert!(back.contains("rotations[0].changes[1].starts: is not after the date before it"), "{back}");
    let line = LINE.replace("rotation = \"night\"", "rotation = \"nigth\"");
    let unknown = load(&format!("{line}{}", rotation(""))).errors();
    assert!(unknown.contains("there is no rotation nigth") && unknown.contains("night"), "{unknown}");
    let both = LINE.replace("rotation = \"night\",", "rotation = \"night\", contact = \"sam\",");
    let both = load(&format!("{both}{}", rotation(""))).errors();
    assert!(both.contains("lines[0].team[0].rotation: stands beside a contact"), "{both}");
    let neither = load(&LINE.replace("rotation = \"night\",", "")).errors();
    assert!(neither.contains("lines[0].team[0].contact: is missing"), "{neither}");
    let unused = load(&rotation("")).load();
    assert!(unused.warnings.iter().any(|w| w.contains("night is in no line's team")), "{:?}", unused.warnings);
}

#[test]
fn a_roll_call_is_off_at_a_time_of_day_or_so_long_before_a_shift() {
    use crate::domain::oncall::roll_call::RollCallTime;
    let of = |text: &str| load(&format!("[oncall]\nroll_call = {text:?}")).load().oncall.roll_call;
    assert_eq!(of(""), None);
    assert_eq!(load("").load().oncall.roll_call_reply.as_secs(), 900);
    assert_eq!(of("16:30"), Some(RollCallTime::At(jiff::civil::time(16, 30, 0, 0))));
    assert_eq!(of("-30m"), Some(RollCallTime::Before(std::time::Duration::from_secs(1_800))));
}

#[test]
fn what_oncall_says_is_checked() {
    for (text, says) in [
        ("look_ahead = \"0s\"", "oncall.look_ahead"),
        ("look_ahead = \"2w\"", "oncall.look_ahead"),
        ("gap_warning = [\"soon\"]", "oncall.gap_warning[0]"),
        ("merge_within = \"25h\"", "is longer than a day"),
        ("roll_call = \"teatime\"", "oncall.roll_call"),
        ("roll_call = \"-25h\"", "-30m"),
        ("roll_call_reply = \"0s\"", "oncall.roll_call_reply"),
        ("gap_warnings = [\"1h\"]", "did you mean `oncall.gap_warning`"),
    ] {
        let errors = load(&format!("[oncall]\n{text}")).errors();
        assert!(errors.contains(says), "{text}: {errors}");
    }
}

/// A rotation that goes by a calendar, with these lines.
fn by_calendar(lines: &str) -> String {
    format!("{LINE}[[rotations]]\nid = \"night\"\n{lines}\n")
}

#[test]
fn a_calendar_stands_in_place_of_a_list_and_its_url_is_a_secret() {
    let url = "https://calendar.example.com/private-canary/basic.ics";
    let text = by_calendar(&format!(
        "calendar = \"{url}\"\ncalendar_overrides = \"my swaps.ics\"\ncalendar_people = {{ \"Sam O\" = \"sam\", \"a@example.org\" = \"ana\" }}"
    ));
    let b = load(&text);
    let c = b.load();
    let r = &c.directory.rotations[0];
    let rules = r.calendar.as_ref().expect("a calendar");
    assert!(rules.has_overrides && r.lists.is_empty() && r.handoff == Time::midnight(), "{r:?}");
    assert_eq!(rules.people.get("Sam O").map(ToString::to_string).as_deref(), Some("sam"));
    let places: Vec<String> = c.calendars.iter().map(|at| at.place.expose()).collect();
    assert_eq!(places, [url.to_owned(), b.path("my swaps.ics").display().to_string()]);
    let shown = c.shown();
    let value = |key: &str| shown.iter().find(|r| r.key == key).map(|r| r.value.as_str());
    assert_eq!(value("rotations[0].calendar"), Some("https://calendar.example.com/****"));
    assert_eq!(value("rotations[0].calendar_people.Sam O"), Some("sam"));
    assert!(!format!("{c:?}").contains("canary"), "{c:?}");
    assert!(c.warnings.iter().all(|w| !w.contains("role primary")), "{:?}", c.warnings);
    let own = load(&by_calendar("calendar = \"webcal://calendar.example.com/x.ics\"\nhandoff = \"08:00\"")).load();
    assert_eq!(own.calendars[0].place.expose(), "https://calendar.example.com/x.ics");
    assert_eq!(own.directory.rotations[0].handoff, jiff::civil::time(8, 0, 0, 0));
    let secret = load(&by_calendar("calendar_file = \"night.url\"")).file("night.url", &format!("{url}\n"));
    assert_eq!(secret.load().calendars[0].place.expose(), url);
    let gone = load(&by_calendar("calendar_file = \"night.url\"")).load();
    let wrong = gone.check(&[Part::Calendars]).expect_err("it cannot be read").to_string();
    assert!(wrong.contains("rotations[0].calendar_file") && gone.directory.rotations[0].calendar.is_some(), "{wrong}");
}

#[test]
fn what_is_wrong_with_a_calendar_names_file_line_and_key() {
    for (label, lines, says) in [
        (
            "not encrypted",
            "calendar = \"http://calendar.example.com/canary\"",
            &["rotations[0].calendar: is not encrypted"][..],
        ),
        ("another scheme", "calendar = \"ftp://calendar.example.com/canary\"", &["rotations[0].calendar: is neither"]),
        ("a number", "calendar = 3", &["rotations[0].calendar", "is an integer"]),
        ("a yes", "calendar = true", &["rotations[0].calendar", "boolean"]),
        ("a list too", "calendar = \"a.ics\"\nmembers = [\"sam\"]", &["rotations[0].members: stands beside calendar"]),
        ("a period too", "calendar = \"a.ics\"\nevery = \"1w\"", &["rotations[0].every: stands beside calendar"]),
        (
            "people of nobody",
            "calendar = \"a.ics\"\ncalendar_people = { \"S\" = \"san\" }",
            &["rotations[0].calendar_people.S", "there is no contact san", "sam"],
        ),
        (
            "people alone",
            "calendar_people = { \"S\" = \"sam\" }",
            &["rotations[0].calendar_people: goes with calendar alone"],
        ),
        (
            "overrides alone",
            "calendar_overrides = \"a.ics\"",
            &["rotations[0].calendar_overrides: goes with calendar alone"],
        ),
        (
            "two places",
            "calendar = \"https://a.example.com/canary\"\ncalendar_file = \"b\"",
            &["rotations[0].calendar", "one of the two"],
        ),
        ("a key", "calender = \"a.ics\"", &["did you mean `rotations[0].calendar`"]),
    ] {
        let errors = load(&by_calendar(lines)).errors();
        assert!(says.iter().all(|s| errors.contains(s)) && errors.contains("dispatchctl.toml:"), "{label}: {errors}");
        assert!(!errors.contains("canary"), "{label}: {errors}");
    }
}

#[test]
fn settings_in_force_say_that_there_is_a_calendar_and_each_process_brings_its_place() {
    let bench = load(&by_calendar(
        "calendar = \"https://calendar.example.com/private-canary/basic.ics\"\ncalendar_overrides_file = \"o.url\"",
    ))
    .file("o.url", "https://calendar.example.com/other-canary.ics");
    let own = bench.load();
    let (decides, places) = (own.documents.decides.to_string(), own.documents.places.to_string());
    assert!(
        !decides.contains("canary") && !decides.contains("o.url") && !places.contains("canary"),
        "{decides}\n{places}"
    );
    assert!(
        own.documents.typed_secrets.contains(&"rotations.calendar".to_owned()),
        "{:?}",
        own.documents.typed_secrets
    );
    let row = SettingsRow {
        number: SettingsNumber(1),
        document: own.documents.decides.clone(),
        places: own.documents.places.clone(),
        actor: Actor::engine(),
        role: "serve".into(),
        at: crate::domain::Timestamp::default(),
    };
    assert_eq!(completed(&row), own.documents.decides, "it comes back as it was");
    let parts = |c: &Config| c.calendars.iter().map(|at| at.part.key()).collect::<Vec<_>>();
    let under = load_under(&bench.sources, &row).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((under.directory.rotations == own.directory.rotations, parts(&under)), (true, parts(&own)));
    let alone = load_document(&bench.sources, &row).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((alone.directory.rotations == own.directory.rotations, alone.calendars.len()), (true, 0));
    // A file that is broken elsewhere: the path of a secret's file is kept, a secret is not.
    let stand_in = load_under_without_file(&bench.sources, &row).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(parts(&stand_in), ["calendar_overrides"]);
    let other = Bench::new().toml("[store]\nurl = \"sqlite:a.db\"");
    let other = load_under(&other.sources, &row).unwrap_or_else(|e| panic!("{e}"));
    assert!(other.directory.rotations[0].calendar.is_some() && other.calendars.is_empty());
}
