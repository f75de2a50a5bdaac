//! The shape of the tree, as ordinary tests: layers, file sizes, files that nothing includes, SQL outside the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::imports::Imports;

/// Which modules of ours a module may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("failpoint", &[]),
    ("clock", &["domain", "failpoint"]),
    ("ids", &["domain"]),
    ("telemetry", &[]),
    ("config", &["domain", "config"]),
    ("store", &["domain", "store", "clock", "ids", "failpoint"]),
    ("gateways", &["domain", "gateways", "clock", "ids", "failpoint"]),
    ("engine", &["domain", "store", "gateways", "config", "engine", "clock", "ids", "failpoint"]),
    ("http", &["domain", "store", "gateways", "config", "engine", "http", "clock", "ids", "failpoint"]),
    ("sandbox", &["domain", "sandbox", "clock", "ids"]),
    ("reliability", &["domain", "store", "gateways", "config", "sandbox", "reliability", "clock", "ids", "failpoint"]),
    (
        "cli",
        &[
            "domain",
            "store",
            "gateways",
            "config",
            "engine",
            "http",
            "sandbox",
            "reliability",
            "cli",
            "clock",
            "ids",
            "telemetry",
            "failpoint",
        ],
    ),
];
/// The most files that may import each other in a ring: a pair.
const CIRCLE_MAX: usize = 2;
/// Rooms whose larger rings are not opened yet.
const NOT_OPEN: &[&str] = &["store"];
/// Files that may commit a transaction of the store: the write path, and the drill that damages a store.
const WRITERS: &[&str] = &["engine/apply.rs", "reliability/store_trouble.rs"];
/// The most lines that a file of `src` may have.
const LINES_MAX: usize = 600;

type Files = BTreeMap<String, String>;

fn sources() -> Files {
    fn walk(dir: &Path, root: &Path, files: &mut Files) {
        for entry in std::fs::read_dir(dir).expect("src is readable") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                walk(&path, root, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).expect("below src").to_string_lossy().into_owned();
                files.insert(name, std::fs::read_to_string(&path).expect("readable"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Files::new();
    walk(&root, &root, &mut files);
    files
}

/// Tests may use what helps them to test.
fn is_test(name: &str) -> bool {
    name.split(['/', '.', '_']).any(|part| part == "tests")
        || name.starts_with("testing/")
        || name.contains("/contract")
}

/// The part of a file before its inline tests.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// Every top-level module that the text names by `crate::`, in groups too.
fn used(text: &str) -> BTreeSet<String> {
    crate::imports::from_the_root(text)
}

fn layering(files: &Files) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, text) in files {
        let top = name.split(['/', '.']).next().unwrap_or_default();
        if is_test(name) || matches!(top, "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(m, _)| *m == top) else {
            broken.push(format!("{name}: module {top} has no place in the layers"));
            continue;
        };
        for module in used(code(text)) {
            if !allowed.contains(&module.as_str()) {
                broken.push(format!("{name}: {top} may not use crate::{module}"));
            }
        }
    }
    broken
}

fn too_long(files: &Files) -> Vec<String> {
    let long = files.iter().map(|(n, t)| (n, t.lines().count())).filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(n, lines)| format!("{n}: {lines} lines, at most {LINES_MAX}")).collect()
}

/// Files that no `mod` line names.
fn orphans(files: &Files) -> Vec<String> {
    let mut lost = Vec::new();
    for name in files.keys() {
        let (dir, file) = name.rsplit_once('/').unwrap_or(("", name));
        let stem = file.trim_end_matches(".rs");
        let (parents, module): (Vec<String>, &str) = match (dir, stem) {
            ("", "main" | "lib") => continue,
            ("", m) => (vec!["lib.rs".into()], m),
            (d, "mod") => {
                let (up, m) = d.rsplit_once('/').unwrap_or(("", d));
                (
                    if up.is_empty() {
                        vec!["lib.rs".into()]
                    } else {
                        vec![format!("{up}/mod.rs"), format!("{up}.rs")]
                    },
                    m,
                )
            }
            (d, m) => (vec![format!("{d}/mod.rs"), format!("{d}.rs")], m),
        };
        // A test file may stand beside the file it tests: `#[path = "x_tests.rs"]`.
        let siblings = files.keys().filter(|n| n.rsplit_once('/').map_or("", |(d, _)| d) == dir).cloned();
        let by_path = format!("#[path = \"{file}\"]");
        if siblings.filter_map(|n| files.get(&n)).any(|t| t.contains(&by_path)) {
            continue;
        }
        let included = parents.iter().filter_map(|p| files.get(p)).any(|text| {
            text.lines().any(|l| {
                let l = l
                    .trim()
                    .trim_start_matches("pub ")
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("pub(super) ");
                l == format!("mod {module};")
            })
        });
        if !included {
            lost.push(format!("{name}: nothing includes it"));
        }
    }
    lost
}

/// Rings of files that are larger than a pair: the room of each, and its files.
fn rings(files: &Files) -> Vec<(String, Vec<String>)> {
    let sources = files.iter().filter(|(n, _)| !is_test(n)).map(|(n, t)| (n.as_str(), code(t)));
    let imports = Imports::of(sources);
    let large = imports.circles().into_iter().filter(|c| c.len() > CIRCLE_MAX);
    large
        .map(|circle| {
            let room = circle.first().and_then(|f| f.split(['/', '.']).next()).unwrap_or_default();
            (room.to_owned(), circle.into_iter().map(str::to_owned).collect())
        })
        .collect()
}

fn rings_in_open_rooms(files: &Files) -> Vec<String> {
    let found = rings(files).into_iter().filter(|(room, _)| !NOT_OPEN.contains(&room.as_str()));
    found.map(|(room, circle)| format!("{room}, {} files: {}", circle.len(), circle.join(" "))).collect()
}

fn written_elsewhere(files: &Files) -> Vec<String> {
    let elsewhere = |n: &str| !n.starts_with("store/") && !is_test(n) && !WRITERS.contains(&n);
    let commits = |t: &str| crate::imports::tokens(code(t)).windows(3).any(|w| w == [".", "transact", "("]);
    files.iter().filter(|(n, t)| elsewhere(n) && commits(t)).map(|(n, _)| format!("{n}: writes beside apply")).collect()
}

fn sql_outside_the_store(files: &Files) -> Vec<String> {
    let words = ["INSERT INTO ", "DELETE FROM ", "SELECT ", "PRAGMA "];
    files
        .iter()
        .filter(|(n, _)| !n.starts_with("store/") && !is_test(n))
        .filter(|(_, t)| {
            code(t).lines().any(|l| !l.trim_start().starts_with("//") && words.iter().any(|w| l.contains(w)))
        })
        .map(|(n, _)| format!("{n}: SQL outside the store"))
        .collect()
}

/// What a backend is made of: behind `store::open` nobody knows which one there is.
fn backends_named(files: &Files) -> Vec<String> {
    let outside = files.iter().filter(|(n, _)| !n.starts_with("store/"));
    let names = |t: &str| crate::imports::tokens(t).iter().any(|w| w == "SqliteStore" || w == "sqlite");
    outside.filter(|(_, t)| names(t)).map(|(n, _)| format!("{n}: names a backend of the store")).collect()
}

#[test]
fn nobody_but_the_store_names_a_backend() {
    assert_eq!(backends_named(&sources()), Vec::<String>::new());
}

/// Files that the map of the tree in `lib.rs` names and that are not there.
fn unmapped(files: &Files) -> Vec<String> {
    let map = files["lib.rs"].lines().filter(|l| l.starts_with("//!"));
    let named = map.flat_map(|l| l.split('`')).filter(|w| w.ends_with(".rs") && w.contains('/'));
    named.filter(|w| !files.contains_key(*w)).map(str::to_owned).collect()
}

#[test]
fn every_file_on_the_map_is_there() {
    let files = sources();
    assert!(files["lib.rs"].contains("`engine/apply.rs`"), "the map is gone");
    assert_eq!(unmapped(&files), Vec::<String>::new());
    let mut without = files;
    without.remove("engine/dispatcher.rs");
    assert_eq!(unmapped(&without), ["engine/dispatcher.rs"]);
}

#[test]
fn layers_are_kept() {
    assert_eq!(layering(&sources()), Vec::<String>::new());
}

#[test]
fn no_file_is_too_long() {
    assert_eq!(too_long(&sources()), Vec::<String>::new());
}

#[test]
fn every_file_is_included() {
    assert_eq!(orphans(&sources()), Vec::<String>::new());
}

#[test]
fn only_the_store_speaks_sql() {
    assert_eq!(sql_outside_the_store(&sources()), Vec::<String>::new());
}

#[test]
fn no_files_of_an_open_room_make_a_ring() {
    assert_eq!(rings_in_open_rooms(&sources()), Vec::<String>::new());
}

#[test]
fn only_the_write_path_commits() {
    assert_eq!(written_elsewhere(&sources()), Vec::<String>::new());
}

#[test]
fn each_rule_goes_red_when_it_is_broken() {
    let with = |name: &str, text: &str| {
        let mut files = sources();
        files.insert(name.to_owned(), text.to_owned());
        files
    };
    let broken = layering(&with("domain/broken.rs", "use crate::store::Store;\n"));
    assert_eq!(broken, ["domain/broken.rs: domain may not use crate::store"]);
    let broken = layering(&with("domain/broken.rs", "use crate::{\n    ids::Ids,\n    store::{Store, sqlite},\n};\n"));
    assert_eq!(broken.len(), 2, "{broken:?}");
    let broken = layering(&with("http/broken.rs", "fn f() { crate::cli::run([]); }\n"));
    assert_eq!(broken, ["http/broken.rs: http may not use crate::cli"]);
    let captures =
        "fn f<'a>(x: &'a X) -> impl Iterator<Item = u8> + use<'a> { let X { a, b } = x; crate::cli::run([]); }\n";
    assert_eq!(layering(&with("http/broken.rs", captures)), ["http/broken.rs: http may not use crate::cli"]);
    assert_eq!(
        layering(&with("http/broken.rs", "use {crate::cli::run;\n")),
        ["http/broken.rs: http may not use crate::cli"]
    );
    assert_eq!(layering(&with("stray/mod.rs", "")).len(), 1);
    assert_eq!(too_long(&with("domain/broken.rs", &"\n".repeat(LINES_MAX + 1))).len(), 1);
    assert_eq!(orphans(&with("domain/broken.rs", "")), ["domain/broken.rs: nothing includes it"]);
    let broken = backends_named(&with("cli/broken.rs", "use crate::store::SqliteStore;\n"));
    assert_eq!(broken, ["cli/broken.rs: names a backend of the store"]);
    assert_eq!(sql_outside_the_store(&with("engine/broken.rs", "const Q: &str = \"DELETE FROM calls\";\n")).len(), 1);
    let mut files = sources();
    for (name, next) in [("one", "two"), ("two", "three"), ("three", "one")] {
        files.insert(format!("ids/{name}.rs"), format!("use super::{{{next}::Thing}};\nstruct Thing;\n"));
    }
    let broken = rings_in_open_rooms(&files);
    assert_eq!(broken, ["ids, 3 files: ids/one.rs ids/three.rs ids/two.rs"]);
    let broken = written_elsewhere(&with("engine/broken.rs", "async fn f() { store\n.transact(load).await }\n"));
    assert_eq!(broken, ["engine/broken.rs: writes beside apply"]);
}
