//! The office's page in a real browser: programs in `tests/browser` play the cases, over the real binary, behind a real proxy too.
//! Left out aloud where Chromium, node or nginx are not there, or their packages; `DISPATCHCTL_TEST_BROWSER=required` makes that a
//! failure.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::report;

const DEMANDED_BY: &str = "DISPATCHCTL_TEST_BROWSER";

/// What is missing of what a browser test needs.
fn missing(dir: &Path) -> Option<String> {
    let there = |names: &[&str]| names.iter().map(PathBuf::from).any(|path| path.exists());
    if Command::new("node").arg("--version").output().is_err() {
        return Some("node is not installed (Debian's packages nodejs and npm)".to_owned());
    }
    if !there(&["/usr/bin/chromium"]) {
        return Some("Chromium is not installed (Debian's package chromium)".to_owned());
    }
    if !there(&["/usr/sbin/nginx"]) {
        return Some("nginx is not installed (Debian's package nginx-light)".to_owned());
    }
    let modules = dir.join("node_modules");
    let lacks = ["playwright-core", "axe-core"].into_iter().find(|name| !modules.join(name).exists());
    lacks.map(|name| format!("{name} is not there: npm install --no-package-lock --prefix tests/browser"))
}

fn played_in_a_real_browser(cases: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    if let Some(why) = missing(&dir) {
        assert!(std::env::var_os(DEMANDED_BY).is_none(), "{DEMANDED_BY} is set, and {why}");
        report(&format!("left out: the office's page in a browser: {why}"));
        return;
    }
    let mut node = Command::new("node");
    node.arg(dir.join(cases)).env("DISPATCHCTL", env!("CARGO_BIN_EXE_dispatchctl"));
    let done = node.output().expect("node runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    report(&said);
    assert!(done.status.success(), "{said}");
}

#[test]
fn each_page_reads_well_in_a_real_browser() {
    played_in_a_real_browser("pages.mjs");
}

#[test]
fn the_page_lives_with_what_happens_in_a_real_browser() {
    played_in_a_real_browser("live.mjs");
}

#[test]
fn the_page_stands_what_goes_wrong_around_it_in_a_real_browser() {
    played_in_a_real_browser("troubles.mjs");
}
