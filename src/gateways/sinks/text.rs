//! A sink that is told by texts of our own: how its messages read. The engine sends the texts, to `[alerts] owners`
//! (`engine/alert_texts.rs`).

use async_trait::async_trait;

use crate::gateways::{AlertMessage, AlertNotice, AlertSink, SinkError, Taken};

use super::words::issue;
use crate::domain::alert_text::names_held;

/// See the module.
pub struct TextSink;

#[async_trait]
impl AlertSink for TextSink {
    async fn deliver(&self, _message: &AlertMessage) -> Result<Taken, SinkError> {
        let why = "its texts are sent by the engine alone: is `dispatchctl serve` running?".to_owned();
        Err(SinkError { why, surely: true, for_good: false, retry_after: None })
    }

    fn holds(&self, message: &AlertMessage) -> usize {
        let names: Vec<String> = message.notices.iter().map(name).collect();
        let title = message.notices.first().map(|n| n.key.kind().title()).unwrap_or_default();
        names_held(title, &names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn is_text(&self) -> bool {
        true
    }
}

/// What is said of one alert; what its caller said follows where there is room: the text is cut at its end. The text itself says
/// whether it is over.
pub fn words(one: &AlertNotice) -> String {
    [Some(one.message.clone()), issue(one)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// As an alert is named beside others: by what its reader can answer with.
pub fn name(one: &AlertNotice) -> String {
    let by_call = || one.call.as_ref().map(ToString::to_string);
    one.reference.as_ref().map(ToString::to_string).or_else(by_call).unwrap_or_else(|| one.key.masked())
}
