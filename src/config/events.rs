//! `[[events]]`: who is told of what happens to calls, beside the alert sinks. Where and with which secret is the engine's own
//! process's; nobody else needs to know it, as what is told is read from the log.

use std::collections::BTreeSet;

use super::alerts::{default_name, unique_names};
use super::event_types::{EventWebhook, key_of};
use super::forms::is_loopback;
use super::origin::Origin;
use super::read::{Found, Reader, Section};
use super::test_mode::TestMode;
use super::types::Part;
use crate::domain::outgoing::OutgoingKind;

const NAME_FORM: &str = "1 to 40 small letters, digits, dashes and underscores";
const SECRET_FORM: &str = "whsec_ and base64 of 24 to 64 bytes, as Standard Webhooks write it";
pub(super) fn events(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Vec<EventWebhook> {
    let mut drafts: Vec<(Option<Found<String>>, EventWebhook)> = Vec::new();
    for mut s in r.sections(root, "events").unwrap_or_default() {
        let name = r.parsed(&mut s, "name", NAME_FORM, parse_name, Clone::clone);
        let url = r.secret_url(&mut s, "url", Part::Alerts);
        let secret = r.secret(&mut s, "secret", Part::Alerts);
        let form = OutgoingKind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
        let parse = |text: &str| OutgoingKind::from_word(text.trim()).ok_or_else(|| "is no kind of event".to_owned());
        let kinds = r.list(&mut s, "kinds", &form, parse, |k| k.as_str().to_owned());
        if let Some(wrong) = secret.as_ref().filter(|f| key_of(&f.value).is_none()) {
            r.wrong(wrong.origin.clone(), &wrong.key, "is no secret that signs", SECRET_FORM);
        }
        let unread = r.deferred.iter().any(|(_, p)| p.key.starts_with(&s.key("")));
        r.require(&s, "url", url.is_some() || unread, "an https:// URL");
        r.require(&s, "secret", secret.is_some() || unread, SECRET_FORM);
        let at = s.origin.clone().map_or_else(String::new, |o| format!(" ({o})"));
        let (path, url_key) = (s.path.clone(), s.key("url"));
        r.finish(s);
        let (Some(url), Some(secret)) = (url, secret) else { continue };
        if test.on && !is_loopback(url.value.expose()) {
            test.replaced.push(format!("{path}{at} is replaced by nothing"));
            r.show(&url_key, "", &Origin::TestMode);
            continue;
        }
        let kinds = kinds.into_iter().flatten().map(|f| f.value).collect();
        drafts.push((name, EventWebhook { name: String::new(), url: url.value, secret: secret.value, kinds }));
    }
    let mut taken = BTreeSet::new();
    for name in drafts.iter().filter_map(|(name, _)| name.as_ref()) {
        if !taken.insert(name.value.clone()) {
            r.wrong(name.origin.clone(), &name.key, "is the name of another one too", NAME_FORM);
        }
    }
    let names = drafts
        .iter()
        .map(|(name, w)| (name.as_ref().map(|n| n.value.clone()), Some(default_name("events", w.url.expose()))));
    let names = unique_names(names.collect());
    let named =
        |((_, webhook), name): ((_, EventWebhook), Option<String>)| Some(EventWebhook { name: name?, ..webhook });
    drafts.into_iter().zip(names).filter_map(named).collect()
}

fn parse_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_name = !text.is_empty() && text.len() <= 40 && text.chars().all(plain);
    if is_name { Ok(text.to_owned()) } else { Err("is no name".to_owned()) }
}
