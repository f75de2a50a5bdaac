//! `/board`: the office's page. One sentence first: is anybody waiting? Below it what is open, who was told, what comes next, and the
//! buttons by which a person decides.
//!
//! A page is a template over [`view::BoardView`], which is a pure function of one read of the store; `GET /api/board` is the same value
//! as JSON. Nothing of the page is needed for a dispatch: it reads, and what it decides goes through the same write path as every
//! command. Who signs in brings a token of `[[server.tokens]]` or a link that works once; the session is a signed cookie that holds
//! no longer than its token, so a restart signs nobody out and nothing is kept for it.

mod actions;
mod assets;
mod call_page;
mod call_view;
mod confirm;
mod duties;
mod events;
mod facts;
pub(super) mod kept;
mod night_view;
mod origin;
mod pages;
mod read;
mod session;
mod show;
mod sign_in;
mod store_look;
mod swap;
mod throttle;
mod troubles;
mod verdict;
mod view;
mod viewer;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::state::HttpState;

pub(super) use show::document;

/// The page's own paths.
pub(super) fn routes() -> Router<Arc<HttpState>> {
    Router::new()
        .route("/board", get(show::board))
        .route("/board/", get(show::board))
        .route("/board/closed", get(show::closed))
        .route("/board/events", get(events::stream))
        .route("/board/sign-in", get(sign_in::show).post(sign_in::by_token))
        .route("/board/sign-out", post(sign_in::out))
        .route("/board/link/{token}", get(sign_in::link).post(sign_in::by_link))
        .route("/board/oncall", get(swap::show).post(swap::make))
        .route("/board/calls/{id}", get(call_page::show))
        .route("/board/calls/{id}/{action}", get(confirm::show).post(actions::act))
        .route("/board/{asset}", get(assets::show))
}
