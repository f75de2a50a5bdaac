//! Whom an event means: its title, else its attendees, by id, name or mail of a contact.

use std::collections::BTreeMap;

use super::types::About;
use crate::domain::masking::masked_within;
use crate::domain::team::Contact;
use crate::domain::types::ContactId;

/// Who can be meant.
#[derive(Debug)]
pub struct People<'a> {
    pub contacts: &'a [Contact],
    /// `calendar_people`: a text of the calendar and whom it means; asked first.
    pub named: &'a BTreeMap<String, ContactId>,
}

impl People<'_> {
    /// Whom this event means. A title may name several, with commas, `&`, `+`, `/` or "and"; then all of them are known. Where the
    /// title names nobody, the attendees who are known.
    ///
    /// # Errors
    /// The text that is nobody's name.
    pub fn meant(&self, about: &About) -> Result<Vec<ContactId>, String> {
        if let Some(found) = self.of_title(&about.title) {
            return Ok(found);
        }
        let mut found = Vec::new();
        for (address, name) in &about.attendees {
            let one = self.one(address).or_else(|| self.one(name));
            found.extend(one.filter(|id| !found.contains(id)));
        }
        if found.is_empty() { Err(unmatched(about)) } else { Ok(found) }
    }

    fn of_title(&self, title: &str) -> Option<Vec<ContactId>> {
        if let Some(one) = self.one(title) {
            return Some(vec![one]);
        }
        let mut found: Vec<ContactId> = Vec::new();
        let title = without_tags(title).replace(" and ", ",");
        for part in title.split([',', '&', '+', '/', ';']) {
            let one = self.one(part)?;
            if !found.contains(&one) {
                found.push(one);
            }
        }
        Some(found)
    }

    fn one(&self, text: &str) -> Option<ContactId> {
        let text = plain(text);
        if text.is_empty() {
            return None;
        }
        let bare = plain(without_tags(&text));
        let named = |wanted: &str| self.named.iter().find(|(name, _)| plain(name) == wanted).map(|(_, id)| id.clone());
        if let Some(id) = named(&text).or_else(|| named(&bare)) {
            return Some(id);
        }
        let is = |c: &&Contact| {
            let mail = c.email.as_ref().map(|m| plain(m.as_str()));
            plain(c.id.as_str()) == bare || plain(&c.name) == bare || mail.is_some_and(|m| m == bare)
        };
        let mut found = self.contacts.iter().filter(is);
        let first = found.next()?;
        // What may mean two means none.
        found.next().is_none().then(|| first.id.clone())
    }
}

/// As names are compared: without `mailto:`, capitals and double blanks.
fn plain(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let bare = lower.strip_prefix("mailto:").unwrap_or(&lower);
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without a leading `[L1]`.
fn without_tags(text: &str) -> &str {
    let mut text = text.trim();
    while let Some((_, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        text = rest.trim_start();
    }
    text
}

/// As it stands in alerts and logs.
fn short(text: &str) -> String {
    masked_within(&text.chars().take(120).collect::<String>())
}

fn unmatched(about: &About) -> String {
    if !about.title.is_empty() {
        return short(&about.title);
    }
    match about.attendees.first() {
        Some((address, _)) => short(address),
        None => "(no title)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(id: &str, name: &str, mail: &str) -> Contact {
        Contact {
            id: id.parse().expect("id"),
            name: name.into(),
            phone: "+19495550101".parse().expect("phone"),
            email: mail.parse().ok(),
            role: None,
        }
    }

    #[test]
    fn a_title_or_an_attendee_is_matched_by_id_name_or_mail() {
        let contacts = [
            contact("sam", "Sam Ortiz", "sam@example.org"),
            contact("ana", "Ana Diaz", "ana@example.org"),
            contact("lee", "Lee", "lee@example.org"),
            contact("lee2", "LEE", "lee2@example.org"),
        ];
        let named = BTreeMap::from([("Sam O".to_owned(), "sam".parse().expect("id"))]);
        let people = People { contacts: &contacts, named: &named };
        let meant = |title: &str, attendees: &[(&str, &str)]| {
            let attendees = attendees.iter().map(|(a, n)| ((*a).to_owned(), (*n).to_owned())).collect();
            let found = people.meant(&About { uid: "1".into(), title: title.into(), attendees });
            found.map(|ids| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>().join(" "))
        };
        for (title, want) in [
            ("sam", "sam"),
            ("SAM  ortiz", "sam"),
            ("[L1] Sam Ortiz", "sam"),
            ("[L1][night]sam o", "sam"),
            ("mailto:Ana@Example.org", "ana"),
            ("Sam & Ana Diaz", "sam ana"),
            ("sam, ana, Sam O", "sam ana"),
            ("lee2", "lee2"),
        ] {
            assert_eq!(meant(title, &[]).as_deref(), Ok(want), "{title}");
        }
        assert_eq!(meant("On call", &[("MAILTO:ana@example.org", "")]).as_deref(), Ok("ana"));
        assert_eq!(meant("On call", &[("mailto:rota@example.org", ""), ("x", "Sam O")]).as_deref(), Ok("sam"));
        assert_eq!(meant("ana", &[("mailto:sam@example.org", "")]).as_deref(), Ok("ana"), "the title first");
        for text in ["Samm", "sam, kim", "Sam's night", "lee, sam, "] {
            assert_eq!(meant(text, &[]), Err(text.to_owned()), "{text}");
        }
        assert_eq!(meant("", &[]), Err("(no title)".to_owned()));
        assert_eq!(meant("", &[("mailto:kim@example.org", "")]), Err("mailto:kim@example.org".to_owned()));
        let twins = [contact("a", "Lee", ""), contact("b", "lee", "")];
        let none = BTreeMap::new();
        let about = About { uid: "1".into(), title: "Lee".into(), attendees: Vec::new() };
        assert!(People { contacts: &twins, named: &none }.meant(&about).is_err(), "it may mean two");
    }
}
