//! The bases that the sandbox can be: one that a shop has made for us, and the two that shops have already.
//!
//! Source: `facts/shop-base.md` §1, where `P` and `X` are described; what it leaves open (the primary field of *Dispatch
//! Events*) is a counter of the base's own.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::base::{Field, FieldType, SandboxTable, fixed_id, usual_options};

/// Which base the sandbox is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseShape {
    /// Texts alone, as `doctor --fix` makes it.
    #[default]
    #[serde(rename = "own")]
    Own,
    /// Capitals, and fields for callbacks.
    P,
    /// As one was exported.
    X,
}

impl BaseShape {
    /// The word on a command line and in a scenario.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::P => "P",
            Self::X => "X",
        }
    }

    /// Its tables, with the same ids on every run.
    pub(super) fn tables(self) -> Vec<SandboxTable> {
        let tables = match self {
            Self::Own => OWN,
            Self::P => P,
            Self::X => X,
        };
        tables.iter().map(|(name, fields)| table(name, fields)).collect()
    }
}

impl std::str::FromStr for BaseShape {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::Own, Self::P, Self::X];
        let found = all.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(word));
        found.ok_or_else(|| "is none of own, P, X".to_owned())
    }
}

/// What a field is.
enum Kind {
    Plain(FieldType),
    Select(&'static [&'static str]),
    /// Records of the table of this name.
    Link(&'static str),
}

/// Name and kind, in the base's order; the first is primary.
type Fields = &'static [(&'static str, Kind)];

fn table(name: &str, fields: Fields) -> SandboxTable {
    let fields: Vec<Field> = fields.iter().map(|(field, kind)| self::field(name, field, kind)).collect();
    SandboxTable {
        id: fixed_id("tbl", name),
        name: name.to_owned(),
        description: None,
        primary_field_id: fields.first().map(|f| f.id.clone()).unwrap_or_default(),
        fields,
        view_id: fixed_id("viw", name),
    }
}

fn field(table: &str, name: &str, kind: &Kind) -> Field {
    let (kind, options) = match kind {
        Kind::Plain(kind) => (*kind, usual_options(*kind)),
        Kind::Select(names) => {
            let choice =
                |n: &&str| json!({ "id": fixed_id("sel", &format!("{table}/{name}/{n}")), "name": n, "color": "blue" });
            let choices: Vec<Value> = names.iter().map(choice).collect();
            (FieldType::SingleSelect, Some(json!({ "choices": choices })))
        }
        Kind::Link(to) => {
            (FieldType::MultipleRecordLinks, Some(json!({ "linkedTableId": fixed_id("tbl", to), "isReversed": false })))
        }
    };
    Field { id: fixed_id("fld", &format!("{table}/{name}")), name: name.to_owned(), kind, description: None, options }
}

const LINE: Kind = Kind::Plain(FieldType::SingleLineText);
const TEXT: Kind = Kind::Plain(FieldType::MultilineText);
const PHONE: Kind = Kind::Plain(FieldType::PhoneNumber);
const EMAIL: Kind = Kind::Plain(FieldType::Email);
const NUMBER: Kind = Kind::Plain(FieldType::Number);
const MOMENT: Kind = Kind::Plain(FieldType::DateTime);
const CHECK: Kind = Kind::Plain(FieldType::Checkbox);
const COUNTER: Kind = Kind::Plain(FieldType::AutoNumber);

const OWN: &[(&str, Fields)] = &[
    (
        "Dispatch Events",
        &[
            ("Event ID", LINE),
            ("Call ID", LINE),
            ("Method", LINE),
            ("Sent At", MOMENT),
            ("Delivery Status", LINE),
            ("Attempt Number", NUMBER),
            ("Result", TEXT),
            ("Message SID", LINE),
            ("Error Code", LINE),
            ("To", PHONE),
            ("Contact", LINE),
            ("Reference", LINE),
            ("Step", NUMBER),
            ("Round", NUMBER),
        ],
    ),
    (
        "Calls",
        &[
            ("Call ID", LINE),
            ("Status", LINE),
            ("Caller Phone", PHONE),
            ("Emergency Level", LINE),
            ("Issue Summary", TEXT),
            ("Caller Name", LINE),
            ("Address", TEXT),
            ("Twilio To Number", PHONE),
            ("On-Call Contact", LINE),
            ("Reference", LINE),
            ("Accepted At", MOMENT),
            ("Next Follow-Up At", MOMENT),
        ],
    ),
    ("On-Call", &[("Name", LINE), ("Phone", PHONE), ("Role", LINE), ("Active", CHECK)]),
];

const P: &[(&str, Fields)] = &[
    (
        "Businesses",
        &[
            ("Business Name", LINE),
            ("Trade", Kind::Select(&["PLUMBING", "HVAC", "ELECTRICAL"])),
            ("Twilio DID", LINE),
            ("Primary Phone", PHONE),
            ("Emergency Keywords", TEXT),
            ("Afterhours Active", CHECK),
            ("Owner Email", EMAIL),
            ("Email Dispatch Enabled", CHECK),
        ],
    ),
    (
        "On-Call Roster",
        &[
            ("Name", LINE),
            ("Business", Kind::Link("Businesses")),
            ("Phone", PHONE),
            ("Active", CHECK),
            ("Role", Kind::Select(&["Owner", "Tech", "Dispatcher"])),
            ("Priority", NUMBER),
            ("Trade", Kind::Select(&["PLUMBING", "HVAC", "ELECTRICAL", "ALL"])),
            ("Availability Status", Kind::Select(&["AVAILABLE", "OFF", "VACATION", "DO_NOT_DISTURB"])),
            ("Start Time", LINE),
            ("End Time", LINE),
        ],
    ),
    (
        "Calls",
        &[
            ("Call ID", LINE),
            ("Business", Kind::Link("Businesses")),
            ("Assigned To", Kind::Link("On-Call Roster")),
            ("Caller Phone", PHONE),
            ("Issue Summary", TEXT),
            ("Transcript", TEXT),
            ("Emergency Level", Kind::Select(&["HIGH", "MEDIUM", "LOW"])),
            ("Twilio To Number", PHONE),
            (
                "Status",
                Kind::Select(&[
                    "NEW",
                    "ROUTED",
                    "DISPATCHING",
                    "DISPATCHED_CONFIRMED",
                    "DISPATCHED_NO_ACK",
                    "NEEDS_REVIEW",
                    "UNASSIGNED",
                    "CLOSED",
                ]),
            ),
        ],
    ),
    (
        "Dispatch Events",
        &[
            ("No.", COUNTER),
            ("Call", Kind::Link("Calls")),
            ("Contact", Kind::Link("On-Call Roster")),
            ("Call Id", LINE),
            ("Message SID", LINE),
            ("Delivery Error Code", LINE),
            ("Method", Kind::Select(&["SMS", "CALL", "EMAIL"])),
            ("Sent At", MOMENT),
            ("Acknowledged", CHECK),
            ("Notes", TEXT),
            (
                "Delivery Status",
                Kind::Select(&["SENT", "FAILED", "BLOCKED_A2P_30034", "CUTOFF", "QUEUED", "DELIVERED", "UNDELIVERED"]),
            ),
            ("Attempt Number", NUMBER),
            ("Result", LINE),
            ("Error", LINE),
        ],
    ),
];

const X: &[(&str, Fields)] = &[
    (
        "Businesses",
        &[
            ("Business Name", LINE),
            ("Trade", Kind::Select(&["Plumbing", "HVAC", "Electrical", "Other"])),
            ("Primary Phone", PHONE),
            ("Emergency Keywords", TEXT),
            ("Afterhours Active", CHECK),
            ("City", LINE),
            ("State", LINE),
            ("Timezone", Kind::Select(&["Eastern", "Central", "Mountain", "Pacific"])),
            ("Notes", TEXT),
        ],
    ),
    (
        "On-Call Roster",
        &[
            ("Name", LINE),
            ("Business", Kind::Link("Businesses")),
            ("Phone", PHONE),
            ("Active", CHECK),
            ("Role", Kind::Select(&["Owner", "Tech", "Dispatcher"])),
            ("Priority", NUMBER),
            ("Backup Contact", CHECK),
            ("Notes", TEXT),
        ],
    ),
    (
        "Calls",
        &[
            ("Call ID", LINE),
            ("Business", Kind::Link("Businesses")),
            ("Caller Phone", PHONE),
            ("Issue Summary", TEXT),
            ("Transcript", TEXT),
            ("Emergency Level", Kind::Select(&["Emergency", "Non-Emergency", "Unknown"])),
            ("Status", Kind::Select(&["New", "Dispatched", "Failed", "Resolved"])),
            ("Call Timestamp", MOMENT),
            ("City", LINE),
            ("Agent Confidence", NUMBER),
            ("Dispatch Required", CHECK),
        ],
    ),
    (
        "Dispatch Events",
        &[
            ("No.", COUNTER),
            ("Call", Kind::Link("Calls")),
            ("Contact", Kind::Link("On-Call Roster")),
            ("Method", Kind::Select(&["SMS", "Call", "Both"])),
            ("Sent At", MOMENT),
            ("Acknowledged", CHECK),
            ("Notes", TEXT),
            ("Delivery Status", Kind::Select(&["Sent", "Failed", "Unknown"])),
        ],
    ),
];
