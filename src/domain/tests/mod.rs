//! Decisions of the pure core, as tables and as every order of what the provider can say.

mod dial;
mod found;
mod late;
mod lateness;
mod orders;
mod replies;
mod reports;
mod settlements;
mod spending;
mod tables;
