//! How many texts went out within an hour: over indexes, and only where a bound asks for it.

use std::time::Duration;

use crate::store::sql::{Connection, Row, params};

use super::load::str_at;
use super::reads::at_most;
use crate::domain::attempt::{AttemptKind, Channel, Priority};
use crate::domain::event::{Load, Loaded};
use crate::domain::limits::Spent;
use crate::domain::types::Timestamp;
use crate::store::{HourOfTexts, StoreError, rows};

/// How many contacts one look tells of.
const CONTACTS_MAX: usize = 100;
/// Where texts of which none is accepted fill the bound, it is looked again after this.
const SOON: Duration = Duration::from_secs(60);

macro_rules! to_phone {
    ($open:literal) => {
        concat!(
            "SELECT * FROM (SELECT sent_at FROM attempts INDEXED BY attempts_by_phone WHERE phone = ?1 AND call_open = ",
            $open,
            " AND sent_at IS NOT NULL AND sent_at > ?2 AND sent_at <= ?2 + 3600000 AND channel = 'sms' AND contact = ?4
              AND (state IN ('submitted', 'delivered', 'sending') OR (state = 'failed' AND sid IS NOT NULL)
                  OR (state = 'unknown' AND decided_at IS NULL))
              ORDER BY sent_at DESC LIMIT ?3 + 1) AS counted"
        )
    };
}
/// When the text before so many newer ones to this phone of this contact was sent. One later than now is of a clock that was set back
/// since: it says nothing. What failed after it was accepted is paid all the same, and what is under way or in doubt may be: of several that
/// leave at once none goes above the bound.
pub(in crate::store) const TO_PHONE: &str =
    concat!(to_phone!("1"), " UNION ALL ", to_phone!("0"), " ORDER BY sent_at DESC LIMIT 1 OFFSET ?3");
/// The same of all texts that a provider has.
pub(in crate::store) const ACCEPTED: &str = "SELECT sent_at FROM attempts INDEXED BY attempts_accepted
    WHERE state IN ('submitted', 'delivered') AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms' ORDER BY sent_at DESC LIMIT 1 OFFSET ?2";
pub(in crate::store) const COUNT_ACCEPTED: &str = "SELECT count(*) FROM attempts INDEXED BY attempts_accepted
    WHERE state IN ('submitted', 'delivered') AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms'";
pub(in crate::store) const COUNT_FAILED: &str = "SELECT count(*) FROM attempts INDEXED BY attempts_failed
    WHERE state = 'failed' AND finished_at > ?1 AND channel = 'sms' AND sid IS NOT NULL
    AND sent_at > ?1 AND sent_at <= ?1 + 3600000";
/// What is under way: few at a time, like what nobody knows of.
pub(in crate::store) const COUNT_UNDER_WAY: &str = "SELECT count(*) FROM attempts INDEXED BY attempts_claimed
    WHERE state = 'sending' AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms'";
pub(in crate::store) const COUNT_UNDECIDED: &str = "SELECT count(*) FROM attempts INDEXED BY attempts_undecided
    WHERE state = 'unknown' AND decided_at IS NULL AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms'";
/// Counted as [`TO_PHONE`] does, or the alert would come and go.
pub(in crate::store) const CONTACTS: &str = "SELECT contact, max(name), count(*) FROM (
    SELECT contact, phone, name FROM attempts INDEXED BY attempts_accepted
    WHERE state IN ('submitted', 'delivered') AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms'
    UNION ALL SELECT contact, phone, name FROM attempts INDEXED BY attempts_failed
    WHERE state = 'failed' AND finished_at > ?1 AND channel = 'sms' AND sid IS NOT NULL AND sent_at > ?1 AND sent_at <= ?1 + 3600000
    UNION ALL SELECT contact, phone, name FROM attempts INDEXED BY attempts_claimed
    WHERE state = 'sending' AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms'
    UNION ALL SELECT contact, phone, name FROM attempts INDEXED BY attempts_undecided
    WHERE state = 'unknown' AND decided_at IS NULL AND sent_at > ?1 AND sent_at <= ?1 + 3600000 AND channel = 'sms'
    ) AS counted GROUP BY contact, phone HAVING count(*) >= ?2 ORDER BY contact LIMIT ?3";

/// Of the reminder that is claimed; of any other attempt nothing is counted.
pub(in crate::store) fn of_claim(
    conn: Connection<'_>,
    loaded: &Loaded,
    load: &Load,
    since: Timestamp,
    (per_contact, all): (u32, u32),
) -> Result<Spent, StoreError> {
    let claimed = match load {
        Load::Claim(id) => loaded.calls.iter().find_map(|c| c.attempt(*id)),
        Load::WithBusy { of, .. } => return of_claim(conn, loaded, of, since, (per_contact, all)),
        _ => None,
    };
    let is_counted = |a: &&crate::domain::attempt::Attempt| {
        a.kind == AttemptKind::Notice && a.channel == Channel::Sms && a.priority != Priority::First
    };
    let Some(a) = claimed.filter(is_counted) else { return Ok(Spent::default()) };
    let contact = match per_contact.checked_sub(1) {
        Some(before) => moment(
            conn,
            TO_PHONE,
            params![a.recipient.phone.e164(), since.as_millis(), before, a.recipient.contact.as_str()],
        )?,
        None => None,
    };
    let all = match all {
        0 => None,
        all => {
            let mut others = 0;
            for count in [COUNT_FAILED, COUNT_UNDER_WAY, COUNT_UNDECIDED] {
                others += conn.prepare_cached(count)?.query_row([since.as_millis()], |r| r.get::<i64>(0))?;
            }
            let before = (i64::from(all) - others - 1).max(0);
            let oldest = moment(conn, ACCEPTED, params![since.as_millis(), before])?;
            // Those others alone may be as many: of what is under way it shows soon what becomes of it.
            oldest.or_else(|| (others >= i64::from(all)).then(|| since.plus(SOON)))
        }
    };
    Ok(Spent { contact, all })
}

fn moment(
    conn: Connection<'_>,
    sql: &str,
    with: impl crate::store::sql::Params,
) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> = conn.prepare_cached(sql)?.query_maybe(with, |r| r.get(0))?;
    Ok(at.map(Timestamp::from_millis))
}

/// What the alerts are about.
pub(in crate::store) fn hour(
    conn: Connection<'_>,
    since: Timestamp,
    per_contact: u32,
) -> Result<HourOfTexts, StoreError> {
    let mut all = 0_u64;
    for count in [COUNT_ACCEPTED, COUNT_FAILED, COUNT_UNDER_WAY, COUNT_UNDECIDED] {
        let n: i64 = conn.prepare_cached(count)?.query_row([since.as_millis()], |r| r.get(0))?;
        all += u64::try_from(n).map_err(|_| rows::corrupt("a count"))?;
    }
    let mut contacts = Vec::new();
    if per_contact > 0 {
        let mut statement = conn.prepare_cached(CONTACTS)?;
        let mut found = statement.query(params![since.as_millis(), per_contact, at_most(CONTACTS_MAX)])?;
        while let Some(row) = found.next()? {
            contacts.push(contact(row)?);
        }
    }
    Ok(HourOfTexts { all, contacts })
}

fn contact(row: Row<'_>) -> Result<(crate::domain::types::ContactId, String), StoreError> {
    Ok((rows::parsed("attempts.contact", str_at(row, 0)?)?, str_at(row, 1)?.to_owned()))
}
