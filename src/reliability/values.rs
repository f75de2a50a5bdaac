//! The forms in which a scenario file writes its values. What is wrong is said with the accepted form.

use std::time::Duration;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::failpoint::Orders;
use crate::sandbox::BaseAdminAction;

const DURATION: &str = "a duration like \"300ms\", \"2s\" or \"1h30m\"";
const STATES: [&str; 9] =
    ["scheduled", "sending", "submitted", "delivered", "failed", "retrying", "unknown", "skipped", "cancelled"];
const STATE: &str = "\"scheduled\", \"sending\", \"submitted\", \"delivered\", \"failed\", \"retrying\", \"unknown\", \"skipped\" or \"cancelled\"";
const STATUS: &str = "\"DISPATCHING\", \"ACKNOWLEDGED\", \"RESOLVED\", \"CANCELLED\", \"EXHAUSTED\" or \"DEFERRED\"";
const EQUAL: &str = "\"equal\": Airtable has every attempt and call once, as the store has it";
const SINK: &str = "\"well\", \"dead\", \"hanging\" or \"slow\"";
const APART: &str = "a step like \"+90s\" or \"-1h\", counted from the true time; \"0s\" ends it";

/// The word among these that a mistyped one may mean.
pub(super) fn near<'a>(words: impl IntoIterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    let near = words.into_iter().map(|w| (strsim::damerau_levenshtein(w, text), w)).min();
    near.filter(|(distance, _)| *distance <= 2).map(|(_, word)| word)
}

struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        if text.trim().is_empty() {
            Err(E::custom(format!("is empty; expected {}", self.0)))
        } else {
            Ok(text.to_owned())
        }
    }
}

/// A text that is not empty and that `parse` understands.
fn parsed<'de, D: Deserializer<'de>, T>(
    d: D,
    form: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = d.deserialize_str(Text(form))?;
    parse(&text).ok_or_else(|| {
        let near = near(form.split('"').skip(1).step_by(2), &text);
        let near = near.map(|w| format!("; did you mean \"{w}\"?")).unwrap_or_default();
        D::Error::custom(format!("\"{text}\" is not one{near}; expected {form}"))
    })
}

/// Readers of texts: what they give, the accepted form, and how a text is understood.
macro_rules! texts {
    ($($name:ident -> $t:ty: $form:expr, $parse:expr;)+) => {
        $(pub(super) fn $name<'de, D: Deserializer<'de>>(d: D) -> Result<$t, D::Error> {
            parsed(d, $form, $parse)
        })+
    };
}

texts! {
    duration -> Duration: DURATION, |t| crate::config::duration(t).ok();
    some_duration -> Option<Duration>: DURATION, |t| crate::config::duration(t).ok().map(Some);
    text -> String: "a text", |t| Some(t.to_owned());
    some_text -> Option<String>: "a text", |t| Some(Some(t.to_owned()));
    status -> String: STATUS, |t| quoted_in(STATUS, t).then(|| t.to_owned());
    some_status -> Option<String>: STATUS, |t| quoted_in(STATUS, t).then(|| Some(t.to_owned()));
    told -> String: "\"raised\" or \"resolved\"", |t| ["raised", "resolved"].contains(&t).then(|| t.to_owned());
    engine -> (): "\"engine\"", |t| (t == "engine").then_some(());
    lost -> (): "\"lost\"", |t| (t == "lost").then_some(());
    equal -> (): EQUAL, |t| (t == "equal").then_some(());
    some_equal -> bool: EQUAL, |t| (t == "equal").then_some(true);
    sink -> String: SINK, |t| quoted_in(SINK, t).then(|| t.to_owned());
    some_sink -> Option<String>: SINK, |t| quoted_in(SINK, t).then(|| Some(t.to_owned()));
    path -> String: "a path of the engine, like \"/health\"", |t| t.starts_with('/').then(|| t.to_owned());
    apart -> i64: APART, |t| {
        let (sign, rest) = t.strip_prefix('-').map_or((1, t.strip_prefix('+').unwrap_or(t)), |r| (-1, r));
        let ms = i64::try_from(crate::config::duration(rest).ok()?.as_millis()).ok()?;
        Some(sign * ms)
    };
}

/// Whether a form names this word.
fn quoted_in(form: &str, text: &str) -> bool {
    form.split('"').skip(1).step_by(2).any(|s| s == text)
}

/// Names of sinks.
pub(super) fn sinks<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let all: Vec<String> = many(d)?;
    match all.iter().find(|name| !quoted_in(SINK, name)) {
        Some(name) => Err(D::Error::custom(format!("\"{name}\" is no sink; expected {SINK}"))),
        None => Ok(all),
    }
}

/// A kill point, as `name` or `name:nth`.
pub(super) fn point<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    const NO_SAFEGUARDS: Option<[&str; 0]> = None;
    let text = d.deserialize_str(Text("a kill point, as name or name:nth, like \"intent.committed\""))?;
    Orders::parse(Some(&text), NO_SAFEGUARDS).map_err(D::Error::custom)?;
    Ok(text)
}

pub(super) fn some_point<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    point(d).map(Some)
}

/// Names of guards.
pub(super) fn guards<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let all: Vec<String> = many(d)?;
    Orders::parse(None, Some(all.iter().map(String::as_str))).map_err(D::Error::custom)?;
    Ok(all)
}

/// An integer from `MIN` to `MAX`.
pub(super) fn int<'de, D: Deserializer<'de>, const MIN: i64, const MAX: i64, T: TryFrom<i64>>(
    d: D,
) -> Result<T, D::Error> {
    let n = i64::deserialize(d)?;
    let fits = (MIN..=MAX).contains(&n).then(|| T::try_from(n).ok()).flatten();
    fits.ok_or_else(|| D::Error::custom(format!("{n} is out of range; expected an integer from {MIN} to {MAX}")))
}

pub(super) fn some_int<'de, D: Deserializer<'de>, const MIN: i64, const MAX: i64, T: TryFrom<i64>>(
    d: D,
) -> Result<Option<T>, D::Error> {
    int::<D, MIN, MAX, T>(d).map(Some)
}

/// One value, or a list of them.
pub(super) fn many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    struct Many<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Many<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("one value, or a list of them")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(text.into_deserializer()).map(|one| vec![one])
        }

        fn visit_i64<E: Error>(self, n: i64) -> Result<Vec<T>, E> {
            T::deserialize(n.into_deserializer()).map(|one| vec![one])
        }

        fn visit_u64<E: Error>(self, n: u64) -> Result<Vec<T>, E> {
            T::deserialize(n.into_deserializer()).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(items))
        }
    }

    d.deserialize_any(Many(std::marker::PhantomData))
}

pub(super) fn some_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<Vec<T>>, D::Error> {
    many(d).map(Some)
}

/// A list, without what was wrong in it and is null.
pub(super) fn items<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Option<T>>::deserialize(d)?.into_iter().flatten().collect())
}

/// States of attempts, at least one.
pub(super) fn states<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let all = alternatives(d)?;
    if all.is_empty() {
        return Err(D::Error::custom(format!("names no state; expected {STATE}")));
    }
    Ok(all)
}

/// States, one an attempt; `a|b` allows either.
pub(super) fn alternatives<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let all: Vec<String> = many(d)?;
    match all.iter().flat_map(|t| t.split('|')).find(|t| !STATES.contains(t)) {
        Some(state) => Err(D::Error::custom(format!("\"{state}\" is no state of an attempt; expected {STATE}"))),
        None => Ok(all),
    }
}

pub(super) fn some_alternatives<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<String>>, D::Error> {
    alternatives(d).map(Some)
}

/// A table of texts, in which a whole number stands for its digits.
pub(super) fn words<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<(String, String)>, D::Error> {
    let table = serde_json::Map::deserialize(d)?;
    let word = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(n) if n.is_i64() => Ok((name, n.to_string())),
        _ => Err(D::Error::custom(format!("{name} is neither a text nor an integer"))),
    };
    table.into_iter().map(word).collect()
}

/// A table of counts, like `{ sam = 2 }`.
pub(super) fn counts<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<(String, u64)>, D::Error> {
    Ok(std::collections::BTreeMap::deserialize(d)?.into_iter().collect())
}

/// Something done to the shop's base by hand, as `POST /_sandbox/airtable` takes it; what is in braces is filled in later.
pub(super) fn by_hand<'de, D: Deserializer<'de>>(d: D) -> Result<Value, D::Error> {
    let action = Value::deserialize(d)?;
    BaseAdminAction::deserialize(&action).map_err(D::Error::custom)?;
    Ok(action)
}
