//! The pure core: no tokio, SQL, HTTP, clock or randomness.

pub mod body;
pub mod phone;
pub mod policy;
pub mod receipt;
pub mod team;
pub mod types;

pub use phone::PhoneNumber;
pub use receipt::{MessageStatus, Verdict};
pub use types::Timestamp;
