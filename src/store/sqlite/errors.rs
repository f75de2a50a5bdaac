//! What an error of SQLite means for whoever asked.

use crate::store::StoreError;

/// Which of our words SQLite's say. What cannot be written now but may be later is `Full`; a failed fsync, after which nobody
/// knows what is on disk, and a failed read are `Broken`. Messages of SQLite name columns and constraints, never values.
impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::{ErrorCode as C, ffi};
        let what = e.to_string();
        let rusqlite::Error::SqliteFailure(code, _) = &e else {
            return match e {
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..) => Self::Corrupt { what, call: None },
                _ => Self::Refused { what },
            };
        };
        match code.code {
            C::DiskFull | C::ReadOnly | C::CannotOpen | C::OutOfMemory | C::PermissionDenied => Self::Full { what },
            C::DatabaseBusy | C::DatabaseLocked => Self::Busy,
            C::DatabaseCorrupt | C::NotADatabase => Self::Corrupt { what, call: None },
            C::SystemIoFailure => match code.extended_code {
                ffi::SQLITE_IOERR_FSYNC
                | ffi::SQLITE_IOERR_DIR_FSYNC
                | ffi::SQLITE_IOERR_READ
                | ffi::SQLITE_IOERR_SHORT_READ
                | ffi::SQLITE_IOERR_CORRUPTFS
                | ffi::SQLITE_IOERR_DATA => Self::Broken { what },
                _ => Self::Full { what },
            },
            _ => Self::Refused { what },
        }
    }
}
