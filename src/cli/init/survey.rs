//! What a base is: which preset fits it best, where its people and businesses are, and what it lacks. Pure.

use std::collections::BTreeSet;

use crate::config::{Airtable, ValueMap};
use crate::engine::layout::{Lack, Layouts, OPTIONAL};
use crate::gateways::airtable::{TableSchema, folded};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Survey {
    /// `None`: none fits.
    pub(in crate::cli) preset: Option<&'static str>,
    /// The table of people.
    pub(in crate::cli) contacts: Option<String>,
    /// The table of businesses.
    pub(in crate::cli) businesses: Option<String>,
    /// What to add to the base, one sentence each.
    pub(in crate::cli) add: Vec<String>,
}

/// What was learned of the shop.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Learned {
    pub(in crate::cli) survey: Survey,
    /// Those of the last resort, by their ids.
    pub(in crate::cli) owners: Vec<String>,
    /// Lines as `number name: who in which order`, for people.
    pub(in crate::cli) lines: Vec<String>,
    /// Rows to be corrected, one sentence each.
    pub(in crate::cli) rows: Vec<String>,
    pub(in crate::cli) contacts: usize,
}

/// What tables of people, and of businesses, are called where no link says it.
const PEOPLE: &[&str] = &["On-Call Roster", "On-Call", "Roster", "Technicians"];
const BUSINESSES: &[&str] = &["Businesses", "Lines"];

impl Survey {
    /// Of this base, by the candidate that explains most of it; of several the first.
    pub(super) fn of(tables: &[TableSchema], candidates: &[(Option<&'static str>, Airtable)]) -> Self {
        let scored = candidates.iter().map(|(preset, airtable)| (fits(tables, airtable), *preset, airtable));
        let best = scored.rev().max_by_key(|(fits, ..)| *fits);
        let Some((_, preset, airtable)) = best else { return Self::default() };
        let maps = airtable.maps();
        let layouts = Layouts::of(tables, &maps);
        let named =
            |names: &[&str]| names.iter().find_map(|name| TableSchema::find(tables, name)).map(|t| t.name.clone());
        let contacts = layouts.links.contacts.as_ref().map(|(table, _)| table.clone()).or_else(|| named(PEOPLE));
        let by_link = layouts.links.businesses.as_ref().map(|(table, _)| table.clone());
        let businesses = by_link.or_else(|| named(BUSINESSES)).filter(|_| contacts.is_some() && preset.is_some());
        Self { preset, contacts, businesses, add: add(tables, airtable, &layouts) }
    }
}

/// How much of the base these maps explain: fields and words that are there, less those that are not.
fn fits(tables: &[TableSchema], airtable: &Airtable) -> i64 {
    let maps = airtable.maps();
    let of_table = |table: &str, own: Vec<(&'static str, &str)>, prefix: &str| -> i64 {
        let Some(schema) = TableSchema::find(tables, table) else { return -i64::try_from(own.len()).unwrap_or(0) };
        let mut score = 0;
        for (ours, name) in own {
            let Some(field) = schema.field(name) else {
                let may_lack = OPTIONAL.contains(&ours) || maps.may_lack.contains(&format!("{prefix}.{ours}"));
                score -= i64::from(!may_lack);
                continue;
            };
            score += 1;
            let choices: BTreeSet<String> = field.choices().into_iter().map(folded).collect();
            let empty = ValueMap::default();
            let words = maps.values.of(ours).unwrap_or(&empty);
            // A select without maps takes none of our words.
            score -= i64::from(!choices.is_empty() && words.is_empty());
            for word in words.words().filter(|_| !choices.is_empty()) {
                let theirs = words.of(word).unwrap_or_default();
                let is_there = theirs.iter().any(|t| t.is_empty() || choices.contains(&folded(t)));
                score += if is_there { 1 } else { -1 };
            }
        }
        score
    };
    of_table(&maps.tables.events, maps.events.pairs(), "events")
        + of_table(&maps.tables.calls, maps.calls.pairs(), "calls")
}

/// What somebody would have to add so that rows are whole; what a base need not have is not asked for, but for the field by
/// which rows are found again.
fn add(tables: &[TableSchema], airtable: &Airtable, layouts: &Layouts) -> Vec<String> {
    let mut all = Vec::new();
    for (table, lacks, prefix) in [
        (&layouts.events.table, &layouts.events.lacks, "events"),
        (&layouts.calls.table, &layouts.calls.lacks, "calls"),
    ] {
        if TableSchema::find(tables, table).is_none() {
            all.push(format!("the table {table:?}; `dispatchctl doctor --fix` makes it"));
            continue;
        }
        let wanted = |lack: &&Lack| {
            let ours = lack.ours();
            let may_lack = airtable.may_lack.contains(&format!("{prefix}.{ours}"));
            ours == "event_id" || !(may_lack || OPTIONAL.contains(&ours))
        };
        for lack in lacks.iter().filter(wanted) {
            let why = match lack.ours() {
                "event_id" => ": rows are found by it again; without it by their message, which is weaker",
                _ => "",
            };
            all.push(format!("{table}: {lack}{why}"));
        }
    }
    all
}
