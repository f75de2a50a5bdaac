//! `board link NAME`: a link that signs somebody in to the office's page, once, within 15 minutes.
//!
//! The link is a secret: it is printed to whoever may read the store, and the store keeps its hash alone.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::config::TokenScope;
use crate::ids;
use crate::store::BoardLink;

use super::app::{App, NoStore};
use super::decide::there_are;
use super::exit::ExitStatus;
use super::output::Output;
use super::report::CliError;

/// How long a link works.
const LASTS: Duration = Duration::from_secs(15 * 60);

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: BoardCommand,
}

#[derive(Debug, Subcommand)]
enum BoardCommand {
    /// Make a link that signs in to the office's page once, within 15 minutes
    Link {
        /// As whom: the name of a token of [[server.tokens]] with the scope read or operate
        name: String,
    },
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let BoardCommand::Link { name } = args.what;
    let tokens = &app.config.server.tokens;
    let names = || there_are("tokens", tokens.iter().map(|t| t.name.as_str()));
    let Some(token) = tokens.iter().find(|t| t.name == name.trim()) else {
        return Err(CliError::new(ExitStatus::Usage, format!("there is no token {:?}", name.trim())).hint(names()));
    };
    if token.scope == TokenScope::Dispatch {
        let what = format!("the token {:?} hands calls over: it does not see the board", token.name);
        return Err(CliError::new(ExitStatus::Usage, what).hint("name one with the scope read or operate"));
    }
    let store = app.store(NoStore::Refuse).await?;
    let secret = ids::secret();
    let now = app.clock.now();
    let digest: String = Sha256::digest(&secret).iter().map(|b| format!("{b:02x}")).collect();
    let link = BoardLink { digest, name: token.name.clone(), until: now.plus(LASTS) };
    store.keep_board_link(&link, now).await?;
    let listen = store.engine().await?.and_then(|engine| engine.listen);
    let url = format!("{}/board/link/{secret}", base(app, listen));
    if out.is_json() {
        out.document(&json!({ "name": link.name, "url": url, "until": link.until }));
        return Ok(ExitStatus::Done);
    }
    out.line(&url);
    out.note(&format!("it signs in as {} once, until {}", link.name, out.time(link.until)));
    if !app.config.board.is_enabled {
        out.note("warning: board.enabled is false in this configuration: the page is served only where it is true");
    }
    Ok(ExitStatus::Done)
}

/// Where people reach the page: as it is configured, else the public URL where one listener serves all, else the listener itself.
fn base(app: &App, listen: Option<String>) -> String {
    let server = &app.config.server;
    let plain = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
    if let Some(url) = &app.config.board.url {
        return plain(url);
    }
    match (&server.public_url, server.public_listen) {
        (Some(url), None) => format!("{}{}", url.origin().ascii_serialization(), server.base_path),
        _ => {
            let own = listen.unwrap_or_else(|| format!("http://{}", server.listen));
            let own = if own.contains("://") { own } else { format!("http://{own}") };
            format!("{}{}", own.trim_end_matches('/'), server.base_path)
        }
    }
}
