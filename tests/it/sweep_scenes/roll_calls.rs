//! Roll calls while the engine dies: somebody is to be asked at once and again soon.

use super::*;

/// The line of the rotation: nobody dials it.
const LINE: &str = "+18005550177";

/// Sam begins a rotation that no ladder of the scene names.
pub(super) fn duties() -> String {
    format!(
        "[policies.spare]\nsteps = [ {{ wait = \"0s\", notify = [\"spare\"] }} ]\n[oncall]\nroll_call = \"-1m\"\n\
         roll_call_reply = \"1s\"\n[[rotations]]\nid = \"night\"\ntime_zone = \"America/Los_Angeles\"\nhandoff = \"08:00\"\n\
         every = \"52w\"\nstarts = \"2026-01-05\"\nmembers = [\"sam\"]\n[[lines]]\nnumber = {LINE:?}\nname = \"Acme\"\n\
         team = [ {{ rotation = \"night\", role = \"spare\" }} ]\n"
    )
}

impl Play {
    /// A start asks, and dies on the way.
    pub(super) fn roll_calls(&mut self) {
        if self.job.point.starts_with("roll-call-found") {
            self.stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
        }
        let process = self.stage.start_armed(&self.armed());
        self.dies(process);
    }

    /// Every roll call, once all are decided and their texts at rest.
    pub(super) fn rested_roll_calls(&self) -> Vec<Value> {
        let path = format!("/api/oncall?line=%2B{}", LINE.trim_start_matches('+'));
        until("every roll call is decided", || {
            let all = self.stage.get(&path)["rollCalls"].as_array().cloned().unwrap_or_default();
            let rests = |a: &Value| matches!(text(a, "attemptState"), "delivered" | "failed" | "skipped" | "unknown");
            let is_over = |r: &Value| text(r, "state") == "silent" && attempts(r).iter().all(rests);
            (all.len() == 1 && all.iter().all(is_over)).then_some(all)
        })
    }

    /// Whoever was to be asked was asked twice and each time once; as stories of calls are told, for the ledger's judge.
    pub(super) fn judge_roll_calls(
        all: Vec<Value>,
        by_reference: &BTreeMap<String, usize>,
        row: &mut Row,
    ) -> Vec<Value> {
        for r in &all {
            let asks = attempts(r).iter().filter(|a| text(a, "kind") == "roll-call").count();
            if asks != 2 {
                row.doubled += 1;
                row.wrong.push(format!("{} was asked {asks} times", text(r, "rotation")));
            }
            for a in attempts(r) {
                let reference = text(a, "reference");
                match (by_reference.get(reference).copied().unwrap_or(0), text(a, "attemptState")) {
                    (1, "delivered") => row.recovered += 1,
                    (0, "unknown") => row.unknown += 1,
                    (0, "skipped") => {}
                    (n, state) => {
                        row.lost += usize::from(n == 0);
                        row.doubled += usize::from(n > 1);
                        row.wrong.push(format!("{reference} is {state} and has {n} messages"));
                    }
                }
            }
        }
        let story =
            |r: Value| json!({ "callId": r["id"], "status": "ROLL-CALL", "attempts": r["attempts"], "log": [] });
        all.into_iter().map(story).collect()
    }
}
