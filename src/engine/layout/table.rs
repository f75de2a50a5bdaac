//! A table of the base by our names: what is written into it, and what its words mean.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::columns::{Column, Kind, Lack};
use super::links::{LinkBook, LinkTables, Target};
use super::row::{Given, Row};
use crate::config::{BaseMaps, ValueMap};
use crate::gateways::MirrorGateway;
use crate::gateways::airtable::{Cell, Fields, TableSchema};
use crate::gateways::mirror::{MirrorError, Record, RefusalScope};

/// The two tables that we write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layouts {
    pub events: Layout,
    pub calls: Layout,
    /// Where links lead.
    pub links: LinkTables,
    /// Whether the base's schema told it; else names and cells are as they are configured.
    pub is_read: bool,
}

impl Layouts {
    /// By the base's schema.
    ///
    /// # Errors
    /// [`MirrorError`]. A token that may not read the schema is no error where nothing but names is configured.
    pub async fn read(gateway: &dyn MirrorGateway, maps: &BaseMaps) -> Result<Self, MirrorError> {
        match gateway.tables().await {
            Ok(tables) => Ok(Self::of(&tables, maps)),
            Err(MirrorError::Refused(refusal))
                if matches!(refusal.scope, RefusalScope::Access)
                    && maps.values.is_empty()
                    && maps.events.call.is_empty() =>
            {
                Ok(Self::unread(maps))
            }
            Err(error) => Err(error),
        }
    }

    /// As configured, as nobody knows better.
    pub fn unread(maps: &BaseMaps) -> Self {
        let (events, calls) = (maps.events.pairs(), maps.calls.pairs());
        Self {
            events: Layout::unread(&maps.tables.events, &events, maps),
            calls: Layout::unread(&maps.tables.calls, &calls, maps),
            links: LinkTables::default(),
            is_read: false,
        }
    }

    /// By these tables.
    pub fn of(tables: &[TableSchema], maps: &BaseMaps) -> Self {
        let (pairs_e, pairs_c) = (maps.events.pairs(), maps.calls.pairs());
        let events = Layout::of(tables, &maps.tables.events, &pairs_e, maps);
        let calls = Layout::of(tables, &maps.tables.calls, &pairs_c, maps);
        let ids = [
            events.linked("call"),
            events.linked("contact").or(calls.linked("on_call_contact")),
            calls.linked("business"),
        ];
        let links = LinkTables::of(tables, maps, ids);
        Self { events, calls, links, is_read: true }
    }
}

/// What became of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Encoded {
    /// What is written.
    pub fields: Fields,
    /// What could not be.
    pub lacks: BTreeSet<Lack>,
    /// Whether a call's record was not there yet.
    pub is_unlinked: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The table, as the base has it.
    pub table: String,
    columns: BTreeMap<&'static str, Column>,
    words: BTreeMap<&'static str, ValueMap>,
    /// Fields that are not there, or do not fit.
    pub lacks: BTreeSet<Lack>,
}

impl Layout {
    fn unread(table: &str, pairs: &[(&'static str, &str)], maps: &BaseMaps) -> Self {
        let columns = pairs.iter().map(|(ours, name)| (*ours, Column { name: (*name).to_owned(), kind: Kind::Any }));
        Self { table: table.to_owned(), columns: columns.collect(), words: words(pairs, maps), lacks: BTreeSet::new() }
    }

    fn of(tables: &[TableSchema], table: &str, pairs: &[(&'static str, &str)], maps: &BaseMaps) -> Self {
        let Some(schema) = TableSchema::find(tables, table) else { return Self::unread(table, pairs, maps) };
        let (mut columns, mut lacks) = (BTreeMap::new(), BTreeSet::new());
        for (ours, name) in pairs {
            let (ours, name) = (*ours, (*name).to_owned());
            match schema.field(&name).map(|field| Column::of(ours, field)) {
                Some(Ok(column)) => drop(columns.insert(ours, column)),
                Some(Err(why)) => drop(lacks.insert(Lack::Fit { ours, name, why })),
                None => drop(lacks.insert(Lack::Field { ours, name })),
            }
        }
        // A name that is an id is answered by id: so are all names of the table, or none.
        let by_id = pairs.iter().any(|(_, name)| crate::gateways::airtable::is_field_id(name));
        if by_id {
            for (ours, name) in pairs {
                if let Some(column) = columns.get_mut(ours) {
                    (*name).clone_into(&mut column.name);
                }
            }
        }
        Self { table: schema.name.clone(), columns, words: words(pairs, maps), lacks }
    }

    /// The base's name of one of ours; `None`: it is not there.
    pub fn name(&self, ours: &str) -> Option<&str> {
        self.columns.get(ours).map(|c| c.name.as_str())
    }

    /// The base's names of all that is there.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.columns.iter().map(|(ours, column)| (*ours, column.name.as_str()))
    }

    /// Whether a name of ours is a link there.
    pub fn is_link(&self, ours: &str) -> bool {
        self.linked(ours).is_some()
    }

    fn linked(&self, ours: &str) -> Option<&str> {
        match &self.columns.get(ours)?.kind {
            Kind::Link(table) => Some(table),
            _ => None,
        }
    }

    /// Whether a select has this option.
    pub fn has_option(&self, ours: &str, option: &str) -> bool {
        self.columns.get(ours).is_some_and(|c| c.option(option).is_some())
    }

    /// The base says that a field is not there, though nobody can read its schema; false: that is no news.
    pub fn drop_field(&mut self, name: &str) -> bool {
        let Some(ours) = self.columns.iter().find(|(_, c)| c.name == name).map(|(ours, _)| *ours) else { return false };
        self.columns.remove(ours);
        self.lacks.insert(Lack::Field { ours, name: name.to_owned() });
        true
    }

    /// The cells of a row.
    pub fn encode(&self, row: &Row, links: &LinkBook) -> Encoded {
        let mut out = Encoded::default();
        for (ours, given) in &row.cells {
            let Some(column) = self.columns.get(ours) else { continue };
            match given {
                Given::Cell(cell) => {
                    if let Some(cell) = self.cell(ours, column, cell, row, &mut out) {
                        out.fields.set(column.name.clone(), cell);
                    }
                }
                Given::Word { words, plain } => match self.word(ours, column, words, plain) {
                    Ok(cell) => out.fields.set(column.name.clone(), cell),
                    Err(option) => drop(out.lacks.insert(Lack::Option { ours, name: column.name.clone(), option })),
                },
                Given::Linked { target, text } => linked(ours, column, target.as_ref(), text, links, &mut out),
            }
        }
        out
    }

    fn cell(&self, ours: &'static str, column: &Column, cell: &Cell, row: &Row, out: &mut Encoded) -> Option<Cell> {
        if let (Kind::Select(_), Cell::Text(text)) = (&column.kind, cell)
            && !cell.is_empty()
        {
            let found = column.option(text);
            if found.is_none() {
                out.lacks.insert(Lack::Option { ours, name: column.name.clone(), option: text.clone() });
            }
            return found.map(Cell::from);
        }
        match (&row.tag, cell) {
            (Some(tag), Cell::Text(text)) if ours == "result" && self.name("reference").is_none() => {
                Some(format!("{text} [{tag}]").into())
            }
            _ => Some(cell.clone()),
        }
    }

    /// The cell of a word; the option that is missing where there is none.
    fn word(&self, ours: &str, column: &Column, words: &[String], plain: &str) -> Result<Cell, String> {
        let map = self.words.get(ours);
        let mut missing = None;
        for word in words {
            match map.and_then(|m| m.of(word)) {
                Some(theirs) => {
                    for option in theirs {
                        if option.is_empty() {
                            return Ok(Cell::Empty);
                        }
                        if let Some(option) = column.option(option) {
                            return Ok(option.into());
                        }
                    }
                    missing = missing.or_else(|| theirs.first().cloned());
                }
                None if matches!(column.kind, Kind::Select(_)) => {
                    if let Some(option) = column.option(word) {
                        return Ok(option.into());
                    }
                }
                None => {}
            }
        }
        match column.kind {
            Kind::Select(_) => Err(missing.unwrap_or_else(|| plain.to_owned())),
            _ => Ok(plain.into()),
        }
    }

    /// Our words that a word of the base may stand for, of these; none: it is not one of the map's.
    pub fn ours_of<'a>(&self, ours: &str, theirs: &str, of: &[&'a str]) -> Vec<&'a str> {
        let Some(column) = self.columns.get(ours) else { return Vec::new() };
        let stands = |word: &&&str| {
            let cell = self.word(ours, column, &[word.to_lowercase()], word);
            cell.is_ok_and(|c| c.as_text() == Some(theirs.trim()))
        };
        of.iter().filter(stands).copied().collect()
    }

    /// The base's word for one of ours, where it has one.
    pub fn theirs_of(&self, ours: &str, word: &str) -> Option<String> {
        let cell = self.word(ours, self.columns.get(ours)?, &[word.to_lowercase()], word).ok()?;
        cell.as_text().map(str::to_owned)
    }

    /// Options that a select lacks of those that rows of ours will need; none where it is no select.
    pub fn missing_options(&self, ours: &str) -> Vec<String> {
        let Some(column @ Column { kind: Kind::Select(_), .. }) = self.columns.get(ours) else { return Vec::new() };
        let mapped = self.mapped(ours);
        let needed: &[&str] = match ours {
            "status" => &["DISPATCHING", "ACKNOWLEDGED", "EXHAUSTED", "RESOLVED", "CANCELLED", "DEFERRED"],
            "delivery_status" => {
                &["sending", "queued", "sent", "delivered", "undelivered", "failed", "unknown", "skipped"]
            }
            "method" => &["SMS"],
            _ => &[],
        };
        let unmapped = needed.iter().filter(|_| mapped.is_empty());
        let words = unmapped.chain(&mapped);
        let mut missing: Vec<String> = Vec::new();
        for word in words {
            if let Err(option) = self.word(ours, column, &[word.to_lowercase()], word)
                && !missing.contains(&option)
            {
                missing.push(option);
            }
        }
        missing
    }

    /// Our mapped words of a field.
    pub fn mapped(&self, ours: &str) -> Vec<&str> {
        self.words.get(ours).map(|m| m.words().collect()).unwrap_or_default()
    }

    /// A cell of a record by our name.
    pub fn cell_of<'a>(&self, record: &'a Record, ours: &str) -> &'a Cell {
        static EMPTY: Cell = Cell::Empty;
        self.name(ours).map_or(&EMPTY, |name| record.fields.get(name))
    }

    /// The records that a link of a record leads to.
    pub fn links_of(&self, record: &Record, ours: &str) -> Vec<String> {
        match self.cell_of(record, ours) {
            Cell::Other(value) => {
                value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn words(pairs: &[(&'static str, &str)], maps: &BaseMaps) -> BTreeMap<&'static str, ValueMap> {
    let of = |(ours, _): &(&'static str, &str)| Some((*ours, maps.values.of(ours)?.clone()));
    pairs.iter().filter_map(of).filter(|(_, map)| !map.is_empty()).collect()
}

fn linked(
    ours: &'static str,
    column: &Column,
    target: Option<&Target>,
    text: &Cell,
    links: &LinkBook,
    out: &mut Encoded,
) {
    match (&column.kind, target) {
        (Kind::Link(_), Some(target)) => match links.find(target) {
            Some(id) => out.fields.set(column.name.clone(), Cell::Other(json!([id.as_str()]))),
            // Its row comes later, and what somebody has put there stays.
            None if matches!(target, Target::Call(_)) => out.is_unlinked = true,
            None => {
                let lack = Lack::Row { ours, name: column.name.clone(), target: target.clone() };
                out.lacks.insert(lack);
            }
        },
        (Kind::Link(_), None) => {}
        (Kind::Select(_), _) => match text.as_text().map(|t| (t, column.option(t))) {
            Some((_, Some(option))) => out.fields.set(column.name.clone(), option),
            Some((text, None)) => {
                let lack = Lack::Option { ours, name: column.name.clone(), option: text.to_owned() };
                out.lacks.insert(lack);
            }
            None => out.fields.set(column.name.clone(), Cell::Empty),
        },
        _ => out.fields.set(column.name.clone(), text.clone()),
    }
}
