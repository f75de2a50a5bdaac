//! The sinks of alerts of this process, made from its configuration.

use std::sync::Arc;

use crate::config::{self, SinkFormat, SinkPlace, SinkSecret};
use crate::engine::sink::Sink;
use crate::gateways::AlertSink;
use crate::gateways::sinks::command::CommandSink;
use crate::gateways::sinks::mail::MailSink;
use crate::gateways::sinks::ntfy::NtfySink;
use crate::gateways::sinks::pushover::{PushoverSink, PushoverUser, Ringing};
use crate::gateways::sinks::text::TextSink;
use crate::gateways::sinks::webhook::{WebhookFormat, WebhookSink};
use crate::gateways::smtp::SmtpRelay;

use super::app::App;
use super::exit::ExitStatus;
use super::report::CliError;

impl App {
    /// Where an engine of this process delivers alerts.
    ///
    /// # Errors
    /// Exit 2: which sink cannot be used, and why.
    pub(crate) fn sinks(&self) -> Result<Vec<Arc<Sink>>, CliError> {
        let made = self.config.alerts.sinks.iter().map(|sink| {
            let gateway = self.sink_gateway(&sink.place).map_err(|why| {
                CliError::new(ExitStatus::Usage, format!("the alert sink {} cannot be used", sink.name)).cause(why)
            })?;
            let mut made = Sink::new(sink.name.clone(), sink.fallback_for.clone(), gateway);
            (made.repeat, made.wakes) = (sink.repeat, sink.place.wakes());
            Ok(Arc::new(made))
        });
        made.collect()
    }

    fn sink_gateway(&self, place: &SinkPlace) -> Result<Arc<dyn AlertSink>, String> {
        let mode = self.config.mode.as_str();
        match place {
            SinkPlace::Webhook { url, format, signs, token } => {
                let format = match format {
                    SinkFormat::Slack => WebhookFormat::Slack,
                    SinkFormat::Plain => WebhookFormat::Plain,
                    SinkFormat::Teams => WebhookFormat::Teams,
                    SinkFormat::Discord => WebhookFormat::Discord,
                    SinkFormat::PagerDuty => {
                        let token = token.as_ref().ok_or("it has no routing key")?;
                        WebhookFormat::PagerDuty(token.expose().clone())
                    }
                };
                let keys = signs.iter().map(SinkSecret::expose).filter_map(config::key_of).collect();
                Ok(Arc::new(WebhookSink::new(url.expose().clone(), format, keys, mode)?))
            }
            SinkPlace::Ntfy { url, token } => {
                let token = token.as_ref().map(|t| t.expose().clone());
                Ok(Arc::new(NtfySink::new(url.expose(), token, mode)?))
            }
            SinkPlace::Pushover { url, token, user, retry, expire } => {
                let who = PushoverUser { token: token.expose().clone(), user: user.expose().clone() };
                let ringing = Ringing { retry: *retry, expire: *expire };
                Ok(Arc::new(PushoverSink::new(url.expose(), who, ringing, mode)?))
            }
            SinkPlace::Mail { to, relay, from } => {
                let relay = SmtpRelay::new(relay.expose(), from.clone())?;
                Ok(Arc::new(MailSink::new(Arc::new(relay), to.clone(), mode)))
            }
            SinkPlace::Command(command) => Ok(Arc::new(CommandSink::new(command, mode)?)),
            SinkPlace::Text => Ok(Arc::new(TextSink)),
        }
    }
}
