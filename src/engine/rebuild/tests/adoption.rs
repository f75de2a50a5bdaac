//! Which rows of another system are taken over, by how old they are and what else is known of them.

use std::time::Duration;

use super::books::Books;
use crate::domain::Timestamp;
use crate::domain::types::CallId;
use crate::engine::adopt::Adopter;
use crate::gateways::airtable::Fields;
use crate::testing::{World, mins, secs};

const DAY: Duration = mins(24 * 60);
const OVER_A_DAY: Duration = Duration::from_millis(24 * 60 * 60_000 + 1);
const HOUR: Duration = mins(60);

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    /// It is left as it is, and nobody is told.
    Left,
    /// It is left as it is, and a person must look.
    Odd,
}
use Fate::{Left, Odd, Taken};

fn add(books: &mut Books, id: &str, status: &str, at: Timestamp) {
    let level = if status == "DEFERRED" { "morning" } else { "normal" };
    let row = Fields::new()
        .with("Call ID", id)
        .with("Status", status)
        .with("Caller Phone", "+19495550154")
        .with("Emergency Level", level)
        .with("Issue Summary", "Locked out")
        .with("Accepted At", at);
    books.add_call(row);
}

/// Another system's text of it.
fn add_text(books: &mut Books, id: &str, at: Timestamp) {
    let row = Fields::new()
        .with("Call ID", id)
        .with("Method", "SMS")
        .with("Sent At", at)
        .with("Delivery Status", "SENT")
        .with("Attempt Number", 1_u32)
        .with("Result", "SMS sent to Sam Ortiz");
    books.add_event(row);
}

async fn is_taken(w: &World, id: &str) -> bool {
    let id: CallId = id.parse().expect("an id");
    w.process.store.call(&id).await.expect("read").is_some()
}

/// The alert about each row.
async fn odd(w: &World, books: &Books) -> Vec<bool> {
    let alerts = w.alerts().await;
    books.calls.iter().map(|row| alerts.contains(&format!("adopt:{}", row.id.as_str()))).collect()
}

#[tokio::test]
async fn what_nobody_was_told_of_for_more_than_a_day_is_not_texted_about_without_a_person() {
    let w = World::new().await;
    let ago = |d: Duration| w.now().minus(d);
    // Its word, its age, how long ago it was texted about.
    let rows = [
        ("DISPATCHING", HOUR, None, Taken),
        ("DISPATCHING", DAY, None, Taken),
        ("DISPATCHING", OVER_A_DAY, None, Odd),
        ("DISPATCHING", OVER_A_DAY, Some(mins(10)), Taken),
        ("DISPATCHING", OVER_A_DAY, Some(DAY), Taken),
        ("DISPATCHING", OVER_A_DAY + HOUR, Some(OVER_A_DAY), Odd),
        // One that waits for the morning wakes nobody: no person need look before it.
        ("DEFERRED", HOUR, None, Taken),
        ("DEFERRED", DAY, None, Taken),
        ("DEFERRED", OVER_A_DAY, None, Left),
        ("DEFERRED", HOUR, Some(mins(10)), Left),
    ];
    let mut books = Books::default();
    for (n, (status, age, texted, _)) in rows.iter().enumerate() {
        let id = format!("old_{n}");
        add(&mut books, &id, status, ago(*age));
        if let Some(texted) = texted {
            add_text(&mut books, &id, ago(*texted));
        }
    }
    let adopter = Adopter::new(w.process.core.clone(), books.as_base(), secs(30));
    assert_eq!(adopter.pass().await.expect("a pass"), Some(w.now().plus(adopter.every())), "it looks again as it says");
    assert_eq!(adopter.every(), secs(30));
    let odd = odd(&w, &books).await;
    for (n, (status, age, texted, want)) in rows.into_iter().enumerate() {
        let is = (is_taken(&w, &format!("old_{n}")).await, odd[n]);
        let wanted = match want {
            Taken => (true, false),
            Left => (false, false),
            Odd => (false, true),
        };
        assert_eq!(is, wanted, "{status}, {age:?} old, texted about {texted:?} ago: {want:?} is wanted");
    }
}

#[tokio::test]
async fn of_rows_with_one_id_the_first_is_taken_over_unless_another_says_that_somebody_has_it() {
    let rows: [(&[&str], bool, &[bool]); 3] = [
        (&["DISPATCHING", "DISPATCHING"], true, &[false, false]),
        (&["DISPATCHING", "ACKNOWLEDGED"], false, &[true, false]),
        (&["DISPATCHING", "DISPATCHING", "RESOLVED"], false, &[true, true, false]),
    ];
    for (words, taken, alerts) in rows {
        let w = World::new().await;
        let mut books = Books::default();
        for word in words {
            add(&mut books, "twice", word, w.now().minus(HOUR));
        }
        Adopter::new(w.process.core.clone(), books.as_base(), secs(30)).pass().await.expect("a pass");
        assert_eq!((is_taken(&w, "twice").await, odd(&w, &books).await), (taken, alerts.to_vec()), "{words:?}");
    }
}
