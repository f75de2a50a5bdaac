//! Presets of `[airtable]`: bases that shops have already, as data. Laid between the defaults and whatever anybody gives, key
//! by key; nothing else in the program knows their names.

use super::file;
use super::origin::{ConfigProblem, Layer, Origin};
use super::raw::{Node, RawTable, Value};

/// Name and text of each.
const PRESETS: &[(&str, &str)] = &[("P", include_str!("presets/p.toml")), ("X", include_str!("presets/x.toml"))];

/// What `airtable.preset` may say.
pub(super) const FORM: &str = "\"P\" or \"X\": the bases of the README, or nothing";

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The preset of this name, without regard to case.
pub(super) fn named(name: &str) -> Option<&'static str> {
    PRESETS.iter().map(|(known, _)| *known).find(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// The ladders of a shop whose phones can be rung.
const VOICE: &str = include_str!("presets/voice.toml");

/// Lays the presets that the tree asks for over the tree's defaults. An unknown name is told by whoever reads the key.
pub(super) fn lay(root: &mut RawTable, problems: &mut Vec<ConfigProblem>) {
    ladders_that_ring(root, problems);
    let Some(Node { value: Value::Table(airtable), .. }) = root.get_mut("airtable") else { return };
    lower_words(airtable);
    let Some(Node { value: Value::Text(name), .. }) = airtable.get("preset") else { return };
    let Some((name, text)) = named(name).and_then(|name| PRESETS.iter().find(|(known, _)| *known == name)) else {
        return;
    };
    match file::parse(text, None) {
        Ok(preset) => over_defaults(airtable, preset, &Origin::Preset(name)),
        Err(problem) => problems.push(*problem),
    }
}

/// With a number to ring from, the default ladders ring. A policy of which anything is given is somebody's own, whole.
fn ladders_that_ring(root: &mut RawTable, problems: &mut Vec<ConfigProblem>) {
    let from = root.get_mut("voice").and_then(inner).and_then(|voice| voice.get("from"));
    if !matches!(from, Some(Node { value: Value::Text(from), .. }) if !from.trim().is_empty()) {
        return;
    }
    let ladders = match file::parse(VOICE, None) {
        Ok(mut preset) => preset.remove("policies"),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    let (Some(Node { value: Value::Table(ladders), .. }), Some(policies)) =
        (ladders, root.get_mut("policies").and_then(inner))
    else {
        return;
    };
    for (name, ladder) in ladders {
        if policies.get_mut(&name).and_then(inner).is_some_and(|p| p.values().all(|n| n.layer == Layer::Default)) {
            policies.insert(name, ladder);
        }
    }
}

/// Whatever somebody has given stays.
fn over_defaults(below: &mut RawTable, preset: RawTable, origin: &Origin) {
    for (key, node) in preset {
        match (below.get_mut(&key), node.value) {
            (Some(Node { value: Value::Table(inner), .. }), Value::Table(more)) => over_defaults(inner, more, origin),
            (Some(given), _) if given.layer > Layer::Default => {}
            (_, Value::Table(more)) => {
                let mut inner = RawTable::new();
                over_defaults(&mut inner, more, origin);
                below.insert(key, Node { value: Value::Table(inner), origin: origin.clone(), layer: Layer::Default });
            }
            (_, value) => {
                below.insert(key, Node { value, origin: origin.clone(), layer: Layer::Default });
            }
        }
    }
}

/// Our words are read without regard to case, so that a file's `ACKNOWLEDGED` covers a preset's `acknowledged`.
fn lower_words(airtable: &mut RawTable) {
    let Some(Node { value: Value::Table(values), .. }) = airtable.get_mut("values") else { return };
    let tables = values.values_mut().filter_map(inner);
    for words in tables.flat_map(|t| t.values_mut().filter_map(inner)) {
        *words = std::mem::take(words).into_iter().map(|(word, node)| (word.to_lowercase(), node)).collect();
    }
}

fn inner(node: &mut Node) -> Option<&mut RawTable> {
    if let Value::Table(inner) = &mut node.value { Some(inner) } else { None }
}
