//! The screen as cells: header and alerts above, the list or a story in the middle, the keys below. Whatever the window's size, the
//! engine, the alerts and the keys are there; columns go before rows do.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::super::table::folded;
use super::model::{Mode, Row, Screen, Story};

/// At most this part of the window is alerts.
const ALERTS_PART: u16 = 3;
/// At most this part of it is the header, which has so many rows in any window.
const HEADER_PART: u16 = 3;
const HEADER_MIN: usize = 3;
/// From these widths on a column is there.
const WITH_HOLDER: u16 = 60;
const WITH_NEXT: u16 = 70;
const WITH_LAST_TOLD: u16 = 110;

/// Emphasis: a colour where there are colours, and never the only sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) has_color: bool,
}

impl Look {
    fn of(self, is_good: Option<bool>) -> Style {
        match is_good {
            _ if !self.has_color => Style::default(),
            Some(true) => Style::default().fg(Color::Green),
            Some(false) => Style::default().fg(Color::Red),
            None => Style::default().fg(Color::Yellow),
        }
    }

    fn bold(self) -> Style {
        Style::default().add_modifier(Modifier::BOLD)
    }

    fn chosen(self) -> Style {
        Style::default().add_modifier(Modifier::REVERSED)
    }
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen, look: Look) {
    let area = frame.area();
    let alerts = alerts(screen, area, look);
    let count = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
    let header = header(screen, area, look);
    let parts = [
        Constraint::Length(count(header.len())),
        Constraint::Length(count(alerts.len())),
        Constraint::Min(1),
        Constraint::Length(1),
    ];
    let [at_header, at_alerts, middle, below] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(header), at_header);
    frame.render_widget(Paragraph::new(alerts), at_alerts);
    match &screen.story {
        Some(story) => draw_story(frame, middle, story, screen.story_top, look),
        None => draw_list(frame, middle, screen, look),
    }
    frame.render_widget(Paragraph::new(footer(screen, look)), below);
}

/// The mode, the engine and the figures, folded between words. Where a window is too low for all of it, the figures come before the
/// rest of what is said of the engine: alerts and failures are among them.
fn header<'a>(screen: &Screen, area: Rect, look: Look) -> Vec<Line<'a>> {
    let shown = &screen.shown;
    let mut lines = Vec::new();
    if shown.is_test {
        lines.push(Line::styled("TEST MODE: nothing leaves this machine", look.bold()));
    }
    let width = usize::from(area.width).max(1);
    let room = usize::from(area.height / HEADER_PART).max(HEADER_MIN).saturating_sub(lines.len());
    let figures = rows(&shown.figures, width, room.saturating_sub(1));
    let engine = rows(&shown.engine.1, width, room.saturating_sub(figures.len()));
    lines.extend(engine.into_iter().map(|row| Line::styled(row, look.of(Some(shown.engine.0)))));
    lines.extend(figures.into_iter().map(Line::from));
    lines
}

/// A sentence in rows of this width, of which there are so many at most; what is cut has a mark.
fn rows(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut rows = folded(&clean(text), width);
    if rows.len() > most.max(1) {
        rows.truncate(most.max(1));
        if let Some(last) = rows.last_mut() {
            *last = console::truncate_str(&format!("{last} …"), width, "…").into_owned();
        }
    }
    rows
}

/// The alerts that there is room for, the gravest first, and how many there are besides: none is unseen.
fn alerts<'a>(screen: &Screen, area: Rect, look: Look) -> Vec<Line<'a>> {
    let all = &screen.shown.alerts;
    if all.is_empty() {
        return Vec::new();
    }
    let room = usize::from((area.height / ALERTS_PART).max(1));
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|a| !a.wakes);
    let named = if all.len() > room { room.saturating_sub(1) } else { all.len() };
    let mut lines: Vec<Line<'a>> = sorted
        .iter()
        .take(named)
        .map(|a| {
            let word = if a.wakes { "PAGE  " } else { "notice" };
            let rest = format!(" {} {}", a.since, clean(&a.text));
            Line::from(vec![Span::styled(word, look.of(if a.wakes { Some(false) } else { None })), Span::raw(rest)])
        })
        .collect();
    let more = all.len().saturating_sub(named);
    if more > 0 {
        let pages = sorted.iter().skip(named).filter(|a| a.wakes).count();
        let of = if pages > 0 { format!(", {pages} of them PAGE") } else { String::new() };
        let text = format!("{more} more alerts{of}: `dispatchctl alerts`");
        lines.push(Line::styled(text, look.of(if pages > 0 { Some(false) } else { None })));
    }
    lines
}

/// A column: its head, how many cells it has, and its cell of a row.
struct Column {
    head: &'static str,
    width: usize,
    cell: fn(&Row) -> &str,
}

/// The columns of a window this wide; the issue takes what is left.
fn columns(width: u16, rows: &[Row]) -> Vec<Column> {
    let widest = |cell: fn(&Row) -> &str, head: &str, max: usize| {
        rows.iter().map(|r| cell(r).chars().count()).max().unwrap_or_default().max(head.len()).min(max)
    };
    let column =
        |head: &'static str, cell: fn(&Row) -> &str, max: usize| Column { head, width: widest(cell, head, max), cell };
    let mut all =
        vec![column("REF", |r| &r.reference, 8), column("STATUS", |r| &r.status, 12), column("AGE", |r| &r.age, 8)];
    let mut behind = Vec::new();
    if width >= WITH_HOLDER {
        behind.push(column("HOLDER", |r| &r.holder, 14));
    }
    if width >= WITH_LAST_TOLD {
        behind.push(column("LAST TOLD", |r| &r.last_told, 16));
    }
    if width >= WITH_NEXT {
        behind.push(column("NEXT", |r| &r.next, if width >= WITH_LAST_TOLD { 44 } else { 26 }));
    }
    let used: usize = all.iter().chain(&behind).map(|c| c.width + 1).sum();
    let left = usize::from(width).saturating_sub(used + 1);
    if left >= 6 {
        all.push(Column { head: "ISSUE", width: left, cell: |r| &r.issue });
    }
    all.extend(behind);
    all
}

fn draw_list(frame: &mut Frame<'_>, area: Rect, screen: &Screen, look: Look) {
    let rows = &screen.shown.rows;
    let block = Block::new().borders(Borders::TOP).title(title(rows.len(), screen));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if rows.is_empty() {
        let text = "no call is open: `dispatchctl status --state all` shows every one";
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), inner);
        return;
    }
    let columns = columns(inner.width, rows);
    let head: Vec<String> = columns.iter().map(|c| cell(c.head, c.width)).collect();
    // Where there is room for one line, it is that of the chosen call.
    let mut lines = match inner.height {
        0 | 1 => Vec::new(),
        _ => vec![Line::styled(head.join(" "), look.bold())],
    };
    let room = usize::from(inner.height).saturating_sub(lines.len()).max(1);
    let place = screen.place();
    // The chosen one is in sight, and the list moves no more than it must.
    let top = place.saturating_sub(room.saturating_sub(1));
    for (at, row) in rows.iter().enumerate().skip(top).take(room) {
        let spans: Vec<Span<'_>> = columns
            .iter()
            .flat_map(|c| {
                let style = if c.head == "STATUS" { look.of(row.is_good) } else { Style::default() };
                [Span::styled(cell((c.cell)(row), c.width), style), Span::raw(" ")]
            })
            .collect();
        let line = Line::from(spans);
        lines.push(if at == place { line.style(look.chosen()) } else { line });
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

fn title(rows: usize, screen: &Screen) -> String {
    let cut = screen.shown.cut.as_deref().map(|cut| format!(", {cut}")).unwrap_or_default();
    match rows {
        0 => " calls ".to_owned(),
        n => format!(" calls {} of {n}{cut} ", screen.place() + 1),
    }
}

fn draw_story(frame: &mut Frame<'_>, area: Rect, story: &Story, top: usize, look: Look) {
    let block = Block::new().borders(Borders::TOP).title(format!(" {} ", clean(&story.reference)));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    // The head of a story takes half of the room at most: its entries are what is looked for.
    let head_rows = u16::try_from(story.header.len()).unwrap_or(u16::MAX).min(inner.height / 2);
    let [at_head, at_entries] = Layout::vertical([Constraint::Length(head_rows), Constraint::Min(1)]).areas(inner);
    let head: Vec<Line<'_>> = story.header.iter().map(|l| Line::from(clean(l))).collect();
    frame.render_widget(Paragraph::new(head), at_head);
    let entries: Vec<Line<'_>> = story
        .entries
        .iter()
        .skip(top)
        .map(|e| {
            let who = format!(" {} ", clean(&e.who));
            Line::from(vec![Span::styled(clean(&e.at), look.bold()), Span::raw(who), Span::raw(clean(&e.what))])
        })
        .collect();
    frame.render_widget(Paragraph::new(entries).wrap(Wrap { trim: false }), at_entries);
}

fn footer<'a>(screen: &'a Screen, look: Look) -> Line<'a> {
    match (&screen.mode, &screen.said) {
        (Mode::Confirm { reference, .. }, _) => {
            Line::styled(format!("take {reference} in your own name? y or n"), look.bold())
        }
        (Mode::Write { reference, text, .. }, _) => Line::from(vec![
            Span::styled(format!("note {reference}: "), look.bold()),
            Span::raw(clean(text)),
            Span::styled("_", look.bold()),
        ]),
        (Mode::Browse, Some(said)) => Line::styled(clean(said), look.bold()),
        (Mode::Browse, None) if screen.story.is_some() => Line::from("a take  n note  b back  q quit"),
        (Mode::Browse, None) => Line::from("enter open  a take  n note  q quit"),
    }
}

/// Exactly this many cells: cut with a mark, or filled.
fn cell(text: &str, width: usize) -> String {
    let text = clean(text);
    let long = console::measure_text_width(&text) > width;
    let cut = if long { console::truncate_str(&text, width, "…").into_owned() } else { text };
    let fill = width.saturating_sub(console::measure_text_width(&cut));
    format!("{cut}{}", " ".repeat(fill))
}

/// Text from outside must not steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::keys::{Action, Key};
    use super::super::model::{Alert, Entry, Shown};
    use super::*;

    const PLAIN: Look = Look { has_color: false };
    const FIGURES: &str = "open calls 3 · alerts 2 · unknown outcomes 7 · failed in the last hour 5 · overdue 0 · \
         waiting to be sent 0 · awaiting a final status 2 · follow-ups to come 2";

    fn row(n: usize) -> Row {
        Row {
            call: format!("call_{n}"),
            reference: format!("7K{n:02}"),
            status: if n.is_multiple_of(2) { "DISPATCHING".into() } else { "ACKNOWLEDGED".into() },
            is_good: None,
            age: format!("{n} min"),
            issue: format!("Water through the kitchen ceiling of flat {n}\u{1b}[2J"),
            holder: "Sam Ortiz".into(),
            last_told: "Ana Reyes".into(),
            next: format!("primary told again in {n} min, 02:{n:02}:00"),
        }
    }

    fn screen(rows: usize, alerts: usize) -> Screen {
        let alert = |n: usize| Alert {
            wakes: n == alerts - 1,
            since: "01:58:00".into(),
            text: format!("nobody has been told of call_{n} for {n} minutes: tell somebody by phone"),
        };
        let mut screen = Screen::default();
        screen.show(Shown {
            is_test: true,
            engine: (true, "engine: serve, process 4711 since 01:00:00, at http://127.0.0.1:3000".into()),
            figures: FIGURES.into(),
            alerts: (0..alerts).map(alert).collect(),
            rows: (0..rows).map(row).collect(),
            cut: None,
        });
        screen
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| draw(frame, screen, PLAIN)).expect("drawn");
        let buffer = terminal.backend().buffer();
        let line = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(line).collect()
    }

    #[test]
    fn header_alerts_and_keys_are_there_at_every_size_wherever_the_list_is() {
        for (width, height) in [(40, 24), (80, 24), (140, 50), (40, 12), (80, 8), (200, 60)] {
            for (rows, alerts) in [(0, 0), (1, 1), (50, 3), (500, 40)] {
                let mut screen = screen(rows, alerts);
                for (label, presses) in [("top", 0), ("far down", 45)] {
                    (0..presses).for_each(|_| {
                        screen.press(Key::Down);
                    });
                    let lines = drawn(&screen, width, height);
                    let label = format!("{label}, {rows} rows, {alerts} alerts, {width}x{height}: {lines:#?}");
                    assert!(lines[0].starts_with("TEST MODE") && lines[1].starts_with("engine: serve"), "{label}");
                    assert!(lines.iter().any(|l| l.starts_with("open calls 3 · alerts 2")), "{label}");
                    let all = lines.join(" ");
                    assert!(all.contains("unknown outcomes 7 · failed in the last hour 5"), "{label}");
                    assert!(alerts == 0 || all.contains("PAGE"), "the gravest is seen: {label}");
                    assert!(lines.last().is_some_and(|l| l.contains("a take") && l.contains("q quit")), "{label}");
                    let chosen = format!("7K{:02}", presses.min(rows.saturating_sub(1)));
                    assert!(rows == 0 || lines.iter().any(|l| l.starts_with(&chosen)), "{chosen} is in sight: {label}");
                    assert!(lines.iter().all(|l| !l.contains('\u{1b}')), "{label}");
                }
            }
        }
    }

    #[test]
    fn a_long_engine_line_and_the_figures_have_the_rows_that_they_need() {
        let mut screen = screen(3, 1);
        let mut shown = screen.shown.clone();
        shown.engine.1 =
            "engine: serve, process 11500 on vm since 2026-11-29 23:50:11 +00:00, at http://127.0.0.1:3000".into();
        screen.show(shown);
        let lines = drawn(&screen, 80, 24);
        assert_eq!(lines[2], "http://127.0.0.1:3000", "{lines:#?}");
        assert!(lines[3..6].join(" ").ends_with("follow-ups to come 2"), "{lines:#?}");
        // In a low window the figures go first.
        let lines = drawn(&screen, 80, 8);
        assert!(lines[1].ends_with('…') && lines[2].contains("failed in the last hour 5"), "{lines:#?}");
    }

    #[test]
    fn a_wider_window_has_more_columns_and_no_row_wraps() {
        let heads = |width| drawn(&screen(3, 0), width, 24).into_iter().find(|l| l.starts_with("REF")).expect("a head");
        let words = |width| heads(width).split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert_eq!(words(40), "REF STATUS AGE ISSUE");
        assert_eq!(words(80), "REF STATUS AGE ISSUE HOLDER NEXT");
        assert_eq!(words(140), "REF STATUS AGE ISSUE HOLDER LAST TOLD NEXT");
        for width in [40, 80, 140] {
            let lines = drawn(&screen(3, 0), width, 24);
            assert_eq!(lines.iter().filter(|l| l.starts_with("7K")).count(), 3, "{lines:#?}");
        }
    }

    #[test]
    fn the_chosen_call_stays_chosen_when_the_list_moves_beneath_it() {
        let mut screen = screen(5, 0);
        (0..3).for_each(|_| {
            screen.press(Key::Down);
        });
        assert_eq!(screen.press(Key::Enter), Action::Open("call_3".into()));
        let mut shown = screen.shown.clone();
        shown.rows.insert(0, row(9));
        screen.show(shown.clone());
        assert_eq!(screen.press(Key::Enter), Action::Open("call_3".into()), "a worse call came first");
        shown.rows.retain(|r| r.call != "call_3");
        screen.show(shown);
        assert!(matches!(screen.press(Key::Enter), Action::Open(call) if call != "call_3"), "it is over");
    }

    #[test]
    fn a_call_is_taken_only_after_a_yes_and_what_is_typed_into_a_note_does_nothing_else() {
        let mut screen = screen(2, 0);
        assert_eq!(screen.press(Key::Char('a')), Action::Nothing);
        assert!(drawn(&screen, 80, 24).last().expect("a line").contains("take 7K00 in your own name? y or n"));
        for key in [Key::Char('x'), Key::Enter, Key::Down, Key::Char('a')] {
            assert_eq!(screen.press(key), Action::Nothing, "{key:?}");
        }
        assert_eq!(screen.press(Key::Char('n')), Action::Nothing);
        assert!(drawn(&screen, 80, 24).last().expect("a line").contains("nothing was done"));
        screen.press(Key::Char('a'));
        assert_eq!(screen.press(Key::Char('y')), Action::Acknowledge("call_0".into()));

        screen.press(Key::Char('n'));
        for c in "quay b, a yard".chars() {
            assert_eq!(screen.press(Key::Char(c)), Action::Nothing);
        }
        screen.press(Key::Backspace);
        screen.press(Key::Char('d'));
        assert!(drawn(&screen, 80, 24).last().expect("a line").contains("note 7K00: quay b, a yard_"));
        assert_eq!(screen.press(Key::Enter), Action::Note("call_0".into(), "quay b, a yard".into()));
        screen.press(Key::Char('n'));
        assert_eq!(screen.press(Key::Enter), Action::Nothing, "an empty one is none");
        screen.press(Key::Char('n'));
        assert_eq!(screen.press(Key::Interrupt), Action::Quit { is_interrupt: true });
        screen.press(Key::Escape);
        assert_eq!(screen.press(Key::Char('q')), Action::Quit { is_interrupt: false });
    }

    #[test]
    fn a_story_scrolls_beneath_header_and_alerts_and_goes_back() {
        let mut screen = screen(3, 2);
        screen.open(Story {
            call: "call_1".into(),
            reference: "7K01".into(),
            header: vec!["call       call_1".into(), "status     DISPATCHING".into()],
            entries: (0..80)
                .map(|n| Entry { at: format!("02:{n:02}:00"), who: "engine".into(), what: format!("entry {n}") })
                .collect(),
        });
        let first = drawn(&screen, 80, 24);
        assert!(
            first.iter().any(|l| l.contains("entry 0")) && first.iter().any(|l| l.starts_with("PAGE")),
            "{first:#?}"
        );
        screen.press(Key::End);
        let last = drawn(&screen, 80, 24);
        assert!(last.iter().any(|l| l.contains("entry 79")) && last.iter().any(|l| l.starts_with("PAGE")), "{last:#?}");
        assert!(last.iter().any(|l| l.starts_with("status     DISPATCHING")), "its head stays: {last:#?}");
        assert_eq!(screen.press(Key::Char('a')), Action::Nothing);
        assert!(drawn(&screen, 80, 24).last().expect("a line").contains("take 7K01"), "the one that is read");
        screen.press(Key::Escape);
        screen.press(Key::Escape);
        assert_eq!(screen.opened(), None);
    }
}
