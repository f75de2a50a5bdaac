//! The reference of every key, from the file that holds every default.

/// How wide a page is, and how far what is said of a key is indented.
const WIDTH: usize = 78;
const INDENT: &str = "      ";

/// Each key with its default, and below it what it does.
pub(super) fn reference(defaults: &str) -> String {
    let mut page = Page::default();
    page.text.push_str(
        "Every key and its default. A key that stands without a value has none: what\n\
         follows says what it takes. Environment names: `dispatchctl help environment`.\n\
         `dispatchctl config show` tells what is in force and where it comes from.\n",
    );
    for line in defaults.lines() {
        page.line(line);
    }
    page.flush();
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
    key: Option<String>,
    said: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        let bare = bare(trimmed);
        if trimmed.is_empty() {
            self.flush();
        } else if is_heading(bare) {
            self.flush();
            let (section, said) = split(bare);
            self.text.push_str(&format!("\n{section}\n"));
            self.paragraph(&said, "  ");
        } else if is_key(bare) && !line.starts_with(' ') {
            self.flush();
            let (key, said) = split(bare);
            (self.key, self.said) = (Some(key), said);
        } else if trimmed.starts_with('#') && self.key.is_some() {
            self.said.push(' ');
            self.said.push_str(bare);
        } else if trimmed.starts_with('#') {
            self.paragraph(bare, "  ");
        } else {
            // What goes on of a value over several lines.
            let (more, said) = split(trimmed);
            if let Some(key) = &mut self.key {
                key.push(' ');
                key.push_str(&more);
            }
            self.said.push(' ');
            self.said.push_str(&said);
        }
    }

    fn flush(&mut self) {
        let Some(key) = self.key.take() else { return };
        let said = std::mem::take(&mut self.said);
        self.paragraph(&key, "  ");
        self.paragraph(said.trim(), INDENT);
    }

    fn paragraph(&mut self, words: &str, indent: &str) {
        self.text.push_str(&folded(words, indent));
    }
}

/// Words in lines that fit; one that is longer than a line has a line of its own.
pub(super) fn folded(words: &str, indent: &str) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    for word in words.split_whitespace() {
        for word in pieces(word, WIDTH - indent.len()) {
            if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
                text.push_str(&format!("{indent}{line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    if !line.is_empty() {
        text.push_str(&format!("{indent}{line}\n"));
    }
    text
}

fn pieces(word: &str, most: usize) -> Vec<String> {
    let all: Vec<char> = word.chars().collect();
    all.chunks(most.max(1)).map(|c| c.iter().collect()).collect()
}

/// A line of the file without the signs that comment it out: an example within a commented table has two.
fn bare(line: &str) -> &str {
    line.trim_start_matches(['#', ' ', '\t'])
}

/// The name of a table or of one of a list of tables, with a comment or without one.
fn is_heading(line: &str) -> bool {
    let (name, _) = split(line);
    let is_name = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let inner = |open, close| name.strip_prefix(open).and_then(|n| n.strip_suffix(close));
    inner("[[", "]]").or_else(|| inner("[", "]")).is_some_and(is_name)
}

/// `key = ` at its beginning.
fn is_key(line: &str) -> bool {
    let name = line.split('=').next().unwrap_or_default().trim();
    line.contains('=') && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-\"".contains(c))
}

/// What stands before the comment of a line, and the comment; a number sign within quotes begins none.
fn split(line: &str) -> (String, String) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let (before, after) = line.split_at(at);
                return (before.trim().to_owned(), after.trim_start_matches('#').trim().to_owned());
            }
            _ => {}
        }
    }
    (line.trim().to_owned(), String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_defaults_is_in_the_reference_with_its_section() {
        let text = reference(crate::config::DEFAULTS);
        for line in crate::config::DEFAULTS.lines() {
            let bare = bare(line);
            if line.starts_with([' ', '\t']) || line.trim().is_empty() {
                continue;
            }
            if is_heading(bare) {
                assert!(text.contains(&format!("\n{}\n", split(bare).0)), "{line}");
            } else if is_key(bare) {
                let name = bare.split('=').next().unwrap_or_default().trim();
                assert!(text.contains(&format!("\n  {name} =")), "{name} is missing: {line}");
            }
        }
    }

    #[test]
    fn no_heading_and_no_key_of_the_defaults_is_inside_the_text_of_another_one() {
        let text = reference(crate::config::DEFAULTS);
        let headings: Vec<String> =
            crate::config::DEFAULTS.lines().map(bare).filter(|l| is_heading(l)).map(|l| split(l).0).collect();
        let shown: Vec<&str> = text.lines().filter(|l| l.starts_with('[')).collect();
        assert_eq!(shown, headings);
        for heading in
            ["[templates]", "[smtp]", "[intake.custom.desk]", "[airtable.values.calls.status]", "[[server.tokens]]"]
        {
            assert!(shown.contains(&heading), "{heading}");
        }
        // A comment sign that is left is where two lines of the file were joined.
        for line in text.lines() {
            assert!(!line.contains(" # ") && !line.trim_start().starts_with('#') && !line.ends_with(" #"), "{line:?}");
        }
    }

    #[test]
    fn a_commented_heading_begins_a_section_and_an_example_in_it_is_a_key() {
        let text = reference(
            "[a]\nx = 1 # one\n# [b.c] # two\n# y = 2 # three\n# # z = 3 # four\n# # # five\n# [d]: no heading\n",
        );
        let want = "\n[a]\n  x = 1\n      one\n\n[b.c]\n  two\n  y = 2\n      three\n  z = 3\n      four five [d]: no heading\n";
        assert!(text.ends_with(want), "{text}");
    }

    #[test]
    fn a_key_its_comment_and_what_goes_on_below_are_one_entry() {
        let text =
            reference("[store]\nurl = \"a#b\"    # where it is;\n          # and so on\n# password = \"x\" # secret\n");
        assert!(
            text.contains(
                "\n[store]\n  url = \"a#b\"\n      where it is; and so on\n  password = \"x\"\n      secret\n"
            ),
            "{text}"
        );
    }
}
