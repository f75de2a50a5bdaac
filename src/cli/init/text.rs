//! The text of a new configuration: what it says, and, commented, what it could say.

use std::fmt::Write as _;

use super::survey::Learned;

/// Which ladder a new configuration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Ladder {
    Default,
    Previous,
}

/// The ladder of the system whose base the presets describe (`facts/shop-base.md` §3): its phone calls are texts here.
const PREVIOUS: &str = r#"
# The ladder of the system before: the first man three times, then the backups, at last the owner.
[policies.normal]                       # over after 26 min
steps = [ { wait = "0s", notify = ["primary"] },
          { wait = "2m", notify = ["primary"] },
          { wait = "3m", notify = ["primary"] },
          { wait = "3m", notify = ["backup"] },
          { wait = "3m", notify = ["backup"] },
          { wait = "3m", notify = ["backup"] },
          { wait = "6m", notify = ["owner"] } ]
exhaust_after = "6m"
[policies.high]                         # over after 18 min
steps = [ { wait = "0s", notify = ["primary"] },
          { wait = "1m", notify = ["primary"] },
          { wait = "2m", notify = ["primary"] },
          { wait = "2m", notify = ["backup"] },
          { wait = "7m", notify = ["owner"] } ]
exhaust_after = "6m"
"#;

const DEFAULT_LADDER: &str = r#"
# The ladders are those of `dispatchctl config show`; write your own like this:
# [policies.normal]
# steps = [ { wait = "0s", notify = ["primary"] }, { wait = "2m", notify = ["primary", "backup"] } ]
# exhaust_after = "6m"
"#;

const TWILIO: &str = r#"[twilio]                                # who sends: fill in both, or set TWILIO_ACCOUNT_SID and TWILIO_PHONE_NUMBER
# account_sid = "AC..."                 # as the console of Twilio shows it
# from = "+15005550006"                 # a number of that account; or messaging_service_sid = "MG..."
# auth_token_file = "twilio-auth-token" # a file that holds the auth token alone; the unit of `init --systemd` brings its own

"#;

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// The whole file. `token_file` holds the token of the intake.
pub(super) fn configuration(learned: Option<&Learned>, ladder: Ladder, token_file: &str) -> String {
    let mut text = String::from(
        "# dispatchctl's configuration. Every key and its default: `dispatchctl config show`; what is still missing: `dispatchctl doctor`.\n\
         # Read from the environment or from .env too: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_PHONE_NUMBER, AIRTABLE_API_KEY,\n\
         # AIRTABLE_BASE_ID. Keep secrets in files of their own (auth_token_file = \"...\", TWILIO_AUTH_TOKEN_FILE): the store keeps\n\
         # their paths, so that a typo in this file does not keep `serve` down.\n\n",
    );
    let zone = jiff::tz::TimeZone::system();
    let zone = zone.iana_name().unwrap_or("America/Los_Angeles").to_owned();
    let _ = writeln!(
        text,
        "# time_zone = {}      # by which hours and mornings are read where a business names none\n",
        quoted(&zone)
    );
    text.push_str("[last_resort]                           # told where a step, a line or a ladder finds nobody\n");
    let examples = ["lee".to_owned()];
    let owners = learned.map_or(&examples[..], |l| l.owners.as_slice());
    let list: Vec<String> = owners.iter().map(|id| quoted(id)).collect();
    let _ = writeln!(text, "notify = [{}]\n", list.join(", ").trim());
    let _ = writeln!(
        text,
        "[server]\nlisten = \"127.0.0.1:3000\"\n# public_url = \"https://dispatch.example.com\"   # what Twilio calls; without it all rests on polling\n\
         [[server.tokens]]                       # who may dispatch over the API: `Authorization: Bearer ...`\nname = \"intake\"\nscope = \"dispatch\"\ntoken_file = {}      # beside this file\n",
        quoted(token_file)
    );
    text.push_str(TWILIO);
    text.push_str("[alerts]\n# [[alerts.sinks]]                      # where alarms go; without one nobody hears them\n# name = \"office\"\n# kind = \"webhook\"\n# url = \"https://hooks.example.com/...\"\n# min = \"notice\"\n");
    match learned {
        Some(learned) => base(&mut text, learned),
        None => text.push_str(
            "\n# [airtable]                            # the shop's records; `init --from-airtable` makes this part for your own base\n\
             # preset = \"\"\n\n[[contacts]]                            # who can be told: change name and number\n\
             id = \"sam\"\nname = \"Sam Ortiz\"\nphone = \"+19495550101\"\nrole = \"primary\"\n\
             [[contacts]]\nid = \"ana\"\nname = \"Ana Reyes\"\nphone = \"+19495550102\"\nrole = \"backup\"\n\
             [[contacts]]\nid = \"lee\"\nname = \"Lee Park\"\nphone = \"+19495550103\"\nrole = \"owner\"\n",
        ),
    }
    text.push_str(match ladder {
        Ladder::Default => DEFAULT_LADDER,
        Ladder::Previous => PREVIOUS,
    });
    text
}

fn base(text: &mut String, learned: &Learned) {
    let survey = &learned.survey;
    text.push_str("\n[airtable]\n");
    match survey.preset {
        Some(preset) => {
            let _ = writeln!(
                text,
                "preset = {}                            # its fields and words; each can be said otherwise below",
                quoted(preset)
            );
        }
        None => text.push_str("# No preset fits this base: name its fields and words below.\n"),
    }
    text.push_str("# adopt_every = \"5s\"                    # take over rows that an intake writes into Calls, until it posts to the API\n");
    if let Some(contacts) = &survey.contacts {
        let _ = writeln!(
            text,
            "[airtable.tables]\ncontacts = {}               # people, read every minute",
            quoted(contacts)
        );
        if let Some(businesses) = &survey.businesses {
            let _ = writeln!(text, "businesses = {}                 # lines, read with them", quoted(businesses));
        }
    }
    text.push_str(
        "# [airtable.fields.events]\n# result = \"Notes\"                      # our name = the base's field; \"\": it has none\n\
         # [airtable.values.events.delivery_status]\n# delivered = [\"Arrived\", \"Sent\"]        # our word = the base's, the first that the select has\n",
    );
    for line in &survey.add {
        let _ = writeln!(text, "# To add to the base: {}", one_line(line));
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
