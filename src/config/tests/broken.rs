//! Every mistake is named with its file, line, key and the accepted form, all of them at once.

use super::*;

/// (label, file, what the message must hold)
const MISTAKES: &[(&str, &str, &[&str])] = &[
    (
        "unknown key",
        "[server]\nlisten_on = \"x\"",
        &["dispatchctl.toml:2", "server.listen_on", "did you mean `server.listen`"],
    ),
    ("a line break in a key", "\"a\\nb\" = 1", &["dispatchctl.toml:1: a\\nb: is not a key"]),
    ("unknown table", "\n[sever]\nlisten = \"x\"", &["dispatchctl.toml:2", "sever", "did you mean `server`"]),
    (
        "key of another table",
        "[delivery]\nlate_follow_up = \"1s\"",
        &["dispatchctl.toml:2", "did you mean `alerts.late_follow_up`"],
    ),
    (
        "wrong type",
        "[delivery]\nresend_limit = \"2\"",
        &["dispatchctl.toml:2", "delivery.resend_limit", "is a text", "an integer from 0 to 10"],
    ),
    ("wrong type of a table", "server = 3", &["dispatchctl.toml:1", "server: is an integer", "a table"]),
    (
        "wrong type of a list",
        "[test]\nnumbers = \"+19495550101\"",
        &["dispatchctl.toml:2", "test.numbers", "is a text", "a list of texts"],
    ),
    (
        "wrong type in a list",
        "[test]\nnumbers = [\n\"+19495550101\",\n7]",
        &["dispatchctl.toml:4", "test.numbers[1]", "is an integer"],
    ),
    ("date", "name = 2026-01-01", &["dispatchctl.toml:1", "name", "is a date"]),
    (
        "a template that does not parse",
        "[templates]\nnotice = \"{{ issue\"",
        &["dispatchctl.toml:2", "templates.notice", "cannot be used"],
    ),
    ("a template with an unknown name", "[templates]\nreminder = \"{{ issues }}\"", &["dispatchctl.toml:2", "issues"]),
    (
        "a template that offers STOP",
        "[templates]\nnotice = \"{{ issue }} Reply STOP\"",
        &["dispatchctl.toml:2", "STOP"],
    ),
    (
        "a reply word of the provider",
        "[replies]\ntake = [\"voy\",\n\"Start\"]",
        &["dispatchctl.toml:3", "replies.take[1]", "\"Start\" is a word that the provider takes for itself"],
    ),
    (
        "a word of two levels",
        "[levels]\nhigh = [\"critical\"]\nmorning = [\"Critical\"]",
        &["levels.morning[0]", "\"Critical\" is a word of another level"],
    ),
    (
        "words of no policy",
        "[levels]\nsoon = [\"later\"]",
        &["dispatchctl.toml:2", "levels.soon[0]", "\"soon\" is no policy of this shop"],
    ),
    ("a keyword of signs", "[levels]\nkeywords = [\"!!\"]", &["levels.keywords[0]", "no letter and no digit"]),
    ("a morning of no clock", "[report]\nmorning = \"25:00\"", &["report.morning", "is no time of day"]),
    ("help as a reply word", "[replies]\npass = [\"HELP\"]", &["replies.pass[0]", "the provider takes for itself"]),
    (
        "a reply word of two lists",
        "[replies]\ntake = [\"vale\", \"va\"]\ndone = [\"VÁ\"]",
        &["replies.done[0]", "\"VÁ\" says something else already"],
    ),
    ("a soft word as a plain one", "[replies]\ntake = [\"Okay\"]", &["replies.take[0]", "says something else already"]),
    ("a digit of another meaning", "[replies]\ntake = [\"2\"]", &["replies.take[0]", "says something else already"]),
    ("a number as a reply word", "[replies]\ndone = [\"9\"]", &["replies.done[0]", "\"9\" is a number"]),
    ("a code as a reply word", "[replies]\ndone = [\"7k3q\"]", &["replies.done[0]", "may be the code of a call"]),
    ("a condition as a reply word", "[replies]\ntake = [\"yes if needed\"]", &["replies.take[0]", "holds a condition"]),
    (
        "a question as a reply word",
        "[replies]\ntake = [\"voy?\"]",
        &["replies.take[0]", "is no word or phrase of at most 40"],
    ),
    ("a reply word of nothing", "[replies]\ntake = [\" \u{200b}\"]", &["replies.take[0]", "is no word or phrase"]),
    ("text for yes", "[delivery]\nstand_down = \"yes\"", &["dispatchctl.toml:2", "is a text", "true or false"]),
    ("syntax", "[server]\nlisten = \n", &["dispatchctl.toml:2", "not valid TOML", "key = \"value\""]),
    ("duplicate key", "name = 'a'\nname = 'b'", &["dispatchctl.toml:2", "not valid TOML"]),
    (
        "not a duration",
        "[delivery]\nsettle = \"5 minutes\"",
        &["dispatchctl.toml:2", "delivery.settle", "\"5 minutes\" is not a duration", "1h30m"],
    ),
    ("bare number as duration", "[delivery]\nsettle = 60", &["dispatchctl.toml:2", "is an integer", "1h30m"]),
    (
        "zero where time must pass",
        "[delivery]\npoll_after = \"0s\"",
        &["dispatchctl.toml:2", "delivery.poll_after", "is zero"],
    ),
    (
        "a heartbeat oftener than a second",
        "[heartbeat]\nurl = \"https://ping.example.com/x\"\nevery = \"999ms\"",
        &["dispatchctl.toml:3", "heartbeat.every", "is out of range", "1s"],
    ),
    (
        "settle within the request",
        "[delivery]\nsettle = \"15s\"",
        &["dispatchctl.toml:2", "delivery.settle", "more than twilio.request_timeout (15s)"],
    ),
    (
        "connect longer than all",
        "[twilio]\nconnect_timeout = \"20s\"",
        &["dispatchctl.toml:2", "twilio.connect_timeout", "at most twilio.request_timeout"],
    ),
    (
        "more requests than Airtable allows",
        "[airtable]\nrequests_per_second = 6",
        &["dispatchctl.toml:2", "airtable.requests_per_second", "a number from 0.01 to 5"],
    ),
    ("validity", "[twilio]\nvalidity = \"11h\"", &["dispatchctl.toml:2", "twilio.validity", "10h"]),
    ("validity in parts of a second", "[twilio]\nvalidity = \"1500ms\"", &["twilio.validity", "whole seconds"]),
    (
        "not a number",
        "[twilio]\nmessages_per_second = nan",
        &["dispatchctl.toml:2", "twilio.messages_per_second", "a number from 0"],
    ),
    (
        "phone",
        "[[contacts]]\nid = \"a\"\nphone = \"949 555 0101\"",
        &["dispatchctl.toml:3", "contacts[0].phone", "is not a phone number", "E.164, like +19495550101"],
    ),
    (
        "phone of no country",
        "[[contacts]]\nid = \"a\"\nphone = \"+99915550101\"",
        &["dispatchctl.toml:3", "country code"],
    ),
    (
        "last resort",
        "[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\n[last_resort]\nnotify = [\"san\"]",
        &["dispatchctl.toml:5", "last_resort.notify", "there is no contact san", "sam"],
    ),
    (
        "contact without phone",
        "\n[[contacts]]\nid = \"a\"",
        &["dispatchctl.toml:2", "contacts[0].phone", "is missing", "E.164"],
    ),
    (
        "contact id",
        "[[contacts]]\nid = \"a b\"\nphone = \"+19495550101\"",
        &["dispatchctl.toml:2", "contacts[0].id", "without spaces"],
    ),
    (
        "contact twice",
        "[[contacts]]\nid = \"a\"\nphone = \"+19495550101\"\n[[contacts]]\nid = \"A\"\nphone = \"+19495550102\"",
        &["dispatchctl.toml:5", "contacts[1].id", "another contact's id"],
    ),
    (
        "phone twice",
        "[[contacts]]\nid = \"a\"\nphone = \"+19495550101\"\n[[contacts]]\nid = \"b\"\nphone = \"+19495550101\"",
        &["dispatchctl.toml:6", "contacts[1].phone", "phone of contact a too"],
    ),
    (
        "texts to oneself",
        "twilio.from = \"+19495550101\"\n[[contacts]]\nid = \"a\"\nphone = \"+19495550101\"",
        &["dispatchctl.toml:4", "contacts[0].phone", "texts come from"],
    ),
    (
        "team names nobody",
        "[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\n[[lines]]\nnumber = \"+18005550100\"\nteam = [ { contact = \"san\", role = \"primary\" } ]",
        &["dispatchctl.toml:6", "lines[0].team[0].contact", "no contact san", "did you mean `sam`"],
    ),
    (
        "line twice",
        "[[lines]]\nnumber = \"+18005550100\"\n[[lines]]\nnumber = \"+18005550100\"",
        &["dispatchctl.toml:4", "lines[1].number", "another line's number"],
    ),
    ("line without number", "[[lines]]\nname = \"x\"", &["dispatchctl.toml:1", "lines[0].number", "is missing"]),
    (
        "time zone",
        "time_zone = \"Mars/Base\"",
        &["dispatchctl.toml:1", "time_zone", "is not a time zone", "America/Los_Angeles"],
    ),
    (
        "policy without steps",
        "[policies.low]\nrepeat = 1",
        &["dispatchctl.toml:1", "policies.low", "no steps", "steps = ["],
    ),
    (
        "step that tells nobody",
        "[policies.low]\nsteps = [ { wait = \"0s\", notify = [] } ]",
        &["policies.low", "notifies nobody"],
    ),
    (
        "step without wait",
        "[policies.low]\nsteps = [\n{ notify = [\"a\"] } ]",
        &["dispatchctl.toml:3", "policies.low.steps[0].wait", "is missing"],
    ),
    (
        "endless policy",
        "[policies.low]\nrepeat = 1000\nsteps = [ { wait = \"0s\", notify = [\"a\"] } ]",
        &["policies.low", "at most 1000"],
    ),
    ("policy twice", "[policies.low]\nsteps = []\n[policies.LOW]\nsteps = []", &["policies.low", "is defined twice"]),
    (
        "policy typo",
        "[policies.low]\nsteps = [ { wait = \"0s\", notifi = [\"a\"] } ]",
        &["policies.low.steps[0].notifi", "did you mean `policies.low.steps[0].notify`"],
    ),
    (
        "empty template",
        "[templates]\nnotice = \"\"",
        &["dispatchctl.toml:2", "templates.notice", "is empty", "built-in"],
    ),
    ("address", "[server]\nlisten = \"3000\"", &["dispatchctl.toml:2", "server.listen", "127.0.0.1:3000"]),
    (
        "same address twice",
        "[server]\npublic_listen = \"127.0.0.1:3000\"",
        &["dispatchctl.toml:2", "server.public_listen", "server.listen too"],
    ),
    (
        "plain http",
        "[server]\npublic_url = \"http://dispatch.example.com\"",
        &["dispatchctl.toml:2", "server.public_url", "not encrypted", "https://"],
    ),
    (
        "plain http to the provider",
        "[twilio]\nbase_url = \"http://api.example.com\"",
        &["twilio.base_url", "not encrypted"],
    ),
    (
        "no token for the world",
        "[server]\nlisten = \"0.0.0.0:3000\"",
        &["dispatchctl.toml:2", "server.tokens", "server.listen", "[[server.tokens]] with name"],
    ),
    (
        "no token behind a proxy",
        "[server]\npublic_url = \"https://dispatch.example.com\"",
        &["dispatchctl.toml:2", "server.tokens", "server.public_url"],
    ),
    (
        "token without scope",
        "[[server.tokens]]\nname = \"a\"\ntoken = \"hush\"",
        &["dispatchctl.toml:1", "server.tokens[0].scope", "is missing", "\"operate\""],
    ),
    (
        "scope",
        "[[server.tokens]]\nname = \"a\"\ntoken = \"hush\"\nscope = \"all\"",
        &["dispatchctl.toml:4", "server.tokens[0].scope", "\"read\""],
    ),
    (
        "token twice",
        "[[server.tokens]]\nname = \"a\"\ntoken = \"hush\"\nscope = \"read\"\n[[server.tokens]]\nname = \"a\"\ntoken = \"hush\"\nscope = \"read\"",
        &["dispatchctl.toml:6: server.tokens[1].name", "dispatchctl.toml:7: server.tokens[1].token"],
    ),
    (
        "secret and its file",
        "[twilio]\nauth_token = \"hush\"\nauth_token_file = \"x\"",
        &[
            "dispatchctl.toml:2",
            "twilio.auth_token",
            "twilio.auth_token_file (dispatchctl.toml:3) too",
            "one of the two",
        ],
    ),
    (
        "two senders",
        "[twilio]\nfrom = \"+15005550006\"\nmessaging_service_sid = \"MG00000000000000000000000000000001\"",
        &["dispatchctl.toml:3", "twilio.messaging_service_sid", "twilio.from (dispatchctl.toml:2) too"],
    ),
    (
        "account",
        "[twilio]\naccount_sid = \"AC1\"",
        &["dispatchctl.toml:2", "twilio.account_sid", "AC and 32 hex digits"],
    ),
    (
        "secret without key",
        "[twilio]\napi_secret = \"hush\"",
        &["dispatchctl.toml:2", "twilio.api_secret", "without twilio.api_key"],
    ),
    (
        "sender twice",
        "[twilio]\nfallback_from = [\"12345\", \"12345\"]",
        &["dispatchctl.toml:2", "twilio.fallback_from[1]", "each sender once"],
    ),
    ("base", "[airtable]\nbase_id = \"tbl00000000000000\"", &["dispatchctl.toml:2", "airtable.base_id", "app and 14"]),
    (
        "two fields in one",
        "[airtable.fields.events]\nresult = \"Method\"",
        &["airtable.fields.events.result", "names the field of method too"],
    ),
    (
        "field typo",
        "[airtable.fields.events]\nresults = \"R\"",
        &["dispatchctl.toml:2", "did you mean `airtable.fields.events.result`"],
    ),
    ("table without name", "[airtable.tables]\ncalls = \"\"", &["airtable.tables.calls", "is missing"]),
    (
        "password in the store's url",
        "[store]\nurl = \"postgres://u:hush@h/db\"",
        &["dispatchctl.toml:2", "store.url", "password_file", "DISPATCHCTL_STORE__PASSWORD"],
    ),
    (
        "two passwords of the store",
        "[store]\nurl = \"postgres://u@h/db\"\npassword = \"hush\"\npassword_file = \"p\"",
        &["dispatchctl.toml:3", "store.password", "one of the two"],
    ),
    (
        "a store's url that PostgreSQL does not know",
        "[store]\nurl = \"postgres://u@h/db?pgbouncer=true\"",
        &["dispatchctl.toml:2", "store.url", "has pgbouncer behind the `?`", "postgres://user@host/database"],
    ),
    (
        "unknown store",
        "[store]\nurl = \"mysql://u:hush@h/db\"",
        &["dispatchctl.toml:2", "store.url", "not a kind of store"],
    ),
    ("store in memory", "[store]\nurl = \"sqlite::memory:\"", &["store.url", "must be a file"]),
    (
        "sink of no kind",
        "[[alerts.sinks]]\nkind = \"pigeon\"\nurl = \"https://x.example/hush\"",
        &["dispatchctl.toml:2", "alerts.sinks[0].kind", "none of the words", "webhook"],
    ),
    (
        "format that is none",
        "[[alerts.sinks]]\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\nformat = \"irc\"",
        &["dispatchctl.toml:4", "alerts.sinks[0].format", "none of the words", "teams"],
    ),
    (
        "pagerduty without its key",
        "[[alerts.sinks]]\nkind = \"webhook\"\nformat = \"pagerduty\"",
        &["dispatchctl.toml:1", "alerts.sinks[0].token", "is missing", "routing key"],
    ),
    (
        "a routing key for a chat",
        "[[alerts.sinks]]\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\ntoken = \"hush-key\"",
        &["dispatchctl.toml:4", "alerts.sinks[0].token"],
    ),
    (
        "a push to no topic",
        "[[alerts.sinks]]\nkind = \"ntfy\"\nurl = \"https://hush.example/\"",
        &["dispatchctl.toml:3", "alerts.sinks[0].url", "names no topic", "ntfy.sh/TOPIC"],
    ),
    (
        "a push whom nobody gets",
        "[[alerts.sinks]]\nkind = \"pushover\"\ntoken = \"hush\"",
        &["dispatchctl.toml:1", "alerts.sinks[0].user", "is missing", "a user or group"],
    ),
    (
        "a push that rings too often",
        "[[alerts.sinks]]\nkind = \"pushover\"\ntoken = \"hush\"\nuser = \"hush\"\nretry = \"5s\"",
        &["dispatchctl.toml:5", "alerts.sinks[0].retry", "is out of range", "30s", "3h"],
    ),
    (
        "a command that is none",
        "[[alerts.sinks]]\nkind = \"command\"\ncommand = []",
        &["dispatchctl.toml:1", "alerts.sinks[0].command", "is missing", "a program"],
    ),
    (
        "mails without a relay",
        "[[alerts.sinks]]\nkind = \"smtp\"\nto = [\"owner@example.com\"]",
        &["dispatchctl.toml:1", "smtp.from", "alerts.sinks[0] tells by mail"],
    ),
    (
        "texts to nobody",
        "[[alerts.sinks]]\nkind = \"sms\"",
        &["dispatchctl.toml:1", "alerts.owners", "names nobody", "alerts.sinks[0] tells them by text"],
    ),
    (
        "texts to somebody who is not there",
        "[alerts]\nowners = [\"samm\"]\n[[alerts.sinks]]\nkind = \"sms\"\n[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"",
        &["dispatchctl.toml:2", "alerts.owners", "there is no contact samm", "sam"],
    ),
    (
        "a place for texts",
        "[alerts]\nowners = [\"sam\"]\n[[alerts.sinks]]\nkind = \"sms\"\nurl = \"https://hush.example/\"\n[[contacts]]\nid = \"sam\"\nphone = \"+19495550101\"\nrole = \"primary\"",
        &["dispatchctl.toml:5", "alerts.sinks[0].url"],
    ),
    (
        "a secret that signs nothing",
        "[[alerts.sinks]]\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\nsecret = \"whsec_hush\"",
        &["dispatchctl.toml:4", "alerts.sinks[0].secret", "whsec_ and base64"],
    ),
    (
        "severity that is none",
        "[[alerts.sinks]]\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\nmin = \"warning\"",
        &["dispatchctl.toml:4", "alerts.sinks[0].min", "page"],
    ),
    (
        "two sinks of one name",
        "[[alerts.sinks]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\n[[alerts.sinks]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://y.example/hush\"",
        &["dispatchctl.toml:6", "alerts.sinks[1].name", "another sink", "one name a sink"],
    ),
    (
        "a stand-in for nobody",
        "[[alerts.sinks]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\nfallback_for = \"b\"",
        &["dispatchctl.toml:5", "alerts.sinks[0].fallback_for", "not the name of a sink", "another sink: a"],
    ),
    (
        "stand-ins in a ring",
        "[[alerts.sinks]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://x.example/hush\"\nfallback_for = \"b\"\n[[alerts.sinks]]\nname = \"b\"\nkind = \"webhook\"\nurl = \"https://y.example/hush\"\nfallback_for = \"a\"",
        &["dispatchctl.toml:5", "alerts.sinks[0].fallback_for", "stand in for itself"],
    ),
    (
        "a sink without a visible name",
        "[[alerts.sinks]]\nname = \" \"\nkind = \"webhook\"\nurl = \"https://x.example/hush\"",
        &["dispatchctl.toml:2", "alerts.sinks[0].name", "visible"],
    ),
    (
        "sink in the clear",
        "[[alerts.sinks]]\nkind = \"webhook\"\nurl = \"http://x.example/hush\"",
        &["dispatchctl.toml:3", "alerts.sinks[0].url", "not encrypted"],
    ),
    (
        "sink without url",
        "[[alerts.sinks]]\nkind = \"webhook\"",
        &["dispatchctl.toml:1", "alerts.sinks[0].url", "is missing"],
    ),
];

#[test]
fn each_mistake_in_a_file_is_named() {
    for (label, toml, wanted) in MISTAKES {
        let e = Bench::new().toml(toml).errors();
        for want in *wanted {
            assert!(e.contains(want), "{label}: {want:?} in\n{e}");
        }
        assert!(!e.contains("hush"), "{label}: a secret in\n{e}");
        let extra = if *label == "token twice" || label.starts_with("policy t") { 2 } else { 1 };
        assert!(e.lines().count() <= extra, "{label}: more than was wrong:\n{e}");
    }
}

#[test]
fn each_mistake_in_the_environment_is_named() {
    for (label, name, value, wanted) in [
        ("typo", "DISPATCHCTL_SERVER__LISTN", "x", "did you mean `DISPATCHCTL_SERVER__LISTEN`"),
        ("typo in the table", "DISPATCHCTL_SEVER__LISTEN", "x", "did you mean `DISPATCHCTL_SERVER__LISTEN`"),
        ("no key", "DISPATCHCTL_", "x", "is not a key"),
        ("odd bars", "DISPATCHCTL___A__", "x", "is not a key"),
        ("contacts", "DISPATCHCTL_CONTACTS", "x", "in the file alone"),
        ("contacts by index", "DISPATCHCTL_CONTACTS__0__PHONE", "x", "in the file alone"),
        ("steps", "DISPATCHCTL_POLICIES__HIGH__STEPS", "x", "in the file alone"),
        ("table", "DISPATCHCTL_SERVER", "x", "server: is a text; expected a table"),
        ("port", "PORT", "http", "a number from 0 to 65535"),
        ("port of", "PORT", "70000", "a number from 0 to 65535"),
        ("test mode", "TEST_MODE", "maybe", "1, true, yes, on"),
        ("empty test mode", "DISPATCHCTL_TEST_MODE", "", "1, true, yes, on"),
        ("sender", "TWILIO_PHONE_NUMBER", "+1 500", "twilio.from"),
        ("integer", "DISPATCHCTL_DELIVERY__RESEND_LIMIT", "two", "an integer from 0 to 10"),
        ("number", "DISPATCHCTL_TWILIO__MESSAGES_PER_SECOND", "inf", "a number from 0"),
        ("secret bytes", "TWILIO_AUTH_TOKEN", "hush \u{fffd}", "the credential alone"),
    ] {
        let e = Bench::new().env(name, value).errors();
        assert!(e.contains(&format!("environment variable {name}: ")) && e.contains(wanted), "{label}:\n{e}");
        assert!(!e.contains("hush"), "{label}:\n{e}");
        let e = Bench::new().file(".env", &format!("\n{name}='{value}'\n")).errors();
        assert!(e.contains(".env:2: ") && e.contains(wanted), "{label}:\n{e}");
    }
    let e = Bench::new().env("DISPATCHCTL_SERVER", "x").env("DISPATCHCTL_SERVER__LISTEN", "127.0.0.1:1").errors();
    assert!(e.contains("at once"), "{e}");
    let e = Bench::new().file(".env", "A=1\nhush hush\n").errors();
    assert_eq!(e, ".env:2: has no `=`; expected KEY=VALUE, KEY='VALUE' or KEY=\"VALUE\"");
}

#[test]
fn all_problems_are_told_at_once() {
    let e = Bench::new()
        .toml("nam = 'x'\n[server]\nlisten = 3\n[delivery]\nsettle = 'soon'\n[[contacts]]\nid = 'a'\nphone = 'b'\n")
        .file(".env", "oops\nDISPATCHCTL_X=1\n")
        .env("PORT", "x")
        .errors();
    for want in
        [".env:1", ".env:2", "dispatchctl.toml:1", "dispatchctl.toml:3", "dispatchctl.toml:5", "dispatchctl.toml:8"]
    {
        assert!(e.contains(want), "{want} in\n{e}");
    }
}

#[test]
fn unreadable_and_odd_files_are_problems_not_panics() {
    let b = Bench::new();
    std::fs::create_dir(b.path("dispatchctl.toml")).expect("directory");
    assert!(b.errors().contains("cannot read dispatchctl.toml"), "{}", b.errors());
    for (label, bytes) in [
        ("not UTF-8", b"name = \"\xff\"".to_vec()),
        ("large", vec![b'#'; (1 << 20) + 1]),
        ("NUL", b"name = \"\0\"".to_vec()),
        ("deep", "a = ".bytes().chain(std::iter::repeat_n(b'[', 100_000)).collect()),
        ("deep tables", std::iter::repeat_n("a.", 50_000).collect::<String>().into_bytes()),
    ] {
        let b = Bench::new();
        std::fs::write(b.path("dispatchctl.toml"), bytes).expect("file");
        assert!(b.errors().contains("dispatchctl.toml"), "{label}: {}", b.errors());
    }
    let mut b = Bench::new();
    b.sources.env.clear();
    assert!(b.errors().contains("store.url: has no default here"), "{}", b.errors());
    let long = vec!["A"; 20_000].join("__");
    assert!(Bench::new().env(&format!("DISPATCHCTL_{long}"), "x").errors().contains("is not a key"));
}

#[test]
fn what_works_and_is_not_meant_is_warned_of() {
    let contact = "[[contacts]]\nid = \"a\"\nphone = \"+19495550101\"\nrole = \"Primary\"\n";
    let c = Bench::new().toml(&format!("{contact}{TWILIO}[delivery]\nsettle = \"30s\"\npoll_after = \"10m\"\n")).load();
    let all = c.warnings.join("\n");
    for want in [
        "policy high notifies the role backup, which nobody holds on any line",
        "policy high notifies the role owner",
        "policy normal notifies the role backup",
        "policy normal notifies the role owner",
        "delivery.settle is under 45s",
        "delivery.poll_after is not shorter",
    ] {
        assert!(all.contains(want), "{want} in\n{all}");
    }
    assert!(!all.contains("role primary"), "{all}");
    let line = "[[lines]]\nnumber = \"+18005550100\"\nname = \"Acme\"\nteam = []\n";
    let c = Bench::new().toml(&format!("{contact}{line}")).load();
    let all = c.warnings.join("\n");
    assert!(all.contains("role primary, which nobody holds on line Acme (+1800•••0100)"), "{all}");
    assert!(all.contains("role owner, which nobody holds on a line that is not listed"), "{all}");
}
