//! Reads a history file: strict, so that a file that is cut off or is none is never taken for a clean one.

use serde_json::{Map, Value};

/// Longer is no line of a history: a call has some dozens of attempts.
const LINE_MAX: usize = 4 << 20;

/// Milliseconds since 1970, UTC.
pub(crate) type Millis = i64;

#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) late_after: Millis,
    pub(crate) down: Vec<(Millis, Millis)>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) texts: Vec<Text>,
    pub(crate) calls: Vec<Call>,
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) call: String,
    pub(crate) at: Millis,
    pub(crate) answer: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) sid: String,
    pub(crate) at: Millis,
    pub(crate) to: String,
    /// The first word of the body.
    pub(crate) reference: String,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) steps: Vec<Step>,
    pub(crate) doubted: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) reference: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) to: String,
    pub(crate) notice: (i64, i64, String),
    pub(crate) repeats: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) round: i64,
    pub(crate) step: i64,
    pub(crate) due: Millis,
}

impl History {
    /// # Errors
    /// What is wrong, and in which line.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| format!("is not UTF-8 from byte {} on", e.valid_up_to()))?;
        let mut history = Self::default();
        let (mut lines, mut ended) = (0, false);
        for (n, line) in text.lines().enumerate() {
            let at = |e: String| format!("line {}: {e}", n + 1);
            if ended {
                return Err(at("comes after the end".into()));
            }
            if line.len() > LINE_MAX {
                return Err(at(format!("is longer than {LINE_MAX} bytes")));
            }
            lines = n + 1;
            let value: Value = serde_json::from_str(line).map_err(|e| at(format!("is no JSON: {e}")))?;
            let Value::Object(line) = value else { return Err(at("is no object".into())) };
            let kind = string(&line, "kind").map_err(at)?;
            if (n == 0) != (kind == "history") {
                return Err(at(format!("the first line alone is of kind \"history\", this is {kind:?}")));
            }
            ended = kind == "end";
            history.add(&kind, &line, lines).map_err(at)?;
        }
        match (lines, ended) {
            (0, _) => Err("is empty".into()),
            (_, false) => Err(format!("is cut off: line {lines} is the last and is not of kind \"end\"")),
            (_, true) => Ok(history),
        }
    }

    fn add(&mut self, kind: &str, line: &Map<String, Value>, lines: usize) -> Result<(), String> {
        match kind {
            "history" => {
                let version = whole(line, "version")?;
                if version != 1 {
                    return Err(format!("version {version} is not known, 1 is"));
                }
                self.late_after = whole(line, "lateAfterMs")?;
            }
            "down" => self.down.push((time(line, "from")?, time(line, "to")?)),
            "asked" => {
                let answer = match line.get("answer") {
                    Some(Value::Null) => None,
                    _ => Some(whole(line, "answer")?),
                };
                time(line, "answeredAt")?;
                self.asked.push(Asked { call: string(line, "call")?, at: time(line, "at")?, answer });
            }
            "text" => {
                let body = string(line, "body")?;
                let reference = body.split(' ').next().unwrap_or_default().to_owned();
                self.texts.push(Text {
                    sid: string(line, "sid")?,
                    at: time(line, "at")?,
                    to: string(line, "to")?,
                    reference,
                });
            }
            "call" => self.calls.push(call(line)?),
            "end" => {
                let said = whole(line, "lines")?;
                if usize::try_from(said) != Ok(lines) {
                    return Err(format!("says that there are {said} lines, and is line {lines}"));
                }
            }
            other => return Err(format!("{other:?} is no kind of line")),
        }
        Ok(())
    }
}

fn call(line: &Map<String, Value>) -> Result<Call, String> {
    let attempt = |a: &Map<String, Value>| {
        let repeats = match a.get("repeats") {
            None | Some(Value::Null) => None,
            Some(_) => Some(string(a, "repeats")?),
        };
        Ok(Attempt {
            reference: string(a, "reference")?,
            kind: string(a, "attemptKind")?,
            state: string(a, "state")?,
            to: string(a, "to")?,
            notice: (whole(a, "round")?, whole(a, "step")?, string(a, "contact")?),
            repeats,
        })
    };
    let step =
        |s: &Map<String, Value>| Ok(Step { round: whole(s, "round")?, step: whole(s, "step")?, due: time(s, "due")? });
    let doubted = list(line, "doubted")?.iter().map(|v| v.as_str().map(str::to_owned));
    Ok(Call {
        id: string(line, "call")?,
        status: string(line, "status")?,
        attempts: objects(line, "attempts", attempt)?,
        steps: objects(line, "steps", step)?,
        doubted: doubted.collect::<Option<_>>().ok_or("\"doubted\" holds something else than strings")?,
    })
}

fn list<'a>(line: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    line.get(key).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| format!("{key:?} is no list"))
}

fn objects<T>(
    line: &Map<String, Value>,
    key: &str,
    one: impl Fn(&Map<String, Value>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let object =
        |v: &Value| v.as_object().ok_or_else(|| format!("{key:?} holds something else than objects")).and_then(&one);
    list(line, key)?.iter().map(object).collect()
}

fn string(line: &Map<String, Value>, key: &str) -> Result<String, String> {
    line.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("{key:?} is no string"))
}

fn whole(line: &Map<String, Value>, key: &str) -> Result<i64, String> {
    line.get(key).and_then(Value::as_i64).ok_or_else(|| format!("{key:?} is no whole number"))
}

fn time(line: &Map<String, Value>, key: &str) -> Result<Millis, String> {
    let text = string(line, key)?;
    millis(&text).ok_or_else(|| format!("{key:?} is no time in UTC: {:?}", text.chars().take(40).collect::<String>()))
}

/// Reads `2026-01-02T03:04:05Z`, with or without parts of a second.
pub(crate) fn millis(text: &str) -> Option<Millis> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let whole = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse::<i64>().ok()).flatten();
    let mut date = date.splitn(3, '-').map(whole);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, part) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.splitn(3, ':').map(whole);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 || part.len() > 9 {
        return None;
    }
    let part = whole(part)? * 10_i64.pow(9 - u32::try_from(part.len()).ok()?) / 1_000_000;
    // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (y / 400, y % 400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + part)
}
