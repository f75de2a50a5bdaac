//! The peer in front, where one is asked for: it takes the connections at the sandbox's address, hands each request to the
//! server behind it, and corrupts bytes by the faults of the wire, which wiremock cannot.
//!
//! It knows of HTTP/1.1 only where a request and an answer end; it changes no byte that no fault names. An answer is read
//! whole before the first byte of it leaves, so that its cut is at the byte that was asked for. A request that was
//! forwarded is carried out, whatever becomes of its answer; one that was not (`forward: false`) never reached the service.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::armed::Subject;
use super::faults::{Fault, FaultKind};
use super::state::Shared;
use crate::clock::Clock as _;
use crate::domain::Timestamp;

/// How many connections are served at once; others wait.
const CONNECTIONS_MAX: usize = 2_048;
const HEAD_MAX: usize = 64 * 1024;
/// The longest message, either way.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;
/// Garbage has at most so many bytes.
const NOISE_MAX: u64 = 1024 * 1024;

/// Serves on `listener` until the sandbox's runtime ends.
///
/// # Errors
/// The listener cannot be used by the runtime.
pub(super) fn start(listener: std::net::TcpListener, behind: SocketAddr, shared: &Arc<Shared>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let _inside = shared.runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    let own = shared.clone();
    shared.runtime.spawn(async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let shared = own.clone();
                    own.runtime.spawn(async move {
                        // A connection that breaks is no news here: breaking them is the trade.
                        let _ = Box::pin(serve(stream, behind, &shared)).await;
                        drop(place);
                    });
                }
                // Too many open files, say: it may pass.
                Err(_) => own.pause(Duration::from_millis(10)).await,
            }
        }
    });
    Ok(())
}

/// One side of a conversation and what it said that was not used yet.
struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
}

/// Where a message ends, and what it is about.
struct Head {
    len: usize,
    /// Method and path of a request; version and status of an answer.
    first: String,
    second: String,
    body: Body,
    closes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
    UntilClose,
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Peer {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Hears some more; 0 where the other side has ended.
    async fn receive(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.received).await
    }

    /// The next head; `None` where the other side has ended.
    async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(at) = self.received.windows(4).position(|w| w == b"\r\n\r\n") {
                let len = at + 4;
                return parse(self.received.get(..len).unwrap_or(&[]), len).map(Some);
            }
            if self.received.len() > HEAD_MAX {
                return Err(broken("the head is too long"));
            }
            if self.receive().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The whole message that `head` begins.
    async fn message(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        loop {
            let rest = self.received.get(head.len..).unwrap_or(&[]);
            let body = match head.body {
                Body::Length(n) => (rest.len() >= n).then_some(n),
                Body::Chunked => chunked(rest)?,
                Body::UntilClose => None,
            };
            if let Some(body) = body {
                let after = self.received.split_off(head.len + body);
                return Ok(std::mem::replace(&mut self.received, after));
            }
            if self.received.len() > MESSAGE_MAX {
                return Err(broken("the message is too long"));
            }
            if self.receive().await? == 0 {
                return match head.body {
                    Body::UntilClose => Ok(std::mem::take(&mut self.received)),
                    _ => Err(broken("the message breaks off")),
                };
            }
        }
    }
}

fn parse(raw: &[u8], len: usize) -> io::Result<Head> {
    let text = std::str::from_utf8(raw).map_err(|_| broken("the head is not text"))?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or("").split(' ');
    let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let last = words.next().unwrap_or("");
    if first.is_empty() || second.is_empty() {
        return Err(broken("the first line is none"));
    }
    let is_answer = first.starts_with("HTTP/");
    let mut head = Head {
        len,
        first: first.to_owned(),
        second: second.to_owned(),
        body: if is_answer { Body::UntilClose } else { Body::Length(0) },
        closes: first == "HTTP/1.0" || last == "HTTP/1.0",
    };
    for (name, value) in lines.filter_map(|l| l.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && head.body != Body::Chunked {
            let n: usize = value.parse().map_err(|_| broken("the length is no number"))?;
            if n > MESSAGE_MAX {
                return Err(broken("the message is too long"));
            }
            head.body = Body::Length(n);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            head.body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            head.closes |= value.eq_ignore_ascii_case("close");
        }
    }
    if is_answer && (second.starts_with('1') || second == "204" || second == "304") {
        head.body = Body::Length(0);
    }
    Ok(head)
}

/// How long a chunked body is, once it is there.
fn chunked(raw: &[u8]) -> io::Result<Option<usize>> {
    let mut at = 0usize;
    let line_end =
        |from: usize| raw.get(from..).and_then(|r| r.windows(2).position(|w| w == b"\r\n")).map(|n| from + n);
    loop {
        let Some(end) = line_end(at) else { return Ok(None) };
        let line = raw.get(at..end).and_then(|l| std::str::from_utf8(l).ok()).unwrap_or("");
        let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)
            .ok()
            .filter(|n| *n <= MESSAGE_MAX)
            .ok_or_else(|| broken("a chunk without a size"))?;
        at = end + 2;
        if size > 0 {
            at += size + 2;
            continue;
        }
        // Trailers, if any, up to an empty line.
        loop {
            let Some(end) = line_end(at) else { return Ok(None) };
            let empty = end == at;
            at = end + 2;
            if empty {
                return Ok(Some(at));
            }
        }
    }
}

async fn serve(stream: TcpStream, behind: SocketAddr, shared: &Arc<Shared>) -> io::Result<()> {
    let mut client = Peer::new(stream)?;
    let mut server: Option<Peer> = None;
    // When a list was answered, until it is known that the answer was read.
    let mut list_answered: Option<Timestamp> = None;
    loop {
        let next = client.head().await;
        // A client that leaves with bytes unread resets the connection: its own time was up.
        if let (Err(_), Some(at)) = (&next, list_answered.take()) {
            shared.state().note_vain_list(at);
        }
        let Some(request) = next? else { return Ok(()) };
        let fault = wire_fault(shared, &request);
        if let Some((id, fault)) = &fault
            && fault.forward == Some(false)
        {
            note_end(shared, *id, fault, whole_of(&request));
            return unforwarded(shared, client, &request, fault).await;
        }
        let asked = client.message(&request).await?;
        let mut upstream = match server.take() {
            Some(kept) if is_open(&kept) => kept,
            _ => Peer::new(TcpStream::connect(behind).await?)?,
        };
        upstream.stream.write_all(&asked).await?;
        let Some((answer, answered)) = answer(&mut upstream, &request).await? else { return Ok(()) };
        if let Some((id, fault)) = &fault {
            note_end(shared, *id, fault, answered.len());
            return corrupted(shared, client, &answer, &answered, fault).await;
        }
        let answered_at = shared.clock.now();
        let is_gone = has_left(&mut client);
        let written = client.stream.write_all(&answered).await;
        list_answered = is_message_list(&request).then_some(answered_at);
        if let (true, Some(at)) = (is_gone || written.is_err(), list_answered) {
            shared.state().note_vain_list(at);
            list_answered = None;
        }
        written?;
        if request.closes || answer.closes || answer.body == Body::UntilClose {
            return client.stream.shutdown().await;
        }
        server = Some(upstream);
    }
}

fn is_message_list(request: &Head) -> bool {
    request.first == "GET" && request.second.contains("/Messages.json")
}

/// Whether a client has ended the connection; what it has said meanwhile is kept.
fn has_left(client: &mut Peer) -> bool {
    match client.stream.try_read_buf(&mut client.received) {
        Ok(n) => n == 0,
        Err(e) => e.kind() != io::ErrorKind::WouldBlock,
    }
}

/// The fault that hits this request, if one does.
fn wire_fault(shared: &Shared, request: &Head) -> Option<(u64, Fault)> {
    let path = request.second.as_str();
    let mut state = shared.state();
    if !state.faults.any_wire() || path.starts_with("/_sandbox/") {
        return None;
    }
    let subject = Subject { method: Some(&request.first), path: Some(path), ..Subject::default() };
    let hit = state.faults.hit_wire(subject, &shared.ids);
    if hit.is_some() && is_message_list(request) {
        state.note_vain_list(shared.clock.now());
    }
    hit
}

/// A fault that goes through a message byte by byte has hit the last one of it once `at` is its length.
fn note_end(shared: &Shared, id: u64, fault: &Fault, whole: usize) {
    if fault.step.is_some() && bytes(fault.at, 0) >= whole {
        shared.state().faults.swept(id);
    }
}

/// How long a request is in all, as far as its head says.
fn whole_of(request: &Head) -> usize {
    match request.body {
        Body::Length(n) => request.len.saturating_add(n),
        Body::Chunked | Body::UntilClose => usize::MAX,
    }
}

/// Whether a kept connection was not ended meanwhile.
fn is_open(peer: &Peer) -> bool {
    peer.received.is_empty()
        && matches!(peer.stream.try_read(&mut [0u8; 1]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
}

/// The final answer, whole; `None` where the server dropped the connection instead.
async fn answer(server: &mut Peer, request: &Head) -> io::Result<Option<(Head, Vec<u8>)>> {
    loop {
        let Some(mut head) = server.head().await? else { return Ok(None) };
        if request.first == "HEAD" {
            head.body = Body::Length(0);
        }
        let whole = server.message(&head).await?;
        if !head.second.starts_with('1') {
            return Ok(Some((head, whole)));
        }
    }
}

fn bytes(n: Option<u64>, default: u64) -> usize {
    usize::try_from(n.unwrap_or(default)).unwrap_or(usize::MAX)
}

/// Listens until the client has given up; what it says is nobody's.
async fn ignore(mut client: Peer) -> io::Result<()> {
    loop {
        client.received.clear();
        if client.receive().await? == 0 {
            return Ok(());
        }
    }
}

fn noise(shared: &Shared, fault: &Fault) -> Vec<u8> {
    let count = fault.at.unwrap_or(256).min(NOISE_MAX);
    (0..count).map(|_| u8::try_from(shared.ids.below(256)).unwrap_or(0)).collect()
}

/// A request that the service never sees.
async fn unforwarded(shared: &Shared, mut client: Peer, request: &Head, fault: &Fault) -> io::Result<()> {
    match fault.kind {
        FaultKind::HalfOpen => ignore(client).await,
        FaultKind::Garbage => {
            client.message(request).await?;
            client.stream.write_all(&noise(shared, fault)).await?;
            client.stream.shutdown().await
        }
        FaultKind::Reset => client.stream.set_zero_linger(),
        _ => {
            let upto = bytes(fault.at, 0).min(whole_of(request));
            while client.received.len() < upto && client.receive().await? > 0 {}
            Ok(())
        }
    }
}

/// The answer, with the fault in it; the connection ends with it.
async fn corrupted(shared: &Shared, mut client: Peer, head: &Head, answer: &[u8], fault: &Fault) -> io::Result<()> {
    match fault.kind {
        FaultKind::HalfOpen => return ignore(client).await,
        FaultKind::Reset => {
            let upto = bytes(fault.at, 0).min(answer.len());
            client.stream.write_all(answer.get(..upto).unwrap_or(answer)).await?;
            return client.stream.set_zero_linger();
        }
        FaultKind::Garbage => client.stream.write_all(&noise(shared, fault)).await?,
        FaultKind::Trickle => {
            let pause = Duration::from_millis(fault.delay_ms.unwrap_or(10));
            for piece in answer.chunks(bytes(fault.at, 1).max(1)) {
                client.stream.write_all(piece).await?;
                shared.pause(pause).await;
            }
        }
        FaultKind::WrongLength => {
            client.stream.write_all(&with_wrong_length(head, answer, fault.by.unwrap_or(10))).await?;
        }
        _ => {
            let upto = bytes(fault.at, 0).min(answer.len());
            client.stream.write_all(answer.get(..upto).unwrap_or(answer)).await?;
        }
    }
    client.stream.shutdown().await
}

fn with_wrong_length(head: &Head, answer: &[u8], by: i64) -> Vec<u8> {
    let (top, body) = answer.split_at_checked(head.len).unwrap_or((answer, &[]));
    let length = i64::try_from(body.len()).unwrap_or(i64::MAX).saturating_add(by).max(0);
    let top = String::from_utf8_lossy(top);
    let others = top.split("\r\n").filter(|l| !l.is_empty() && !l.to_ascii_lowercase().starts_with("content-length:"));
    let mut out: Vec<u8> = others.flat_map(|l| format!("{l}\r\n").into_bytes()).collect();
    out.extend(format!("content-length: {length}\r\n\r\n").into_bytes());
    out.extend(body);
    out
}
