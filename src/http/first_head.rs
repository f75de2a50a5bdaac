//! The head of a connection's first request, before anything is built to answer it: a peer that sends none, or half of one, holds
//! a few hundred bytes until its time is over, not the buffers of a request.

use std::io;

use tokio::net::TcpStream;

/// What one read takes at most.
const READ_MAX: usize = 4 * 1024;

/// Reads to the end of a head, to `most` bytes, or to what is no request, which is refused at once. What was read, with what came behind the head, is in `read` whenever this is
/// dropped. `false`: the peer has closed, and sent nothing.
///
/// # Errors
/// Those of the connection.
pub(super) async fn read_to(stream: &TcpStream, read: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    loop {
        stream.readable().await?;
        match read_some(stream, read) {
            // Whatever it has sent is judged as it is.
            Ok(0) => return Ok(!read.is_empty()),
            Ok(_) if read.len() >= most || has_end(read) || !may_be_request(read) => return Ok(true),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// Apart, so that no waiting task holds the array.
fn read_some(stream: &TcpStream, read: &mut Vec<u8>) -> io::Result<usize> {
    let mut some = [0; READ_MAX];
    let n = stream.try_read(&mut some)?;
    read.reserve_exact(n);
    read.extend(some.iter().take(n));
    if read.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        // Blank lines before a request say nothing.
        read.clear();
    }
    Ok(n)
}

/// What has begun: without blank lines before it, which say nothing.
fn begun(read: &[u8]) -> &[u8] {
    let from = read.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(read.len());
    read.get(from..).unwrap_or_default()
}

/// Whether this can go on as a request: a word, and a whole first line names the protocol.
fn may_be_request(read: &[u8]) -> bool {
    let begun = begun(read);
    let word = begun.split(|b| *b == b' ').next().unwrap_or_default();
    let is_word = word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match begun.iter().position(|b| *b == b'\n') {
        Some(end) => is_word && begun.get(..end).is_some_and(|line| line.windows(7).any(|w| w == b"HTTP/1.")),
        None => is_word,
    }
}

/// Whether an empty line ends what began: after a line feed, with or without a carriage return, as the reader of heads takes it.
fn has_end(read: &[u8]) -> bool {
    let head = begun(read);
    head.windows(2).any(|w| w == b"\n\n") || head.windows(3).any(|w| w == b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    #[test]
    fn a_head_ends_with_an_empty_line_behind_something() {
        for (read, want) in [
            ("", false),
            ("\r\n\r\n", false),
            ("GET / HTTP/1.1\r\n", false),
            ("GET / HTTP/1.1\r\nA: b\r\n\r", false),
            ("GET / HTTP/1.1\r\nA: b\r\n\r\n", true),
            ("\r\n\r\nGET / HTTP/1.1\r\n", false),
            ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\n\n", true),
            ("GET / HTTP/1.1\r\n\r\nbody", true),
        ] {
            assert_eq!(has_end(read.as_bytes()), want, "{read:?}");
        }
    }

    #[test]
    fn what_cannot_become_a_request_is_not_waited_for() {
        for (read, want) in [
            ("", true),
            ("\r\nGE", true),
            ("GET /livez HT", true),
            ("POST /x HTTP/1.1\r\nA", true),
            ("M-SEARCH * HTTP/1.0\r\n", true),
            ("\u{16}\u{3}\u{1}\u{2}", false),
            ("{\"a\": 1}", false),
            ("hello\r\n", false),
            ("GET /\r\n", false),
            ("PRI * HTTP/2.0\r\n", false),
        ] {
            assert_eq!(may_be_request(read.as_bytes()), want, "{read:?}");
        }
    }

    #[tokio::test]
    async fn it_waits_for_the_end_and_keeps_what_is_behind_it_and_what_was_read_before_it_was_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let at = listener.local_addr().expect("an address");
        let mut peer = TcpStream::connect(at).await.expect("connected");
        let (stream, _) = listener.accept().await.expect("accepted");
        let mut read = Vec::new();
        peer.write_all(b"\r\nGET / HTTP/1.1\r\n").await.expect("sent");
        while read.is_empty() {
            tokio::select! {
                biased;
                done = read_to(&stream, &mut read, 1_000) => panic!("half a head: {done:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        peer.write_all(b"A: b\r\n\r\nbody").await.expect("sent");
        assert!(read_to(&stream, &mut read, 1_000).await.expect("read"));
        assert_eq!(read, b"\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nbody");

        let mut read = Vec::new();
        peer.write_all(&[b'a'; 1_500]).await.expect("sent");
        assert!(read_to(&stream, &mut read, 1_000).await.expect("read"), "too long a head is not waited for");
        while read.len() < 1_500 {
            read_to(&stream, &mut read, 1_500).await.expect("read");
        }
        drop(peer);
        assert!(!read_to(&stream, &mut Vec::new(), 1_000).await.expect("read"), "it is gone");
    }
}
