//! The sender's rate: a token bucket per sender, in segments. Twilio queues what comes faster, in order, behind which a first
//! notice would wait; so the order is ours as long as the rate is kept (`facts/twilio.md` §11).

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::mail::RELAY;

/// The bucket of every phone call: the provider's rate is that of the account (`facts/twilio-voice.md` §9).
pub const PHONE_CALLS: &str = "phone calls";

/// A look at a slot is worth a millisecond, and none is more than a day away, whatever rate is asked for.
const WAIT_MIN: Duration = Duration::from_millis(1);
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// Buckets by sender. Time is the boot clock's, so that a stepped wall clock neither floods nor stalls.
#[derive(Debug)]
pub struct Rates {
    per_second: f64,
    phone_calls_per_second: f64,
    buckets: HashMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// May be negative: a text of three segments takes three slots.
    tokens: f64,
    at: Duration,
}

impl Rates {
    /// `per_second` segments for every sender; 0 or less: unlimited.
    pub fn new(per_second: f64) -> Self {
        Self { per_second, phone_calls_per_second: 0.0, buckets: HashMap::new() }
    }

    /// The rates from now on, of texts and of phone calls; what a sender has saved up stays.
    pub fn set(&mut self, per_second: f64, phone_calls_per_second: f64) {
        (self.per_second, self.phone_calls_per_second) = (per_second, phone_calls_per_second);
    }

    /// Takes one slot, or says how long until there is one.
    ///
    /// # Errors
    /// The time to wait.
    pub fn take(&mut self, sender: &str, boot: Duration) -> Result<(), Duration> {
        let rate = if sender == PHONE_CALLS { self.phone_calls_per_second } else { self.per_second };
        if rate <= 0.0 || sender == RELAY {
            return Ok(());
        }
        // A rate below one a second still lets one go after its time.
        let burst = rate.max(1.0);
        let b = self.buckets.entry(sender.to_owned()).or_insert(Bucket { tokens: 1.0, at: boot });
        let elapsed = boot.saturating_sub(b.at).as_secs_f64();
        b.tokens = (b.tokens + elapsed * rate).min(burst);
        b.at = b.at.max(boot);
        if b.tokens >= 1.0 {
            b.tokens -= 1.0;
            return Ok(());
        }
        let wait = Duration::try_from_secs_f64((1.0 - b.tokens) / rate).unwrap_or(WAIT_MAX);
        Err(wait.clamp(WAIT_MIN, WAIT_MAX))
    }

    /// Whether there is a slot, or how long until there is one; takes nothing.
    ///
    /// # Errors
    /// The time to wait.
    pub fn ready(&mut self, sender: &str, boot: Duration) -> Result<(), Duration> {
        self.take(sender, boot)?;
        self.settle(sender, 0);
        Ok(())
    }

    /// Corrects a slot that was taken: `segments` went out in the end (0: none did).
    pub fn settle(&mut self, sender: &str, segments: u32) {
        if let Some(b) = self.buckets.get_mut(sender) {
            b.tokens += 1.0 - f64::from(segments);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_moment_gives_no_slot_a_second_time() {
        let mut r = Rates::new(1.0);
        let at = Duration::from_millis;
        assert_eq!((r.take("a", at(5000)), r.take("a", at(4000))), (Ok(()), Err(at(1000))));
        assert_eq!(r.take("a", at(5500)), Err(at(500)));
    }

    #[test]
    fn a_sender_keeps_its_rate_in_segments_and_others_are_not_held_up() {
        let mut r = Rates::new(1.0);
        let at = Duration::from_millis;
        assert_eq!(r.take("a", at(0)), Ok(()));
        assert_eq!(r.take("a", at(0)), Err(at(1000)));
        assert_eq!(r.take("b", at(0)), Ok(()));
        r.settle("a", 3);
        assert_eq!(r.take("a", at(1000)), Err(at(2000)));
        assert_eq!(r.take("a", at(3000)), Ok(()));
        r.settle("a", 0);
        assert_eq!(r.take("a", at(3000)), Ok(()));
        assert!(
            r.take("a", at(60_000)).is_ok() && r.take("a", at(60_000)).is_err(),
            "an idle hour saves up one slot, not many"
        );
    }

    #[test]
    fn a_look_takes_no_slot_and_says_how_long_there_is_none() {
        let mut r = Rates::new(1.0);
        for _ in 0..3 {
            assert_eq!(r.ready("a", Duration::ZERO), Ok(()));
        }
        assert_eq!(r.take("a", Duration::ZERO), Ok(()));
        assert_eq!(r.ready("a", Duration::ZERO), Err(Duration::from_secs(1)));
        assert_eq!(r.ready("a", Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn no_rate_and_no_text_makes_it_panic_or_wait_for_years() {
        let rates = [1e-300, 1e-20, f64::MIN_POSITIVE, 0.01, 1.0, 1e300, f64::INFINITY, f64::NAN, -1.0, -0.0];
        for rate in rates {
            let mut r = Rates::new(rate);
            for boot in [Duration::ZERO, Duration::from_secs(1), Duration::MAX, Duration::ZERO] {
                for segments in [0, 1, 3, u32::MAX] {
                    let waits = [r.take("a", boot), r.ready("a", boot)];
                    assert!(waits.iter().all(|w| w.is_ok() || w.is_err_and(|d| d <= WAIT_MAX)), "{rate}: {waits:?}");
                    r.settle("a", segments);
                }
            }
        }
    }

    #[test]
    fn zero_is_unlimited_and_half_is_one_in_two_seconds() {
        let mut r = Rates::new(0.0);
        assert!((0..1000).all(|_| r.take("a", Duration::ZERO).is_ok()));
        let mut r = Rates::new(0.5);
        assert_eq!(r.take("a", Duration::ZERO), Ok(()));
        assert_eq!(r.take("a", Duration::ZERO), Err(Duration::from_secs(2)));
        assert_eq!(r.take("a", Duration::from_secs(2)), Ok(()));
    }
}
