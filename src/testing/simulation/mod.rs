//! Histories that no scenario thought of: a world of pure steps in memory, drawn from a seed.
//!
//! Two or three processes with clocks and a lease of their own, a provider whose receipts and lists lag, people who answer, an
//! operator who decides, crashes between any two steps, repeats, reorderings. Each decision is the real pure step; each commit is held
//! against [`promises`], the end by [`judge`]. No store, no runtime: a thousand histories take about a second of one core.
//!
//! One history again, told: `DISPATCHCTL_HISTORY=SEED cargo test --lib simulation::tests::one -- --nocapture --ignored`. What broke is
//! cut down by itself; its tape joins `corpus.txt`, which every run of the tests plays. A million, at more than 100,000 a minute on two
//! cores (the release profile is made for a small binary):
//!
//! ```sh
//! DISPATCHCTL_HISTORIES=1000000 cargo test --release --config 'profile.release.package.dispatchctl.opt-level=3' \
//!   --lib simulation::tests::many_histories -- --nocapture --ignored
//! ```
//!
//! # What it finds
//!
//! Faults that were put into the decisions by hand, one at a time, and the number of histories after which each was found, from five
//! seeds (median; none was missed). 15,000 histories without a fault held then; the promises about resends, numbers that failed and
//! texts that wait came later.
//!
//! | Fault | Histories |
//! |---|---|
//! | replies: whoever passes is not left out | 2 |
//! | replies: a text that comes again counts again | 2 |
//! | ladder: after several missed steps what follows keeps its old time | 2,008 |
//! | ladder: the last resort is passed over | 2 |
//! | breaker: that of the account holds nobody | 17 |
//! | breaker: a probe does not put off the next one | 4 |
//! | unknown: the claim of an engine that is gone waits to be sent again | 15 |
//! | unknown: the policy decides at the first search in vain | 1 |
//! | holders: the turn before holds the duty | 1 |
//! | holders: an exception does not end | 11 |

pub(crate) mod chance;
mod judge;
mod memory;
mod promises;
mod provider;
pub(crate) mod runner;
mod shop;
mod spending;
mod states;
mod telling;
#[cfg(test)]
mod tests;
mod work;
mod world;
