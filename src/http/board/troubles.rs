//! What every page says before anything else: nobody follows up, or nothing can be written.

use serde::Serialize;

use super::super::ops::engine_trouble;
use super::super::state::HttpState;

/// That the engine or the store does not work, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Trouble {
    head: &'static str,
    why: String,
}

/// All there is at this moment.
pub(super) async fn troubles(state: &HttpState) -> Vec<Trouble> {
    let engine = engine_trouble(state).await;
    let engine = engine.map(|why| Trouble { head: "ENGINE NOT RUNNING: no follow-up will fire.", why });
    let store = store_trouble(state);
    let store =
        store.map(|why| Trouble { head: "THE STORE TAKES NO WRITES: no new call is taken, no button works.", why });
    engine.into_iter().chain(store).collect()
}

/// Why nothing can be written, as far as it is known; `None`: it can.
pub(super) fn store_trouble(state: &HttpState) -> Option<String> {
    if let Some(what) = state.core.store.place().trouble() {
        return Some(what.to_owned());
    }
    state.board.store_look.known(&state.core)
}
