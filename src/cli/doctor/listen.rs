//! The addresses that `serve` listens on: whether it has them, or could have them.

use crate::config::Mode;
use crate::http::{self, BindError};

use super::super::app::App;
use super::finding::Findings;

pub(super) async fn check(app: &App) -> Findings {
    let mut f = Findings::of("config");
    let server = &app.config.server;
    if app.config.mode == Mode::Test {
        f.skip("server.listen", "in test mode `serve` takes a port that is free");
        return f;
    }
    let serves_here = app.holder().await.is_some_and(|h| h.role == "serve");
    let addresses = [("server.listen", Some(server.listen)), ("server.public_listen", server.public_listen)];
    for (key, addr) in addresses.into_iter().filter_map(|(key, addr)| Some((key, addr?))) {
        match http::bind(addr).await {
            Ok(_) if serves_here && server.listen == addr => f.warn(
                key,
                format!("`serve` works on this store and does not listen on {addr}"),
                "it began under another configuration: restart it",
            ),
            Ok(_) => f.ok(key, format!("{addr} is free for `serve`")),
            Err(BindError::InUse { .. }) if serves_here => f.ok(key, format!("`serve` listens on {addr}")),
            Err(e) => {
                let next = format!("`ss -ltnp` shows which program has it; end that, or set {key} to a free one");
                f.fail(key, format!("`serve` could not begin: {e}"), next);
            }
        }
    }
    f
}
