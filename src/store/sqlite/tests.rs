//! x
use super::*;
fn options(dir: &std::path::Path) -> OpenOptions {
    OpenOptions {
        path: dir.join("s.db"),
        mode: StoreMode::Test,
        create: true,
        mirror: true,
        alert_sinks: true,
        busy_timeout: Duration::from_secs(5),
    }
}
fn fresh() -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().expect("dir");
    let store = SqliteStore::open(options(dir.path())).expect("open");
    (dir, store)
}
crate::store::contract::contract! { fresh();
            guards::no_change_breaks_an_invariant,
            guards::what_is_final_stays_final,
            guards::identities_are_unique,
            guards::every_word_of_the_domain_can_be_stored,
}
