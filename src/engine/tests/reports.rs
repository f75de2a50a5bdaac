//! The list of the morning by mail: once a day, not twice over a restart, and not forgotten.

use jiff::civil::Time;

use crate::config::MailedReports;
use crate::engine::reports::pass;
use crate::testing::relay::Relayed;
use crate::testing::story::intake;
use crate::testing::{World, mins, secs};

impl World {
    /// The duty looks.
    async fn list(&self) {
        let to = ["office@example.com", "owner@example.com"].map(|a| a.parse().expect("an address"));
        let daily = Some(Time::constant(7, 0, 0, 0));
        let mailed = MailedReports { daily, weekly: None, to: to.to_vec(), board: None };
        pass(&self.process.engine, &mailed).await.expect("looked");
    }

    async fn list_after(&self, minutes: u64) {
        self.away(mins(minutes));
        self.list().await;
    }

    /// A dripping tap at two in the night.
    async fn drips(&mut self) {
        let mut drip = intake("drip", "Morning");
        drip.data.issue_summary = Some("A tap drips".into());
        self.accept(drip).await;
        self.last = "drip".parse().ok();
    }
}

#[tokio::test]
async fn the_list_goes_to_each_reader_once_a_day_whatever_is_started_again() {
    let mut w = World::new().await;
    w.drips().await;
    w.list().await;
    assert_eq!(w.relay.asked(), 0, "the list of the day before has nothing");
    w.list_after(5 * 60 - 1).await;
    assert_eq!(w.relay.asked(), 0, "before seven");
    w.list_after(1).await;
    let mails = w.relay.taken();
    let to: Vec<&str> = mails.iter().map(|m| m.to.as_str()).collect();
    assert_eq!(to, ["office@example.com", "owner@example.com"]);
    assert!(mails[0].subject.contains("1 to ring back"), "{}", mails[0].subject);
    assert!(mails[0].text.contains("A tap drips") && mails[0].text.contains("+19495550150"), "{}", mails[0].text);
    assert_ne!(mails[0].id, mails[1].id);
    w.list_after(1).await;
    w.restart().await;
    w.list_after(60).await;
    assert_eq!(w.relay.asked(), 2, "once");
    w.list_after(24 * 60).await;
    assert_eq!(w.relay.asked(), 4, "it still waits to be rung back");
    assert!(w.alerts().await.iter().all(|a| !a.starts_with("report-mail")));
}

#[tokio::test]
async fn a_list_that_the_relay_did_not_take_goes_later_and_one_after_an_outage_goes_late() {
    let mut w = World::new().await;
    w.drips().await;
    w.relay.otherwise(Relayed::Away);
    w.list_after(5 * 60).await;
    assert_eq!((w.relay.asked(), w.relay.taken().len()), (2, 0));
    assert!(w.has_alert("report-mail:office@example.com").await);
    w.list().await;
    assert_eq!(w.relay.asked(), 2, "not at once again");
    w.restart().await;
    w.relay.otherwise(Relayed::Takes);
    w.list_after(2).await;
    assert_eq!(w.relay.taken().len(), 2);
    assert!(!w.has_alert("report-mail").await);

    let mut w = World::new().await;
    w.drips().await;
    w.list_after(9 * 60).await;
    assert_eq!(w.relay.taken().len(), 2, "late, after an outage at seven");
}

#[tokio::test]
async fn a_list_whose_answer_is_lost_goes_again_three_times_at_most_as_the_same_mail() {
    let mut w = World::new().await;
    w.drips().await;
    w.relay.otherwise(Relayed::LosesTheAnswer);
    w.list_after(5 * 60).await;
    assert_eq!(w.relay.asked(), 2);
    assert!(w.has_alert("report-mail:office@example.com").await);
    for minutes in [2, 2, 120, 120] {
        w.restart().await;
        w.list_after(minutes).await;
    }
    let mails = w.relay.taken();
    let of = |to: &str| mails.iter().filter(|m| m.to.as_str() == to).map(|m| m.id.clone()).collect::<Vec<_>>();
    let office = of("office@example.com");
    assert_eq!(office.len(), 3, "three times at most");
    assert!(office.iter().all(|id| id == &office[0]), "one Message-ID: {office:?}");
    assert!(w.has_alert("report-mail:office@example.com").await);
    w.advance(secs(1)).await;
}

#[tokio::test]
async fn a_list_that_was_being_sent_when_its_engine_ended_goes_again() {
    let mut w = World::new().await;
    w.drips().await;
    w.relay.otherwise(Relayed::Away);
    w.list_after(5 * 60).await;
    w.away(mins(2));
    let store = &w.process.store;
    let report = store.open_reports(w.now(), 9).await.expect("read").remove(0);
    let sending = crate::store::ReportMail { state: crate::store::ReportState::Sending, ..report.clone() };
    assert!(store.move_report(&report, &sending).await.expect("moved"));
    w.relay.otherwise(Relayed::Takes);
    w.restart().await;
    w.list_after(0).await;
    w.list_after(1).await;
    let mails = w.relay.taken();
    assert!(mails.iter().any(|m| m.to.as_str() == report.address), "{mails:?}");
    assert!(!w.has_alert("report-mail").await);
}
