//! The way to the server: its hosts in turn, the password, the encryption.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{self, unreachable, with_cause};
use super::tls;
use crate::domain::database::{HostTls, Password};
use crate::domain::mail::is_this_machine;
use crate::store::{NotAdmitted, PostgresUrl, StoreError};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// How long one host may take to let a user in.
const ADMIT_WITHIN: Duration = Duration::from_secs(5);
/// How long sent bytes may stay without an acknowledgement.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(3);
const KEEPALIVE: Duration = Duration::from_secs(1);
const KEEPALIVES: u32 = 3;
/// More than any password has.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// What comes from the server.
pub(super) type Incoming = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Connects to the first host of the URL that can be written to. Each is given its time: one that hangs keeps nobody from the next.
///
/// # Errors
/// [`StoreError::Open`]: the URL cannot be used, or each host refuses this user or is not the one that it must be;
/// [`StoreError::ReadOnly`]: each takes no writes; [`StoreError::Unreachable`].
pub(super) async fn connect(url: &PostgresUrl) -> Result<(Client, Incoming), StoreError> {
    let hosts = hosts(url)?;
    let is_encrypted = hosts.iter().any(|(_, host)| host.get_ssl_mode() != SslMode::Disable);
    let encryption = MakeRustlsConnect::new(if is_encrypted { tls::client(url)? } else { tls::none(url)? });
    let mut refused = Vec::new();
    let mut codes = Vec::new();
    let (mut is_lasting, mut is_read_only) = (true, true);
    for (name, host) in hosts {
        let why = match tokio::time::timeout(ADMIT_WITHIN, host.connect(encryption.clone())).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(e)) => {
                is_lasting &= errors::is_lasting(&e);
                is_read_only &= errors::is_read_only(&e);
                codes.extend(e.code().map(|code| code.code().to_owned()));
                with_cause(&e)
            }
            Err(_) => {
                (is_lasting, is_read_only) = (false, false);
                format!("no answer in {} s", ADMIT_WITHIN.as_secs())
            }
        };
        refused.push(format!("{name}: {why}"));
    }
    let why = refused.join("; ");
    Err(match codes.pop() {
        _ if is_read_only => StoreError::ReadOnly { what: why },
        _ if !is_lasting => unreachable(why),
        // What the last host says: of several, each is refused for the same in most cases.
        Some(code) => not_admitted(url, code, why),
        None => cannot(url, why),
    })
}

/// What a server says of its user or of the database, with the code of its answer.
pub(super) fn not_admitted(url: &PostgresUrl, code: impl Into<String>, what: impl Into<String>) -> StoreError {
    let source = NotAdmitted { code: code.into(), what: what.into() };
    StoreError::Open { path: url.to_string().into(), source: source.into() }
}

fn cannot(url: &PostgresUrl, why: impl Into<String>) -> StoreError {
    StoreError::Open { path: url.to_string().into(), source: why.into().into() }
}

/// How each host is connected to, with its name for people.
fn hosts(url: &PostgresUrl) -> Result<Vec<(String, Config)>, StoreError> {
    // What is wrong there may be a part of a password.
    let said: Config = url.whole().parse().map_err(|_| cannot(url, "its URL cannot be read"))?;
    let (hosts, addresses, ports) = (said.get_hosts(), said.get_hostaddrs(), said.get_ports());
    let count = hosts.len().max(addresses.len());
    let is_uneven = |of: usize, one: bool| of != 0 && of != count && !(one && of == 1);
    if count == 0 || is_uneven(hosts.len(), false) || is_uneven(addresses.len(), false) || is_uneven(ports.len(), true)
    {
        return Err(cannot(url, "its URL names no host, or not as many addresses or ports as hosts"));
    }
    let password = password(url)?;
    let one = |at: usize| -> Result<(String, Config), StoreError> {
        let way = ssl_mode(url, hosts.get(at), addresses.get(at));
        let way = way.ok_or_else(|| cannot(url, "what goes to another machine must be encrypted"))?;
        let mut config = Config::new();
        let mut name = String::new();
        match hosts.get(at) {
            Some(Host::Tcp(host)) => {
                config.host(host);
                name.clone_from(host);
            }
            Some(Host::Unix(path)) => {
                config.host_path(path);
                name = path.display().to_string();
            }
            None => {}
        }
        if let Some(address) = addresses.get(at) {
            config.hostaddr(*address);
            if name.is_empty() {
                name = address.to_string();
            }
        }
        config.port(*ports.get(at).or(ports.first()).unwrap_or(&5432));
        said.get_user().map(|user| config.user(user));
        said.get_dbname().map(|database| config.dbname(database));
        said.get_options().map(|options| config.options(options));
        password
            .as_ref()
            .or(said.get_password().map(<[u8]>::to_vec).as_ref())
            .map(|password| config.password(password));
        config
            .application_name(said.get_application_name().unwrap_or("dispatchctl"))
            .channel_binding(said.get_channel_binding())
            .ssl_negotiation(said.get_ssl_negotiation())
            .ssl_mode(way)
            .connect_timeout(CONNECT_WITHIN)
            .tcp_user_timeout(UNACKNOWLEDGED_MAX)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(KEEPALIVES)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok((name, config))
    };
    (0..count).map(one).collect()
}

/// How one host is talked to, whatever the others are; `None`: not at all.
fn ssl_mode(url: &PostgresUrl, host: Option<&Host>, address: Option<&IpAddr>) -> Option<SslMode> {
    let is_here = match (host, address) {
        // PostgreSQL encrypts nothing there. With an address it is not where the way leads.
        (Some(Host::Unix(_)), None) => return Some(SslMode::Disable),
        (Some(Host::Tcp(name)), _) if !is_this_machine(name) => false,
        (_, Some(address)) => address.is_loopback(),
        (host, None) => host.is_some(),
    };
    let encryption = url.encryption();
    Some(match if is_here { encryption.here } else { encryption.elsewhere? } {
        HostTls::Never => SslMode::Disable,
        HostTls::Offered => SslMode::Prefer,
        HostTls::Required => SslMode::Require,
    })
}

/// A file is read as it is at this moment: whoever changes a password changes the file, and no process needs a new start.
fn password(url: &PostgresUrl) -> Result<Option<Vec<u8>>, StoreError> {
    match url.password() {
        Password::None => Ok(None),
        Password::Text(text) => Ok(Some(text.clone().into_bytes())),
        Password::File(path) => password_in(path, url).map(Some),
    }
}

fn password_in(path: &Path, url: &PostgresUrl) -> Result<Vec<u8>, StoreError> {
    let read = File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map(|_| text)
    });
    let text = read.map_err(|e| cannot(url, format!("the password's file {} cannot be read: {e}", path.display())))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(cannot(url, format!("the password's file {} is empty", path.display()))),
        password => Ok(password.as_bytes().to_vec()),
    }
}
