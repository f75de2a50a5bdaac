//! All chance of a history: a tape of numbers, drawn from a seed or given. What is drawn behind its end is 0, and 0 is always the
//! plainest thing: so a history shrinks by cutting its tape and by setting parts of it to 0.

use std::fmt;
use std::str::FromStr;

/// Where a history's chance comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Seed(u64),
    Tape(Vec<u32>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "{seed}"),
            Self::Tape(tape) => {
                let same = |a: &u32, b: &u32| a == b;
                let words = tape.chunk_by(same).map(|run| match run {
                    [one] => format!("{one:x}"),
                    run => format!("{:x}*{}", run[0], run.len()),
                });
                write!(f, "tape:{}", words.collect::<Vec<_>>().join("."))
            }
        }
    }
}

impl FromStr for Source {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("tape:") {
            None => text.parse().map(Self::Seed).map_err(|e| format!("{text:?} is no seed: {e}")),
            Some("") => Ok(Self::Tape(Vec::new())),
            Some(words) => {
                let run = |word: &str| -> Result<Vec<u32>, std::num::ParseIntError> {
                    let (one, times) = word.split_once('*').unwrap_or((word, "1"));
                    Ok(vec![u32::from_str_radix(one, 16)?; times.parse()?])
                };
                let tape: Result<Vec<Vec<u32>>, _> = words.split('.').map(run).collect();
                tape.map(|runs| Self::Tape(runs.concat())).map_err(|e| format!("{text:?} is no tape: {e}"))
            }
        }
    }
}

/// Draws from a [`Source`] and remembers what was drawn.
pub(crate) struct Chance {
    state: u64,
    tape: Vec<u32>,
    at: usize,
    is_given: bool,
}

impl Chance {
    pub(crate) fn new(source: &Source) -> Self {
        match source {
            Source::Seed(seed) => Self { state: *seed, tape: Vec::new(), at: 0, is_given: false },
            Source::Tape(tape) => Self { state: 0, tape: tape.clone(), at: 0, is_given: true },
        }
    }

    /// Everything that was drawn.
    pub(crate) fn drawn(self) -> Vec<u32> {
        let Self { mut tape, at, .. } = self;
        tape.truncate(at);
        tape
    }

    /// A number below `n`; 0 where `n` is 0.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        let n = n.max(1);
        let drawn = match self.tape.get(self.at) {
            Some(given) => given % n,
            None if self.is_given => 0,
            None => {
                self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let drawn = mixed(self.state, n);
                self.tape.push(drawn);
                drawn
            }
        };
        self.at += 1;
        drawn
    }

    /// One of these, as [`Chance::pick`], of which what is drawn from a seed later does not depend: without it the seed's history is what it
    /// was before there was such a choice. Only before anything else is drawn.
    pub(crate) fn pick_aside<T: Copy>(&mut self, from: &[(u32, T)]) -> T {
        let n: u32 = from.iter().map(|(weight, _)| weight).sum();
        if !self.is_given {
            self.tape.push(mixed(self.state ^ 0x5350_454E_4400_0001_u64.wrapping_add(self.at as u64), n));
        }
        let drawn = self.tape.get(self.at).map_or(0, |given| given % n.max(1));
        self.at += 1;
        one_of(from, drawn)
    }

    /// From `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::from(self.below(u32::try_from(to - from + 1).unwrap_or(u32::MAX)))
    }

    /// Once in `n` times; never, where `n` is 0.
    pub(crate) fn once_in(&mut self, n: u32) -> bool {
        n > 0 && self.below(n) == n - 1
    }

    /// One of these, by weight; the first is the plainest.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[(u32, T)]) -> T {
        let at = self.below(from.iter().map(|(weight, _)| weight).sum());
        one_of(from, at)
    }
}

fn one_of<T: Copy>(from: &[(u32, T)], mut at: u32) -> T {
    for (weight, one) in from {
        match at.checked_sub(*weight) {
            None => return *one,
            Some(left) => at = left,
        }
    }
    from[0].1
}

/// A number below `n`, by SplitMix64.
fn mixed(state: u64, n: u32) -> u32 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u32::try_from((z ^ (z >> 31)) % u64::from(n)).unwrap_or(0)
}
