//! `[limits]`: how many texts may go out, and to which countries.

use std::collections::BTreeSet;

use super::read::{Reader, Section};
use crate::domain::limits::SpendLimits;
use crate::domain::phone::is_country_code;
use crate::domain::team::Directory;

const MOST: std::ops::RangeInclusive<u32> = 0..=1_000_000;
const COUNTRY_FORM: &str = "a country's calling code, like \"+1\" or \"+44\"";

/// Reads `[limits]`.
pub(super) fn limits(r: &mut Reader, root: &mut Section, directory: &Directory) -> SpendLimits {
    let mut s = r.section(root, "limits");
    let per_contact_per_hour = r.integer(&mut s, "per_contact_per_hour", MOST).map_or(0, |f| f.value);
    let messages_per_hour = r.integer(&mut s, "messages_per_hour", MOST).map_or(0, |f| f.value);
    let countries = r.list(&mut s, "countries", COUNTRY_FORM, country, |code| format!("+{code}"));
    r.finish(s);
    let countries: BTreeSet<String> = countries.unwrap_or_default().into_iter().map(|f| f.value).collect();
    let limits = SpendLimits { per_contact_per_hour, messages_per_hour, countries };
    r.warnings.extend(outside(&limits, directory));
    limits
}

/// Contacts whose number is of a country that is not named, for people.
pub(crate) fn outside(limits: &SpendLimits, directory: &Directory) -> Vec<String> {
    let outside = directory.contacts.iter().filter(|c| !limits.allows(&c.phone));
    outside
        .map(|c| {
            format!(
                "contact {} has a number of +{}, which limits.countries does not name: they get the first text of a call, with an alert, and no reminder",
                c.id,
                c.phone.country_code().unwrap_or_default()
            )
        })
        .collect()
}

fn country(text: &str) -> Result<String, String> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    if is_country_code(digits) {
        return Ok(digits.to_owned());
    }
    Err(match text.chars().all(|c| c.is_ascii_alphabetic()) && !text.is_empty() {
        true => format!("{text:?} is a country's name: several share a calling code, which is what a number shows"),
        false => format!("{text:?} is no calling code of a country"),
    })
}
