//! The layers become one tree, and the tree a [`Config`].

use std::path::PathBuf;

use super::env::Sources;
use super::in_force::Documents;
use super::origin::{ConfigErrors, ConfigProblem, Layer, Origin, resolve};
use super::raw::{self, RawTable, overlay};
use super::read::Reader;
use super::secrets::SECRET_BYTES_MAX;
use super::store_types::StoreLocation;
use super::types::{Config, Mode};
use super::{alerts, check, env, file, in_force, presets, sinks};
use crate::domain::settings::SettingsRow;

/// Every key with its default and what it means: the weakest layer, and the documentation of the file.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Reads and checks the whole of this process's own configuration. Reads files; writes nothing; safe to repeat.
///
/// # Errors
/// Everything that is wrong, at once. Exit code 2.
pub fn load(sources: &Sources) -> Result<Config, ConfigErrors> {
    checked(sources, merge(sources, OfBroken::Nothing))
}

/// The same where this text stands for the file at this path; no file is looked for.
///
/// # Errors
/// As [`load`].
#[cfg(feature = "drills")]
pub(super) fn load_text(sources: &Sources, path: PathBuf, text: &str) -> Result<Config, ConfigErrors> {
    checked(sources, lay(sources, &[], Ok(Some((path, text.to_owned()))), OfBroken::Nothing, Vec::new()))
}

fn checked(sources: &Sources, merged: Merged) -> Result<Config, ConfigErrors> {
    let (documents, names) = (Documents::of(&merged.root, &sources.cwd), sink_names(sources, &merged.root));
    let reader = Reader::new(sources.cwd.clone(), merged.problems);
    let mut config = check::config(sources, merged.root, merged.file, reader)?;
    config.documents = documents.with_sinks(&names, config.mode);
    Ok(config)
}

/// The configuration under settings that the store holds: what decides comes from them, secrets and addresses from this
/// process. What is wrong with this process's own keys that decide is nobody's concern here; where its file cannot be read as
/// TOML at all, the places that `stored` keeps stand in for what the file would bring.
///
/// # Errors
/// What is wrong with the secrets and addresses of this process, or with the stored settings themselves. Exit code 2.
pub fn load_under(sources: &Sources, stored: &SettingsRow) -> Result<Config, ConfigErrors> {
    let merged = merge(sources, OfBroken::Nothing);
    under(sources, stored, merged)
}

/// The same for whoever finds its own file wrong: nothing of the file counts, and `stored` stands in for the places too.
///
/// # Errors
/// As [`load_under`]: a secret that only the broken file held is missing.
pub fn load_under_without_file(sources: &Sources, stored: &SettingsRow) -> Result<Config, ConfigErrors> {
    let merged = Merged { is_broken: true, ..merge(sources, OfBroken::Nothing) };
    under(sources, stored, merged)
}

/// What decides, by the stored settings alone: nothing that this process brings can keep it from being read.
///
/// # Errors
/// What is wrong with the stored settings themselves.
pub fn load_document(sources: &Sources, stored: &SettingsRow) -> Result<Config, ConfigErrors> {
    let merged = Merged { root: RawTable::new(), file: None, is_broken: false, problems: Vec::new() };
    under(sources, stored, merged)
}

/// The stored document with the defaults of this program for what it does not say: one of an older program lacks newer keys.
pub fn completed(stored: &SettingsRow) -> serde_json::Value {
    let mut problems = Vec::new();
    let mut root = defaults(&mut problems);
    let origin = Origin::InForce(stored.number.0);
    overlay(&mut root, in_force::tree(&stored.document, &origin, Layer::InForce), "");
    presets::lay(&mut root, &mut problems);
    Documents::of(&root, std::path::Path::new("/")).decides
}

fn under(sources: &Sources, stored: &SettingsRow, merged: Merged) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let mut root = defaults(&mut problems);
    let origin = Origin::InForce(stored.number.0);
    overlay(&mut root, in_force::tree(&stored.document, &origin, Layer::InForce), "");
    presets::lay(&mut root, &mut problems);
    let (documents, names) = (Documents::of(&merged.root, &sources.cwd), sink_names(sources, &merged.root));
    let mut own = merged.root;
    let mut sinks = take_named_sinks(sources, &mut own);
    let mut calendars = in_force::take_calendars(&own);
    let mut above = Layer::Default;
    if merged.is_broken {
        let mut places = in_force::tree(&stored.places, &origin, Layer::InForce);
        sinks = take_named_sinks(sources, &mut places);
        calendars = in_force::take_calendars(&places);
        places.remove("rotations");
        overlay(&mut root, places, "");
        above = Layer::File;
    }
    let mut brought = in_force::brings(own, above);
    if stored.document.get("airtable").is_none() {
        // Secrets of a base that the settings do not use are no part of them.
        brought.remove("airtable");
    }
    overlay(&mut root, brought, "");
    in_force::join_sinks(&mut root, sinks);
    in_force::join_calendars(&mut root, &calendars);
    // Also from a file that is broken elsewhere: another store, or another mode, would be another shop's.
    let (store, mode) = place(sources)?;
    let test_mode = raw::Node { value: raw::Value::Bool(mode == Mode::Test), origin, layer: Layer::Flag };
    root.insert("test_mode".to_owned(), test_mode);
    let mut config = check::config(sources, root, merged.file, Reader::new(sources.cwd.clone(), problems))?;
    config.documents = documents.with_sinks(&names, config.mode);
    config.unread = merged.problems.into_iter().next();
    config.store = store;
    Ok(config)
}

/// Where the store is, and in which mode this process runs: read before anything else, also from a file that is broken
/// elsewhere.
///
/// # Errors
/// What is wrong with the store's own key. Exit code 2.
pub fn place(sources: &Sources) -> Result<(StoreLocation, Mode), ConfigErrors> {
    let merged = merge(sources, OfBroken::WhatCanBeRead);
    check::store_and_mode(sources, merged.root, Reader::new(sources.cwd.clone(), Vec::new()))
}

/// What is made of a file that is not valid TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfBroken {
    Nothing,
    /// The lines that can be read.
    WhatCanBeRead,
}

/// The layers, laid on top of one another.
struct Merged {
    root: RawTable,
    file: Option<PathBuf>,
    /// The file cannot be read, or is not TOML.
    is_broken: bool,
    problems: Vec<ConfigProblem>,
}

fn defaults(problems: &mut Vec<ConfigProblem>) -> RawTable {
    file::parse(DEFAULTS, None).unwrap_or_else(|problem| {
        problems.push(*problem);
        RawTable::new()
    })
}

/// Lays the layers on top of one another, the weakest first.
fn merge(sources: &Sources, of_broken: OfBroken) -> Merged {
    let mut problems = Vec::new();
    let dot_env = env::dot_env(&sources.cwd, &mut problems);
    let named = dot_env.iter().rev().find(|e| e.name == "DISPATCHCTL_CONFIG" && !e.value.is_empty());
    let located = file::load(sources, named.map(|e| (e.value.clone(), e.origin.clone())));
    lay(sources, &dot_env, located, of_broken, problems)
}

/// The layers with this file, or without one.
fn lay(
    sources: &Sources,
    dot_env: &[env::DotEnvEntry],
    located: Result<file::LocatedFile, Box<ConfigProblem>>,
    of_broken: OfBroken,
    mut problems: Vec<ConfigProblem>,
) -> Merged {
    let mut root = defaults(&mut problems);
    let (mut path, mut is_broken) = (None, false);
    match located {
        Ok(Some((found, text))) => {
            let parsed = match of_broken {
                OfBroken::Nothing => file::parse(&text, Some(&found)),
                OfBroken::WhatCanBeRead => Ok(file::parse_what_can_be_read(&text, &found)),
            };
            match parsed {
                Ok(mut table) => {
                    for (name, origin) in raw::lower_policy_names(&mut table).err().unwrap_or_default() {
                        let key = format!("policies.{name}");
                        let form = "names that differ not by case alone";
                        problems.push(ConfigProblem::new(origin, key, "is defined twice", form));
                    }
                    overlay(&mut root, table, "");
                }
                Err(problem) => {
                    is_broken = true;
                    problems.push(*problem);
                }
            }
            path = Some(found);
        }
        Ok(None) => {}
        Err(problem) => {
            is_broken = true;
            problems.push(*problem);
        }
    }
    let lines: Vec<(&str, &str, Origin)> =
        dot_env.iter().map(|e| (e.name.as_str(), e.value.as_str(), e.origin.clone())).collect();
    env::lay_names(&mut root, &lines, Layer::DotEnvPlain, Layer::DotEnv, &mut problems);
    let variables: Vec<(&str, &str, Origin)> =
        sources.env.iter().map(|(n, v)| (n.as_str(), v.as_str(), Origin::Env(n.clone()))).collect();
    env::lay_names(&mut root, &variables, Layer::EnvPlain, Layer::Env, &mut problems);
    env::lay_flags(&mut root, sources, &mut problems);
    presets::lay(&mut root, &mut problems);
    Merged { root, file: path, is_broken, problems }
}

/// The names that the sinks of a tree go by; one whose place cannot be read has none of its own.
fn sink_names(sources: &Sources, root: &RawTable) -> Vec<Option<String>> {
    let text = |sink: &RawTable, key: &str| match sink.get(key) {
        Some(raw::Node { value: raw::Value::Text(text), origin, .. }) => Some((text.clone(), origin.clone())),
        _ => None,
    };
    let by_file = |sink: &RawTable| {
        let (path, origin) = text(sink, "url_file")?;
        file::read_text(&resolve(&sources.cwd, &origin, &path), SECRET_BYTES_MAX).ok()
    };
    let name = |sink: &RawTable| {
        let given = text(sink, "name").map(|(name, _)| name.trim().to_owned());
        let url = || text(sink, "url").map(|(url, _)| url).or_else(|| by_file(sink));
        let default = || {
            let format = text(sink, "format").map_or_else(String::new, |(format, _)| format);
            let url = url().and_then(|url| url::Url::parse(url.trim()).ok());
            let program = program(sink);
            let by = sinks::NamedBy { url: url.as_ref(), format: &format, program: program.as_deref() };
            sinks::default_name(&text(sink, "kind")?.0, by)
        };
        let default = if given.is_none() { default() } else { None };
        (given, default)
    };
    alerts::unique_names(in_force::sinks(root).into_iter().map(name).collect())
}

/// The program that a sink runs.
fn program(sink: &RawTable) -> Option<String> {
    let Some(raw::Node { value: raw::Value::List(items), .. }) = sink.get("command") else { return None };
    match items.first().map(|item| &item.value) {
        Some(raw::Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The sinks of a tree by their names, taken out of it.
fn take_named_sinks(sources: &Sources, root: &mut RawTable) -> Vec<(String, RawTable)> {
    let names = sink_names(sources, root);
    names.into_iter().zip(in_force::take_sinks(root)).filter_map(|(name, sink)| Some((name?, sink))).collect()
}
