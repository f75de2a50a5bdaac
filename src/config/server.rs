//! `[server]`: the listeners, the public URL and the tokens.

use std::net::{Ipv4Addr, SocketAddr};

use secrecy::ExposeSecret;

use super::env::PORT_KEY;
use super::forms::{URL_FORM, is_loopback, parse_plain_url, why_unreachable, written_host};
use super::people::place;
use super::raw::Value;
use super::read::{Found, Reader, Section};
use super::test_mode::TestMode;
use super::types::{Part, Server, Token, TokenScope, Twilio};
use crate::domain::types::Actor;

/// A free port on this machine.
const FREE_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A shorter bearer token is warned of.
const TOKEN_CHARS_ADVISED: usize = 16;

pub(super) fn server(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Server {
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
    let base_path = super::board::base_path(r, &mut s);
    let trusted_proxies = super::proxies::trusted_proxies(r, &mut s);
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
        base_path,
        trusted_proxies,
    }
}

/// Warns of a public URL that the provider cannot call.
pub(super) fn unreachable_url(r: &mut Reader, server: &Server, twilio: Option<&Twilio>, is_test: bool) {
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
        let words = [("dispatch", TokenScope::Dispatch), ("operate", TokenScope::Operate), ("read", TokenScope::Read)];
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
