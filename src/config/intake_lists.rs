//! The lists of phone calls of `[intake]`: which are read, how often, and which calls of them were hung up.
//!
//! A list is off until `list` is given, and without the key that it is asked with. Its address is each process's own; the rest
//! decides, and is part of the settings in force.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::forms::{is_loopback, parse_duration, show_duration};
use super::intake_types::{CallListPlace, CallListSource, ListCondition, ListRule, ListTest};
use super::limits::HOUR;
use super::raw::Value;
use super::read::{Reader, Section};
use super::test_mode::TestMode;
use super::types::sandbox_url;

/// How often a list is read where nobody says.
const USUAL: Duration = Duration::from_secs(60);
const LIST_FORM: &str = "true, false, or how often it is read: a duration from \"1s\" to \"1h\"";
const RULE_FORM: &str = "conditions with \" and \" between them, each `path = text|text` or `path < number`";

/// What test mode puts in the place of addresses.
pub(super) struct Stand<'a> {
    pub(super) test: &'a mut TestMode,
    pub(super) sandbox: SocketAddr,
}

/// `list`, `hung_up` and `base_url` of one platform.
pub(super) struct ListSection {
    every: Option<Duration>,
    hung_up: Vec<ListRule>,
    base_url: Option<Url>,
}

impl ListSection {
    /// Reads the keys of a platform with an address of its own.
    pub(super) fn with_address(r: &mut Reader, s: &mut Section, stand: &mut Stand<'_>) -> Self {
        let found = r.url(s, "base_url");
        let here = sandbox_url(stand.sandbox);
        let key = s.key("base_url");
        let base_url = stand.test.local(r, &key, found, is_loopback, Some((here.clone(), here.to_string())));
        Self { base_url: base_url.map(|f| f.value), ..Self::without_address(r, s) }
    }

    pub(super) fn without_address(r: &mut Reader, s: &mut Section) -> Self {
        let every = every(r, s);
        let found = r.list(s, "hung_up", RULE_FORM, rule, |rule| rule.text.clone()).unwrap_or_default();
        Self { every, hung_up: found.into_iter().map(|f| f.value).collect(), base_url: None }
    }

    /// The list, where it is on and there is a key for it.
    pub(super) fn list(
        self,
        r: &mut Reader,
        s: &Section,
        api_key: Option<SecretString>,
        place: fn(Url, SecretString) -> CallListPlace,
    ) -> Option<CallListSource> {
        let every = self.every?;
        let Some(api_key) = api_key else {
            let unread = r.deferred.iter().any(|(_, p)| p.key.starts_with(&s.key("")));
            if !unread {
                r.warnings.push(format!("{} is on and there is no {}: it is off", s.key("list"), s.key("api_key")));
            }
            return None;
        };
        Some(CallListSource { place: place(self.base_url?, api_key), every, hung_up: self.hung_up })
    }
}

/// The list of Twilio.
pub(super) fn twilio(r: &mut Reader, root: &mut Section) -> Option<CallListSource> {
    let mut s = r.section(root, "twilio");
    let section = ListSection::without_address(r, &mut s);
    r.finish(s);
    Some(CallListSource { place: CallListPlace::Twilio, every: section.every?, hung_up: section.hung_up })
}

/// `true`, or a duration; `None`: off.
fn every(r: &mut Reader, s: &mut Section) -> Option<Duration> {
    let key = s.key("list");
    let node = r.take(s, "list")?;
    let word = match &node.value {
        Value::Bool(on) => on.to_string(),
        Value::Text(text) => text.trim().to_lowercase(),
        _ => String::new(),
    };
    let every = match word.as_str() {
        "false" | "no" | "off" | "0" => {
            r.show(&key, "false", &node.origin);
            return None;
        }
        "true" | "yes" | "on" | "1" => Some(USUAL),
        text => parse_duration(text).ok().filter(|d| (Duration::from_secs(1)..=HOUR).contains(d)),
    };
    match every {
        Some(every) => r.show(&key, show_duration(every), &node.origin),
        None => r.wrong(node.origin, &key, "is neither yes nor no nor such a duration", LIST_FORM),
    }
    every
}

/// `path = a|b and path < 8`.
fn rule(text: &str) -> Result<ListRule, String> {
    let conditions = text.split(" and ").map(condition).collect::<Result<_, _>>()?;
    Ok(ListRule { text: text.trim().to_owned(), conditions })
}

fn condition(text: &str) -> Result<ListCondition, String> {
    let (path, holds) = if let Some((path, number)) = text.split_once('<') {
        let number = number.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        (path, ListTest::Below(number.ok_or_else(|| "compares with what is no number".to_owned())?))
    } else {
        let (path, texts) = text.split_once('=').ok_or_else(|| "holds a condition without = or <".to_owned())?;
        let texts: Vec<String> = texts.split('|').map(|t| t.trim().to_owned()).collect();
        if texts.iter().any(String::is_empty) {
            return Err("compares with an empty text".to_owned());
        }
        (path, ListTest::Is(texts))
    };
    let path = path.trim().to_owned();
    if path.is_empty() || path.split('.').any(str::is_empty) {
        return Err("holds an empty path".to_owned());
    }
    Ok(ListCondition { path, holds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_conditions_and_what_is_none_says_why() {
        let read = rule(" disconnection_reason = user_hangup| inactivity and seconds < 8 ").expect("a rule");
        assert_eq!(read.text, "disconnection_reason = user_hangup| inactivity and seconds < 8");
        let [is, below] = read.conditions.try_into().expect("two");
        assert_eq!(
            (is.path.as_str(), is.holds),
            ("disconnection_reason", ListTest::Is(vec!["user_hangup".into(), "inactivity".into()]))
        );
        assert_eq!((below.path.as_str(), below.holds), ("seconds", ListTest::Below(8.0)));
        for (text, why) in [
            ("user_hangup", "without = or <"),
            ("seconds < soon", "no number"),
            ("seconds < inf", "no number"),
            ("status = ", "empty text"),
            ("status = a| ", "empty text"),
            (" = a", "empty path"),
            ("a..b = c", "empty path"),
            ("", "without = or <"),
        ] {
            let said = rule(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
