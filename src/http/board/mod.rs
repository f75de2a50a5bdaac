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
pub(super) mod events;
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

use axum::routing::{get, post};

use super::api::route::{Access, Body, Part, Route, Served, Verb};

pub(super) use show::document;

const fn shows(path: &'static str, access: Access, serve: fn() -> Served) -> Route {
    Route {
        verb: Verb::Get,
        path,
        part: Part::Board,
        access,
        serve,
        summary: "",
        query: &[],
        takes: None,
        gives: (&[200], Body::Text("text/html")),
        also: &[],
    }
}

const fn acts(path: &'static str, access: Access, serve: fn() -> Served) -> Route {
    Route { verb: Verb::Post, takes: Some(Body::Form), ..shows(path, access, serve) }
}

/// The page's own paths: no part of the API.
pub(super) const ROUTES: &[Route] = &[
    shows("/board", Access::Session, || get(show::board)),
    shows("/board/", Access::Session, || get(show::board)),
    shows("/board/closed", Access::Session, || get(show::closed)),
    shows("/board/events", Access::Session, || get(events::stream)),
    shows("/board/sign-in", Access::Open, || get(sign_in::show)),
    acts("/board/sign-in", Access::Open, || post(sign_in::by_token)),
    acts("/board/sign-out", Access::Session, || post(sign_in::out)),
    shows("/board/link/{token}", Access::Secret, || get(sign_in::link)),
    acts("/board/link/{token}", Access::Secret, || post(sign_in::by_link)),
    shows("/board/oncall", Access::Session, || get(swap::show)),
    acts("/board/oncall", Access::Session, || post(swap::make)),
    shows("/board/calls/{id}", Access::Session, || get(call_page::show)),
    shows("/board/calls/{id}/{action}", Access::Session, || get(confirm::show)),
    acts("/board/calls/{id}/{action}", Access::Session, || post(actions::act)),
    shows("/board/{asset}", Access::Open, || get(assets::show)),
];
