//! Decisions of the pure core, as tables and as every order of what the provider can say.

mod alert_texts;
mod breakers;
mod call_facts;
mod claims;
mod dial;
mod due_steps;
mod failures;
mod found;
mod found_again;
mod ladder_ends;
mod ladder_rules;
mod late;
mod lateness;
mod later_first_steps;
mod one_call;
mod orders;
mod repeats;
mod replies;
mod reply_acts;
mod reply_copies;
mod reply_words;
mod reports;
mod settlements;
mod spending;
mod stand_downs;
mod tables;
