//! What the account may do with phone calls: the countries of those who are rung, a trial, the customer profile, how many at once.
//! What the provider does not say, or says otherwise than expected, is no fault. Source: `facts/twilio-voice.md` §8, §9.

use std::collections::BTreeMap;

use crate::domain::attempt::Channel;
use crate::domain::team::{Contact, Directory, Line};
use crate::gateways::twilio::{AccountSeen, CountrySeen, TwilioClient};

use super::super::app::App;
use super::finding::Findings;
use super::twilio::{Probe, ask};

/// How many phone calls an account may have at once in a trial, and without an approved profile.
const IN_A_TRIAL: usize = 5;
const WITHOUT_PROFILE: usize = 2;
/// The country code that many countries share, and those of them whose numbers are meant by default.
const NORTH_AMERICA: (&str, [&str; 2]) = ("1", ["US", "CA"]);
const GEO: &str = "enable it in the provider's console: Voice > Settings > Geo permissions (not those of messaging)";

pub(super) async fn check(app: &App, client: &TwilioClient, by_token: &TwilioClient, f: &mut Findings) {
    let rung = rung(&app.config.directory);
    for (code, people) in codes(&rung) {
        countries(ask(app, client.countries(code)).await, code, &people, f);
    }
    let account = ask(app, by_token.account()).await;
    let profile = ask(app, client.has_approved_profile()).await;
    at_once(&account, &profile, most_at_once(&app.config.directory), f);
}

/// Everybody whose phone some step of some ladder rings, at whatever hour.
fn rung(directory: &Directory) -> Vec<&Contact> {
    let mut all: Vec<&Contact> = steps(directory).into_iter().flatten().collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all.dedup_by(|a, b| a.id == b.id);
    all
}

/// Those whom each step that rings may ring.
fn steps<'a>(directory: &'a Directory) -> Vec<Vec<&'a Contact>> {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let of_line = |line: &'a Line| {
        let steps = line.policies.values().flat_map(|p| &p.steps).filter(|s| s.channel == Channel::Voice);
        steps.map(move |s| s.notify.iter().flat_map(|role| directory.ever_holding(line, role)).collect())
    };
    lines.flat_map(of_line).collect()
}

fn most_at_once(directory: &Directory) -> usize {
    steps(directory).iter().map(Vec::len).max().unwrap_or_default()
}

fn codes<'a>(rung: &[&'a Contact]) -> BTreeMap<&'static str, Vec<&'a str>> {
    let mut codes: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for c in rung {
        if let Some(code) = c.phone.country_code() {
            codes.entry(code).or_default().push(c.name.as_str());
        }
    }
    codes
}

fn countries(said: Probe<Vec<CountrySeen>>, code: &str, people: &[&str], f: &mut Findings) {
    let name = format!("country +{code}");
    let people = people.join(", ");
    let all = match said {
        Probe::Yes(all) if all.iter().any(|c| c.may_be_rung.is_some()) => all,
        Probe::Yes(_) => return f.skip(name, format!("whether {people} may be rung the provider does not say")),
        Probe::No(e) => return f.skip(name, format!("whether {people} may be rung could not be asked: {e}")),
        Probe::Unknown(why) => return f.skip(name, format!("whether {people} may be rung could not be asked: {why}")),
    };
    let named = |may: bool| -> Vec<&str> {
        all.iter().filter(|c| c.may_be_rung == Some(may)).map(|c| c.iso.as_str()).collect()
    };
    let (on, off) = (named(true), named(false));
    let (shared, meant) = NORTH_AMERICA;
    let lacks: Vec<&str> = off.iter().copied().filter(|iso| code == shared && meant.contains(iso)).collect();
    if on.is_empty() {
        f.fail(name, format!("{people} cannot be rung: the account may not ring {}", off.join(", ")), GEO);
    } else if !lacks.is_empty() {
        let what = format!(
            "the account may ring {} and not {}: of {people} whoever has a number there is not rung",
            on.join(", "),
            lacks.join(", ")
        );
        f.warn(name, what, GEO);
    } else {
        f.ok(name, format!("{people}: the account may ring {}", on.join(", ")));
    }
}

/// How many phones one step may ring, and how many the account may have at once.
fn at_once(account: &Probe<AccountSeen>, profile: &Probe<bool>, most: usize, f: &mut Findings) {
    let name = "limits";
    if matches!(account, Probe::Yes(seen) if seen.kind == "Trial") {
        let what = format!(
            "a trial: {IN_A_TRIAL} phone calls at once, verified numbers alone, and whoever picks up must press a key before they hear of the job"
        );
        return f.warn(name, what, "upgrade the account before phones are relied on");
    }
    match profile {
        Probe::Yes(true) => f.ok(name, "the account has an approved customer profile"),
        Probe::Yes(false) => {
            let what = format!(
                "the account has no approved customer profile: {WITHOUT_PROFILE} phone calls at once (a step here rings {most}), and numbers of +1 may be refused (21216)"
            );
            f.warn(name, what, "complete the Primary Customer Profile in the provider's console: Trust Hub");
        }
        Probe::No(_) | Probe::Unknown(_) => f.skip(
            name,
            format!(
                "how many phone calls may go at once is not known ({WITHOUT_PROFILE} without an approved customer profile; a step here rings {most}): see Trust Hub in the provider's console"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(check: impl FnOnce(&mut Findings)) -> (String, String) {
        let mut f = Findings::of("voice");
        check(&mut f);
        assert_eq!(f.all.len(), 1, "{:?}", f.all);
        let one = f.all.remove(0);
        (one.status.as_str().to_owned(), format!("{} {}", one.what, one.next.unwrap_or_default()))
    }

    #[test]
    fn a_country_that_may_not_be_rung_fails_and_what_is_not_said_is_no_fault() {
        let seen = |all: &[(&str, Option<bool>)]| {
            let one = |(iso, may): &(&str, Option<bool>)| CountrySeen { iso: (*iso).to_owned(), may_be_rung: *may };
            Probe::Yes(all.iter().map(one).collect())
        };
        for (label, code, answer, status, words) in [
            ("both on", "1", seen(&[("US", Some(true)), ("CA", Some(true)), ("BB", Some(false))]), "ok", "US, CA"),
            ("one off", "1", seen(&[("US", Some(true)), ("CA", Some(false))]), "warn", "not CA"),
            ("all off", "1", seen(&[("US", Some(false)), ("CA", Some(false))]), "fail", "cannot be rung"),
            ("elsewhere", "44", seen(&[("GB", Some(true)), ("JE", Some(false))]), "ok", "GB"),
            ("elsewhere off", "44", seen(&[("GB", Some(false))]), "fail", "Geo permissions"),
            ("not said", "44", seen(&[("GB", None)]), "skip", "does not say"),
            ("nothing", "44", seen(&[]), "skip", "does not say"),
            ("away", "44", Probe::Unknown("no connection".into()), "skip", "no connection"),
        ] {
            let (got, text) = said(|f| countries(answer, code, &["Sam Ortiz"], f));
            assert!(got == status && text.contains(words) && text.contains("Sam Ortiz"), "{label}: {got} {text}");
        }
    }

    #[test]
    fn a_trial_and_a_missing_profile_are_said_with_what_they_allow() {
        let account = |kind: &str| Probe::Yes(AccountSeen { status: "active".into(), kind: kind.into() });
        let away = || Probe::Unknown("no connection".to_owned());
        for (account, profile, status, words) in [
            (account("Trial"), Probe::Yes(true), "warn", "5 phone calls at once"),
            (account("Full"), Probe::Yes(true), "ok", "approved"),
            (account("Full"), Probe::Yes(false), "warn", "a step here rings 3"),
            (account("Full"), away(), "skip", "a step here rings 3"),
            (Probe::Unknown("no connection".to_owned()), Probe::Yes(false), "warn", "21216"),
        ] {
            let (got, text) = said(|f| at_once(&account, &profile, 3, f));
            assert!(got == status && text.contains(words), "{got} {text}");
        }
    }
}
