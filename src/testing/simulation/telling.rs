//! A history in words, for whoever reads why it broke.

use super::world::World;
use crate::domain::event::Event;
use crate::domain::types::AttemptId;

pub(super) fn event(w: &World, event: &Event) -> String {
    let attempt = |id: &AttemptId| {
        let found = w.memory.attempt(*id);
        found.map_or_else(
            || "nobody's attempt".to_owned(),
            |(c, a)| format!("{} of {} to {}", a.number, c.call.id, a.recipient.contact),
        )
    };
    match event {
        Event::Accept(new) => format!("accepts {}", new.id),
        Event::Wake { call } => format!("wakes {call}"),
        Event::Claim { attempt: a, .. } => format!("claims attempt {}", attempt(a)),
        Event::ClaimAgain { attempt: a, .. } => format!("asks for its claim of attempt {}", attempt(a)),
        Event::Sent { attempt: a, outcome, .. } => {
            let outcome = format!("{outcome:?}");
            let outcome = outcome.split([' ', '{']).next().unwrap_or_default().to_owned();
            format!("stores that attempt {} was {outcome}", attempt(a))
        }
        Event::EngineGone { attempt: a, .. } => format!("finds the claim of attempt {}", attempt(a)),
        Event::StatusUpdate(n) => {
            let of = n.attempt.as_ref().map(attempt).unwrap_or_default();
            format!("hears by {} that {} is {} {:?} (attempt {of})", n.source.as_str(), n.sid, n.status, n.code)
        }
        Event::Searched { attempt: a, complete, .. } => {
            format!("finds no text of attempt {} (complete: {complete})", attempt(a))
        }
        Event::Polled { attempt: a, .. } => format!("has asked about attempt {}", attempt(a)),
        Event::Inbound(text) => {
            let how = if text.listed {
                "in the list"
            } else if text.waited_since.is_some() {
                "after its wait"
            } else {
                "by webhook"
            };
            format!("hears {:?} of {} {how}", text.body, World::who_has(&text.from))
        }
        Event::Decide { call, what, .. } => format!("an operator decides of {call}: {what:?}"),
        Event::Settle { attempt: a, how, .. } => format!("an operator settles attempt {}: {how:?}", attempt(a)),
        other => {
            let text = format!("{other:?}");
            text.chars().take(80).collect()
        }
    }
}
