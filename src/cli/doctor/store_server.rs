//! The server of the store, where it is in a database of one.

use std::time::Duration;

use crate::clock;
use crate::config::{StoreLocation, StoreServer};
use crate::domain::count::counted;
use crate::domain::database::Password;
use crate::store::{ServerState, Store};

use super::super::app::App;
use super::finding::{Findings, bounded};

/// The oldest that is supported by its makers (Nov 2026).
const OLDEST: u32 = 14;
/// Between its clock and ours: beyond it due times of one machine are not those of another.
const APART_MAX: Duration = Duration::from_secs(1);

pub(super) async fn check(app: &App, store: &dyn Store, f: &mut Findings) {
    let StoreLocation::Postgres(server) = &app.config.store else { return };
    match bounded(app, store.server()).await {
        Some(Ok(Some(state))) => judge(&state, server, f),
        Some(Ok(None)) => {}
        Some(Err(e)) => f.fail("server", e.to_string(), "see that it runs and can be reached from here"),
        None => f.fail("server", super::finding::too_long(), "see that it runs and can be reached from here"),
    }
}

fn judge(state: &ServerState, server: &StoreServer, f: &mut Findings) {
    let way = if state.is_encrypted { "TLS" } else { "not encrypted" };
    // This command has connected by it just now; so does each new connection of `serve`.
    let password = match server.url.password() {
        Password::File(path) => format!(", the password of {} as it is now", path.display()),
        Password::Text(_) => ", the password that is given".to_owned(),
        Password::None => String::new(),
    };
    let what = format!("PostgreSQL {}, {way}{password}", state.version);
    if state.major < OLDEST {
        f.warn("server", what, format!("use PostgreSQL {OLDEST} or newer"));
    } else {
        f.ok("server", what);
    }
    durability(state, server.is_async_failover_taken, f);
    let apart = Duration::from_millis(clock::ahead_of_shared().unwrap_or_default().unsigned_abs());
    let what = format!("{} ms from this machine's", apart.as_millis());
    if apart > APART_MAX {
        f.warn("server clock", what, "let both machines keep time by NTP");
    } else {
        f.ok("server clock", what);
    }
}

/// Whether a commit outlives the server that took it.
fn durability(state: &ServerState, is_async_failover_taken: bool, f: &mut Findings) {
    let (commit, named) = (&state.synchronous_commit, &state.synchronous_standbys);
    let standbys = state.standbys;
    if !matches!(commit.as_str(), "on" | "remote_apply") {
        let next = "let nothing between set synchronous_commit: it is on in each session of this program";
        f.fail("durability", format!("synchronous_commit is {commit}"), next);
    } else if standbys > 0 && named.is_empty() && !is_async_failover_taken {
        let what = format!(
            "{}, and a commit waits for none: a failover forgets calls and repeats texts",
            counted(standbys.into(), "standby server")
        );
        let next = "set synchronous_standby_names = 'ANY 1 (...)' on the server, or store.async_failover = true here";
        f.fail("durability", what, next);
    } else {
        let waits = if named.is_empty() { "waits for no standby".to_owned() } else { format!("waits for {named}") };
        f.ok("durability", format!("a commit is on disk and {waits} ({standbys} connected)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failover to a standby that no commit waited for forgets calls: that is a fault, unless it was said to be wanted.
    #[test]
    fn a_commit_that_waits_for_no_standby_is_a_fault_where_there_is_one() {
        for (commit, named, standbys, is_taken, want, words) in [
            ("on", "", 0, false, "ok", "waits for no standby"),
            ("on", "", 1, false, "fail", "synchronous_standby_names"),
            ("on", "", 1, true, "ok", "waits for no standby"),
            ("on", "ANY 1 (b)", 1, false, "ok", "waits for ANY 1 (b)"),
            ("off", "", 0, false, "fail", "synchronous_commit is off"),
            ("local", "ANY 1 (b)", 1, false, "fail", "synchronous_commit is local"),
        ] {
            let state = ServerState {
                version: "17.2".into(),
                major: 17,
                is_encrypted: true,
                synchronous_commit: commit.into(),
                synchronous_standbys: named.into(),
                standbys,
                now: crate::domain::Timestamp::from_millis(0),
            };
            let mut f = Findings::of("store");
            durability(&state, is_taken, &mut f);
            let found = f.all.iter().find(|f| f.name == "durability").expect("a finding");
            let text = format!("{} {}", found.what, found.next.clone().unwrap_or_default());
            assert!(found.status.as_str() == want && text.contains(words), "{commit} {named}: {text}");
        }
    }
}
