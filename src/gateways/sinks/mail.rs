//! Mail to each of several readers, by the shop's relay: one mail a reader and message, the mails of one alert in one thread.
//!
//! The id of a mail is the message's, so that one that comes twice is one to most programs. Whoever has it already is left out
//! of the next try, as long as this process lives and remembers the message. An address that is refused for good is said so and
//! holds up nothing where another reader has the mail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use super::words::{self, TextFormat};
use crate::domain::mail::{MailAddress, escaped};
use crate::gateways::{AlertMessage, AlertSink, Mail, MailError, MailGateway, MailRefusal, SinkError, Taken};

const SUBJECT_MAX: usize = 120;
const LINE_MAX: usize = 2_000;
/// Messages of which it is remembered who needs them no more: those that were tried last.
const REMEMBERED: usize = 64;

/// Why a reader needs no further try of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Settled {
    Has,
    /// The relay refused it for this reader, in these words; another reader has it.
    Refused(String),
}

/// One message, and who needs it no more.
struct Tried {
    id: String,
    readers: BTreeMap<MailAddress, Settled>,
}

/// Mails alerts.
pub struct MailSink {
    relay: Arc<dyn MailGateway>,
    to: Vec<MailAddress>,
    mode: &'static str,
    /// The message that was tried last comes last.
    tried: Mutex<VecDeque<Tried>>,
}

impl MailSink {
    /// A sink; `mode`: `live` or `test`.
    pub fn new(relay: Arc<dyn MailGateway>, to: Vec<MailAddress>, mode: &'static str) -> Self {
        Self { relay, to, mode, tried: Mutex::default() }
    }

    fn settled(&self, id: &str, to: &MailAddress) -> Option<Settled> {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.iter().find(|t| t.id == id).and_then(|t| t.readers.get(to)).cloned()
    }

    fn has(&self, id: &str, to: &MailAddress) -> bool {
        self.settled(id, to) == Some(Settled::Has)
    }

    fn settle(&self, id: &str, to: &MailAddress, how: Settled) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tried.iter().position(|t| t.id == id).and_then(|at| tried.remove(at));
        let mut of = known.unwrap_or_else(|| Tried { id: id.to_owned(), readers: BTreeMap::new() });
        of.readers.insert(to.clone(), how);
        tried.push_back(of);
        if tried.len() > REMEMBERED {
            tried.pop_front();
        }
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
            attached: None,
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

/// Whether the relay refused a mail for its reader or for what it says; `took`: it took the same mail for another just now, so that
/// a refusal of us is one of this reader too.
fn is_of_the_reader(whose: MailRefusal, took: bool) -> bool {
    match whose {
        MailRefusal::Recipient | MailRefusal::Content => true,
        MailRefusal::Relay => took,
    }
}

#[async_trait]
impl AlertSink for MailSink {
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError> {
        let mut said: Option<String> = None;
        let mut failed: Vec<(&MailAddress, MailError)> = Vec::new();
        for to in self.to.iter().filter(|to| self.settled(&message.id, to).is_none()) {
            match self.relay.submit(&self.mail(message, to)).await {
                Ok(words) => {
                    self.settle(&message.id, to, Settled::Has);
                    said = Some(words);
                }
                Err(e) => {
                    let no_relay = matches!(e, MailError::NotSent { .. });
                    failed.push((to, e));
                    if no_relay {
                        // It is away for the others as well.
                        break;
                    }
                }
            }
        }
        let is_known = self.to.iter().any(|to| self.has(&message.id, to));
        if is_known {
            failed.retain(|(to, e)| {
                let MailError::Refused { whose, why } = e else { return true };
                let settled = is_of_the_reader(*whose, said.is_some());
                if settled {
                    warn!(reader = %to, why, "an alert is refused for one reader of a mail sink; another has it");
                    self.settle(&message.id, to, Settled::Refused(why.clone()));
                }
                !settled
            });
        }
        if failed.is_empty() {
            let refused = self.to.iter().filter_map(|to| match self.settled(&message.id, to) {
                Some(Settled::Refused(why)) => Some(format!("not to {to}: {why}")),
                Some(Settled::Has) | None => None,
            });
            return Ok(said.into_iter().chain(refused).collect::<Vec<_>>().join("; ").into());
        }
        // Who has it knows of the alert.
        let surely = !is_known && failed.iter().all(|(_, e)| !matches!(e, MailError::Unknown { .. }));
        let for_good = failed.iter().all(|(_, e)| matches!(e, MailError::Refused { .. }));
        let why = failed.iter().map(|(to, e)| format!("{to}: {e}")).collect::<Vec<_>>().join("; ");
        Err(SinkError { why, surely, for_good, retry_after: None })
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
        assert_eq!(sink.deliver(&message).await, Ok("250 queued".to_owned().into()));
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
        for (failure, surely) in [(Relayed::Later, false), (Relayed::LosesTheAnswer, false)] {
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

    #[tokio::test]
    async fn an_address_that_is_refused_for_good_is_said_and_rings_nobody_again() {
        let refuses = |whose| Relayed::Refuses(whose);
        for (script, label) in [
            ([Relayed::Takes, refuses(MailRefusal::Recipient)], "behind"),
            ([refuses(MailRefusal::Recipient), Relayed::Takes], "before"),
            ([refuses(MailRefusal::Relay), Relayed::Takes], "by a policy of its own"),
            ([Relayed::Takes, refuses(MailRefusal::Content)], "for its words"),
        ] {
            let relay = Arc::new(ScriptedRelay::default());
            let sink = sink(&relay);
            relay.script(&script);
            let said = sink.deliver(&sample()).await.expect(label).said;
            assert!(said.starts_with("250 queued; not to o") && said.ends_with(": 550 no"), "{label}: {said}");
            assert!(!said.contains("owner@") && !said.contains("office@"), "{said}");
            sink.deliver(&sample()).await.expect("the same once more, where that could not be recorded");
            assert_eq!((relay.asked(), relay.taken().len()), (2, 1), "{label}");
        }
        let relay = Arc::new(ScriptedRelay::default());
        let sink = sink(&relay);
        relay.script(&[refuses(MailRefusal::Recipient), refuses(MailRefusal::Recipient), Relayed::Takes]);
        let error = sink.deliver(&sample()).await.expect_err("nobody has it");
        assert!(error.surely && error.for_good, "{error:?}");
        sink.deliver(&sample()).await.expect("an address that is put right is asked again");
        assert_eq!((relay.asked(), relay.taken().len()), (4, 2));
    }

    #[tokio::test]
    async fn who_has_a_mail_is_remembered_while_others_are_tried_and_not_for_ever() {
        let relay = Arc::new(ScriptedRelay::default());
        let sink = sink(&relay);
        let numbered = |n: usize| AlertMessage { id: format!("alert_{n}"), ..sample() };
        relay.script(&[Relayed::Takes, Relayed::Later]);
        sink.deliver(&numbered(0)).await.expect_err("one has it not");
        for n in 1..REMEMBERED {
            sink.deliver(&numbered(n)).await.expect("taken");
        }
        sink.deliver(&numbered(0)).await.expect("now");
        let of_the_first = |n: &str| relay.taken().iter().filter(|m| m.id == n).count();
        assert_eq!((of_the_first("alert_0.0"), of_the_first("alert_0.1")), (1, 1));
        for n in REMEMBERED..3 * REMEMBERED {
            sink.deliver(&numbered(n)).await.expect("taken");
        }
        assert_eq!(sink.tried.lock().expect("lock").len(), REMEMBERED);
    }
}
