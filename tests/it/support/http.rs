//! A small HTTP client of the tests' own: one request a connection, nothing shared with the code under test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The longest that one request may take; an engine may be stopped meanwhile for a minute.
const TIMEOUT: Duration = Duration::from_secs(90);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// Its JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// One request; an error where the connection was refused or ended before its answer.
pub(crate) fn request(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> std::io::Result<Answer> {
    let body = body.as_ref();
    let mut peer = TcpStream::connect_timeout(&at, TIMEOUT)?;
    peer.set_read_timeout(Some(TIMEOUT))?;
    peer.set_nodelay(true)?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    // A body that is too long is refused before its end: the answer is there, although the rest cannot be written.
    let cut =
        |e: &std::io::Error| matches!(e.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset);
    let written = peer.write_all(&[text.as_bytes(), body].concat());
    let mut raw = Vec::new();
    match (written, peer.read_to_end(&mut raw)) {
        (Err(e), _) if !cut(&e) => return Err(e),
        (_, Err(e)) if !cut(&e) || raw.is_empty() => return Err(e),
        _ => {}
    }
    parse(&raw).ok_or_else(|| std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "no whole answer"))
}

/// With a JSON body, or none.
pub(crate) fn json(at: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Answer> {
    let text = body.map(Value::to_string).unwrap_or_default();
    let headers: &[(&str, &str)] = if body.is_some() { &[("Content-Type", "application/json")] } else { &[] };
    request(at, method, path, headers, &text)
}

/// The answer, if it came whole.
fn parse(raw: &[u8]) -> Option<Answer> {
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(raw.get(..end)?).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let value = |name: &str| {
        head.lines().skip(1).find_map(|l| {
            let (n, v) = l.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim().to_owned())
        })
    };
    let rest = raw.get(end + 4..)?;
    let body = match value("content-length") {
        Some(length) => rest.get(..length.parse::<usize>().ok()?)?.to_vec(),
        None if value("transfer-encoding").is_some() => unchunked(rest)?,
        None => rest.to_vec(),
    };
    Some(Answer { status, body: String::from_utf8(body).ok()? })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..line)?).ok()?.trim(), 16).ok()?;
        rest = rest.get(line + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
