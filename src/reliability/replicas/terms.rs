//! Whether every request to the provider began within the term of its process: by what the processes say of both, on one boot clock.

use crate::gateways::REQUEST_BEGINS;
use crate::store::LEASE_TAKEN;

/// What the logs of all processes say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// How many began.
    pub(super) begun: usize,
    /// The least that was left of a permit, in milliseconds.
    pub(super) least_left_ms: Option<u64>,
    /// Those that began when another process had asked for the lease and got it, or before their own ever did.
    pub(super) outside: Vec<String>,
}

/// `logs`: each process with its log; the times in them are of one boot clock.
pub(super) fn requests(logs: &[(String, String)]) -> Requests {
    let mut terms: Vec<(u64, &str)> = Vec::new();
    for (process, log) in logs {
        terms.extend(
            log.lines()
                .filter(|l| l.contains(LEASE_TAKEN))
                .filter_map(|l| Some((field(l, "boot_ms")?, process.as_str()))),
        );
    }
    terms.sort_unstable();
    let mut found = Requests::default();
    for (process, log) in logs {
        for line in log.lines().filter(|l| l.contains(REQUEST_BEGINS)) {
            let Some((at, left)) = field(line, "boot_ms").zip(field(line, "left_ms")) else { continue };
            found.begun += 1;
            found.least_left_ms = Some(found.least_left_ms.map_or(left, |least| least.min(left)));
            let holder = terms.iter().rev().find(|(taken, _)| *taken <= at).map(|(_, holder)| *holder);
            if holder != Some(process.as_str()) {
                let of = holder.unwrap_or("nobody");
                found.outside.push(format!("{process} at {at} ms, in a term of {of}"));
            }
        }
    }
    found
}

fn field(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!("{name}="))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_the_term_of_another_process_is_found() {
        let taken = |at: u64| format!("2026-11-27T10:00:00Z DEBUG {LEASE_TAKEN} term=\"eng_1\" boot_ms={at}\n");
        let begins = |at: u64, left: u64| format!("DEBUG {REQUEST_BEGINS} boot_ms={at} left_ms={left}\n");
        let a = [taken(1_000), begins(1_500, 2_000), begins(5_000, 900), "other words boot_ms=1\n".to_owned()].concat();
        let b = [begins(900, 2_900), taken(4_900), begins(6_000, 2_500)].concat();
        let found = requests(&[("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!((found.begun, found.least_left_ms), (4, Some(900)));
        assert_eq!(found.outside, ["a at 5000 ms, in a term of b", "b at 900 ms, in a term of nobody"]);
    }
}
