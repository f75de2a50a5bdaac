//! What a decision is about to read of the store, asked at once: see [`Connection::foresee`].
//!
//! Called by `load`, which reads all of it one by one, as it needs it. What is missing here costs time, what is too much costs a
//! statement, and neither changes what is read.

use super::{phone_calls, settings, sql};
use crate::domain::event::Load;
use crate::domain::types::AttemptId;
use crate::store::sql::{Connection, OwnedValue};
use crate::store::{StoreError, rows};

/// What is read whatever is loaded, and what is known to be read for this.
pub(super) fn of(conn: Connection<'_>, load: &Load) -> Result<(), StoreError> {
    conn.foresee(|| reads(load))
}

fn reads(load: &Load) -> Vec<(&'static str, Vec<OwnedValue>)> {
    let mut reads = vec![(settings::SURROUNDINGS, Vec::new()), (settings::TARGETS, Vec::new())];
    match load {
        Load::Call(id) => reads.extend(whole_call(id.as_str())),
        Load::Attempt(attempt) | Load::Claim(attempt) => {
            reads.extend(of_attempt(*attempt));
        }
        Load::Message { attempt, sid, said } => {
            reads.push((sql::ORPHANS_OF_SID, vec![sid.as_str().into()]));
            match attempt {
                Some(attempt) => reads.extend(of_attempt(*attempt)),
                None => reads.push((sql::CALL_OF_SID, vec![sid.as_str().into()])),
            }
            if let (Some(attempt), Some((status, code))) = (attempt, said) {
                let with = vec![
                    rows::id_bytes(*attempt).into(),
                    sid.as_str().into(),
                    status.as_str().into(),
                    code.map(|c| c.0).into(),
                ];
                reads.push((sql::RECEIPT_IS_KEPT, with));
            }
        }
        Load::New { id, also, references, used_since, .. } => {
            reads.push((sql::CALL, vec![id.as_str().into()]));
            reads.extend(std::iter::once(id).chain(also).map(|id| (phone_calls::BY_ID, vec![id.as_str().into()])));
            reads.extend(also.iter().map(|id| (sql::CALL_ID, vec![id.as_str().into()])));
            let first = references.first();
            reads.extend(first.map(|r| (sql::REFERENCE_TAKEN, vec![r.as_str().into(), used_since.as_millis().into()])));
        }
        _ => {}
    }
    reads
}

fn of_attempt(attempt: AttemptId) -> [(&'static str, Vec<OwnedValue>); 2] {
    let id = || vec![rows::id_bytes(attempt).into()];
    [(sql::CALL_OF_ATTEMPT, id()), (sql::ORPHANS_OF_NAMED, id())]
}

/// A call with its notices and attempts.
pub(super) fn whole_call(id: &str) -> Vec<(&'static str, Vec<OwnedValue>)> {
    [sql::CALL, sql::NOTICES, sql::ATTEMPTS].map(|sql| (sql, vec![id.into()])).to_vec()
}
