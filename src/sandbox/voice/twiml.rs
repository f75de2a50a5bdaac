//! Reading TwiML for phone calls as strictly as the real service does. Source: `facts/twilio-voice.md` §4.

/// One verb.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Verb {
    Say(String),
    /// In seconds.
    Pause(f64),
    Gather(Gather),
    Redirect(String),
    Hangup,
}

/// What is spoken and heard until a key comes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Gather {
    pub(super) digits: Option<usize>,
    /// After the last word or key, in seconds.
    pub(super) timeout_s: f64,
    pub(super) finish_on: String,
    pub(super) action: Option<String>,
    pub(super) on_empty: bool,
    pub(super) inside: Vec<Verb>,
}

/// Why a document cannot be played, by Twilio's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct TwimlError {
    pub(super) code: u32,
    pub(super) message: String,
}

/// The longest text of a `<Say>`.
const SAY_MAX: usize = 4_096;
/// Markup inside a `<Say>` (SSML).
const SSML: &[&str] = &["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"];

fn bad(code: u32, message: impl Into<String>) -> TwimlError {
    TwimlError { code, message: message.into() }
}

#[derive(Debug)]
enum Token<'a> {
    Open { name: &'a str, attributes: Vec<(&'a str, String)>, empty: bool },
    Close(&'a str),
    Text(String),
}

/// Reads a whole document.
pub(in crate::sandbox) fn parse(xml: &str) -> Result<Vec<Verb>, TwimlError> {
    let body = match xml.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").ok_or_else(|| bad(12100, "the declaration does not end"))?.1,
        None if xml.trim_start().starts_with("<?xml") => {
            return Err(bad(12100, "something stands before the declaration"));
        }
        None => xml,
    };
    if xml.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(bad(12100, "a control character"));
    }
    let tokens = tokens(body)?;
    let mut rest = tokens.iter().filter(|t| !matches!(t, Token::Text(t) if t.trim().is_empty()));
    let verbs = match rest.next() {
        Some(Token::Open { name: "Response", empty: true, .. }) => Vec::new(),
        Some(Token::Open { name: "Response", empty: false, .. }) => verbs(&mut rest, "Response")?,
        _ => return Err(bad(12100, "the document is no <Response>")),
    };
    if rest.next().is_some() { Err(bad(12100, "something stands behind </Response>")) } else { Ok(verbs) }
}

fn verbs<'a: 't, 't, I: Iterator<Item = &'t Token<'a>>>(rest: &mut I, inside: &str) -> Result<Vec<Verb>, TwimlError> {
    let mut verbs = Vec::new();
    loop {
        let token = rest.next().ok_or_else(|| bad(12100, format!("<{inside}> does not end")))?;
        let (name, attributes, empty) = match token {
            Token::Close(name) if *name == inside => return Ok(verbs),
            Token::Close(name) => return Err(bad(12100, format!("</{name}> closes nothing"))),
            Token::Text(_) => return Err(bad(12200, format!("text between the verbs of <{inside}>"))),
            Token::Open { name, attributes, empty } => (*name, attributes.as_slice(), *empty),
        };
        if inside == "Gather" && !matches!(name, "Say" | "Pause") {
            return Err(bad(12200, format!("<{name}> does not go into <Gather>")));
        }
        verbs.push(match name {
            "Say" => say(rest, attributes, empty)?,
            "Pause" => {
                close(rest, name, empty)?;
                let length = known(name, attributes, &["length"])?.first().map_or("1", |(_, v)| v.as_str());
                Verb::Pause(seconds(length).ok_or_else(|| bad(12200, "Pause: length is a number of seconds"))?)
            }
            "Hangup" => {
                known(name, attributes, &[])?;
                close(rest, name, empty)?;
                Verb::Hangup
            }
            "Redirect" => {
                known(name, attributes, &["method"])?;
                is_post(name, attributes)?;
                Verb::Redirect(words(rest, name, empty)?)
            }
            "Gather" => gather(rest, attributes, empty)?,
            other => return Err(bad(12200, format!("<{other}> is no verb that is played here"))),
        });
    }
}

fn gather<'a: 't, 't, I: Iterator<Item = &'t Token<'a>>>(
    rest: &mut I,
    attributes: &[(&str, String)],
    empty: bool,
) -> Result<Verb, TwimlError> {
    const NAMES: &[&str] =
        &["input", "numDigits", "timeout", "finishOnKey", "action", "method", "actionOnEmptyResult", "language"];
    known("Gather", attributes, NAMES)?;
    is_post("Gather", attributes)?;
    let get = |name: &str| attributes.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    if get("input").is_some_and(|i| i != "dtmf") {
        return Err(bad(12200, "Gather: input is dtmf here"));
    }
    let digits = match get("numDigits") {
        None => None,
        Some(n) => Some(n.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad(13314, "Gather: numDigits is 1 or more"))?),
    };
    let timeout_s = seconds(get("timeout").unwrap_or("5")).ok_or_else(|| bad(13313, "Gather: timeout is a number"))?;
    let finish_on = get("finishOnKey").unwrap_or("#");
    if finish_on.chars().count() > 1 || !finish_on.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '#') {
        return Err(bad(13310, "Gather: finishOnKey is one key, or none"));
    }
    let on_empty = match get("actionOnEmptyResult") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad(12200, "Gather: actionOnEmptyResult is true or false")),
    };
    let inside = if empty { Vec::new() } else { verbs(rest, "Gather")? };
    let action = get("action").filter(|a| !a.is_empty()).map(str::to_owned);
    Ok(Verb::Gather(Gather { digits, timeout_s, finish_on: finish_on.to_owned(), action, on_empty, inside }))
}

fn say<'a: 't, 't, I: Iterator<Item = &'t Token<'a>>>(
    rest: &mut I,
    attributes: &[(&str, String)],
    empty: bool,
) -> Result<Verb, TwimlError> {
    known("Say", attributes, &["voice", "language", "loop"])?;
    let text = words(rest, "Say", empty)?;
    if text.is_empty() {
        return Err(bad(13520, "Say: there is no text"));
    }
    if text.chars().count() > SAY_MAX {
        return Err(bad(13521, format!("Say: the text is longer than {SAY_MAX} characters")));
    }
    Ok(Verb::Say(text))
}

/// The text up to the end of the verb, markup of speech left out.
fn words<'a: 't, 't, I: Iterator<Item = &'t Token<'a>>>(
    rest: &mut I,
    verb: &str,
    empty: bool,
) -> Result<String, TwimlError> {
    let mut text = String::new();
    if empty {
        return Ok(text);
    }
    loop {
        match rest.next().ok_or_else(|| bad(12100, format!("<{verb}> does not end")))? {
            Token::Text(t) => text.push_str(t),
            Token::Close(name) if *name == verb => break,
            Token::Close(name) | Token::Open { name, .. } if verb == "Say" && SSML.contains(name) => text.push(' '),
            Token::Close(name) | Token::Open { name, .. } => {
                return Err(bad(12200, format!("<{name}> does not go into <{verb}>")));
            }
        }
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn close<'a: 't, 't, I: Iterator<Item = &'t Token<'a>>>(
    rest: &mut I,
    verb: &str,
    empty: bool,
) -> Result<(), TwimlError> {
    if words(rest, verb, empty)?.is_empty() { Ok(()) } else { Err(bad(12200, format!("<{verb}> holds text"))) }
}

fn known<'t>(
    verb: &str,
    attributes: &'t [(&str, String)],
    names: &[&str],
) -> Result<&'t [(&'t str, String)], TwimlError> {
    match attributes.iter().find(|(n, _)| !names.contains(n)) {
        Some((name, _)) => Err(bad(12200, format!("<{verb}> knows no attribute {name}"))),
        None => Ok(attributes),
    }
}

fn is_post(verb: &str, attributes: &[(&str, String)]) -> Result<(), TwimlError> {
    if attributes.iter().any(|(n, v)| *n == "method" && v != "POST") {
        return Err(bad(12200, format!("<{verb}>: method is POST here")));
    }
    Ok(())
}

fn seconds(text: &str) -> Option<f64> {
    text.parse::<u32>().ok().filter(|n| *n <= 14_400).map(f64::from)
}

/// Splits a document into tags and text. Comments, processing instructions, CDATA and entities of its own are not TwiML of ours.
fn tokens(xml: &str) -> Result<Vec<Token<'_>>, TwimlError> {
    let (mut found, mut rest) = (Vec::new(), xml);
    while !rest.is_empty() {
        let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        if !text.is_empty() {
            found.push(Token::Text(unescape(text)?));
        }
        let Some(inside) = after.strip_prefix('<') else { break };
        let end = tag_end(inside).ok_or_else(|| bad(12100, "a tag does not end"))?;
        let (tag, behind) = inside.split_at(end);
        rest = behind.strip_prefix('>').unwrap_or(behind);
        found.push(match tag.strip_prefix('/') {
            Some(name) => Token::Close(name.trim_end()),
            None => open(tag)?,
        });
    }
    Ok(found)
}

/// Where a tag ends: a `>` inside quotes is none.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn open(tag: &str) -> Result<Token<'_>, TwimlError> {
    let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
    let name_end = tag.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tag.len());
    let (name, mut rest) = tag.split_at(name_end);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(bad(12100, "a tag has no name"));
    }
    let mut attributes: Vec<(&str, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(Token::Open { name, attributes, empty });
        }
        let broken = || bad(12100, format!("an attribute of <{name}> cannot be read"));
        let (key, after) = rest.split_once('=').ok_or_else(broken)?;
        let key = key.trim_end();
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(broken)?;
        let (value, behind) = after.get(1..).and_then(|a| a.split_once(quote)).ok_or_else(broken)?;
        if value.contains('<') || attributes.iter().any(|(k, _)| *k == key) {
            return Err(broken());
        }
        attributes.push((key, unescape(value)?));
        rest = behind;
    }
}

fn unescape(text: &str) -> Result<String, TwimlError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let unknown = || bad(12100, "a lone & or an unknown entity");
        let (name, after) = after.split_once(';').ok_or_else(unknown)?;
        out.push(crate::sandbox::people::entity(name).ok_or_else(unknown)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
