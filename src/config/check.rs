//! The whole tree becomes a [`Config`]: section by section, then the rules that bind several keys.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::airtable::airtable;
use super::env::{PORT_KEY, Sources};
use super::forms::{URL_FORM, is_loopback, parse_plain_url, show_duration, why_unreachable, written_host};
use super::in_force::Documents;
use super::origin::{ConfigErrors, Layer, Origin, Problem};
use super::people::{directory, phones, place};
use super::raw::{Table, Value};
use super::read::{Found, Reader, Section};
use super::secrets::resolve;
use super::test_mode::TestMode;
use super::twilio::twilio;
use super::types::*;
use crate::domain::team::Directory;
use crate::domain::types::Actor;

/// A free port on this machine.
const FREE_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Where the sandbox is in test mode when the file's place is not on this machine.
const SANDBOX_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4010);
/// A search before this is no evidence: the provider may still accept a request that was given up (`facts/twilio.md`: its
/// own limit is near 26 s, a search counts from 30 s on).
const SETTLE_ADVISED: Duration = Duration::from_secs(45);
/// A shorter bearer token is warned of.
const TOKEN_CHARS_ADVISED: usize = 16;

/// Checks everything and answers with all problems at once.
pub(super) fn config(
    sources: &Sources,
    table: Table,
    file: Option<PathBuf>,
    mut r: Reader,
) -> Result<Config, ConfigErrors> {
    let mut root = Section::root(table);
    let on = r.boolean(&mut root, "test_mode").is_some_and(|f| f.value);
    let mut test = TestMode { on, replaced: Vec::new() };
    let store = store(&mut r, &mut root, &mut test, sources);
    let server = server(&mut r, &mut root, &mut test);
    let sandbox_listen = sandbox(&mut r, &mut root, &mut test);
    let provider = twilio(&mut r, &mut root, &mut test, sandbox_listen);
    let (airtable, mirrors) = airtable(&mut r, &mut root, &mut test, sandbox_listen);
    let elsewhere = has_contacts_table(&r);
    unreachable_url(&mut r, &server, provider.twilio.as_ref(), test.on);
    let fallback = provider.fallback_from;
    let directory = directory(&mut r, &mut root, provider.from.as_ref(), fallback, elsewhere);
    let replies = super::replies::replies(&mut r, &mut root);
    let delivery = delivery(&mut r, &mut root, provider.request_timeout.as_ref());
    warn_of_early_ends(&mut r, &directory, delivery.settle);
    let alerts = super::alerts::alerts(&mut r, &mut root, &mut test);
    let heartbeat = heartbeat(&mut r, &mut root, &mut test);
    let mut tests = r.section(&mut root, "test");
    let test_numbers = phones(&mut r, &mut tests, "numbers");
    r.finish(tests);
    r.finish(root);
    r.report_unknown();
    if test.on {
        // What is missing has a stand-in, and the file's sinks are not used. A secret that is named stays unreadable.
        let stays = |(part, problem): &(Part, Problem)| *part != Part::Alerts && is_named(&problem.key);
        let (kept, other): (Vec<_>, Vec<_>) = r.deferred.drain(..).partition(stays);
        r.deferred = kept;
        r.warnings.extend(other.into_iter().map(|(_, problem)| format!("{problem} (not needed in test mode)")));
    }
    let (Some(store), true) = (store, r.problems.is_empty()) else { return Err(ConfigErrors(r.problems)) };
    Ok(Config {
        file,
        mode: if test.on { Mode::Test } else { Mode::Live },
        store,
        server,
        twilio: provider.twilio,
        validity: provider.validity,
        airtable,
        directory,
        replies,
        delivery,
        alerts,
        heartbeat,
        test_numbers,
        sandbox_listen,
        warnings: r.warnings,
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
    table: Table,
    mut r: Reader,
) -> Result<(StoreLocation, Mode), ConfigErrors> {
    let mut root = Section::root(table);
    let on = r.boolean(&mut root, "test_mode").is_some_and(|f| f.value);
    let mut test = TestMode { on, replaced: Vec::new() };
    let store = store(&mut r, &mut root, &mut test, sources);
    r.problems.retain(|p| p.key == "store.url" || p.key == "test_mode");
    match store {
        Some(store) if r.problems.is_empty() => Ok((store, if on { Mode::Test } else { Mode::Live })),
        _ => Err(ConfigErrors(r.problems)),
    }
}

/// Whether contacts are read from Airtable, also where its token is missing here.
fn has_contacts_table(r: &Reader) -> bool {
    r.rows.iter().any(|row| row.key == "airtable.tables.contacts" && !row.value.is_empty())
}

/// Notes that a part lacks something, unless that key's problem is known already (its file could not be read).
pub(super) fn need(r: &mut Reader, part: Part, at: Option<Origin>, key: &str, form: &str) {
    let twin = format!("{key}_file");
    if !r.deferred.iter().any(|(_, p)| p.key == key || p.key == twin) {
        r.deferred.push((part, Problem::new(at, key, "is missing", form)));
    }
}

/// Whether this is the key of a secret's file, and not that of the secret itself.
fn is_named(key: &str) -> bool {
    key.ends_with("_file")
}

/// Whether the secret of this key is in a file that is named and could not be read: nothing stands in for it.
pub(super) fn is_unreadable(r: &Reader, key: &str) -> bool {
    r.deferred.iter().any(|(_, p)| is_named(&p.key) && p.key.strip_suffix("_file") == Some(key))
}

/// The shortest time that is any.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// Asking about a message ends then (`facts/twilio.md` §5: nothing is expected later).
const FOLLOWED: Duration = Duration::from_secs(72 * 3_600);

/// A duration within bounds.
pub(super) fn within(
    r: &mut Reader,
    section: &mut Section,
    name: &str,
    range: RangeInclusive<Duration>,
) -> Option<Found<Duration>> {
    let found = r.duration(section, name)?;
    if range.contains(&found.value) {
        return Some(found);
    }
    let what = if found.value.is_zero() { "is zero" } else { "is out of range" };
    let form = format!("a duration from \"{}\" to \"{}\"", show_duration(*range.start()), show_duration(*range.end()));
    r.wrong(found.origin, &found.key, what, &form);
    None
}

fn store(r: &mut Reader, root: &mut Section, test: &mut TestMode, sources: &Sources) -> Option<StoreLocation> {
    let mut s = r.section(root, "store");
    let form = "sqlite:PATH or a path";
    let found = r.parsed(&mut s, "url", form, parse_store, |path| format!("sqlite:{}", path.display()));
    let broken = r.problems.iter().any(|p| p.key == "store.url");
    r.finish(s);
    let kept = found.filter(|f| {
        let kept = !test.on || f.layer >= Layer::EnvPlain;
        if !kept {
            test.say(f, "the store of test mode");
        }
        kept
    });
    let (path, origin) = match kept {
        Some(f) => (resolve(&sources.cwd, &f.origin, &f.value.to_string_lossy()), f.origin),
        None if broken => return None,
        None => {
            let (name, origin) = match test.on {
                true => ("dispatchctl.test.db", Origin::TestMode),
                false => ("dispatchctl.db", Origin::Default),
            };
            let Some(directory) = state_directory(sources) else {
                let what = "has no default here: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set";
                r.wrong(None, "store.url", what, form);
                return None;
            };
            (directory.join(name), origin)
        }
    };
    r.show("store.url", format!("sqlite:{}", path.display()), &origin);
    Some(StoreLocation::Sqlite(path))
}

/// systemd's directory (the first, where it made several), else the user's.
fn state_directory(sources: &Sources) -> Option<PathBuf> {
    let systemd = sources.env("STATE_DIRECTORY").and_then(|d| d.split(':').next()).filter(|d| !d.is_empty());
    let directory = match (systemd, sources.env("XDG_STATE_HOME"), sources.env("HOME")) {
        (Some(directory), ..) => PathBuf::from(directory),
        (_, Some(xdg), _) => Path::new(xdg).join("dispatchctl"),
        (.., Some(home)) => Path::new(home).join(".local/state/dispatchctl"),
        _ => return None,
    };
    Some(sources.cwd.join(directory))
}

/// The error never echoes the text: a database URL may hold a password.
fn parse_store(s: &str) -> Result<PathBuf, String> {
    let lower = s.to_ascii_lowercase();
    if lower.starts_with("postgres:") || lower.starts_with("postgresql:") {
        return Err("PostgreSQL is not supported yet, it comes later".into());
    }
    let path = s.strip_prefix("sqlite:").unwrap_or(s);
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains("://") {
        return Err("is not a kind of store".into());
    }
    if path.trim().is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err("names no file".into());
    }
    if path == ":memory:" {
        return Err("is lost with the process: a store must be a file".into());
    }
    Ok(PathBuf::from(path))
}

fn server(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Server {
    let mut s = r.section(root, "server");
    let free = || Some((FREE_PORT, FREE_PORT.to_string()));
    let local = |a: &SocketAddr| a.ip().is_loopback();
    let listen = r.address(&mut s, "listen");
    let listen = test.local(r, "server.listen", listen, local, free());
    let listen = with_port(r, &mut s, listen);
    let public_listen = r.address(&mut s, "public_listen");
    let instead = public_listen.is_some().then(free).flatten();
    let public_listen = test.local(r, "server.public_listen", public_listen, local, instead);
    let parse = |text: &str| parse_plain_url(text).map(|url| (written_host(text, &url), url));
    let public_url = r.parsed(&mut s, "public_url", URL_FORM, parse, |(_, url)| url.as_str().to_owned());
    let public_url = test.local(r, "server.public_url", public_url, |(_, url)| is_loopback(url), None);
    let (tokens, given) = tokens(r, &mut s);
    r.finish(s);
    if let (Some(a), Some(b)) = (&listen, &public_listen)
        && a.value == b.value
        && a.value.port() != 0
    {
        r.wrong(b.origin.clone(), &b.key, "is the address of server.listen too", "an address of its own");
    }
    let off_machine = listen
        .as_ref()
        .filter(|f| !local(&f.value))
        .map(|f| (f.origin.clone(), &f.key))
        .or(public_url.as_ref().filter(|f| !is_loopback(&f.value.1)).map(|f| (f.origin.clone(), &f.key)));
    if let (false, Some((origin, key))) = (given, off_machine) {
        let what = format!("none is configured, and {} is not on this machine", place(&origin, key));
        let form = "[[server.tokens]] with name, token (or token_file) and scope";
        r.wrong(origin, "server.tokens", what, form);
    }
    if !test.on && public_url.is_none() {
        r.warnings.push(
            "server.public_url is not set: attempts carry no callback, delivery is learnt by asking Twilio alone"
                .into(),
        );
    }
    let (public_host, public_url) = public_url.map_or((None, None), |f| (f.value.0, Some(f.value.1)));
    Server {
        listen: listen.map_or(FREE_PORT, |f| f.value),
        public_listen: public_listen.map(|f| f.value),
        public_url,
        public_host,
        tokens,
    }
}

/// Warns of a public URL that the provider cannot call.
fn unreachable_url(r: &mut Reader, server: &Server, twilio: Option<&Twilio>, is_test: bool) {
    let stand_in = twilio.is_some_and(|t| is_loopback(&t.base_url));
    if let (Some(why), false) = (server.public_url.as_ref().and_then(why_unreachable), is_test || stand_in) {
        r.warnings.push(format!(
            "server.public_url {why}: Twilio cannot call it, delivery and replies are learnt by asking Twilio alone"
        ));
    }
}

/// `PORT` changes the port of `server.listen`, unless that was set in a stronger place.
fn with_port(r: &mut Reader, s: &mut Section, listen: Option<Found<SocketAddr>>) -> Option<Found<SocketAddr>> {
    let Some(node) = r.take(s, PORT_KEY) else { return listen };
    let mut listen = listen?;
    if node.layer <= listen.layer {
        return Some(listen);
    }
    match node.value {
        Value::Text(port) if port.trim().parse::<u16>().is_ok() => {
            listen.value.set_port(port.trim().parse().unwrap_or(0));
            listen.origin = node.origin;
            listen.layer = node.layer;
            r.show("server.listen", listen.value.to_string(), &listen.origin);
        }
        _ => r.wrong(node.origin, "server.listen", "PORT is not a port", "a number from 0 to 65535"),
    }
    Some(listen)
}

/// The tokens, and whether any are configured (also where theirs could not be read).
fn tokens(r: &mut Reader, server: &mut Section) -> (Vec<Token>, bool) {
    let sections = r.sections(server, "tokens").unwrap_or_default();
    let given = !sections.is_empty();
    let mut tokens: Vec<Token> = Vec::new();
    for mut s in sections {
        let name = r.plain(&mut s, "name", "a name for the log");
        let token = r.secret(&mut s, "token", Part::Server);
        let words = [("dispatch", Scope::Dispatch), ("operate", Scope::Operate), ("read", Scope::Read)];
        let scope = r.choice(&mut s, "scope", &words).map(|f| f.value);
        for (key, there, form) in [
            ("name", name.is_some(), "a name for the log"),
            ("token", token.is_some(), "a text, or its file in token_file"),
            ("scope", scope.is_some(), "\"dispatch\" or \"operate\" or \"read\""),
        ] {
            r.require(&s, key, there, form);
        }
        r.finish(s);
        let (Some(name), Some(token), Some(scope)) = (name, token, scope) else { continue };
        if Actor::is_reserved(&name.value, []) {
            r.wrong(
                name.origin.clone(),
                &name.key,
                "is how the log names the engine or a provider",
                "a name of its own",
            );
        }
        if tokens.iter().any(|t| t.name == name.value) {
            r.wrong(name.origin, &name.key, "is another token's name", "a name of its own, as the log shows it");
        }
        if tokens.iter().any(|t| t.token.expose_secret() == token.value.expose_secret()) {
            r.wrong(token.origin.clone(), &token.key, "is another name's token", "a token of its own");
        }
        if token.value.expose_secret().len() < TOKEN_CHARS_ADVISED {
            r.warnings.push(format!("{} is shorter than {TOKEN_CHARS_ADVISED} characters", token.key));
        }
        tokens.push(Token { name: name.value, token: token.value, scope });
    }
    (tokens, given)
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

fn delivery(r: &mut Reader, root: &mut Section, request_timeout: Option<&Found<Duration>>) -> Delivery {
    let mut s = r.section(root, "delivery");
    let words = [("resend", UnknownPolicy::Resend), ("hold", UnknownPolicy::Hold)];
    let status_timeout = within(r, &mut s, "status_timeout", SHORTEST..=FOLLOWED);
    let poll_after = within(r, &mut s, "poll_after", SHORTEST..=FOLLOWED);
    let settle = within(r, &mut s, "settle", SHORTEST..=DAY);
    let unknown_first = r.choice(&mut s, "unknown_first", &words).map_or(UnknownPolicy::Hold, |f| f.value);
    let unknown_follow_up = r.choice(&mut s, "unknown_follow_up", &words).map_or(UnknownPolicy::Hold, |f| f.value);
    let resend_limit = r.integer(&mut s, "resend_limit", 0..=10).map_or(0, |f| f.value);
    let resend_pause = within(r, &mut s, "resend_pause", Duration::ZERO..=HOUR).map(|f| f.value).unwrap_or_default();
    let stand_down = r.boolean(&mut s, "stand_down").is_some_and(|f| f.value);
    r.finish(s);
    if let (Some(settle), Some(request)) = (&settle, request_timeout)
        && settle.value <= request.value
    {
        let form = format!("more than twilio.request_timeout ({})", show_duration(request.value));
        r.wrong(settle.origin.clone(), &settle.key, "ends before the request itself may", &form);
    } else if let Some(settle) = &settle
        && settle.value < SETTLE_ADVISED
    {
        let advised = show_duration(SETTLE_ADVISED);
        r.warnings.push(format!(
            "delivery.settle is under {advised}: an unknown outcome may be decided before the provider shows what it accepted"
        ));
    }
    if let (Some(poll), Some(status)) = (&poll_after, &status_timeout)
        && poll.value >= status.value
    {
        r.warnings
            .push("delivery.poll_after is not shorter than delivery.status_timeout: alerts come before asking".into());
    }
    Delivery {
        status_timeout: status_timeout.map(|f| f.value).unwrap_or_default(),
        poll_after: poll_after.map(|f| f.value).unwrap_or_default(),
        settle: settle.map(|f| f.value).unwrap_or_default(),
        unknown_first,
        unknown_follow_up,
        resend_limit,
        resend_pause,
        stand_down,
    }
}

/// Ladders that would end before the outcome of their last text can be known: their calls are held open until it is.
fn warn_of_early_ends(r: &mut Reader, directory: &Directory, settle: Duration) {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let early = lines.flat_map(|l| l.policies.values()).filter(|p| p.exhaust_after < settle);
    let warnings: BTreeSet<String> = early
        .map(|p| {
            format!(
                "exhaust_after ({}) of policy {} is shorter than delivery.settle ({}): a call whose text has an unknown outcome ends later",
                show_duration(p.exhaust_after),
                p.name,
                show_duration(settle)
            )
        })
        .collect();
    r.warnings.extend(warnings);
}

fn heartbeat(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Option<Heartbeat> {
    let mut s = r.section(root, "heartbeat");
    let url = r.secret_url(&mut s, "url", Part::Alerts);
    let url = test.local(r, "heartbeat.url", url, |u| is_loopback(u.expose()), None::<(super::SecretUrl, String)>);
    let every = within(r, &mut s, "every", Duration::from_secs(1)..=DAY).map(|f| f.value);
    r.finish(s);
    Some(Heartbeat { url: url?.value, every: every? })
}
