//! What each class of errors of PostgreSQL means: for whoever asked for a statement, and where it answers a commit. Source of the
//! codes: PostgreSQL's appendix "Error Codes" and its file `errcodes.txt`.

/// What an error means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The statement is wrong, or the change breaks a constraint: the same again would fail again.
    Ours,
    /// Others are in the way: the same again may do.
    Busy,
    /// Somebody must give room.
    NoRoom,
    /// Somebody must give a right.
    NoRight,
    /// The server follows another one, or takes no writes from this user.
    ReadOnly,
    /// The server, or this session of it, does not work for now: another connection may do.
    Away,
    /// There is no such store for this user, or a part of it is missing.
    NoStore,
    Damaged,
    /// Of our own function `fence`.
    Fenced,
}

/// Whether anything can be committed where the answer to COMMIT, or to what is sent with it, is this error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtCommit {
    /// Surely nothing.
    Undone,
    /// Nobody can tell.
    Unsure,
}

use AtCommit::{Undone, Unsure};
use Meaning::{Away, Busy, Damaged, Fenced, NoRight, NoRoom, NoStore, Ours, ReadOnly};

/// By the first two characters of a code.
const CLASSES: &[(&str, Meaning, AtCommit)] = &[
    // Successful completion, warning, no data: none of them is an error.
    ("00", Away, Unsure),
    ("01", Away, Unsure),
    ("02", Away, Unsure),
    // SQL statement not yet complete.
    ("03", Ours, Undone),
    // Connection.
    ("08", Away, Unsure),
    // Triggered action.
    ("09", Ours, Undone),
    // Feature not supported: of a statement that was parsed before another process changed a table, "cached plan must not change
    // result type".
    ("0A", Away, Undone),
    // Invalid transaction initiation, locator, invalid grantor.
    ("0B", Ours, Undone),
    ("0F", Ours, Undone),
    ("0L", Ours, Undone),
    // Invalid role specification.
    ("0P", NoStore, Undone),
    // Diagnostics, case not found, cardinality.
    ("0Z", Ours, Undone),
    ("20", Ours, Undone),
    ("21", Ours, Undone),
    // Data: a text with a character that the database cannot hold, a number out of range.
    ("22", Ours, Undone),
    // Integrity constraints.
    ("23", Ours, Undone),
    // Invalid cursor state, invalid transaction state.
    ("24", Ours, Undone),
    ("25", Ours, Undone),
    // Invalid statement name: the session is not the one in which it was parsed.
    ("26", Away, Undone),
    // Triggered data change.
    ("27", Ours, Undone),
    // Invalid authorization.
    ("28", NoStore, Undone),
    // Dependent privileges, invalid transaction termination, routines, cursor names, external routines, savepoints.
    ("2B", Ours, Undone),
    ("2D", Ours, Undone),
    ("2F", Ours, Undone),
    ("34", Ours, Undone),
    ("38", Ours, Undone),
    ("39", Ours, Undone),
    ("3B", Ours, Undone),
    // Invalid catalog name, invalid schema name.
    ("3D", NoStore, Undone),
    ("3F", NoStore, Undone),
    // Transaction rollback.
    ("40", Busy, Undone),
    // Syntax error or access rule violation.
    ("42", Ours, Undone),
    // WITH CHECK OPTION.
    ("44", Ours, Undone),
    // Insufficient resources.
    ("53", Busy, Undone),
    // Program limits.
    ("54", Ours, Undone),
    // Object not in prerequisite state.
    ("55", Ours, Undone),
    // Operator intervention.
    ("57", Away, Unsure),
    // System error: an I/O error, a file that is not there.
    ("58", NoRoom, Unsure),
    // Snapshot too old.
    ("72", Busy, Undone),
    // Configuration file.
    ("F0", Away, Unsure),
    // Foreign data, PL/pgSQL: a trigger that an operator has added, too.
    ("HV", Ours, Undone),
    ("P0", Ours, Undone),
    // Internal error: of the server, and of what stands before it.
    ("XX", Away, Unsure),
    // Our own.
    ("DC", Fenced, Undone),
];

/// Codes that mean something else than their class.
const CODES: &[(&str, Meaning, AtCommit)] = &[
    // A server that follows another one now.
    ("25006", ReadOnly, Undone),
    // The server ended a session that waited inside of a transaction: so it had not begun to commit it.
    ("25P03", Away, Undone),
    // It ended a transaction that took too long, which may be one that it was committing.
    ("25P04", Away, Unsure),
    // Of a constraint that is checked at the commit.
    ("40002", Ours, Undone),
    // Statement completion unknown.
    ("40003", Away, Unsure),
    // A right is missing: somebody else gives it.
    ("42501", NoRight, Undone),
    // A column, an object, a function, a table that is not there.
    ("42703", NoStore, Undone),
    ("42704", NoStore, Undone),
    ("42883", NoStore, Undone),
    ("42P01", NoStore, Undone),
    // A statement of this name is there: the session is another's.
    ("42P05", Away, Undone),
    // Disk full, configuration limit exceeded.
    ("53100", NoRoom, Undone),
    ("53400", NoRoom, Undone),
    // A database that takes no connections now, as in its maintenance: an operator's state, which ends.
    ("55000", Away, Undone),
    // Object in use, lock not available.
    ("55006", Busy, Undone),
    ("55P03", Busy, Undone),
    // Query canceled.
    ("57014", Busy, Undone),
    // Data, index corrupted.
    ("XX001", Damaged, Unsure),
    ("XX002", Damaged, Unsure),
];

/// What a code means; one of a class that PostgreSQL does not have is of what stands before it.
pub(super) fn decided(code: &str) -> (Meaning, AtCommit) {
    let class = code.get(..2).unwrap_or_default();
    let found = CODES.iter().find(|(known, ..)| *known == code).or_else(|| CLASSES.iter().find(|(c, ..)| *c == class));
    found.map_or((Away, Unsure), |&(_, meaning, at_commit)| (meaning, at_commit))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::postgres_server::said_aloud;

    /// PostgreSQL's own list, of its newest version here.
    fn listed() -> Option<BTreeSet<String>> {
        let versions = std::fs::read_dir("/usr/share/postgresql").into_iter().flatten().flatten();
        let mut files: Vec<_> = versions.map(|version| version.path().join("errcodes.txt")).collect();
        files.sort();
        let text = files.iter().rev().find_map(|file| std::fs::read_to_string(file).ok());
        let is_code =
            |word: &&str| word.len() == 5 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let of = |text: String| {
            text.lines().filter_map(|l| l.split(' ').next().filter(is_code).map(str::to_owned)).collect()
        };
        text.map(of)
    }

    #[test]
    fn every_class_of_postgresql_is_decided_and_no_code_is_invented() {
        let Some(listed) = listed() else { return said_aloud("its errcodes.txt is not below /usr/share/postgresql") };
        assert!(listed.len() > 200, "{listed:?}");
        let theirs: BTreeSet<&str> = listed.iter().map(|code| &code[..2]).collect();
        let ours: BTreeSet<&str> = CLASSES.iter().map(|(class, ..)| *class).collect();
        assert_eq!(ours.len(), CLASSES.len(), "none twice");
        // Of later versions, and ours.
        let others = ["72", "DC"];
        assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&&str>::new());
        assert!(ours.difference(&theirs).all(|class| others.contains(class)), "{ours:?}");
        let codes: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes.len(), CODES.len(), "none twice");
        for (code, meaning, at_commit) in CODES {
            assert!(listed.contains(*code) || *code == "25P04", "{code}");
            let class = CLASSES.iter().find(|(class, ..)| code.starts_with(class)).expect("its class");
            assert_ne!((*meaning, *at_commit), (class.1, class.2), "{code} is as its class");
        }
        let unsure: BTreeSet<&str> =
            listed.iter().filter(|code| decided(code).1 == Unsure).map(|code| &code[..2]).collect();
        let wanted = ["00", "01", "02", "08", "40", "57", "58", "F0", "XX"];
        assert_eq!(unsure.into_iter().collect::<Vec<_>>(), wanted, "where a commit may have been done");
    }

    #[test]
    fn an_outage_is_no_bug_and_what_was_surely_not_committed_is_not_unsure() {
        for (code, meaning, at_commit) in [
            ("28P01", NoStore, Undone),
            ("28000", NoStore, Undone),
            ("3D000", NoStore, Undone),
            ("3F000", NoStore, Undone),
            ("42P01", NoStore, Undone),
            ("42883", NoStore, Undone),
            ("42601", Ours, Undone),
            ("42501", NoRight, Undone),
            ("22021", Ours, Undone),
            ("23505", Ours, Undone),
            ("40001", Busy, Undone),
            ("40P01", Busy, Undone),
            ("40003", Away, Unsure),
            ("55P03", Busy, Undone),
            ("55000", Away, Undone),
            ("25006", ReadOnly, Undone),
            ("25P02", Ours, Undone),
            ("25P03", Away, Undone),
            ("53100", NoRoom, Undone),
            ("53200", Busy, Undone),
            ("53300", Busy, Undone),
            ("57014", Busy, Undone),
            ("57P01", Away, Unsure),
            ("57P04", Away, Unsure),
            ("58030", NoRoom, Unsure),
            ("08006", Away, Unsure),
            ("26000", Away, Undone),
            ("XX000", Away, Unsure),
            ("XX001", Damaged, Unsure),
            ("DC001", Fenced, Undone),
            ("PGRST", Away, Unsure),
            ("", Away, Unsure),
        ] {
            assert_eq!(decided(code), (meaning, at_commit), "{code}");
        }
    }
}
