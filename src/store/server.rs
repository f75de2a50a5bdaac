//! What the server of a store says of itself.

use crate::domain::Timestamp;

/// As it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    pub version: String,
    /// Its major version, as PostgreSQL counts them: 15.
    pub major: u32,
    /// Whether what goes to it is encrypted.
    pub is_encrypted: bool,
    /// How durable a commit of ours is, in its own word.
    pub synchronous_commit: String,
    /// Those whose copy a commit waits for; empty: it waits for none.
    pub synchronous_standbys: String,
    /// How many servers copy it now.
    pub standbys: u32,
    /// By its own clock.
    pub now: Timestamp,
}
