//! The directory of the configuration with the contacts of the table laid over it. Pure.
//!
//! - An active row that is a contact of the configuration (the same id or the same phone) replaces its name, phone and, where
//!   it names one, role; the contact keeps its id and its place. Other active rows are added behind, oldest first.
//! - A row that is not active takes its contact out, unless an active row is the same contact.
//! - A role that the configuration fills stays filled: where all its holders were given other roles, they keep it. Only
//!   switching them off leaves it empty.
//! - A contact of the configuration that no row names stays as it is.
//! - Where the table says for which business somebody works, or in which place, teams come of it ([`super::teams`]).

use crate::domain::team::{Contact, Directory, TeamEntry};
use crate::domain::types::{ContactId, Role};
use crate::store::{SyncedBusiness, SyncedContact};

use super::rows::Wrong;
use super::teams::{self, Member};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Who can be told.
    pub directory: Directory,
    /// Rows that are left out.
    pub wrong: Vec<Wrong>,
    /// What stayed against the table's word, one sentence each.
    pub kept: Vec<String>,
}

/// Lays the table's contacts and businesses over the configuration's.
pub fn merge(file: &Directory, rows: &[SyncedContact], businesses: &[SyncedBusiness]) -> Merged {
    let mut contacts = file.contacts.clone();
    let mut touched = vec![false; contacts.len()];
    let (mut added, mut wrong): (Vec<Contact>, Vec<Wrong>) = (Vec::new(), Vec::new());
    let mut members: Vec<Member<'_>> = Vec::new();
    let mut work = |contact: &ContactId, row| members.push(Member { contact: contact.clone(), row });
    for row in rows.iter().filter(|r| r.active) {
        let Some(phone) = row.phone.clone() else { continue };
        let mut skipped_rows =
            |why: String| wrong.push(Wrong { record: row.record.clone(), name: row.name.clone(), why });
        let (by_id, by_phone) = places(file, row);
        if row.again {
            let named = by_phone.and_then(|at| file.contacts.get(at)).map_or(&row.id, |c| &c.id);
            work(named, row);
            continue;
        }
        match (by_id, by_phone) {
            (Some(a), Some(b)) if a != b => {
                let (a, b) = (name_at(file, a), name_at(file, b));
                skipped_rows(format!(
                    "it is {a:?} by its name and {b:?} by its phone; it is left out: correct one of them"
                ));
            }
            (Some(at), _) | (None, Some(at)) => match (contacts.get_mut(at), touched.get_mut(at)) {
                (Some(contact), Some(touched)) if !*touched => {
                    *touched = true;
                    contact.name.clone_from(&row.name);
                    contact.phone = phone;
                    contact.email = row.email.clone().or(contact.email.take());
                    contact.role = row.role.clone().or(contact.role.take());
                    work(&contact.id, row);
                }
                _ => skipped_rows("another row is the same contact; it is left out: one row a person".to_owned()),
            },
            (None, None) => {
                let (id, name) = (row.id.clone(), row.name.clone());
                work(&id, row);
                added.push(Contact { id, name, phone, email: row.email.clone(), role: row.role.clone() });
            }
        }
    }
    let off = off(file, rows, &touched);
    let kept = keep_roles(file, &mut contacts, &added, &off);
    let mut at = 0;
    contacts.retain(|_| {
        at += 1;
        off.get(at - 1) != Some(&true)
    });
    let of_file = |c: &&Contact| !members.iter().any(|m| m.contact == c.id);
    let others = contacts.iter().filter(of_file).filter_map(|c| Some(TeamEntry::of(c.id.clone(), c.role.clone()?)));
    let others: Vec<TeamEntry> = others.collect();
    contacts.extend(added);
    let mut directory = Directory { contacts, ..file.clone() };
    teams::lay(&mut directory, businesses, &members, &others, &mut wrong);
    Merged { directory, wrong, kept }
}

/// Which contact of the configuration a row is by its id, and by its phone.
fn places(file: &Directory, row: &SyncedContact) -> (Option<usize>, Option<usize>) {
    let by_id = file.contacts.iter().position(|c| c.id.as_str().eq_ignore_ascii_case(row.id.as_str()));
    let by_phone = file.contacts.iter().position(|c| row.phone.as_ref() == Some(&c.phone));
    (by_id, by_phone)
}

fn name_at(file: &Directory, at: usize) -> &str {
    file.contacts.get(at).map_or("", |c| &c.name)
}

/// Which contacts of the configuration are switched off.
fn off(file: &Directory, rows: &[SyncedContact], touched: &[bool]) -> Vec<bool> {
    let mut off = vec![false; file.contacts.len()];
    for row in rows.iter().filter(|r| !r.active) {
        let (by_id, by_phone) = places(file, row);
        for at in [by_id, by_phone].into_iter().flatten() {
            if let (Some(off), Some(false)) = (off.get_mut(at), touched.get(at)) {
                *off = true;
            }
        }
    }
    off
}

/// Gives a role back to those who hold it by the configuration, where nobody else has it now.
fn keep_roles(file: &Directory, contacts: &mut [Contact], added: &[Contact], off: &[bool]) -> Vec<String> {
    let mut kept = Vec::new();
    let on = |at: usize| off.get(at) == Some(&false);
    let same = |a: &Role, b: Option<&Role>| b.is_some_and(|b| a.as_str().eq_ignore_ascii_case(b.as_str()));
    for (at, by_file) in file.contacts.iter().enumerate().filter(|(at, _)| on(*at)) {
        let Some(role) = &by_file.role else { continue };
        let held = contacts.iter().enumerate().any(|(i, c)| on(i) && same(role, c.role.as_ref()))
            || added.iter().any(|c| same(role, c.role.as_ref()));
        let Some(contact) = contacts.get_mut(at).filter(|_| !held) else { continue };
        let told = contact.role.replace(role.clone());
        let told = told.map_or_else(|| "no role".to_owned(), |r| format!("the role {r}"));
        kept.push(format!("{} has {told} in the table and keeps {role}, which nobody else holds", contact.name));
    }
    kept
}
