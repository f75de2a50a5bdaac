//! A relay of mails that does what a script says and keeps what it took.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::gateways::{Mail, MailError, MailGateway, MailRefusal};

/// What the relay does with one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relayed {
    Takes,
    /// No connection.
    Away,
    /// Asks for this mail later.
    Later,
    Refuses(MailRefusal),
    /// Takes it; the answer is lost.
    LosesTheAnswer,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ScriptedRelay {
    script: Mutex<(VecDeque<Relayed>, Option<Relayed>)>,
    taken: Mutex<Vec<Mail>>,
    asked: Mutex<usize>,
}

impl ScriptedRelay {
    /// The next mails, one each; then `otherwise`.
    pub(crate) fn script(&self, next: &[Relayed]) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).0.extend(next);
    }

    pub(crate) fn otherwise(&self, then: Relayed) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(then);
    }

    /// What it took.
    pub(crate) fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MailGateway for ScriptedRelay {
    async fn submit(&self, mail: &Mail) -> Result<String, MailError> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let reaction = {
            let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
            script.0.pop_front().or(script.1).unwrap_or(Relayed::Takes)
        };
        let take = || self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
        match reaction {
            Relayed::Takes => {
                take();
                Ok("250 queued".to_owned())
            }
            Relayed::Away => Err(MailError::NotSent { why: "connection refused".to_owned() }),
            Relayed::Later => Err(MailError::Later { why: "450 mailbox busy".to_owned() }),
            Relayed::Refuses(whose) => Err(MailError::Refused { whose, why: "550 no".to_owned() }),
            Relayed::LosesTheAnswer => {
                take();
                Err(MailError::Unknown { why: "no answer came".to_owned() })
            }
        }
    }

    async fn check(&self) -> Result<(), MailError> {
        Ok(())
    }
}
