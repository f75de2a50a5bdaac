//! Roll calls while the engine dies: one rotation a death, so that somebody is to be asked at each start.

use super::*;

/// The line of the rotations: nobody dials it.
const LINE: &str = "+18005550177";

/// Sam begins each of so many rotations, and is asked at once and again soon.
pub(super) fn duties(rounds: usize) -> String {
    let names: Vec<String> = (0..rounds.max(1)).map(|n| format!("r{n}")).collect();
    let rotation = |name: &String| {
        format!(
            "[[rotations]]\nid = {name:?}\ntime_zone = \"America/Los_Angeles\"\nhandoff = \"08:00\"\nevery = \"52w\"\n\
             starts = \"2026-01-05\"\nmembers = [\"sam\"]\n"
        )
    };
    let team: Vec<String> = names.iter().map(|n| format!("{{ rotation = {n:?}, role = \"spare\" }}")).collect();
    let rotations: String = names.iter().map(rotation).collect();
    format!(
        "[policies.spare]\nsteps = [ {{ wait = \"0s\", notify = [\"spare\"] }} ]\n[oncall]\nroll_call = \"-1m\"\n\
         roll_call_reply = \"1s\"\n{rotations}[[lines]]\nnumber = {LINE:?}\nname = \"Acme\"\nteam = [ {} ]\n",
        team.join(", ")
    )
}

impl Play {
    /// Each start asks whoever was not asked yet, and goes on with who was.
    pub(super) fn roll_calls(&mut self) {
        if self.job.point.starts_with("roll-call-found") {
            self.stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
        }
        for _ in 0..self.job.rounds {
            let process = self.stage.start_armed(&self.armed());
            self.dies(process);
        }
    }

    /// Every roll call, once all are decided and their texts at rest.
    pub(super) fn rested_roll_calls(&self) -> Vec<Value> {
        let path = format!("/api/oncall?line=%2B{}&role=spare", LINE.trim_start_matches('+'));
        until("every roll call is decided", || {
            let all = self.stage.get(&path)["rollCalls"].as_array().cloned().unwrap_or_default();
            let rests = |a: &Value| matches!(text(a, "attemptState"), "delivered" | "failed" | "skipped" | "unknown");
            let is_over = |r: &Value| text(r, "state") == "silent" && attempts(r).iter().all(rests);
            (all.len() == self.job.rounds.max(1) && all.iter().all(is_over)).then_some(all)
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
