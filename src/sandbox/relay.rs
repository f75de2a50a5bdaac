//! The sandbox as a relay of mails: it speaks enough of SMTP, keeps what it took, and plays relays that refuse, are busy, hang, or
//! are gone before their answer. Loopback alone, no TLS, no password; nothing it takes goes anywhere.
//!
//! `GET /_sandbox/mails` shows what it took; `POST /_sandbox/relay` `{"does":"cut","times":1}` says what it does with the next mails,
//! without `times` with all from then on.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::state::Shared;
use crate::clock::Clock as _;

/// The longest line of a command, and the longest mail, in bytes.
const LINE_MAX: usize = 4_096;
const MAIL_MAX: usize = 1 << 20;
/// Mails that are kept at most.
const KEPT_MAX: usize = 1_000;
/// A relay that hangs answers after this: longer than anybody waits.
const HANGS: Duration = Duration::from_secs(120);
/// The longest that a client may take for a line.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What the relay does with a mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RelayDoes {
    /// Takes it.
    #[default]
    Take,
    /// Refuses its reader: 550.
    Refuse,
    /// Is busy: 421 in place of a greeting.
    Busy,
    /// Takes no connection any further.
    Away,
    /// Never answers to the end of the mail, and keeps nothing.
    Hang,
    /// Takes it, and is gone before its answer.
    Cut,
}

/// What the relay took, and what it does next.
#[derive(Debug, Default)]
pub(super) struct Relay {
    kept: VecDeque<Value>,
    next: VecDeque<RelayDoes>,
    always: RelayDoes,
    asked: u64,
}

impl Relay {
    /// What was taken, oldest first.
    pub(super) fn mails(&self) -> Vec<Value> {
        self.kept.iter().cloned().collect()
    }

    /// As the control shows it.
    pub(super) fn shown(&self) -> Value {
        json!({ "mails": self.kept, "conversations": self.asked })
    }

    /// From now on, or the next so many.
    pub(super) fn set(&mut self, does: RelayDoes, times: Option<usize>) {
        match times {
            Some(n) => self.next.extend(std::iter::repeat_n(does, n.min(KEPT_MAX))),
            None => self.always = does,
        }
    }

    fn begin(&mut self) -> RelayDoes {
        self.asked += 1;
        self.next.pop_front().unwrap_or(self.always)
    }

    fn keep(&mut self, mail: Value) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(mail);
    }
}

/// Listens one port above the sandbox, or at any where that is at any; `None`: the port is not free, and there is no relay.
pub(super) fn start(sandbox: SocketAddr, is_fixed: bool, shared: &Arc<Shared>) -> Option<SocketAddr> {
    let port = if is_fixed { sandbox.port().checked_add(1)? } else { 0 };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    listener.set_nonblocking(true).ok()?;
    let at = listener.local_addr().ok()?;
    let shared = shared.clone();
    let runtime = shared.runtime.clone();
    runtime.spawn(async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        while let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            tokio::spawn(async move {
                // A client that is gone is no fault of the sandbox's.
                let _ = converse(stream, &shared).await;
            });
        }
    });
    Some(at)
}

async fn converse(stream: TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    let does = shared.state().relay.begin();
    let mut stream = BufReader::new(stream);
    match does {
        RelayDoes::Away => return Ok(()),
        RelayDoes::Busy => return say(&mut stream, "421 too busy, try later").await,
        _ => say(&mut stream, "220 sandbox ESMTP").await?,
    }
    let (mut from, mut to) = (String::new(), String::new());
    loop {
        let Some(line) = line(&mut stream, LINE_MAX).await? else { return Ok(()) };
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let word = line.to_ascii_uppercase();
        let answer = match word.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-sandbox\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
            "HELO" | "NOOP" | "RSET" => "250 ok",
            "AUTH" => "235 welcome",
            "MAIL" => {
                from = address(&line);
                "250 ok"
            }
            "RCPT" if does == RelayDoes::Refuse => "550 5.1.1 no such user here",
            "RCPT" => {
                to = address(&line);
                "250 ok"
            }
            "DATA" if to.is_empty() => "503 no reader",
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let Some(mail) = data(&mut stream).await? else { return Ok(()) };
                if does == RelayDoes::Hang {
                    shared.pause(HANGS).await;
                    return Ok(());
                }
                keep(shared, &from, &to, &mail);
                if does == RelayDoes::Cut {
                    return Ok(());
                }
                to.clear();
                "250 2.0.0 kept by the sandbox"
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => "502 not known",
        };
        say(&mut stream, answer).await?;
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
}

/// A line with its end; `None`: the client is gone, too slow, or writes too much.
async fn line(stream: &mut BufReader<TcpStream>, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = tokio::time::timeout(IDLE_MAX, stream.read_until(b'\n', &mut line)).await;
    let whole = matches!(read, Ok(Ok(n)) if n > 0) && line.len() <= most && line.ends_with(b"\n");
    Ok(whole.then_some(line))
}

/// Everything up to the line with the single dot.
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut mail = Vec::new();
    loop {
        let Some(line) = line(stream, MAIL_MAX).await? else { return Ok(None) };
        if line == b".\r\n" {
            return Ok(Some(String::from_utf8_lossy(&mail).into_owned()));
        }
        mail.extend(line.strip_prefix(b".").unwrap_or(&line));
        if mail.len() > MAIL_MAX {
            return Ok(None);
        }
    }
}

fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(address, _)| address.to_owned()).unwrap_or_default()
}

fn keep(shared: &Arc<Shared>, from: &str, to: &str, mail: &str) {
    // Long lines are cut in transport: by an equals sign at their end.
    let (head, body) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let value = |name: &str| {
        let found = head.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default().to_owned()
    };
    let body = body.replace("=\r\n", "").replace("=3D", "=");
    let link = body.find("/l/").map(|at| {
        let rest = body.get(at..).unwrap_or_default();
        let end = rest.char_indices().skip(3).find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        rest.get(..end.map_or(rest.len(), |(i, _)| i)).unwrap_or_default().to_owned()
    });
    let kept = json!({
        "from": from, "to": to, "subject": value("Subject"), "messageId": value("Message-ID"),
        "body": body, "link": link, "at": shared.clock.now(),
    });
    shared.state().relay.keep(kept);
}
