//! A call whose ladder itself begins later: it is whole from its acceptance on.

use std::cell::Cell;
use std::time::Duration;

use crate::domain::change::Effect;
use crate::domain::event::{Event, Loaded, Report};
use crate::domain::step::step;
use crate::domain::types::Actor;
use crate::engine::intake::{self, Validation};
use crate::ids::Ids;
use crate::testing::harness::deciding;
use crate::testing::world::START;
use crate::testing::{fixtures, mins, story};

/// What other systems are told of when a call is reported whose first step is due after five minutes.
fn effects(hold: Option<Duration>) -> Vec<Effect> {
    let directory = fixtures::directory_with(fixtures::policy("slow", &[(mins(5), &["primary"])]));
    let rules = fixtures::rules();
    let new = intake::new_call(story::intake("c", "slow"), &directory, Validation::Strict, &Ids::seeded(1), START);
    let report = Report { source: "retell".into(), event: "call_ended".into(), hold };
    let event = Event::Report(Box::new(new.expect("a call")), report);
    let loaded = Loaded { free_reference: "7K32".parse().ok(), ..Loaded::default() };
    let by = (START, &directory, &rules);
    deciding(by, &Cell::new(1), Actor("mia".into()), |ctx| step(&loaded, &event, ctx)).expect("a decision").effects
}

#[test]
fn the_shops_books_have_a_call_at_once_though_its_first_step_is_due_later_unless_it_waits_for_a_better_report() {
    let row = Effect::MirrorCall("c".parse().expect("an id"));
    assert!(effects(None).contains(&row), "its ladder alone says when it begins");
    assert!(!effects(Some(mins(10))).contains(&row), "what it says is still to change");
}
