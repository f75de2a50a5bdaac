//! What there is to ask for: one table of routes, from which the router is built and `GET /openapi.json` is written.
//!
//! A route is a line in [`table::ROUTES`] (the page's own are in `board`): without one there is nothing to serve, and a test asks each
//! line's route with every method and every token. Webhooks are found by their own readers, also below the path of `public_url` and
//! with a slash at the end; [`table::WEBHOOKS`] lists them, and a test compares the two.

pub(super) mod document;
pub(super) mod route;
pub(super) mod show;
pub(super) mod table;
