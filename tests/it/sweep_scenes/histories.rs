//! A store that was restored from a copy, while the engine that finds out what it lost dies.

use super::*;

impl Play {
    /// The copy is of before the second text; each start looks for it, and dies on the way.
    pub(super) fn histories(&mut self) {
        let process = self.stage.serve_armed(&[]);
        let call = self.name("twice");
        self.stage.dispatch(&call, "twice");
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(call.clone());
        self.stage.delivered(&call, 1);
        let (store, copy) = (self.stage.shop.path("shop.db"), self.stage.shop.path("copy.db"));
        let newest = {
            let from = rusqlite::Connection::open(&store).expect("it opens");
            from.execute("VACUUM INTO ?1", [copy.to_str().expect("plain")]).expect("copied");
            from.query_row("SELECT max(at) FROM log", [], |r| r.get::<_, i64>(0)).expect("read")
        };
        self.stage.delivered(&call, 2);
        process.kill();
        for file in ["shop.db-wal", "shop.db-shm"] {
            drop(std::fs::remove_file(self.stage.shop.path(file)));
        }
        std::fs::rename(&copy, &store).expect("restored");
        rusqlite::Connection::open(&store)
            .expect("it opens")
            .execute(
                "INSERT INTO meta (key, value) VALUES ('history_doubt', ?1)",
                [format!("{newest} it was restored from a copy")],
            )
            .expect("noted");
        for _ in 0..self.job.rounds {
            let process = self.stage.start_armed(&self.armed());
            self.dies(process);
        }
    }
}
