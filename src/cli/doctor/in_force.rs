//! Whether what this configuration says is what decides.

use crate::config;

use super::super::app::App;
use super::finding::Findings;

/// So many keys are named.
const NAMED: usize = 8;

pub(super) fn check(app: &App, f: &mut Findings) {
    const NAME: &str = "settings in force";
    let Some(row) = &app.settings else {
        f.skip(NAME, "none yet: the first `serve` puts its own in force");
        return;
    };
    let differ = config::differences(&app.config.documents.decides, &config::completed(row));
    if differ.is_empty() {
        f.ok(NAME, format!("those of this configuration ({}, since {})", row.number.0, row.at));
        return;
    }
    let named: Vec<&str> = differ.iter().take(NAMED).map(String::as_str).collect();
    let more = differ.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let what = format!("this configuration is not the one that decides: it differs in {}{more}", named.join(", "));
    let next = "send SIGHUP to `serve`, or run `dispatchctl config apply`; `dispatchctl config show --diff` shows both";
    f.warn(NAME, what, next);
}
