//! The names that other keys may name: contacts and rotations, and what is said of one that there is not.

use super::read::{Found, Reader};
use crate::domain::oncall::RotationId;
use crate::domain::types::{ContactId, ParseError};

/// What a `ParseError` says, without what was being read: the key says that.
pub(super) fn why(e: ParseError) -> String {
    e.why
}

/// The contacts and rotations that a team may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) ids: &'a [ContactId],
    pub(super) rotations: &'a [RotationId],
    /// Whether there are other contacts, not known before Airtable is read.
    pub(super) elsewhere: bool,
}

impl Known<'_> {
    /// Whether this may be a contact.
    pub(super) fn has(&self, id: &ContactId) -> bool {
        self.elsewhere || self.ids.contains(id)
    }
}

/// The name that is spelled almost like this one.
pub(super) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let close = names.map(|name| (strsim::damerau_levenshtein(name, text), name)).min();
    close.filter(|(distance, _)| *distance <= 2).map(|(_, name)| name.to_owned())
}

pub(super) fn unknown_contact(r: &mut Reader, named: &Found<ContactId>, ids: &[ContactId]) {
    let what = format!("there is no contact {}", named.value);
    let mut problem =
        super::ConfigProblem::new(named.origin.clone(), named.key.clone(), what, "the id of one of [[contacts]]");
    problem.meant = nearest(named.value.as_str(), ids.iter().map(ContactId::as_str));
    r.problems.push(problem);
}
