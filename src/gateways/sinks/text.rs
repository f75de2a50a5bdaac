//! A sink that is told by texts of our own: how its messages read. The engine sends the texts, to `[alerts] owners`
//! (`engine/alert_texts.rs`).

use async_trait::async_trait;

use crate::gateways::{AlertMessage, AlertSink, SinkError, Taken};

use super::words::{issue, said};

/// About what one segment holds behind the reference and before what can be answered; more is cut.
const WORDS_MAX: usize = 110;

/// See the module.
pub struct TextSink;

impl TextSink {
    fn words(message: &AlertMessage) -> String {
        match message.only() {
            // What its caller said follows where there is room: the text is cut at its end.
            Some(one) => [Some(said_briefly(one)), issue(one)].into_iter().flatten().collect::<Vec<_>>().join("; "),
            None => message.happened(),
        }
    }
}

/// The text itself says whether it is over.
fn said_briefly(one: &crate::gateways::AlertNotice) -> String {
    if one.resolved_at.is_some() { one.message.clone() } else { said(one) }
}

#[async_trait]
impl AlertSink for TextSink {
    async fn deliver(&self, _message: &AlertMessage) -> Result<Taken, SinkError> {
        let why = "its texts are sent by the engine alone: is `dispatchctl serve` running?".to_owned();
        Err(SinkError { why, surely: true, for_good: false, retry_after: None })
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        message.holds("live", |line| line.chars().count() <= WORDS_MAX)
    }

    fn words_for_text(&self, message: &AlertMessage) -> Option<String> {
        Some(Self::words(message))
    }

    fn is_text(&self) -> bool {
        true
    }
}
