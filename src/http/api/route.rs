//! A route, as data: what serves it, who may ask, and what stands about it in the description of the API.

use std::sync::Arc;

use axum::routing::MethodRouter;

use crate::config::TokenScope;
use crate::http::state::HttpState;

/// What serves a route.
pub(in crate::http) type Served = MethodRouter<Arc<HttpState>>;

/// Which listener serves a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Part {
    /// Every listener.
    Public,
    /// The full one alone.
    Full,
    /// The full one alone, while the office's page is enabled.
    Board,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Access {
    /// Anybody.
    Open,
    /// A token of this scope or a larger one.
    Token(TokenScope),
    /// A token that reads everything: one of the scope dispatch reads only what it handed over.
    Everything,
    /// Whoever has the secret that stands in the path.
    Secret,
    /// Whoever has signed in to the office's page.
    Session,
}

/// The method of a route. GET serves HEAD as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Verb {
    Get,
    Post,
}

impl Verb {
    pub(in crate::http) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
        }
    }
}

/// What a request or an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Body {
    /// JSON of a named schema.
    Json(&'static str),
    /// The same, and the body may be left out.
    MaybeJson(&'static str),
    /// A form, as a browser or a provider posts it.
    Form,
    /// Text of this media type.
    Text(&'static str),
}

/// A route. What serves it stands beside what is said of it, so that neither is without the other.
#[derive(Clone, Copy)]
pub(in crate::http) struct Route {
    pub(in crate::http) verb: Verb,
    /// With names in braces for the parts that vary.
    pub(in crate::http) path: &'static str,
    pub(in crate::http) part: Part,
    pub(in crate::http) access: Access,
    pub(in crate::http) serve: fn() -> Served,
    /// One sentence. Empty: it is no part of the API, and not described.
    pub(in crate::http) summary: &'static str,
    /// Names of the query, with what each is.
    pub(in crate::http) query: &'static [(&'static str, &'static str)],
    pub(in crate::http) takes: Option<Body>,
    /// What success is, and what it holds.
    pub(in crate::http) gives: (&'static [u16], Body),
    /// What it may answer besides: 400, 401, 403 and 405 follow from the rest.
    pub(in crate::http) also: &'static [u16],
}

/// A path that a provider or a platform posts to.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct WebhookRoute {
    pub(in crate::http) path: &'static str,
    pub(in crate::http) summary: &'static str,
    pub(in crate::http) takes: Body,
    pub(in crate::http) gives: (u16, Body),
}
