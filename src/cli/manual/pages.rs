//! Pages for man: one a command in section 1, one a topic in section 7.

use clap::ValueEnum as _;

use super::Topic;
/// A page and the name of its file.
pub(super) struct Page {
    pub(super) file: String,
    pub(super) text: String,
}

/// Every page; that of the program first.
pub(super) fn of_all(mut tree: clap::Command) -> Vec<Page> {
    let mut pages = Vec::new();
    tree.build();
    walk(&tree, "dispatchctl", &mut pages);
    pages.extend(Topic::value_variants().iter().map(|topic| topic_page(*topic)));
    pages
}

fn walk(command: &clap::Command, name: &str, pages: &mut Vec<Page>) {
    let titled = command.clone().version(env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    // A buffer takes whatever is written to it.
    if clap_mangen::Man::new(titled).title(name.to_uppercase()).section("1").render(&mut text).is_ok() {
        // An empty line between two breaks is one space; mandoc takes the breaks for a mistake.
        let text = String::from_utf8(text).unwrap_or_default().replace("\n.br\n\n.br\n", "\n.sp\n");
        pages.push(Page { file: format!("{name}.1"), text: format!("{text}{}", see_also(name)) });
    }
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        walk(sub, &format!("{name}-{}", sub.get_name()), pages);
    }
}

fn see_also(name: &str) -> String {
    let own = if name == "dispatchctl" { "" } else { ".BR dispatchctl (1),\n" };
    format!(
        ".SH \"SEE ALSO\"\n{own}.BR dispatchctl-exit-codes (7),\n.BR dispatchctl-configuration (7),\n.BR dispatchctl-symptoms (7)\n"
    )
}

/// Its text as it is, line by line.
fn topic_page(topic: Topic) -> Page {
    let name = topic.name();
    let mut text = format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH DISPATCHCTL-{} 7 \"\" \"dispatchctl {}\"\n.SH NAME\ndispatchctl\\-{} \\- {}\n.SH DESCRIPTION\n.nf\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION"),
        name.replace('-', "\\-"),
        topic.about().to_lowercase()
    );
    for line in topic.text().lines() {
        text.push_str(&escaped(line));
        text.push('\n');
    }
    text.push_str(".fi\n");
    Page { file: format!("dispatchctl-{name}.7"), text }
}

/// A line that roff prints as it is.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\*(Aq").replace('`', "\\(ga");
    let named = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) };
    let line: String = line.chars().map(named).collect();
    if line.starts_with('.') || line.starts_with("\\*(Aq") { format!("\\&{line}") } else { line }
}
