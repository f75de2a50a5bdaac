//! The pure core: no tokio, SQL, HTTP, clock or randomness.

pub mod body;
pub mod error_class;
pub mod phone;
pub mod policy;
pub mod receipt;
pub mod team;
pub mod types;

pub use error_class::{Class, Classified, Special};
pub use phone::PhoneNumber;
pub use receipt::{MessageStatus, Verdict};
pub use types::Timestamp;
