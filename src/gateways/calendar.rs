//! A calendar of another system: one GET of a URL that is a secret, or a file.
//!
//! An answer that is not 2xx, too large, too late or half is no calendar, and what was read before stays. One reading ends in time,
//! redirects included; of a file system that does not answer one reading is left behind, and the next begins once that has ended. A redirect is followed
//! within the host that was configured, encrypted, three times at most: nobody else decides which machine this one asks. What is
//! said of a failure holds no URL.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH, LOCATION};
use reqwest::{Client, StatusCode};
use rustix::fs::OFlags;
use tokio::sync::Semaphore;
use url::Url;

use super::exchange::{self, Failure, exchange};
use crate::domain::ical::BYTES_MAX;

/// The longest that one reading takes, redirects included.
const TIMEOUT: Duration = Duration::from_secs(10);
const LATE: &str = "no answer in time";
/// The most redirects.
const REDIRECTS_MAX: usize = 3;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is what it was.
    Same,
    /// Whatever it is: the body says so, not its type.
    Text {
        bytes: Vec<u8>,
        /// What names this version to whoever gave it.
        etag: Option<String>,
    },
}

/// Where a calendar comes from.
#[async_trait]
pub trait CalendarSource: Send + Sync {
    /// Reads it. `etag`: that of the version that is here. Safe to cancel.
    ///
    /// # Errors
    /// Why it could not be read, for people; it holds no URL.
    async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, String>;
}

/// A calendar behind a URL.
pub struct CalendarUrl {
    client: Client,
    url: Url,
    timeout: Duration,
}

impl CalendarUrl {
    /// Connects to nothing.
    ///
    /// # Errors
    /// Why no client can be made.
    pub fn new(url: Url) -> Result<Self, String> {
        Self::within(url, TIMEOUT)
    }

    fn within(url: Url, timeout: Duration) -> Result<Self, String> {
        let clients = exchange::clients(&url, timeout / 2, timeout).map_err(|e| e.without_url().to_string())?;
        Ok(Self { client: clients.writes, url, timeout })
    }
}

#[async_trait]
impl CalendarSource for CalendarUrl {
    async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, String> {
        let read = tokio::time::timeout(self.timeout, self.read(etag)).await;
        read.unwrap_or_else(|_| Err(LATE.to_owned()))
    }
}

impl CalendarUrl {
    async fn read(&self, etag: Option<&str>) -> Result<Fetched, String> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            // Some answer with a web page to whoever names no program; every client of ours does.
            let mut request = self.client.get(url.clone()).header(ACCEPT, "text/calendar, */*;q=0.1");
            if let Some(etag) = etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            let answer = exchange(request, BYTES_MAX).await.map_err(said)?;
            let header = |name| answer.headers.get(name).and_then(|v| v.to_str().ok());
            match answer.status {
                StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Fetched::Same),
                status if status.is_success() => {
                    return Ok(Fetched::Text { etag: header(ETAG).map(str::to_owned), bytes: answer.body });
                }
                status if status.is_redirection() => {
                    let to = header(LOCATION).and_then(|to| url.join(to).ok());
                    url = self.followed(to.ok_or_else(|| format!("it answered HTTP {}", status.as_u16()))?)?;
                }
                status => return Err(format!("it answered HTTP {}", status.as_u16())),
            }
        }
        Err(format!("it sent us on more than {REDIRECTS_MAX} times"))
    }

    /// The same host and port by the same scheme, or nowhere.
    fn followed(&self, to: Url) -> Result<Url, String> {
        if to.origin() == self.url.origin() {
            return Ok(to);
        }
        let place = to.host_str().unwrap_or("nowhere");
        Err(format!("it sends us on to {place}, which is not followed: configure the address that it has there"))
    }
}

fn said(failure: Failure) -> String {
    match failure {
        Failure::Before(why) | Failure::After(why) => why,
        Failure::TooLong(_) => "it is larger than 5 MiB".to_owned(),
    }
}

/// A calendar in a file of this machine.
pub struct CalendarFile {
    path: PathBuf,
    timeout: Duration,
    /// One reading at a time: a file system that does not answer keeps a thread, and no second one.
    turn: Arc<Semaphore>,
}

impl CalendarFile {
    /// Reads nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, timeout: TIMEOUT, turn: Arc::new(Semaphore::new(1)) }
    }
}

#[async_trait]
impl CalendarSource for CalendarFile {
    async fn fetch(&self, _: Option<&str>) -> Result<Fetched, String> {
        let Ok(turn) = self.turn.clone().try_acquire_owned() else {
            return Err("the reading before has not ended: the file system does not answer".to_owned());
        };
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = contents(&path);
            drop(turn);
            read
        });
        match tokio::time::timeout(self.timeout, read).await {
            Ok(Ok(Ok(bytes))) if bytes.len() > BYTES_MAX => Err("it is larger than 5 MiB".to_owned()),
            Ok(Ok(Ok(bytes))) => Ok(Fetched::Text { bytes, etag: None }),
            Ok(Ok(Err(e))) => Err(e.to_string()),
            Ok(Err(_)) => Err("it was not read: this process ends".to_owned()),
            Err(_) => Err(LATE.to_owned()),
        }
    }
}

/// What stands in a regular file, and a byte more than may. A pipe is opened without waiting for whoever writes, and not read.
fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, header_exists, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn server() -> MockServer {
        let _ = rustls::crypto::ring::default_provider().install_default();
        MockServer::start().await
    }

    fn source(server: &MockServer, at: &str) -> CalendarUrl {
        let url = format!("{}/secret/{at}", server.uri()).parse().expect("url");
        CalendarUrl::within(url, Duration::from_millis(1_500)).expect("a client")
    }

    fn at(p: &str) -> wiremock::MockBuilder {
        Mock::given(method("GET")).and(path(format!("/secret/{p}")))
    }

    #[tokio::test]
    async fn it_is_read_by_name_and_not_twice_where_it_is_the_same() {
        let server = server().await;
        let version = ResponseTemplate::new(200).set_body_string("BEGIN:VCALENDAR").insert_header("etag", "\"1\"");
        at("ics").and(header("if-none-match", "\"1\"")).respond_with(ResponseTemplate::new(304)).mount(&server).await;
        at("ics").and(header_exists("user-agent")).respond_with(version).mount(&server).await;
        let source = source(&server, "ics");
        let first = source.fetch(None).await;
        let etag = Some("\"1\"".to_owned());
        assert_eq!(first, Ok(Fetched::Text { bytes: b"BEGIN:VCALENDAR".to_vec(), etag }));
        assert_eq!(source.fetch(Some("\"1\"")).await, Ok(Fetched::Same));
        assert!(matches!(source.fetch(Some("\"0\"")).await, Ok(Fetched::Text { .. })));
    }

    #[tokio::test]
    async fn what_is_no_whole_answer_is_said_without_the_url() {
        let server = server().await;
        for status in [304, 400, 401, 403, 404, 429, 500, 503] {
            at(&status.to_string()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
            let why = source(&server, &status.to_string()).fetch(None).await.expect_err("no calendar");
            assert_eq!(why, format!("it answered HTTP {status}"));
        }
        let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
        at("late").respond_with(late).mount(&server).await;
        let large = ResponseTemplate::new(200).set_body_bytes(vec![b' '; BYTES_MAX + 1]);
        at("large").respond_with(large).mount(&server).await;
        for (place, want) in [("late", "no answer in time"), ("large", "larger than 5 MiB")] {
            let why = source(&server, place).fetch(None).await.expect_err("no calendar");
            assert!(why.contains(want) && !why.contains("secret"), "{place}: {why}");
        }
        let dead = CalendarUrl::new("http://127.0.0.1:9/secret/ics".parse().expect("url")).expect("a client");
        let why = dead.fetch(None).await.expect_err("nobody listens");
        assert!(why.contains("no connection") && !why.contains("secret"), "{why}");
    }

    #[tokio::test]
    async fn it_is_followed_within_its_host_alone() {
        let (server, elsewhere) = (server().await, server().await);
        let to = |place: &str| ResponseTemplate::new(302).insert_header("location", place);
        at("moved").respond_with(to("/secret/here")).mount(&server).await;
        at("here").respond_with(ResponseTemplate::new(200).set_body_string("here")).mount(&server).await;
        at("away").respond_with(to(&format!("{}/secret/here", elsewhere.uri()))).mount(&server).await;
        at("round").respond_with(to("/secret/round")).expect(4).mount(&server).await;
        at("nowhere").respond_with(ResponseTemplate::new(302)).mount(&server).await;
        Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&elsewhere).await;
        let text = Fetched::Text { bytes: b"here".to_vec(), etag: None };
        assert_eq!(source(&server, "moved").fetch(None).await, Ok(text));
        for (place, want) in [("away", "not followed"), ("round", "more than 3 times"), ("nowhere", "HTTP 302")] {
            let why = source(&server, place).fetch(None).await.expect_err("no calendar");
            assert!(why.contains(want) && !why.contains("secret"), "{place}: {why}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_and_what_is_none_is_said() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("night.ics");
        std::fs::write(&file, "BEGIN:VCALENDAR").expect("written");
        let text = Fetched::Text { bytes: b"BEGIN:VCALENDAR".to_vec(), etag: None };
        assert_eq!(CalendarFile::new(file.clone()).fetch(None).await, Ok(text));
        assert!(CalendarFile::new(dir.path().join("none.ics")).fetch(None).await.is_err());
        assert_eq!(CalendarFile::new(dir.path().to_path_buf()).fetch(None).await, Err("it is no file".into()));
        std::fs::write(&file, vec![b' '; BYTES_MAX + 1]).expect("written");
        assert_eq!(CalendarFile::new(file).fetch(None).await, Err("it is larger than 5 MiB".into()));
    }

    #[tokio::test]
    async fn a_pipe_that_nobody_writes_to_is_no_file_and_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().expect("a folder");
        let pipe = dir.path().join("night.ics");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let file = CalendarFile::new(pipe);
        for _ in 0..3 {
            assert_eq!(file.fetch(None).await, Err("it is no file".into()));
        }
    }

    #[tokio::test]
    async fn of_a_file_system_that_hangs_one_reading_waits_and_no_second_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("night.ics");
        std::fs::write(&path, "BEGIN:VCALENDAR").expect("written");
        let file = CalendarFile::new(path);
        let hangs = file.turn.clone().try_acquire_owned().expect("free");
        let why = file.fetch(None).await.expect_err("one is under way");
        assert!(why.contains("has not ended"), "{why}");
        drop(hangs);
        assert!(file.fetch(None).await.is_ok());
    }

    #[tokio::test]
    async fn a_reading_with_redirects_ends_in_the_time_of_one() {
        let server = server().await;
        for n in 0..3 {
            let to = ResponseTemplate::new(302)
                .insert_header("location", format!("/secret/{}", n + 1))
                .set_delay(Duration::from_millis(700));
            at(&n.to_string()).respond_with(to).mount(&server).await;
        }
        at("3").respond_with(ResponseTemplate::new(200).set_body_string("late")).mount(&server).await;
        assert_eq!(source(&server, "0").fetch(None).await, Err(LATE.to_owned()));
    }
}
