//! The phone calls of a live test, where they are asked for: what they may cost, and the row that judges them.

use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::domain::types::Sender;

use super::super::documents::{list, text};
use super::super::outcome::{Check, Outcome};
use super::plan::{LiveRefusal, Wishes};
use super::rows;

/// What a started minute costs where no flag says otherwise, in US dollars: a third party's figure for the United States
/// (`facts/twilio-voice.md` §10). UNVERIFIED, and always shown as such.
pub const PRICE_UNVERIFIED: f64 = 0.014;
/// A phone whose mailbox answered, or that nobody answered, is rung once more.
const RINGS_MAX: u32 = 2;
/// Started minutes of one phone call at most: three turns of about 30 s.
const MINUTES_MAX: u32 = 2;
/// How long both phone calls to one number take at most, rate and pauses included.
pub(super) const TAKES_MAX: Duration = Duration::from_secs(300);

/// The phone calls of a plan.
#[derive(Debug, Clone)]
pub struct VoicePlan {
    /// The number that they come from.
    pub from: Sender,
    /// Phone calls in a second.
    pub(super) per_second: f64,
    /// How long a phone rings.
    pub(super) timeout: Duration,
    /// A started minute, in US dollars.
    pub price: f64,
    /// Whether a flag gave the price.
    pub price_given: bool,
    numbers: u32,
}

impl VoicePlan {
    /// `None`: they are not asked for.
    ///
    /// # Errors
    /// [`LiveRefusal`]: there is no number to ring from.
    pub(super) fn of(config: &Config, wishes: &Wishes, numbers: usize) -> Result<Option<Self>, LiveRefusal> {
        if !wishes.voice {
            return Ok(None);
        }
        let Some(from) = config.directory.voice_from.clone() else {
            return Err(LiveRefusal::new(
                "no phone can be rung: there is no number that phone calls come from",
                "set voice.from to a number of the account that can make phone calls, or leave out --voice",
            ));
        };
        Ok(Some(Self {
            from,
            per_second: config.voice.per_second,
            timeout: config.voice.timeout,
            price: wishes.price_per_minute.unwrap_or(PRICE_UNVERIFIED),
            price_given: wishes.price_per_minute.is_some(),
            numbers: u32::try_from(numbers).unwrap_or(u32::MAX),
        }))
    }

    /// How many phone calls at most.
    pub fn phone_calls(&self) -> u32 {
        self.numbers.saturating_mul(RINGS_MAX)
    }

    /// The estimate at most, in US dollars.
    pub fn cost(&self) -> f64 {
        f64::from(self.phone_calls().saturating_mul(MINUTES_MAX)) * self.price
    }

    pub(super) fn lines(&self) -> [String; 2] {
        let source = if self.price_given {
            "as given by --price-per-minute"
        } else {
            "UNVERIFIED; give your own with --price-per-minute"
        };
        let (from, most) = (crate::domain::phone::masked(self.from.as_str()), self.phone_calls());
        [
            format!(
                "  in the end each number is rung from {from}: press 1, or let it ring; without a key it rings once more after 45 s"
            ),
            format!(
                "cost of the phone calls: an estimate: at most {most} × {MINUTES_MAX} started minutes × {} US$ ({source}) = {:.4} US$; \
                 one that is not answered costs nothing",
                self.price,
                self.cost()
            ),
        ]
    }
}

/// Attempts by phone.
fn rung(story: &Value) -> impl Iterator<Item = &Value> {
    list(story, "attempts").iter().filter(|a| text(a, "channel") == "voice")
}

/// What the provider has of a call that was rung, as it was asked in the end: by SID, its word for where it stands.
pub(super) type Found = std::collections::BTreeMap<String, Result<String, String>>;

/// The row of the phone calls to so many numbers. `story`: of their call; `error`: why they were not played to their end.
pub(super) fn row(numbers: usize, story: Option<&Value>, found: &Found, error: Option<&str>) -> Outcome {
    let mut o = rows::row("live-voice", "A phone rings, and what became of it is known", "none");
    if let Some(e) = error {
        o.checks.push(Check::of("the phone calls are played to their end", false, e));
    }
    let Some(story) = story else {
        if o.checks.is_empty() {
            o.checks.push(Check::of("a call is dispatched", false, "it was not"));
        }
        return o;
    };
    let was_taken = text(story, "status") == "ACKNOWLEDGED";
    for a in rung(story) {
        let (to, sid) = (crate::domain::phone::masked(text(a, "to")), text(a, "sid"));
        let (state, result) = (text(a, "attemptState"), text(a, "result"));
        // Whoever pressed 1 ends those of the others, placed or not.
        let ended_by_a_key = was_taken && matches!(state, "skipped" | "cancelled");
        o.checks.push(Check::of(format!("the phone call to {to} is placed"), !sid.is_empty() || ended_by_a_key, state));
        let is_over = matches!(state, "delivered" | "failed" | "skipped" | "cancelled");
        o.checks.push(Check::of(format!("what became of it is known: {state} {result}"), is_over, state));
        if sid.is_empty() {
            continue;
        }
        let is_there = found.get(sid);
        let said = match is_there {
            Some(Ok(status)) => status.clone(),
            Some(Err(e)) => e.clone(),
            None => "it was not asked".into(),
        };
        o.checks.push(Check::of(format!("the provider has it: {said}"), matches!(is_there, Some(Ok(_))), said));
    }
    let first = rung(story).filter(|a| a.get("repeats").is_none_or(Value::is_null)).count();
    let enough = first == numbers || (was_taken && first > 0);
    o.checks.push(Check::of("every number is rung", enough, format!("{first} of {numbers}")));
    o
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::plan::LivePlan;
    use super::super::tests::config;
    use super::*;

    const TWO: &str = "[voice]\nfrom = \"+15005550006\"\n[test]\nnumbers = [\"+19495550101\", \"+19495550102\"]\n";

    fn wishes() -> Wishes {
        Wishes { voice: true, ..Wishes::default() }
    }

    #[test]
    fn phone_calls_are_shown_with_what_they_may_cost_and_need_a_number() {
        let plan = LivePlan::of(&config(TWO), &wishes()).expect("a plan");
        let said = plan.lines().join("\n");
        // Two numbers, twice each, two minutes: 8 × 0.014.
        for want in ["at most 4 × 2", "0.1120 US$", "UNVERIFIED", "rings once more"] {
            assert!(said.contains(want), "{want}: {said}");
        }
        let priced = Wishes { price_per_minute: Some(0.5), ..wishes() };
        let said = LivePlan::of(&config(TWO), &priced).expect("a plan").lines().join("\n");
        assert!(said.contains("4.0000 US$") && said.contains("as given by --price-per-minute"), "{said}");
        let none = LivePlan::of(&config(&TWO.replace("from =", "# from =")), &wishes()).expect_err("no number");
        assert!(none.what.contains("no phone can be rung") && none.hint.contains("voice.from"), "{none:?}");
        let unasked = LivePlan::of(&config(TWO), &Wishes::default()).expect("a plan").lines().join("\n");
        assert!(!unasked.contains("rung") && !unasked.contains("phone calls:"), "{unasked}");
    }

    #[test]
    fn a_phone_call_of_which_nothing_is_known_is_red_and_one_that_a_key_ended_is_not() {
        let rung = |to: &str, sid: &str, state: &str| json!({ "channel": "voice", "to": to, "sid": sid, "attemptState": state, "repeats": null });
        let (first, second) = ("+19495550101", "+19495550102");
        let found: Found = [("CA1".to_owned(), Ok("completed".to_owned()))].into();
        let judged = |status: &str, attempts: Vec<Value>, error: Option<&str>| {
            let story = json!({ "status": status, "attempts": attempts });
            row(2, Some(&story), &found, error).held()
        };
        let answered = || rung(first, "CA1", "delivered");
        assert!(judged("ACKNOWLEDGED", vec![answered(), rung(second, "", "cancelled")], None));
        assert!(!judged("DISPATCHING", vec![answered()], None), "the other was not rung");
        assert!(!judged("ACKNOWLEDGED", vec![rung(first, "CA1", "submitted")], None), "not over");
        assert!(!judged("ACKNOWLEDGED", vec![rung(first, "CA2", "delivered")], None), "the provider does not have it");
        assert!(!judged("ACKNOWLEDGED", vec![answered()], Some("it ended early")));
        assert!(!row(2, None, &found, None).held());
    }
}
