//! Templates and the headers of every page. The environment is the page's own: the operator's templates of texts never come here, and
//! everything that a template shows is escaped.

use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use jiff::tz::TimeZone;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use crate::domain::Timestamp;
use crate::domain::levels::zone_named;

use super::super::problem::Problem;
use super::super::state::HttpState;
use super::viewer::Viewer;
use super::{assets, words};

/// Nothing of a page runs, loads or sends anything but what is ours. `no-referrer` would take the origin from our own forms.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "geolocation=(), camera=(), microphone=()"),
];

/// The names end in `.html`: by that they are escaped.
const TEMPLATES: [(&str, &str); 13] = [
    ("page.html", include_str!("templates/page.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("board.html", include_str!("templates/board.html")),
    ("main.html", include_str!("templates/main.html")),
    ("closed.html", include_str!("templates/closed.html")),
    ("call.html", include_str!("templates/call.html")),
    ("call_main.html", include_str!("templates/call_main.html")),
    ("confirm.html", include_str!("templates/confirm.html")),
    ("settle.html", include_str!("templates/settle.html")),
    ("swap.html", include_str!("templates/swap.html")),
    ("sign_in.html", include_str!("templates/sign_in.html")),
    ("link.html", include_str!("templates/link.html")),
    ("error.html", include_str!("templates/error.html")),
];

static ENVIRONMENT: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_syntax(minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in TEMPLATES {
        env.add_template(name, source)?;
    }
    Ok(env)
});

/// By whose clock a page says times.
pub(super) struct Clock {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl Clock {
    /// Of the shop, or of a line.
    pub(super) fn of(state: &HttpState, zone: Option<&str>) -> Self {
        Self { now: state.core.clock.now(), zone: zone_named(zone) }
    }

    /// Of the shop.
    pub(super) fn of_shop(state: &HttpState) -> Self {
        let directory = state.core.directory();
        Self::of(state, directory.zone(&directory.default_line))
    }
}

/// A page for whoever looks; `None`: nobody is signed in.
pub(super) fn page(
    state: &HttpState,
    viewer: Option<&Viewer>,
    (status, template, title): (StatusCode, &'static str, &str),
    clock: Clock,
    shown: impl Serialize,
) -> Result<Response, Problem> {
    let html = rendered(state, viewer, (template, title), clock, shown)?;
    let mut response = (status, Html(html)).into_response();
    protect(response.headers_mut());
    Ok(match viewer {
        Some(viewer) => viewer.answer(response),
        None => response,
    })
}

/// The same, as text.
pub(super) fn rendered(
    state: &HttpState,
    viewer: Option<&Viewer>,
    (template, title): (&'static str, &str),
    clock: Clock,
    shown: impl Serialize,
) -> Result<String, Problem> {
    let environment = ENVIRONMENT.as_ref().map_err(|e| Problem::internal(e))?;
    let base = &state.settings.board.base_path;
    let Clock { now, zone } = clock;
    let zone_name = zone.iana_name().unwrap_or("UTC").to_owned();
    let zone = Arc::new(zone);
    let time = |f: fn(Timestamp, Timestamp, &TimeZone) -> String| {
        let zone = zone.clone();
        Value::from_function(move |at: &str| {
            at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| f(at, now, &zone))
        })
    };
    let millis = |ms: i64| std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let common = context! {
        base => base,
        assets => Value::from(Serde(assets::hrefs(base))),
        mode => state.settings.mode,
        title => title,
        viewer => viewer.map(|v| context! {
            name => v.name.as_str(),
            operates => v.sight.operates(),
            has_session => v.has_session,
        }),
        now => now.rfc3339(),
        zone_name => zone_name,
        clock => time(words::clock),
        relative => time(|at, now, _| words::relative(at, now)),
        age => time(|at, now, _| words::length(now.since(at))),
        exact => Value::from_function(move |ms: i64| words::exact(millis(ms))),
        enc => Value::from_function(|text: &str| encoded(text)),
        ..Value::from(Serde(shown)),
    };
    let template = environment.get_template(template).map_err(|e| Problem::internal(&e))?;
    template.render(common).map_err(|e| Problem::internal(&e))
}

/// A text as one part of a path or of a query.
pub(super) fn encoded(text: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, PLAIN).to_string()
}

/// Every page's headers.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Leads to one of our own pages: by the method GET, whatever led here.
pub(super) fn redirect(state: &HttpState, path: &str) -> Response {
    let to = format!("{}{path}", state.settings.board.base_path);
    let mut response = StatusCode::SEE_OTHER.into_response();
    protect(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// What went wrong, as a page.
pub(super) fn or_error(state: &HttpState, answer: Result<Response, Problem>) -> Response {
    let problem = match answer {
        Ok(response) => return response,
        Err(problem) => problem,
    };
    let status = problem.status();
    if let Some(cause) = problem.cause() {
        tracing::warn!(cause, status = status.as_u16(), "a page of the board could not be made");
    }
    let shown = context! { detail => problem.detail(), status => status.as_u16() };
    let made = page(state, None, (status, "error.html", "This did not work"), Clock::of_shop(state), shown);
    let mut response = made.unwrap_or_else(|p| p.into_response());
    // Which says when to come again.
    let headers = problem.into_response();
    for (name, value) in headers.headers() {
        if *name == header::RETRY_AFTER {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}
