//! `board link NAME`: a link that signs somebody in to the office's page, once, within 15 minutes.
//!
//! The link is a secret: it is printed to whoever may read the store, and the store keeps its hash alone.

use std::time::Duration;

use clap::Subcommand;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
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
        /// Also draw it for a phone's camera
        #[arg(long)]
        qr: bool,
    },
}

pub(crate) async fn run(args: Args, app: &App, out: &mut Output) -> Result<ExitStatus, CliError> {
    let BoardCommand::Link { name, qr } = args.what;
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
    if qr {
        match drawn(&url, out.is_coloured()) {
            Some(drawing) => out.raw(&drawing),
            None => out.note("the link is too long to be drawn"),
        }
    }
    out.note(&format!("it signs in as {} once, until {}", link.name, out.time(link.until)));
    if !app.config.board.is_enabled {
        out.note("warning: board.enabled is false in this configuration: the page is served only where it is true");
    }
    Ok(ExitStatus::Done)
}

/// The link as a code that cameras read, with the empty edge that they need. Where there is colour it is black on white, whatever the
/// terminal's own are; else it is drawn for a dark terminal.
fn drawn(url: &str, coloured: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
    let (dark, light) = if coloured { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
    let text = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    let lines = text.lines().map(|line| match coloured {
        true => format!("\u{1b}[38;5;16;48;5;231m{line}\u{1b}[0m"),
        false => line.to_owned(),
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Where people reach the page: as it is configured, else the listener itself.
fn base(app: &App, listen: Option<String>) -> String {
    app.config.people_reach().unwrap_or_else(|| {
        let server = &app.config.server;
        let own = listen.unwrap_or_else(|| format!("http://{}", server.listen));
        let own = if own.contains("://") { own } else { format!("http://{own}") };
        format!("{}{}", own.trim_end_matches('/'), server.base_path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_drawn_small_enough_for_a_terminal_with_an_edge_around_it() {
        let url = format!("https://dispatch.example.com/office/board/link/{}", "A".repeat(43));
        let plain = drawn(&url, false).expect("drawn");
        let lines: Vec<&str> = plain.lines().collect();
        let width = lines[0].chars().count();
        assert!(width <= 60 && lines.len() <= 30, "{width} by {}", lines.len());
        // Of an odd number of rows the last line is half of one.
        let (last, lines) = lines.split_last().expect("lines");
        assert!(last.chars().all(|c| c == '▀' || c == '█') && last.chars().count() == width, "{plain}");
        assert!(
            lines.iter().all(|l| l.chars().count() == width && l.starts_with("████") && l.ends_with("████")),
            "{plain}"
        );
        let coloured = drawn(&url, true).expect("drawn");
        assert!(coloured.lines().all(|l| l.starts_with("\u{1b}[38;5;16;48;5;231m    ")), "{coloured}");
        assert_eq!(drawn(&"x".repeat(4_000), false), None);
    }
}
