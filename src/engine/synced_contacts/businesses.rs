//! What the records of the businesses' table mean: lines of the shop. Nothing is guessed: what is not clear is left out, with
//! words for a person, and what was read before stands where it says the same of the same record.

use crate::config::{AirtableValues, BusinessFields};
use crate::domain::phone::masked;
use crate::gateways::airtable::Cell;
use crate::gateways::mirror::Record;
use crate::store::SyncedBusiness;

use super::rows::{Wrong, is_active, text, whole_number};

/// The longest name and word that are kept.
const NAME_CHARS_MAX: usize = 64;

/// How the shop's table says what a business is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BusinessLayout {
    /// Its fields.
    pub fields: BusinessFields,
    /// Its words.
    pub values: AirtableValues,
}

/// Reads records, oldest first. `country`: of numbers without one. `before`: what stands.
pub fn read(
    records: &[Record],
    layout: &BusinessLayout,
    country: Option<&str>,
    before: &[SyncedBusiness],
) -> (Vec<SyncedBusiness>, Vec<Wrong>) {
    let mut records: Vec<&Record> = records.iter().collect();
    // The table's own order is arbitrary.
    records.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let mut wrong = Vec::new();
    let mut all: Vec<SyncedBusiness> =
        records.into_iter().filter_map(|r| business(r, layout, country, before, &mut wrong)).collect();
    one_business_a_number(&mut all, before, &mut wrong);
    (all, wrong)
}

fn business(
    record: &Record,
    layout: &BusinessLayout,
    country: Option<&str>,
    before: &[SyncedBusiness],
    wrong: &mut Vec<Wrong>,
) -> Option<SyncedBusiness> {
    let fields = &layout.fields;
    let empty = Cell::Empty;
    let cell = |name: &str| if name.is_empty() { &empty } else { record.fields.get(name) };
    let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect::<String>();
    let name = short(text(cell(&fields.name)));
    let id = record.id.as_str().to_owned();
    if name.is_empty() && cell(&fields.numbers).is_empty() {
        return None;
    }
    let mut say = |why: String| wrong.push(Wrong { record: id.clone(), name: name.clone(), why });
    let known = before.iter().find(|b| b.record == id);
    let active = match is_active(&fields.active, cell(&fields.active)) {
        Ok(active) => active,
        Err(shown) => {
            say(format!("{} is {shown}, neither yes nor no; it stays as it was: use a checkbox", fields.active));
            known.is_some_and(|b| b.active)
        }
    };
    let mut numbers = Vec::new();
    for problem in numbers_of(cell(&fields.numbers), country, &mut numbers) {
        say(format!("{} {problem}; calls to it count as unlisted: write it like +18005550100", fields.numbers));
    }
    if numbers.is_empty()
        && let Some(known) = known.filter(|b| active && b.active && !b.numbers.is_empty())
    {
        let had = known.numbers.iter().map(|n| masked(n)).collect::<Vec<_>>().join(", ");
        say(format!("{} names no number any more; {had} stays its own: untick it where it is to end", fields.numbers));
        numbers.clone_from(&known.numbers);
    }
    let time_zone = match time_zone(text(cell(&fields.time_zone)), layout) {
        Ok(zone) => zone,
        Err(word) => {
            let kept = known.and_then(|b| b.time_zone.clone());
            let stands = kept.as_deref().unwrap_or("the shop's own");
            say(format!(
                "{} is {word:?}, which is no time zone; {stands} counts: use a name like America/Denver",
                fields.time_zone
            ));
            kept
        }
    };
    let words = text(cell(&fields.keywords)).split([',', ';', '\n']).map(|w| short(w.trim()));
    let keywords: Vec<String> = words.filter(|w| !w.is_empty()).collect();
    let trade = Some(short(text(cell(&fields.trade)))).filter(|t| !t.is_empty());
    let name = if name.is_empty() { id.clone() } else { name };
    Some(SyncedBusiness { record: id, name, numbers, time_zone, trade, keywords, active })
}

/// Puts every number of a cell behind the others; returns what is wrong, one piece each.
fn numbers_of(cell: &Cell, country: Option<&str>, numbers: &mut Vec<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let listed: Vec<String> = match cell {
        Cell::Other(value) => {
            let items = value.as_array().into_iter().flatten();
            items.map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)).collect()
        }
        Cell::Number(n) => vec![n.to_string()],
        cell => vec![text(cell).to_owned()],
    };
    let pieces = listed.iter().flat_map(|t| t.split([',', ';', '\n'])).map(str::trim).filter(|p| !p.is_empty());
    for piece in pieces {
        match whole_number(piece, country) {
            Some(phone) if !numbers.iter().any(|n| n == phone.e164()) => numbers.push(phone.e164().to_owned()),
            Some(_) => {}
            None => wrong.push(format!("holds {:?}, which is no number", masked(piece))),
        }
    }
    wrong
}

/// The IANA name that a word stands for; the error is the word.
fn time_zone(word: &str, layout: &BusinessLayout) -> Result<Option<String>, String> {
    if word.is_empty() {
        return Ok(None);
    }
    let meant = layout.values.time_zone.meant(word).unwrap_or(word);
    match jiff::tz::TimeZone::get(meant) {
        Ok(zone) => Ok(Some(zone.iana_name().unwrap_or(meant).to_owned())),
        Err(_) => Err(word.to_owned()),
    }
}

/// A number that two have is whose it was before, and nobody's where that says nothing.
fn one_business_a_number(all: &mut [SyncedBusiness], before: &[SyncedBusiness], wrong: &mut Vec<Wrong>) {
    let mut twice: Vec<String> = Vec::new();
    for (at, business) in all.iter().enumerate().filter(|(_, b)| b.active) {
        let others = all.iter().skip(at + 1).filter(|b| b.active);
        twice.extend(others.flat_map(|b| &b.numbers).filter(|n| business.numbers.contains(n)).cloned());
    }
    twice.sort();
    twice.dedup();
    for number in &twice {
        let had: Vec<&str> =
            before.iter().filter(|b| b.active && b.numbers.contains(number)).map(|b| b.record.as_str()).collect();
        for business in all.iter_mut().filter(|b| b.active && b.numbers.contains(number)) {
            if had == [business.record.as_str()] {
                continue;
            }
            business.numbers.retain(|n| n != number);
            let whose = if had.is_empty() { "it is nobody's and counts as unlisted" } else { "it stays whose it was" };
            let why = format!("its number {} is another business's too; {whose}: correct one of them", masked(number));
            wrong.push(Wrong { record: business.record.clone(), name: business.name.clone(), why });
        }
    }
}
