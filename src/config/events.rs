//! `[[events]]`: who is told of what happens to calls, beside the alert sinks. Where and with which secret is the engine's own
//! process's; nobody else needs to know it, as what is told is read from the log.

use super::event_types::{EventWebhook, key_of};
use super::forms::is_loopback;
use super::origin::Origin;
use super::read::{Reader, Section};
use super::test_mode::TestMode;
use super::types::Part;
use crate::domain::outgoing::OutgoingKind;

const NAME_FORM: &str = "1 to 40 small letters, digits, dashes and underscores";
pub(super) const SECRET_FORM: &str = "whsec_ and base64 of 24 to 64 bytes, as Standard Webhooks write it";
pub(super) fn events(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Vec<EventWebhook> {
    let mut all: Vec<EventWebhook> = Vec::new();
    for mut s in r.sections(root, "events").unwrap_or_default() {
        let name = r.parsed(&mut s, "name", NAME_FORM, parse_name, Clone::clone);
        let url = r.secret_url(&mut s, "url", Part::Alerts);
        let secret = r.secret(&mut s, "secret", Part::Alerts);
        let secret_previous = r.secret(&mut s, "secret_previous", Part::Alerts);
        let form = OutgoingKind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
        let parse = |text: &str| OutgoingKind::from_word(text.trim()).ok_or_else(|| "is no kind of event".to_owned());
        let kinds = r.list(&mut s, "kinds", &form, parse, |k| k.as_str().to_owned());
        for wrong in secret.iter().chain(&secret_previous).filter(|f| key_of(&f.value).is_none()) {
            r.wrong(wrong.origin.clone(), &wrong.key, "is no secret that signs", SECRET_FORM);
        }
        let unread = r.deferred.iter().any(|(_, p)| p.key.starts_with(&s.key("")));
        r.require(&s, "name", name.is_some(), NAME_FORM);
        r.require(&s, "url", url.is_some() || unread, "an https:// URL");
        r.require(&s, "secret", secret.is_some() || unread, SECRET_FORM);
        let at = s.origin.clone().map_or_else(String::new, |o| format!(" ({o})"));
        let (path, url_key) = (s.path.clone(), s.key("url"));
        r.finish(s);
        let (Some(name), Some(url), Some(secret)) = (name, url, secret) else { continue };
        if test.on && !is_loopback(url.value.expose()) {
            test.replaced.push(format!("{path}{at} is replaced by nothing"));
            r.show(&url_key, "", &Origin::TestMode);
            continue;
        }
        if all.iter().any(|w: &EventWebhook| w.name == name.value) {
            r.wrong(name.origin.clone(), &name.key, "is the name of another one too", NAME_FORM);
        }
        let kinds = kinds.into_iter().flatten().map(|f| f.value).collect();
        let (secret, secret_previous) = (secret.value, secret_previous.map(|f| f.value));
        all.push(EventWebhook { name: name.value, url: url.value, secret, secret_previous, kinds });
    }
    all
}

fn parse_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_name = !text.is_empty() && text.len() <= 40 && text.chars().all(plain);
    if is_name { Ok(text.to_owned()) } else { Err("is no name".to_owned()) }
}
