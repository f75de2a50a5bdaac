//! Who holds a role now, and when nobody will: the line's name and the role are its labels, no number and no person.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tracing::warn;

use crate::domain::Timestamp;
use crate::domain::oncall::outlook::duties;
use crate::domain::team::{Directory, Line};
use crate::engine::apply::Core;
use crate::engine::oncall::reach::gaps_between;

use super::text::{Exposition, FamilyType, OTHER, as_f64, moment};

/// What is ahead is looked at so often.
const FRESH: Duration = Duration::from_secs(60);
/// Numbers that are not listed.
const UNLISTED: &str = "not listed";

/// What was ahead at the last look.
#[derive(Debug)]
pub(in crate::http) struct KeptGaps {
    /// By the boot clock.
    at: Duration,
    directory: Arc<Directory>,
    /// By line and role.
    next: BTreeMap<(String, String), Timestamp>,
}

/// What the lines are called: by their names, and by their place too where two have one name. Two samples of one name with the same
/// labels would make the whole text unreadable to whoever scrapes it.
pub(super) fn labels(directory: &Directory) -> Vec<(Option<&str>, String)> {
    let is_taken = |line: &Line| {
        line.name == UNLISTED
            || line.name == OTHER
            || directory.lines.iter().filter(|l| l.name == line.name).count() > 1
    };
    let named = directory.lines.iter().enumerate().map(|(at, line)| {
        let name = if is_taken(line) { format!("{} #{}", line.name, at + 1) } else { line.name.clone() };
        (line.number.as_deref(), name)
    });
    named.chain(std::iter::once((None, UNLISTED.to_owned()))).collect()
}

/// The name of the line with this number; `None`: the defaults.
pub(super) fn label_of(labels: &[(Option<&str>, String)], number: Option<&str>) -> String {
    let found = labels.iter().find(|(of, _)| *of == number);
    found.map_or_else(|| UNLISTED.to_owned(), |(_, name)| name.clone())
}

/// `kept`: what the look before saw.
pub(super) async fn show(core: &Core, kept: &Mutex<Option<KeptGaps>>, e: &mut Exposition) {
    let (directory, now) = (core.directory(), core.clock.now());
    let names = labels(&directory);
    let held: Vec<(String, String, usize)> = duties(&directory)
        .iter()
        .map(|duty| {
            let holders = directory.holders(duty.line, &duty.role, now).len();
            (label_of(&names, duty.line.number.as_deref()), duty.role.to_string(), holders)
        })
        .collect();
    let labelled = |(line, role, _): &(String, String, usize)| vec![("line", line.clone()), ("role", role.clone())];
    let holders = held.iter().map(|d| (labelled(d), as_f64(u64::try_from(d.2).unwrap_or(u64::MAX))));
    let help = "How many hold a role that a policy names now; 0: nobody would be told.";
    e.family("oncall_holders", FamilyType::Gauge, help, holders);
    let Some(next) = next_gaps(core, kept, &directory, now).await else { return };
    // Nobody ever holds it: the gap is now, and no calendar ends it.
    let starts = |d: &(String, String, usize)| {
        let begun = (d.2 == 0).then_some(now);
        next.get(&(d.0.clone(), d.1.clone())).copied().into_iter().chain(begun).min()
    };
    let gaps = held.iter().map(|d| (labelled(d), moment(starts(d))));
    let help = "When nobody who can be told holds a role next, in seconds since 1970; 0: not within [oncall] look_ahead. A time that is past: now.";
    e.family("oncall_next_gap_timestamp_seconds", FamilyType::Gauge, help, gaps);
}

/// The first gap of each role that somebody holds at some time; `None`: it cannot be said.
async fn next_gaps(
    core: &Core,
    kept: &Mutex<Option<KeptGaps>>,
    directory: &Arc<Directory>,
    now: Timestamp,
) -> Option<BTreeMap<(String, String), Timestamp>> {
    let boot = core.clock.boot();
    let mut kept = kept.lock().await;
    if let Some(kept) = kept.as_ref()
        && boot.saturating_sub(kept.at) < FRESH
        && Arc::ptr_eq(&kept.directory, directory)
    {
        return Some(kept.next.clone());
    }
    let opt_outs = match core.store.opt_outs().await {
        Ok(all) => all,
        Err(e) => {
            warn!(error = %e, "metrics: who takes no texts cannot be read");
            return None;
        }
    };
    let (ahead, of) = (core.rules().oncall.look_ahead, directory.clone());
    let found = tokio::task::spawn_blocking(move || {
        let names = labels(&of);
        let mut next: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
        for gap in gaps_between(&of, now, now.plus(ahead), &opt_outs) {
            let key = (label_of(&names, gap.line.as_deref()), gap.role.to_string());
            let first = next.entry(key).or_insert(gap.from);
            *first = gap.from.min(*first);
        }
        next
    });
    let next = found.await.ok()?;
    *kept = Some(KeptGaps { at: boot, directory: directory.clone(), next: next.clone() });
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    /// Two samples of one name and the same labels: Prometheus refuses the whole text, and every alarm with it.
    #[test]
    fn lines_of_one_name_have_labels_of_their_own() {
        let mut directory = fixtures::directory();
        let line = |number: &str, name: &str| Line {
            number: Some(number.to_owned()),
            name: name.to_owned(),
            ..directory.default_line.clone()
        };
        let lines = vec![
            line("+18005550100", "Acme"),
            line("+18005550101", "Acme"),
            line("+18005550102", "Bolt"),
            line("+18005550103", "not listed"),
            line("+18005550104", "other"),
        ];
        directory.lines = lines;
        let names: Vec<String> = labels(&directory).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["Acme #1", "Acme #2", "Bolt", "not listed #4", "other #5", "not listed"]);
        assert_eq!(label_of(&labels(&directory), Some("+18005550101")), "Acme #2");
        assert_eq!(label_of(&labels(&directory), None), "not listed");
    }
}
