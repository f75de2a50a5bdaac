//! Texts, phone calls and mails are told apart wherever a person reads of them.

use serde_json::{Value, json};

use crate::support::Shop;

/// Sam is texted, then rung; Ana is mailed.
const CONFIG: &str = r#"
name = "Acme Plumbing"
[twilio]
account_sid = "AC00000000000000000000000000000001"
auth_token = "sample-auth-token"
from = "+15005550006"
[voice]
from = "+15005550011"
[smtp]
from = "dispatch@example.com"
[delivery]
poll_after = "100ms"
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
email = "ana@example.com"
role = "backup"
[policies.normal]
steps = [
  { wait = "0s", notify = ["primary"] },
  { wait = "1h", notify = ["primary"], channel = "voice" },
  { wait = "1h", notify = ["backup"], channel = "email" },
]
exhaust_after = "1h"
"#;

fn rows(csv: &str) -> Vec<Vec<String>> {
    let mut read = csv::Reader::from_reader(csv.as_bytes());
    read.records().map(|r| r.expect("a row").iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_dry_run_says_by_what_each_step_goes_and_in_which_words() {
    let shop = Shop::with_config(CONFIG);
    let args = ["send", "--dry-run", "--issue", "Burst pipe", "--level", "normal", "--address", "12 Oak Street"];
    let doc = shop.expect(0, &[&args[..], &["-o", "json"]].concat()).json();
    let steps = doc["steps"].as_array().expect("steps");
    let seen: Vec<(&Value, &Value)> = steps.iter().map(|s| (&s["channel"], &s["to"])).collect();
    assert_eq!(
        seen,
        [
            (&json!("sms"), &json!("+19495550101")),
            (&json!("voice"), &json!("+19495550101")),
            (&json!("email"), &json!("ana@example.com"))
        ]
    );
    let rows = rows(&shop.expect(0, &[&args[..], &["-o", "csv"]].concat()).stdout);
    let by: Vec<&str> = rows.iter().map(|r| r[2].as_str()).collect();
    assert_eq!(by, ["text", "phone call", "mail"], "{rows:?}");
    assert!(rows[1][6].contains("emergency job 2222. Burst pipe. 12 Oak Street."), "{rows:?}");
    assert!(!rows[0][5].is_empty() && rows[1][5].is_empty() && rows[2][5].is_empty(), "segments: {rows:?}");
    assert_eq!(rows[2][4], "ana@example.com");
}

#[test]
fn a_list_a_story_and_a_ladder_say_by_what() {
    let shop = Shop::with_config(CONFIG);
    shop.expect(0, &["send", "--call-id", "pipe", "--issue", "Burst pipe", "--level", "normal"]);
    let list = shop.expect(0, &["status", "-o", "json"]).json();
    assert_eq!(list["calls"][0]["lastChannel"], json!("sms"), "{list}");
    let said = shop.expect(0, &["status"]).stdout;
    assert!(said.contains("step 2 of 3 by phone call"), "{said}");
    let story = shop.expect(0, &["status", "pipe"]).stdout;
    assert!(story.contains("step 2 of 3 by phone call") && story.contains("notice  text"), "{story}");
    let night = shop.expect(0, &["report", "-o", "json"]).json();
    assert_eq!(night["calls"][0]["toldBy"], json!("sms"), "{night}");
    let ladder = shop.expect(0, &["oncall", "-o", "json"]).json();
    let by: Vec<&Value> = ladder["steps"].as_array().expect("steps").iter().map(|s| &s["channel"]).collect();
    assert_eq!(by, [&json!("sms"), &json!("voice"), &json!("email")], "{ladder}");
}
