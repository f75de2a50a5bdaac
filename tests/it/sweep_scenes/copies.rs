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
        for _ in 0..self.job.rounds {
            self.command_dies(&["store", "restore", COPY, "--force"]);
            self.stage.shop.expect(0, &["store", "check"]);
            self.stage.shop.expect(0, &["store", "restore", COPY, "--force"]);
            self.stage.shop.expect(0, &["store", "check"]);
            assert!(!self.stage.shop.path("shop.db.restoring.part").exists(), "half a store is left");
        }
    }

    /// Calls that are over are pruned beside an engine by a command that dies on the way: each is whole or pruned, and the next one
    /// goes on.
    pub(super) fn prunes(&mut self) {
        let process = self.stage.serve_armed(&[]);
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
            self.command_dies(&["store", "prune", "--older-than", "2d"]);
            self.stage.shop.expect(0, &["store", "check"]);
            self.stage.shop.expect(0, &["store", "prune", "--older-than", "2d"]);
            let story = self.stage.call(&call);
            assert!(!story.to_string().contains("Burst pipe"), "{story:#}");
            // What the judge compares by: its texts' references.
            assert!(!attempts(&story).is_empty(), "{story:#}");
        }
        process.kill();
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
