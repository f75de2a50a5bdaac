//! The judge of `tests/checker/`, which knows nothing of the product: a storm's history is read by it here too.

#[path = "../checker/check.rs"]
pub(crate) mod check;
#[path = "../checker/history.rs"]
pub(crate) mod history;
