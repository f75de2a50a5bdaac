//! Which file of `src` imports which, read from its tokens: `use` groups, paths in the code, and re-exports followed to the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};

/// A module: the names on the way to it from the crate's root.
type Module = Vec<String>;
/// The path of one import, as written, and the name that it has in the file.
type Import = (Vec<String>, String);

/// Idents, `::` and single signs; comments, strings and characters are gone.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    let is = |at: usize, sign: char| chars.get(at) == Some(&sign);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while let Some(c) = chars.get(at).copied() {
        let start = at;
        if c == '/' && is(at + 1, '/') {
            while at < chars.len() && !is(at, '\n') {
                at += 1;
            }
        } else if c == 'r' && (is(at + 1, '"') || (is(at + 1, '#') && (is(at + 2, '"') || is(at + 2, '#')))) {
            let marks = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            at += marks + 2;
            while at < chars.len() && !(is(at, '"') && (1..=marks).all(|i| is(at + i, '#'))) {
                at += 1;
            }
            at += marks + 1;
        } else if c == '"' {
            at += 1;
            while at < chars.len() && !is(at, '"') {
                at += if is(at, '\\') { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            at += if is(at + 1, '\\') {
                3 + chars.iter().skip(at + 3).take_while(|c| **c != '\'').count() + 1
            } else if is(at + 2, '\'') {
                3
            } else {
                1
            };
        } else if word(c) {
            while chars.get(at).is_some_and(|c| word(*c)) {
                at += 1;
            }
            found.push(chars[start..at].iter().collect());
        } else if c == ':' && is(at + 1, ':') {
            at += 2;
            found.push("::".to_owned());
        } else {
            at += 1;
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
        }
    }
    found
}

/// Every path of a `use` tree, from just behind `use` to its `;`, and where the tree ends.
fn use_tree(tokens: &[String], mut at: usize, prefix: &[String], imports: &mut Vec<Import>) -> usize {
    let mut path = prefix.to_vec();
    let mut alias = None;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t != "}" && t != ";") {
                    at = use_tree(tokens, at, &path, imports);
                    at += usize::from(tokens.get(at).is_some_and(|t| t == ","));
                }
                return at + 1;
            }
            "as" => {
                at += 1;
                alias = tokens.get(at).cloned();
            }
            "," | "}" | ";" => break,
            "self" if !path.is_empty() => {}
            _ => path.push(token.clone()),
        }
        at += 1;
    }
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    imports.push((path, name));
    at
}

/// Every module at the crate's root that a text names, in `use` groups and in paths.
pub(crate) fn from_the_root(text: &str) -> BTreeSet<String> {
    let source = read("", text, &BTreeSet::new());
    let handed_on = source.hands_on.into_iter().map(|(path, _)| path);
    let from_root = source.uses.into_iter().chain(handed_on).filter(|path| path.first().is_some_and(|p| p == "crate"));
    from_root.filter_map(|path| path.into_iter().nth(1)).collect()
}

#[derive(Default)]
struct Source {
    file: String,
    /// Paths that the file uses itself.
    uses: Vec<Vec<String>>,
    /// What it hands on under a name of its own.
    hands_on: Vec<Import>,
    /// Names that it defines.
    defines: BTreeSet<String>,
}

fn read(file: &str, text: &str, children: &BTreeSet<String>) -> Source {
    let tokens = tokens(text);
    let mut source = Source { file: file.to_owned(), ..Source::default() };
    let word = |at: usize| tokens.get(at).map_or("", String::as_str);
    let mut at = 0;
    let (mut public, mut of_tests) = (false, false);
    while at < tokens.len() {
        match word(at) {
            "#" if word(at + 2) == "cfg" && word(at + 4) == "test" => {
                of_tests = true;
                at += 7;
                continue;
            }
            "pub" => {
                public = true;
                if word(at + 1) == "(" {
                    while !matches!(word(at), ")" | "") {
                        at += 1;
                    }
                }
                at += 1;
                continue;
            }
            // `use<'a>` in a type captures lifetimes; it imports nothing.
            "use" if word(at + 1) != "<" => {
                let mut imports = Vec::new();
                at = use_tree(&tokens, at + 1, &[], &mut imports);
                match (public, of_tests) {
                    (_, true) => {}
                    (true, false) => source.hands_on.extend(imports),
                    (false, false) => source.uses.extend(imports.into_iter().map(|(path, _)| path)),
                }
            }
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" => {
                source.defines.insert(word(at + 1).to_owned());
            }
            first
                if word(at + 1) == "::"
                    && (at == 0 || word(at - 1) != "::")
                    && (matches!(first, "crate" | "super" | "self") || children.contains(first)) =>
            {
                let mut path = vec![first.to_owned()];
                while word(at + 1) == "::" && word(at + 2).starts_with(|c: char| c == '_' || c.is_alphabetic()) {
                    path.push(word(at + 2).to_owned());
                    at += 2;
                }
                source.uses.push(path);
            }
            _ => {}
        }
        (public, of_tests) = (false, false);
        at += 1;
    }
    source
}

/// The sources of a crate by module.
pub(crate) struct Imports(BTreeMap<Module, Source>);

impl Imports {
    /// Of files by name below `src`, without their tests.
    pub(crate) fn of<'a>(files: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let module = |file: &str| -> Module {
            let mut names: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if names.last().is_some_and(|n| n == "mod") || names == ["lib"] {
                names.pop();
            }
            names
        };
        let all: Vec<Module> = files.clone().map(|(file, _)| module(file)).collect();
        let children = |of: &Module| -> BTreeSet<String> {
            let below = all.iter().filter(|m| m.len() == of.len() + 1 && m.starts_with(of));
            below.filter_map(|m| m.last().cloned()).collect()
        };
        Self(files.map(|(file, text)| (module(file), read(file, text, &children(&module(file))))).collect())
    }

    /// A path as the module writes it, from the crate's root. Nothing for another crate's.
    fn absolute(&self, of: &Module, path: &[String]) -> Option<Module> {
        let mut from = of.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|p| p == "super") {
                    from.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                from.push(first.to_owned());
                if !self.0.contains_key(&from) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        from.extend(rest.iter().cloned());
        Some(from)
    }

    /// The module that defines what the path names.
    fn home(&self, path: &[String], depth: u8) -> Option<Module> {
        let known = (1..=path.len()).rev().find(|n| self.0.contains_key(&path[..*n]))?;
        let (module, rest) = (path[..known].to_vec(), &path[known..]);
        let (Some(name), Some(source)) = (rest.first(), self.0.get(&module)) else { return Some(module) };
        if depth > 8 || source.defines.contains(name) {
            return Some(module);
        }
        for (through, known_as) in &source.hands_on {
            let all = known_as == "*";
            let through = if all { &through[..through.len() - 1] } else { &through[..] };
            let Some(mut target) = self.absolute(&module, through) else { continue };
            if all && self.0.get(&target).is_some_and(|s| s.defines.contains(name)) {
                return Some(target);
            }
            if known_as == name {
                target.extend(rest[1..].iter().cloned());
                return self.home(&target, depth + 1);
            }
        }
        Some(module)
    }

    /// Which file imports which others.
    pub(crate) fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, source) in &self.0 {
            let to = edges.entry(&source.file).or_default();
            for path in &source.uses {
                let Some(mut path) = self.absolute(module, path) else { continue };
                if path.last().is_some_and(|p| p == "*") {
                    path.pop();
                }
                if let Some(home) = self.home(&path, 0).filter(|home| home != module) {
                    to.extend(self.0.get(&home).map(|s| s.file.as_str()));
                }
            }
        }
        edges
    }

    /// Groups of files that all import each other, directly or through others; the largest first.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let edges = self.edges();
        let reach = |from: &str| {
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            let mut next: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
            while let Some(file) = next.pop() {
                if seen.insert(file) {
                    next.extend(edges.get(file).into_iter().flatten());
                }
            }
            seen
        };
        let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|file| (*file, reach(file))).collect();
        let mut circles: BTreeSet<Vec<&str>> = BTreeSet::new();
        for (file, to) in &reached {
            let circle = to.iter().filter(|other| reached.get(**other).is_some_and(|back| back.contains(file)));
            circles.insert(circle.copied().collect());
        }
        let mut circles: Vec<_> = circles.into_iter().filter(|c| c.len() > 1).collect();
        circles.sort_by_key(|c| std::cmp::Reverse(c.len()));
        circles
    }
}
