//! The comparison as a table.

use super::*;
use crate::testing::{base, fixtures};

fn line(number: u32) -> EventLine {
    EventLine {
        place: i64::from(number),
        attempt: fixtures::attempt("c1", number),
        reference: "7K3Q".parse().expect("reference"),
        waits_since: None,
        parked: None,
    }
}

fn record(id: &str, fields: Fields) -> Record {
    Record { id: id.parse().expect("record id"), created_at: None, fields }
}

fn row(line: &EventLine) -> Fields {
    cells(line, &base::maps())
}

fn cells(line: &EventLine, maps: &crate::config::BaseMaps) -> Fields {
    let row = rows::event(&line.attempt, &line.reference, false);
    Layouts::unread(maps).events.encode(&row, &LinkBook::default()).fields
}

#[test]
fn each_fault_is_told_from_the_others_and_equal_rows_are_none() {
    let parked = EventLine { parked: Some("too long".into()), ..line(4) };
    let lines = [
        line(1),
        line(2),
        line(3),
        parked,
        line(5),
        EventLine { waits_since: Some(Timestamp::from_millis(9)), ..line(6) },
    ];
    let mut found: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    let mut put = |line: &EventLine, records: Vec<Record>| drop(found.insert(event_id(&line.attempt), records));
    put(&lines[0], vec![record("rec1", row(&lines[0]).with("Notes", "by hand"))]);
    put(&lines[1], vec![record("rec2", row(&lines[1]).with("Delivery Status", "sent").with("To", ""))]);
    put(&lines[2], vec![record("rec3", row(&lines[2])), record("rec4", row(&lines[2]))]);
    let expected: Vec<Fields> = lines.iter().map(row).collect();
    let wrong = compare(&lines, &expected, &found);
    let seen: Vec<(DifferenceKind, u32)> = wrong.iter().map(|f| (f.fault, f.number.expect("a number"))).collect();
    assert_eq!(
        seen,
        [
            (DifferenceKind::Different, 2),
            (DifferenceKind::Twin, 3),
            (DifferenceKind::Parked, 4),
            (DifferenceKind::Missing, 5),
            (DifferenceKind::Missing, 6)
        ]
    );
    let fields: Vec<&str> = wrong[0].fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["Delivery Status", "To"]);
    assert!(!wrong[0].said().contains("5550101"), "{}", wrong[0].said());
    assert!(wrong[1].said().contains("rec3, rec4") && wrong[2].said().contains("too long"));
    assert!(wrong[4].said().contains("waits to be told since"), "{}", wrong[4].said());
    assert!(wrong.iter().all(Difference::is_fault));
    let mut without_to = base::maps();
    without_to.events.to.clear();
    let wrong = compare(&lines[1..2], &[cells(&lines[1], &without_to)], &found);
    assert_eq!(wrong[0].fields.len(), 1, "what the base is without is not compared");
    assert_eq!(wrong[0].json()["fields"][0]["actual"], "`sent`");
}
