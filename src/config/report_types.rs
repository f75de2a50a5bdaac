//! What `[report]` gives to the engine.

use jiff::civil::Time;

use crate::domain::mail::MailAddress;
use crate::domain::time_report::WeekEnd;

/// What is mailed, by the clock of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailedReports {
    /// When the list of the night is.
    pub daily: Option<Time>,
    /// When the figures of the week are.
    pub weekly: Option<WeekEnd>,
    /// At least one.
    pub to: Vec<MailAddress>,
    /// Where the office's page is, for a link to it.
    pub board: Option<String>,
}
