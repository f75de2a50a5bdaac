//! The manual: every topic and page, judged by those who set pages, and held against what the program has.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::Shop;
use crate::support::process::report;

const TOPICS: [&str; 25] = [
    "exit-codes",
    "environment",
    "states",
    "configuration",
    "api",
    "templates",
    "scopes",
    "symptoms",
    "upgrade",
    "live",
    "promises",
    "settings",
    "rotations",
    "voice",
    "mail",
    "intake",
    "office",
    "airtable",
    "moving",
    "events",
    "postgres",
    "testing",
    "alerts",
    "metrics",
    "scenarios",
];

fn shown(shop: &Shop, words: &[&str]) -> String {
    let run = shop.run_as_is(&[&["help"], words].concat());
    assert_eq!(run.code, 0, "{words:?}: {run:?}");
    run.stdout
}

#[test]
fn every_topic_is_shown_without_a_configuration_and_every_command_it_names_exists() {
    let shop = Shop::new();
    shop.write_config("this is no configuration");
    let overview = shown(&shop, &[]);
    for topic in TOPICS {
        let text = shown(&shop, &[topic]);
        assert!(overview.contains(&format!("  {topic} ")), "{overview}");
        assert!(!text.contains("fixtures/"), "{topic} names a file that an installed program does not have");
        // Whatever stands behind the program's name within backticks, or begins a line, is a command.
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for named in flat.split("`dispatchctl ").skip(1) {
            let command = named.split(['`', ' ']).next().unwrap_or_default();
            if !command.starts_with('-') {
                shown(&shop, &[command]);
            }
        }
    }
    let run = shop.run_as_is(&["help", "exit-code"]);
    assert!(run.code == 2 && run.stderr.contains("did you mean exit-codes"), "{run:?}");
    assert!(shown(&shop, &["store", "backup"]).contains("Example"));
}

#[test]
fn scenarios_and_routes_and_variables_are_all_named() {
    let shop = Shop::new();
    let scenarios = shown(&shop, &["scenarios"]);
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scenarios");
    for entry in std::fs::read_dir(dir).expect("scenarios") {
        let name = entry.expect("an entry").path();
        let name = name.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(scenarios.contains(&format!("\n  {name}\n")), "{name}");
    }
    let api = shown(&shop, &["api"]);
    let routes = include_str!("../../src/http/routes.rs");
    for path in routes.split(".route(\"").skip(1).filter_map(|r| r.split('"').next()) {
        assert!(api.contains(path), "{path}");
    }
    let environment = shown(&shop, &["environment"]);
    let known = include_str!("../../src/config/env.rs");
    let names = known.split('"').filter(|w| w.len() > 3 && w.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    for name in names.filter(|n| !n.ends_with('_') && !n.contains("_TEST_")) {
        assert!(environment.contains(name), "{name}");
    }
}

#[test]
fn the_pages_are_set_without_a_complaint() {
    let shop = Shop::new();
    let dir = shop.path("pages");
    let run = shop.run_as_is(&["man", dir.to_str().expect("plain")]);
    assert_eq!(run.code, 0, "{run:?}");
    let pages: BTreeSet<_> = std::fs::read_dir(&dir).expect("pages").map(|e| e.expect("a page").path()).collect();
    assert!(pages.len() > 60, "{}", pages.len());
    for (program, args) in
        [("mandoc", &["-T", "lint", "-W", "warning"][..]), ("groff", &["-man", "-Tutf8", "-ww", "-rLL=80n", "-z"])]
    {
        for page in &pages {
            match Command::new(program).args(args).arg(page).output() {
                Err(_) => {
                    report(&format!("left out: {program} is not installed"));
                    break;
                }
                Ok(done) => {
                    let said =
                        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
                    // A page has no date: it is of the program, and not of a day.
                    let wrong: Vec<&str> =
                        said.lines().filter(|l| !l.contains("missing date") && !l.contains("date")).collect();
                    assert!(wrong.is_empty(), "{program} {}: {wrong:?}", page.display());
                }
            }
        }
    }
}
