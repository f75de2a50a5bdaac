//! What was truly accepted: an append-only file of JSON lines that outlives the process, and its public view.
//!
//! A line is written before the answer that it stands for leaves. A torn last line (killed while writing) was never
//! answered and is cut off at the next start; any other unreadable line stops the start.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::airtable::Change;
use super::config::SandboxError;
use super::messages::{Content, Direction, Message, Status};
use super::target::last_segment;
use super::voice::{CallLine, VoiceCall};
use crate::domain::Timestamp;
use crate::domain::phone::masked;

/// One accepted message as the judge sees it. Numbers and bodies are in full: this is evidence, not a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// The message's SID.
    pub sid: String,
    /// Who was texted.
    pub to: String,
    /// Who texted; none while a messaging service has not chosen.
    pub from: Option<String>,
    /// The text.
    pub body: String,
    /// By API, by TwiML, or from a technician.
    pub direction: Direction,
    /// The newest status.
    pub status: Status,
    /// With `failed` and `undelivered`.
    pub error_code: Option<u32>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// As given, overrides included.
    pub status_callback: Option<String>,
    /// The last path segment of the callback URL.
    pub attempt_from_callback: Option<String>,
    /// When a list that was answered first had it.
    #[serde(default)]
    pub listed_at: Option<Timestamp>,
    /// When a list that was answered last left it out because it lags.
    #[serde(default)]
    pub hidden_at: Option<Timestamp>,
}

impl std::fmt::Debug for LedgerEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerEntry")
            .field("sid", &self.sid)
            .field("to", &masked(&self.to))
            .field("direction", &self.direction)
            .field("status", &self.status)
            .field("error_code", &self.error_code)
            .field("attempt_from_callback", &self.attempt_from_callback)
            .finish_non_exhaustive()
    }
}

impl From<&Message> for LedgerEntry {
    fn from(m: &Message) -> Self {
        let attempt = m.callback.as_deref().and_then(last_segment);
        Self {
            sid: m.sid.clone(),
            to: m.to.clone(),
            from: m.from.clone(),
            body: m.body.clone(),
            direction: m.direction,
            status: m.status,
            error_code: m.error_code,
            created_at: m.created,
            status_callback: m.callback.clone(),
            attempt_from_callback: attempt,
            listed_at: m.listed,
            hidden_at: m.hidden,
        }
    }
}

/// A line of the file, as read.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum LedgerLine {
    /// A message was accepted.
    Message(Box<Message>),
    /// A message moved.
    Status(StatusLine),
    /// A message was redacted or deleted.
    Content(ContentLine),
    /// A phone call was accepted.
    Call(Box<VoiceCall>),
    /// A phone call moved, or something was said or pressed in it.
    CallStep(Box<CallLine>),
    /// A request that the real service would have taken without a word.
    Violation(Violation),
    /// The base was changed.
    Airtable(Box<Change>),
}

/// A line of the file, as written.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum LineRef<'a> {
    /// See [`LedgerLine::Message`].
    Message(&'a Message),
    /// See [`LedgerLine::Status`].
    Status(&'a StatusLine),
    /// See [`LedgerLine::Content`].
    Content(&'a ContentLine),
    /// See [`LedgerLine::Call`].
    Call(&'a VoiceCall),
    /// See [`LedgerLine::CallStep`].
    CallStep(&'a CallLine),
    /// See [`LedgerLine::Violation`].
    Violation(&'a Violation),
    /// See [`LedgerLine::Airtable`].
    Airtable(&'a Change),
}

/// How much of a message the API shows from then on.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContentLine {
    /// Which message.
    pub(super) sid: String,
    /// So much.
    pub(super) content: Content,
    pub(super) at: Timestamp,
}

/// A message's step.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusLine {
    /// Which message.
    pub(super) sid: String,
    /// Where it is now.
    pub(super) status: Status,
    /// The sender, where a messaging service has just chosen one.
    pub(super) from: Option<String>,
    pub(super) at: Timestamp,
}

/// A request that is wrong in a way that the real service hides.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Violation {
    /// When it came.
    pub(super) at: Timestamp,
    /// What was asked, without its parameters.
    pub(super) request: String,
    /// What is wrong with it.
    pub(super) problem: String,
}

/// The open file; locked against a second sandbox.
pub(super) struct LedgerFile {
    file: Option<File>,
    len: u64,
}

impl LedgerFile {
    /// Opens (or makes) the file, locks it and reads it whole.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<LedgerLine>), SandboxError> {
        let failed = |source| SandboxError::Ledger { path: path.to_owned(), source };
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        if let Err(e) = file.try_lock() {
            return Err(match e {
                std::fs::TryLockError::WouldBlock => SandboxError::LedgerInUse { path: path.to_owned() },
                std::fs::TryLockError::Error(source) => failed(source),
            });
        }
        let (lines, len) = read(&file, path)?;
        file.set_len(len).map_err(failed)?;
        file.seek(SeekFrom::Start(len)).map_err(failed)?;
        Ok((Self { file: Some(file), len }, lines))
    }

    /// Writes one line; when that fails nothing of it stays.
    pub(super) fn append(&mut self, line: &LineRef<'_>) -> std::io::Result<()> {
        let Some(file) = self.file.as_mut() else { return Err(std::io::Error::other("the ledger is closed")) };
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        match file.write_all(&text) {
            Ok(()) => {
                self.len = self.len.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
                Ok(())
            }
            Err(e) => {
                file.set_len(self.len)?;
                file.seek(SeekFrom::Start(self.len))?;
                Err(e)
            }
        }
    }

    /// No further line can be written; the lock is free.
    pub(super) fn close(&mut self) {
        self.file = None;
    }
}

/// All whole lines, and how many bytes they take.
fn read(file: &File, path: &Path) -> Result<(Vec<LedgerLine>, u64), SandboxError> {
    let (mut lines, mut len, mut raw) = (Vec::new(), 0u64, Vec::new());
    let mut reader = BufReader::new(file);
    loop {
        raw.clear();
        let n = reader
            .read_until(b'\n', &mut raw)
            .map_err(|source| SandboxError::Ledger { path: path.to_owned(), source })?;
        if n == 0 || raw.last() != Some(&b'\n') {
            return Ok((lines, len));
        }
        let damaged = |_| SandboxError::LedgerDamaged { path: PathBuf::from(path), line: lines.len() + 1 };
        lines.push(serde_json::from_slice(&raw).map_err(damaged)?);
        len = len.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
    }
}
