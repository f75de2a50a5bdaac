//! Fills in what a scenario's file names in braces.

use super::documents::{list, text, texts};
use super::world::World;

/// Puts an attempt's id, SID or reference into a text: `{attempt c1 1}`, `{sid c1 1}`, `{reference c1 1}`; or the SID of the
/// n-th text that the provider has: `{made 1}`; or the time: `{now}`.
pub(super) async fn filled(text_in: &str, world: &mut World) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text_in;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        let words: Vec<&str> = name.split(' ').collect();
        if let ["made", number] = words.as_slice() {
            out.push_str(&made(number, world).await?);
            rest = tail;
            continue;
        }
        if words == ["now"] {
            out.push_str(&world.now().rfc3339());
            rest = tail;
            continue;
        }
        let [what, call, number] = words.as_slice() else {
            // The sandbox fills in its own.
            out.push_str(&format!("{{{name}}}"));
            rest = tail;
            continue;
        };
        let key = match *what {
            "attempt" => "attemptId",
            "sid" => "sid",
            "reference" => "reference",
            _ => return Err(format!("{{{name}}} is not understood: attempt, sid or reference, a call and a number")),
        };
        let story = world.story(call).await?.ok_or_else(|| format!("there is no call {call}"))?;
        let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let found = index.and_then(|i| list(&story, "attempts").get(i)).map(|a| text(a, key).to_owned());
        out.push_str(&found.ok_or_else(|| format!("{call} has no attempt {number}"))?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// The SID of the n-th text that the provider has, whether anybody here knows of it or not.
async fn made(number: &str, world: &World) -> Result<String, String> {
    let ledger = world.ledger()?;
    let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    let found = index.and_then(|i| texts(&ledger).nth(i)).map(|m| text(m, "sid").to_owned());
    found.ok_or_else(|| format!("the provider has no text {number}"))
}
