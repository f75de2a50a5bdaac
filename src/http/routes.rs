//! Which path is served by what.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::state::{HttpState, Surface};
use super::{board, calls, dispatch, feed, links, metrics, oncall, ops, problem, request, webhooks};

/// The routes of a surface.
pub fn router(surface: Surface, state: Arc<HttpState>) -> Router {
    let mut routes = Router::new()
        .route("/livez", get(ops::live))
        .route("/l/{token}", get(links::show).post(links::take))
        .route("/oncall/{file}", get(feed::show));
    if surface == Surface::Full {
        routes = routes
            .route("/api/dispatch/manual", post(dispatch::manual))
            // The route of the system before this one.
            .route("/api/dispatch/status/{id}", get(calls::story))
            .route("/api/calls", get(calls::list))
            .route("/api/calls/{id}", get(calls::story))
            .route("/api/calls/{id}/ack", post(calls::acknowledge))
            .route("/api/calls/{id}/resolve", post(calls::resolve))
            .route("/api/calls/{id}/cancel", post(calls::cancel))
            .route("/api/calls/{id}/reopen", post(calls::reopen))
            .route("/api/calls/{id}/raise", post(calls::raise))
            .route("/api/calls/{id}/seen", post(calls::seen))
            .route("/api/calls/{id}/note", post(calls::note))
            .route("/api/oncall", get(oncall::now))
            .route("/api/oncall/shifts", get(oncall::shifts))
            .route("/api/oncall/overrides", get(oncall::overrides).post(oncall::make))
            .route("/api/oncall/overrides/{id}/withdraw", post(oncall::withdraw))
            .route("/api/log", get(calls::log))
            .route("/metrics", get(metrics::show))
            .route("/health", get(ops::health))
            .route("/readyz", get(ops::ready))
            .route("/api/board", get(board::document));
        if state.settings.board.is_enabled {
            routes = routes.merge(board::routes());
        }
        let base = state.settings.board.base_path.clone();
        if !base.is_empty() {
            // Some proxies take the path off, others do not.
            routes = Router::new().nest(&base, routes.clone()).merge(routes);
        }
    }
    routes
        .fallback(webhooks::called)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(state.clone())
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(from_fn_with_state(state, request::finish))
}
