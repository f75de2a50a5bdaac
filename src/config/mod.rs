//! Configuration: flags, environment, `.env`, file and defaults become one checked [`Config`].
//!
//! [`load`] finds everything that is wrong in one pass, each problem with its file and line, key and accepted form. It never
//! shows a secret, neither in an error nor in `Debug` nor in [`show`]. Secrets that one command needs and another does not
//! are asked for by that command ([`Config::twilio_required`] and its kin): a missing one stops nobody else.
//! In test mode what the file points at is replaced by places on this machine, and what a flag or an environment variable
//! points at must be on it. Every default is in `default.toml`, which is read as the weakest layer.

mod airtable;
mod alerts;
mod check;
mod env;
mod file;
mod forms;
mod origin;
mod people;
mod raw;
mod read;
mod secrets;
mod show;
mod test_mode;
#[cfg(test)]
mod tests;
mod twilio;
mod types;

pub use env::{Drill, Sources, no_color, user_name};
pub use forms::duration;
pub use origin::{ConfigErrors, Origin, Problem};
pub use people::empty_roles;
pub use secrets::SecretUrl;
pub use show::{ShowRow, show};
pub use types::*;

use std::path::PathBuf;

use origin::Layer;
use raw::{Table, overlay};
use read::Reader;

/// Every key with its default and what it means: the weakest layer, and the documentation of the file.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Reads and checks the whole configuration. Reads files; writes nothing; safe to repeat.
///
/// # Errors
/// Everything that is wrong, at once. Exit code 2.
pub fn load(sources: &Sources) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let (root, file) = merge(sources, &mut problems);
    check::config(sources, root, file, Reader::new(sources.cwd.clone(), problems))
}

/// Lays the layers on top of one another, the weakest first.
fn merge(sources: &Sources, problems: &mut Vec<Problem>) -> (Table, Option<PathBuf>) {
    let mut root = file::parse(DEFAULTS, None).unwrap_or_else(|problem| {
        problems.push(*problem);
        Table::new()
    });
    let dot_env = env::dot_env(&sources.cwd, problems);
    let named = dot_env.iter().rev().find(|e| e.name == "DISPATCHCTL_CONFIG" && !e.value.is_empty());
    let mut path = None;
    match file::load(sources, named.map(|e| (e.value.clone(), e.origin.clone()))) {
        Ok(Some((found, text))) => {
            match file::parse(&text, Some(&found)) {
                Ok(mut table) => {
                    for (name, origin) in raw::lower_policy_names(&mut table).err().unwrap_or_default() {
                        let key = format!("policies.{name}");
                        problems.push(Problem::new(
                            origin,
                            key,
                            "is defined twice",
                            "names that differ not by case alone",
                        ));
                    }
                    overlay(&mut root, table, "");
                }
                Err(problem) => problems.push(*problem),
            }
            path = Some(found);
        }
        Ok(None) => {}
        Err(problem) => problems.push(*problem),
    }
    let lines: Vec<(&str, &str, Origin)> =
        dot_env.iter().map(|e| (e.name.as_str(), e.value.as_str(), e.origin.clone())).collect();
    env::lay_names(&mut root, &lines, Layer::DotEnvPlain, Layer::DotEnv, problems);
    let variables: Vec<(&str, &str, Origin)> =
        sources.env.iter().map(|(n, v)| (n.as_str(), v.as_str(), Origin::Env(n.clone()))).collect();
    env::lay_names(&mut root, &variables, Layer::EnvPlain, Layer::Env, problems);
    env::lay_flags(&mut root, sources, problems);
    (root, path)
}
