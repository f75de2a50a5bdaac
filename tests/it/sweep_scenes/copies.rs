//! Copies of a store while the command that makes or restores one dies.

use super::*;

const COPY: &str = "copies/copy.db";

impl Play {
    /// A copy is made beside an engine, and dies on the way; what was at its place is there or a whole copy is.
    pub(super) fn backups(&mut self) {
        let process = self.stage.serve_armed(&[]);
        self.one_call();
        std::fs::create_dir(self.stage.shop.path("copies")).expect("made");
        for round in 0..self.job.rounds {
            self.command_dies(&["store", "backup", COPY, "--force"]);
            let there = self.stage.shop.path(COPY).exists();
            assert_eq!(there, round > 0, "the one from before, or none");
            if there {
                self.is_whole(COPY);
            }
            self.stage.shop.expect(0, &["store", "backup", COPY, "--force"]);
            self.is_whole(COPY);
            assert!(!self.stage.shop.path(&format!("{COPY}.part")).exists(), "half a copy is left");
        }
        process.kill();
    }

    /// A copy takes the place of the store that it was made of, and dies on the way: one of the two is there, whole.
    pub(super) fn restores(&mut self) {
        let process = self.stage.serve_armed(&[]);
        self.one_call();
        std::fs::create_dir(self.stage.shop.path("copies")).expect("made");
        self.stage.shop.expect(0, &["store", "backup", COPY]);
        process.kill();
        let is_damaged = self.job.point == "restore.log-moved";
        for round in 0..self.job.rounds {
            let damage = format!("no database any more, for the time {round}. ").repeat(200);
            // A journal that SQLite takes for over: it lets that one lie.
            let log = format!("\0{damage}");
            if is_damaged {
                std::fs::write(self.stage.shop.path("shop.db"), &damage).expect("damaged");
                std::fs::write(self.stage.shop.path("shop.db-journal"), &log).expect("with a log");
            }
            self.command_dies(&["store", "restore", COPY, "--force"]);
            if is_damaged {
                // Both parts of what was there are there, under whatever names.
                assert_eq!(
                    (self.files_of(&damage), self.files_of(&log)),
                    (1, 1),
                    "a part of the damaged store is lost"
                );
            } else {
                self.stage.shop.expect(0, &["store", "check"]);
            }
            self.stage.shop.expect(0, &["store", "restore", COPY, "--force"]);
            self.stage.shop.expect(0, &["store", "check"]);
            assert!(!self.stage.shop.path("shop.db.restoring.part").exists(), "half a store is left");
            let kept = self.files_of(&damage) + self.files_of(&log);
            assert!(!is_damaged || kept == 2, "the damaged store is kept");
        }
    }

    /// Calls that are over are pruned beside an engine by a command that dies on the way: each is whole or pruned, and the next one
    /// goes on. Where no engine lives the file is written anew as well.
    pub(super) fn prunes(&mut self) {
        let is_alone = self.job.point.contains("rewr");
        let mut process = Some(self.stage.serve_armed(&[]));
        for _ in 0..self.job.rounds {
            self.one_call();
            let (call, _) = self.calls.last().cloned().expect("a call");
            self.stage.shop.expect(0, &["resolve", &call]);
            let rests = |a: &Value| matches!(text(a, "attemptState"), "delivered" | "skipped" | "cancelled");
            self.stage.until_call(&call, "its stand-down is out", |c| attempts(c).iter().all(rests));
            let long_ago = rusqlite::Connection::open(self.stage.shop.path("shop.db")).expect("opens");
            long_ago.busy_timeout(Duration::from_secs(10)).expect("timeout");
            long_ago
                .execute("UPDATE calls SET closed_at = 1000 WHERE id = ?1", [&call])
                .expect("it has been over for long");
            if is_alone && let Some(engine) = process.take() {
                engine.kill();
            }
            self.command_dies(&["store", "prune", "--older-than", "2d"]);
            self.stage.shop.expect(0, &["store", "check"]);
            self.stage.shop.expect(0, &["store", "prune", "--older-than", "2d"]);
            process = process.or_else(|| Some(self.stage.serve_armed(&[])));
            let story = self.stage.call(&call);
            assert!(!story.to_string().contains("Burst pipe"), "{story:#}");
            // What the judge compares by: its texts' references.
            assert!(!attempts(&story).is_empty(), "{story:#}");
        }
        if let Some(engine) = process {
            engine.kill();
        }
        // However each of them ended: what it pruned is counted once, in the log or beside it.
        let store = rusqlite::Connection::open(self.stage.shop.path("shop.db")).expect("opens");
        let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("counted");
        let said = count("SELECT coalesce(sum(json_extract(data, '$.calls')), 0) FROM log WHERE kind = 'store.pruned'");
        let kept =
            count("SELECT coalesce(sum(json_extract(value, '$.calls')), 0) FROM meta WHERE key LIKE 'pruning:%'");
        assert_eq!(said + kept, count("SELECT count(*) FROM calls WHERE pruned_at IS NOT NULL"), "{said} and {kept}");
    }

    /// How many files, two names of one counted once, hold just this.
    fn files_of(&self, content: &str) -> usize {
        use std::os::unix::fs::MetadataExt as _;
        let all = std::fs::read_dir(self.stage.shop.path("")).expect("listed");
        let paths = all.map(|e| e.expect("an entry").path()).filter(|p| p.is_file());
        let theirs = paths.filter(|p| std::fs::read(p).is_ok_and(|bytes| bytes == content.as_bytes()));
        theirs.map(|p| p.metadata().expect("there").ino()).collect::<BTreeSet<_>>().len()
    }

    fn one_call(&mut self) {
        let call = self.name("once");
        self.stage.dispatch(&call, "once");
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(call.clone());
        self.stage.delivered(&call, 1);
    }

    fn command_dies(&mut self, args: &[&str]) {
        let mut command = self.stage.shop.command(args);
        command.env(FAILPOINT, self.job.point);
        let name = self.stage.next_name();
        let process = crate::support::process::Process::start(&mut command, &self.stage.shop.path(""), &name);
        self.dies(process);
    }

    fn is_whole(&self, copy: &str) {
        let run = self.stage.shop.run_as_is(&["--test-mode", "--store", copy, "store", "check"]);
        assert_eq!(run.code, 0, "{run:?}");
        for end in ["-wal", "-shm", ".lock"] {
            drop(std::fs::remove_file(self.stage.shop.path(&format!("{copy}{end}"))));
        }
    }
}
