//! What is true after the deaths: the provider's ledger against the store.

use super::*;

impl Play {
    /// What was committed before its engine died is there, once; what was not is not there in part.
    fn judge_overrides(&self, row: &mut Row) {
        let listed = self.stage.get("/api/oncall/overrides");
        let all = listed["overrides"].as_array().expect("exceptions");
        for n in 0..self.kills {
            let note = format!("swap {n}");
            let mine: Vec<&Value> = all.iter().filter(|o| text(o, "note") == note).collect();
            let withdrawn = mine.iter().filter(|o| o["withdrawnAt"].is_string()).count();
            let want = match self.job.point {
                "override.before-commit" => (0, 0),
                "override.committed" | "withdrawal.before-commit" => (1, 0),
                _ => (1, 1),
            };
            if (mine.len(), withdrawn) != want {
                row.lost += 1;
                row.wrong.push(format!("{note}: {} made and {withdrawn} withdrawn, not {want:?}", mine.len()));
            }
        }
    }

    /// A version that was committed is told of once; of those that were read alone the last counts.
    fn judge_calendar(&self, row: &mut Row) {
        let said = |n: usize| format!("the calendar of spare says something else: {} coming shifts", n + 10);
        let count = |log: &str, n: usize| log.lines().filter(|line| line.contains(&said(n))).count();
        let last = self.kills - 1;
        let log = until("the last version", || {
            let log = self.stage.shop.expect(0, &["log", "--limit", "100000"]).stdout;
            (count(&log, last) > 0).then_some(log)
        });
        for n in 0..self.kills {
            let want = usize::from(n == last || self.job.point == "calendar.committed");
            if count(&log, n) != want {
                row.lost += 1;
                row.wrong.push(format!("version {n} is told of {} times, not {want}", count(&log, n)));
            }
        }
    }

    /// Starts the engine once more, lets everything come to rest, and holds the ledger against the store.
    pub(super) fn judge(self) -> Row {
        let scene = Scene::of(self.job.point);
        let _serve =
            if scene == Scene::CallList { self.stage.serve_armed(&[LISTS]) } else { self.stage.serve_armed(&[]) };
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut row = Row { kills: self.kills, ..Row::default() };
        // Whoever got no answer asks again: it exists, or it is made now.
        for (call, level) in &self.calls {
            if scene == Scene::Report {
                let again = self.stage.report(call);
                if again != Some(200) {
                    row.lost += 1;
                    row.wrong.push(format!("{call} was reported again, and answered {again:?}"));
                }
                continue;
            }
            let again = self.stage.post("/api/dispatch/manual", &body(call, level)).expect("an answer");
            if !matches!(again.status, 200..=202) || (answered.contains(call) && again.status != 200) {
                row.lost += 1;
                row.wrong.push(format!("{call} was answered with success and is not there: {again:?}"));
            }
        }
        let wanted = |c: &Value| {
            let twice = entries(c, "call.accepted").iter().any(|e| text(&e["data"], "level") == "twice");
            if twice { 2 } else { 1 }
        };
        let stories = until("everything has come to rest", || {
            let all = self.stage.stories();
            let rests = |c: &Value| {
                let taken = !self.replied.contains(text(c, "callId")) || text(c, "status") == "ACKNOWLEDGED";
                taken && attempts(c).iter().all(|a| at_rest(c, a)) && notices(c).len() >= wanted(c)
            };
            all.iter().all(rests).then_some(all)
        });
        let asked = if scene == Scene::RollCall { self.rested_roll_calls() } else { Vec::new() };
        let texts = if scene == Scene::AlertText { self.rested_alert_texts() } else { Vec::new() };
        let ledger = self.stage.ledger();
        let mut by_reference: BTreeMap<String, usize> = BTreeMap::new();
        for m in ledger.texts() {
            let reference = text(m, "body").split(' ').next().unwrap_or_default();
            *by_reference.entry(reference.to_owned()).or_default() += 1;
        }
        for call in &stories {
            for (notice, of) in notices(call) {
                let sent: usize = of.iter().map(|a| by_reference.get(text(a, "reference")).copied().unwrap_or(0)).sum();
                let unknown = of.iter().all(|a| text(a, "attemptState") == "unknown");
                let what = format!("{} step {} {}", text(call, "callId"), notice.1, notice.2);
                match (sent, unknown) {
                    (1, false) => row.recovered += 1,
                    (0, true) | (1, true) => row.unknown += 1,
                    (0, false) => {
                        row.lost += 1;
                        row.wrong.push(format!("{what}: no message, and it does not show"));
                    }
                    // Callbacks come and the list is true: whatever was accepted is found out, so none is sent again.
                    (n, _) => {
                        row.doubled += 1;
                        row.wrong.push(format!("{what}: {n} messages"));
                    }
                }
            }
            let (id, taken) = (text(call, "callId"), entries(call, "call.acknowledged").len());
            if taken != usize::from(self.replied.contains(id)) {
                row.unexpected += 1;
                row.wrong.push(format!("{id} was taken {taken} times"));
            }
        }
        let asked = Self::judge_roll_calls(asked, &by_reference, &mut row);
        let texts = Self::judge_alert_texts(texts, &by_reference, &mut row);
        for wrong in ledger.wrongs(&[stories.clone(), asked, texts].concat()) {
            row.unexpected += 1;
            row.wrong.push(wrong);
        }
        if stories.len() != self.calls.len() {
            row.lost += 1;
            row.wrong.push(format!("{} calls were handed over, {} are there", self.calls.len(), stories.len()));
        }
        if scene == Scene::Override {
            self.judge_overrides(&mut row);
        }
        if scene == Scene::Calendar {
            self.judge_calendar(&mut row);
        }
        self.judge_alerts(&mut row);
        if scene == Scene::CallList {
            self.judge_lists(&mut row);
        }
        if Scene::of(self.job.point) == Scene::Mirror {
            self.judge_base(&mut row);
        }
        row
    }

    /// The base has each dispatch event once, as it is, and that is proven.
    fn judge_base(&self, row: &mut Row) {
        until("what the base was told is proven", || (self.stage.mirror_figures().unverified == 0).then_some(()));
        let run = self.stage.shop.run(&["verify-events", "-o", "json"]);
        if run.code != 0 || run.json()["findings"] != json!([]) {
            row.lost += 1;
            row.wrong.push(format!("the base differs: {run:?}"));
        }
    }

    /// Each phone call that nobody reported was alarmed, once.
    fn judge_lists(&self, row: &mut Row) {
        let many = |id: &str| {
            let log = self.stage.get("/api/log?limit=1000");
            let all = log["entries"].as_array().cloned().unwrap_or_default();
            all.iter().filter(|e| e["kind"] == "call.missed" && text(e, "callId") == id).count()
        };
        for n in 0..self.job.rounds {
            let id = format!("retell:m{n}");
            until(&format!("{id} is alarmed"), || (many(&id) > 0).then_some(()));
            if many(&id) != 1 {
                row.doubled += 1;
                row.wrong.push(format!("{id} was alarmed {} times", many(&id)));
            }
        }
    }

    /// Every alert that was raised was heard, or was over before anybody could hear of it.
    fn judge_alerts(&self, row: &mut Row) {
        let log = self.stage.get("/api/log?limit=1000");
        let log = log["entries"].as_array().cloned().unwrap_or_default();
        let keys = |kind: &str| -> BTreeSet<String> {
            log.iter().filter(|e| e["kind"] == kind).map(|e| text(&e["data"], "key").to_owned()).collect()
        };
        let (raised, over) = (keys("alert.raised"), keys("alert.resolved"));
        if Scene::of(self.job.point) == Scene::Alert {
            assert!(!raised.is_empty(), "nothing was raised");
        }
        let heard = until("every alert is heard", || {
            let heard = self.sink.heard();
            raised.iter().all(|k| heard.contains(k) || over.contains(k)).then_some(heard)
        });
        row.lost += raised.iter().filter(|k| !heard.contains(*k) && !over.contains(*k)).count();
    }
}

/// Final, or unknown for good.
fn at_rest(call: &Value, attempt: &Value) -> bool {
    let decided = |e: &&Value| e["attemptId"] == attempt["attemptId"] && text(e, "message").contains("stays unknown");
    match text(attempt, "attemptState") {
        "delivered" | "failed" | "skipped" | "cancelled" => true,
        "unknown" => entries(call, "attempt.unknown").iter().any(decided),
        _ => false,
    }
}

type Notice = (u64, u64, String);

/// The attempts of each notice.
fn notices(call: &Value) -> BTreeMap<Notice, Vec<&Value>> {
    let mut all: BTreeMap<Notice, Vec<&Value>> = BTreeMap::new();
    for a in attempts(call).iter().filter(|a| a["kind"] == "notice") {
        let key = (a["round"].as_u64().unwrap_or(0), a["step"].as_u64().unwrap_or(0), text(a, "contact").to_owned());
        all.entry(key).or_default().push(a);
    }
    all
}
