//! The shop's base in Airtable, as the rest of the program sees it: checked once, trusted afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::airtable_words::AirtableValues;

/// When the mirror is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorPace {
    /// At once.
    Realtime,
    /// Gathered, and written this often.
    Batched(Duration),
}

/// What is read back from the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Every dispatch event.
    All,
    /// Each call's first attempt.
    First,
    /// Nothing.
    None,
}

/// Airtable's limit: requests a second and base.
pub const AIRTABLE_RATE_MAX: f64 = 5.0;

/// The shop's records.
#[derive(Debug, Clone)]
pub struct Airtable {
    /// A personal access token.
    pub token: SecretString,
    /// `app` and 14 letters or digits.
    pub base_id: String,
    /// Without credentials, https unless it is this machine.
    pub base_url: Url,
    /// Over 0, at most [`AIRTABLE_RATE_MAX`]; more in TEST MODE, where the base is the sandbox's.
    pub requests_per_second: f64,
    /// When it is written.
    pub mirror: MirrorPace,
    /// What is read back.
    pub verify: Verify,
    /// How often DISPATCHING calls that another system made are looked for; `None`: never.
    pub adopt_every: Option<Duration>,
    /// The tables' names.
    pub tables: AirtableTables,
    /// The field names of the events table.
    pub events: EventFields,
    /// The field names of the calls table.
    pub calls: CallFields,
    /// The field names of the contacts table.
    pub contacts: ContactFields,
    /// The field names of the businesses table.
    pub businesses: BusinessFields,
    /// The words of fields.
    pub values: AirtableValues,
    /// Fields of which nobody is alerted where they are not there: `events.message_sid`.
    pub may_lack: BTreeSet<String>,
}

/// The names of the base's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AirtableTables {
    /// Dispatch events, one row an attempt.
    pub events: String,
    pub calls: String,
    /// Where contacts are read from, if they are.
    pub contacts: Option<String>,
    /// Where lines are read from, if they are.
    pub businesses: Option<String>,
    /// Where exceptions to who is on call are read from, if they are.
    pub overrides: Option<String>,
}

macro_rules! field_names {
    ($(#[$doc:meta])* $name:ident { $($field:ident = $default:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = concat!("Default: `", $default, "`.")] pub $field: String,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default.to_owned(),)+ }
            }
        }

        impl $name {
            /// Our names and the base's, in the order of the documentation; without those that the base has none of.
            pub fn pairs(&self) -> Vec<(&'static str, &str)> {
                let all = [$((stringify!($field), self.$field.as_str()),)+];
                all.into_iter().filter(|(_, name)| !name.is_empty()).collect()
            }

            /// Also those that the base has none of, which are empty.
            pub fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($field), self.$field.as_str()),)+]
            }

            /// The same, to be changed.
            pub fn pairs_mut(&mut self) -> Vec<(&'static str, &mut String)> {
                vec![$((stringify!($field), &mut self.$field),)+]
            }
        }
    };
}

field_names! {
    /// The base's names for the fields of a dispatch event.
    EventFields {
        event_id = "Event ID",
        call_id = "Call ID",
        method = "Method",
        sent_at = "Sent At",
        delivery_status = "Delivery Status",
        attempt_number = "Attempt Number",
        result = "Result",
        message_sid = "Message SID",
        error_code = "Error Code",
        to = "To",
        contact = "Contact",
        reference = "Reference",
        step = "Step",
        round = "Round",
        call = "",
        acknowledged = "",
    }
}

field_names! {
    /// The base's names for the fields of a call.
    CallFields {
        call_id = "Call ID",
        status = "Status",
        caller_phone = "Caller Phone",
        emergency_level = "Emergency Level",
        issue_summary = "Issue Summary",
        caller_name = "Caller Name",
        address = "Address",
        twilio_to_number = "Twilio To Number",
        on_call_contact = "On-Call Contact",
        reference = "Reference",
        accepted_at = "Accepted At",
        next_follow_up_at = "Next Follow-Up At",
        business = "",
    }
}

field_names! {
    /// The base's names for the fields of a contact. `active` may be empty: then every contact is.
    ContactFields {
        name = "Name",
        phone = "Phone",
        role = "Role",
        active = "Active",
        business = "",
        priority = "",
        backup = "",
        trade = "",
        availability = "",
        start_time = "",
        end_time = "",
        email = "",
    }
}

field_names! {
    /// The base's names for the fields of a business. A link to one finds it by the first three.
    BusinessFields {
        name = "Business Name",
        numbers = "Twilio DID",
        phone = "Primary Phone",
        time_zone = "",
        trade = "",
        keywords = "",
        active = "",
    }
}

/// How our names and words stand in the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseMaps {
    /// The tables' names.
    pub tables: AirtableTables,
    /// The fields of dispatch events.
    pub events: EventFields,
    /// The fields of calls.
    pub calls: CallFields,
    /// The fields of contacts, by which a link to one finds it.
    pub contacts: ContactFields,
    /// The fields of businesses.
    pub businesses: BusinessFields,
    /// The words of fields.
    pub values: AirtableValues,
    /// Fields of which nobody is alerted where they are not there: `events.message_sid`.
    pub may_lack: BTreeSet<String>,
}

impl Airtable {
    /// How our names and words stand in the base.
    pub fn maps(&self) -> BaseMaps {
        BaseMaps {
            tables: self.tables.clone(),
            events: self.events.clone(),
            calls: self.calls.clone(),
            contacts: self.contacts.clone(),
            businesses: self.businesses.clone(),
            values: self.values.clone(),
            may_lack: self.may_lack.clone(),
        }
    }
}
