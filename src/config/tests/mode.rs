//! Test mode: nothing leaves the machine, and that is said.

use secrecy::ExposeSecret;

use super::*;

#[test]
fn what_the_file_points_at_is_replaced_and_said() {
    let b = Bench::new().toml(&fixture("full.toml")).test_mode();
    let c = b.load();
    assert_eq!((c.mode, c.mode.as_str()), (Mode::Test, "test"));
    assert_eq!(c.store.path(), Some(b.path("home/.local/state/dispatchctl/dispatchctl.test.db").as_path()));
    assert_eq!(c.server.listen.to_string(), "127.0.0.1:0");
    assert_eq!(c.server.public_listen.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:0"));
    assert!(c.server.public_url.is_none() && c.alerts.sinks.is_empty() && c.heartbeat.is_none());
    let t = c.twilio_required().expect("complete");
    assert_eq!(t.base_url.as_str(), "http://127.0.0.1:4010/");
    assert_eq!(t.auth_token.expose_secret(), "sample-auth-token", "the sandbox takes the configured credentials");
    assert_eq!(c.airtable.as_ref().map(|a| a.base_url.as_str()), Some("http://127.0.0.1:4010/"));
    let said = c.replaced.join("\n");
    for key in [
        "store.url",
        "server.listen",
        "server.public_listen",
        "server.public_url",
        "alerts.sinks[0]",
        "alerts.sinks[1]",
        "alerts.sinks[2]",
        "alerts.sinks[3]",
        "alerts.sinks[4]",
        "alerts.sinks[5]",
        "alerts.sinks[6]",
        "heartbeat.url",
        "heartbeat.fail_url",
        "smtp.url",
        "events[0]",
        "rotations[2].calendar",
        "board.url",
    ] {
        assert!(said.contains(&format!("{key} (dispatchctl.toml:")), "{key} in\n{said}");
    }
    assert_eq!(c.smtp.as_ref().map(|url| url.expose().as_str()), Some("smtp://127.0.0.1:4011"));
    assert_eq!(c.replaced.len(), 17, "{said}");
    for row in c.shown() {
        assert!(!row.value.contains("example.com"), "{row:?}");
    }
    c.check(&[Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars])
        .expect("complete");
}

#[test]
fn with_nothing_configured_the_sandbox_stands_in() {
    for (name, value) in [("TEST_MODE", "1"), ("TEST_MODE", "Yes"), ("DISPATCHCTL_TEST_MODE", "on")] {
        let c = Bench::new().env(name, value).load();
        let t = c.twilio_required().expect("complete");
        assert_eq!((t.account_sid.as_str(), t.auth_token.expose_secret()), (SANDBOX_ACCOUNT_SID, SANDBOX_AUTH_TOKEN));
        assert_eq!(t.sender.as_ref().map(|s| s.as_str()), Some(SANDBOX_FROM));
        assert!(c.replaced.is_empty() && c.airtable.is_none(), "{:?}", c.replaced);
    }
    let sid = SANDBOX_ACCOUNT_SID.as_bytes();
    assert!(sid.len() == 34 && sid.iter().skip(2).all(u8::is_ascii_hexdigit));
    assert_eq!(SANDBOX_AIRTABLE_BASE_ID.len(), 17);
    assert_eq!(Bench::new().toml("test_mode = true").load().mode, Mode::Test);
    assert_eq!(Bench::new().toml("test_mode = true").env("TEST_MODE", "0").load().mode, Mode::Live);
    assert_eq!(Bench::new().env("TEST_MODE", "0").test_mode().load().mode, Mode::Test);
}

#[test]
fn a_secret_that_is_named_and_cannot_be_read_stays_unreadable_in_a_drill() {
    let twilio = "[twilio]\nauth_token_file = \"token\"\n";
    let airtable = "[airtable]\nbase_id = \"app00000000000000\"\ntoken_file = \"token\"\n";
    let server = "[[server.tokens]]\nname = \"a\"\ntoken_file = \"token\"\nscope = \"read\"\n";
    for (part, toml, key) in [
        (Part::Twilio, twilio, "twilio.auth_token_file"),
        (Part::Airtable, airtable, "airtable.token_file"),
        (Part::Server, server, "server.tokens[0].token_file"),
    ] {
        for (label, content) in [("cannot read", None), ("is empty", Some("\n"))] {
            let b = Bench::new().toml(toml).test_mode();
            let b = if let Some(content) = content { b.file("token", content) } else { b };
            let c = b.load();
            let e = c.check(&[part]).expect_err(key).to_string();
            assert!(e.contains(key) && e.contains(label) && e.lines().count() == 1, "{key}: {e}");
            assert_eq!(c.twilio.is_none(), part == Part::Twilio, "{key}: the others are not concerned");
            assert!(c.airtable.is_none() && c.mirrors == (part == Part::Airtable), "{key}");
            // Given elsewhere, or not named at all, it is complete.
            let whole = b.file("token", "hush").load();
            whole.check(&[part]).unwrap_or_else(|e| panic!("{key}: {e}"));
        }
    }
    let c = Bench::new().toml("[airtable]\nverify = \"all\"\n").test_mode().load();
    let a = c.airtable_required().expect("complete").expect("used");
    assert_eq!(a.token.expose_secret(), SANDBOX_AIRTABLE_TOKEN, "one that is not named has a stand-in");
    // Sinks are not used in a drill, so that nothing is missed with the file of one's place.
    let sink = "[[alerts.sinks]]\nkind = \"webhook\"\nurl_file = \"gone\"\n";
    let c = Bench::new().toml(sink).test_mode().load();
    c.check(&[Part::Twilio, Part::Airtable, Part::Server, Part::Alerts, Part::Mail, Part::Calendars])
        .expect("complete");
    assert!(c.warnings.iter().any(|w| w.contains("cannot read")), "{:?}", c.warnings);
}

#[test]
fn a_store_on_a_server_is_replaced_in_the_file_kept_on_this_machine_and_refused_on_another() {
    let file = "[store]\nurl = \"postgres://sam@db.example.com/shop\"\npassword_file = \"pw\"";
    let b = Bench::new().toml(file).test_mode();
    let c = b.load();
    assert_eq!(c.store.path(), Some(b.path("home/.local/state/dispatchctl/dispatchctl.test.db").as_path()));
    assert!(c.replaced.iter().any(|said| said.starts_with("store.url (dispatchctl.toml:2)")), "{:?}", c.replaced);
    let b = b.env("DISPATCHCTL_STORE__URL", "postgres://sam@localhost/drill");
    let c = b.load();
    assert!(
        matches!(&c.store, StoreLocation::Postgres(s) if s.url.whole() == "postgres://sam@localhost/drill"),
        "{c:?}"
    );
    assert_eq!(c.store.beside("x"), b.path("home/.local/state/dispatchctl/dispatchctl.test.x"));
    let b = Bench::new().env("DISPATCHCTL_STORE__URL", "postgres://sam@localhost,db.example.com/drill").test_mode();
    assert!(b.errors().contains("store.url: points off this machine"), "{}", b.errors());
}

#[test]
fn what_is_said_for_this_run_is_kept_here_and_refused_elsewhere() {
    let b = Bench::new()
        .env("PORT", "8080")
        .env("DISPATCHCTL_STORE__URL", "drill.db")
        .env("DISPATCHCTL_TWILIO__BASE_URL", "http://127.0.0.1:9")
        .flag("server.public_url", "http://localhost:7")
        .flag("sandbox.listen", "[::1]:4011")
        .test_mode();
    let mut c = b.load();
    assert_eq!(c.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(c.store.path(), Some(b.path("drill.db").as_path()));
    assert_eq!(c.twilio.as_ref().map(|t| t.base_url.as_str()), Some("http://127.0.0.1:9/"));
    assert_eq!(c.sandbox_url().as_str(), "http://[::1]:4011/");
    c.point_at_sandbox("127.0.0.1:5".parse().expect("address"));
    assert_eq!(c.twilio.as_ref().map(|t| t.base_url.as_str()), Some("http://127.0.0.1:9/"), "named for this run");

    for (key, value) in [
        ("server.listen", "0.0.0.0:3000"),
        ("server.public_listen", "192.0.2.1:1"),
        ("server.public_url", "https://dispatch.example.com"),
        ("sandbox.listen", "0.0.0.0:1"),
        ("twilio.base_url", "https://api.twilio.com"),
        ("airtable.base_url", "https://api.airtable.com"),
        ("heartbeat.url", "https://ping.example.com/hush"),
        ("heartbeat.fail_url", "https://ping.example.com/hush/fail"),
    ] {
        let name = super::super::env::env_name(key);
        for b in [Bench::new().flag(key, value), Bench::new().env(&name, value)] {
            let e = b.test_mode().errors();
            assert!(e.contains(key) && e.contains("off this machine"), "{key}: {e}");
            assert!(!e.contains("hush"), "{e}");
        }
        let c = Bench::new().file(".env", &format!("{name}={value}")).test_mode().load();
        assert!(c.replaced.len() == 1, "{key}: {:?}", c.replaced);
    }
}

#[test]
fn base_urls_follow_the_sandbox() {
    let mut c = Bench::new().env("AIRTABLE_API_KEY", "pat-1").test_mode().load();
    c.point_at_sandbox("[fe80::1%3]:81".parse().expect("address"));
    assert_eq!(c.twilio.as_ref().map(|t| t.base_url.as_str()), Some("http://[fe80::1]:81/"));
    assert_eq!(
        c.airtable.as_ref().map(|a| (a.base_url.as_str(), a.base_id.as_str())),
        Some(("http://[fe80::1]:81/", SANDBOX_AIRTABLE_BASE_ID))
    );
}
