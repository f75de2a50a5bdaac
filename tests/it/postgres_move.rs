//! A process that is killed while it moves a store from its file to a server, at every step of it.

use std::process::Stdio;

use crate::support::Shop;
use crate::support::postgres_server::{TestServer, test_server};
use crate::support::socket_proxy::SocketProxy;
use crate::support::wait::until;

/// A shop with a call in its file, and an empty database.
fn shop(server: &TestServer) -> Option<(Shop, String)> {
    let url = server.database("postgres")?;
    let shop = Shop::new();
    shop.send("c", &[]);
    Some((shop, url))
}

/// How many steps were made when the move ended, or was stopped.
fn moved(shop: &Shop, url: &str, steps_max: usize) -> Option<(SocketProxy, bool)> {
    let way = SocketProxy::that_stalls_after(steps_max, url)?;
    let mut command = shop.command(&["store", "migrate", "--to", &way.url(url)]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut ended = None;
    until("the end of the move, or its stop", || {
        ended = child.try_wait().expect("a child");
        (ended.is_some() || way.is_stalled()).then_some(())
    });
    child.kill().and_then(|()| child.wait()).expect("killed");
    way.cut();
    Some((way, ended.is_some_and(|status| status.success())))
}

#[test]
fn a_move_that_is_killed_at_any_step_leaves_all_of_it_or_nothing_and_is_carried_out_by_the_next_run() {
    let Some(server) = test_server() else { return };
    let Some((first, url)) = shop(server) else { return };
    let Some((way, is_done)) = moved(&first, &url, usize::MAX) else { return };
    assert!(is_done, "nothing holds it up");
    let steps = way.passed();
    assert!(steps > 60, "{steps}");
    // How often something goes out differs a little from run to run: the last steps are walked from where nothing was left, until a
    // move ends before it is stopped.
    let coarse = (1..steps - 15).step_by(steps / 12);
    let (mut committed, mut left) = (0, None);
    for at in coarse.chain(steps - 15..) {
        let Some((shop, url)) = left.take().or_else(|| shop(server)) else { return };
        let (_, is_done) = moved(&shop, &url, at).expect("as before");
        if is_done {
            break;
        }
        // The server hears of the end of the process.
        let others =
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        until("the end of its session", || (server.psql(&url, others) == "t").then_some(()));
        shop.expect(0, &["status", "c"]);
        if server.psql(&url, "SELECT to_regclass('meta') IS NULL") == "t" {
            left = Some((shop, url));
            continue;
        }
        committed += 1;
        assert_eq!(server.psql(&url, "SELECT count(*) FROM calls"), "1", "killed at {at} of {steps}: all of it");
        let done = shop.expect(0, &["-o", "json", "store", "migrate", "--to", &url]).json();
        assert_eq!(done["wasCopied"], true, "killed at {at} of {steps}: {done:#}");
        let old = shop.expect(6, &["status", "c"]);
        assert!(old.stderr.contains("moved to postgres://"), "{old:?}");
        Shop::on_server(url).expect(0, &["status", "c"]);
    }
    assert!(committed > 0, "it was killed between the commit and the mark of the file, too");
    let Some((shop, url)) = left.or_else(|| shop(server)) else { return };
    let done = shop.expect(0, &["-o", "json", "store", "migrate", "--to", &url]).json();
    assert_eq!(done["wasCopied"], false, "{done:#}");
    Shop::on_server(url).expect(0, &["status", "c"]);
}
