//! Calls lost with their disk and rebuilt from what the shop's base and the provider know.

mod adoption;
mod books;
mod columns;
mod evidence;
mod histories;
mod old_rows;
mod phone_calls;
mod rowless;
mod snapshots;
mod stories;
