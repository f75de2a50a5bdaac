//! Alert sinks, as the rest of the program sees them.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::secret_url::{MASK, SecretUrl};
use crate::domain::alert::{Severity, SinkTarget};
use crate::domain::mail::MailAddress;

/// A secret of a sink: a reload asks whether it has changed. Never shown.
#[derive(Clone)]
pub struct SinkSecret(pub(super) SecretString);

impl SinkSecret {
    /// The secret itself: for the request, never for a log.
    pub fn expose(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for SinkSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for SinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Whose documents a webhook writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFormat {
    /// As Slack reads it, and what takes its documents.
    Slack,
    Plain,
    Teams,
    Discord,
    PagerDuty,
}

impl SinkFormat {
    pub(super) const ALL: [Self; 5] = [Self::Slack, Self::Plain, Self::Teams, Self::Discord, Self::PagerDuty];

    /// As the configuration writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Plain => "plain",
            Self::Teams => "teams",
            Self::Discord => "discord",
            Self::PagerDuty => "pagerduty",
        }
    }
}

/// A sink that is told by texts of our own, as the configuration writes it.
pub(super) const TEXT: &str = "sms";

/// How and where a sink is told.
#[derive(Debug, Clone, PartialEq)]
pub enum SinkPlace {
    /// A POST to this URL, a secret in itself.
    Webhook {
        url: SecretUrl,
        format: SinkFormat,
        /// What signs, the newest first; none: it is not signed.
        signs: Vec<SinkSecret>,
        /// PagerDuty's routing key.
        token: Option<SinkSecret>,
    },
    /// A topic: the last part of this URL, a secret in itself.
    Ntfy { url: SecretUrl, token: Option<SinkSecret> },
    /// A user or group of Pushover, whom a page rings until somebody acknowledges it.
    Pushover {
        url: SecretUrl,
        token: SinkSecret,
        user: SinkSecret,
        /// The pause between two rings.
        retry: Duration,
        /// It rings no longer.
        expire: Duration,
    },
    /// A program and its arguments.
    Command(Vec<String>),
    /// By `[smtp]`, which stands here so that a change of it changes the sink.
    Mail { to: Vec<MailAddress>, relay: SecretUrl, from: MailAddress },
    /// Texts of our own, to [`crate::domain::team::Directory::alert_owners`].
    Text,
}

impl SinkPlace {
    /// Whether it can wake somebody, and not by the provider of texts: a mail wakes nobody.
    pub fn wakes(&self) -> bool {
        match self {
            Self::Webhook { .. } | Self::Ntfy { .. } | Self::Pushover { .. } | Self::Command(_) => true,
            Self::Mail { .. } | Self::Text => false,
        }
    }

    /// Its secrets and addresses, for comparing alone.
    pub fn compared(&self) -> String {
        let text = |s: &SinkSecret| s.0.expose_secret().to_owned();
        match self {
            Self::Webhook { url, signs, token, .. } => {
                let secrets: Vec<String> = signs.iter().chain(token).map(text).collect();
                format!("{} {}", url.expose(), secrets.join(" "))
            }
            Self::Ntfy { url, token } => format!("{} {}", url.expose(), token.iter().map(text).collect::<String>()),
            Self::Pushover { url, token, user, .. } => format!("{} {} {}", url.expose(), text(token), text(user)),
            Self::Command(command) => command.join(" "),
            // The relay is compared by itself.
            Self::Mail { .. } | Self::Text => String::new(),
        }
    }
}

/// Where alerts go.
#[derive(Debug, Clone, PartialEq)]
pub struct Sink {
    /// What it goes by, unique among the sinks.
    pub name: String,
    /// The least that it is told of.
    pub min: Severity,
    /// The sink that it stands in for, and is used only while that fails.
    pub fallback_for: Option<String>,
    /// How often it is told again of what must wake somebody and nobody has seen.
    pub repeat: Option<Duration>,
    pub place: SinkPlace,
}

/// When a person is alarmed.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// So many failed attempts in a row. At least 1.
    pub consecutive_failures: u32,
    /// A follow-up fired later than this.
    pub late_follow_up: Duration,
    /// In test mode those alone that are told by text.
    pub sinks: Vec<Sink>,
}

impl Alerts {
    /// The sinks as the store makes rows for them.
    pub fn targets(&self) -> Vec<SinkTarget> {
        self.sinks.iter().map(|s| SinkTarget { name: s.name.clone(), min: s.min }).collect()
    }
}
