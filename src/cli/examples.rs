//! An example of each command, shown at the end of its help and on its page.

/// The command, and how it is used; a test reads each as the program would.
pub(super) const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "send",
        &[
            "send --caller +19495550150 --level high --issue \"No heat\" --address \"12 Oak St\"",
            "send --issue \"No heat\" --dry-run",
        ],
    ),
    ("serve", &["--config /etc/dispatchctl/config.toml serve"]),
    ("status", &["status", "status test_123", "status --watch"]),
    ("ack", &["ack test_123 --for sam"]),
    ("resolve", &["resolve test_123 --note \"valve replaced\""]),
    ("cancel", &["cancel test_123 --note \"called twice\""]),
    ("reopen", &["reopen test_123 --note \"leaks again\""]),
    ("raise", &["raise test_123"]),
    ("seen", &["seen test_123"]),
    ("note", &["note test_123 \"key is with the neighbour\""]),
    ("settle", &["settle att_0190d7c5a4db7000a4db0c5a4db0c000 --not-sent"]),
    ("verify-events", &["verify-events --since 24h --repair"]),
    ("follow-up list", &["follow-up list"]),
    ("follow-up run", &["follow-up run --missed"]),
    ("follow-up cancel", &["follow-up cancel --call test_123"]),
    ("recover", &["recover --dry-run", "recover --from-airtable"]),
    ("alerts", &["alerts"]),
    ("breaker list", &["breaker list"]),
    ("breaker close", &["breaker close +15005550006"]),
    ("board link", &["board link mia"]),
    ("contacts list", &["contacts list"]),
    ("contacts clear", &["contacts clear sam"]),
    ("oncall", &["oncall", "oncall --at 2026-12-24T22:00:00-08:00"]),
    ("oncall check", &["oncall check --days 14"]),
    ("report", &["report --night", "-o csv report --night"]),
    ("log", &["log --follow", "-o csv log --since 24h"]),
    ("store check", &["store check"]),
    ("store backup", &["store backup /safe/place/dispatchctl.db"]),
    ("store restore", &["store restore /safe/place/dispatchctl.db"]),
    ("store prune", &["store prune --older-than 365d --dry-run", "store prune --before 2026-01-31"]),
    ("store migrate", &["store migrate --to postgres://dispatch@db.example.com/dispatchctl"]),
    ("doctor", &["doctor"]),
    ("init", &["init"]),
    ("config show", &["config show --diff"]),
    ("config apply", &["config apply"]),
    ("completions", &["completions bash"]),
    ("help", &["help symptoms", "help store backup"]),
    ("man", &["man ./man1"]),
    #[cfg(feature = "drills")]
    ("demo", &["demo"]),
    #[cfg(feature = "drills")]
    ("sandbox", &["sandbox --listen 127.0.0.1:4010"]),
    #[cfg(feature = "drills")]
    ("test-reliability", &["test-reliability", "test-reliability --scenario follow-up-at-t1"]),
];

/// The tree with the examples in it.
pub(super) fn with_examples(mut tree: clap::Command) -> clap::Command {
    for (path, examples) in EXAMPLES {
        let lines: Vec<String> = examples.iter().map(|e| format!("  dispatchctl {e}")).collect();
        let text = format!("{}:\n{}", if lines.len() == 1 { "Example" } else { "Examples" }, lines.join("\n"));
        let words: Vec<&str> = path.split(' ').collect();
        tree = added(tree, &words, text);
    }
    tree
}

fn added(tree: clap::Command, path: &[&str], text: String) -> clap::Command {
    match path.split_first() {
        None => tree.after_help(text),
        // What the tree has not (a build without drills), it has no example of.
        Some((first, rest)) if tree.find_subcommand(first).is_some() => {
            tree.mut_subcommand(*first, |sub| added(sub, rest, text))
        }
        Some(_) => tree,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::command;

    /// As a shell takes a line apart, for what the examples have.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec!["dispatchctl".to_owned()];
        for (n, part) in line.split('"').enumerate() {
            if n % 2 == 1 {
                words.push(part.to_owned())
            } else {
                words.extend(part.split_whitespace().map(str::to_owned))
            }
        }
        words
    }

    #[test]
    fn every_example_is_understood_and_every_command_has_one() {
        for (path, examples) in EXAMPLES {
            for example in *examples {
                let read = command().try_get_matches_from(words(example));
                assert!(read.is_ok(), "{example}: {}", read.err().map(|e| e.to_string()).unwrap_or_default());
                let last = path.split(' ').next_back().unwrap_or_default();
                assert!(words(example).iter().any(|w| w == last), "{example} is none of {path}");
            }
        }
        for sub in command().get_subcommands() {
            let name = sub.get_name();
            let has = |(path, _): &(&str, &[&str])| *path == name || path.starts_with(&format!("{name} "));
            assert!(EXAMPLES.iter().any(has), "{name} has no example");
        }
    }

    #[test]
    fn help_shows_a_commands_own_flags_before_those_of_every_command_and_ends_with_an_example() {
        let mut tree = command();
        tree.build();
        let help = tree.find_subcommand_mut("send").expect("send").render_long_help().to_string();
        let at = |word: &str| help.find(word).unwrap_or_else(|| panic!("{word} is missing: {help}"));
        assert!(at("--caller") < at("Options of every command") && at("Options of every command") < at("Examples:"));
    }
}
