//! What a decision is about to read of the store, asked at once: see [`Connection::prefetch`].
//!
//! Called by `load`, which reads all of it one by one, as it needs it. What is missing here costs time, what is too much costs a
//! statement, and neither changes what is read.
//!
//! For a batch of changes it is asked at once for all that read different rows. A change that reads what one before it may write reads it
//! when its turn comes; so does one that reads what one before it has written, see [`Connection::touches`].

use std::collections::BTreeSet;

use super::{phone_calls, settings, sql};
use crate::domain::event::Load;
use crate::domain::types::AttemptId;
use crate::store::sql::{Connection, For, PrefetchRead};
use crate::store::{StoreError, rows};

/// What is read whatever is loaded, and what is known to be read for this.
pub(super) fn of(conn: Connection<'_>, load: &Load) -> Result<(), StoreError> {
    conn.prefetch(|| {
        let all = surroundings().into_iter().map(|read| (For::All, read));
        all.chain(of_load(load).into_iter().map(|read| (For::This, read))).collect()
    })
}

/// What the changes of a batch read, each by its place: see [`Connection::prefetch`].
pub(in crate::store) fn prefetch(conn: Connection<'_>, loads: &[Option<&Load>]) -> Result<(), StoreError> {
    let mut taken = BTreeSet::new();
    let (mut attempts, mut complete) = (Vec::new(), Vec::new());
    let mut reads: Vec<(For, PrefetchRead)> = surroundings().map(|read| (For::All, read)).to_vec();
    for (place, load) in loads.iter().enumerate() {
        let Some(load) = load.map(innermost) else { continue };
        let keys = keys(load);
        let is_alone = keys.iter().all(|key| !taken.contains(key));
        taken.extend(keys);
        let attempt = match load {
            Load::Attempt(attempt) | Load::Claim(attempt) | Load::Message { attempt: Some(attempt), .. } => {
                Some(*attempt)
            }
            Load::New { .. } => None,
            _ => continue,
        };
        if is_alone {
            reads.extend(of_load(load).into_iter().map(|read| (For::Change(place), read)));
            match attempt {
                Some(attempt) => attempts.push((place, attempt)),
                None => complete.push(place),
            }
        }
    }
    conn.prefetch(|| reads)?;
    // Their calls are known then.
    let mut calls = Vec::new();
    for (place, attempt) in attempts {
        let call = conn.prefetched_text(place, &(sql::CALL_OF_ATTEMPT, vec![rows::id_bytes(attempt).into()]))?;
        calls.extend(call.filter(|call| taken.insert(Key::Call(call.clone()))).map(|call| (place, call)));
    }
    conn.prefetch(|| {
        let of = |(place, call): &(usize, String)| whole_call(call).map(|read| (For::Change(*place), read));
        calls.iter().flat_map(of).collect()
    })?;
    complete.into_iter().chain(calls.into_iter().map(|(place, _)| place)).for_each(|place| conn.is_complete(place));
    Ok(())
}

/// What of two changes only the first is prefetched: it may write it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Call(String),
    Attempt(AttemptId),
    Message(String),
    Reference(String),
}

fn keys(load: &Load) -> Vec<Key> {
    match load {
        Load::Call(id) => vec![Key::Call(id.to_string())],
        Load::Attempt(attempt) | Load::Claim(attempt) => vec![Key::Attempt(*attempt)],
        Load::Message { attempt, sid, .. } => {
            attempt.map(Key::Attempt).into_iter().chain([Key::Message(sid.to_string())]).collect()
        }
        Load::New { id, also, references, .. } => {
            let ids = std::iter::once(id).chain(also).map(|id| Key::Call(id.to_string()));
            ids.chain(references.first().map(|r| Key::Reference(r.to_string()))).collect()
        }
        _ => Vec::new(),
    }
}

fn innermost(load: &Load) -> &Load {
    match load {
        Load::WithBusy { of, .. } | Load::WithSpent { of, .. } => innermost(of),
        load => load,
    }
}

fn surroundings() -> [PrefetchRead; 3] {
    [(settings::SURROUNDINGS, Vec::new()), (settings::TARGETS, Vec::new()), (sql::RAISED, Vec::new())]
}

fn of_load(load: &Load) -> Vec<PrefetchRead> {
    let mut reads = Vec::new();
    match load {
        Load::Call(id) => reads.extend(whole_call(id.as_str())),
        Load::Attempt(attempt) | Load::Claim(attempt) => {
            reads.extend(of_attempt(*attempt));
        }
        Load::Message { attempt, sid, said } => {
            reads.push((sql::ORPHANS_OF_SID, vec![sid.as_str().into()]));
            reads.push((sql::CALL_OF_SID, vec![sid.as_str().into()]));
            reads.extend(attempt.map(of_attempt).into_iter().flatten());
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

fn of_attempt(attempt: AttemptId) -> [PrefetchRead; 2] {
    let id = || vec![rows::id_bytes(attempt).into()];
    [(sql::CALL_OF_ATTEMPT, id()), (sql::ORPHANS_OF_NAMED, id())]
}

/// A call that is there is read whole.
pub(super) fn of_call(conn: Connection<'_>, id: &str) -> Result<(), StoreError> {
    conn.prefetch(|| whole_call(id).map(|read| (For::This, read)).to_vec())
}

/// A call with its notices and attempts.
fn whole_call(id: &str) -> [PrefetchRead; 3] {
    [sql::CALL, sql::NOTICES, sql::ATTEMPTS].map(|sql| (sql, vec![id.into()]))
}
