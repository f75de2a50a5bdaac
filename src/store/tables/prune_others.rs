//! Tables whose rows belong to no call, and lose what they say of people as calls do.

use crate::store::OtherTable;

/// Rows of a table of which these are to lose their words: how they are found, and how one of them is changed if it is so still.
pub(super) struct Other {
    pub(super) table: OtherTable,
    pub(super) find: &'static str,
    pub(super) change: &'static str,
}

macro_rules! other {
    ($table:ident, $from:literal, $key:literal, $change:literal, $which:expr) => {
        Other {
            table: OtherTable::$table,
            find: concat!("SELECT ", $key, " FROM ", $from, " WHERE ", $which, " LIMIT ?2"),
            change: concat!($change, " WHERE ", $key, " = ?2 AND ", $which),
        }
    };
}
macro_rules! nobody_hears_of_it {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.key = alerts.key)
          AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = alerts.call_id AND c.pruned_at IS NULL)"
    };
}
pub(super) const OTHERS: &[Other] = &[
    other!(
        Replies,
        "inbound",
        "sid",
        "UPDATE inbound SET sender = '+999', body = '', answer = '', prompt = NULL",
        "call_id IS NULL AND waits = 0 AND at < ?1 AND (body <> '' OR sender <> '+999')"
    ),
    other!(
        PhoneCalls,
        "phone_calls",
        "id",
        "UPDATE phone_calls SET caller = NULL, words = NULL",
        "call_id IS NULL AND due_at IS NULL AND COALESCE(ended_at, started_at) < ?1
            AND (caller IS NOT NULL OR words IS NOT NULL)"
    ),
    other!(
        Mails,
        "report_mails",
        "key",
        "UPDATE report_mails SET body = '', html = '', csv = NULL",
        "state NOT IN ('waiting', 'sending') AND next_at < ?1 AND (body <> '' OR html <> '' OR csv IS NOT NULL)"
    ),
    other!(
        RollCallTexts,
        "roll_call_texts",
        // All of a roll call at once: that is what their index has.
        "roll_call",
        "UPDATE roll_call_texts SET name = contact, phone = '+999', body = '', result = ''",
        "phone <> '+999' AND EXISTS (SELECT 1 FROM roll_calls r
            WHERE r.id = roll_call_texts.roll_call AND r.until_at < ?1 AND r.state <> 'asked')"
    ),
    other!(
        RollCalls,
        "roll_calls",
        "id",
        "UPDATE roll_calls SET name = contact, phone = '+999', why = ''",
        "until_at < ?1 AND state <> 'asked' AND phone <> '+999'"
    ),
    other!(
        AlertTexts,
        "alert_texts",
        // All of a message at once, for the same reason.
        "message",
        "UPDATE alert_texts SET name = contact, phone = '+999', body = '', words = '', result = '', alerts = '[]'",
        "created_at < ?1 AND phone <> '+999' AND poll_at IS NULL AND state NOT IN ('scheduled', 'retrying', 'sending')"
    ),
    // Their keys may name a number. One that comes back is raised anew.
    other!(
        EndedAlerts,
        "alerts",
        "key",
        "DELETE FROM alerts",
        concat!(
            "resolved_at < ?1
                AND NOT EXISTS (SELECT 1 FROM alert_receivers r WHERE r.key = alerts.key)
                AND NOT EXISTS (SELECT 1 FROM alert_receipts r WHERE r.key = alerts.key)",
            nobody_hears_of_it!()
        )
    ),
    other!(
        Alerts,
        "alerts",
        "key",
        "UPDATE alerts SET message = ''",
        concat!("resolved_at < ?1 AND message <> ''", nobody_hears_of_it!())
    ),
];
