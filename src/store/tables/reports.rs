//! The morning's lists: see [`Reports`].

use crate::store::sql::{Row, params};
use async_trait::async_trait;

use super::database::Database;
use super::load::str_at;
use crate::domain::Timestamp;
use crate::store::{ReportMail, ReportState, Reports, StoreError, rows};

const HAS: &str = "SELECT 1 FROM report_mails WHERE key = ?1";
const KEEP: &str = "INSERT INTO report_mails (key, address, subject, body, html, state, tries, next_at, said, csv)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (key) DO NOTHING";
const OPEN: &str = "SELECT key, address, subject, body, html, state, tries, next_at, said, csv
    FROM report_mails INDEXED BY report_mails_open WHERE state IN ('waiting', 'sending') AND next_at <= ?1
    ORDER BY next_at LIMIT ?2";
const MOVE: &str = "UPDATE report_mails SET state = ?4, tries = ?5, next_at = ?6, said = ?7
    WHERE key = ?1 AND state = ?2 AND tries = ?3";

#[async_trait]
impl<D: Database> Reports for D {
    async fn has_report(&self, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.read(move |conn| conn.prepare_cached(HAS)?.exists([key])).await
    }

    async fn keep_report(&self, r: &ReportMail) -> Result<(), StoreError> {
        let r = r.clone();
        self.with_tx(move |conn| {
            conn.prepare_cached(KEEP)?.execute(params![
                r.key,
                r.address,
                r.subject,
                r.body,
                r.html,
                r.state.as_str(),
                r.tries,
                r.next_at.as_millis(),
                r.said,
                r.csv
            ])?;
            Ok(())
        })
        .await
    }

    async fn open_reports(&self, now: Timestamp, limit: usize) -> Result<Vec<ReportMail>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(OPEN)?;
            let mut found = statement.query(params![now.as_millis(), limit])?;
            let mut all = Vec::new();
            while let Some(row) = found.next()? {
                all.push(report(row)?);
            }
            Ok(all)
        })
        .await
    }

    async fn move_report(&self, was: &ReportMail, is: &ReportMail) -> Result<bool, StoreError> {
        let (was, is) = (was.clone(), is.clone());
        self.with_tx(move |conn| {
            let with = params![
                was.key,
                was.state.as_str(),
                was.tries,
                is.state.as_str(),
                is.tries,
                is.next_at.as_millis(),
                is.said
            ];
            Ok(conn.prepare_cached(MOVE)?.execute(with)? == 1)
        })
        .await
    }
}

fn report(row: Row<'_>) -> Result<ReportMail, StoreError> {
    Ok(ReportMail {
        key: row.get(0)?,
        address: row.get(1)?,
        subject: row.get(2)?,
        body: row.get(3)?,
        html: row.get(4)?,
        state: rows::word("report_mails.state", ReportState::from_word(str_at(row, 5)?))?,
        tries: row.get(6)?,
        next_at: Timestamp::from_millis(row.get(7)?),
        said: row.get(8)?,
        csv: row.get(9)?,
    })
}
