//! Everything that is printed: results on stdout, all else on stderr. A closed pipe is a quiet end, except
//! for commands that have work to finish; a result that cannot be written is said and, where it was all that was wanted, a failure.

use std::io::{IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde_json::Value;

use crate::domain::Timestamp;

use super::exit::ExitStatus;
pub(crate) use super::table::Table;
use super::table::folded;

/// Beside a head, text has so many columns at least.
const BESIDE_MIN: usize = 28;
/// What has no room beside its head stands below it, so far in.
const BELOW: usize = 2;
/// A terminal that does not say how wide it is.
const WIDTH_UNKNOWN: usize = 80;

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables on a terminal, plain aligned text in a pipe.
    Table,
    /// One document.
    Json,
    /// Comma-separated, one header line.
    Csv,
    /// One page, of a report alone.
    Html,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where a command's words go.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    quiet: bool,
    color: bool,
    utc: bool,
    mode: &'static str,
    terminal: bool,
    /// Whether work goes on when nobody reads any more.
    lasting: bool,
    /// Why a result did not reach stdout.
    unwritten: Option<std::io::Error>,
    /// What is written is kept here for now.
    kept: Option<String>,
}

impl Output {
    /// As the flags and the terminal say. `no_color`: whether `NO_COLOR` is set.
    pub(crate) fn new(format: Option<Format>, quiet: bool, color: Color, no_color: bool, utc: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color,
        };
        Self {
            format: format.unwrap_or(Format::Table),
            quiet,
            color,
            utc,
            mode: "live",
            terminal,
            lasting: false,
            unwritten: None,
            kept: None,
        }
    }

    /// What every text and document says of the mode.
    pub(crate) fn set_mode(&mut self, mode: &'static str) {
        self.mode = mode;
    }

    /// A closed pipe does not end this command: its work and its exit code matter more than its words.
    pub(crate) fn outlast_its_reader(&mut self) {
        self.lasting = true;
    }

    /// Whether a result was lost: what only shows need not go on.
    pub(crate) fn is_lost(&self) -> bool {
        self.unwritten.is_some()
    }

    /// The exit code of a command that ended so. What was done is done, and a text must not be sent again because nobody could be
    /// told of it; but a command that shows something has not succeeded if it was not seen.
    pub(crate) fn close(&mut self, status: ExitStatus) -> ExitStatus {
        let Some(e) = self.unwritten.take() else { return status };
        self.note(&format!("error: the result could not be written to stdout: {e}; what was done stays done"));
        if status == ExitStatus::Done && !self.lasting { ExitStatus::No } else { status }
    }

    /// `live` or `test`.
    pub(crate) fn mode(&self) -> &'static str {
        self.mode
    }

    /// Whether results are JSON documents.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether results are CSV.
    pub(crate) fn is_csv(&self) -> bool {
        self.format == Format::Csv
    }

    /// Whether results are pages.
    pub(crate) fn is_html(&self) -> bool {
        self.format == Format::Html
    }

    /// Whether stdout is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether results are drawn on the whole screen: both ends are a terminal, and text is wanted.
    pub(crate) fn is_drawn(&self) -> bool {
        self.terminal && self.format == Format::Table && std::io::stdin().is_terminal()
    }

    /// Whether there is colour.
    pub(crate) fn has_color(&self) -> bool {
        self.color
    }

    /// What this writes, in place of writing it.
    pub(crate) fn captured(&mut self, writes: impl FnOnce(&mut Self)) -> String {
        self.kept = Some(String::new());
        writes(self);
        self.kept.take().unwrap_or_default()
    }

    /// Whether a text result may have colours.
    pub(crate) fn is_coloured(&self) -> bool {
        self.color && !self.is_csv()
    }

    /// Whether only what was asked for is wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// One JSON document; gets the mode where it is an object without one.
    pub(crate) fn document(&mut self, doc: &Value) {
        let text = serde_json::to_string_pretty(&self.with_mode(doc)).unwrap_or_default();
        self.write(&text);
    }

    /// One JSON object on one line (`log --follow`).
    pub(crate) fn object_line(&mut self, doc: &Value) {
        let text = self.with_mode(doc).to_string();
        self.write(&text);
    }

    fn with_mode(&self, doc: &Value) -> Value {
        let mut doc = doc.clone();
        if let Some(map) = doc.as_object_mut() {
            map.entry("mode").or_insert_with(|| Value::from(self.mode));
        }
        doc
    }

    /// A table, or CSV where that was asked for. For JSON call [`Output::document`].
    pub(crate) fn table(&mut self, table: &Table) {
        if self.is_csv() {
            self.csv(Some(&table.headers), &table.rows);
            return;
        }
        self.mode_line();
        self.part(table);
    }

    /// The same, and a sentence in place of a table without rows.
    pub(crate) fn table_or(&mut self, table: &Table, if_empty: &str) {
        if table.rows.is_empty() && !self.is_csv() {
            self.mode_line();
            self.paragraph(if_empty);
            return;
        }
        self.table(table);
    }

    /// Further rows of a CSV whose header is out already.
    pub(crate) fn more_csv(&mut self, rows: &[Vec<String>]) {
        if !rows.is_empty() {
            self.csv(None, rows);
        }
    }

    fn csv(&mut self, headers: Option<&[&'static str]>, rows: &[Vec<String>]) {
        let mut w = csv::Writer::from_writer(Vec::new());
        if let Some(headers) = headers {
            let _ = w.write_record(headers);
        }
        for row in rows {
            let _ = w.write_record(row);
        }
        let text = w.into_inner().ok().and_then(|b| String::from_utf8(b).ok()).unwrap_or_default();
        self.write(text.trim_end_matches(['\r', '\n']));
    }

    /// One of several tables of a text result that has said its mode already.
    pub(crate) fn part(&mut self, table: &Table) {
        let rows = table.rows.iter().map(|row| row.iter().map(|c| printable(c)).collect()).collect();
        let table = Table { rows, ..table.clone() };
        let text = match self.width() {
            Some(width) => table.fitted(width),
            None => table.plain(),
        };
        self.write(&text);
    }

    /// How many columns the terminal has; `None` in a pipe.
    fn width(&self) -> Option<usize> {
        let size = || console::Term::stdout().size_checked();
        self.terminal.then(|| size().map_or(WIDTH_UNKNOWN, |(_, columns)| usize::from(columns)))
    }

    /// A generated file, as it is.
    pub(crate) fn raw(&mut self, text: &str) {
        self.write(text);
    }

    /// A line of a text result.
    pub(crate) fn line(&mut self, text: &str) {
        self.write(&printable_lines(text));
    }

    /// A line of a text result that a terminal has in several, broken between words.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.hanging("", text);
    }

    /// The same behind a head, under which its lines stand; where there is no room beside the head, below it.
    pub(crate) fn hanging(&mut self, head: &str, text: &str) {
        for line in hung(head, text, self.width()) {
            self.write(&line);
        }
    }

    /// Says TEST MODE ahead of a text result, once it is one.
    pub(crate) fn mode_line(&mut self) {
        if self.mode == "test" {
            self.write("TEST MODE: nothing leaves this machine");
        }
    }

    /// Empties the terminal before a result is drawn anew; a pipe keeps what it has.
    pub(crate) fn redraw(&mut self) {
        if self.terminal {
            self.write("\u{1b}[2J\u{1b}[H");
        }
    }

    /// A word to the person in front of it, on stderr.
    pub(crate) fn note(&self, text: &str) {
        let text = printable_lines(text);
        let mark = if self.mode == "test" && !text.contains("TEST MODE") { "TEST MODE: " } else { "" };
        let text = noted(&format!("{mark}{text}"), stderr_width());
        // Not `eprintln!`, which panics where nobody reads or the disk is full: a call may be half way out.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// A word that `--quiet` leaves out.
    pub(crate) fn chat(&self, text: &str) {
        if !self.quiet {
            self.note(text);
        }
    }

    /// A time for people: local with offset, or UTC with `--utc`; JSON has its own form.
    pub(crate) fn time(&self, t: Timestamp) -> String {
        let Ok(t) = jiff::Timestamp::from_millisecond(t.as_millis()) else { return t.rfc3339() };
        if self.utc || self.is_csv() {
            return format!("{t:.3}");
        }
        let zoned = t.to_zoned(jiff::tz::TimeZone::system());
        zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// A time near now for a table: the clock, with the date where it is another day; in CSV as [`Output::time`].
    pub(crate) fn clock(&self, t: Timestamp, now: Timestamp) -> String {
        if self.is_csv() {
            return self.time(t);
        }
        let zone = if self.utc { jiff::tz::TimeZone::UTC } else { jiff::tz::TimeZone::system() };
        let zoned = |t: Timestamp| jiff::Timestamp::from_millisecond(t.as_millis()).map(|t| t.to_zoned(zone.clone()));
        let (Ok(t), Ok(now)) = (zoned(t), zoned(now)) else { return t.rfc3339() };
        let form = if t.date() == now.date() { "%H:%M:%S" } else { "%b %d %H:%M:%S" };
        let mark = if self.utc { " UTC" } else { "" };
        format!("{}{mark}", t.strftime(form))
    }

    /// Emphasis by colour where there is colour; words never depend on it.
    pub(crate) fn emphasis(&self, good: Option<bool>, text: &str) -> String {
        let code = match good {
            _ if !self.color || self.is_csv() => return text.to_owned(),
            Some(true) => "32",
            Some(false) => "31",
            None => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn write(&mut self, text: &str) {
        if let Some(kept) = &mut self.kept {
            kept.push_str(text);
            kept.push('\n');
            return;
        }
        let mut out = std::io::stdout().lock();
        let done = writeln!(out, "{text}").and_then(|()| out.flush());
        match done {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => self.unwritten = Some(e),
            Err(_) if !self.lasting => std::process::exit(0),
            Ok(()) | Err(_) => {}
        }
    }
}

/// Progress on a terminal for anything that takes a while; nothing in a pipe or with `--quiet`.
pub(crate) fn spinner(out: &Output, text: &str) -> indicatif::ProgressBar {
    if out.is_quiet() || !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

/// How many columns the terminal of stderr has; `None` where it is none.
fn stderr_width() -> Option<usize> {
    let size = || console::Term::stderr().size_checked().map_or(WIDTH_UNKNOWN, |(_, columns)| usize::from(columns));
    std::io::stderr().is_terminal().then(size)
}

/// A head and a text behind it as lines of a terminal so wide, or as one line where there is no width.
fn hung(head: &str, text: &str, width: Option<usize>) -> Vec<String> {
    let (head, text) = (printable(head), printable(text));
    let Some(width) = width else { return vec![format!("{head}{text}")] };
    let taken = console::measure_text_width(&head);
    let (beside, below) = (width.saturating_sub(taken), width.saturating_sub(BELOW));
    // A word that is too long beside the head, such as a path, may be whole below it.
    let longest = text.split(' ').map(console::measure_text_width).max().unwrap_or_default();
    let is_whole_below = longest > beside && longest <= below;
    let mut lines = Vec::new();
    let (head, room) = if head.is_empty() || (beside >= BESIDE_MIN && !is_whole_below) {
        (head, beside)
    } else {
        let words = head.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.extend(folded(&words, width).into_iter().filter(|line| !line.is_empty()));
        (" ".repeat(BELOW), below)
    };
    let under = " ".repeat(console::measure_text_width(&head));
    let rows = folded(&text, room.max(1)).into_iter().enumerate();
    lines.extend(rows.map(|(at, row)| format!("{}{row}", if at == 0 { &head } else { &under })));
    lines
}

/// A note as lines of a terminal so wide: each stays behind its own indent, what is folded stands a little further in.
fn noted(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let lines = text.lines().flat_map(|line| {
        let words = line.trim_start_matches(' ');
        let indent = line.len().saturating_sub(words.len());
        let room = width.saturating_sub(indent + BELOW).max(1);
        let rows =
            if console::measure_text_width(line) <= width { vec![words.to_owned()] } else { folded(words, room) };
        let rows = rows.into_iter().enumerate();
        rows.map(move |(at, row)| format!("{}{row}", " ".repeat(if at == 0 { indent } else { indent + BELOW })))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Text from outside must not steer a terminal: control characters become spaces; only our own colours pass.
fn printable(text: &str) -> String {
    sieve(text, |_| false)
}

fn printable_lines(text: &str) -> String {
    sieve(text, |c| c == '\n')
}

fn sieve(text: &str, keep: impl Fn(char) -> bool) -> String {
    const OURS: [&str; 4] = ["[31m", "[32m", "[33m", "[0m"];
    let mut clean = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        let ours = c == '\u{1b}' && OURS.iter().any(|o| after.starts_with(o));
        clean.push(if c.is_control() && !ours && !keep(c) { ' ' } else { c });
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = "ok    store open                  ";

    #[test]
    fn what_a_check_found_is_folded_under_itself_and_stays_one_line_in_a_pipe() {
        let text = "any number of texts to a contact, any number of texts in all, all countries; more holds reminders";
        assert_eq!(hung(FINDING, text, None), [format!("{FINDING}{text}")]);
        for width in 62..140 {
            let lines = hung(FINDING, text, Some(width));
            let under = " ".repeat(FINDING.len());
            assert!(lines.iter().all(|l| console::measure_text_width(l) <= width), "{width}: {lines:#?}");
            assert!(lines[0].starts_with(FINDING) && lines[1..].iter().all(|l| l.starts_with(&under)), "{lines:#?}");
            let words: Vec<&str> = lines.iter().flat_map(|l| l.split_whitespace()).collect();
            assert_eq!(words.join(" "), format!("ok store open {text}"), "{width}");
        }
    }

    #[test]
    fn a_path_that_has_no_room_beside_its_check_is_whole_below_it() {
        let path = "/home/dispatcher/.local/state/dispatchctl/dispatchctl.test.db,";
        let lines = hung(FINDING, &format!("{path} schema 23, stamped test"), Some(80));
        assert_eq!(lines, ["ok store open".to_owned(), format!("  {path} schema 23,"), "  stamped test".to_owned()]);
        // One that has no room anywhere stays where it is.
        let far = format!("/srv{path}{path}");
        assert_eq!(hung(FINDING, &far, Some(80)), [format!("{FINDING}{far}")]);
    }

    #[test]
    fn a_note_is_folded_behind_its_own_indent_on_a_terminal_alone() {
        let text = "error: the store cannot be reached\n  hint: nothing was recorded; see that the server of `store.url` \
                    runs, and run it again";
        assert_eq!(noted(text, None), text);
        let want = "error: the store cannot be reached\n  hint: nothing was recorded; see that the\n    server of \
                    `store.url` runs, and run it\n    again";
        assert_eq!(noted(text, Some(44)), want);
    }

    #[test]
    fn text_from_outside_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{7}"), "a [2Jb c ");
        assert_eq!(printable("\u{1b}[31mred\u{1b}[0m"), "\u{1b}[31mred\u{1b}[0m");
        assert_eq!(printable_lines("a\nb\r"), "a\nb ");
    }
}
