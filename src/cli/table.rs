//! Tables for people: whole where they fit the terminal, folded at words where they do not, and at last one block a row.
//!
//! No word is ever broken and no cell is lost: what a table may leave out when there is no room is named below it, and `-o json`
//! has it. A pipe has no width: there every row stays on one line, for other programs.

use console::measure_text_width;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// The frame of a terminal's table: one character left of each column and at the end, a space on both sides of a cell.
const FRAME: usize = 3;
const FRAME_END: usize = 1;

/// A row of a terminal's table has no more lines, as long as a column may go.
const LINES_MAX: usize = 4;

/// A table: its headers and rows; with `-o json` a document takes its place.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Table {
    /// One a column.
    pub(crate) headers: Vec<&'static str>,
    /// As many cells a row.
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns that may go where there is no room, the least worth first.
    pub(super) expendable: &'static [&'static str],
}

impl Table {
    /// With these columns.
    pub(crate) fn new(headers: &[&'static str]) -> Self {
        Self { headers: headers.to_vec(), ..Self::default() }
    }

    /// These columns may go where a terminal has no room for them, the first one first.
    pub(crate) fn may_leave_out(self, expendable: &'static [&'static str]) -> Self {
        Self { expendable, ..self }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// For a pipe: aligned, one line a row.
    pub(super) fn plain(&self) -> String {
        let mut t = self.builder().build();
        t.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
        trimmed(&t.to_string())
    }

    /// For a terminal of so many columns. Cells have no control characters but colours.
    pub(super) fn fitted(&self, width: usize) -> String {
        let mut table = self.clone();
        let mut left_out = Vec::new();
        loop {
            let goes =
                || self.expendable.iter().find_map(|name| table.headers.iter().position(|header| header == name));
            // A row that takes a dozen lines is read by nobody at night: what it may do without goes first.
            if let Some(widths) = table.widths(width).filter(|w| table.tallest(w) <= LINES_MAX || goes().is_none()) {
                let mut text = table.framed(&widths);
                if !left_out.is_empty() {
                    let said = format!("left out: {} (a wider terminal or -o json has them)", left_out.join(", "));
                    folded(&said, width).iter().for_each(|line| text.push_str(&format!("\n{line}")));
                }
                return text;
            }
            // A column without a word says nothing that would be missed.
            let is_empty = |at: &usize| table.rows.iter().all(|row| row.get(*at).is_none_or(String::is_empty));
            let empty = (0..table.headers.len()).find(is_empty).filter(|_| !table.rows.is_empty());
            let Some(at) = empty.or_else(goes) else {
                return self.blocks(width);
            };
            let header = table.headers.remove(at);
            if empty.is_none() {
                left_out.push(header);
            }
            for row in table.rows.iter_mut().filter(|row| at < row.len()) {
                row.remove(at);
            }
        }
    }

    fn builder(&self) -> Builder {
        let mut b = Builder::default();
        b.push_record(self.headers.iter().map(|h| (*h).to_owned()));
        self.rows.iter().for_each(|row| b.push_record(row.iter().cloned()));
        b
    }

    fn cells(&self, at: usize) -> impl Iterator<Item = &str> {
        self.headers
            .get(at)
            .copied()
            .into_iter()
            .chain(self.rows.iter().filter_map(move |row| row.get(at)).map(String::as_str))
    }

    /// How wide each column is to be, so that all is within `width`; `None`: not without breaking a word. The widest gives way first.
    fn widths(&self, width: usize) -> Option<Vec<usize>> {
        let columns = 0..self.headers.len();
        let room = width.checked_sub(self.headers.len().saturating_mul(FRAME) + FRAME_END)?;
        let longest_word = |text: &str| text.split(' ').map(measure_text_width).max().unwrap_or_default();
        let least: Vec<usize> =
            columns.clone().map(|at| self.cells(at).map(longest_word).max().unwrap_or_default()).collect();
        let mut widths: Vec<usize> =
            columns.map(|at| self.cells(at).map(measure_text_width).max().unwrap_or_default()).collect();
        while widths.iter().sum::<usize>() > room {
            let foldable = widths.iter().zip(&least).enumerate().filter(|(_, (wide, least))| wide > least);
            let (at, _) = foldable.max_by_key(|(_, (wide, _))| **wide)?;
            *widths.get_mut(at)? -= 1;
        }
        Some(widths)
    }

    /// How many lines the tallest row has in columns of these widths.
    fn tallest(&self, widths: &[usize]) -> usize {
        let lines = |row: &Vec<String>| row.iter().zip(widths).map(|(cell, width)| folded(cell, *width).len()).max();
        self.rows.iter().filter_map(lines).max().unwrap_or_default()
    }

    fn framed(&self, widths: &[usize]) -> String {
        let mut table = self.clone();
        for row in &mut table.rows {
            row.iter_mut().zip(widths).for_each(|(cell, width)| *cell = folded(cell, *width).join("\n"));
        }
        // A header of two words folds too.
        let mut b = Builder::default();
        b.push_record(table.headers.iter().zip(widths).map(|(header, width)| folded(header, *width).join("\n")));
        table.rows.into_iter().for_each(|row| b.push_record(row));
        let mut t = b.build();
        t.with(Style::rounded());
        trimmed(&t.to_string())
    }

    /// One block a row, each cell on a line with its header.
    fn blocks(&self, width: usize) -> String {
        let widest = self.headers.iter().map(|h| measure_text_width(h)).max().unwrap_or_default();
        let mut lines = Vec::new();
        for (n, row) in self.rows.iter().enumerate() {
            if n > 0 {
                lines.push(String::new());
            }
            for (header, cell) in self.headers.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
                let mut head = format!("{header:widest$}  ");
                for line in folded(cell, width.saturating_sub(widest + 2)) {
                    lines.push(format!("{head}{line}"));
                    head = " ".repeat(widest + 2);
                }
            }
        }
        lines.join("\n")
    }
}

/// Lines of at most `width`, broken between words alone; a longer word has a line of its own. A cell in one colour keeps it on
/// each of its lines.
pub(super) fn folded(text: &str, width: usize) -> Vec<String> {
    const END: &str = "\u{1b}[0m";
    let coloured = text.strip_suffix(END).filter(|t| t.starts_with('\u{1b}')).and_then(|t| t.split_once('m'));
    if let Some((colour, words)) = coloured.filter(|(_, words)| !words.contains('\u{1b}')) {
        return folded(words, width).into_iter().map(|line| format!("{colour}m{line}{END}")).collect();
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Table {
        let mut t = Table::new(&["REF", "STATUS", "ISSUE", "LEVEL", "NEXT"]).may_leave_out(&["LEVEL", "ISSUE"]);
        t.row(
            [
                "7K32",
                "\u{1b}[31mDISPATCHING\u{1b}[0m",
                "Burst pipe in the basement, water rises",
                "normal",
                "follow-up 2 in 3 min",
            ]
            .map(str::to_owned),
        );
        t.row(["9QRS", "EXHAUSTED", "锅炉 leaks", "high", ""].map(str::to_owned));
        t
    }

    fn widest(text: &str) -> usize {
        text.lines().map(measure_text_width).max().unwrap_or_default()
    }

    #[test]
    fn a_row_that_would_take_a_dozen_lines_does_without_what_it_may() {
        let mut t = Table::new(&["REF", "ISSUE", "BY", "STATE"]).may_leave_out(&["STATE", "BY"]);
        let issue = "Water through the kitchen ceiling of the flat below, nobody can find the stop valve of the house";
        t.row(["7K32", issue, "text", "delivered"].map(str::to_owned));
        for (width, is_whole) in [(40, false), (60, true), (140, true)] {
            let text = t.fitted(width);
            let lines = text.lines().filter(|l| l.starts_with('│')).count();
            assert!(lines <= 1 + LINES_MAX || !text.contains("STATE"), "{width}:\n{text}");
            assert_eq!(text.contains("delivered"), is_whole, "{width}:\n{text}");
        }
    }

    #[test]
    fn a_header_of_two_words_folds_where_its_column_does() {
        let mut t = Table::new(&["REF", "LAST TOLD", "LATE BY"]);
        t.row(["7K32", "Sam Ortiz", "2 min"].map(str::to_owned));
        for width in 25..60 {
            let text = t.fitted(width);
            assert!(widest(&text) <= width, "{width}:\n{text}");
            assert!(text.contains("LAST") && text.contains("TOLD"), "{width}:\n{text}");
        }
    }

    /// The rows of the overview and of `follow-up list` while no engine runs.
    #[test]
    fn calls_whose_follow_ups_are_overdue_fit_their_terminal() {
        let mut calls = Table::new(&["REF", "STATUS", "AGE", "ISSUE", "LAST TOLD", "STATE", "NEXT", "CALL"])
            .may_leave_out(&["CALL", "STATE", "LAST TOLD", "ISSUE"]);
        let mut due =
            Table::new(&["CALL", "REF", "LEVEL", "NEXT", "DUE", "LATE BY", "WHO"]).may_leave_out(&["CALL", "LEVEL"]);
        for (reference, call) in
            [("NG55", "call_01a229b93107739abb33b7fe3365d51b"), ("K4WZ", "call_01a229b931337267bc51cfc4b6283443")]
        {
            let (status, next) = ("\u{1b}[33mDISPATCHING\u{1b}[0m", "step 2 of 5 2m1s overdue, Nov 29 23:54:12");
            let (issue, late) = ("No water in the kitchen · flat 1, “Ζήνων”, côté cour", "1h2m");
            calls.row([reference, status, "3m42s", issue, "Sam Ortiz", "submitted", next, call].map(str::to_owned));
            let at = "2026-11-29 23:54:12 +00:00";
            due.row([call, reference, "normal", "last resort", at, late, "Sam Ortiz, Ana Reyes"].map(str::to_owned));
        }
        for width in 60..200 {
            for text in [calls.fitted(width), due.fitted(width)] {
                assert!(widest(&text) <= width, "{width}:\n{text}");
                assert!(text.contains("NG55") && text.contains("K4WZ"), "{width}:\n{text}");
            }
        }
        let text = due.fitted(80);
        assert!(text.contains("left out: CALL") && text.starts_with('╭'), "{text}");
    }

    #[test]
    fn a_table_is_never_wider_than_its_terminal_and_breaks_no_word() {
        let words: Vec<String> = calls().rows.concat().iter().flat_map(|c| c.split(' ')).map(str::to_owned).collect();
        for width in 24..160 {
            let text = calls().fitted(width);
            assert!(widest(&text) <= width.max(31), "{width}:\n{text}");
            let left_out = text.contains("left out");
            for word in &words {
                assert!(left_out || text.contains(word.as_str()), "{width}: {word}\n{text}");
            }
            let frame = text.lines().filter(|l| l.starts_with(['╭', '├', '│', '╰'])).map(measure_text_width);
            let all: std::collections::BTreeSet<usize> = frame.collect();
            assert!(all.len() <= 1, "{width}: its right side is straight\n{text}");
        }
    }

    #[test]
    fn columns_of_little_worth_go_first_and_are_named_then_each_row_is_a_block() {
        assert!(!calls().fitted(100).contains("left out"));
        let text = calls().fitted(50);
        assert!(text.contains("left out: LEVEL (") && text.contains("Burst"), "{text}");
        let text = calls().fitted(42);
        assert!(text.replace('\n', " ").contains("left out: LEVEL, ISSUE ("), "{text}");
        let text = calls().fitted(30);
        assert!(text.starts_with("REF     7K32\nSTATUS  ") && text.contains("\n\nREF     9QRS"), "{text}");
        assert!(text.contains("ISSUE   Burst pipe in the\n        basement, water rises"), "{text}");
        assert_eq!(text.matches("NEXT").count(), 1, "an empty cell has no line\n{text}");
    }

    #[test]
    fn a_column_without_a_word_goes_before_any_other_and_is_not_missed() {
        let mut t = Table::new(&["REF", "HOLDER OF THE CALL", "LEVEL"]).may_leave_out(&["LEVEL"]);
        t.row(["7K32".to_owned(), String::new(), "normal".to_owned()]);
        assert!(t.fitted(60).contains("HOLDER"));
        let text = t.fitted(24);
        assert!(!text.contains("HOLDER") && text.contains("normal") && !text.contains("left out"), "{text}");
    }

    #[test]
    fn a_pipe_gets_one_line_a_row_with_every_column() {
        let text = calls().plain();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("LEVEL") && text.contains("Burst pipe in the basement, water rises"), "{text}");
    }
}
