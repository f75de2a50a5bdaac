//! The relay over real sockets: each stage that a conversation can break at, and what that means.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use url::Url;

use super::smtp::SmtpRelay;
use super::{AttachedTable, Mail, MailError, MailGateway as _, MailRefusal};

/// What the peer answers: to nothing, EHLO, MAIL, RCPT, DATA, and to the end of the mail. Empty: it hangs up instead.
const WELL: [&str; 6] = ["220 hi", "250 here", "250 ok", "250 ok", "354 go", "250 queued as 7"];

/// Plays one conversation; what was written to it.
async fn peer(answers: [&'static str; 6]) -> (Url, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = BufReader::new(stream);
        let mut heard = String::new();
        for (stage, answer) in answers.into_iter().enumerate() {
            if stage > 0 {
                let end = if stage == 5 { "\r\n.\r\n" } else { "\r\n" };
                let from = heard.len();
                while !heard[from..].ends_with(end) {
                    if stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
                        return heard;
                    }
                }
            }
            if answer.is_empty() {
                return heard;
            }
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.expect("written");
        }
        let _ = stream.read_to_string(&mut heard).await;
        heard
    });
    (Url::parse(&url).expect("a URL"), task)
}

fn mail() -> Mail {
    Mail {
        id: "att_7".to_owned(),
        to: "sam@example.com".parse().expect("an address"),
        from_name: None,
        subject: "7K3Q-1 Acmé: no heat".to_owned(),
        text: "Issue: no heat\n.\nCaller: Jo".to_owned(),
        html: "<p>no heat</p>".to_owned(),
        thread: Some("thread_7".to_owned()),
        attached: None,
    }
}

async fn sent(answers: [&'static str; 6]) -> (Result<String, MailError>, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, task) = peer(answers).await;
    let relay = SmtpRelay::new(&url, "dispatch@example.com".parse().expect("an address")).expect("a relay");
    let said = relay.submit(&mail()).await;
    (said, task.await.expect("played"))
}

#[tokio::test]
async fn a_mail_that_is_taken_says_who_sent_it_once_and_in_both_forms() {
    let (said, heard) = sent(WELL).await;
    assert!(said.as_ref().is_ok_and(|words| words.contains("queued as 7")), "{said:?}");
    for part in [
        "MAIL FROM:<dispatch@example.com>",
        "RCPT TO:<sam@example.com>",
        "Message-ID: <att_7@example.com>",
        "References: <thread_7@example.com>",
        "In-Reply-To: <thread_7@example.com>",
        "Auto-Submitted: auto-generated",
        "text/plain",
        "text/html",
    ] {
        assert!(heard.contains(part), "{part}: {heard}");
    }
}

#[tokio::test]
async fn each_stage_means_what_it_means() {
    use MailRefusal as R;
    for (label, stage, answer, want) in [
        ("hangs up at once", 0, "", "not sent"),
        ("busy", 0, "421 later", "not sent"),
        ("hangs up at EHLO", 1, "", "not sent"),
        ("our address is refused", 2, "550 who are you", "relay"),
        ("our address later", 2, "451 later", "later"),
        ("the relay goes away", 2, "421 shutting down", "not sent"),
        ("no such reader", 3, "550 no such user", "recipient"),
        ("greylisted", 3, "450 later", "later"),
        ("his mailbox is full", 3, "452 4.2.2 full", "later"),
        ("goes away at the reader", 3, "421 too busy", "not sent"),
        ("wants to know us first", 3, "530 authenticate", "relay"),
        ("does not believe us", 3, "535 no", "relay"),
        ("wants it kept from others", 3, "538 encrypt", "relay"),
        ("relays nothing of ours", 3, "550 5.7.1 relaying denied", "relay"),
        ("no such reader, in full", 3, "550 5.1.1 no such user", "recipient"),
        ("no data", 4, "554 no", "content"),
        ("hangs up before the mail", 4, "", "not sent"),
        ("refused after the mail", 5, "554 spam", "content"),
        ("later after the mail", 5, "452 full", "later"),
        ("goes away after the mail", 5, "421 bye", "not sent"),
        ("the answer is lost", 5, "", "unknown"),
    ] {
        let mut answers = WELL;
        answers[stage] = answer;
        let (said, _) = sent(answers).await;
        let got = match said.expect_err(label) {
            MailError::NotSent { .. } | MailError::NotTheEngine => "not sent",
            MailError::Later { .. } => "later",
            MailError::Unknown { .. } => "unknown",
            MailError::Refused { whose: R::Recipient, .. } => "recipient",
            MailError::Refused { whose: R::Content, .. } => "content",
            MailError::Refused { whose: R::Relay, .. } => "relay",
        };
        assert_eq!(got, want, "{label}");
    }
    let gone = Url::parse("smtp://127.0.0.1:1").expect("a URL");
    let relay = SmtpRelay::new(&gone, "d@example.com".parse().expect("an address")).expect("a relay");
    assert!(matches!(relay.submit(&mail()).await, Err(MailError::NotSent { .. })));
}

#[test]
fn a_relay_elsewhere_is_reached_over_tls_alone() {
    let make = |url: &str| {
        let url = Url::parse(url).expect("a URL");
        SmtpRelay::new(&url, "d@example.com".parse().expect("an address")).map(drop)
    };
    for ok in
        ["smtps://u:p%40ss@mail.example.com", "smtp://mail.example.com:587", "smtp://127.0.0.1:25", "smtp://[::1]:25"]
    {
        assert_eq!(make(ok), Ok(()), "{ok}");
    }
    for bad in ["smtp://mail.example.com?tls=none", "https://mail.example.com"] {
        assert!(make(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_mail_whose_permit_ends_before_its_last_word_is_not_handed_over() {
    use crate::clock::{Clock as _, Permit, SystemClock};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, task) = peer(WELL).await;
    let permit = Permit::until(SystemClock.boot());
    let relay =
        SmtpRelay::new(&url, "dispatch@example.com".parse().expect("an address")).expect("a relay").within(permit);
    let said = relay.submit(&mail()).await;
    assert!(matches!(said, Err(MailError::NotTheEngine)), "{said:?}");
    let heard = task.await.expect("played");
    assert!(heard.contains("DATA") && !heard.contains("no heat"), "{heard}");
}

#[tokio::test]
async fn a_table_is_attached_behind_both_forms_of_the_text() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, task) = peer(WELL).await;
    let relay = SmtpRelay::new(&url, "dispatch@example.com".parse().expect("an address")).expect("a relay");
    let table =
        AttachedTable { name: "report-2026-W48.csv".to_owned(), csv: "call,issue\r\nc1,no heat\r\n".to_owned() };
    relay.submit(&Mail { attached: Some(table), ..mail() }).await.expect("taken");
    let heard = task.await.expect("played");
    let at = |what: &str| heard.find(what).unwrap_or_else(|| panic!("{what} in {heard}"));
    let in_order =
        ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv", "c1,no heat"].map(at);
    assert!(in_order.is_sorted(), "{heard}");
    assert!(heard.contains("filename=\"report-2026-W48.csv\""), "{heard}");
}

#[tokio::test]
async fn no_control_character_of_a_text_reaches_the_relay() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, task) = peer(WELL).await;
    let relay = SmtpRelay::new(&url, "dispatch@example.com".parse().expect("an address")).expect("a relay");
    let odd = "one\r.\rtwo\0three\r\nfour\tfive";
    let table = AttachedTable { name: "calls.csv".to_owned(), csv: odd.to_owned() };
    let message = Mail { text: odd.to_owned(), html: odd.to_owned(), attached: Some(table), ..mail() };
    relay.submit(&message).await.expect("taken");
    let heard = task.await.expect("played");
    assert_eq!(heard.matches("one . two three\r\nfour\tfive").count(), 3, "{heard}");
    assert!(!heard.replace("\r\n", "").contains(['\r', '\n', '\0']), "{heard:?}");
}
