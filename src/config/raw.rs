//! Settings before they are checked: a tree in which every value knows where it came from, and the rule by which a
//! stronger layer covers a weaker one. Nothing here is `Debug`: a tree holds secrets.

use std::collections::BTreeMap;

use super::origin::{Layer, Origin};

/// A value and where it came from.
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
    pub(super) layer: Layer,
}

/// What TOML can say, as far as configuration uses it.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Number(f64),
    Bool(bool),
    List(Vec<Node>),
    Table(RawTable),
    /// A kind that no key has (a date).
    Other(&'static str),
}

impl Value {
    /// The kind, for an error message; never the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "an integer",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

pub(super) type RawTable = BTreeMap<String, Node>;

/// Lays `over` on top of `base`: tables are merged key by key, everything else is replaced. A policy that a file defines
/// replaces the default of that name whole, as half of one ladder with half of another is nobody's intent.
pub(super) fn overlay(base: &mut RawTable, over: RawTable, path: &str) {
    for (key, node) in over {
        let whole = path == "policies" && matches!(node.layer, Layer::File | Layer::InForce);
        match (base.get_mut(&key), node) {
            (
                Some(Node { value: Value::Table(below), origin, layer }),
                Node { value: Value::Table(above), origin: from, layer: at },
            ) if !whole => {
                let inner = if path.is_empty() { key } else { format!("{path}.{key}") };
                (*origin, *layer) = (from, at);
                overlay(below, above, &inner);
            }
            (_, node) => {
                base.insert(key, node);
            }
        }
    }
}

/// Puts one value at a dotted path, making the tables on the way; what is weaker yields.
///
/// # Errors
/// The path leads through a value that is no table, or ends at a table.
pub(super) fn insert(
    root: &mut RawTable,
    path: &[&str],
    text: String,
    origin: &Origin,
    layer: Layer,
) -> Result<(), ()> {
    let Some((last, parents)) = path.split_last() else { return Err(()) };
    let mut table = root;
    for name in parents {
        let node = table.entry((*name).to_owned()).or_insert_with(|| Node {
            value: Value::Table(RawTable::new()),
            origin: origin.clone(),
            layer,
        });
        match &mut node.value {
            Value::Table(inner) => table = inner,
            _ => return Err(()),
        }
    }
    if matches!(table.get(*last), Some(Node { value: Value::Table(_), .. })) {
        return Err(());
    }
    table.insert((*last).to_owned(), Node { value: Value::Text(text), origin: origin.clone(), layer });
    Ok(())
}

/// Lower-cases the names of the policies: levels are read without regard to case.
///
/// # Errors
/// The names that occur twice, with where the second stands.
pub(super) fn lower_policy_names(root: &mut RawTable) -> Result<(), Vec<(String, Origin)>> {
    let Some(Node { value: Value::Table(policies), .. }) = root.get_mut("policies") else { return Ok(()) };
    let mut twice = Vec::new();
    let mut lowered = RawTable::new();
    for (name, node) in std::mem::take(policies) {
        let origin = node.origin.clone();
        if lowered.insert(name.to_lowercase(), node).is_some() {
            twice.push((name.to_lowercase(), origin));
        }
    }
    *policies = lowered;
    if twice.is_empty() { Ok(()) } else { Err(twice) }
}
