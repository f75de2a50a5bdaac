//! What may stand behind a word that takes a call without taking it back.
//!
//! A list of what is allowed, not of what is forbidden: there is no end to the ways in which a man puts off or gives away what
//! he seems to take, and a wrong take loses the night; who is asked "1 or 2?" loses twenty seconds. What is no way, no address,
//! no tool, no word of courtesy and not the writer's own name is therefore asked.

use super::code::plain_code;
use super::lexicon::{Lexicon, Sense};
use super::words::Words;
use super::{lexicon, time};

/// Words that put nothing off and give nothing away, whatever stands beside them.
const WORDS: &[&str] = &[
    // What joins.
    "a",
    "about",
    "already",
    "almost",
    "also",
    "an",
    "and",
    "approx",
    "approximately",
    "are",
    "as",
    "at",
    "be",
    "for",
    "from",
    "has",
    "have",
    "i",
    "id",
    "im",
    "in",
    "is",
    "it",
    "its",
    "ive",
    "just",
    "near",
    "nearly",
    "of",
    "on",
    "over",
    "so",
    "some",
    "that",
    "the",
    "them",
    "there",
    "theres",
    "this",
    "thru",
    "through",
    "to",
    "too",
    "very",
    "via",
    "with",
    // The way.
    "arrival",
    "arrive",
    "arrived",
    "arriving",
    "bridge",
    "bring",
    "bringing",
    "closed",
    "closure",
    "come",
    "coming",
    "construction",
    "detour",
    "direct",
    "directly",
    "drive",
    "driving",
    "en",
    "enroute",
    "eta",
    "exit",
    "fast",
    "few",
    "fog",
    "foggy",
    "freeway",
    "go",
    "going",
    "gonna",
    "got",
    "grab",
    "grabbing",
    "head",
    "headed",
    "heading",
    "heavy",
    "here",
    "highway",
    "ice",
    "icy",
    "immediately",
    "jam",
    "leaving",
    "left",
    "loaded",
    "loading",
    "location",
    "min",
    "mins",
    "minute",
    "minutes",
    "moment",
    "momentarily",
    "moving",
    "nearby",
    "onsite",
    "packing",
    "picking",
    "quick",
    "quickly",
    "rain",
    "raining",
    "ready",
    "road",
    "roads",
    "rolling",
    "route",
    "running",
    "scene",
    "shortly",
    "site",
    "slick",
    "slow",
    "snow",
    "snowing",
    "soon",
    "straight",
    "street",
    "traffic",
    "up",
    "way",
    "weather",
    "wet",
    "wrapped",
    "bad",
    // What he drives and brings.
    "ac",
    "boiler",
    "breaker",
    "camera",
    "drain",
    "equipment",
    "fans",
    "filter",
    "furnace",
    "gas",
    "gear",
    "generator",
    "heat",
    "heater",
    "jetter",
    "ladder",
    "leak",
    "machine",
    "meter",
    "panel",
    "part",
    "parts",
    "pipe",
    "pump",
    "pumps",
    "rig",
    "sewer",
    "snake",
    "stuff",
    "sump",
    "toilet",
    "tool",
    "tools",
    "truck",
    "valve",
    "van",
    "vehicle",
    "water",
    // Where it is, and whom it is for.
    "addr",
    "address",
    "addy",
    "apartment",
    "apt",
    "basement",
    "bldg",
    "building",
    "caller",
    "client",
    "code",
    "customer",
    "customers",
    "door",
    "entrance",
    "floor",
    "front",
    "gate",
    "homeowner",
    "info",
    "details",
    "key",
    "keys",
    "lock",
    "lockbox",
    "lot",
    "park",
    "parking",
    "side",
    "suite",
    "tenant",
    "unit",
    // What is told.
    "call",
    "called",
    "calling",
    "know",
    "need",
    "text",
    "texting",
    "update",
    "updates",
    "heads",
];
/// Words that are harmless only before one of those named; `me`, `the` and their like may stand between.
const BEFORE: &[(&[&str], &[&str])] = &[
    (&["can", "ill", "will"], VERBS),
    (&["give", "send"], INFO),
    (&["leave"], &["in", "now", "right", "shortly", "soon"]),
    (&["let", "tell"], &["caller", "client", "customer", "homeowner", "know", "tenant", "them"]),
    (&["me"], &["know", "in", "please", "the", "address", "addy", "info", "details", "code", "gate", "eta", "pics"]),
    (&["my"], &["gear", "keys", "rig", "stuff", "tools", "truck", "van", "vehicle", "way"]),
    (&["stuck"], &["traffic"]),
];
const BETWEEN: &[&str] = &["a", "an", "in", "me", "the"];
const VERBS: &[&str] = &[
    "arrive", "be", "bring", "call", "come", "do", "drive", "go", "grab", "have", "head", "leave", "let", "need",
    "take", "text", "update",
];
const INFO: &[&str] = &["addr", "address", "addy", "code", "details", "eta", "gate", "info", "pics", "photos"];
/// Pairs that say no although each word of them is harmless.
const PAIRS: &[&str] =
    &["am ill", "call boss", "call it", "calling boss", "got to", "has to", "have to", "im ill", "my bad", "need to"];

/// Of these, a name alone stands before no other thing: `Oak St`.
const STREETS_ALONE: &[&str] = &["ave", "avenue", "blvd", "hwy", "lane", "ln", "pkwy", "rd", "road", "st", "street"];
/// What a street ends with, behind the number of a house.
const STREETS: &[&str] = &[
    "alley",
    "ave",
    "avenue",
    "blvd",
    "boulevard",
    "cir",
    "circle",
    "court",
    "ct",
    "dr",
    "drive",
    "hwy",
    "lane",
    "ln",
    "loop",
    "parkway",
    "pkwy",
    "pl",
    "place",
    "rd",
    "road",
    "sq",
    "square",
    "st",
    "street",
    "terrace",
    "ter",
    "trail",
    "way",
];
const DIRECTIONS: &[&str] =
    &["e", "east", "n", "ne", "north", "nw", "s", "se", "south", "sw", "w", "west", "northbound", "southbound"];
/// Before a number: `apt 4b`, `exit 12`.
const NUMBERED: &[&str] = &[
    "apartment",
    "apt",
    "bldg",
    "building",
    "code",
    "exit",
    "floor",
    "gate",
    "highway",
    "hwy",
    "lot",
    "mile",
    "route",
    "rt",
    "rte",
    "ste",
    "suite",
    "unit",
];
const TITLES: &[&str] = &["dr", "miss", "mr", "mrs", "ms"];
/// What the name of a shop ends with, in a signature.
const TRADES: &[&str] = &[
    "co",
    "company",
    "cooling",
    "drains",
    "electric",
    "electrical",
    "heating",
    "hvac",
    "inc",
    "llc",
    "mechanical",
    "plumbing",
    "restoration",
    "roofing",
    "services",
];

/// Whether this word is a common one, which names nobody.
pub(super) fn is_common(word: &str) -> bool {
    WORDS.contains(&word) || BEFORE.iter().any(|(heads, _)| heads.contains(&word))
}

/// How many words from that one on are harmless behind a word that takes a call; `None`: this one is not. `own`: the writer's name.
pub(super) fn harmless(words: &Words, i: usize, own: &Words, lexicon: &Lexicon) -> Option<usize> {
    if words.has_pair(i, PAIRS) {
        return None;
    }
    consumed(words, i).or_else(|| {
        let word = words.word(i);
        let phrase = lexicon.at(words, i).filter(|(sense, len)| {
            let is_yes = matches!(sense, Sense::Take | Sense::Soft { .. } | Sense::Receipt | Sense::Filler);
            is_yes && (lexicon::is_wordy(words, i, *len) || words.is_a_clause(i, *len))
        });
        let is_own = || (0..own.len()).any(|n| own.word(n) == word);
        let is_before = || {
            let rule = BEFORE.iter().find(|(heads, _)| heads.contains(&word));
            rule.is_some_and(|(_, behind)| stands_before(words, i, behind))
        };
        match phrase {
            Some((_, len)) => Some(len),
            None if is_own() || WORDS.contains(&word) || is_before() => Some(1),
            None => signature(words, i, own),
        }
    })
}

/// Minutes of a way, an address, a call's code, somebody by his title: how many words they are. What stands in them is no answer.
pub(super) fn consumed(words: &Words, i: usize) -> Option<usize> {
    let is_at_a_time = i > 0 && time::is_at(words.word(i - 1));
    let name_behind_title = || (TITLES.contains(&words.word(i)) && is_a_word(words.word(i + 1))).then_some(2);
    time::way(words, i)
        .map(|end| end - i)
        .or_else(|| plain_code(words, i).map(|end| end - i))
        .or_else(|| street(words, i).filter(|_| !is_at_a_time))
        .or_else(|| numbered(words, i))
        .or_else(name_behind_title)
}

/// `12 Old Mill Rd N`, `Oak St`, `22nd street`; a number that may be a time of day is none of a house.
fn street(words: &Words, i: usize) -> Option<usize> {
    let is_number = |word: &str| {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && matches!(word.get(digits..), Some("" | "st" | "nd" | "rd" | "th")) && !word.starts_with('0')
    };
    let first = usize::from(is_number(words.word(i)));
    let most = if first == 1 { 4 } else { 1 };
    let is_in = |i: usize| i < words.len() && !words.gap(i).parts && !words.gap(i).is_glued;
    // `22nd street` has its number for a name.
    let name = (usize::from(first == 0)..=most).find(|n| {
        let inside = (i + 1..=i + first + n).all(is_in) && (i + first..i + first + n).all(|w| is_a_word(words.word(w)));
        let is_bare_number = first == 1 && *n == 0 && words.word(i).bytes().all(|b| b.is_ascii_digit());
        let streets = if first == 1 { STREETS } else { STREETS_ALONE };
        inside && !is_bare_number && streets.contains(&words.word(i + first + n))
    })?;
    let len = first + name + 1;
    let is_directed = is_in(i + len) && DIRECTIONS.contains(&words.word(i + len));
    Some(len + usize::from(is_directed))
}

fn numbered(words: &Words, i: usize) -> Option<usize> {
    let next = words.word(i + 1);
    let digits = next.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = digits > 0 && next.len() <= digits + 1;
    (NUMBERED.contains(&words.word(i)) && is_number && !words.gap(i + 1).parts).then_some(2)
}

/// `Acme Plumbing` below the writer's own name.
fn signature(words: &Words, i: usize, own: &Words) -> Option<usize> {
    let is_own = |i: usize| (0..own.len()).any(|n| own.word(n) == words.word(i));
    let is_below = i > 0 && words.gap(i).parts && is_own(i - 1);
    let len = (1..=3).find(|len| words.is_a_clause(i, *len))?;
    (is_below && TRADES.contains(&words.word(i + len - 1))).then_some(len)
}

fn is_a_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(char::is_alphabetic)
}

fn stands_before(words: &Words, i: usize, behind: &[&str]) -> bool {
    let is_in = |i: &usize| *i < words.len() && !words.gap(*i).parts;
    let skipped = (i + 1..i + 3).take_while(|i| is_in(i) && BETWEEN.contains(&words.word(*i))).count();
    (i + 1..=i + 1 + skipped).filter(is_in).any(|i| behind.contains(&words.word(i)))
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    WORDS.iter().copied().chain(BEFORE.iter().flat_map(|(heads, _)| heads.iter().copied()))
}
