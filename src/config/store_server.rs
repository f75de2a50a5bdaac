//! `store.url` of a PostgreSQL server, and what else says how it is reached.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::config::Host;

use super::file::read_text;
use super::origin::{Layer, resolve};
use super::read::{Found, Reader, Section};
use super::secret_url::MASK;
use super::secrets::SECRET_BYTES_MAX;
use super::store_types::StoreServer;
use super::test_mode::TestMode;
use crate::domain::database::{Encryption, HostTls, Password, PostgresUrl};
use crate::domain::mail::is_this_machine;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
const UNREADABLE: &str = "cannot be read: write @ : / ? # % within a user, a host or a name as %40 %3A %2F %3F %23 %25, \
    and behind a ? only what PostgreSQL knows there";
/// What may stand behind the `?` beside what has a key of its own.
const TAKEN: [&str; 9] =
    ["application_name", "channel_binding", "dbname", "host", "hostaddr", "options", "port", "sslnegotiation", "user"];
/// What tokio-postgres knows there and this program sets itself: the bounds of waiting, and that a server can be written to.
const SET_HERE: [&str; 8] = [
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "target_session_attrs",
    "tcp_user_timeout",
];
const PASSWORD_FORM: &str = "a text, or its file in password_file";

/// A database of a server, as a URL names it.
pub(super) struct ServerUrl {
    /// Without its password.
    pub(super) text: String,
    password: Option<SecretString>,
    asked: Option<Asked>,
    /// Whether all that it leads to is on this machine.
    is_local: bool,
}

/// What the URL itself asks for by `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    IfOffered,
    /// `require` and `verify-ca` too: what this program takes is verified.
    Verified,
}

/// Whether a text is meant to be a URL of a server.
pub(super) fn is_server(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.starts_with("postgres:") || lower.starts_with("postgresql:")
}

/// # Errors
/// What is wrong, without anything of the text.
pub(super) fn parse_server(text: &str) -> Result<ServerUrl, String> {
    let Some(scheme) = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme)) else {
        return Err("begins with neither postgres:// nor postgresql://".into());
    };
    let rest = text.strip_prefix(scheme).unwrap_or_default();
    // As tokio-postgres and libpq read it: whoever the user is ends at the first @, whatever stands before that.
    let (user, place) = rest.split_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    let (place, parameters) = place.split_once('?').unwrap_or((place, ""));
    // What stands before a second @ is the end of a password that was written as it is, a `?` in it or not.
    if place.contains('@') || parameters.contains('@') {
        return Err(UNREADABLE.into());
    }
    let (mut asked, mut kept) = (None, Vec::new());
    for one in parameters.split('&').filter(|one| !one.is_empty()) {
        let Some((name, value)) = form_urlencoded::parse(one.as_bytes()).next() else { continue };
        match name.as_ref() {
            "password" => return Err("has a password behind the `?`: give it in store.password_file".into()),
            "sslmode" => asked = Some(asked_by(&value)?),
            "sslrootcert" => return Err("has an sslrootcert: give that file in store.tls_ca_file".into()),
            known if TAKEN.contains(&known) => kept.push(one),
            own if SET_HERE.contains(&own) => {
                return Err(format!("has {own} behind the `?`, which this program sets itself: leave it out"));
            }
            other => return Err(unknown(other)),
        }
    }
    let place = if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) };
    let (user, password) = user.map_or((None, None), |user| match user.split_once(':') {
        Some((user, password)) => (Some(user), Some(password)),
        None => (Some(user), None),
    });
    if user.is_some_and(|user| user.contains(['/', '?', '#'])) {
        return Err(UNREADABLE.into());
    }
    let text = user.map_or_else(|| format!("{scheme}{place}"), |user| format!("{scheme}{user}@{place}"));
    let decoded = |password: &str| {
        let decoded = percent_encoding::percent_decode_str(password).decode_utf8();
        decoded.map(|p| SecretString::from(p.into_owned())).map_err(|_| "holds a password that is no UTF-8".to_owned())
    };
    let password = password.filter(|p| !p.is_empty()).map(decoded).transpose()?;
    // What is written wrongly there may be a part of a password.
    let read: tokio_postgres::Config = text.parse().map_err(|_| UNREADABLE.to_owned())?;
    if read.get_hosts().is_empty() {
        return Err("names no host".into());
    }
    let (hosts, addresses, ports) = (read.get_hosts(), read.get_hostaddrs(), read.get_ports());
    if !addresses.is_empty() && addresses.len() != hosts.len() {
        return Err(format!("names {} hosts and {} addresses (hostaddr)", hosts.len(), addresses.len()));
    }
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(format!(
            "names {} hosts and {} ports: one port for all, or one for each",
            hosts.len(),
            ports.len()
        ));
    }
    if ports.contains(&0) {
        return Err("names the port 0".into());
    }
    let here = |(at, host): (usize, &Host)| {
        let is_named = match host {
            Host::Tcp(name) => is_this_machine(name),
            Host::Unix(_) => true,
        };
        is_named && addresses.get(at).is_none_or(std::net::IpAddr::is_loopback)
    };
    let is_local = hosts.iter().enumerate().all(here);
    Ok(ServerUrl { text, password, asked, is_local })
}

/// A name that is none may be a part of a secret.
fn unknown(name: &str) -> String {
    let is_name = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let name = if is_name { name } else { "something" };
    format!("has {name} behind the `?`, which is not known there: only {}, sslmode are", TAKEN.join(", "))
}

fn asked_by(sslmode: &str) -> Result<Asked, String> {
    match sslmode {
        "disable" => Ok(Asked::Nothing),
        "allow" | "prefer" => Ok(Asked::IfOffered),
        "require" | "verify-ca" | "verify-full" => Ok(Asked::Verified),
        _ => Err("has an sslmode that PostgreSQL does not know".into()),
    }
}

/// What is encrypted; `None`: less than this program takes without being told to. What goes to this machine is not, unless it is
/// asked for: by the URL, or by a file of authorities that nothing else would need.
fn encryption(url: &ServerUrl, ca_file: bool, insecure: bool) -> Option<Encryption> {
    let weak = |tls: HostTls| insecure.then_some(tls);
    let (here, elsewhere) = match url.asked {
        Some(Asked::Verified) => (HostTls::Required, Some(HostTls::Required)),
        Some(Asked::Nothing) => (HostTls::Never, weak(HostTls::Never)),
        Some(Asked::IfOffered) => (HostTls::Offered, weak(HostTls::Offered)),
        None if ca_file => {
            let all = weak(HostTls::Offered).unwrap_or(HostTls::Required);
            (all, (!url.is_local).then_some(all))
        }
        None => (HostTls::Never, Some(weak(HostTls::Offered).unwrap_or(HostTls::Required))),
    };
    (url.is_local || elsewhere.is_some()).then_some(Encryption { here, elsewhere })
}

/// What the section says besides the URL; in test mode a server of another machine is refused.
pub(super) fn server(
    r: &mut Reader,
    s: &mut Section,
    url: Found<ServerUrl>,
    test: &mut TestMode,
    beside: PathBuf,
) -> Option<StoreServer> {
    let before = r.problems.len();
    let key = url.key.clone();
    let Found { value, origin, layer, .. } = test.local(r, &key, Some(url), |url| url.is_local, None)?;
    let password = password(r, s);
    let from_url = value.password.is_some();
    if from_url && matches!(layer, Layer::File | Layer::Flag) {
        let what = "holds a password, which others can read there";
        let form = "it in store.password_file, or in the environment variable DISPATCHCTL_STORE__PASSWORD";
        r.wrong(origin.clone(), &key, what, form);
    } else if let (true, Some(other)) = (from_url, password.as_ref().filter(|other| other.layer == layer)) {
        let what = format!("holds a password, and {} ({}) gives one too", other.key, other.origin);
        r.wrong(origin.clone(), &key, what, "one of the two");
    }
    let rest = Rest::read(r, s);
    let encryption = encryption(&value, rest.tls_ca_file.is_some(), rest.is_insecure);
    if encryption.is_none() {
        let what = "asks by its sslmode for less than an encrypted connection to a server that is verified";
        r.wrong(origin.clone(), &key, what, "sslmode=verify-full, or store.insecure = true");
    }
    r.show(&key, value.text.clone(), &origin);
    // The stronger place counts, as everywhere.
    let given = value.password.filter(|_| password.as_ref().is_none_or(|other| layer > other.layer));
    let given = given.map(|text| Password::Text(text.expose_secret().to_owned()));
    let password = given.or(password.map(|f| f.value)).unwrap_or(Password::None);
    let password_seen = match &password {
        Password::File(path) => read_text(path, SECRET_BYTES_MAX).ok().map(SecretString::from),
        Password::None | Password::Text(_) => None,
    };
    let server = StoreServer {
        url: PostgresUrl::new(value.text).with_password(password).with_tls(encryption?, rest.tls_ca_file),
        password_seen,
        is_async_failover_taken: rest.is_async_failover_taken,
        beside,
    };
    (r.problems.len() == before).then_some(server)
}

/// Where there is no server, what is said of one counts for nothing.
pub(super) fn unused(r: &mut Reader, s: &mut Section) {
    password(r, s);
    Rest::read(r, s);
}

/// What is said of a server besides its URL and password.
struct Rest {
    tls_ca_file: Option<PathBuf>,
    is_insecure: bool,
    is_async_failover_taken: bool,
}

impl Rest {
    fn read(r: &mut Reader, s: &mut Section) -> Self {
        let file = r.text(s, "tls_ca_file", "the path of a file of certificates (PEM)");
        let tls_ca_file = file.map(|f| {
            let path = resolve(&r.cwd, &f.origin, &f.value);
            r.show(&f.key, path.display().to_string(), &f.origin);
            path
        });
        let is_insecure = r.boolean(s, "insecure").is_some_and(|f| f.value);
        let is_async_failover_taken = r.boolean(s, "async_failover").is_some_and(|f| f.value);
        Self { tls_ca_file, is_insecure, is_async_failover_taken }
    }
}

/// That the file cannot be read is no fault here: it is read at each connection.
fn password(r: &mut Reader, s: &mut Section) -> Option<Found<Password>> {
    let given = r.text(s, "password", PASSWORD_FORM);
    let file = r.text(s, "password_file", "the path of a file that holds the password");
    match (given, file) {
        (Some(a), Some(b)) if a.layer == b.layer => {
            let what = format!("is given, and {} ({}) too", b.key, b.origin);
            r.wrong(a.origin, &a.key, what, "one of the two");
            None
        }
        (Some(a), b) if b.as_ref().is_none_or(|b| a.layer > b.layer) => {
            if a.value.chars().any(char::is_control) {
                r.wrong(a.origin, &a.key, "holds a control character", "the password alone");
                return None;
            }
            r.show(&a.key, MASK, &a.origin);
            let value = Password::Text(a.value);
            Some(Found { value, key: a.key, origin: a.origin, layer: a.layer })
        }
        (_, Some(b)) => {
            let path = resolve(&r.cwd, &b.origin, &b.value);
            r.show(&b.key, path.display().to_string(), &b.origin);
            Some(Found { value: Password::File(path), key: b.key, origin: b.origin, layer: b.layer })
        }
        (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_server_is_taken_apart_and_an_error_holds_nothing_of_it() {
        use secrecy::ExposeSecret as _;
        for (text, bare, password, is_local) in [
            ("postgres://sam@localhost/shop", "postgres://sam@localhost/shop", None, true),
            ("postgresql://sam:hush@127.0.0.1:5433/shop", "postgresql://sam@127.0.0.1:5433/shop", Some("hush"), true),
            ("postgres://sam:h%40s:h@a,b:5433/shop", "postgres://sam@a,b:5433/shop", Some("h@s:h"), false),
            ("postgres://sam:hu?s/h@a/shop", "postgres://sam@a/shop", Some("hu?s/h"), false),
            ("postgres://sam@/shop?host=/run/x", "postgres://sam@/shop?host=/run/x", None, true),
            ("postgres://sam@[::1]/shop", "postgres://sam@[::1]/shop", None, true),
            ("postgres://sam@localhost,db/shop", "postgres://sam@localhost,db/shop", None, false),
            (
                "postgres://sam@localhost/s?hostaddr=192.0.2.1",
                "postgres://sam@localhost/s?hostaddr=192.0.2.1",
                None,
                false,
            ),
        ] {
            let url = parse_server(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((url.text.as_str(), url.is_local), (bare, is_local), "{text}");
            assert_eq!(url.password.as_ref().map(|p| p.expose_secret()), password, "{text}");
        }
        for (text, why) in [
            ("postgres:hush", "begins with neither"),
            ("POSTGRES://hush@h/d", "begins with neither"),
            ("postgres://sam@h/d?password=hush", "password_file"),
            ("postgres://sam@h/d?pass%77ord=hush", "password_file"),
            ("postgres://hush/d?options=a@b", "%3F"),
            ("postgres://sam@h/d?pgbouncer=true", "has pgbouncer behind the `?`"),
            ("postgres://sam@h/d?hu-sh=1", "has something behind the `?`"),
            ("postgres://sam@h/d?options=-cx%3Dy&connect_timeout=3", "has connect_timeout behind the `?`"),
            ("postgres://sam@h/d?target_session_attrs=any", "this program sets itself"),
            ("postgres://sam@/d?host=a&host=b&host=c&port=1,2", "names 3 hosts and"),
            ("postgres://sam@a,b/d?hostaddr=127.0.0.1", "2 hosts and 1 addresses"),
            ("postgres://sam@h:0/d", "port 0"),
            ("postgres://sam@h:hush/d", "%3F"),
            ("postgres://sam:p@hush@h/d", "%40"),
            ("postgres://sam:p@x?hush&3@db/shop", "%40"),
            ("postgres://sam@h/d?sslmode=hush", "sslmode"),
            ("postgres://sam@h/d?sslrootcert=hush", "tls_ca_file"),
            ("postgres:///hush", "names no host"),
            ("postgres://", "names no host"),
        ] {
            let e = parse_server(text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(e.contains(why) && !e.contains("hush") && !e.contains("sh@"), "{text}: {e}");
        }
    }

    #[test]
    fn what_goes_to_another_machine_is_encrypted_and_verified_unless_an_operator_says_otherwise() {
        use HostTls::{Never, Offered, Required};
        for (text, ca_file, insecure, wanted) in [
            ("postgres://sam@localhost/s", false, false, Some((Never, Some(Required)))),
            ("postgres://sam@localhost/s", true, false, Some((Required, None))),
            ("postgres://sam@localhost/s", true, true, Some((Offered, None))),
            ("postgres://sam@localhost/s?sslmode=verify-full", false, false, Some((Required, Some(Required)))),
            ("postgres://sam@localhost/s?sslmode=prefer", false, false, Some((Offered, None))),
            ("postgres://sam@localhost/s?sslmode=disable", false, false, Some((Never, None))),
            ("postgres://sam@db/s", false, false, Some((Never, Some(Required)))),
            ("postgres://sam@db/s", true, false, Some((Required, Some(Required)))),
            ("postgres://sam@localhost,db/s", false, false, Some((Never, Some(Required)))),
            ("postgres://sam@localhost,db/s", true, false, Some((Required, Some(Required)))),
            ("postgres://sam@localhost,db/s", false, true, Some((Never, Some(Offered)))),
            ("postgres://sam@localhost,db/s?sslmode=require", false, false, Some((Required, Some(Required)))),
            ("postgres://sam@localhost,db/s?sslmode=disable", false, false, None),
            ("postgres://sam@localhost/s?hostaddr=192.0.2.1", false, false, Some((Never, Some(Required)))),
            ("postgres://sam@db/s?sslmode=require", false, false, Some((Required, Some(Required)))),
            ("postgres://sam@db/s?sslmode=prefer", false, false, None),
            ("postgres://sam@db/s?sslmode=disable&application_name=x", false, false, None),
            ("postgres://sam@db/s", false, true, Some((Never, Some(Offered)))),
            ("postgres://sam@db/s?sslmode=disable", false, true, Some((Never, Some(Never)))),
            ("postgres://sam@db/s?sslmode=verify-full", false, true, Some((Required, Some(Required)))),
        ] {
            let url = parse_server(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!(!url.text.contains("sslmode"), "{}", url.text);
            let got = encryption(&url, ca_file, insecure).map(|e| (e.here, e.elsewhere));
            assert_eq!(got, wanted, "{text} {ca_file} {insecure}");
        }
    }
}
