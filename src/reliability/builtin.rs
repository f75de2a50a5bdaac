//! The scenario files that are compiled in.

/// A file's name and its text.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../fixtures/scenarios/", $name)))),+]
    };
}

/// Every file of `fixtures/scenarios`, in order of its name.
const FILES: &[(&str, &str)] = files![
    "airtable-answer-lost.toml",
    "airtable-away.toml",
    "airtable-base-p-cutover.toml",
    "airtable-base-p.toml",
    "airtable-base-x-adopted.toml",
    "airtable-base-x.toml",
    "airtable-call-row-once.toml",
    "airtable-changed-by-hand.toml",
    "airtable-disk-lost-base-p.toml",
    "airtable-disk-lost-base-x.toml",
    "airtable-disk-lost-early.toml",
    "airtable-disk-lost.toml",
    "airtable-field-missing.toml",
    "airtable-field-of-wrong-type.toml",
    "airtable-kill.toml",
    "airtable-linked-row-deleted.toml",
    "airtable-option-missing.toml",
    "airtable-poisoned-row.toml",
    "airtable-read-back.toml",
    "airtable-requests-used-up.toml",
    "airtable-row-of-intake.toml",
    "airtable-throttled-429.toml",
    "answer-comes-too-late.toml",
    "answer-lost-after-accept.toml",
    "answer-lost-and-no-receipt.toml",
    "callback-contradicts.toml",
    "callback-days-late.toml",
    "callback-forged.toml",
    "callback-of-unknown-message.toml",
    "callback-replayed-and-split.toml",
    "callbacks-duplicated-and-reordered.toml",
    "callbacks-withheld.toml",
    "can-wait-at-night.toml",
    "carrier-says-unknown-30008.toml",
    "clock-apart-and-a-reply-while-dead.toml",
    "clock-apart-and-the-answer-lost.toml",
    "clock-apart-with-receipts.toml",
    "clock-apart-with-two-open-calls.toml",
    "clock-machine-slept.toml",
    "clock-set-back.toml",
    "clock-set-both.toml",
    "clock-set-forward.toml",
    "clock-stepped-between-post-and-search.toml",
    "clock-summer-time.toml",
    "code-nobody-knows.toml",
    "command-hands-over-to-serve.toml",
    "commands-beside-the-engine.toml",
    "credentials-refused-20003.toml",
    "crowd-of-calls.toml",
    "engine-hangs-past-a-follow-up.toml",
    "engine-stands-still.toml",
    "event-written.toml",
    "exhausted-at-once.toml",
    "exhausted.toml",
    "filtered-30007.toml",
    "follow-up-at-t1.toml",
    "found-in-the-list.toml",
    "handed-back.toml",
    "handset-off-30003.toml",
    "handset-stays-off-30003.toml",
    "hidden-500-accepted.toml",
    "hostile-input.toml",
    "intake-function-then-report.toml",
    "intake-list-answers-429.toml",
    "intake-report-that-never-came.toml",
    "intake-report-twice-at-once.toml",
    "intake-report-with-a-broken-signature.toml",
    "invalid-number-21211.toml",
    "kill-alert-claimed.toml",
    "kill-at-the-start.toml",
    "kill-intent-committed.toml",
    "kill-post-answered.toml",
    "kill-post-under-way.toml",
    "kill-receipt-before-commit.toml",
    "kill-reply-committed.toml",
    "kill-reply-that-waited.toml",
    "kill-reply-that-waits.toml",
    "kill-timer-claimed.toml",
    "killed-while-texts-are-in-flight.toml",
    "last-resort-takes-it.toml",
    "last-resort.toml",
    "late-failure-after-delivered.toml",
    "line-in-many-spellings.toml",
    "never-accepted-stays-visible.toml",
    "no-final-status.toml",
    "odd-paperwork.toml",
    "opted-out-21610.toml",
    "provider-away.toml",
    "recover-a-cut-off-send.toml",
    "recover-a-kept-receipt.toml",
    "recover-a-text-that-nobody-answered-for.toml",
    "recover-a-text-without-an-end.toml",
    "recover-an-alert-that-nobody-heard.toml",
    "recover-an-overdue-follow-up.toml",
    "recover-an-unknown-outcome.toml",
    "recover-beside-an-engine.toml",
    "recover-several-missed-steps.toml",
    "recover-the-end-of-a-ladder.toml",
    "recover-what-only-a-person-can-mend.toml",
    "recover-what-was-never-begun.toml",
    "recover-what-was-never-told.toml",
    "region-not-enabled-21408.toml",
    "reply-auto-responder.toml",
    "reply-done-and-help.toml",
    "reply-in-plain-words.toml",
    "reply-late-for-a-call-that-has-ended.toml",
    "reply-of-an-unknown-number.toml",
    "reply-passes.toml",
    "reply-polite-ok-to-a-question.toml",
    "reply-polite-ok-to-a-stand-down.toml",
    "reply-polite-ok-to-an-answer.toml",
    "reply-replayed-after-a-hand-back.toml",
    "reply-stop-moves-the-ladder.toml",
    "reply-stop.toml",
    "reply-to-the-wrong-call.toml",
    "reply-twice-and-late.toml",
    "reply-while-dead.toml",
    "reply-with-two-open-calls.toml",
    "restart-finds-nothing-to-do.toml",
    "restart-recovery.toml",
    "role-that-nobody-holds.toml",
    "roster-backup-is-told.toml",
    "same-call-again.toml",
    "send-verified.toml",
    "sender-blocked-with-several-calls.toml",
    "sender-closed-after-missed-steps.toml",
    "sender-comes-back.toml",
    "sender-not-registered-30034.toml",
    "sender-probe-accepted.toml",
    "sender-probe-delivered.toml",
    "sender-queue-full-21611.toml",
    "sender-without-another-30034.toml",
    "settings-applied-while-running.toml",
    "settings-file-broken-at-the-start.toml",
    "settings-of-another-shell.toml",
    "settings-read-again.toml",
    "settled-as-not-sent.toml",
    "settled-as-sent.toml",
    "settled-by-a-person.toml",
    "several-missed-steps.toml",
    "sinks-side-by-side.toml",
    "status-moves-only-forward.toml",
    "stood-down-by-an-operator.toml",
    "stopped-in-flight.toml",
    "store-cut-off.toml",
    "store-damaged-in-the-attempts.toml",
    "store-damaged-in-the-calls.toml",
    "store-damaged.toml",
    "store-disk-full-and-a-reply.toml",
    "store-disk-full.toml",
    "store-locked.toml",
    "store-made-half.toml",
    "store-moved-away.toml",
    "store-of-a-newer-program.toml",
    "store-read-only.toml",
    "store-removed.toml",
    "throttled-429.toml",
    "throttled-for-an-hour.toml",
    "two-engines-without-a-lock-file.toml",
    "two-engines.toml",
    "unknown-handset-30005.toml",
    "unknown-is-sent-again.toml",
    "unknown-outlasts-the-ladder.toml",
    "webhooks-refused.toml",
    "wire-answer-claims-less.toml",
    "wire-answer-claims-more.toml",
    "wire-answer-cut-at-every-byte.toml",
    "wire-answer-cut-in-the-body.toml",
    "wire-answer-cut-in-the-head.toml",
    "wire-answer-is-garbage.toml",
    "wire-answer-reset-at-every-byte.toml",
    "wire-answer-trickles.toml",
    "wire-nothing-comes-back.toml",
    "wire-request-cut-at-every-byte.toml",
    "wire-request-cut.toml",
    "wire-reset-after-the-head.toml",
];

/// Every scenario that is compiled in: its file's name and its text.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    FILES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_directory_is_compiled_in() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
        let mut found: Vec<String> = std::fs::read_dir(dir)
            .expect("the directory")
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        found.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(found, listed, "src/reliability/builtin.rs lists what is compiled in");
    }

    #[test]
    fn every_file_can_be_read_and_has_a_name_of_its_own() {
        let all = crate::reliability::all().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(all.len(), FILES.len());
        for s in &all {
            assert!(!s.title.is_empty() && !s.fault.is_empty(), "{}", s.name);
        }
    }
}
