//! Reads what the board shows: the store once, who is on call from what is in force. What was read is kept for a moment, so that many who
//! look at once cost one read.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::night::{evening_of, night_of};
use crate::domain::team::Directory;
use crate::domain::types::CallId;
use crate::store::{BoardQuery, BoardRows, Figures};

use super::super::ops::engine_trouble;
use super::super::problem::Problem;
use super::super::state::HttpState;
use super::duties::OnCallView;
use super::facts::{Facts, Sight};
use super::kept::{KeptDuties, KeptRows};
use super::troubles::store_trouble;
use super::view::BoardView;

/// Open calls that are shown, and as many deferred ones.
pub(super) const OPEN_MAX: usize = 50;
const ALERTS_MAX: usize = 50;
/// The figures of a night are of so many calls, the newest.
const NIGHT_MAX: usize = 40;
/// Closed calls of a page.
pub(super) const CLOSED_MAX: usize = 20;
const CLOSED_SINCE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// What was read is shown again for this long where nothing was committed since: what depends on the time alone is counted anew.
const KEPT_FOR: Duration = Duration::from_secs(5);
/// The same, whatever was committed.
const KEPT_ALWAYS: Duration = Duration::from_millis(200);
/// Who is on call is computed anew after this, and whenever other settings are in force.
const DUTIES_KEPT_FOR: Duration = Duration::from_secs(20);

/// The board as it is now.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn view(state: &HttpState, sight: Sight) -> Result<BoardView, Problem> {
    numbered(state, sight).await.map(|(_, view)| view)
}

/// The same, with the number of what it shows.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn numbered(state: &HttpState, sight: Sight) -> Result<(u64, BoardView), Problem> {
    let kept = rows(state).await?;
    Ok((kept.number, viewed(state, sight, &kept.rows, kept.night_from).await?))
}

/// What was read, and what is kept of it.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn kept(state: &HttpState) -> Result<KeptRows, Problem> {
    rows(state).await
}

/// What these rows show now.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn view_of(state: &HttpState, sight: Sight, kept: &KeptRows) -> Result<BoardView, Problem> {
    viewed(state, sight, &kept.rows, kept.night_from).await
}

/// The number of what the board shows: a page that is made of the same moment keeps itself fresh by it.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn number(state: &HttpState) -> Result<u64, Problem> {
    rows(state).await.map(|kept| kept.number)
}

/// The same, with the closed calls that come after one.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn view_from(state: &HttpState, sight: Sight, before: Option<CallId>) -> Result<BoardView, Problem> {
    let (query, night_from) = query(state, before);
    let rows = state.core.store.board(&query).await.map_err(|e| Problem::store(&e))?;
    viewed(state, sight, &rows, night_from).await
}

async fn viewed(
    state: &HttpState,
    sight: Sight,
    rows: &BoardRows,
    night_from: Timestamp,
) -> Result<BoardView, Problem> {
    let directory = state.core.directory();
    let oncall = duties(state, &directory, rows).await;
    Ok(BoardView::of(&Facts {
        now: state.core.clock.now(),
        mode: state.settings.mode,
        directory: &directory,
        rows,
        oncall: &oncall,
        engine_trouble: engine_trouble(state).await,
        store_trouble: store_trouble(state),
        unreadable: state.core.store.skipped_rows().iter().filter(|row| !row.repaired).count(),
        night_from,
        sight,
        closed_max: CLOSED_MAX,
    }))
}

fn query(state: &HttpState, closed_before: Option<CallId>) -> (BoardQuery, Timestamp) {
    let directory = state.core.directory();
    let (now, zone) = (state.core.clock.now(), directory.zone(&directory.default_line));
    let (night_from, _) = night_of(evening_of(now, zone), zone);
    let query = BoardQuery {
        now,
        open_max: OPEN_MAX,
        alerts_max: ALERTS_MAX,
        night_from,
        night_max: NIGHT_MAX,
        closed_since: now.minus(CLOSED_SINCE),
        closed_before,
        // One more says that there is a next page.
        closed_max: CLOSED_MAX + 1,
    };
    (query, night_from)
}

async fn rows(state: &HttpState) -> Result<KeptRows, Problem> {
    let mut kept = state.board.rows.lock().await;
    let (store, boot) = (&state.core.store, state.core.clock.boot());
    let version = store.version().await.map_err(|e| Problem::store(&e))?;
    if let Some(known) = kept.as_ref() {
        let age = boot.saturating_sub(known.at);
        if !known.is_old && (age < KEPT_ALWAYS || (known.version == version && age < KEPT_FOR)) {
            return Ok(known.clone());
        }
    }
    let (query, night_from) = query(state, None);
    let rows = store.board(&query).await.map_err(|e| Problem::store(&e))?;
    // A page of the process before this one has another number.
    let first = || u64::try_from(query.now.as_millis()).unwrap_or_default();
    let number = match kept.as_ref() {
        Some(known) if is_same(&known.rows, &rows) => known.number,
        Some(known) => known.number.wrapping_add(1),
        None => first(),
    };
    let fresh = KeptRows { at: boot, version, number, is_old: false, rows: Arc::new(rows), night_from };
    *kept = Some(fresh.clone());
    Ok(fresh)
}

/// Whether a page shows the same of both, the time aside.
fn is_same(a: &BoardRows, b: &BoardRows) -> bool {
    let figures = |f: &Figures| (f.open_by_status.clone(), f.unknown_outcomes, f.open_breakers, f.alerts);
    figures(&a.figures) == figures(&b.figures)
        && BoardRows { figures: Figures::default(), ..a.clone() }
            == BoardRows { figures: Figures::default(), ..b.clone() }
}

/// After a decision nobody is shown what was before it.
pub(super) async fn forget(state: &HttpState) {
    if let Some(kept) = state.board.rows.lock().await.as_mut() {
        kept.is_old = true;
    }
}

async fn duties(state: &HttpState, directory: &Arc<Directory>, rows: &BoardRows) -> Arc<OnCallView> {
    let mut kept = state.board.duties.lock().await;
    let boot = state.core.clock.boot();
    if let Some(known) = kept.as_ref()
        && Arc::ptr_eq(&known.of, directory)
        && boot.saturating_sub(known.at) < DUTIES_KEPT_FOR
    {
        return known.view.clone();
    }
    let (of, opt_outs, now) = (directory.clone(), rows.opt_outs.clone(), state.core.clock.now());
    let ahead = state.core.rules().oncall.look_ahead;
    let made = tokio::task::spawn_blocking(move || OnCallView::of(&of, &opt_outs, now, ahead)).await;
    let view = Arc::new(made.unwrap_or_else(|_| OnCallView {
        trouble: Some("who is on call cannot be said now".to_owned()),
        ..OnCallView::default()
    }));
    *kept = Some(KeptDuties { at: boot, of: directory.clone(), view: view.clone() });
    view
}
