//! The figures of a week in which the clocks are put on at night equal those of queries written by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use rusqlite::Connection;

use crate::clock::Clock as _;
use crate::config::MailedReports;
use crate::domain::Timestamp;
use crate::domain::event::Decision;
use crate::domain::figures::Figures;
use crate::domain::time_report::{WEEK_ENDS, Week};
use crate::engine::duty::{ESSENTIAL_MAX, Rank};
use crate::engine::figures::of_period;
use crate::engine::night::Period;
use crate::engine::reports::pass;
use crate::testing::story::intake;
use crate::testing::world::Setup;
use crate::testing::{World, mins, secs};

const ZONE: &str = "America/Los_Angeles";
/// Monday 07:00 by that clock, which is UTC-8, and a week later, when it is UTC-7: 167 hours.
const FROM: &str = "2027-03-08T15:00:00Z";
const UNTIL: &str = "2027-03-15T14:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Sam and Ana in turn, handing over at 02:30, which does not exist in the night of the thirteenth.
fn setup() -> Setup {
    let mut directory = super::oncall::directory();
    directory.default_line.time_zone = Some(ZONE.into());
    directory.rotations[0].zone = TimeZone::get(ZONE).expect("a zone");
    directory.rotations[0].handoff = jiff::civil::time(2, 30, 0, 0);
    Setup { directory, ..Setup::default() }
}

impl World {
    fn wait_until(&self, moment: &str) {
        let d = at(moment).since(self.now());
        assert!(at(moment) > self.now(), "{moment} is over");
        self.away(d);
    }

    /// A call at this moment; the delivery of its first text is confirmed so much later.
    async fn call_at(&mut self, moment: &str, confirmed_after: Option<Duration>) {
        self.wait_until(moment);
        self.dispatch("normal").await;
        if let Some(after) = confirmed_after {
            self.advance(after).await;
            self.receipt(1, "delivered", None).await;
        }
    }

    async fn take(&mut self, who: &str) {
        self.reply(who, "1").await;
        self.decide(Decision::Resolve).await;
    }
}

/// Seven calls of the week, one before it and one behind it.
pub(crate) async fn seeded() -> World {
    let mut w = World::with(setup()).await;
    w.call_at("2027-03-08T14:59:00Z", Some(secs(1))).await;
    w.take("ana").await;
    // The first moment of the week: Ana has it after a minute.
    w.call_at(FROM, Some(secs(10))).await;
    w.advance(secs(50)).await;
    w.take("ana").await;
    // Its carrier confirms nothing; Sam has it after half a minute.
    w.call_at("2027-03-10T04:00:00Z", None).await;
    w.advance(secs(3)).await;
    w.receipt(1, "sent", None).await;
    w.advance(secs(27)).await;
    w.take("sam").await;
    // Sam passes; Olga takes it after eight minutes, hands it back, and takes it for good.
    w.call_at("2027-03-12T09:00:00Z", Some(secs(4))).await;
    w.reply("sam", "2").await;
    w.advance(mins(8)).await;
    w.reply("olga", "1").await;
    w.advance(mins(1)).await;
    w.decide(Decision::Reopen).await;
    w.advance(mins(9)).await;
    w.take("olga").await;
    // 01:50 of the short night: Sam's text fails, nobody answers.
    w.call_at("2027-03-14T09:50:00Z", None).await;
    w.receipt(1, "undelivered", Some(30_005)).await;
    w.advance(mins(60)).await;
    // 03:40 of it: Ana holds it by now, and takes it after seventeen minutes.
    w.call_at("2027-03-14T11:00:00Z", Some(secs(30))).await;
    w.advance(mins(17)).await;
    w.reply("ana", "1").await;
    // One for the morning, and one of the last second, which is still open.
    w.wait_until("2027-03-14T12:00:00Z");
    w.accept(intake("drip", "Morning")).await;
    w.call_at("2027-03-15T13:59:59Z", None).await;
    w.call_at("2027-03-15T14:00:30Z", Some(secs(2))).await;
    w.take("sam").await;
    w
}

/// As its loops say it of themselves once each has passed: a world drives them by hand.
pub(crate) fn all_have_passed(w: &World) {
    let boot = w.clock.boot();
    let beat = w.process.engine.heartbeats.enlist_one("dispatcher", Rank::Essential, ESSENTIAL_MAX, boot);
    beat.passed(boot);
}

/// Views over the week of [`seeded`], to ask by hand.
pub(crate) struct ByHand(Connection);

impl ByHand {
    pub(crate) fn new(file: &Path) -> Self {
        let conn = Connection::open(file).expect("opens");
        let (from, until) = (at(FROM).as_millis(), at(UNTIL).as_millis());
        let view = format!(
            "CREATE TEMP VIEW week AS SELECT * FROM calls WHERE accepted_at >= {from} AND accepted_at < {until};
             CREATE TEMP VIEW tries AS SELECT a.* FROM attempts a JOIN week ON week.id = a.call_id;
             CREATE TEMP VIEW story AS SELECT l.*, week.accepted_at FROM log l JOIN week ON week.id = l.call_id"
        );
        conn.execute_batch(&view).expect("views");
        Self(conn)
    }

    pub(crate) fn number(&self, sql: &str) -> u64 {
        let found: i64 = self.0.query_row(sql, [], |r| r.get(0)).expect(sql);
        u64::try_from(found).expect("a count")
    }

    /// In milliseconds, ascending.
    pub(crate) fn numbers(&self, sql: &str) -> Vec<u64> {
        let mut statement = self.0.prepare(sql).expect(sql);
        let found = statement.query_map([], |r| r.get::<_, i64>(0)).expect(sql);
        let mut all: Vec<u64> = found.map(|n| u64::try_from(n.expect("a row")).expect("a count")).collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn strings(&self, sql: &str) -> Vec<String> {
        let mut statement = self.0.prepare(sql).expect(sql);
        let found = statement.query_map([], |r| {
            Ok(match r.get_ref(0)? {
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                rusqlite::types::ValueRef::Real(n) => n.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
        });
        found.expect(sql).map(|s| s.expect("a row")).collect()
    }

    fn of_each(&self, sql: &str) -> BTreeMap<String, u64> {
        let mut statement = self.0.prepare(sql).expect(sql);
        let found = statement.query_map([], |r| Ok((r.get(0)?, r.get::<_, i64>(1)?))).expect(sql);
        let named = found.map(|row| row.expect("a row"));
        named.map(|(name, n)| (name, u64::try_from(n).expect("a count"))).collect()
    }
}

fn ms(d: Option<Duration>) -> u64 {
    d.map_or(0, |d| u64::try_from(d.as_millis()).expect("short"))
}

fn of(f: &Figures, figure: impl Fn(&crate::domain::figures::TechnicianFigures) -> u64) -> BTreeMap<String, u64> {
    let all = f.technicians.iter().map(|t| (t.contact.clone(), figure(t)));
    all.filter(|(_, n)| *n > 0).collect()
}

#[tokio::test]
async fn the_figures_of_a_week_with_a_short_night_equal_queries_by_hand() {
    let w = seeded().await;
    let week = Week::newest(WEEK_ENDS, Some(ZONE), w.now()).expect("a week");
    assert_eq!((week.from, week.until, week.name().as_str()), (at(FROM), at(UNTIL), "2027-W10"));
    let directory = w.process.core.directory();
    let period = Period::Between(week.from, week.until);
    let f = of_period(&*w.process.store, &directory, period, w.now()).await.expect("read").figures;
    let by_hand = ByHand::new(&w.file());

    assert_eq!((f.calls, by_hand.number("SELECT count(*) FROM week")), (7, 7));
    let confirmed = "SELECT min(s.at) - s.accepted_at FROM story s JOIN tries t ON t.id = s.attempt_id
        WHERE s.kind = 'attempt.delivered' AND t.kind = 'notice' AND t.round = 1 GROUP BY s.call_id";
    let sent = "SELECT min(s.at) - s.accepted_at FROM story s JOIN tries t ON t.id = s.attempt_id
        WHERE s.kind IN ('message.status', 'attempt.submitted') AND json_extract(s.data, '$.status') = 'sent'
        AND t.message_status = 'sent' AND t.kind = 'notice' AND t.round = 1 GROUP BY s.call_id";
    let (confirmed, sent) = (by_hand.numbers(confirmed), by_hand.numbers(sent));
    assert_eq!((confirmed.as_slice(), sent.as_slice()), (&[4_000, 10_000, 30_000][..], &[3_000][..]));
    let mut told = [confirmed, sent.clone()].concat();
    told.sort_unstable();
    assert_eq!((f.told.count, f.unconfirmed), (4, u64::try_from(sent.len()).expect("few")));
    assert_eq!([ms(f.told.median), ms(f.told.ninety), ms(f.told.worst)], [told[1], told[3], told[3]]);

    let taken =
        by_hand.numbers("SELECT min(at) - accepted_at FROM story WHERE kind = 'call.acknowledged' GROUP BY call_id");
    assert_eq!(taken.len(), 4);
    assert_eq!([f.taken.count, ms(f.taken.median), ms(f.taken.worst)], [4, taken[1], taken[3]]);
    assert_eq!(taken[0..2], [30_000, 60_000]);
    let exhausted = by_hand.number("SELECT count(DISTINCT call_id) FROM story WHERE kind = 'call.exhausted'");
    let late = u64::try_from(taken.iter().filter(|after| **after > 15 * 60_000).count()).expect("few");
    assert_eq!((f.exhausted, f.unanswered), (exhausted, exhausted + late));
    assert_eq!((exhausted, late, f.left), (1, 1, 1));
    let open = by_hand.number("SELECT count(*) FROM week WHERE status NOT IN ('RESOLVED', 'CANCELLED')");
    assert_eq!(f.open, open);

    let texts = "SELECT count(*) FROM tries WHERE channel = 'sms' AND sid IS NOT NULL";
    let segments = "SELECT sum(segments) FROM tries WHERE channel = 'sms' AND sid IS NOT NULL";
    assert_eq!((f.texts, f.segments), (by_hand.number(texts), by_hand.number(segments)));
    let alerts = format!(
        "SELECT count(DISTINCT json_extract(data, '$.key')) FROM log WHERE kind = 'alert.raised' AND at >= {} AND at < {}",
        at(FROM).as_millis(),
        at(UNTIL).as_millis()
    );
    assert_eq!(f.alerts, by_hand.number(&alerts));

    let notices = "SELECT contact, count(*) FROM (SELECT DISTINCT call_id, round, step, contact FROM tries
        WHERE kind = 'notice' AND sid IS NOT NULL) GROUP BY contact";
    assert_eq!(of(&f, |t| t.notices), by_hand.of_each(notices));
    let failed = "SELECT contact, count(*) FROM tries WHERE kind = 'notice' AND state = 'failed' GROUP BY contact";
    assert_eq!(of(&f, |t| t.failed), by_hand.of_each(failed));
    // The actor of a reply is the phone that it came from.
    let phones = |kind: &str| {
        format!(
            "SELECT CASE WHEN actor LIKE '%0101' THEN 'sam' WHEN actor LIKE '%0102' THEN 'ana' ELSE 'olga' END AS who, count(*)
             FROM story WHERE kind = '{kind}' GROUP BY who"
        )
    };
    assert_eq!(of(&f, |t| t.taken), by_hand.of_each(&phones("call.acknowledged")));
    assert_eq!(of(&f, |t| t.passes), by_hand.of_each(&phones("contact.passed")));

    // 167 hours, of Ana 19.5 + 24 + 24 + 23.5, of Sam 24 + 24 + 23.5 + 4.5: in the short night Ana begins at 03:00, the first moment
    // behind the skipped hour.
    let hours = |h: f64| Duration::from_secs_f64(h * 3_600.0);
    let on_call: Vec<(&str, u64, Duration)> =
        f.technicians.iter().map(|t| (t.contact.as_str(), t.shifts, t.on_call)).collect();
    assert_eq!(on_call, [("ana", 4, hours(91.0)), ("olga", 1, hours(167.0)), ("sam", 4, hours(76.0))]);
    let nights: Vec<(String, u64, u64)> =
        f.nights.iter().map(|n| (n.evening.to_string(), n.calls, n.unanswered)).collect();
    let night = |date: &str, calls, unanswered| (date.to_owned(), calls, unanswered);
    let want = [
        night("2027-03-07", 1, 0),
        night("2027-03-09", 1, 0),
        night("2027-03-11", 1, 0),
        night("2027-03-13", 3, 2),
        night("2027-03-14", 1, 0),
    ];
    assert_eq!((nights, f.nights_with_gaps), (want.to_vec(), 0));
}

#[tokio::test]
async fn the_report_of_a_week_goes_to_each_reader_once_late_after_an_outage_with_its_calls_attached() {
    let mut w = seeded().await;
    let to = ["office@example.com", "owner@example.com"].map(|a| a.parse().expect("an address"));
    let weekly = Some(crate::domain::time_report::WeekEnd { day: Weekday::Monday, at: Time::constant(7, 0, 0, 0) });
    let mailed =
        MailedReports { daily: None, weekly, to: to.to_vec(), board: Some("https://acme.example/board".into()) };
    // Nobody looked at seven.
    w.away(mins(26 * 60));
    pass(&w.process.engine, &mailed).await.expect("looked");
    w.restart().await;
    pass(&w.process.engine, &mailed).await.expect("looked");
    let mails = w.relay.taken();
    assert_eq!(mails.iter().map(|m| m.to.as_str()).collect::<Vec<_>>(), ["office@example.com", "owner@example.com"]);
    let mail = &mails[0];
    if let Some(dir) = std::env::var_os("REPORT_MAIL_TO") {
        let dir = Path::new(&dir);
        std::fs::write(dir.join("mail.txt"), format!("Subject: {}\n\n{}", mail.subject, mail.text)).expect("written");
        std::fs::write(dir.join("mail.html"), &mail.html).expect("written");
    }
    assert!(mail.subject.starts_with("Acme Plumbing: week 2027-W10: 7 calls, 3 left unanswered"), "{}", mail.subject);
    assert!(mail.text.contains("on call 91 h 00 min in 4 shifts"), "{}", mail.text);
    assert!(
        mail.html.contains("<td") && mail.html.contains("<b>Sam Ortiz</b><br>6 notices, took 1, answered in 30 s<br>"),
        "{}",
        mail.html
    );
    let table = mail.attached.as_ref().expect("the calls");
    let mut csv = csv::Reader::from_reader(table.csv.as_bytes());
    assert_eq!((table.name.as_str(), csv.records().count()), ("report-2027-W10.csv", 7), "{}", table.csv);
    assert!(w.process.store.has_report("report:2027-W10 office@example.com").await.expect("read"));
    w.away(mins(7 * 24 * 60));
    pass(&w.process.engine, &mailed).await.expect("looked");
    assert_eq!(w.relay.taken().len(), 4, "the next week");
}

/// As mails write a length of time, in other words than theirs.
fn said(ms: u64) -> String {
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    if h > 0 {
        format!("{h} h {m:02} min")
    } else if m > 0 {
        format!("{m} min {s:02} s")
    } else {
        format!("{s} s")
    }
}

#[tokio::test]
async fn the_mail_in_both_forms_and_its_table_say_what_queries_by_hand_say() {
    let w = seeded().await;
    let weekly = Some(WEEK_ENDS);
    let to = vec!["owner@example.com".parse().expect("an address")];
    let board = Some("https://acme.example/board".to_owned());
    pass(&w.process.engine, &MailedReports { daily: None, weekly, to, board }).await.expect("looked");
    let mail = w.relay.taken().remove(0);
    let q = ByHand::new(&w.file());
    let told = q.numbers(
        "SELECT min(s.at) - s.accepted_at FROM story s JOIN tries t ON t.id = s.attempt_id
         WHERE t.kind = 'notice' AND t.round = 1 AND (s.kind = 'attempt.delivered'
            OR (s.kind IN ('message.status', 'attempt.submitted') AND json_extract(s.data, '$.status') = 'sent' AND t.message_status = 'sent'))
         GROUP BY s.call_id",
    );
    let taken = q.numbers("SELECT min(at) - accepted_at FROM story WHERE kind = 'call.acknowledged' GROUP BY call_id");
    let spread = |all: &[u64]| {
        format!(
            "{} calls: median {}, 90 % within {}, worst {}",
            all.len(),
            said(all[(all.len() - 1) / 2]),
            said(all[all.len() - 1]),
            said(all[all.len() - 1])
        )
    };
    let number = |sql: &str| q.number(sql).to_string();
    let open = number("SELECT count(*) FROM week WHERE status NOT IN ('RESOLVED', 'CANCELLED')");
    let left = number("SELECT count(*) FROM week WHERE status = 'DEFERRED'");
    let figures = [
        ("calls", format!("7 ({open} still open, {left} left for the morning)")),
        ("told", spread(&told)),
        ("taken", spread(&taken)),
        (
            "texts",
            format!(
                "{} of {} segments",
                number("SELECT count(*) FROM tries WHERE channel = 'sms' AND sid IS NOT NULL"),
                number("SELECT sum(segments) FROM tries WHERE channel = 'sms' AND sid IS NOT NULL")
            ),
        ),
    ];
    for (name, value) in figures {
        assert!(mail.text.contains(&format!("\n- {name}: {value}\n")), "{name}: {value}: {}", mail.text);
        let cells = [name, &value].map(|c| format!(">{c}</td>")).join("");
        let html = mail.html.replace(char::is_whitespace, " ");
        let bare: String =
            html.split("<td style=\"").map(|rest| rest.split_once('"').map_or(rest, |(_, r)| r)).collect();
        assert!(bare.contains(&cells), "{name}: {value}: {}", mail.html);
    }
    let begins = "7 calls, 2 left unanswered, taken in 1 min 00 s (median)\nMon 8 Mar 2027 07:00 to Mon 15 Mar 2027 07:00, America/Los_Angeles\n";
    assert!(mail.text.starts_with(begins), "{}", mail.text);
    assert!(mail.text.ends_with("\nThe board: https://acme.example/board\n"), "{}", mail.text);
    // Whom nobody answered is named, by the clock of that night.
    let unanswered = q.strings(&format!(
        "SELECT reference FROM week WHERE status <> 'DEFERRED' AND coalesce((SELECT min(at) FROM story
         WHERE story.call_id = week.id AND kind = 'call.acknowledged'), {}) - accepted_at > 900000 ORDER BY accepted_at",
        w.now().as_millis()
    ));
    assert_eq!(unanswered.len(), 2);
    let named =
        mail.text.split("\nLeft unanswered\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a part");
    let named: Vec<&str> = named.lines().filter(|l| l.starts_with("- ")).collect();
    for (line, reference) in named.iter().zip(&unanswered) {
        assert!(line.contains(reference), "{line}: {reference}");
    }
    assert!(named[0].starts_with("- Sun 01:50 ") && named[1].starts_with("- Sun 04:00 "), "{named:?}");

    let table = mail.attached.as_ref().expect("the calls");
    let mut csv = csv::Reader::from_reader(table.csv.as_bytes());
    let column = |rows: &[csv::StringRecord], n: usize| rows.iter().map(|r| r[n].to_owned()).collect::<Vec<_>>();
    let mut rows: Vec<csv::StringRecord> = csv.records().map(|r| r.expect("a row")).collect();
    rows.sort_by_key(|r| r[5].to_owned());
    assert_eq!(column(&rows, 0), q.strings("SELECT id FROM week ORDER BY accepted_at"));
    let seconds = |ms: &str| {
        if ms.is_empty() { String::new() } else { format!("{:.1}", ms.parse::<f64>().expect("a number") / 1_000.0) }
    };
    let taken = q.strings(
        "SELECT coalesce((SELECT min(at) FROM story WHERE story.call_id = week.id AND kind = 'call.acknowledged') - accepted_at, '')
         FROM week ORDER BY accepted_at",
    );
    assert_eq!(column(&rows, 11), taken.iter().map(|ms| seconds(ms)).collect::<Vec<_>>());
    let texts = q.strings(
        "SELECT (SELECT count(*) FROM tries WHERE call_id = week.id AND channel = 'sms' AND sid IS NOT NULL) FROM week ORDER BY accepted_at",
    );
    assert_eq!(column(&rows, 13), texts);
}
