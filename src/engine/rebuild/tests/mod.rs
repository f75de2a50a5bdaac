//! Calls lost with their disk and rebuilt from what the shop's base and the provider know.

mod adoption;
mod attempts;
mod books;
mod columns;
mod evidence;
mod hand_made;
mod histories;
mod old_rows;
mod phone_calls;
mod plans;
mod rowless;
mod snapshots;
mod stories;
mod words_said;
