//! No secret in an error, in `Debug`, in `config show`; and files instead of values.

use secrecy::ExposeSecret;

use super::*;

/// Every secret of `full.toml`.
const SECRETS: &[&str] = &[
    "sample-intake-token",
    "sample-store-password",
    "sample-desk-token",
    "sample-auth-token",
    "sample-previous-token",
    "sample-api-secret",
    "sample-airtable-token",
    "sample-hook-secret",
    "c2FtcGxlLXNpZ25pbmcta2V5LW9mLWFsZXJ0cw",
    "sample-routing-key",
    "sample-ntfy-topic",
    "sample-ntfy-token",
    "sample-pushover-token",
    "sample-pushover-user",
    "sample-events-path",
    "c2FtcGxlLXNpZ25pbmcta2V5LW9mLWV2ZW50cw",
    "sample-ping-secret",
    "sample-smtp-password",
    "sample-retell-key",
    "sample-vapi-secret",
    "sample-vapi-key",
    "sample-answering-token",
    "sample-calendar-path",
];

fn assert_clean(label: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{label} holds {secret}:\n{text}");
    }
    // The number that ends in 01 is the example of the accepted form.
    let text = text.replace("E.164, like +19495550101", "");
    assert!(!text.contains("949555010"), "{label} holds a phone number:\n{text}");
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let full = fixture("full.toml");
    for secret in SECRETS {
        assert!(full.contains(secret), "{secret} is not in the fixture");
    }
    for b in [Bench::new().toml(&full), Bench::new().toml(&full).test_mode()] {
        let c = b.load();
        assert_clean("debug", &format!("{c:?}"));
        assert_clean("sources", &format!("{:?}", b.sources));
        for row in c.shown() {
            assert_clean("show", &row.value);
        }
        assert_clean("warnings", &format!("{:?} {:?}", c.warnings, c.replaced));
    }
    let rows = Bench::new().toml(&full).load().shown();
    let value = |key: &str| rows.iter().find(|r| r.key == key).map(|r| r.value.as_str());
    assert_eq!(value("twilio.auth_token"), Some("****"));
    assert_eq!(value("contacts[0].phone"), Some("+1949•••0101"));
    assert_eq!(value("alerts.sinks[0].url"), Some("https://hooks.example.com/****"));
    assert_eq!((value("alerts.sinks[1].secret"), value("alerts.sinks[2].token")), (Some("****"), Some("****")));
}

#[test]
fn a_file_that_is_broken_anywhere_is_told_without_its_secrets() {
    let full = fixture("full.toml");
    let mut seen = 0;
    for (at, _) in full.match_indices('"') {
        // A quote lost, a quote too many, a value turned into another type, a line cut short.
        for broken in [
            format!("{}{}", &full[..at], &full[at + 1..]),
            format!("{}\"{}", &full[..at], &full[at..]),
            format!("{}7 {}", &full[..at], &full[at..]),
            full[..at].to_owned(),
            format!("{}\" {}", &full[..at], &full[at + 1..]),
        ] {
            let e = Bench::new().toml(&broken).errors();
            assert_clean("error", &e);
            seen += usize::from(!e.is_empty());
        }
    }
    // A secret pasted where a key belongs, a key that is spelled wrongly before one.
    for secret in SECRETS {
        assert_clean("stray", &Bench::new().toml(&format!("{full}\n{secret}")).errors());
    }
    for (key, _) in full.lines().filter_map(|l| l.split_once(" = ")) {
        // A quoted key is misspelled inside of its quotes.
        let wrong = key.strip_suffix('"').map_or_else(|| format!("{key}x"), |inner| format!("{inner}x\""));
        let e = Bench::new().toml(&full.replacen(&format!("{key} = "), &format!("{wrong} = "), 1)).errors();
        let word = wrong.rsplit(' ').next().unwrap_or(&wrong).trim_matches('"');
        assert!(e.to_lowercase().contains(&word.to_lowercase()), "{key}: {e}");
        assert_clean("misspelled", &e);
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_secret_may_be_a_file() {
    let toml = "[twilio]\naccount_sid = \"AC00000000000000000000000000000001\"\nfrom = \"12345\"\nauth_token_file = \"token\"\n";
    for (content, want) in [("abc", "abc"), ("abc\n", "abc"), ("abc\r\n", "abc")] {
        let c = Bench::new().toml(toml).file("token", content).load();
        assert_eq!(c.twilio_required().expect("complete").auth_token.expose_secret(), want, "{content:?}");
    }
    for (label, content, want) in [("empty", "\n", "is empty"), ("large", &"x".repeat(70_000), "larger")] {
        let c = Bench::new().toml(toml).file("token", content).load();
        let e = c.twilio_required().expect_err(label).to_string();
        assert!(e.contains("dispatchctl.toml:4: twilio.auth_token_file") && e.contains(want), "{label}: {e}");
    }
    let e = Bench::new().toml(toml).file("token", "hush hush\n").errors();
    assert!(e.contains("dispatchctl.toml:4") && e.contains("the credential alone") && !e.contains("hush"), "{e}");
    let c = Bench::new().toml(toml).file("token", "file").env("TWILIO_AUTH_TOKEN", "env").load();
    assert_eq!(c.twilio_required().expect("complete").auth_token.expose_secret(), "env", "the stronger place counts");
    let b = Bench::new().toml(toml).file("x", "env-file").env("DISPATCHCTL_TWILIO__AUTH_TOKEN_FILE", "x");
    assert_eq!(b.load().twilio_required().expect("complete").auth_token.expose_secret(), "env-file");
}

#[test]
fn the_names_that_operators_have_name_files_too() {
    let bench = || {
        let sid = "AC00000000000000000000000000000001";
        let b = Bench::new().env("TWILIO_ACCOUNT_SID", sid).env("TWILIO_PHONE_NUMBER", "12345");
        let b =
            b.env("AIRTABLE_BASE_ID", "app00000000000000").env("TWILIO_API_KEY", "SK00000000000000000000000000000001");
        b.file("secret", "of-a-file\n")
    };
    let named = ["TWILIO_AUTH_TOKEN", "TWILIO_API_SECRET", "AIRTABLE_API_KEY"];
    let c = named.iter().fold(bench(), |b, name| b.env(&format!("{name}_FILE"), "secret")).load();
    let t = c.twilio_required().expect("complete");
    assert_eq!(t.auth_token.expose_secret(), "of-a-file");
    assert_eq!(t.api_key.as_ref().expect("a key").1.expose_secret(), "of-a-file");
    assert!(c.airtable_required().expect("complete").is_some());
    // In `.env` as well.
    let lines: String = named.iter().map(|name| format!("{name}_FILE=secret\n")).collect();
    let c = bench().file(".env", &lines).load();
    assert_eq!(c.twilio_required().expect("complete").auth_token.expose_secret(), "of-a-file");
    for name in named {
        let gone =
            named.iter().fold(bench(), |b, n| b.env(&format!("{n}_FILE"), if *n == name { "gone" } else { "secret" }));
        let c = gone.load();
        let why = match name {
            "AIRTABLE_API_KEY" => c.airtable_required().map(|_| ()).expect_err(name).to_string(),
            _ => c.twilio_required().map(|_| ()).expect_err(name).to_string(),
        };
        assert!(why.contains(&format!("{name}_FILE")) && why.contains("cannot read"), "{why}");
    }
    // As entrypoints of containers leave it that have read the file.
    let both = bench().env("TWILIO_AUTH_TOKEN", "hush").env("TWILIO_AUTH_TOKEN_FILE", "gone");
    let both = both.env("TWILIO_API_SECRET", "of-the-key").load();
    assert_eq!(both.twilio_required().expect("complete").auth_token.expose_secret(), "hush");
}

#[test]
fn a_missing_secret_stops_only_what_needs_it() {
    let toml = format!(
        "{TWILIO}api_key = \"SK00000000000000000000000000000001\"\n[airtable]\nbase_id = \"app00000000000000\"\n\
         [[server.tokens]]\nname = \"a\"\ntoken_file = \"gone\"\nscope = \"read\"\n\
         [[alerts.sinks]]\nkind = \"webhook\"\nurl_file = \"gone\"\n"
    );
    let c = Bench::new().toml(&toml).load();
    for (part, key) in [
        (Part::Twilio, "twilio.api_secret"),
        (Part::Airtable, "airtable.token"),
        (Part::Server, "server.tokens[0].token_file"),
        (Part::Alerts, "alerts.sinks[0].url_file"),
    ] {
        let e = c.check(&[part]).expect_err(key).to_string();
        assert!(e.contains(key) && e.lines().count() == 1, "{e}");
    }
    assert!(c.airtable_required().is_err() && c.twilio_required().is_err());
}

#[test]
fn an_intake_is_off_until_its_secret_is_given_and_its_name_is_a_path() {
    let off = Bench::new().load();
    assert!(off.intake.retell.is_none() && off.intake.vapi.is_none() && off.intake.custom.is_empty());
    let c = Bench::new().toml("[intake.retell]\napi_key_file = \"key\"\n").file("key", "key_test_0123456789\n").load();
    assert_eq!(c.intake.retell.expect("on").api_key.expose_secret(), "key_test_0123456789");
    let c = Bench::new().env("DISPATCHCTL_INTAKE__VAPI__HMAC_SECRET", "invented-vapi-hmac").load();
    assert!(c.intake.vapi.is_some_and(|v| v.secret.is_none() && v.hmac_secret.is_some()));
    let c = Bench::new().toml("[intake.custom.desk]\nhmac_header = \"X-Hook\"\n").load();
    assert!(
        c.intake.custom.is_empty() && c.warnings.iter().any(|w| w.contains("intake.custom.desk") && w.contains("off"))
    );
    for (toml, says) in [
        ("[intake.custom.vapi]\ntoken = \"invented-desk-token\"", "intake.custom.vapi"),
        ("[intake.custom.\"a/b\"]\ntoken = \"invented-desk-token\"", "is no name for an intake"),
        ("[intake.retell.fields]\nissue_summary = [\"call..x\"]", "holds an empty key"),
        ("[intake.retell.fields]\nissue_sumary = [\"x\"]", "did you mean `intake.retell.fields.issue_summary`"),
        ("[intake.custom.desk]\ntoken = \"invented-desk-token\"\nhmac_header = \"a b\"", "is no name of a header"),
    ] {
        let e = Bench::new().toml(toml).errors();
        assert!(e.contains(says), "{toml}: {e}");
    }
}

#[test]
fn the_paths_of_an_intake_are_settings_in_force_and_its_secrets_are_not() {
    let toml = "[intake.retell]\napi_key = \"canary-retell-key\"\n[intake.vapi]\nsecret_file = \"vapi\"\n\
        [intake.custom.desk]\ntoken = \"canary-desk-token\"\nhmac_secret = \"canary-desk-hmac\"\n\
        [intake.custom.desk.fields]\naddress = [\"location\"]\n";
    let c = Bench::new().toml(toml).file("vapi", "canary-vapi-secret").load();
    for text in [c.documents.decides.to_string(), c.documents.places.to_string(), format!("{c:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(c.shown().iter().all(|row| !row.value.contains("canary")));
    assert_eq!(c.documents.decides["intake"]["custom"]["desk"]["fields"]["address"], serde_json::json!(["location"]));
    assert_eq!(c.documents.typed_secrets.iter().filter(|k| k.starts_with("intake.")).count(), 3);
}

#[test]
fn a_list_of_phone_calls_is_off_until_it_is_named_and_asked_for_with_a_key() {
    let lists = |toml: &str| {
        let c = Bench::new().toml(toml).load();
        let lists: Vec<(&str, u64)> = c.intake.lists.iter().map(|l| (l.source(), l.every.as_secs())).collect();
        (lists, c.warnings.iter().filter(|w| w.contains("it is off")).count())
    };
    let key = "api_key = \"invented-key-of-a-test\"\n";
    for (toml, want, warned) in [
        (String::new(), vec![], 0),
        (format!("[intake.retell]\n{key}"), vec![], 0),
        (format!("[intake.retell]\n{key}list = false\n"), vec![], 0),
        (format!("[intake.retell]\n{key}list = true\n"), vec![("retell", 60)], 0),
        ("[intake.retell]\nlist = true\n".to_owned(), vec![], 1),
        (format!("[intake.vapi]\n{key}list = \"30s\"\n"), vec![("vapi", 30)], 0),
        ("[intake.vapi]\nsecret = \"invented-vapi-token\"\nlist = true\n".to_owned(), vec![], 1),
        ("[intake.twilio]\nlist = true\n".to_owned(), vec![("twilio", 60)], 0),
    ] {
        assert_eq!(lists(&toml), (want, warned), "{toml}");
    }
    for (toml, says) in [
        ("[intake.twilio]\nlist = \"2h\"", "intake.twilio.list: is neither yes nor no"),
        ("[intake.twilio]\nlist = 60", "intake.twilio.list"),
        ("[intake.twilio]\nhung_up = [\"status\"]", "without = or <"),
        ("[intake.twilio]\nbase_url = \"https://x.example\"", "intake.twilio.base_url"),
        ("[intake.custom.twilio]\ntoken = \"invented-desk-token\"", "is no name for an intake"),
    ] {
        let e = Bench::new().toml(toml).errors();
        assert!(e.contains(says), "{toml}: {e}");
    }
    let away = "[intake.vapi]\napi_key = \"canary-vapi-key\"\nlist = true\nbase_url = \"https://vapi.example\"\n";
    let c = Bench::new().toml(away).test_mode().load();
    assert!(format!("{:?}", c.intake.lists).contains("127.0.0.1") && !format!("{c:?}").contains("canary"));
    let c = Bench::new().toml(away).load();
    assert!(!c.documents.decides.to_string().contains("vapi.example"), "an address is each process's own");
}
