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
    let sent = shop.run(&["-o", "json", "send", "--call-id", "c", "--issue", "Burst pipe", "--timeout", "2s"]);
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
