//! The operator's templates: minijinja with nothing loaded, a bound on work and on output, and a few plain filters.
//!
//! A template is checked when the configuration is read ([`check_template`]); should it fail at render all the same, the
//! built-in text goes out instead: a dispatch is not held up by its wording.

use std::io;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::builtin::CALLBACK_MAX;
use super::gsm7::clean;
use super::input::{BODY_CHARACTERS_MAX, RenderInput, TemplateError, TextKind, VARIABLES, opening, shorten};

/// Words that the provider takes for itself when they are a whole reply (`facts/twilio.md` §8).
const RESERVED: [&str; 13] = [
    "stop",
    "unsubscribe",
    "end",
    "quit",
    "stopall",
    "revoke",
    "optout",
    "cancel",
    "start",
    "yes",
    "unstop",
    "help",
    "info",
];

/// Steps of the template machine; an ordinary template takes under 100.
const FUEL: u64 = 20_000;
const SOURCE_BYTES_MAX: usize = 8 * 1024;
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Whether a template can be used: it can be read, names only what exists, renders, and asks for no reserved reply.
///
/// # Errors
/// What is wrong, in words for whoever wrote it.
pub fn check_template(source: &str) -> Result<(), TemplateError> {
    let env = environment();
    let template = compile(&env, source)?;
    let mut unknown: Vec<String> =
        template.undeclared_variables(false).into_iter().filter(|v| !VARIABLES.contains(&v.as_str())).collect();
    unknown.sort();
    if let Some(name) = unknown.into_iter().next() {
        return Err(TemplateError::UnknownVariable { name });
    }
    for kind in [TextKind::First, TextKind::Reminder] {
        let text = render(source, &RenderInput { kind, ..SAMPLE })?;
        if let Some(word) = reserved_reply(&text) {
            return Err(TemplateError::ReservedReply { word });
        }
    }
    Ok(())
}

/// An ordinary call, to try templates on.
const SAMPLE: RenderInput<'static> = RenderInput {
    template: None,
    own_words: None,
    kind: TextKind::First,
    reference: "7K3Q-2",
    repeat_of: None,
    business: "Acme Plumbing",
    contact_name: "Sam Ortiz",
    issue: "Water through the kitchen ceiling",
    address: "12 Oak Street",
    caller_name: "Jo Park",
    caller_phone: "+18005550100",
    level: "high",
    link: "https://dispatch.example.com/l/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    test_mode: false,
};

/// The whole body from a template. Values are folded to GSM-7, the template's own words are left as written. Too long a
/// text gets a shorter issue; if that is not enough it is an error.
pub(super) fn render(source: &str, input: &RenderInput<'_>) -> Result<String, TemplateError> {
    let env = environment();
    let template = compile(&env, source)?;
    let opening = opening(input);
    let issue = clean(input.issue);
    let whole = issue.chars().count();
    let mut keep = whole;
    for _ in 0..2 {
        let said = output(&template, input, &shorten(&issue, keep))?;
        if said.is_empty() {
            return Err(TemplateError::Unsendable { why: "the template gave an empty text".to_owned() });
        }
        let body = format!("{opening}{said}");
        let over = body.chars().count().saturating_sub(BODY_CHARACTERS_MAX);
        if over == 0 {
            return Ok(body);
        }
        keep = keep.saturating_sub(over);
    }
    Err(TemplateError::Unsendable { why: format!("the text is longer than {BODY_CHARACTERS_MAX} characters") })
}

fn environment() -> Environment<'static> {
    // `empty`: no function and no filter that could be made to allocate without bound.
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(32);
    env.add_filter("upper", |s: String| s.to_uppercase());
    env.add_filter("lower", |s: String| s.to_lowercase());
    env.add_filter("trim", |s: String| s.trim().to_owned());
    env.add_filter("truncate", |s: String, n: usize| shorten(&s, n));
    env.add_filter("default", |s: String, other: String| if s.is_empty() { other } else { s });
    env
}

fn compile<'e, 's>(env: &'e Environment<'s>, source: &'s str) -> Result<minijinja::Template<'e, 's>, TemplateError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(TemplateError::Unsendable { why: format!("is longer than {SOURCE_BYTES_MAX} bytes") });
    }
    env.template_from_str(source).map_err(|e| syntax(&e))
}

/// The template's output as it is sent: no control characters but line ends, no space at its ends.
fn output(
    template: &minijinja::Template<'_, '_>,
    input: &RenderInput<'_>,
    issue: &str,
) -> Result<String, TemplateError> {
    let values = context! {
        business => clean(input.business),
        contact => clean(input.contact_name),
        issue => issue,
        address => clean(input.address),
        caller => clean(input.caller_name),
        callback => shorten(&clean(input.caller_phone), CALLBACK_MAX),
        level => clean(input.level),
        link => input.link,
        reminder => input.kind == TextKind::Reminder,
    };
    let mut sink = Bounded(Vec::new());
    template.render_captured_to(values, &mut sink).map_err(|e| syntax(&e))?;
    let text = String::from_utf8(sink.0)
        .map_err(|_| TemplateError::Unsendable { why: "the template gave a text that is not UTF-8".to_owned() })?;
    let plain: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    Ok(plain.trim().to_owned())
}

/// Names the place and the kind, never a value: values are a caller's words.
fn syntax(error: &minijinja::Error) -> TemplateError {
    let why = match error.kind() {
        minijinja::ErrorKind::SyntaxError
        | minijinja::ErrorKind::UnknownFilter
        | minijinja::ErrorKind::UnknownFunction
        | minijinja::ErrorKind::UnknownTest => {
            format!("{}: {}", error.kind(), error.detail().unwrap_or("cannot be read"))
        }
        kind => kind.to_string(),
    };
    TemplateError::Syntax { line: error.line().unwrap_or(0), why }
}

/// A sink that refuses to grow past what a message could ever be.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::Error::other("the text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reserved word that a text asks for: `reply STOP`, `text "yes" to…`, `1 or CANCEL`.
fn reserved_reply(text: &str) -> Option<String> {
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    let asks = |w: &str| matches!(w, "reply" | "text" | "send" | "answer" | "with" | "or");
    let prompt = words.iter().any(|w| matches!(w.as_str(), "reply" | "text" | "send" | "answer"));
    let mut pairs = words.iter().zip(words.iter().skip(1));
    let (_, word) = pairs.find(|(before, word)| prompt && asks(before) && RESERVED.contains(&word.as_str()))?;
    Some(word.to_uppercase())
}
