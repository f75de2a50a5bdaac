//! Alerts by text while the engine dies: a ladder ends at once and an owner is to be told.

use super::*;

/// An owner is told of pages by text. The ladder of the scene ends at once.
pub(super) const OWNERS: &str = "[alerts]\nowners = [\"lee\"]\n[[alerts.sinks]]\nkind = \"sms\"\nmin = \"page\"\n\
    [policies.brisk]\nsteps = [ { wait = \"0s\", notify = [\"primary\"] } ]\nexhaust_after = \"300ms\"\n";

impl Play {
    /// A ladder ends while the engine is armed, and it dies on the way of its alert.
    pub(super) fn alert_texts(&mut self) {
        if self.job.point.starts_with("alert-text-found") {
            self.stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
        }
        let mut process = self.stage.start_armed(&self.armed());
        if self.stage.ready_or_dead(&mut process) {
            drop(self.hand_over("brisk"));
        }
        self.dies(process);
    }

    /// Every text of an alert, once all are at rest: one that the provider has does not stay unknown.
    pub(super) fn rested_alert_texts(&self) -> Vec<Value> {
        until("every text of an alert is at rest", || {
            let run = self.stage.shop.run(&["alerts", "-o", "json"]);
            let all = run.json()["texts"].as_array().cloned().unwrap_or_default();
            let ledger = self.stage.ledger();
            let opens = |m: &&Value, a: &Value| text(m, "body").split(' ').next() == Some(text(a, "reference"));
            let rests = |a: &Value| match text(a, "attemptState") {
                "unknown" => !ledger.texts().iter().any(|m| opens(m, a)),
                state => matches!(state, "delivered" | "failed" | "skipped" | "cancelled"),
            };
            (!all.is_empty() && all.iter().all(rests)).then_some(all)
        })
    }

    /// The owner was told once; as the story of a call is told, for the ledger's judge.
    pub(super) fn judge_alert_texts(
        all: Vec<Value>,
        by_reference: &BTreeMap<String, usize>,
        row: &mut Row,
    ) -> Vec<Value> {
        for a in &all {
            let reference = text(a, "reference");
            match (by_reference.get(reference).copied().unwrap_or(0), text(a, "attemptState")) {
                (1, "delivered") => row.recovered += 1,
                (0, "unknown") => row.unknown += 1,
                (0, "skipped" | "cancelled") => {}
                (n, state) => {
                    row.lost += usize::from(n == 0);
                    row.doubled += usize::from(n > 1);
                    row.wrong.push(format!("{reference} is {state} and has {n} messages"));
                }
            }
        }
        if all.is_empty() {
            return Vec::new();
        }
        vec![json!({ "callId": "texts of alerts", "status": "ALERTS", "attempts": all, "log": [] })]
    }
}
