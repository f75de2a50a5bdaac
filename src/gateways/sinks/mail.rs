//! Mail to each of several readers, by the shop's relay: one mail a reader and message, the mails of one alert in one thread.
//!
//! The id of a mail is the message's, so that one that comes twice is one to most programs. Whoever has it already is left out
//! of the next try, as long as this process lives.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::words::{self, TextFormat};
use crate::domain::mail::{MailAddress, escaped};
use crate::gateways::{AlertMessage, AlertSink, Mail, MailError, MailGateway, SinkError};

const SUBJECT_MAX: usize = 120;
const LINE_MAX: usize = 2_000;

/// Mails alerts.
pub struct MailSink {
    relay: Arc<dyn MailGateway>,
    to: Vec<MailAddress>,
    mode: &'static str,
    /// The message of the last try, and who has it.
    taken: Mutex<(String, BTreeSet<MailAddress>)>,
}

impl MailSink {
    /// A sink; `mode`: `live` or `test`.
    pub fn new(relay: Arc<dyn MailGateway>, to: Vec<MailAddress>, mode: &'static str) -> Self {
        Self { relay, to, mode, taken: Mutex::default() }
    }

    fn has(&self, id: &str, to: &MailAddress) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.0 == id && taken.1.contains(to)
    }

    fn keep(&self, id: &str, to: &MailAddress) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.0 != id {
            *taken = (id.to_owned(), BTreeSet::new());
        }
        taken.1.insert(to.clone());
    }

    fn mail(&self, message: &AlertMessage, to: &MailAddress) -> Mail {
        let plain = |text: &str| TextFormat::Plain.escape(text);
        let lines: Vec<String> = self.lines(message).iter().map(|line| plain(line)).collect();
        let paragraphs: String = lines.iter().map(|line| format!("<p>{}</p>\n", escaped(line))).collect();
        let number = self.to.iter().position(|t| t == to).unwrap_or_default();
        Mail {
            id: format!("{}.{number}", message.id),
            to: to.clone(),
            from_name: Some("dispatchctl".to_owned()),
            subject: plain(&message.title(self.mode, SUBJECT_MAX)),
            text: lines.join("\n\n"),
            html: format!("<!DOCTYPE html>\n<html><body>\n{paragraphs}</body></html>\n"),
            thread: message.only().map(|n| {
                let about = format!("{} {}", n.key, n.raised_at.as_millis());
                let hash: String = Sha256::digest(about).iter().take(16).map(|b| format!("{b:02x}")).collect();
                format!("thread_{hash}")
            }),
        }
    }

    fn lines(&self, message: &AlertMessage) -> Vec<String> {
        let mut lines = vec![message.line(self.mode, LINE_MAX)];
        if message.only().is_none() {
            lines.extend(message.notices.iter().map(|n| {
                let reference = n.reference.as_ref().map(|r| format!("{r}: ")).unwrap_or_default();
                format!("{reference}{}", words::said(n))
            }));
        }
        lines.push(format!("Alert {}, severity {}.", message.key(), message.severity()));
        lines
    }
}

#[async_trait]
impl AlertSink for MailSink {
    async fn deliver(&self, message: &AlertMessage) -> Result<String, SinkError> {
        let (mut said, mut failed) = (String::new(), Vec::new());
        let (mut surely, mut for_good) = (true, false);
        for to in self.to.iter().filter(|to| !self.has(&message.id, to)) {
            match self.relay.submit(&self.mail(message, to)).await {
                Ok(words) => {
                    self.keep(&message.id, to);
                    said = words;
                }
                Err(e) => {
                    surely &= !matches!(e, MailError::Unknown { .. });
                    for_good |= matches!(e, MailError::Refused { .. });
                    let no_relay = matches!(e, MailError::NotSent { .. });
                    failed.push(format!("{to}: {e}"));
                    if no_relay {
                        // It is away for the others as well.
                        break;
                    }
                }
            }
        }
        if failed.is_empty() {
            return Ok(said);
        }
        // Who has it knows of the alert.
        let surely = surely && self.to.iter().all(|to| !self.has(&message.id, to));
        Err(SinkError { why: failed.join("; "), surely, for_good, retry_after: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::sinks::webhook::sample;
    use crate::testing::relay::{Relayed, ScriptedRelay};

    fn sink(relay: &Arc<ScriptedRelay>) -> MailSink {
        let to = ["owner@example.com", "office@example.com"].map(|a| a.parse().expect("an address"));
        MailSink::new(relay.clone(), to.to_vec(), "live")
    }

    #[tokio::test]
    async fn the_mails_of_one_alert_are_one_thread_and_say_what_to_do() {
        let relay = Arc::new(ScriptedRelay::default());
        let sink = sink(&relay);
        let mut message = sample();
        assert_eq!(sink.deliver(&message).await, Ok("250 queued".to_owned()));
        message.id = "alert_8".into();
        message.notices[0].resolved_at = Some(message.at);
        sink.deliver(&message).await.expect("taken");
        let taken = relay.taken();
        assert_eq!(
            taken.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(),
            ["alert_7.0", "alert_7.1", "alert_8.0", "alert_8.1"]
        );
        assert!(taken.iter().all(|m| m.thread.is_some() && m.thread == taken[0].thread));
        assert_eq!(taken[0].subject, "ALERT: 7K3Q A contact takes no texts of ours");
        assert!(taken[2].subject.starts_with("over: 7K3Q"), "{}", taken[2].subject);
        assert!(taken[0].text.contains("see `dispatchctl status test_123`") && !taken[0].text.contains("5550101"));
    }

    #[tokio::test]
    async fn who_has_a_mail_does_not_get_it_again_when_the_other_failed() {
        for (failure, surely) in [
            (Relayed::Later, false),
            (Relayed::LosesTheAnswer, false),
            (Relayed::Refuses(crate::gateways::MailRefusal::Recipient), false),
        ] {
            let relay = Arc::new(ScriptedRelay::default());
            let sink = sink(&relay);
            relay.script(&[Relayed::Takes, failure]);
            let error = sink.deliver(&sample()).await.expect_err("one has it not");
            assert_eq!(error.surely, surely, "{failure:?}: {error:?}");
            assert!(!error.why.contains("office@example.com"), "{error:?}");
            sink.deliver(&sample()).await.expect("now");
            let to: Vec<String> = relay.taken().iter().map(|m| m.to.as_str().to_owned()).collect();
            let first = to.iter().filter(|to| *to == "owner@example.com").count();
            assert_eq!(first, 1, "{failure:?}: {to:?}");
        }
    }

    #[tokio::test]
    async fn a_relay_that_is_away_is_asked_once_and_surely_took_nothing() {
        let relay = Arc::new(ScriptedRelay::default());
        relay.otherwise(Relayed::Away);
        let error = sink(&relay).deliver(&sample()).await.expect_err("away");
        assert!(error.surely && error.why.contains("refused"), "{error:?}");
        assert_eq!(relay.asked(), 1);
    }
}
