//! The manual: what `help TOPIC` shows, and the pages that `man DIR` writes. What lists things (keys, alerts, metrics, scenarios) is made
//! from where they are defined, so that none is missing.

mod configuration;
mod lists;
mod pages;

use std::path::PathBuf;

use clap::ValueEnum;

use super::exit::ExitStatus;
use super::output::Output;
use super::report::CliError;

/// What there is a page about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// What a command ends with
    ExitCodes,
    /// Variables that are read
    Environment,
    /// What a call and its attempts can be
    States,
    /// Every key, its default and what it does
    Configuration,
    /// The HTTP interface
    Api,
    /// The text that technicians get
    Templates,
    /// What a token may do
    Scopes,
    /// What is seen, and what to do
    Symptoms,
    /// New versions, copies, restoring, retention, rotation of secrets
    Upgrade,
    /// Going live, step by step
    Live,
    /// What holds, and how
    Promises,
    /// Which settings decide, and how they are changed
    Settings,
    /// Who is on call: rotations, calendars, exceptions, roll calls
    Rotations,
    /// Phones that ring
    Voice,
    /// Notices and reports by mail
    Mail,
    /// Voice agents and other platforms in front
    Intake,
    /// The office's page
    Office,
    /// The base that you have
    Airtable,
    /// Moving over from another system
    Moving,
    /// Telling an automation service
    Events,
    /// Two machines, and the store in PostgreSQL
    Postgres,
    /// The sandbox, live drills, and your own tests
    Testing,
    /// Every alert
    Alerts,
    /// Every figure of /metrics
    Metrics,
    /// What test-reliability plays
    Scenarios,
}

impl Topic {
    fn name(self) -> String {
        self.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
    }

    fn about(self) -> String {
        self.to_possible_value().and_then(|v| v.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    /// Its text, in lines of 80 columns at most.
    pub(super) fn text(self) -> String {
        match self {
            Self::ExitCodes => include_str!("topics/exit-codes.txt").to_owned(),
            Self::Environment => include_str!("topics/environment.txt").to_owned(),
            Self::Api => include_str!("topics/api.txt").to_owned(),
            Self::Templates => include_str!("topics/templates.txt").to_owned(),
            Self::Scopes => include_str!("topics/scopes.txt").to_owned(),
            Self::Symptoms => include_str!("topics/symptoms.txt").to_owned(),
            Self::Upgrade => include_str!("topics/upgrade.txt").to_owned(),
            Self::Live => include_str!("topics/live.txt").to_owned(),
            Self::Promises => include_str!("topics/promises.txt").to_owned(),
            Self::Settings => include_str!("topics/settings.txt").to_owned(),
            Self::Rotations => include_str!("topics/rotations.txt").to_owned(),
            Self::Voice => include_str!("topics/voice.txt").to_owned(),
            Self::Mail => include_str!("topics/mail.txt").to_owned(),
            Self::Intake => include_str!("topics/intake.txt").to_owned(),
            Self::Office => include_str!("topics/office.txt").to_owned(),
            Self::Airtable => include_str!("topics/airtable.txt").to_owned(),
            Self::Moving => include_str!("topics/moving.txt").to_owned(),
            Self::Events => include_str!("topics/events.txt").to_owned(),
            Self::Postgres => include_str!("topics/postgres.txt").to_owned(),
            Self::Testing => lists::testing(),
            Self::Configuration => configuration::reference(crate::config::DEFAULTS),
            Self::States => lists::states(),
            Self::Alerts => lists::alerts(),
            Self::Metrics => lists::metrics(),
            Self::Scenarios => lists::scenarios(),
        }
    }
}

/// What is to be explained.
#[derive(Debug, clap::Args)]
pub(crate) struct HelpArgs {
    /// A topic, or a command and its own command
    #[arg(value_name = "TOPIC|COMMAND", num_args = 0..=2)]
    what: Vec<String>,
}

/// Where the pages go.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// A directory for all pages [default: the first page to stdout]
    dir: Option<PathBuf>,
}

pub(crate) fn help(args: &HelpArgs, mut tree: clap::Command, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(first) = args.what.first() else {
        let mut text = tree.render_long_help().to_string();
        text.push_str("\nTopics of `dispatchctl help TOPIC`:\n");
        for topic in Topic::value_variants() {
            text.push_str(&format!("  {:<14} {}\n", topic.name(), topic.about()));
        }
        out.raw(text.trim_end());
        return Ok(ExitStatus::Done);
    };
    if let Ok(topic) = Topic::from_str(first, true) {
        out.raw(topic.text().trim_end());
        return Ok(ExitStatus::Done);
    }
    tree.build();
    let names: Vec<String> = tree.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let mut found = &mut tree;
    for word in &args.what {
        found = match found.find_subcommand_mut(word) {
            Some(found) => found,
            None => return Err(unknown(word, &names)),
        };
    }
    out.raw(found.render_long_help().to_string().trim_end());
    Ok(ExitStatus::Done)
}

fn unknown(word: &str, commands: &[String]) -> CliError {
    let topics: Vec<String> = Topic::value_variants().iter().map(|t| t.name()).collect();
    let all = topics.iter().chain(commands).map(String::as_str);
    let near = all.map(|name| (strsim::damerau_levenshtein(name, word), name)).min().filter(|(far, _)| *far <= 3);
    let meant = near.map(|(_, name)| format!("did you mean {name}? ")).unwrap_or_default();
    CliError::new(ExitStatus::Usage, format!("there is no topic and no command {word:?}"))
        .hint(format!("{meant}topics: {}; commands: `dispatchctl --help`", topics.join(", ")))
}

pub(crate) fn man(args: &ManArgs, tree: clap::Command, out: &mut Output) -> Result<ExitStatus, CliError> {
    let Some(dir) = &args.dir else {
        out.raw(pages::of_all(tree).first().map(|page| page.text.trim_end()).unwrap_or_default());
        return Ok(ExitStatus::Done);
    };
    let failed = |e: std::io::Error| {
        CliError::new(ExitStatus::No, format!("the pages cannot be written to {}", dir.display())).cause(e)
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let pages = pages::of_all(tree);
    for page in &pages {
        std::fs::write(dir.join(&page.file), &page.text).map_err(failed)?;
    }
    out.chat(&format!(
        "{} pages are in {}: read them with `man -l {}`",
        pages.len(),
        dir.display(),
        dir.join("dispatchctl.1").display()
    ));
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_topic_is_wider_than_80_columns_and_none_is_empty() {
        for topic in Topic::value_variants() {
            let text = topic.text();
            assert!(text.lines().count() > 5, "{topic:?}");
            for line in text.lines() {
                assert!(line.chars().count() <= 80 && !line.ends_with(' '), "{topic:?}: {line:?}");
            }
        }
    }

    #[test]
    fn every_page_has_its_own_name_and_every_command_has_one() {
        let pages = pages::of_all(crate::cli::args::command());
        let names: std::collections::BTreeSet<&str> = pages.iter().map(|p| p.file.as_str()).collect();
        assert_eq!(names.len(), pages.len());
        for name in ["dispatchctl.1", "dispatchctl-send.1", "dispatchctl-store-backup.1", "dispatchctl-configuration.7"]
        {
            assert!(names.contains(name), "{name}: {names:?}");
        }
    }
}
