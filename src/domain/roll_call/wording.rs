//! The texts of a roll call, in plain ASCII; the reference stands first, as in every text of ours.

use crate::domain::body;
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::roll_call::{RollCall, RollCallState};
use crate::domain::standalone_text::{StandaloneKind, StandaloneText};
use crate::domain::team::Directory;
use crate::domain::types::Timestamp;
use crate::domain::work::Ctx;

/// A name in a text is cut here.
const NAME_MAX: usize = 40;

const ASKS: &str = "Reply 1 to confirm, 2 if you cannot.";
const TELLS: &str = "Nobody else is asked: please see to it.";

/// What is sent as this text.
pub(super) fn text(of: &RollCall, t: &StandaloneText, ctx: &Ctx<'_>) -> String {
    let (line, _) = ctx.directory.line(of.line.as_deref());
    let cut = |text: &str| text.chars().take(NAME_MAX).collect::<String>();
    let opening = format!(
        "{} {}{}: ",
        of.reference.attempt(t.number),
        if ctx.rules.test_mode { "TEST MODE " } else { "" },
        cut(&line.name)
    );
    let until = when(ctx.directory, of, of.until);
    let said = match t.kind {
        StandaloneKind::Ask => {
            let again = if of.asks_now().any(|other| other.number < t.number) { "Roll call again. " } else { "" };
            let from =
                if of.from > ctx.now { format!("from {} ", when(ctx.directory, of, of.from)) } else { String::new() };
            format!("{again}{}, you are on call ({}) {from}until {until}. {ASKS}", cut(&of.name), of.rotation)
        }
        StandaloneKind::Alert => format!(
            "{} is on call ({}) until {until} and has not confirmed it: {}. {TELLS}",
            cut(&of.name),
            of.rotation,
            of.why
        ),
    };
    // Names are people's own words: only what a plain text can carry goes out.
    body::fold(&format!("{opening}{said}")).replace(char::is_control, " ")
}

/// The alert about it.
pub(super) fn alert(of: &RollCall, directory: &Directory, why: &str) -> String {
    format!(
        "{} is on call ({}) until {} and has not confirmed it: {why}; whoever holds it is told of emergencies all the same: see \
         `dispatchctl oncall roll-call`",
        of.name,
        of.rotation,
        when(directory, of, of.until)
    )
}

/// What a person is answered.
pub(super) fn answer(of: &RollCall, directory: &Directory) -> String {
    match of.state {
        RollCallState::Confirmed => body::fold(&format!(
            "Thank you: you are on call ({}) until {}.",
            of.rotation,
            when(directory, of, of.until)
        )),
        RollCallState::Over => format!("That shift of {} is over.", of.rotation),
        _ => "Noted: the office is told. You are still asked first until it has changed the rotation.".to_owned(),
    }
}

/// What somebody is asked whose words are no answer.
pub(super) fn one_or_two(of: &RollCall) -> String {
    format!("Reply 1 {r} to confirm that you are on call, 2 {r} if you cannot.", r = of.reference)
}

/// Whether this text of ours is one of a roll call: it asks somebody whether they are on call, or tells that nobody has confirmed it.
pub fn is_of_a_roll_call(body: &str) -> bool {
    body.ends_with(ASKS) || body.ends_with(TELLS)
}

/// By the clock of the rotation.
fn when(directory: &Directory, of: &RollCall, at: Timestamp) -> String {
    let zone = directory.rotation(&of.rotation).map_or(jiff::tz::TimeZone::UTC, |r| r.zone.clone());
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(moment) => moment.to_zoned(zone).strftime("%a %-d %b %H:%M").to_string(),
        Err(_) => shown(at, &zone),
    }
}
