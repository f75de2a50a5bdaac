//! Any other platform: one report a phone call, by the paths of the configuration.

use super::super::json::Document;
use super::fields::{Direction, said};
use super::paths;
use super::reading::{Reading, Reported, call_id, intake};
use crate::config::CustomSource;
use crate::domain::event::Report;

pub(super) fn report(document: &Document, name: &str, source: &CustomSource, raw: &[u8]) -> Reading {
    let body = &document.value;
    let spoken = said(body, &source.fields, Direction::Inbound, false);
    let (id, odd) = call_id(name, paths::text(body, &source.call_id).as_deref(), raw);
    let report = Report { source: name.to_owned(), event: "report".to_owned(), hold: None };
    match intake(&id, spoken.data, document, odd.into_iter().collect()) {
        Some(intake) => Reading::Call(Box::new(Reported { intake, report })),
        None => Reading::Unread("its id is none".to_owned()),
    }
}
