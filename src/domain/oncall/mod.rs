//! Who is on call: rotations, exceptions to them, calendars, and what they make together (`facts/oncall.md`).
//!
//! Everything here is a value that [`super::team::Directory`] holds; nothing here reads a clock. Days and weeks are whole local
//! days, and a boundary is a time of the wall clock, so that a change of the clock makes a shift longer or shorter, never a gap.

pub(crate) mod calendar;
pub(crate) mod holders;
pub(crate) mod instant;
pub(crate) mod outlook;
pub(crate) mod overrides;
pub(crate) mod roll_call;
pub(crate) mod rotation;
pub(crate) mod rules;
pub(crate) mod sample;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_ahead;
#[cfg(test)]
mod tests_rules;
pub(crate) mod timeline;
pub(crate) mod typed;
pub(crate) mod warnings;

pub use calendar::{CalendarPart, CalendarRules, CalendarShift, CalendarShifts};
#[cfg(test)]
pub use holders::Why;
pub use holders::{Holder, HoldersInOrder};
pub use overrides::{DutyOverride, OverrideId, OverrideKind, OverrideScope};
pub use rotation::{MemberList, Rotation, RotationId, Shift};
pub use rules::OnCallRules;
