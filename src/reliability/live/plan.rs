//! What a live test will send: decided, bounded and priced before anything leaves.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::voice::{self, VoicePlan};
use crate::config::{Config, MirrorPace, Mode};
use crate::domain::PhoneNumber;
use crate::domain::body::{RenderInput, Rendered, TextKind, render};
use crate::domain::types::Sender;

/// The most texts where no flag says otherwise.
pub const MESSAGES_MAX: u32 = 10;
/// A kill and a restart must fit between two steps.
const T1_MIN: Duration = Duration::from_secs(5);
const T1_MAX: Duration = Duration::from_secs(3_600);
/// What a text costs per segment where no flag says otherwise, in US dollars: Twilio's list price for an SMS from a US long
/// code to the US as remembered, carrier fees left out. UNVERIFIED: no page at hand states it, so it is always shown as such.
pub const PRICE_UNVERIFIED: f64 = 0.0083;
/// Between the steps of a test and after it: starts, answers, the list.
const OVERHEAD: Duration = Duration::from_secs(10);
/// The longest name that leaves the text in one segment.
const NAME_MAX: usize = 40;
/// Stands for a reference in what is shown and counted: the real ones are as long.
const REFERENCE: &str = "7K3Q-1";
/// The only sender that Twilio's test credentials take (`facts/twilio.md` §12).
const MAGIC_SENDER: &str = "+15005550006";

/// What flags say of the test.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The follow-up's wait; `None`: that of the policy `normal`.
    pub t1: Option<Duration>,
    /// The most texts; `None`: [`MESSAGES_MAX`].
    pub messages_max: Option<u32>,
    /// Where the engine under test listens: where the public URL leads.
    pub listen: Option<SocketAddr>,
    /// Per segment, in US dollars.
    pub price: Option<f64>,
    /// Whether the test numbers are rung too.
    pub voice: bool,
    /// A started minute of a phone call, in US dollars.
    pub price_per_minute: Option<f64>,
}

/// Why nothing is sent: the settings or flags do not allow a live test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRefusal {
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub hint: String,
}

impl LiveRefusal {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// Texts reach people and cost money.
    Real,
    /// Twilio's test credentials: requests are checked; nothing is sent, kept, listed or called back.
    Test,
}

/// One text that will be sent.
#[derive(Debug, Clone)]
pub struct PlannedText {
    /// To whom.
    pub to: PhoneNumber,
    /// When, from the start, as far as that can be known.
    pub after: Duration,
    pub what: &'static str,
    /// The whole text; the reference in it is an example.
    pub body: String,
    /// What it is charged as.
    pub segments: u32,
}

/// What is looked for in Airtable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MirrorTarget {
    /// Each attempt's event.
    Looked,
    /// Nothing; why.
    Skipped(&'static str),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct LivePlan {
    /// Who is texted: of `[test] numbers`, each once.
    pub numbers: Vec<PhoneNumber>,
    /// Who sends.
    pub sender: Sender,
    /// The follow-up's wait.
    pub t1: Duration,
    /// How long a final status is waited for.
    pub final_within: Duration,
    /// Where the engine under test listens; `None`: a free port of this machine.
    pub listen: Option<SocketAddr>,
    /// What the provider calls; `None`: statuses are asked for.
    pub public_url: Option<Url>,
    /// Why there is no public URL; empty where there is one.
    pub polling_because: &'static str,
    pub credentials: Credentials,
    /// The words of each text, reference and how to answer aside.
    pub words: String,
    /// In the order of their sending.
    pub texts: Vec<PlannedText>,
    /// Per segment, in US dollars.
    pub price: f64,
    /// Whether a flag gave the price.
    pub price_given: bool,
    /// What is looked for in Airtable.
    pub mirror: MirrorTarget,
    /// Phone calls, where they are asked for.
    pub voice: Option<VoicePlan>,
}

impl LivePlan {
    /// Checks settings and wishes; sends nothing, asks nobody.
    ///
    /// # Errors
    /// [`LiveRefusal`].
    pub fn of(config: &Config, wishes: &Wishes) -> Result<Self, LiveRefusal> {
        if config.mode == Mode::Test {
            return Err(LiveRefusal::new(
                "a live test cannot be played in TEST MODE, where nothing leaves this machine",
                "leave out --test-mode, TEST_MODE and test_mode; without --live the same is played against the sandbox",
            ));
        }
        let twilio = config.twilio.as_ref().ok_or_else(|| {
            LiveRefusal::new(
                "a live test needs Twilio's credentials",
                "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or [twilio] of the configuration",
            )
        })?;
        let sender = twilio.sender.clone().ok_or_else(|| {
            LiveRefusal::new(
                "a live test needs a sender",
                "set twilio.from (TWILIO_PHONE_NUMBER) or twilio.messaging_service_sid",
            )
        })?;
        let numbers = numbers(config, &sender)?;
        let t1 = t1(config, wishes, numbers.len())?;
        let (public_url, polling_because) = match (&config.server.public_url, wishes.listen) {
            (Some(url), Some(_)) => (Some(url.clone()), ""),
            (None, _) => (None, "server.public_url is not set"),
            (Some(_), None) => (None, "--listen does not say where the public URL leads to on this machine"),
        };
        let mirror = match &config.airtable {
            None => MirrorTarget::Skipped("[airtable] is not configured"),
            Some(a) if matches!(a.mirror, MirrorPace::Batched(_)) => {
                MirrorTarget::Skipped("airtable.mirror is \"batched\": nothing is promised within 5 s")
            }
            Some(_) => MirrorTarget::Looked,
        };
        let voice = VoicePlan::of(config, wishes, numbers.len())?;
        let mut plan = Self {
            numbers,
            sender,
            t1,
            final_within: config.delivery.status_timeout,
            listen: wishes.listen,
            public_url,
            polling_because,
            credentials: Credentials::Real,
            words: words(&config.directory.default_line.name),
            texts: Vec::new(),
            price: wishes.price.unwrap_or(PRICE_UNVERIFIED),
            price_given: wishes.price.is_some(),
            mirror,
            voice,
        };
        plan.texts = texts(&plan)?;
        let (needed, allowed) = (plan.messages(), wishes.messages_max.unwrap_or(MESSAGES_MAX));
        if needed > allowed {
            return Err(LiveRefusal::new(
                format!("the plan needs {needed} texts and at most {allowed} are allowed; nothing was sent"),
                format!("allow them with --max-messages {needed}, or name fewer [test] numbers"),
            ));
        }
        Ok(plan)
    }

    /// The same with Twilio's test credentials.
    ///
    /// # Errors
    /// A sender that these credentials refuse.
    pub fn with_test_credentials(mut self) -> Result<Self, LiveRefusal> {
        if self.sender.as_str() != MAGIC_SENDER {
            return Err(LiveRefusal::new(
                "these are Twilio's test credentials, which take one sender alone",
                format!("set twilio.from = \"{MAGIC_SENDER}\", or use the account's own credentials"),
            ));
        }
        if self.voice.is_some() {
            let what = "these are Twilio's test credentials, with which no phone rings";
            return Err(LiveRefusal::new(what, "leave out --voice, or use the account's own credentials"));
        }
        self.credentials = Credentials::Test;
        Ok(self)
    }

    /// How many texts at most.
    pub fn messages(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
    }

    pub fn segments(&self) -> u32 {
        self.texts.iter().map(|t| t.segments).sum()
    }

    /// The estimate, in US dollars; nothing with test credentials.
    pub fn cost(&self) -> f64 {
        match self.credentials {
            Credentials::Real => f64::from(self.segments()) * self.price,
            Credentials::Test => 0.0,
        }
    }

    /// How long it takes: where all is delivered at once, and at most.
    pub fn takes(&self) -> (Duration, Duration) {
        let least = self.t1 * 2 + OVERHEAD;
        let rings = if self.voice.is_some() { voice::TAKES_MAX } else { Duration::ZERO };
        (least, least + self.final_within * 2 + rings)
    }

    /// For a person, before the question.
    pub fn lines(&self) -> Vec<String> {
        let (least, most) = self.takes();
        let mut out = vec![format!(
            "live test: {} texts from {}, about {} to {}",
            self.messages(),
            crate::domain::phone::masked(self.sender.as_str()),
            shown(least),
            shown(most)
        )];
        for number in &self.numbers {
            let n = self.texts.iter().filter(|t| t.to == *number).count();
            out.push(format!("  {} gets {n} texts", number.e164()));
        }
        for t in &self.texts {
            let s = if t.segments == 1 { "" } else { "s" };
            out.push(format!(
                "  after about {}: {} to {}, {} segment{s}: {}",
                shown(t.after),
                t.what,
                t.to.e164(),
                t.segments,
                t.body
            ));
        }
        out.push(self.cost_line());
        out.extend(self.voice.iter().flat_map(VoicePlan::lines));
        match (&self.public_url, self.listen) {
            (Some(url), Some(at)) => {
                out.push(format!("receipts: by callback to {url}, heard at {at}; asked for where none comes"));
            }
            _ => out.push(format!("receipts: asked for, no callbacks: {}", self.polling_because)),
        }
        match &self.mirror {
            MirrorTarget::Looked => {
                out.push(
                    "Airtable: rows of two cancelled calls (ids starting with live-drill-) are written and stay".into(),
                );
            }
            MirrorTarget::Skipped(why) => out.push(format!("Airtable: not looked at: {why}")),
        }
        out.push(
            "the engine under test has a temporary store, no alert sinks and no contacts but these numbers; with a `serve` that \
             runs beside it shares the Twilio account, the sender and its rate, and nothing else"
                .into(),
        );
        out.push(
            "do not answer the texts: an answer takes the call, and the follow-up is then rightly not sent".into(),
        );
        out
    }

    fn cost_line(&self) -> String {
        if self.credentials == Credentials::Test {
            return "cost: none: these are Twilio's test credentials, nothing is sent".into();
        }
        let source = if self.price_given {
            "as given by --price-per-segment"
        } else {
            "UNVERIFIED; give your own with --price-per-segment"
        };
        format!(
            "cost: an estimate: {} segments × {} US$ ({source}) = {:.4} US$; carrier fees and a trial account's prefix come on top",
            self.segments(),
            self.price,
            self.cost()
        )
    }
}

/// A span for a person.
fn shown(d: Duration) -> String {
    let s = d.as_secs();
    match (s / 60, s % 60) {
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} min"),
        (m, s) => format!("{m} min {s} s"),
    }
}

fn numbers(config: &Config, sender: &Sender) -> Result<Vec<PhoneNumber>, LiveRefusal> {
    let mut numbers: Vec<PhoneNumber> = Vec::new();
    for n in &config.test_numbers {
        if n.e164() == sender.as_str() {
            return Err(LiveRefusal::new(
                format!("{n} of [test] numbers is the number that texts come from"),
                "name phones that you hold in your hand",
            ));
        }
        if !numbers.contains(n) {
            numbers.push(n.clone());
        }
    }
    if numbers.is_empty() {
        return Err(LiveRefusal::new(
            "no numbers are named that a live test may text",
            "name phones of your own: [test] numbers = [\"+19495550101\"] in the configuration",
        ));
    }
    Ok(numbers)
}

/// The follow-up's wait: long enough for a kill, a restart and the sender's rate.
fn t1(config: &Config, wishes: &Wishes, numbers: usize) -> Result<Duration, LiveRefusal> {
    let line = &config.directory.default_line;
    let normal = config.directory.policy(line, "normal").and_then(|p| p.steps.get(1)).map(|s| s.wait);
    let t1 = wishes.t1.or(normal).unwrap_or(Duration::from_secs(120));
    let rate = config.twilio.as_ref().map_or(0.0, |t| t.messages_per_second);
    let leaving = if rate > 0.0 { f64::from(u32::try_from(numbers).unwrap_or(u32::MAX)) / rate } else { 0.0 };
    let least = T1_MIN.max(Duration::try_from_secs_f64(leaving).unwrap_or(T1_MAX) + T1_MIN / 2);
    if t1 < least || t1 > T1_MAX {
        let hint = format!("choose --t1 from {} s to {}", least.as_secs() + 1, shown(T1_MAX));
        return Err(LiveRefusal::new(format!("a follow-up after {} s cannot be tested", t1.as_secs_f64()), hint));
    }
    Ok(t1)
}

/// The words of a drill: nobody must take it for an emergency.
fn words(business: &str) -> String {
    let name: String = business.chars().take(NAME_MAX).collect();
    format!("DRILL, no emergency. {} tests its paging, please do not answer.", name.trim())
}

fn texts(plan: &LivePlan) -> Result<Vec<PlannedText>, LiveRefusal> {
    let one = |to: &PhoneNumber, after: Duration, what, kind| {
        let rendered = text(&plan.words, kind)
            .map_err(|e| LiveRefusal::new(format!("no text can be made: {e}"), "change the name of the shop"))?;
        Ok(PlannedText { to: to.clone(), after, what, body: rendered.body, segments: rendered.segments })
    };
    let mut out = Vec::new();
    let (zero, again) = (Duration::ZERO, plan.t1 + OVERHEAD / 2);
    for to in &plan.numbers {
        out.push(one(to, zero, "a first text", TextKind::First)?);
    }
    for to in &plan.numbers {
        out.push(one(to, plan.t1, "its follow-up", TextKind::Reminder)?);
    }
    if let Some(to) = plan.numbers.first() {
        out.push(one(to, again, "a first text before a kill -9", TextKind::First)?);
        out.push(one(to, again + plan.t1, "its follow-up after the restart", TextKind::Reminder)?);
    }
    Ok(out)
}

fn text(words: &str, kind: TextKind<'_>) -> Result<Rendered, crate::domain::body::TemplateError> {
    render(&RenderInput {
        template: None,
        own_words: Some(words),
        kind,
        reference: REFERENCE,
        repeat_of: None,
        business: "",
        contact_name: "",
        issue: "",
        address: "",
        caller_name: "",
        caller_phone: "",
        level: "",
        link: "",
        test_mode: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::config;
    use super::*;

    fn refused(more: &str, wishes: &Wishes) -> LiveRefusal {
        LivePlan::of(&config(more), wishes).expect_err(more)
    }

    const NUMBERS: &str = "[test]\nnumbers = [\"+19495550101\", \"+19495550102\", \"+19495550101\"]\n";

    #[test]
    fn the_plan_says_who_gets_what_when_and_at_what_cost() {
        let plan = LivePlan::of(&config(NUMBERS), &Wishes::default()).expect("a plan");
        assert_eq!((plan.numbers.len(), plan.messages(), plan.segments()), (2, 6, 6), "each number once");
        assert_eq!(plan.t1, Duration::from_secs(120), "that of the policy `normal`");
        assert!(plan.texts.iter().all(|t| t.body.starts_with("7K3Q-1 DRILL, no emergency. Acme Plumbing")), "{plan:?}");
        let said = plan.lines().join("\n");
        for want in ["6 texts", "+19495550101 gets 4 texts", "+19495550102 gets 2 texts", "0.0498 US$", "UNVERIFIED"] {
            assert!(said.contains(want), "{want}: {said}");
        }
        assert!(!said.contains("+15005550006"), "the sender is masked: {said}");
        let wishes = Wishes { price: Some(0.05), t1: Some(Duration::from_secs(30)), ..Wishes::default() };
        let plan = LivePlan::of(&config(NUMBERS), &wishes).expect("a plan");
        let said = plan.lines().join("\n");
        assert!(said.contains("0.3000 US$") && said.contains("--price-per-segment") && !said.contains("UNVERIFIED"));
    }

    #[test]
    fn a_long_name_and_odd_letters_are_counted_as_they_are_charged() {
        let plan = LivePlan::of(&config(&format!("{NUMBERS}name2 = 1").replace("name2 = 1", "")), &Wishes::default());
        assert!(plan.expect("a plan").texts.iter().all(|t| t.segments == 1));
        assert_eq!(text(&words(&"long ".repeat(50)), TextKind::First).map(|r| r.segments), Ok(1));
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_what_helps() {
        let none = Wishes::default();
        let few = Wishes { messages_max: Some(5), ..none.clone() };
        let soon = Wishes { t1: Some(Duration::from_secs(4)), ..none.clone() };
        for (more, wishes, want) in [
            ("", &none, "no numbers are named"),
            ("[test]\nnumbers = [\"+15005550006\"]\n", &none, "is the number that texts come from"),
            (NUMBERS, &few, "needs 6 texts and at most 5 are allowed"),
            (NUMBERS, &soon, "after 4 s cannot be tested"),
        ] {
            let said = refused(more, wishes);
            assert!(said.what.contains(want) && !said.hint.is_empty(), "{said:?}");
        }
        let exactly = Wishes { messages_max: Some(6), ..none };
        assert!(LivePlan::of(&config(NUMBERS), &exactly).is_ok());
    }

    #[test]
    fn callbacks_need_both_a_public_url_and_a_place_to_listen() {
        let with = format!("{NUMBERS}[server]\npublic_url = \"http://127.0.0.1:9\"\n");
        let here = Wishes { listen: Some(SocketAddr::from(([127, 0, 0, 1], 9))), ..Wishes::default() };
        for (text, wishes, url, why) in [
            (NUMBERS, &here, false, "public_url is not set"),
            (with.as_str(), &Wishes::default(), false, "--listen"),
            (with.as_str(), &here, true, ""),
        ] {
            let plan = LivePlan::of(&config(text), wishes).expect("a plan");
            assert_eq!(plan.public_url.is_some(), url, "{text}");
            assert!(plan.polling_because.contains(why), "{text}");
        }
    }

    #[test]
    fn test_credentials_take_the_magic_sender_alone_and_cost_nothing() {
        let plan = LivePlan::of(&config(NUMBERS), &Wishes::default()).expect("a plan");
        let magic = plan.clone().with_test_credentials().expect("the magic sender");
        assert!(magic.cost() == 0.0 && magic.lines().join("\n").contains("nothing is sent"));
        let other = LivePlan { sender: "+15005550001".parse().expect("a sender"), ..plan };
        assert!(other.with_test_credentials().is_err());
    }
}
