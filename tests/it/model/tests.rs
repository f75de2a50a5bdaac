//! What holds with every guard, and the shortest way into the fault that each of them keeps out.

use std::time::Duration;

use super::search::{SILENT, Searched, search};
use super::sending::{BEYOND_POLICY, DOUBLED, Guards, NOTICES, Sending};

fn searched(model: &Sending) -> (Searched, Duration) {
    #[expect(clippy::disallowed_methods, reason = "how long a search takes is only printed")]
    let began = std::time::Instant::now();
    let searched = search(model);
    (searched, began.elapsed())
}

/// With every guard nothing is found.
#[track_caller]
fn all_hold(notices: usize, faults: u8) {
    let model = Sending { guards: Guards::ALL, notices, faults, clocks_apart: true, strict: false };
    let (seen, took) = searched(&model);
    println!(
        "{notices} notices, {faults} faults: {} states, {} steps, {} deep, {} settled, {took:.1?}",
        seen.states, seen.steps, seen.depth, seen.settled
    );
    if let Some(found) = seen.found {
        panic!("{notices} notices, {faults} faults: {found}");
    }
    assert!(seen.settled > 0, "the model ends somewhere");
}

/// One notice, three faults, clocks that agree: what breaks then, and that each of these is a step of the way there, in this order.
#[track_caller]
fn found_without(name: &str, guards: Guards, broken: &str, way: &[&str]) {
    let model = Sending { guards, notices: 1, faults: 3, clocks_apart: false, strict: false };
    found_in(name, &model, broken, way);
}

#[track_caller]
fn found_in(name: &str, model: &Sending, broken: &str, way: &[&str]) {
    let (seen, took) = searched(model);
    let found = seen.found.unwrap_or_else(|| panic!("{name}: nothing is found in {} states", seen.states));
    println!("{name}, after {} states, {took:.1?}: {found}", seen.states);
    assert_eq!(found.broken, broken, "{name}: {found}");
    let mut steps = found.steps.iter();
    for said in way {
        assert!(steps.any(|step| step == said), "{name}: {said:?} is no step, or not in this order: {found}");
    }
}

#[test]
fn with_every_guard_no_notice_is_doubled_and_none_is_silent() {
    all_hold(1, 3);
    all_hold(NOTICES, 2);
}

/// Three million states.
#[test]
#[ignore = "4 s in release, a minute in debug"]
fn with_every_guard_more_faults_double_nothing_and_silence_nothing() {
    all_hold(NOTICES, 3);
    all_hold(1, 5);
}

/// As `safeguards_lease::fence` shows it in the product: what is claimed under another's lease, nobody looks for.
#[test]
fn without_the_fence_a_claim_under_the_lease_of_another_is_seen_by_nobody() {
    let way = [
        "engine A is stopped (SIGSTOP)",
        "engine B takes the lease",
        "engine B looks through the claims of others",
        "engine A is continued",
        "engine A commits its claim of text 1",
        "engine A is killed",
    ];
    found_without("without the fence", Guards { fence: false, ..Guards::ALL }, SILENT, &way);
}

/// As `safeguards_lease::permit` and the 90 s stop of `replicas_faults` show it in the product.
#[test]
fn without_the_permit_a_stopped_engine_sends_what_another_repeated() {
    let way = [
        "engine A commits its claim of text 1",
        "engine A is stopped (SIGSTOP)",
        "engine B takes the lease",
        "engine B lets the policy decide about text 1",
        "engine B POSTs the repeat of text 1: accepted",
        "engine A is continued",
        "engine A POSTs text 1: accepted",
    ];
    found_without("without the permit", Guards { permit: false, ..Guards::ALL }, BEYOND_POLICY, &way);
}

/// As `look-before-resend` shows it in the product: a text that is there is sent again.
#[test]
fn without_the_search_a_text_that_is_listed_is_repeated() {
    let way = [
        "engine A POSTs text 1: accepted, and the answer is lost",
        "engine A lets the policy decide about text 1",
        "engine A POSTs the repeat of text 1: accepted",
    ];
    found_without("without the search", Guards { search: false, ..Guards::ALL }, BEYOND_POLICY, &way);
}

/// As `intent-commit` and `claim-check` show it in the product: one attempt has two messages.
#[test]
fn a_claim_of_an_engine_that_is_gone_that_waits_again_is_sent_twice() {
    let way = [
        "engine A POSTs text 1: accepted",
        "engine B takes the lease",
        "engine B looks through the claims of others",
        "engine B POSTs text 1: accepted",
    ];
    let guards = Guards { gone_is_unknown: false, ..Guards::ALL };
    found_without("with claims that wait again", guards, DOUBLED, &way);
}

/// As the tests of `domain::tests::late` show it in the product: what was found is repeated all the same.
#[test]
fn without_joining_a_text_that_was_found_is_repeated() {
    let way = [
        "engine A POSTs text 1: accepted, and the answer is lost",
        "engine A finds text 1 in the provider's list",
        "engine A POSTs the repeat of text 1: accepted",
    ];
    found_without("without joining", Guards { join: false, ..Guards::ALL }, BEYOND_POLICY, &way);
}

/// The window that nothing closes: a stop between the last look at the permit and the first byte.
#[test]
fn a_stop_between_permit_and_first_byte_is_the_window_that_remains() {
    let way = [
        "engine A has a permit for text 1",
        "engine A is stopped (SIGSTOP)",
        "engine B takes the lease",
        "engine B POSTs the repeat of text 1: accepted",
        "engine A is continued",
        "engine A POSTs text 1: accepted",
    ];
    found_without("with the window", Guards { check_and_write: false, ..Guards::ALL }, BEYOND_POLICY, &way);
}

/// What no client can know: the list hides what the provider accepted for longer than the policy waits. SPEC §6 states it.
#[test]
fn what_the_policy_doubles_is_hidden_by_the_list_and_unanswered() {
    let way = [
        "the provider's list lags behind with text 1",
        "engine A POSTs text 1: accepted, and the answer is lost",
        "engine A finds no text 1 in the provider's list",
        "engine A POSTs the repeat of text 1: accepted",
    ];
    let model = Sending { guards: Guards::ALL, notices: 1, faults: 2, clocks_apart: false, strict: true };
    found_in("by the policy", &model, BEYOND_POLICY, &way);
    let model = Sending { faults: 1, ..model };
    assert!(search(&model).found.is_none(), "one fault alone doubles nothing, not even by the policy");
}
