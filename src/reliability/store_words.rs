//! What a scenario can do to the store, by name; [`super::store_trouble`] does it.

use serde::{Deserialize, Serialize};

/// What is done to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StoreTrouble {
    /// It says that a newer program made it.
    Newer,
    /// Its first page is overwritten.
    Damaged,
    /// The first page of the calls is overwritten.
    DamagedCalls,
    /// The first page of the attempts is overwritten.
    DamagedAttempts,
    /// The second half of the file is gone.
    CutOff,
    /// The file is put back as it was before.
    Restored,
    /// The disk is full: no file of the running engine may grow or be written (its `RLIMIT_FSIZE` is 0).
    Full,
    /// There is room again.
    Room,
    /// Its files may not be written.
    ReadOnly,
    /// They may again.
    Writable,
    /// Another program holds the lock that every writer needs.
    Locked,
    /// It lets go.
    Released,
    /// Its file is deleted under whoever has it open.
    Removed,
    /// Its file is moved elsewhere.
    MovedAway,
    MovedBack,
    /// The lock file beside it is deleted.
    LockFileRemoved,
    /// What was corrupted in rows is put back.
    Mended,
    /// A call's ladder is cut off in the middle of its JSON.
    Unreadable,
    /// A call is DISPATCHING and nothing will look at it again.
    Stranded,
    /// A receipt of a call's first message lies in the books and was joined to nothing.
    ReceiptKept,
}

impl StoreTrouble {
    /// Whether it concerns one call.
    pub(super) fn is_of_a_phone_call(self) -> bool {
        matches!(self, Self::Unreadable | Self::Stranded | Self::ReceiptKept)
    }

    /// As a file names it.
    pub(super) fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// In a few words, for whoever reads what failed.
    pub(super) fn told(self, call: Option<&str>) -> String {
        let call = call.unwrap_or_default();
        match self {
            Self::Unreadable => format!("{call} is made unreadable"),
            Self::Stranded => format!("{call} is stranded"),
            Self::ReceiptKept => format!("a receipt of {call} is kept"),
            plain => plain.word(),
        }
    }
}
