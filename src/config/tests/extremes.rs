//! Every key over the whole range of what can be written: reading never panics, and what is accepted never makes anything
//! panic or wait for years.

use std::time::Duration;

use super::*;
use crate::domain::Timestamp;

/// As TOML writes them; texts also go through the environment.
const TEXTS: &[&str] = &[
    "",
    " ",
    "0s",
    "1ms",
    "366d",
    "367d",
    "8784h",
    "18446744073709551615d",
    "99999999999999999999999999s",
    "-1s",
    "1e9s",
    "0",
    "-0",
    "-1",
    "1e-20",
    "1e-308",
    "1e308",
    "inf",
    "NaN",
    "340282366920938463463374607431768211455",
    "65536",
    "0.0.0.0:0",
    "[::1%1]:1",
    "127.0.0.1:65536",
    "http://[::1",
    "https://:443",
    "https://a.example:0/{x}/*y/:z",
    "sqlite:",
    "postgres://u:p@h/d",
    "\u{fffd}",
    "+",
    "+1",
    "é🙂",
    "a,,b",
    "true",
    "{{",
    "../../../../etc",
];
const OTHERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "-0.0",
    "1e-20",
    "5e-324",
    "0.0099",
    "0.01",
    "1000.0",
    "1000.1",
    "1e308",
    "inf",
    "-inf",
    "nan",
    "true",
    "[]",
    "[0]",
    "[\"\"]",
    "[[]]",
    "{}",
    "{ x = 1 }",
    "1979-05-27T07:32:00Z",
];
/// Keys without a default, or inside of lists.
const MORE: &[&str] = &[
    "twilio.account_sid",
    "twilio.auth_token",
    "twilio.auth_token_previous",
    "twilio.api_key",
    "twilio.api_secret",
    "twilio.from",
    "twilio.messaging_service_sid",
    "airtable.token",
    "airtable.base_id",
    "policies.normal.steps",
    "contacts",
    "lines",
    "server.tokens",
    "alerts.sinks",
    "templates.notice",
];

/// What is accepted, put to use where numbers are reckoned with.
fn put_to_use(label: &str, c: &Config) {
    let now = Timestamp::from_millis(1_795_313_040_000);
    let year = Duration::from_secs(366 * 86_400);
    let d = &c.delivery;
    let mut waits = vec![d.status_timeout, d.poll_after, d.settle, d.resend_pause, c.alerts.late_follow_up];
    if let Some(t) = &c.twilio {
        waits.extend([t.connect_timeout, t.request_timeout, t.validity]);
        let rate = t.messages_per_second;
        assert!(rate == 0.0 || (0.01..=1_000.0).contains(&rate), "{label}: {rate}");
    }
    if let Some(a) = &c.airtable {
        waits.extend(a.adopt_every);
        waits.extend(match a.mirror {
            MirrorPace::Batched(every) => Some(every),
            MirrorPace::Realtime => None,
        });
        assert!(a.requests_per_second >= 0.01 && a.requests_per_second.is_finite(), "{label}");
    }
    waits.extend(c.heartbeat.as_ref().map(|h| h.every));
    for wait in waits {
        assert!(wait <= year && now.plus(wait) >= now && now.minus(wait) <= now, "{label}: {wait:?}");
        let _ = (wait * 3, now.plus(wait).rfc3339());
    }
    for policy in c.directory.default_line.policies.values() {
        let whole = (0..=policy.total_steps()).fold(now, |at, step| at.plus(policy.wait_before(step)));
        assert!(whole.since(now) <= year, "{label}: {whole}");
    }
    for row in c.shown() {
        let _ = format!("{row:?}");
    }
}

fn look(label: &str, bench: &Bench) -> bool {
    let Ok(config) = load(&bench.sources) else { return false };
    put_to_use(label, &config);
    true
}

#[test]
fn no_value_of_any_key_makes_reading_panic_or_what_is_read_wait_for_years() {
    let mut keys: Vec<String> = Bench::new().load().origins.keys().filter(|k| !k.contains('[')).cloned().collect();
    // One field's name of the base is read like another.
    keys.retain(|k| !k.starts_with("airtable.fields.") || k == "airtable.fields.events.event_id");
    keys.extend(MORE.iter().map(|k| (*k).to_owned()));
    let (mut accepted, mut refused) = (0, 0);
    let mut bench = Bench::new();
    for key in &keys {
        let first = if key == "airtable.mirror" { "" } else { "airtable.mirror = \"batched\"\n" };
        let texts = TEXTS.iter().map(|text| format!("{text:?}").replace("\\u{fffd}", "\u{fffd}"));
        for (i, value) in texts.chain(OTHERS.iter().map(|o| (*o).to_owned())).enumerate() {
            bench = bench.toml(&format!("{first}{key} = {value}\n"));
            bench.sources.flag_test_mode = i % 2 == 1;
            if look(&format!("{key} = {value}"), &bench) { accepted += 1 } else { refused += 1 }
        }
    }
    // A variable's text is read where a file's must have the type.
    bench = bench.toml("");
    for key in &keys {
        let name = format!("DISPATCHCTL_{}", key.to_uppercase().replace('.', "__"));
        for value in TEXTS {
            bench.sources.env = vec![("HOME".into(), "/nowhere".into()), (name.clone(), (*value).to_owned())];
            if look(&format!("{name}={value}"), &bench) { accepted += 1 } else { refused += 1 }
        }
    }
    assert!(accepted > 500 && refused > 2_000, "{accepted} {refused}");
}

#[test]
fn a_rate_at_which_nobody_would_be_told_is_refused() {
    for (rate, ok) in [("0", true), ("0.0", true), ("0.01", true), ("1000", true), ("1e-20", false), ("0.009", false)] {
        let bench = Bench::new().toml(&format!("[twilio]\nmessages_per_second = {rate}\n"));
        let errors = bench.errors();
        assert_eq!(errors.is_empty(), ok, "{rate}: {errors}");
        assert!(
            ok || errors.contains("twilio.messages_per_second")
                && errors.contains("0 (unlimited), or a number from 0.01"),
            "{errors}"
        );
    }
}

#[test]
fn a_wait_that_nobody_would_live_to_see_is_refused_with_its_bounds() {
    for (text, words) in [
        ("[twilio]\nrequest_timeout = \"1h\"", "from \"1ms\" to \"2m\""),
        ("[delivery]\nsettle = \"300d\"", "from \"1ms\" to \"24h\""),
        ("[delivery]\nstatus_timeout = \"73h\"", "from \"1ms\" to \"72h\""),
        ("[delivery]\nresend_pause = \"2h\"", "from \"0s\" to \"1h\""),
        ("[alerts]\nlate_follow_up = \"0s\"", "is zero"),
        ("[policies.normal]\nsteps = [ { wait = \"31d\", notify = [\"primary\"] } ]", "at most 30 days"),
        ("[policies.normal]\nsteps = [ { wait = \"1h\", notify = [\"primary\"] } ]\nrepeat = 999", "at most 30 days"),
    ] {
        let errors = Bench::new().toml(text).errors();
        assert!(errors.contains(words), "{text}: {errors}");
    }
}

#[test]
fn a_public_url_that_the_provider_cannot_call_is_warned_of() {
    let token = "[[server.tokens]]\nname = \"a\"\ntoken = \"a-token-of-twenty-characters\"\nscope = \"read\"\n";
    for (url, words) in [
        ("https://192.168.1.5", "private network"),
        ("https://dispatch_box.example.com", "underscore"),
        ("http://127.0.0.1:3000", "this machine"),
        ("https://dispatch.example.com", ""),
    ] {
        let c = Bench::new().toml(&format!("[server]\npublic_url = \"{url}\"\n{token}{TWILIO}")).load();
        let warned: Vec<_> = c.warnings.iter().filter(|w| w.starts_with("server.public_url ")).collect();
        assert_eq!(warned.len(), usize::from(!words.is_empty()), "{url}: {warned:?}");
        assert!(warned.iter().all(|w| w.contains(words)), "{url}: {warned:?}");
    }
}

#[test]
fn what_does_nothing_is_warned_of() {
    let c = Bench::new().toml("[airtable]\nbase_id = \"app00000000000000\"\nbatch_every = \"5m\"\n").load();
    assert!(
        c.warnings.iter().any(|w| w.contains("airtable.batch_every") && w.contains("does nothing")),
        "{:?}",
        c.warnings
    );
}

/// A line of a configuration, or what looks like one.
fn line() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let heads = [
        "[twilio]",
        "[server]",
        "[store]",
        "[delivery]",
        "[[contacts]]",
        "[[lines]]",
        "[policies.normal]",
        "[alerts]",
        "[board]",
        "[[",
    ];
    let keys = [
        "from",
        "listen",
        "url",
        "settle",
        "id",
        "phone",
        "name",
        "steps",
        "number",
        "public_url",
        "auth_token",
        "no_such_key",
        "team",
    ];
    let values = [
        "\"\"",
        "\"30s\"",
        "\"+19495550101\"",
        "\"-1s\"",
        "7",
        "-1",
        "true",
        "[]",
        "[{}]",
        "{ wait = \"0s\" }",
        "\"hush-secret\"",
        "1e400",
        "2026-01-01",
        "\"",
    ];
    prop_oneof![
        prop::sample::select(heads.to_vec()).prop_map(str::to_owned),
        (prop::sample::select(keys.to_vec()), prop::sample::select(values.to_vec()))
            .prop_map(|(k, v)| format!("{k} = {v}")),
        "\\PC{0,20}",
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 96, ..Default::default() })]
    /// Any file is a configuration or a list of what is wrong with it; neither is a panic, and a secret stands in neither.
    #[test]
    fn any_file_is_read_or_refused(lines in proptest::collection::vec(line(), 0..14), whole: bool) {
        let start = if whole { TWILIO.replace("hush-auth", "hush-secret-of-twilio") } else { String::new() };
        let bench = Bench::new().toml(&format!("{}\n{start}", lines.join("\n")));
        let said = match load(&bench.sources) {
            Ok(config) => format!("{config:?}"),
            Err(e) => e.to_string(),
        };
        proptest::prop_assert!(!said.contains("hush-secret-of-twilio"), "{}", said);
    }
}
