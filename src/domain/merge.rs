//! The same emergency again: whoever waits at a flood rings a second time, or a form tells of what a phone call told.
//!
//! Within `[oncall] merge_within` such a call becomes part of the one that runs: whoever was told of that is texted the new words,
//! and the new id leads to it. It never joins where the two may be two emergencies: another line, another caller, one who withholds
//! the number, another address, a higher or an unknown level, a contact of its own. The words, the texts that tell of them and the
//! new id are one transaction; the same request again finds them and does nothing.

use serde_json::json;

use super::alert::AlertKind;
use super::attempt::Priority;
use super::call::{Call, CallData, CallState, CallStatus};
use super::change::{Answer, Change, PhoneCallChange};
use super::event::{Loaded, NewCall, Report};
use super::log::LogKind;
use super::phone_call::PhoneCall;
use super::quiet;
use super::report;
use super::similar::Similar;
use super::team::Directory;
use super::types::CallId;
use super::update;
use super::work::{Ctx, Illegal, Work, holder_name};

/// The most characters of an issue that grows by further words; later words are texted and stand in the log.
const ISSUE_CHARACTERS_MAX: usize = 600;

/// The call that a new one joins: of several the newest.
pub(super) fn target<'a>(loaded: &'a Loaded, new: &NewCall, ctx: &Ctx<'_>) -> Option<&'a CallState> {
    let similar = Similar::to(&new.data, new.overridden.is_some(), ctx.rules.oncall.merge_within, ctx.now)?;
    let is = |c: &&CallState| similar.may_be(&c.call) && is_same_emergency(&c.call, new, ctx.directory);
    loaded.similar.iter().filter(is).max_by_key(|c| c.call.accepted_at)
}

fn is_same_emergency(call: &Call, new: &NewCall, directory: &Directory) -> bool {
    let line = |data: &CallData| directory.line(data.twilio_to_number.as_deref()).0.number.clone();
    let place = |data: &CallData| data.address.as_deref().map(plain).filter(|a| !a.is_empty());
    let is_elsewhere = place(&call.data).zip(place(&new.data)).is_some_and(|(a, b)| a != b);
    let is_no_higher = new.level == call.level || report::rank(&new.level) < report::rank(&call.level);
    line(&call.data) == line(&new.data) && !is_elsewhere && is_no_higher
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The id under which a request without an id of its own is found again by its idempotency key.
pub fn id_of_key(key: &str) -> Option<CallId> {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(key);
    let hex: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("idempotency-key:{hex}").parse().ok()
}

/// The new call becomes part of this one.
pub(super) fn merge(
    loaded: &Loaded,
    into: &CallState,
    new: &NewCall,
    report: &Report,
    ctx: &Ctx<'_>,
) -> Result<Change, Illegal> {
    let mut w = Work::new(ctx, loaded, into.clone());
    let told = |id: CallId| PhoneCallChange::Told {
        id,
        phone: PhoneCall::told_by(&new.data),
        call: Some(into.call.id.clone()),
    };
    let by_key = new.idempotency_key.as_deref().and_then(id_of_key);
    w.change.phone_calls.extend(std::iter::once(new.id.clone()).chain(by_key).map(told));
    let words = new.data.issue_summary.as_deref().or(new.data.body.as_deref()).map(str::trim);
    let words = words.filter(|words| !words.is_empty());
    let text = format!("call {} is the same emergency, from the same caller: it is part of this one", new.id);
    w.log(LogKind::CallReported, None, text, report::said(new, report));
    let mut update = format!("Update: {} again", source(report));
    if let Some(words) = words {
        update.push_str(&format!(": {words}"));
        add_words(&mut w.state.call.data, words);
    }
    let data = &mut w.state.call.data;
    if data.address.as_deref().is_none_or(|a| plain(a).is_empty())
        && let Some(address) = new.data.address.as_deref().map(str::trim).filter(|a| !plain(a).is_empty())
    {
        data.address = Some(address.to_owned());
        update.push_str(&format!(". Address: {address}"));
        let text = "the address is known now".to_owned();
        w.log(LogKind::CallChanged, None, text, json!({ "address": address }));
    }
    let texted = update::tell_all(&mut w, &update, Priority::First);
    if texted == 0 && w.state.call.status == CallStatus::Acknowledged {
        let (id, name) = (w.state.call.id.clone(), holder_name(&w));
        let message =
            format!("the caller of call {id} rang again, and {name} has no number that can be texted: ring {name}");
        w.raise(AlertKind::ReportRaised.about(&id), message);
    }
    w.change.answer = Answer::Exists(Box::new(w.state.clone()));
    quiet::put_off(&mut w);
    Ok(w.into_change())
}

fn source(report: &Report) -> &'static str {
    if report.source == report::by_api().source { "reported" } else { "the caller rang" }
}

/// A notice that leaves later says them too.
fn add_words(data: &mut CallData, words: &str) {
    let old = data.issue_summary.as_deref().map(str::trim).unwrap_or_default();
    if plain(old).contains(&plain(words)) {
        return;
    }
    let both = if old.is_empty() { words.to_owned() } else { format!("{old}. Then: {words}") };
    data.issue_summary = Some(both.chars().take(ISSUE_CHARACTERS_MAX).collect());
}
