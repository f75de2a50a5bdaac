//! Exceptions that the office keeps in a table.

use std::sync::Arc;

use super::oncall::{directory, holder};
use crate::engine::oncall::table::OverrideTable;
use crate::gateways::airtable::{Cell, Fields};
use crate::gateways::mirror::{MirrorGateway as _, RecordChange, Typecast};
use crate::store::{SyncedContact, SyncedContacts};
use crate::testing::base::{Fate, ScriptedBase};
use crate::testing::crash::Death;
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

const TABLE: &str = "On-Call Overrides";

async fn world() -> (World, ScriptedBase, Arc<OverrideTable>) {
    let w = World::with(Setup { directory: directory(), ..Setup::default() }).await;
    let base = ScriptedBase::new(w.clock.clone());
    let table = OverrideTable::new(w.process.core.clone(), Arc::new(base.clone()), TABLE.into(), secs(60));
    (w, base, table)
}

fn row(who: &str, until: &str) -> Fields {
    let text = |t: &str| Cell::text(t);
    Fields::new().with("rotation", text("night")).with("Technician", text(who)).with("Until", text(until))
}

async fn result(base: &ScriptedBase) -> String {
    base.rows(TABLE)[0].fields.get("Result").as_text().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_row_makes_one_exception_and_its_change_another_and_its_end_withdraws_it() {
    let (mut w, base, table) = world().await;
    let record = base.add(TABLE, row("Olga Lind", "2026-11-22T09:00:00.000Z"));
    for _ in 0..2 {
        table.pass().await.expect("read");
    }
    assert_eq!(holder(&w).await, "olga");
    assert!(result(&base).await.starts_with("in force: ovr_"), "{}", result(&base).await);
    w.dispatch("normal").await;
    w.tech("olga").expect_sms("Burst pipe");
    let all = w.process.store.overrides(w.now()).await.expect("read");
    assert_eq!(all.len(), 1, "made once");

    let fields = Fields::new().with("Technician", Cell::text("ana"));
    base.update(TABLE, &[RecordChange { id: record.clone(), fields }], Typecast::Off).await.expect("changed by hand");
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "ana");
    let all = w.process.store.overrides(w.now()).await.expect("read");
    assert_eq!(all.iter().filter(|o| o.withdrawn.is_none()).count(), 1);

    base.remove(TABLE, &record);
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "ana", "one reading without it is no proof");
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "sam");
    w.dispatch("normal").await;
    w.tech("sam").expect_sms("Burst pipe");
}

#[tokio::test]
async fn a_row_whose_work_is_done_makes_nothing_again() {
    let (w, base, table) = world().await;
    base.add(TABLE, row("Olga Lind", "+10m"));
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "olga");
    w.away(mins(11));
    for _ in 0..2 {
        table.pass().await.expect("read");
    }
    assert_eq!(holder(&w).await, "ana", "whose turn it is by then");
    let all = w.process.store.overrides(crate::domain::Timestamp::from_millis(0)).await.expect("read");
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_changes_nothing_and_alerts_until_it_is_right() {
    let (w, base, table) = world().await;
    let record = base.add(TABLE, row("Kim", "2026-11-22T09:00:00.000Z"));
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "sam");
    assert!(result(&base).await.contains("not understood, nothing was changed: contact: there is no contact"));
    assert!(w.has_alert(&format!("oncall-row:{record}")).await);
    for (field, value, says) in [
        ("Technician", "ana", "in force"),
        ("Kind", "swap", "Kind"),
        ("Kind", "take", "in force"),
        ("Until", "2026-13-01", "until"),
        ("Until", "2026-11-22T09:30:00.000Z", "in force"),
    ] {
        let fields = Fields::new().with(field, Cell::text(value));
        base.update(TABLE, &[RecordChange { id: record.clone(), fields }], Typecast::Off).await.expect("by hand");
        table.pass().await.expect("read");
        assert!(result(&base).await.contains(says), "{field} {value}: {}", result(&base).await);
        assert_eq!(holder(&w).await, "ana", "{field} {value}: what was made stands");
    }
    assert!(!w.has_alert("oncall-row:").await);
    base.add(TABLE, Fields::new());
    base.add(TABLE, row("ana", "2026-11-20T09:00:00.000Z"));
    table.pass().await.expect("read");
    assert!(!w.has_alert("oncall-row:").await, "an empty row, and one that is over, are no faults");
}

#[tokio::test]
async fn a_table_that_is_away_or_half_read_changes_nothing_and_a_person_goes_before_its_row() {
    let (w, base, table) = world().await;
    base.add(TABLE, row("ana", "2026-11-22T09:00:00.000Z"));
    table.pass().await.expect("read");
    base.otherwise(Some(Fate::Away));
    for _ in 0..3 {
        table.pass().await.expect("asked");
    }
    assert_eq!(holder(&w).await, "ana");
    assert!(!w.has_alert("oncall-table").await, "not at once");
    w.away(mins(61));
    table.pass().await.expect("asked");
    assert!(w.has_alert("oncall-table").await);
    base.otherwise(None);
    let made = w.process.store.overrides(w.now()).await.expect("read").remove(0);
    w.process.store.withdraw_override(&made.id, "desk", w.now()).await.expect("withdrawn");
    table.pass().await.expect("read");
    assert!(!w.has_alert("oncall-table").await);
    assert_ne!(w.process.store.override_by_id(&made.id).await.expect("read").expect("there").withdrawn, None);
    assert_eq!(result(&base).await, format!("withdrawn by desk: {}", made.id));
    assert_eq!(w.process.store.overrides(w.now()).await.expect("read").len(), 1, "not made again");
}

#[tokio::test]
async fn a_row_that_was_emptied_by_hand_withdraws_its_exception_as_one_that_is_gone() {
    let (w, base, table) = world().await;
    let record = base.add(TABLE, row("Olga Lind", "2026-11-22T09:00:00.000Z"));
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "olga");
    let fill = async |rotation: &str, who: &str| {
        let fields = Fields::new().with("rotation", Cell::text(rotation)).with("Technician", Cell::text(who));
        base.update(TABLE, &[RecordChange { id: record.clone(), fields }], Typecast::Off).await.expect("by hand");
        table.pass().await.expect("read");
    };
    fill("", "").await;
    assert_eq!(holder(&w).await, "olga", "somebody may be writing it anew");
    fill("night", "Olga Lind").await;
    fill("", "").await;
    assert_eq!(holder(&w).await, "olga", "counted from the beginning");
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "sam");
    let all = w.process.store.overrides(w.now()).await.expect("read");
    assert!(all.iter().all(|o| o.withdrawn.is_some()), "{all:?}");
}

#[tokio::test]
async fn a_death_between_a_changed_rows_two_writes_leaves_one_exception_in_the_end() {
    for death in [Death::After(1), Death::BeforeTheOneAfter(1)] {
        let (mut w, base, table) = world().await;
        let record = base.add(TABLE, row("Olga Lind", "2026-11-22T09:00:00.000Z"));
        table.pass().await.expect("read");
        let fields = Fields::new().with("Technician", Cell::text("ana"));
        base.update(TABLE, &[RecordChange { id: record, fields }], Typecast::Off).await.expect("changed by hand");
        // The new exception is made; the old one is not withdrawn yet.
        w.process.crash.dies(death);
        let crash = w.process.crash.clone();
        let died = tokio::select! {
            biased;
            done = table.pass() => done.is_err(),
            () = crash.died() => true,
        };
        assert!(died, "{death:?}");
        w.restart().await;
        let standing = async |w: &World| {
            let all = w.process.store.overrides(w.now()).await.expect("read");
            all.into_iter().filter(|o| o.withdrawn.is_none()).map(|o| o.contact.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(standing(&w).await, ["olga", "ana"], "{death:?}: both stand");
        let table = OverrideTable::new(w.process.core.clone(), Arc::new(base.clone()), TABLE.into(), secs(60));
        table.pass().await.expect("read");
        assert_eq!(standing(&w).await, ["ana"], "{death:?}");
        assert_eq!(w.process.store.overrides(w.now()).await.expect("read").len(), 2, "{death:?}: made once");
        assert_eq!(holder(&w).await, "ana");
    }
}

#[tokio::test]
async fn a_row_that_links_to_the_table_of_contacts_means_the_contact_of_that_record() {
    let (w, base, table) = world().await;
    let contact = |n: u32, id: &str| SyncedContact {
        record: format!("rec{n:014}"),
        id: id.parse().expect("id"),
        name: id.into(),
        phone: format!("+194955501{n:02}").parse().ok(),
        email: None,
        role: None,
        active: true,
        businesses: Vec::new(),
        priority: None,
        backup: false,
        trade: None,
        away: false,
        hours: None,
        again: false,
    };
    let contacts = vec![contact(41, "bo-ek"), contact(42, "kim-lee")];
    let copy = SyncedContacts { source: "On-Call".into(), read_at: w.now(), contacts, businesses: Vec::new() };
    w.process.store.keep_synced_contacts(Some(&copy)).await.expect("kept");
    w.process.core.put_contacts(Some(copy)).await.expect("in force");
    let link = Cell::Other(serde_json::json!(["rec00000000000042"]));
    base.add(TABLE, row("", "2026-11-22T09:00:00.000Z").with("Technician", link));
    table.pass().await.expect("read");
    assert_eq!(holder(&w).await, "kim-lee", "{}", result(&base).await);
}
