//! The phone calls of a live test, where they are asked for: how many, and what they may cost.

use std::time::Duration;

use crate::config::Config;
use crate::domain::types::Sender;

use super::plan::{LiveRefusal, Wishes};

/// What a started minute costs where no flag says otherwise, in US dollars: a third party's figure for the United States
/// (`facts/twilio-voice.md` §10). UNVERIFIED, and always shown as such.
pub const PRICE_UNVERIFIED: f64 = 0.014;
/// A phone whose mailbox answered, or that nobody answered, is rung once more.
const RINGS_MAX: u32 = 2;
/// Started minutes of one phone call at most: the provider ends it after 180 s.
const MINUTES_MAX: u32 = 3;
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

#[cfg(test)]
mod tests {
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
        // Two numbers, twice each, three minutes: 12 × 0.014.
        for want in ["at most 4 × 3", "0.1680 US$", "UNVERIFIED", "rings once more"] {
            assert!(said.contains(want), "{want}: {said}");
        }
        let priced = Wishes { price_per_minute: Some(0.5), ..wishes() };
        let said = LivePlan::of(&config(TWO), &priced).expect("a plan").lines().join("\n");
        assert!(said.contains("6.0000 US$") && said.contains("as given by --price-per-minute"), "{said}");
        let none = LivePlan::of(&config(&TWO.replace("from =", "# from =")), &wishes()).expect_err("no number");
        assert!(none.what.contains("no phone can be rung") && none.hint.contains("voice.from"), "{none:?}");
        let unasked = LivePlan::of(&config(TWO), &Wishes::default()).expect("a plan").lines().join("\n");
        assert!(!unasked.contains("rung") && !unasked.contains("phone calls:"), "{unasked}");
    }
}
