//! The whole tree becomes a [`Config`]: section by section, then the rules that bind several keys.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::airtable::airtable;
use super::delivery::{delivery, warn_of_early_ends};
use super::env::Sources;
use super::forms::is_loopback;
use super::in_force::Documents;
use super::limits::{DAY, within};
use super::origin::{ConfigErrors, ConfigProblem};
use super::people::{directory, phones};
use super::raw::RawTable;
use super::read::{Reader, Section};
use super::secret_url::SecretUrl;
use super::secrets::is_named;
use super::server::{server, unreachable_url};
use super::store::{is_of_place, store};
use super::store_types::StoreLocation;
use super::test_mode::TestMode;
use super::twilio::twilio;
use super::types::*;
use crate::domain::attempt::Channel;
use crate::domain::team::Directory;

/// Where the sandbox is in test mode when the file's place is not on this machine.
const SANDBOX_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4010);
/// Checks everything and answers with all problems at once.
pub(super) fn config(
    sources: &Sources,
    table: RawTable,
    file: Option<PathBuf>,
    mut r: Reader,
) -> Result<Config, ConfigErrors> {
    let mut root = Section::root(table);
    let on = r.boolean(&mut root, "test_mode").is_some_and(|f| f.value);
    let mut test = TestMode { on, replaced: Vec::new() };
    let (store, backups, retention) = store(&mut r, &mut root, &mut test, sources);
    let server = server(&mut r, &mut root, &mut test);
    let sandbox_listen = sandbox(&mut r, &mut root, &mut test);
    let provider = twilio(&mut r, &mut root, &mut test, sandbox_listen);
    let (airtable, mirrors) = airtable(&mut r, &mut root, &mut test, sandbox_listen);
    let elsewhere = has_contacts_table(&r);
    unreachable_url(&mut r, &server, provider.twilio.as_ref(), test.on);
    let fallback = provider.fallback_from;
    let smtp = super::smtp::smtp(&mut r, &mut root, &mut test, sandbox_listen);
    let (voice, voice_from) = super::voice::voice(&mut r, &mut root);
    let (mut directory, calendars) =
        directory(&mut r, &mut root, provider.from.as_ref(), fallback, (smtp.from.clone(), voice_from), elsewhere);
    let calendars = super::calendars::on_this_machine(&mut r, calendars, &mut test);
    mails_need_a_relay(&mut r, &directory);
    super::voice::check(&mut r, &directory, server.public_url.is_some());
    warn_of_missing_addresses(&mut r, &directory);
    let texts = provider.twilio.is_some()
        || provider.from.is_some()
        || directory.mail_from.is_none()
        || has_texts(&directory)
        || super::voice::rings(&directory);
    if !texts {
        r.deferred.retain(|(part, problem)| *part != Part::Twilio || is_named(&problem.key));
    }
    let oncall = super::oncall::oncall(&mut r, &mut root);
    let followthrough = super::followthrough::followthrough(&mut r, &mut root);
    let limits = super::spend::limits(&mut r, &mut root, &directory);
    let replies = super::replies::replies(&mut r, &mut root);
    let report = super::report::report(&mut r, &mut root, directory.mail_from.is_some());
    let board = super::board::board(&mut r, &mut root, &mut test, !server.tokens.is_empty());
    let delivery = delivery(&mut r, &mut root, provider.request_timeout.as_ref());
    warn_of_early_ends(&mut r, &directory, delivery.settle);
    let ids: Vec<_> = directory.contacts.iter().map(|c| c.id.clone()).collect();
    let known = super::known::Known { ids: &ids, rotations: &[], elsewhere };
    let (alerts, owners) = super::alerts::alerts(&mut r, &mut root, &mut test, &smtp, known);
    directory.alert_owners = owners;
    let heartbeat = heartbeat(&mut r, &mut root, &mut test);
    let events = super::events::events(&mut r, &mut root, &mut test);
    let mut stand = super::intake_lists::Stand { test: &mut test, sandbox: sandbox_listen };
    let intake = super::intake::intake(&mut r, &mut root, &mut stand);
    let mut tests = r.section(&mut root, "test");
    let test_numbers = phones(&mut r, &mut tests, "numbers");
    r.finish(tests);
    r.finish(root);
    r.report_unknown();
    if test.on {
        // What is missing has a stand-in, and the file's sinks are not used. A secret that is named stays unreadable.
        let stays = |(part, problem): &(Part, ConfigProblem)| {
            !matches!(part, Part::Alerts | Part::Mail) && is_named(&problem.key)
        };
        let (kept, other): (Vec<_>, Vec<_>) = r.deferred.drain(..).partition(stays);
        r.deferred = kept;
        r.warnings.extend(other.into_iter().map(|(_, problem)| format!("{problem} (not needed in test mode)")));
    }
    let (Some(store), true) = (store, r.problems.is_empty()) else { return Err(ConfigErrors(r.problems)) };
    Ok(Config {
        file,
        mode: if test.on { Mode::Test } else { Mode::Live },
        store,
        backups,
        retention,
        server,
        twilio: provider.twilio,
        smtp: smtp.url,
        texts,
        validity: provider.validity,
        voice,
        airtable,
        directory,
        calendars,
        replies,
        oncall,
        followthrough,
        limits,
        morning: report.morning,
        reports: report.mailed,
        week_ends: report.week_ends,
        delivery,
        alerts,
        heartbeat,
        events,
        board,
        intake,
        test_numbers,
        sandbox_listen,
        warnings: r.warnings,
        secret_files: r.secret_files,
        replaced: test.replaced,
        origins: r.rows.iter().map(|row| (row.key.clone(), row.origin.clone())).collect(),
        rows: r.rows,
        deferred: r.deferred,
        documents: Documents::default(),
        unread: None,
        mirrors,
    })
}

/// The store's place and the mode alone; nothing else of the tree is looked at.
pub(super) fn store_and_mode(
    sources: &Sources,
    table: RawTable,
    mut r: Reader,
) -> Result<(StoreLocation, Mode), ConfigErrors> {
    let mut root = Section::root(table);
    let on = r.boolean(&mut root, "test_mode").is_some_and(|f| f.value);
    let mut test = TestMode { on, replaced: Vec::new() };
    let (store, ..) = store(&mut r, &mut root, &mut test, sources);
    r.problems.retain(|p| is_of_place(&p.key) || p.key == "test_mode");
    match store {
        Some(store) if r.problems.is_empty() => Ok((store, if on { Mode::Test } else { Mode::Live })),
        _ => Err(ConfigErrors(r.problems)),
    }
}

/// Whether any ladder has a step that tells by text.
fn has_texts(directory: &Directory) -> bool {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    lines.flat_map(|l| l.policies.values()).any(crate::domain::policy::Policy::has_texts)
}

/// A step by mail needs a sender of mails.
fn mails_need_a_relay(r: &mut Reader, directory: &Directory) {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let by_mail = lines.flat_map(|l| l.policies.values()).find(|p| p.has_mails());
    if let (Some(policy), None) = (by_mail, &directory.mail_from) {
        let what = format!("is missing: a step of the policy {} tells by mail", policy.name);
        r.wrong(None, "smtp.from", what, super::people::MAIL_FORM);
    }
}

/// Who is named by a step of mails and has no address is left out of it.
fn warn_of_missing_addresses(r: &mut Reader, directory: &Directory) {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let mut warnings = BTreeSet::new();
    for line in lines {
        let defaults = directory.default_line.policies.iter().filter(|(name, _)| !line.policies.contains_key(*name));
        for policy in line.policies.values().chain(defaults.map(|(_, policy)| policy)) {
            let roles = policy.steps.iter().filter(|s| s.channel == Channel::Email).flat_map(|s| &s.notify);
            for contact in roles.flat_map(|role| directory.ever_holding(line, role)) {
                if contact.email.is_none() {
                    warnings.insert(format!(
                        "contact {} has no mail address: a step of the policy {} that tells by mail leaves them out",
                        contact.id, policy.name
                    ));
                }
            }
        }
    }
    r.warnings.extend(warnings);
}

/// Whether contacts are read from Airtable, also where its token is missing here.
fn has_contacts_table(r: &Reader) -> bool {
    r.rows.iter().any(|row| row.key == "airtable.tables.contacts" && !row.value.is_empty())
}

fn sandbox(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> SocketAddr {
    let mut s = r.section(root, "sandbox");
    let listen = r.address(&mut s, "listen");
    r.finish(s);
    // Other commands look for the sandbox at this place, so a place on this machine stays as it is.
    let listen = match listen {
        Some(found) if found.value.ip().is_loopback() => Some(found),
        found => {
            let instead = Some((SANDBOX_LISTEN, SANDBOX_LISTEN.to_string()));
            test.local(r, "sandbox.listen", found, |a| a.ip().is_loopback(), instead)
        }
    };
    listen.map_or(SANDBOX_LISTEN, |f| f.value)
}

/// Of healthchecks.io, whose checks take `/fail` behind their URL; of others nobody knows what would be there.
fn usual_fail_url(url: &SecretUrl) -> Option<SecretUrl> {
    let mut of = url.expose().clone();
    if of.host_str() != Some("hc-ping.com") {
        return None;
    }
    of.path_segments_mut().ok()?.pop_if_empty().push("fail");
    Some(SecretUrl(of))
}

fn heartbeat(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Option<Heartbeat> {
    let mut s = r.section(root, "heartbeat");
    let url = r.secret_url(&mut s, "url", Part::Alerts);
    let url = test.local(r, "heartbeat.url", url, |u| is_loopback(u.expose()), None::<(SecretUrl, String)>);
    let fail_url = r.secret_url(&mut s, "fail_url", Part::Alerts);
    let fail_url =
        test.local(r, "heartbeat.fail_url", fail_url, |u| is_loopback(u.expose()), None::<(SecretUrl, String)>);
    let every = within(r, &mut s, "every", Duration::from_secs(1)..=DAY).map(|f| f.value);
    r.finish(s);
    let url = url?.value;
    let fail_url = fail_url.map(|f| f.value).or_else(|| usual_fail_url(&url));
    Some(Heartbeat { url, fail_url, every: every? })
}
