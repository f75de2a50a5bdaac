//! The routes over a real store in a temporary directory, and the listeners over real sockets.

mod api;
mod board;
mod board_access;
mod board_golden;
mod dispatch;
mod feed;
mod health;
mod helpers;
mod intake;
mod limits;
mod links;
mod metrics;
mod oncall;
mod phone_calls;
mod routes;
mod voice;
mod webhooks;
