//! A mail relay over SMTP: one conversation a mail, in stages, so that a failure says what it means.
//!
//! Before the end of the mail was sent nothing can have been accepted; a reply to it with 4xx or 5xx says so too. Without a reply
//! to it nobody knows, and no relay can be asked afterwards. Facts: RFC 5321 §4.2, §4.5.3.2, §6.1.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::domain::mail::{MailAddress, is_this_machine};

use super::permit::LEFT_MIN;
use super::{MAIL_MAX, Mail, MailError, MailGateway, MailRefusal};
use crate::clock::Permit;

/// To connect and greet.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The whole conversation.
const WHOLE_MAX: Duration = MAIL_MAX;
/// A relay's words are quoted so far.
const QUOTED_MAX: usize = 120;

/// How the connection is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// From the start (`smtps`, 465).
    Wrapped,
    /// By STARTTLS, or not at all (`smtp`, 587).
    Required,
    /// None: on this machine alone.
    None,
}

/// The shop's relay.
pub struct SmtpRelay {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    from: MailAddress,
    permit: Permit,
}

impl SmtpRelay {
    /// Of `smtps://user:password@host`, or `smtp://…` with STARTTLS; a relay on this machine may go without.
    ///
    /// # Errors
    /// What is wrong, without the URL.
    pub fn new(url: &Url, from: MailAddress) -> Result<Self, String> {
        let host = url.host_str().ok_or("names no host")?.trim_matches(['[', ']']).to_owned();
        let here = is_this_machine(&host);
        let plain = url.query_pairs().any(|(k, v)| k == "tls" && v == "none");
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapped, 465),
            "smtp" if here && (plain || url.query().is_none()) => (Tls::None, 25),
            "smtp" if plain => return Err("is without TLS, which only a relay on this machine may be".to_owned()),
            "smtp" => (Tls::Required, 587),
            _ => return Err("is neither smtps:// nor smtp://".to_owned()),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty())
            .then(|| Credentials::new(decoded(url.username()), decoded(url.password().unwrap_or_default())));
        Ok(Self { host, port: url.port().unwrap_or(port), tls, credentials, from, permit: Permit::endless() })
    }

    /// No mail is handed over after this permit has ended.
    #[must_use]
    pub fn within(self, permit: Permit) -> Self {
        Self { permit, ..self }
    }

    async fn connected(&self) -> Result<AsyncSmtpConnection, MailError> {
        let hello = ClientId::Domain(self.from.domain().to_owned());
        let parameters = || TlsParameters::new(self.host.clone()).map_err(|e| away("TLS cannot be set up", &e));
        let wrapped = if self.tls == Tls::Wrapped { Some(parameters()?) } else { None };
        let at = (self.host.as_str(), self.port);
        let mut relay = AsyncSmtpConnection::connect_tokio1(at, Some(CONNECT_MAX), &hello, wrapped, None)
            .await
            .map_err(|e| away("it cannot be reached", &e))?;
        if self.tls == Tls::Required {
            relay.starttls(parameters()?, &hello).await.map_err(|e| away("it speaks no TLS that holds", &e))?;
        }
        if let Some(credentials) = &self.credentials {
            let ways = [Mechanism::Plain, Mechanism::Login];
            relay.auth(&ways, credentials).await.map_err(|e| of_the_relay("our password", &e))?;
        }
        Ok(relay)
    }

    pub(super) fn message(&self, mail: &Mail) -> Result<(Address, Address, Vec<u8>), MailError> {
        let bad =
            |what: &str| MailError::Refused { whose: MailRefusal::Content, why: format!("{what} cannot be written") };
        let address = |a: &MailAddress| a.as_str().parse::<Address>().map_err(|_| bad("an address"));
        let (from, to) = (address(&self.from)?, address(&mail.to)?);
        let mut message = Message::builder();
        if let Some(thread) = &mail.thread {
            let root = format!("<{thread}@{}>", self.from.domain());
            message = message.in_reply_to(root.clone()).references(root);
        }
        let message = message
            .from(Mailbox::new(mail.from_name.clone(), from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .subject(mail.subject.clone())
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.domain())))
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(parts(mail).ok_or_else(|| bad("what is attached"))?)
            .map_err(|_| bad("the mail"))?;
        Ok((from, to, message.formatted()))
    }

    /// `ended`: set once the end of the mail may have been sent.
    async fn converse(&self, mail: &Mail, ended: &AtomicBool) -> Result<String, MailError> {
        let (from, to, bytes) = self.message(mail)?;
        let mut relay = self.connected().await?;
        let relay_says = |e: &SmtpError| answered("our address", e, MailRefusal::Relay);
        relay.command(MailCommand::new(Some(from), Vec::new())).await.map_err(|e| relay_says(&e))?;
        let to = relay.command(Rcpt::new(to, Vec::new())).await;
        to.map_err(|e| answered("the reader's address", &e, MailRefusal::Recipient))?;
        relay.command(Data).await.map_err(|e| answered("the mail", &e, MailRefusal::Content))?;
        if !self.permit.lasts(LEFT_MIN) {
            // Of a mail that is not ended the relay keeps nothing (RFC 5321 §4.1.1.4).
            return Err(MailError::NotTheEngine);
        }
        ended.store(true, Ordering::Relaxed);
        let said = relay.message(&bytes).await.map_err(|e| match e.status() {
            Some(_) => answered("the mail", &e, MailRefusal::Content),
            None => MailError::Unknown { why: format!("no answer came to the mail: {}", chain(&e)) },
        })?;
        let said = said.first_line().map(quoted).unwrap_or_default();
        // It is done: how the relay says goodbye changes nothing, and is not waited for.
        drop(relay);
        Ok(said)
    }
}

#[async_trait]
impl MailGateway for SmtpRelay {
    async fn submit(&self, mail: &Mail) -> Result<String, MailError> {
        let ended = AtomicBool::new(false);
        match tokio::time::timeout(WHOLE_MAX, self.converse(mail, &ended)).await {
            Ok(done) => done,
            Err(_) if ended.load(Ordering::Relaxed) => {
                Err(MailError::Unknown { why: format!("no answer came to the mail in {} s", WHOLE_MAX.as_secs()) })
            }
            Err(_) => Err(MailError::NotSent { why: format!("the relay did not answer in {} s", WHOLE_MAX.as_secs()) }),
        }
    }

    async fn check(&self) -> Result<(), MailError> {
        let mut relay = match tokio::time::timeout(WHOLE_MAX, self.connected()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(MailError::NotSent { why: "the relay did not answer".to_owned() }),
        };
        relay.abort().await;
        Ok(())
    }
}

/// Both forms of the text, and what is attached behind them.
fn parts(mail: &Mail) -> Option<MultiPart> {
    let text = MultiPart::alternative_plain_html(lines(&mail.text), lines(&mail.html));
    let Some(table) = &mail.attached else { return Some(text) };
    let kind = ContentType::parse("text/csv; charset=utf-8").ok()?;
    let file = Attachment::new(table.name.clone()).body(lines(&table.csv), kind);
    Some(MultiPart::mixed().multipart(text).singlepart(file))
}

/// Without control characters but the ends of lines: a relay may take a bare one for the end of a line, or of the mail.
fn lines(text: &str) -> String {
    let plain = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c };
    text.replace("\r\n", "\n").chars().map(plain).collect()
}

/// Surely not sent: the conversation did not come so far.
fn away(what: &str, e: &SmtpError) -> MailError {
    match e.status() {
        Some(_) => of_the_relay("the conversation", e),
        None => MailError::NotSent { why: format!("{what}: {}", chain(e)) },
    }
}

/// By the relay's code: 5xx is for good, everything else may pass. What asks us to prove who we are, and a policy against us that
/// is said of the reader, are the relay's; of the mail itself a 4xx says nothing of the relay, but 421, by which it goes away.
/// Facts: RFC 5321 §3.8, RFC 4954 §6, RFC 3463 §3.8.
fn answered(what: &str, e: &SmtpError, whose: MailRefusal) -> MailError {
    let why = format!("the relay refused {what}: {}", chain(e));
    let code = e.status().map(u16::from);
    let enhanced = std::error::Error::source(e).map(ToString::to_string).unwrap_or_default();
    let of_policy = whose == MailRefusal::Recipient && enhanced.trim_start().starts_with("5.7.");
    let of_relay = matches!(code, Some(530 | 535 | 538)) || of_policy;
    let whose = if of_relay { MailRefusal::Relay } else { whose };
    if e.is_permanent() || (whose == MailRefusal::Relay && e.is_client()) {
        MailError::Refused { whose, why }
    } else if code.is_none_or(|c| c == 421) {
        MailError::NotSent { why }
    } else {
        MailError::Later { why }
    }
}

/// Before any mail is spoken of, whatever may pass is the relay's.
fn of_the_relay(what: &str, e: &SmtpError) -> MailError {
    match answered(what, e, MailRefusal::Relay) {
        MailError::Later { why } => MailError::NotSent { why },
        other => other,
    }
}

/// Its causes in one line; a relay may quote the reader's address, which is left out.
fn chain(e: &SmtpError) -> String {
    let mut words = vec![e.to_string()];
    let mut at = std::error::Error::source(e);
    while let Some(cause) = at {
        words.push(cause.to_string());
        at = cause.source();
    }
    quoted(&words.join(": "))
}

fn quoted(text: &str) -> String {
    let words = text.split_whitespace().map(|w| if w.contains('@') { "(address)" } else { w });
    words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(QUOTED_MAX).collect()
}
