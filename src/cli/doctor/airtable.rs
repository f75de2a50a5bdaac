//! Airtable: token, base, tables, fields, rows of contacts; what is missing is made with `--fix`, a row is written and
//! deleted again with `--write-probe`.

use std::sync::Arc;

use crate::config::Airtable;
use crate::engine::layout::{Layouts, LinkBook, Target};
use crate::engine::synced_contacts::merge::merge;
use crate::engine::synced_contacts::{ContactSource, EVERY};
use crate::gateways::airtable::{Fields, TableSchema, differences};
use crate::gateways::mirror::{Lane, MirrorError, MirrorGateway, Query, RecordId, Refusal, RefusalScope, Typecast};

use super::super::app::App;
use super::fields::{Need, WantedField, WantedTable, Wrong, wanted};
use super::finding::{Args, Findings, bounded, too_long};

const REACH: &str = "look at the network, its name server and airtable.base_url; calls go on meanwhile";
const TOKEN: &str =
    "make a personal access token at airtable.com/create/tokens and set it as airtable.token (AIRTABLE_API_KEY)";
const LISTED: &str = "add the base to the token's list, with a user who may edit it, and compare airtable.base_id";
const READ_SCHEMA: &str = "give the token the scope schema.bases:read, so that every field can be checked";
const WRITE_SCHEMA: &str = "give the token the scope schema.bases:write, and its user the creator role in the base";

struct Checks<'a> {
    app: &'a App,
    airtable: &'a Airtable,
    mirror: Arc<dyn MirrorGateway>,
    args: &'a Args,
}

pub(super) async fn check(app: &App, args: &Args) -> Findings {
    let mut f = Findings::of("airtable");
    let mirror = match app.mirror() {
        Ok(Some(mirror)) => mirror.in_queue(Lane::Bulk),
        Ok(None) => {
            f.skip("base", "not configured: calls and attempts are kept in the store alone");
            return f;
        }
        Err(_) => {
            f.skip("base", "not all is configured: see config above");
            return f;
        }
    };
    let Some(airtable) = &app.config.airtable else { return f };
    Checks { app, airtable, mirror, args }.all(&mut f).await;
    f
}

impl Checks<'_> {
    async fn all(&self, f: &mut Findings) {
        if !self.token(f).await {
            f.skip("tables", "not asked without a token that works");
            return;
        }
        let works = match self.ask(self.mirror.tables()).await {
            Ok(tables) => {
                self.permission(f).await;
                self.tables(tables, f).await;
                true
            }
            Err(e) if is_access(&e) => self.without_schema(f).await,
            Err(e) => {
                f.fail("base", format!("its tables could not be read: {e}"), next_of(&e));
                false
            }
        };
        if works {
            self.records(f).await;
            self.contacts(f).await;
            self.write_probe(f).await;
        }
    }

    async fn ask<T>(&self, question: impl Future<Output = Result<T, MirrorError>>) -> Result<T, MirrorError> {
        let late = || Err(MirrorError::Retryable { why: too_long(), retry_after: None });
        bounded(self.app, question).await.unwrap_or_else(late)
    }

    async fn token(&self, f: &mut Findings) -> bool {
        match self.ask(self.mirror.whoami()).await {
            Ok(who) if who.scopes.is_empty() => f.ok("token", "accepted"),
            Ok(who) => f.ok("token", format!("accepted, with {}", who.scopes.join(", "))),
            Err(e) => {
                let what = if is(&e, &RefusalScope::Auth) { format!("was not accepted: {e}") } else { e.to_string() };
                f.fail("token", what, next_of(&e));
                return false;
            }
        }
        true
    }

    /// What the token's user may do; an extra question, so that a read-only one is found before the first row is refused.
    async fn permission(&self, f: &mut Findings) {
        let base = &self.airtable.base_id;
        match self.ask(self.mirror.bases()).await {
            Ok(bases) => match bases.iter().find(|b| b.id == *base) {
                Some(b) if matches!(b.permission.as_str(), "none" | "read" | "comment") => {
                    let what =
                        format!("{base} ({}): its user has the role {:?} and may write nothing", b.name, b.permission);
                    f.fail("base", what, "give the token's user the editor role in the base");
                }
                Some(b) => f.ok("base", format!("{base} ({}), role {}", b.name, b.permission)),
                None => f.ok("base", base.clone()),
            },
            Err(_) => f.ok("base", base.clone()),
        }
    }

    async fn tables(&self, mut tables: Vec<TableSchema>, f: &mut Findings) {
        let wanted = wanted(self.airtable);
        if self.args.fix && self.fix(&wanted, &tables, f).await {
            match self.ask(self.mirror.tables()).await {
                Ok(again) => tables = again,
                Err(e) => f.warn("tables", format!("could not be read again: {e}"), "run doctor again"),
            }
        }
        for w in &wanted {
            match TableSchema::find(&tables, &w.name) {
                Some(table) => judge(w, table, f),
                None => missing_table(w, f),
            }
        }
        let layouts = Layouts::of(&tables, &self.airtable.maps());
        options(&layouts, f);
        self.links(&layouts, f).await;
    }

    /// Whether everybody who can be told, and every line's business, has a row that links lead to.
    async fn links(&self, layouts: &Layouts, f: &mut Findings) {
        let directory = &self.app.config.directory;
        let (e, c) = (&layouts.events, &layouts.calls);
        let people = directory.contacts.iter().map(|c| {
            let target = Target::Contact { name: c.name.clone(), phone: c.phone.e164().to_owned() };
            ("events.contact", target)
        });
        let lines = directory.lines.iter().map(|l| {
            let number = l.number.clone().unwrap_or_default();
            ("calls.business", Target::Business { name: l.name.clone(), number })
        });
        let people = people.filter(|_| e.is_link("contact") || c.is_link("on_call_contact"));
        let wanted: Vec<(&str, Target)> = people.chain(lines.filter(|_| c.is_link("business"))).collect();
        if wanted.is_empty() {
            return;
        }
        let targets = wanted.iter().map(|(_, t)| t.clone()).collect();
        let mut book = LinkBook::default();
        if let Err(e) = self.ask(book.learn(&*self.mirror, &layouts.links, &targets, self.app.clock.now())).await {
            f.fail("links", format!("the rows that links lead to cannot be read: {e}"), next_of(&e));
            return;
        }
        let missing: Vec<&(&str, Target)> = wanted.iter().filter(|(_, t)| book.find(t).is_none()).collect();
        for (key, target) in &missing {
            let what = format!("no row is known for {}: what is written of it has no link", target.said());
            f.warn(*key, what, "add the row in Airtable with that number, or make its number or name the same as here");
        }
        if missing.is_empty() {
            f.ok("links", format!("{} rows that links lead to are there", wanted.len()));
        }
    }

    /// Makes what is missing; whether anything was made. A repeat finds nothing to do.
    async fn fix(&self, wanted: &[WantedTable], tables: &[TableSchema], f: &mut Findings) -> bool {
        let mut made = false;
        for w in wanted {
            let Some(table) = TableSchema::find(tables, &w.name) else {
                let what = format!("table {:?}", w.name);
                made |= self.make(self.mirror.create_table(&w.made()), w.ours.to_owned(), what, f).await;
                continue;
            };
            for field in &w.fields {
                if field.judge(table) == Some(Wrong::Missing) {
                    let new = field.made();
                    let what = format!("field {:?} ({}) of {:?}", new.name(), new.kind(), table.name);
                    made |= self.make(self.mirror.create_field(&table.id, &new), key(w, field), what, f).await;
                }
            }
        }
        made
    }

    async fn make<T>(
        &self,
        make: impl Future<Output = Result<T, MirrorError>>,
        name: String,
        what: String,
        f: &mut Findings,
    ) -> bool {
        match self.ask(make).await {
            Ok(_) => f.ok(name, format!("made: {what}")),
            Err(e) if is(&e, &RefusalScope::AlreadyThere) => {
                f.ok(name, format!("was made by somebody else meanwhile: {what}"))
            }
            // May have been made: reading again tells.
            Err(e @ (MirrorError::Unknown { .. } | MirrorError::Retryable { .. })) => {
                f.warn(
                    name,
                    format!("it is not known whether it was made: {what}: {e}"),
                    "run `dispatchctl doctor --fix` again",
                );
            }
            Err(e) => {
                let next = if is_access(&e) { WRITE_SCHEMA } else { next_of(&e) };
                f.fail(name, format!("could not be made: {what}: {e}"), next);
                return false;
            }
        }
        true
    }

    /// The token may not read the schema, or the base: tells the two apart, and tries the fields by asking for them.
    async fn without_schema(&self, f: &mut Findings) -> bool {
        let base = &self.airtable.base_id;
        match self.ask(self.mirror.bases()).await {
            Ok(bases) if !bases.iter().any(|b| b.id == *base) => {
                f.fail("base", format!("{base} is not among the {} bases that the token lists", bases.len()), LISTED);
                return false;
            }
            Ok(_) => {
                f.warn("schema", "the base's tables could not be read, though the token lists the base", READ_SCHEMA)
            }
            Err(_) => f.warn(
                "schema",
                "the scope schema.bases:read is missing: fields are tried by name, their types are not seen",
                READ_SCHEMA,
            ),
        }
        if self.args.fix {
            f.fail("fix", "nothing was made: the schema cannot be read", format!("{READ_SCHEMA}; and {WRITE_SCHEMA}"));
        }
        let mut works = true;
        for w in wanted(self.airtable) {
            works &= self.by_asking(&w, f).await;
        }
        works
    }

    /// Asks for one row with the wanted fields, and again without each that is said to be unknown.
    async fn by_asking(&self, w: &WantedTable, f: &mut Findings) -> bool {
        let mut left: Vec<&WantedField> = w.fields.iter().collect();
        let count = left.len();
        loop {
            let query = Query::of(&w.name).fields(left.iter().map(|w| w.name.as_str())).at_most(1);
            let error = match self.ask(self.mirror.list(&query)).await {
                Ok(_) if left.len() == count => {
                    f.ok(w.ours, format!("{}: all {count} fields are there", w.name));
                    return true;
                }
                Ok(_) => return true,
                Err(e) => e,
            };
            let unknown = match &error {
                MirrorError::Refused(Refusal { scope: RefusalScope::Field(Some(name)), .. }) => {
                    left.iter().position(|w| w.name == *name)
                }
                _ => None,
            };
            let Some(at) = unknown.filter(|_| left.len() > 1) else {
                let what = format!("{}: could not be read: {error}", w.name);
                let next = if is_access(&error) { ACCESS } else { next_of(&error) };
                f.fail(w.ours, what, next);
                return false;
            };
            let gone = left.remove(at);
            if !gone.may_be_absent() {
                missing_field(w, gone, f);
            }
        }
    }

    async fn records(&self, f: &mut Findings) {
        let known = self.ask(Layouts::read(&*self.mirror, &self.airtable.maps())).await;
        let table = known.map_or_else(|_| self.airtable.tables.events.clone(), |l| l.events.table);
        let query = Query::of(table).at_most(1);
        match self.ask(self.mirror.list(&query)).await {
            Ok(_) => f.ok("records", "rows can be read"),
            Err(e) => {
                f.fail("records", format!("rows cannot be read: {e}"), if is_access(&e) { ACCESS } else { next_of(&e) })
            }
        }
    }

    async fn contacts(&self, f: &mut Findings) {
        let Some(source) = ContactSource::of(self.airtable, EVERY) else { return };
        let listed = match self.ask(source.list(&*self.mirror)).await {
            Ok(listed) => listed,
            Err(e) => {
                let what = format!("the rows of {} cannot be read: {e}", source.table);
                f.fail("contacts", what, "see the table's own lines above; the last good copy is told meanwhile");
                return;
            }
        };
        let file = &self.app.configured;
        let (mut reading, lines) = listed.read(file, self.app.synced_contacts.as_ref());
        reading.wrong.extend(merge(file, &reading.contacts, &lines).wrong);
        for wrong in &reading.wrong {
            f.warn("contacts", format!("{}: {}", wrong.row(), wrong.why), "correct the row in Airtable");
        }
        let active = reading.contacts.iter().filter(|c| c.active).count();
        let what = format!(
            "{active} active, {} not, {} to be corrected",
            reading.contacts.len() - active,
            reading.wrong.len()
        );
        if active == 0 {
            f.warn("contacts", format!("{}: {what}", source.table), "tick Active for those who can be told");
        } else {
            f.ok("contacts", format!("{}: {what}", source.table));
        }
        if let Some((table, _)) = &source.businesses {
            let (on, all) = (lines.iter().filter(|b| b.active).count(), lines.len());
            match on {
                0 => f.warn("businesses", format!("{table}: none of {all} is active"), "tick those that are on call"),
                _ => f.ok("businesses", format!("{table}: {on} active of {all}")),
            }
        }
        match self.app.synced_contacts_age() {
            Some(age) => f.ok("contacts", format!("who can be told: {age}")),
            None => f.skip("contacts", "not in force yet: a running `serve` reads them"),
        }
    }

    /// Writes a marked row, reads it back and deletes it again, whatever came before.
    async fn write_probe(&self, f: &mut Findings) {
        if !self.args.write_probe {
            f.skip("write", "not tried: --write-probe writes a marked row, reads it back and deletes it");
            return;
        }
        let maps = self.airtable.maps();
        let layout = match self.ask(Layouts::read(&*self.mirror, &maps)).await {
            Ok(layouts) => layouts.events,
            Err(e) => return f.fail("write", format!("nothing was written: {e}"), next_of(&e)),
        };
        let (Some(event_id), Some(result)) = (layout.name("event_id"), layout.name("result")) else {
            return f
                .skip("write", "not tried: the base has no field for our ids, by which the row could be found again");
        };
        let table = &layout.table;
        let key = format!("doctor-{}", self.app.ids.uuid(self.app.clock.now()).simple());
        let row = Fields::new()
            .with(event_id, key.as_str())
            .with(result, "Written by dispatchctl doctor to see whether it can; may be deleted.");
        let rows = std::slice::from_ref(&row);
        let written = self.ask(self.mirror.upsert(table, &[event_id], rows, Typecast::Off)).await;
        let keys = [key.clone()];
        let found = self.ask(self.mirror.by_key(table, event_id, &keys, &[result])).await;
        let records = found.as_ref().ok().and_then(|found| found.get(&key)).cloned().unwrap_or_default();
        match (&written, &found) {
            (Err(e), _) => {
                let next = if is_access(e) {
                    "give the token the scope data.records:write, and its user the editor role"
                } else {
                    next_of(e)
                };
                f.fail("write", format!("a row was not written: {e}"), next);
            }
            (Ok(_), Err(e)) => f.fail("write", format!("a row was written and cannot be read back: {e}"), next_of(e)),
            (Ok(_), Ok(_)) => match records.first().map(|r| differences(&row, &r.fields)) {
                Some(d) if d.is_empty() => f.ok("write", "a row was written and read back"),
                Some(d) => {
                    let d: Vec<String> = d.iter().map(ToString::to_string).collect();
                    f.fail(
                        "write",
                        format!("a row came back changed: {}", d.join("; ")),
                        "look for automations that change it",
                    );
                }
                None => f.fail("write", "a row was written and was not there when it was read back", "run it again"),
            },
        }
        let made: Vec<RecordId> = match &written {
            Ok(w) => w.records.iter().chain(&records).map(|r| r.id.clone()).collect(),
            Err(_) => records.iter().map(|r| r.id.clone()).collect(),
        };
        let made: Vec<RecordId> = made.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        if made.is_empty() {
            return;
        }
        match self.ask(self.mirror.delete(table, &made)).await {
            Ok(gone) if made.iter().all(|id| gone.contains(id)) => f.ok("delete", "the row is deleted again"),
            Ok(_) => f.warn("delete", format!("the row {key} is left in {table}"), "delete it by hand"),
            Err(e) => f.warn("delete", format!("the row {key} is left in {table}: {e}"), "delete it by hand"),
        }
    }
}

const ACCESS: &str = "give the token the scopes data.records:read and data.records:write, add the base to its list, and compare the table's name";

fn is(e: &MirrorError, scope: &RefusalScope) -> bool {
    matches!(e, MirrorError::Refused(r) if r.scope == *scope)
}

fn is_access(e: &MirrorError) -> bool {
    is(e, &RefusalScope::Access)
}

fn next_of(e: &MirrorError) -> &'static str {
    match e {
        MirrorError::Refused(r) if r.scope == RefusalScope::Auth => TOKEN,
        MirrorError::Refused(r) if r.scope == RefusalScope::Access => LISTED,
        MirrorError::Billing { .. } => {
            "wait for the next month, take a larger plan, or set airtable.mirror = \"batched\""
        }
        MirrorError::RateLimited { .. } => "something else uses up the base's rate: run it again in a minute",
        MirrorError::Retryable { .. } | MirrorError::Unknown { .. } => REACH,
        _ => "see the answer's own words",
    }
}

fn key(w: &WantedTable, field: &WantedField) -> String {
    format!("{}.{}", w.ours, field.ours)
}

fn judge(w: &WantedTable, table: &TableSchema, f: &mut Findings) {
    let (mut wrong, mut absent) = (0, Vec::new());
    for field in &w.fields {
        let Some(found) = field.judge(table) else { continue };
        if found == Wrong::Missing && field.may_be_absent() {
            absent.push(format!("{:?}", field.name));
            continue;
        }
        wrong += 1;
        match found {
            Wrong::Missing => missing_field(w, field, f),
            Wrong::Unfit(why) => {
                let next = "make it another type in Airtable, or name another field in airtable.fields";
                let what = format!("{:?} of {} {why}", field.name, w.name);
                if matches!(field.need, Need::ForRecovery | Need::MayLack) {
                    f.warn(key(w, field), what, next)
                } else {
                    f.fail(key(w, field), what, next)
                }
            }
        }
    }
    if wrong == 0 && absent.is_empty() {
        f.ok(w.ours, format!("{}: all {} fields are there and fit", w.name, w.fields.len()));
    } else if wrong == 0 {
        let what = format!("{}: its fields fit; it may be without {}", w.name, absent.join(", "));
        f.ok(w.ours, what);
    }
}

/// Options that rows will need.
fn options(layouts: &Layouts, f: &mut Findings) {
    for (ours, layout) in [("events", &layouts.events), ("calls", &layouts.calls)] {
        for (field, name) in layout.names() {
            let missing = layout.missing_options(field);
            if missing.is_empty() {
                continue;
            }
            let said: Vec<String> = missing.iter().map(|o| format!("{o:?}")).collect();
            let what = format!(
                "{name:?} of {} is a select without {}: rows that would say so are written without it",
                layout.table,
                said.join(", ")
            );
            let next = format!("add the option in Airtable, or say another word in airtable.values.{ours}.{field}");
            f.fail(format!("{ours}.{field}"), what, next);
        }
    }
}

/// What comes of rows that have no field for their id.
const WEAKER: &str = "rows are found by their message, else by call and number, which is weaker";

fn missing_field(w: &WantedTable, field: &WantedField, f: &mut Findings) {
    let what = format!("{} has no field {:?}", w.name, field.name);
    let next = "make it with `dispatchctl doctor --fix`, or name another in airtable.fields";
    match (field.need, field.ours) {
        (_, "event_id") => f.warn(key(w, field), format!("{what}: {WEAKER}"), next),
        (Need::ReadLoosely, _) => {
            f.fail(key(w, field), format!("{what}: its rows say nothing"), "make it with `dispatchctl doctor --fix`")
        }
        (Need::ForRecovery, _) => f.warn(key(w, field), format!("{what}: recover --from-airtable will lack it"), next),
        _ => f.fail(key(w, field), what, next),
    }
}

fn missing_table(w: &WantedTable, f: &mut Findings) {
    let next = "make it with `dispatchctl doctor --fix`, or name another in airtable.tables";
    f.fail(w.ours, format!("there is no table {:?}", w.name), next);
}
