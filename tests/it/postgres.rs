//! A store in a database of a PostgreSQL server, as an operator meets it. Left out aloud where there is no PostgreSQL.

use crate::support::Shop;
use crate::support::postgres_server::{TestServer, test_server};

/// A shop whose store is in a schema of its own, and the server; `None`: there is no PostgreSQL here.
fn shop() -> Option<(Shop, &'static TestServer)> {
    let server = test_server()?;
    Some((Shop::on_server(server.schema()), server))
}

#[test]
fn a_call_is_sent_shown_taken_and_told_of_with_the_url_alone() {
    let Some((shop, _)) = shop() else { return };
    shop.expect(6, &["status"]);
    let sent = shop.run(&[
        "-o",
        "json",
        "send",
        "--call-id",
        "c",
        "--issue",
        "Burst pipe",
        "--level",
        "normal",
        "--timeout",
        "2s",
    ]);
    assert!(matches!(sent.code, 0 | 8), "{sent:?}");
    assert_eq!(sent.json()["callId"], "c");
    let shown = shop.expect(0, &["-o", "json", "status", "c"]).json();
    assert_eq!(shown["status"], "DISPATCHING", "{shown:#}");
    shop.expect(0, &["ack", "c", "--by", "Dana"]);
    let log = shop.expect(0, &["log", "-o", "csv", "--call", "c"]).stdout;
    assert!(log.contains("Dana") && log.contains("accepted"), "{log}");
    for args in [
        &["status"][..],
        &["contacts", "list"],
        &["oncall"],
        &["follow-up", "list"],
        &["breaker", "list"],
        &["report"],
        &["config", "show"],
        &["doctor"],
        &["verify-events"],
        &["recover", "--dry-run"],
    ] {
        let run = shop.run(args);
        assert!(run.code < 6, "{args:?}: {run:?}");
    }
}

/// What an operator gets wrong, or the server says, and the words that he reads.
struct Trouble {
    label: &'static str,
    url: String,
    code: i32,
    words: &'static [&'static str],
}

#[test]
fn what_is_wrong_with_the_store_is_told_before_anything_is_done_and_never_with_its_password() {
    let Some(server) = test_server() else { return };
    let (Some(checked), Some(fresh)) = (server.database("checked"), server.database("postgres")) else { return };
    server.psql(&server.url, "CREATE ROLE guest LOGIN; CREATE ROLE follower LOGIN; ALTER ROLE follower SET default_transaction_read_only = on");
    let live = server.database("postgres").expect("as before");
    let newer = server.database("postgres").expect("as before");
    for (url, sql) in [
        (&live, "UPDATE meta SET value = 'live' WHERE key = 'mode'"),
        (&newer, "UPDATE meta SET value = '99' WHERE key IN ('schema', 'oldest_schema')"),
    ] {
        Shop::on_server(url.clone()).run(&["send", "--issue", "x", "--timeout", "1ms"]);
        server.psql(url, sql);
    }
    let Some(locked) = server.database("guest") else { return };
    let name = locked.split("@/").nth(1).and_then(|rest| rest.split('?').next()).expect("its database").to_owned();
    server.psql(&server.url, &format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC"));
    let as_user = |user: &str| fresh.replace("//postgres@", &format!("//{user}@"));
    let unknown = server.url.replace("/postgres?", "/no_such_shop?");
    for Trouble { label, url, code, words } in [
        Trouble { label: "no URL", url: "postgres://hush".into(), code: 2, words: &["store.url", "points off"] },
        Trouble { label: "unreadable", url: "postgres://u@h:hush/d".into(), code: 2, words: &["cannot be read"] },
        Trouble { label: "unknown", url: "postgres://u@h/d?pgbouncer=1".into(), code: 2, words: &["pgbouncer"] },
        Trouble { label: "in the list", url: "postgres://u:hush@h/d".into(), code: 2, words: &["password_file"] },
        Trouble { label: "no password", url: checked, code: 6, words: &["password missing", "store.password_file"] },
        Trouble {
            label: "no database",
            url: unknown,
            code: 6,
            words: &["\"no_such_shop\" does not exist", "CREATE DATABASE"],
        },
        Trouble { label: "live", url: live.clone(), code: 6, words: &["stamped live", "never mixed"] },
        Trouble { label: "newer", url: newer.clone(), code: 6, words: &["schema 99", "newer dispatchctl"] },
        Trouble {
            label: "read-only",
            url: as_user("follower"),
            code: 6,
            words: &["does not allow writes", "default_transaction_read_only"],
        },
        Trouble {
            label: "no rights",
            url: as_user("guest"),
            code: 6,
            words: &["permission denied", "USAGE on the schema"],
        },
        Trouble { label: "no door", url: locked, code: 6, words: &["permission denied for database", "GRANT CONNECT"] },
        Trouble { label: "no role", url: as_user("nobody_here"), code: 6, words: &["does not exist", "CREATE ROLE"] },
        Trouble { label: "gone", url: "postgres://u@/d?host=/gone".into(), code: 6, words: &["/gone", "runs"] },
    ] {
        let run = Shop::on_server(url).run(&["-o", "json", "send", "--issue", "Burst pipe", "--level", "normal"]);
        assert_eq!(run.code, code, "{label}: {run:?}");
        for word in words {
            assert!(run.stderr.contains(word), "{label}: {word}: {run:?}");
        }
        assert!(!run.stderr.contains("hush@") && !run.stderr.contains(":hush"), "{label}: {run:?}");
        assert_eq!(run.json()["exit"], code, "{label}");
    }
    assert_eq!(server.psql(&fresh, "SELECT to_regclass('meta') IS NULL"), "t", "nothing was made");
    for url in [&live, &newer] {
        assert_eq!(server.psql(url, "SELECT count(*) FROM calls"), "1", "as it was");
    }
}

#[test]
fn where_no_store_can_be_made_doctor_and_status_say_what_serve_says_and_make_nothing() {
    let Some(server) = test_server() else { return };
    let (Some(fresh), Some(other)) = (server.database("maker"), server.database("postgres")) else { return };
    server.psql(&server.url, "CREATE ROLE maker LOGIN");
    let fresh_as_owner = fresh.replace("//maker@", "//postgres@");
    server.psql(&fresh_as_owner, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    Shop::on_server(other.clone()).run(&["send", "--issue", "x", "--timeout", "1ms"]);
    server
        .psql(&other, "CREATE SCHEMA bare; CREATE ROLE stray LOGIN SUPERUSER; ALTER ROLE stray SET search_path = bare");
    for (label, url, words) in [
        ("no right to make tables", fresh, "permission denied for schema public"),
        (
            "a store in another schema",
            other.replace("//postgres@", "//stray@"),
            "there is a store in the schema public",
        ),
    ] {
        let shop = Shop::on_server(url);
        let serve = shop.expect(6, &["serve", "--listen", "127.0.0.1:0"]);
        let status = shop.expect(6, &["status"]);
        let doctor = shop.run(&["doctor"]);
        let found = doctor.stdout.lines().find(|l| l.starts_with("fail  store open")).unwrap_or_default().to_owned();
        for said in [&serve.stderr, &status.stderr, &found] {
            assert!(said.contains(words), "{label}: {words}: {serve:?} {status:?} {doctor:?}");
        }
        assert!(!doctor.stdout.contains("nothing was recorded"), "{label}: nothing was to be: {doctor:?}");
    }
    assert_eq!(server.psql(&fresh_as_owner, "SELECT to_regclass('meta') IS NULL"), "t", "nothing was made");
    assert_eq!(server.psql(&other, "SELECT to_regclass('bare.meta') IS NULL"), "t", "nothing was made");
}

#[test]
fn a_full_disk_of_the_server_refuses_a_call_and_the_same_call_is_taken_once_there_is_room() {
    let Some(server) = test_server() else { return };
    let Some(url) = server.database("postgres") else { return };
    let shop = Shop::on_server(url.clone());
    shop.run(&["send", "--call-id", "before", "--issue", "x", "--timeout", "1ms"]);
    server.psql(
        &url,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER full_disk BEFORE INSERT ON calls FOR EACH ROW EXECUTE FUNCTION full_disk()",
    );
    let args = ["send", "--call-id", "c", "--issue", "Burst pipe", "--level", "normal", "--timeout", "1ms"];
    let run = shop.expect(6, &args);
    assert!(run.stderr.contains("No space left") && run.stderr.contains("nothing was recorded"), "{run:?}");
    shop.expect(3, &["status", "c"]);
    server.psql(&url, "DROP TRIGGER full_disk ON calls");
    let run = shop.run(&args);
    assert!(matches!(run.code, 0 | 8), "{run:?}");
    assert_eq!(server.psql(&url, "SELECT count(*) FROM calls"), "2");
}

#[test]
fn a_password_comes_from_a_file_or_the_environment_and_is_shown_nowhere() {
    let Some(server) = test_server() else { return };
    let Some(url) = server.database("checked") else { return };
    server.psql(&server.url, "DROP ROLE IF EXISTS checked; CREATE ROLE checked LOGIN SUPERUSER PASSWORD 'canary-1'");
    let mut shop = Shop::on_server(url);
    std::fs::write(shop.path("pw"), "canary-1\n").expect("written");
    shop.set("DISPATCHCTL_STORE__PASSWORD_FILE", "pw");
    shop.run(&["send", "--call-id", "c", "--issue", "x", "--timeout", "1ms"]);
    shop.expect(0, &["status", "c"]);
    for (mode, is_named) in [(0o644, true), (0o600, false)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(shop.path("pw"), mode).expect("its mode");
        let report = shop.run(&["doctor"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(report.contains("holds store.password_file and its mode is 644"), is_named, "{report}");
    }
    std::fs::write(shop.path("pw"), "canary-2\n").expect("written");
    let run = shop.expect(6, &["status", "c", "-vv"]);
    assert!(run.stderr.contains("password authentication failed"), "{run:?}");
    assert!(!run.stderr.contains("canary"), "{run:?}");
    shop.set("DISPATCHCTL_STORE__PASSWORD_FILE", "");
    shop.set("DISPATCHCTL_STORE__PASSWORD", "canary-1");
    shop.expect(0, &["status", "c"]);
    let shown = shop.expect(0, &["config", "show"]).stdout;
    assert!(shown.contains("store.password") && !shown.contains("canary"), "{shown}");
}

#[test]
fn a_store_is_moved_from_its_file_to_a_server_and_read_whole_in_both() {
    let Some(server) = test_server() else { return };
    let Some(url) = server.database("postgres") else { return };
    let shop = Shop::new();
    shop.send("c", &[]);
    let story = shop.expect(0, &["-o", "json", "status", "c"]).json();
    shop.expect(0, &["store", "check"]);
    shop.expect(2, &["store", "migrate", "--to", "sqlite:other.db"]);
    let hidden = shop.expect(2, &["store", "migrate", "--to", "postgres://u:hush@localhost/d"]);
    assert!(!hidden.stderr.contains("hush"), "{hidden:?}");
    shop.expect(6, &["store", "migrate", "--to", "postgres://u@/d?host=/gone"]);
    shop.expect(0, &["status", "c"]);
    let moved = shop.expect(0, &["-o", "json", "store", "migrate", "--to", &url]).json();
    assert!(moved["rows"].as_u64().is_some_and(|rows| rows >= 5) && moved["wasCopied"] == false, "{moved:#}");
    let old = shop.expect(6, &["status", "c"]);
    assert!(old.stderr.contains("moved to postgres://") && old.stderr.contains("store.url"), "{old:?}");
    let new = Shop::on_server(url);
    let mut there = new.expect(0, &["-o", "json", "status", "c"]).json();
    assert_eq!(there["attempts"], story["attempts"]);
    assert_eq!(there["log"].as_array().map(Vec::len), story["log"].as_array().map(Vec::len), "{there:#}");
    there = new.expect(0, &["-o", "json", "store", "check"]).json();
    assert_eq!(there["unreadable"], serde_json::json!([]), "{there:#}");
    new.expect(2, &["store", "migrate", "--to", "postgres://u@localhost/d"]);
}

#[test]
fn doctor_says_what_the_server_of_the_store_is_like() {
    let Some((shop, _)) = shop() else { return };
    shop.run(&["send", "--call-id", "c", "--issue", "x", "--timeout", "1ms"]);
    let said = shop.run(&["doctor"]);
    for words in ["PostgreSQL 1", "not encrypted", "waits for no standby", "server clock"] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
}
