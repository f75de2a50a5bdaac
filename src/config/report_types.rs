//! What `[report]` gives to the engine.

use jiff::civil::Time;

use crate::domain::mail::MailAddress;

/// The morning's list by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyList {
    /// When it is mailed, by the clock of the shop.
    pub at: Time,
    /// At least one.
    pub to: Vec<MailAddress>,
}
