//! Breadth-first search of every state of a model: the shortest way to a state that is wrong, or to one that no way out leads on from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::{self, Display};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A system of states and the steps between them.
pub(super) trait Model {
    type State: Copy + Eq + Hash;
    type Step: Copy + Display;

    fn first(&self) -> Self::State;

    /// Each step that is possible, and where it leads.
    fn steps(&self, at: &Self::State, out: &mut Vec<(Self::Step, Self::State)>);

    /// Whether this step happens by itself in the end, with no fault and no help from outside.
    fn is_certain(&self, at: &Self::State, step: Self::Step) -> bool;

    /// What may never be.
    fn wrong(&self, at: &Self::State) -> Option<&'static str>;

    /// Everything is at an end that a person can see.
    fn is_settled(&self, at: &Self::State) -> bool;
}

/// What a whole search saw.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// The longest of the shortest ways from the first state.
    pub(super) depth: u32,
    pub(super) settled: usize,
    pub(super) found: Option<Counterexample>,
}

/// The shortest way to a state that breaks a promise.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) broken: &'static str,
    pub(super) steps: Vec<String>,
}

impl Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.broken)?;
        self.steps.iter().enumerate().try_for_each(|(n, step)| writeln!(f, "  {:>2}. {step}", n + 1))
    }
}

/// From which no certain step leads to an end that a person can see.
pub(super) const SILENT: &str = "a notice is silent for ever";

/// Multiplies and folds eight bytes at a time: the default hash takes half of a search in a debug build.
#[derive(Default)]
pub(super) struct FoldingHasher(u64);

impl Hasher for FoldingHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}

type Places<S> = HashMap<S, u32, BuildHasherDefault<FoldingHasher>>;

/// Searches all states; ends at the first wrong one.
pub(super) fn search<M: Model>(model: &M) -> Searched {
    let mut states = vec![model.first()];
    let mut places = Places::default();
    places.insert(states[0], 0);
    let mut came_by: Vec<Option<(u32, M::Step)>> = vec![None];
    let mut certain: Vec<(u32, u32)> = Vec::new();
    let (mut at, mut steps, mut out) = (0, 0, Vec::new());
    while at < states.len() {
        let state = states[at];
        if let Some(broken) = model.wrong(&state) {
            let found = Some(Counterexample { broken, steps: way_to::<M>(&came_by, at) });
            return Searched { states: states.len(), steps, depth: depth(&came_by), settled: 0, found };
        }
        out.clear();
        model.steps(&state, &mut out);
        steps += out.len();
        for (step, next) in out.drain(..) {
            let to = match places.entry(next) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let to = u32::try_from(states.len()).expect("fewer states than that");
                    new.insert(to);
                    states.push(next);
                    came_by.push(Some((at as u32, step)));
                    to
                }
            };
            if model.is_certain(&state, step) {
                certain.push((to, at as u32));
            }
        }
        at += 1;
    }
    let settled: Vec<u32> = (0..states.len() as u32).filter(|n| model.is_settled(&states[*n as usize])).collect();
    let found = never_settled(states.len(), &settled, certain)
        .map(|at| Counterexample { broken: SILENT, steps: way_to::<M>(&came_by, at) });
    Searched { states: states.len(), steps, depth: depth(&came_by), settled: settled.len(), found }
}

/// The first state from which no certain steps lead to a settled one.
fn never_settled(states: usize, settled: &[u32], mut certain: Vec<(u32, u32)>) -> Option<usize> {
    certain.sort_unstable();
    let mut reaches = vec![false; states];
    let mut stack = settled.to_vec();
    stack.iter().for_each(|n| reaches[*n as usize] = true);
    while let Some(to) = stack.pop() {
        let from = certain.partition_point(|(t, _)| *t < to);
        for (_, before) in certain[from..].iter().take_while(|(t, _)| *t == to) {
            if !std::mem::replace(&mut reaches[*before as usize], true) {
                stack.push(*before);
            }
        }
    }
    reaches.iter().position(|r| !r)
}

fn way_to<M: Model>(came_by: &[Option<(u32, M::Step)>], mut at: usize) -> Vec<String> {
    let mut way = Vec::new();
    while let Some((before, step)) = &came_by[at] {
        way.push(step.to_string());
        at = *before as usize;
    }
    way.reverse();
    way
}

/// Of the last state that was found, which no other is farther from the first than.
fn depth<S>(came_by: &[Option<(u32, S)>]) -> u32 {
    let (mut at, mut depth) = (came_by.len() - 1, 0);
    while let Some((before, _)) = &came_by[at] {
        (at, depth) = (*before as usize, depth + 1);
    }
    depth
}
