//! The only source of ids and chance, seedable so that a run can be repeated.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::Uuid;

use crate::domain::types::{CallRef, REFERENCE_ALPHABET, Timestamp};

/// A secret that nobody can guess: 32 bytes of the operating system's chance, in hex.
pub fn secret() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Makes ids, references and jitter.
pub struct Ids {
    rng: Mutex<SmallRng>,
}

impl Ids {
    /// Seeded by the operating system.
    pub fn random() -> Self {
        Self { rng: Mutex::new(rand::make_rng()) }
    }

    /// A repeatable source.
    pub fn seeded(seed: u64) -> Self {
        Self { rng: Mutex::new(SmallRng::seed_from_u64(seed)) }
    }

    fn with<T>(&self, f: impl FnOnce(&mut SmallRng) -> T) -> T {
        f(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A UUIDv7: its first 48 bits are `now`, so ids sort by time.
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let bytes: [u8; 10] = self.with(|r| r.random());
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.as_millis()).unwrap_or(0), &bytes).into_uuid()
    }

    /// 32 bytes for a key: by the operating system's own chance, whatever this source is seeded with.
    pub fn key() -> [u8; 32] {
        let mut rng: SmallRng = rand::make_rng();
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            let bytes: [u8; 8] = rng.random();
            part.copy_from_slice(&bytes);
        }
        key
    }

    /// A reference that may be taken already: the store decides. Holds at least one digit, so it is never a word.
    pub fn reference(&self) -> CallRef {
        loop {
            let text: String = self.with(|r| {
                (0..4)
                    .map(|_| {
                        char::from(
                            REFERENCE_ALPHABET
                                .get(r.random_range(0..REFERENCE_ALPHABET.len()))
                                .copied()
                                .unwrap_or(b'7'),
                        )
                    })
                    .collect()
            });
            if text.bytes().any(|b| b.is_ascii_digit())
                && let Ok(r) = text.parse()
            {
                return r;
            }
        }
    }

    /// Somewhere between half of `d` and `d`: spreads retries that would otherwise fall together.
    pub fn jittered(&self, d: Duration) -> Duration {
        let share: f64 = self.with(|r| r.random_range(0.5..=1.0));
        d.mul_f64(share)
    }

    /// A whole number below `n` (0 where `n` is 0).
    pub fn below(&self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.with(|r| r.random_range(0..n)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_a_run_and_ids_carry_their_time() {
        let (a, b) = (Ids::seeded(7), Ids::seeded(7));
        let t = Timestamp::from_millis(1_795_313_040_000);
        assert_eq!((a.uuid(t), a.reference()), (b.uuid(t), b.reference()));
        assert_ne!(a.uuid(t), a.uuid(t));
        assert!(a.uuid(t) < a.uuid(t.plus(Duration::from_millis(1))));
        assert_eq!(a.uuid(t).get_version_num(), 7);
        let j = a.jittered(Duration::from_secs(10));
        assert!(j >= Duration::from_secs(5) && j <= Duration::from_secs(10), "{j:?}");
    }
}
