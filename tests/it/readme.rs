//! The front door and the manual: short, and each command in them does what is said.

use std::path::Path;
use std::process::Command;

use crate::support::Shop;
use crate::support::process::report;
use crate::support::stage::Stage;

const README: &str = include_str!("../../README.md");

/// What stands in its blocks of commands, a command a line.
fn commands(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if !line.starts_with("curl ") {
            continue;
        }
        let mut command = line.to_owned();
        // Until its quotes are closed and no line is continued.
        while command.ends_with('\\') || command.matches('\'').count() % 2 == 1 {
            let more = lines.next().expect("it ends").trim();
            command = format!("{} {more}", command.trim_end_matches('\\'));
        }
        all.push(command);
    }
    all
}

/// Runs what `help testing` says to do before its sandbox starts, as it stands there; the token of the API.
fn set_up(stage: &Stage, text: &str) -> String {
    let from = text.lines().map(str::trim).skip_while(|l| *l != "dispatchctl init");
    let steps: Vec<&str> = from.take_while(|l| !l.is_empty()).collect();
    assert!(steps.len() >= 3, "{text}");
    let program = Path::new(env!("CARGO_BIN_EXE_dispatchctl")).parent().expect("a directory");
    let run = Command::new("sh")
        .args(["-ec", &format!("{}\nprintf '%s' \"$DISPATCH_TOKEN\"", steps.join("\n"))])
        .current_dir(stage.shop.path(""))
        .env_clear()
        .env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default()))
        .env("HOME", stage.shop.path(""))
        .env("TEST_MODE", "1")
        .output()
        .expect("a shell");
    assert!(run.status.success(), "{steps:?}: {run:?}");
    let said = String::from_utf8(run.stdout).expect("UTF-8");
    said.lines().last().expect("a token").to_owned()
}

/// What an example sets before it calls curl, from this line of it on.
fn before_its_curl(text: &str, first: &str) -> String {
    let from = text.lines().map(str::trim).skip_while(|l| !l.starts_with(first));
    let lines: Vec<&str> = from.take_while(|l| !l.starts_with("curl ")).collect();
    assert!(!lines.is_empty(), "{first}: {text}");
    lines.join("\n")
}

fn topics(shop: &Shop) -> Vec<String> {
    let run = shop.run_as_is(&["help"]);
    let listed = run.stdout.split("Topics of").nth(1).expect("topics").lines().skip(1);
    listed.filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_readme_is_a_front_door_and_the_manual_has_the_rest() {
    assert!(
        README.lines().count() <= 130,
        "{} lines: reference belongs to `dispatchctl help TOPIC`",
        README.lines().count()
    );
    let shop = Shop::new();
    let topics = topics(&shop);
    assert!(topics.len() >= 25, "{topics:?}");
    let table = README.split("## The manual").nth(1).and_then(|t| t.split("\n## ").next()).expect("its table");
    for topic in &topics {
        assert!(table.contains(&format!("`{topic}`")), "the README does not name the topic {topic}");
    }
    for named in
        table.lines().filter(|l| l.starts_with("| `")).flat_map(|l| l.split('|').nth(1)).flat_map(|c| c.split('`'))
    {
        let word = named.trim();
        let is_word = !word.is_empty() && word != ",";
        assert!(!is_word || topics.iter().any(|t| t == word), "there is no topic {word}");
    }
    for named in README.split("`dispatchctl ").skip(1) {
        let words: Vec<&str> = named.split('`').next().unwrap_or_default().split_whitespace().collect();
        let command = words.first().copied().unwrap_or_default();
        // Of a command that has its own, that one's help.
        let own = words.get(1).filter(|w| command != "help" && w.bytes().all(|b| b.is_ascii_lowercase()));
        let asked: Vec<&str> = ["help", command].into_iter().chain(own.copied()).collect();
        let run = shop.run_as_is(&asked);
        assert_eq!(run.code, 0, "{asked:?}: {run:?}");
        if command == "help" && words.len() > 1 && words[1] != "TOPIC" {
            assert!(topics.iter().any(|t| t == words[1]), "{words:?}");
        }
        let flags = words.iter().filter(|w| w.starts_with("--")).map(|w| w.trim_end_matches(','));
        for flag in flags {
            assert!(run.stdout.contains(flag), "{command} has no {flag}");
        }
    }
}

#[test]
fn every_curl_of_the_readme_and_of_the_manual_works() {
    if Command::new("curl").arg("--version").output().is_err() {
        report("left out: curl is not installed");
        return;
    }
    let stage = Stage::new("");
    std::fs::remove_file(stage.shop.path("dispatchctl.toml")).expect("removed");
    let mut texts = vec![("README".to_owned(), README.to_owned())];
    for topic in topics(&stage.shop) {
        let run = stage.shop.run_as_is(&["help", &topic]);
        texts.push((topic, run.stdout));
    }
    let page = |topic: &str| texts.iter().find(|(name, _)| name == topic).map_or("", |(_, text)| text.as_str());
    let token = set_up(&stage, page("testing"));
    let signed = before_its_curl(page("intake"), "BODY=");
    let serve = stage.serve();
    let (here, sandbox) = (stage.at().to_string(), stage.sandbox_at().to_string());
    let mut ran = 0;
    for (name, text) in &texts {
        for command in commands(text) {
            let told = command
                .replace("https://dispatch.example.com", &format!("http://{here}"))
                .replace("127.0.0.1:3000", &here)
                .replace("127.0.0.1:4010", &sandbox)
                // Each is an emergency of its own.
                .replace("test_123", &format!("test_{ran}"))
                .replacen("curl ", "curl --fail-with-body -m 20 ", 1);
            let prepared = format!("{signed}\n{told}");
            let run = Command::new("sh")
                .args(["-c", &prepared])
                .current_dir(stage.shop.path(""))
                .env("DISPATCH_TOKEN", &token)
                .output()
                .expect("a shell");
            let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{name}: {command}\n{said}\n{}", serve.process.stderr());
            // What the sandbox posts for somebody is taken too.
            assert!(
                !command.contains("\"report\"") || said.contains("\"httpStatus\":200"),
                "{name}: {command}\n{said}"
            );
            ran += 1;
        }
    }
    assert!(ran >= 8, "{ran} were found");
}
