//! The router, built from the table of routes.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use super::api::document;
use super::api::route::{Part, Route};
use super::api::show::Description;
use super::api::table::{ROUTES, WEBHOOKS};
use super::state::{HttpState, Surface};
use super::{board, problem, request, webhooks};

/// The routes of a surface.
pub fn router(surface: Surface, state: Arc<HttpState>) -> Router {
    let is_served = |route: &&Route| match route.part {
        Part::Public => true,
        Part::Full => surface == Surface::Full,
        Part::Board => surface == Surface::Full && state.settings.board.is_enabled,
    };
    let served = ROUTES.iter().chain(board::ROUTES).filter(is_served);
    let mut routes = served.fold(Router::new(), |routes, route| routes.route(route.path, (route.serve)()));
    let base = state.settings.board.base_path.clone();
    let description = document::of(ROUTES, WEBHOOKS, &base).to_string();
    if surface == Surface::Full && !base.is_empty() {
        // Some proxies take the path off, others do not.
        routes = Router::new().nest(&base, routes.clone()).merge(routes);
    }
    routes
        .fallback(webhooks::called)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(state.clone())
        .layer(Extension(Description(description.into())))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(from_fn_with_state(state, request::finish))
}
