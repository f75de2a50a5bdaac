//! What a person must mend.

use crate::domain::types::CallId;

/// A row that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    pub record: String,
    /// Its call, where that is readable.
    pub call: Option<CallId>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}
