//! Mails about a call: one conversation with the relay, and what became of it.

use std::time::Duration;

use crate::domain::attempt::Attempt;
use crate::domain::codes::ErrorClass;
use crate::domain::event::SendOutcome;
use crate::domain::mail::{self, MailAddress};
use crate::domain::{Class, Timestamp};
use crate::gateways::{Mail, MailError, MailRefusal};

use super::Engine;
use super::submit::not_within_the_term;

/// A relay that could not be reached so often for one mail is taken to be away: its breaker opens.
const RELAY_TRIES: u32 = 4;

/// What became of one mail. `again_at`: when one that surely was not sent is tried again, given how long the relay asks to wait.
pub(super) async fn submit(
    engine: &Engine,
    a: &Attempt,
    to: &MailAddress,
    again_at: impl Fn(Duration) -> Timestamp,
) -> SendOutcome {
    let of_class =
        |class, why| SendOutcome::Refused { code: None, error_class: ErrorClass { class, special: None }, why };
    let Some(relay) = engine.mail() else {
        return of_class(Class::Sender, "no mail relay is configured here (smtp.url)".to_owned());
    };
    let (subject, text) = mail::parts(&a.body);
    let message = Mail {
        id: a.id.to_string(),
        to: to.clone(),
        from_name: None,
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: mail::html(&a.body),
        thread: None,
        attached: None,
    };
    match relay.submit(&message).await {
        Ok(said) => SendOutcome::Relayed { said },
        Err(MailError::Refused { whose: MailRefusal::Relay, why }) => of_class(Class::Sender, why),
        Err(MailError::Refused { why, .. }) => of_class(Class::PairOrContent, why),
        Err(MailError::NotTheEngine) => not_within_the_term(engine.core.clock.now()),
        Err(MailError::NotSent { why }) if a.tries >= RELAY_TRIES => of_class(Class::Sender, why),
        // One reader's mailbox: it says nothing of the relay.
        Err(MailError::Later { why }) if a.tries >= RELAY_TRIES => of_class(Class::Transient, why),
        Err(MailError::NotSent { why } | MailError::Later { why }) => {
            SendOutcome::NotSent { why, again_at: again_at(Duration::ZERO) }
        }
        Err(MailError::Unknown { why }) => SendOutcome::Unknown { why },
    }
}
