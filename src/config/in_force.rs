//! What of the configuration decides, and what a process brings itself.
//!
//! What decides (contacts, lines, policies, templates, delivery rules, tables, names of sinks) is kept in the store by the
//! engine, and every process works under that copy, whatever file lies in its own directory. A process brings secrets,
//! addresses and the store's place alone. Both parts are cut from the same tree by [`owner`], so that a new key is the
//! store's unless it is named there.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::origin::{Layer, Origin, resolve};
use super::raw::{Node, RawTable, Value};
use super::types::Mode;
use crate::domain::alert::{Severity, SinkTarget};

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// It decides: the store's copy counts.
    Store,
    /// A secret or an address: each process's own.
    Process,
}

/// Whose the key at this path is; places in lists are left out of it.
fn owner(path: &[&str]) -> Owner {
    match path {
        ["store" | "server" | "board" | "test" | "sandbox" | "test_mode" | "events", ..]
        | ["twilio", "base_url" | "api_key", ..]
        | ["airtable" | "heartbeat" | "smtp", "base_url" | "url" | "url_file" | "fail_url" | "fail_url_file", ..]
        | ["alerts", "sinks", "url" | "url_file" | "command", ..]
        | ["intake", _, "base_url"] => Owner::Process,
        [.., name] if is_secret(path, name.strip_suffix("_file").unwrap_or(name)) => Owner::Process,
        _ => Owner::Store,
    }
}

/// Keys whose value is a secret; each has a `_file` twin.
fn is_secret(path: &[&str], name: &str) -> bool {
    matches!(
        (path, name),
        (["twilio", _], "auth_token" | "auth_token_previous" | "api_secret")
            | (["airtable", _], "token")
            | (["store", _], "password")
            | (["server", "tokens", _], "token")
            | (["events", _], "url" | "secret" | "secret_previous")
            | (["alerts", "sinks", _], "url" | "secret" | "secret_previous" | "token" | "user")
            | (["heartbeat" | "smtp", _], "url" | "fail_url")
            | (["rotations", _], "calendar" | "calendar_overrides")
            | (["intake", "retell", _], "api_key")
            | (["intake", "vapi", _], "secret" | "hmac_secret" | "api_key")
            | (["intake", "custom", _, _], "token" | "hmac_secret")
    )
}

/// A tree of settings, cut in two.
#[derive(Clone, PartialEq, Default)]
pub struct Documents {
    /// What decides, with the defaults: no secret, no address.
    pub decides: Json,
    /// The addresses and the paths of secret files that the file names, absolute: no secret.
    pub places: Json,
    /// Whether anything that decides is given, and not a default.
    pub gives: bool,
    /// Secrets that are written into the file itself, as dotted keys.
    pub typed_secrets: Vec<String>,
}

impl std::fmt::Debug for Documents {
    /// Without the documents, which hold people's numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").field("gives", &self.gives).finish_non_exhaustive()
    }
}

impl Documents {
    /// Of a merged tree. Relative paths are meant as in [`resolve`].
    pub(super) fn of(root: &RawTable, cwd: &Path) -> Self {
        let mut typed_secrets = Vec::new();
        find_typed_secrets(root, &mut Vec::new(), &mut typed_secrets);
        Self {
            decides: Json::Object(decides(root, &mut Vec::new())),
            places: Json::Object(places(root, &mut Vec::new(), cwd)),
            gives: gives(root, &mut Vec::new()),
            typed_secrets,
        }
    }

    /// With the names that the sinks go by. In test mode there are those alone that the sandbox stands in for: texts.
    pub(super) fn with_sinks(mut self, names: &[Option<String>], mode: Mode) -> Self {
        let kinds = self.decides.pointer("/alerts/sinks").and_then(Json::as_array);
        let is_text = |sink: &Json| sink.get("kind").and_then(Json::as_str) == Some(super::sink_types::TEXT);
        let stays: Vec<bool> = kinds.into_iter().flatten().map(|s| mode == Mode::Live || is_text(s)).collect();
        for document in [&mut self.decides, &mut self.places] {
            let Some(sinks) = document.pointer_mut("/alerts/sinks").and_then(Json::as_array_mut) else { continue };
            for (sink, name) in sinks.iter_mut().zip(names) {
                if let (Some(sink), Some(name)) = (sink.as_object_mut(), name) {
                    sink.insert("name".into(), name.as_str().into());
                }
            }
            let mut stay = stays.iter().copied();
            sinks.retain(|_| stay.next().unwrap_or(mode == Mode::Live));
        }
        self
    }

    /// The sinks that are named, with the least that each is told of.
    pub fn sinks(&self) -> Vec<SinkTarget> {
        sinks_of(&self.decides)
    }

    /// How many sinks are there without a name, as their place cannot be read here.
    pub fn nameless_sinks(&self) -> usize {
        let sinks = self.decides.pointer("/alerts/sinks").and_then(Json::as_array);
        sinks.map_or(0, |all| all.iter().filter(|s| s.get("name").is_none()).count())
    }
}

/// The keys that decide. A section that is used only once something of it is given stays out while nothing is.
fn decides<'a>(table: &'a RawTable, path: &mut Vec<&'a str>) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, node) in table {
        path.push(name);
        if let (["airtable"], Value::Table(inner)) = (path.as_slice(), &node.value)
            && !is_given(inner)
        {
            path.pop();
            continue;
        }
        if let Some(value) = decides_value(node, path) {
            out.insert(name.clone(), value);
        }
        path.pop();
    }
    if path.as_slice() == ["rotations"] {
        // That there is a calendar decides; where it is does not.
        for name in CALENDARS.iter().filter(|name| has_calendar(table, name)) {
            out.insert((*name).to_owned(), true.into());
        }
    }
    out
}

/// The keys of a rotation that name the place of a calendar.
const CALENDARS: [&str; 2] = ["calendar", "calendar_overrides"];

fn has_calendar(rotation: &RawTable, name: &str) -> bool {
    let is_given = |key: &str| match rotation.get(key).map(|node| &node.value) {
        Some(Value::Text(text)) => !text.is_empty(),
        Some(Value::Bool(is_named)) => *is_named,
        _ => false,
    };
    is_given(name) || is_given(&format!("{name}_file"))
}

fn decides_value<'a>(node: &'a Node, path: &mut Vec<&'a str>) -> Option<Json> {
    match &node.value {
        Value::Table(inner) => {
            let inner = decides(inner, path);
            // A section that is given counts as given, also where only its secrets were.
            (!inner.is_empty() || path.as_slice() == ["airtable"]).then_some(Json::Object(inner))
        }
        _ if owner(path) == Owner::Process => None,
        Value::List(items) => Some(Json::Array(items.iter().filter_map(|i| decides_value(i, path)).collect())),
        leaf => leaf_to_json(leaf),
    }
}

/// Process's own keys that a file gives, secrets left out and paths made absolute.
fn places<'a>(table: &'a RawTable, path: &mut Vec<&'a str>, cwd: &Path) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, node) in table {
        path.push(name);
        let skipped = matches!(path.as_slice(), ["store" | "test" | "sandbox" | "test_mode"]);
        if !skipped && let Some(value) = place(node, path, cwd) {
            out.insert(name.clone(), value);
        }
        path.pop();
    }
    out
}

fn place<'a>(node: &'a Node, path: &mut Vec<&'a str>, cwd: &Path) -> Option<Json> {
    match &node.value {
        Value::Table(inner) => {
            let inner = places(inner, path, cwd);
            (!inner.is_empty()).then_some(Json::Object(inner))
        }
        Value::List(items) if items.iter().any(|i| matches!(i.value, Value::Table(_))) => {
            let one = |i: &'a Node, path: &mut Vec<&'a str>| match &i.value {
                Value::Table(inner) => {
                    let mut found = places(inner, path, cwd);
                    if let (["rotations"], Some(Node { value: Value::Text(id), .. })) =
                        (path.as_slice(), inner.get("id"))
                        && !found.is_empty()
                    {
                        found.insert("id".into(), id.as_str().into());
                    }
                    Json::Object(found)
                }
                _ => Json::Null,
            };
            let all: Vec<Json> = items.iter().map(|i| one(i, path)).collect();
            all.iter().any(|i| i.as_object().is_some_and(|o| !o.is_empty())).then_some(Json::Array(all))
        }
        _ if owner(path) == Owner::Store || node.layer != Layer::File => None,
        Value::Text(text) => {
            let name = path.last().copied().unwrap_or_default();
            match name.strip_suffix("_file") {
                Some(secret) if is_secret(path, secret) && !text.is_empty() => {
                    Some(resolve(cwd, &node.origin, text).to_string_lossy().into_owned().into())
                }
                _ if is_secret(path, name) => None,
                _ => Some(text.as_str().into()),
            }
        }
        Value::List(items) => Some(Json::Array(items.iter().filter_map(|i| leaf_to_json(&i.value)).collect())),
        leaf => leaf_to_json(leaf),
    }
}

fn leaf_to_json(value: &Value) -> Option<Json> {
    match value {
        Value::Text(text) => Some(text.as_str().into()),
        Value::Integer(i) => Some((*i).into()),
        Value::Number(n) => serde_json::Number::from_f64(*n).map(Json::Number),
        Value::Bool(b) => Some((*b).into()),
        Value::List(_) | Value::Table(_) | Value::Other(_) => None,
    }
}

/// Whether anything in here comes from somebody, not from the defaults.
fn is_given(table: &RawTable) -> bool {
    table.values().any(|n| match &n.value {
        Value::Table(inner) => is_given(inner),
        _ => n.layer > Layer::Default,
    })
}

fn gives<'a>(table: &'a RawTable, path: &mut Vec<&'a str>) -> bool {
    table.iter().any(|(name, node)| {
        path.push(name);
        let found = match &node.value {
            Value::Table(inner) => gives(inner, path),
            _ => node.layer > Layer::Default && owner(path) == Owner::Store,
        };
        path.pop();
        found
    })
}

fn find_typed_secrets<'a>(table: &'a RawTable, path: &mut Vec<&'a str>, found: &mut Vec<String>) {
    for (name, node) in table {
        path.push(name);
        match &node.value {
            Value::Table(inner) => find_typed_secrets(inner, path, found),
            Value::List(items) => {
                for item in items {
                    if let Value::Table(inner) = &item.value {
                        find_typed_secrets(inner, path, found);
                    }
                }
            }
            // The path of a calendar is none.
            Value::Text(text) if path.first() == Some(&"rotations") && !text.contains("://") => {}
            Value::Text(text) if node.layer == Layer::File && is_secret(path, name) && !text.is_empty() => {
                found.push(path.join("."));
            }
            _ => {}
        }
        path.pop();
    }
}

/// The tree of a document that was kept, as a layer of its own.
pub(super) fn tree(document: &Json, origin: &Origin, layer: Layer) -> RawTable {
    let Json::Object(map) = document else { return RawTable::new() };
    let node = |(name, value): (&String, &Json)| node(value, origin, layer).map(|n| (name.clone(), n));
    map.iter().filter_map(node).collect()
}

fn node(value: &Json, origin: &Origin, layer: Layer) -> Option<Node> {
    let value = match value {
        Json::Null => return None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Value::Integer(i),
            None => Value::Number(n.as_f64()?),
        },
        Json::String(s) => Value::Text(s.clone()),
        Json::Array(items) => Value::List(items.iter().filter_map(|i| node(i, origin, layer)).collect()),
        Json::Object(_) => Value::Table(tree(value, origin, layer)),
    };
    Some(Node { value, origin: origin.clone(), layer })
}

/// What this process brings: secrets and addresses that it was given in a layer above `above`, without the sinks' (see
/// [`join_sinks`]).
pub(super) fn brings(table: RawTable, above: Layer) -> RawTable {
    fn keep(table: RawTable, path: &mut Vec<String>, above: Layer) -> RawTable {
        let mut out = RawTable::new();
        for (name, node) in table {
            path.push(name.clone());
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            let own = owner(&names) == Owner::Process;
            let kept = match node.value {
                Value::Table(inner) => {
                    let inner = keep(inner, path, above);
                    (!inner.is_empty()).then_some(Value::Table(inner))
                }
                value => (own && node.layer > above).then_some(value),
            };
            if let Some(value) = kept {
                out.insert(name, Node { value, origin: node.origin, layer: node.layer });
            }
            path.pop();
        }
        out
    }
    keep(table, &mut Vec::new(), above)
}

/// The sinks that a document names, with the least that each is told of.
pub fn sinks_of(document: &Json) -> Vec<SinkTarget> {
    let sinks = document.pointer("/alerts/sinks").and_then(Json::as_array);
    let target = |sink: &Json| {
        let name = sink.get("name")?.as_str()?.to_owned();
        let page = sink.get("min").and_then(Json::as_str).is_some_and(|m| m.eq_ignore_ascii_case("page"));
        Some(SinkTarget { name, min: if page { Severity::Page } else { Severity::Notice } })
    };
    sinks.map(|all| all.iter().filter_map(target).collect()).unwrap_or_default()
}

/// The tables of `alerts.sinks`.
pub(super) fn sinks(root: &RawTable) -> Vec<&RawTable> {
    let Some(Node { value: Value::Table(alerts), .. }) = root.get("alerts") else { return Vec::new() };
    let Some(Node { value: Value::List(items), .. }) = alerts.get("sinks") else { return Vec::new() };
    items.iter().filter_map(|i| if let Value::Table(t) = &i.value { Some(t) } else { None }).collect()
}

/// The tables of `alerts.sinks`, taken out of a tree.
pub(super) fn take_sinks(root: &mut RawTable) -> Vec<RawTable> {
    let Some(Node { value: Value::Table(alerts), .. }) = root.get_mut("alerts") else { return Vec::new() };
    let Some(Node { value: Value::List(items), .. }) = alerts.remove("sinks") else { return Vec::new() };
    items.into_iter().filter_map(|i| if let Value::Table(t) = i.value { Some(t) } else { None }).collect()
}

/// Gives each sink in force the place and the secret that this process has under its name.
pub(super) fn join_sinks(root: &mut RawTable, own: Vec<(String, RawTable)>) {
    let Some(Node { value: Value::Table(alerts), .. }) = root.get_mut("alerts") else { return };
    let Some(Node { value: Value::List(items), .. }) = alerts.get_mut("sinks") else { return };
    let mut own: BTreeMap<String, RawTable> = own.into_iter().collect();
    for item in items {
        let Value::Table(sink) = &mut item.value else { continue };
        let Some(Node { value: Value::Text(name), .. }) = sink.get("name") else { continue };
        for (key, node) in own.remove(name.as_str()).unwrap_or_default() {
            if owner(&["alerts", "sinks", &key]) == Owner::Process {
                sink.insert(key, node);
            }
        }
    }
}

/// What each rotation of a tree says of the places of its calendars, by its id without regard to case.
pub(super) fn take_calendars(root: &RawTable) -> BTreeMap<String, RawTable> {
    let Some(Node { value: Value::List(items), .. }) = root.get("rotations") else { return BTreeMap::new() };
    let one = |item: &Node| {
        let Value::Table(rotation) = &item.value else { return None };
        let Some(Node { value: Value::Text(id), .. }) = rotation.get("id") else { return None };
        let is_place = |key: &str| CALENDARS.contains(&key.strip_suffix("_file").unwrap_or(key));
        let places: RawTable = rotation.iter().filter(|(key, _)| is_place(key)).filter_map(text_of).collect();
        Some((id.trim().to_lowercase(), places))
    };
    items.iter().filter_map(one).collect()
}

fn text_of((key, node): (&String, &Node)) -> Option<(String, Node)> {
    let Value::Text(text) = &node.value else { return None };
    let value = Value::Text(text.clone());
    Some((key.clone(), Node { value, origin: node.origin.clone(), layer: node.layer }))
}

/// Gives each calendar in force the place that this process has for it.
pub(super) fn join_calendars(root: &mut RawTable, own: &BTreeMap<String, RawTable>) {
    let Some(Node { value: Value::List(items), .. }) = root.get_mut("rotations") else { return };
    for item in items {
        let Value::Table(rotation) = &mut item.value else { continue };
        let Some(Node { value: Value::Text(id), .. }) = rotation.get("id") else { continue };
        let Some(own) = own.get(&id.trim().to_lowercase()) else { continue };
        for name in CALENDARS.iter().filter(|name| has_calendar(own, name)) {
            if !has_calendar(rotation, name) {
                continue;
            }
            rotation.remove(*name);
            for key in [(*name).to_owned(), format!("{name}_file")] {
                rotation.extend(own.get(&key).and_then(|node| text_of((&key, node))));
            }
        }
    }
}

/// The dotted keys in which two documents differ, a section that only one of them has as a whole, those of lists of tables with their places: `contacts[1].phone`.
pub fn differences(a: &Json, b: &Json) -> Vec<String> {
    let mut out = Vec::new();
    differ(a, b, String::new(), &mut out);
    out
}

fn differ(a: &Json, b: &Json, path: String, out: &mut Vec<String>) {
    match (a, b) {
        (Json::Object(x), Json::Object(y)) => {
            let names: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            for name in names {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differ(x.get(name).unwrap_or(&Json::Null), y.get(name).unwrap_or(&Json::Null), inner, out);
            }
        }
        (Json::Array(x), Json::Array(y)) if x.iter().chain(y).any(Json::is_object) => {
            for i in 0..x.len().max(y.len()) {
                let one = |list: &[Json]| list.get(i).cloned().unwrap_or(Json::Null);
                differ(&one(x), &one(y), format!("{path}[{i}]"), out);
            }
        }
        _ if same(a, b) => {}
        _ => out.push(path),
    }
}

/// A number that the environment spells as text is the same number; nothing is the same as an empty list or text.
fn same(a: &Json, b: &Json) -> bool {
    let text = |v: &Json| match v {
        Json::Null => Some(String::new()),
        Json::String(s) => Some(s.clone()),
        Json::Number(n) => Some(n.to_string()),
        Json::Bool(b) => Some(b.to_string()),
        Json::Array(items) if items.is_empty() => Some(String::new()),
        _ => None,
    };
    a == b || text(a).is_some_and(|t| Some(t) == text(b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::file::parse;

    fn root(text: &str) -> RawTable {
        let mut root = parse(super::super::load::DEFAULTS, None).unwrap_or_else(|p| panic!("{p}"));
        let file = parse(text, Some(Path::new("/etc/x/c.toml"))).unwrap_or_else(|p| panic!("{p}"));
        super::super::raw::overlay(&mut root, file, "");
        root
    }

    const FILE: &str = r#"
        name = "Acme"
        [store]
        url = "sqlite:a.db"
        [server]
        listen = "127.0.0.1:4000"
        public_url = "https://acme.example"
        [[server.tokens]]
        name = "intake"
        token = "canary-1"
        scope = "dispatch"
        [[server.tokens]]
        name = "desk"
        token_file = "desk.token"
        scope = "operate"
        [twilio]
        account_sid = "AC00000000000000000000000000000001"
        auth_token = "canary-2"
        api_key = "SK1"
        api_secret = "canary-3"
        from = "+15005550006"
        base_url = "https://twilio.example"
        [airtable]
        token_file = "at.token"
        base_id = "app00000000000000"
        [[contacts]]
        id = "sam"
        phone = "+19495550101"
        [[alerts.sinks]]
        kind = "webhook"
        url = "https://hooks.example/canary-4"
        [heartbeat]
        url = "https://ping.example/canary-5"
    "#;

    #[test]
    fn what_decides_holds_neither_secret_nor_address_and_places_hold_no_secret() {
        let documents = Documents::of(&root(FILE), Path::new("/"));
        let (decides, places) = (documents.decides.to_string(), documents.places.to_string());
        for hidden in ["canary", "a.db", "acme.example", "twilio.example", "SK1", "token"] {
            assert!(!decides.contains(hidden), "{hidden}: {decides}");
        }
        for seen in ["sam", "AC0000", "app000", "unknown_first", "\"repeat\"", "Dispatch Events", "webhook"] {
            assert!(decides.contains(seen), "{seen}: {decides}");
        }
        assert!(!places.contains("canary") && !places.contains("sam"), "{places}");
        let want = json!({
            "airtable": { "token_file": "/etc/x/at.token" },
            "server": { "listen": "127.0.0.1:4000", "public_url": "https://acme.example", "tokens": [
                { "name": "intake", "scope": "dispatch" },
                { "name": "desk", "scope": "operate", "token_file": "/etc/x/desk.token" }] },
            "twilio": { "api_key": "SK1", "base_url": "https://twilio.example" },
        });
        assert_eq!(documents.places, want);
        let typed =
            ["alerts.sinks.url", "heartbeat.url", "server.tokens.token", "twilio.api_secret", "twilio.auth_token"];
        assert_eq!(documents.typed_secrets, typed);
        assert!(documents.gives);
    }

    #[test]
    fn a_file_that_brings_places_alone_gives_nothing_that_decides() {
        let d = Documents::of(&root("[store]\nurl = \"x.db\"\n[twilio]\nauth_token_file = \"t\"\n"), Path::new("/"));
        assert!(!d.gives);
        assert_eq!(d.decides.get("airtable"), None, "a section that nobody gives is not used");
        let d = Documents::of(&root("[airtable]\ntoken_file = \"t\"\n"), Path::new("/"));
        assert!(d.decides.get("airtable").is_some(), "one of which only the secret is given is");
    }

    #[test]
    fn documents_come_back_as_they_were_and_differ_by_key() {
        let a = Documents::of(&root(FILE), Path::new("/")).decides;
        let again = tree(&a, &Origin::InForce(1), Layer::InForce);
        assert_eq!(Documents::of(&again, Path::new("/")).decides, a);
        let text = FILE.replace("+19495550101", "+19495550102").replace("name = \"Acme\"", "name = \"Apex\"");
        let b = Documents::of(&root(&text), Path::new("/")).decides;
        assert_eq!(differences(&a, &b), ["contacts[0].phone", "name"]);
        assert_eq!(differences(&a, &a), Vec::<String>::new());
        assert_eq!(differences(&json!({"x": "2"}), &json!({"x": 2})), Vec::<String>::new());
        assert_eq!(
            differences(&json!({}), &json!({"x": {"y": 2}, "z": []})),
            ["x"],
            "a section that only one has is named whole"
        );
    }
}
