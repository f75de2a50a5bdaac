use std::net::SocketAddr;
use std::sync::Mutex;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{any, body_partial_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::{FieldForm, Formula, differences};
use super::*;

pub(super) const TOKEN: &str = "patAAAAAAAAAAAAAA.0123456789abcdef";
const BASE: &str = "appAAAAAAAAAAAAAA";
const EVENTS: &str = "/v0/appAAAAAAAAAAAAAA/Dispatch%20Events";

pub(super) fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/airtable/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A clock on which a sleep is over at once and the time of it has passed.
pub(super) struct LeapClock(Mutex<Duration>);

#[async_trait]
impl Clock for LeapClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_327_200_000).plus(self.boot())
    }

    fn boot(&self) -> Duration {
        *self.0.lock().expect("not poisoned")
    }

    async fn sleep_until(&self, at: Timestamp) {
        let left = at.since(self.now());
        *self.0.lock().expect("not poisoned") += left;
    }
}

fn settings(base: &str) -> AirtableSettings {
    AirtableSettings::new(TOKEN.into(), BASE.to_owned(), base.parse().expect("a URL"), 4.5)
}

pub(super) fn client_and_clock(base: &str) -> (AirtableClient, Arc<LeapClock>) {
    let clock = Arc::new(LeapClock(Mutex::new(Duration::from_secs(3600))));
    let client = AirtableClient::new(settings(base), clock.clone(), Arc::new(Ids::seeded(7))).expect("a client");
    (client, clock)
}

pub(super) fn client(base: &str) -> AirtableClient {
    client_and_clock(base).0
}

pub(super) fn rec(n: usize) -> RecordId {
    format!("recAAAAAAAAAAAAA{n}").parse().expect("an id")
}

pub(super) fn row(n: usize) -> Fields {
    Fields::new().with("Event ID", format!("att_{n:032}"))
}

fn ok(name: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(fixture(name))
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.expect("recorded")
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|h| h.to_str().ok())
}

#[tokio::test]
async fn writes_say_what_they_must_and_nothing_else() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH")).respond_with(ok("upsert_200_made_and_changed.json")).mount(&server).await;
    Mock::given(method("POST")).respond_with(ok("create_200_two.json")).mount(&server).await;
    Mock::given(method("DELETE")).respond_with(ok("delete_200_two.json")).mount(&server).await;
    let client = client(&format!("{}/pre/", server.uri()));
    let at = Timestamp::from_millis(1_795_327_200_000);
    // Sent the other way round than answered: an answer's records are found by their keys.
    let rows = [row(2).with("Sent At", at).with("Error Code", Cell::Empty), row(1).with("Step", 2_u32)];
    let done = client.upsert("Dispatch Events", &["Event ID"], &rows, Typecast::Off).await.expect("an answer");
    assert_eq!(done.records.iter().map(|r| r.id.clone()).collect::<Vec<_>>(), [rec(2), rec(1)]);
    assert_eq!((done.created, done.updated), (BTreeSet::from([rec(2)]), BTreeSet::from([rec(1)])));

    let made = client.create("Calls/of 100%", &[row(1), row(2)], Typecast::On).await.expect("an answer");
    assert_eq!(made.iter().map(|r| r.id.clone()).collect::<Vec<_>>(), [rec(1), rec(2)]);

    let field = "fldAAAAAAAAAAAAA4";
    let changes = [2, 1].map(|n| RecordChange { id: rec(n), fields: Fields::new().with(field, "done") });
    let changed = client.update("tblAAAAAAAAAAAAAA", &changes, Typecast::Off).await.expect("an answer");
    assert_eq!(changed.iter().map(|r| r.id.clone()).collect::<Vec<_>>(), [rec(2), rec(1)]);

    let deleted = client.delete("Dispatch Events", &[rec(1), rec(3)]).await.expect("an answer");
    assert_eq!(deleted, BTreeSet::from([rec(1)]), "only what was asked for and is confirmed");

    let sent = requests(&server).await;
    let body = |n: usize| sent[n].body_json::<Value>().expect("JSON");
    let (first, second) = (format!("att_{:032}", 1), format!("att_{:032}", 2));
    assert_eq!(sent[0].url.path(), format!("/pre{EVENTS}"));
    assert_eq!(
        body(0),
        json!({
            "performUpsert": { "fieldsToMergeOn": ["Event ID"] },
            "records": [
                { "fields": { "Error Code": null, "Event ID": second, "Sent At": "2026-11-22T06:00:00.000Z" } },
                { "fields": { "Event ID": first, "Step": 2 } },
            ],
            "typecast": false,
            "returnFieldsByFieldId": false,
        })
    );
    assert_eq!(sent[1].url.path(), format!("/pre/v0/{BASE}/Calls%2Fof%20100%25"));
    assert_eq!(body(1)["typecast"], json!(true));
    assert_eq!(body(1)["records"], json!([{ "fields": { "Event ID": first } }, { "fields": { "Event ID": second } }]));
    assert_eq!(sent[2].url.path(), format!("/pre/v0/{BASE}/tblAAAAAAAAAAAAAA"));
    assert_eq!(body(2)["records"][0], json!({ "id": "recAAAAAAAAAAAAA2", "fields": { field: "done" } }));
    assert_eq!(body(2)["returnFieldsByFieldId"], json!(true), "ids in, ids out");
    assert_eq!(sent[3].url.query(), Some("records%5B%5D=recAAAAAAAAAAAAA1&records%5B%5D=recAAAAAAAAAAAAA3"));
    assert!(sent.iter().all(|r| header(r, "authorization") == Some(&format!("Bearer {TOKEN}"))));
    assert_eq!(sent.len(), 4);
}

#[tokio::test]
async fn what_could_only_go_wrong_is_not_sent() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ok("create_200_two.json")).mount(&server).await;
    let client = client(&server.uri());
    let eleven: Vec<Fields> = (0..11).map(row).collect();
    let ids: Vec<RecordId> = (0..11).map(rec).collect();
    let mixed = [row(1).with("fldAAAAAAAAAAAAA1", "x")];
    let off = Typecast::Off;
    let twice = [1, 1].map(|n| RecordChange { id: rec(n), fields: row(n) });
    for (label, outcome) in [
        ("eleven rows", client.upsert("T", &["Event ID"], &eleven, off).await.map(|_| ())),
        ("eleven created", client.create("T", &eleven, off).await.map(|_| ())),
        ("eleven deleted", client.delete("T", &ids).await.map(|_| ())),
        ("no key", client.upsert("T", &["Event ID"], &[row(1), Fields::new().with("A", "x")], off).await.map(|_| ())),
        (
            "an empty key",
            client.upsert("T", &["Event ID"], &[Fields::new().with("Event ID", " ")], off).await.map(|_| ()),
        ),
        ("a key twice", client.upsert("T", &["Event ID"], &[row(1), row(2), row(1)], off).await.map(|_| ())),
        ("nothing to merge on", client.upsert("T", &[], &[row(1)], off).await.map(|_| ())),
        ("too much to merge on", client.upsert("T", &["a", "b", "c", "d"], &[row(1)], off).await.map(|_| ())),
        ("names and ids", client.create("T", &mixed, off).await.map(|_| ())),
        ("names and ids listed", client.list(&Query::of("T").fields(["fldAAAAAAAAAAAAA1", "A"])).await.map(|_| ())),
        ("a record twice", client.update("T", &twice, off).await.map(|_| ())),
        ("no table", client.create("", &[row(1)], off).await.map(|_| ())),
        ("a table that is a way up", client.list(&Query::of("..")).await.map(|_| ())),
        (
            "a table without fields",
            client
                .create_table(&NewTable { name: "T".into(), description: String::new(), fields: vec![] })
                .await
                .map(|_| ()),
        ),
    ] {
        let Err(MirrorError::Refused(refusal)) = outcome else { panic!("{label}: {outcome:?}") };
        assert_eq!((refusal.http, refusal.scope), (None, RefusalScope::Request), "{label}");
        assert!(!refusal.message.is_empty(), "{label}");
    }
    assert!(client.upsert("T", &["Event ID"], &[], off).await.expect("nothing to do").records.is_empty());
    assert!(client.create("T", &[], off).await.expect("nothing to do").is_empty());
    assert!(client.update("T", &[], off).await.expect("nothing to do").is_empty());
    assert!(client.delete("T", &[]).await.expect("nothing to do").is_empty());
    assert!(client.list(&Query::of("T").at_most(0)).await.expect("nothing to do").records.is_empty());
    assert!(client.by_key("T", "Event ID", &[String::new()], &[]).await.expect("nothing to do").is_empty());
    assert_eq!((requests(&server).await.len(), client.requests()), (0, 0));
}

async fn two_pages(server: &MockServer) {
    let first = Mock::given(method("GET")).and(path(EVENTS)).and(query_param_is_missing("offset"));
    first.respond_with(ok("list_200_page_0.json")).mount(server).await;
    let second = Mock::given(method("GET")).and(query_param("offset", "itrBBBBBBBBBBBBBB/recAAAAAAAAAAAAA2"));
    second.respond_with(ok("list_200_page_1.json")).mount(server).await;
}

#[tokio::test]
async fn a_list_follows_its_pages_and_shows_each_record_once() {
    let server = MockServer::start().await;
    two_pages(&server).await;
    let client = client(&server.uri());
    let all = client.list(&Query::of("Dispatch Events")).await.expect("a list");
    assert_eq!(all.records.iter().map(|r| r.id.clone()).collect::<Vec<_>>(), [rec(1), rec(2), rec(3)]);
    assert!(all.complete);
    let second = &all.records[1];
    assert_eq!(second.fields.get("Delivery Status").as_text(), Some("delivered"), "as it was last seen");
    assert_eq!(second.created_at.map(|t| t.rfc3339()).as_deref(), Some("2026-11-22T06:02:01.000Z"));
    let expected = Fields::new().with("Attempt Number", 2_u32).with("Result", Cell::Empty).with("Contact", "jo");
    assert_eq!(differences(&expected, &second.fields), []);
    for (most, want) in [(1, 1), (2, 2), (3, 3)] {
        let listed = client.list(&Query::of("Dispatch Events").at_most(most)).await.expect("a list");
        assert_eq!(listed.records.len(), want, "at most {most}");
    }
}

#[tokio::test]
async fn a_list_says_what_is_asked_in_the_url_or_in_a_body() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ok("list_200_empty.json")).mount(&server).await;
    let client = client(&server.uri());
    let query = |values: usize| {
        let values: Vec<String> = (0..values).map(|n| format!("it's {n} & 100%")).collect();
        Query::of("Dispatch Events")
            .filter(Formula::is_one_of("Event ID", values.iter().map(String::as_str)))
            .fields(["Event ID", "A&B [x]"])
            .at_most(250)
    };
    client.list(&query(1)).await.expect("a list");
    client.list(&query(2_000)).await.expect("a list");
    client.list(&Query::of("Dispatch Events").fields(["fldAAAAAAAAAAAAA1"])).await.expect("a list");
    client.list(&Query::of("Dispatch Events").by_field_id()).await.expect("a list");
    let sent = requests(&server).await;
    let pairs: Vec<(String, String)> = sent[0].url.query_pairs().into_owned().collect();
    let want = [
        ("pageSize", "100"),
        ("maxRecords", "250"),
        ("filterByFormula", "{Event ID}='it\\'s 0 & 100%'"),
        ("fields[]", "Event ID"),
        ("fields[]", "A&B [x]"),
    ];
    assert_eq!(pairs, want.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert_eq!((sent[1].method.as_str(), sent[1].url.path()), ("POST", format!("{EVENTS}/listRecords").as_str()));
    let body: Value = sent[1].body_json().expect("JSON");
    assert_eq!(body["fields"][1].as_str(), Some("A&B [x]"));
    assert_eq!((body["pageSize"].as_u64(), body["maxRecords"].as_u64()), (Some(100), Some(250)));
    assert!(
        body["filterByFormula"].as_str().is_some_and(|f| f.len() > URL_CHARS_MAX && f.starts_with("OR({Event ID}="))
    );
    let fields = [("pageSize", "100"), ("fields[]", "fldAAAAAAAAAAAAA1"), ("returnFieldsByFieldId", "true")];
    assert_eq!(sent[2].url.query_pairs().into_owned().collect::<Vec<_>>(), fields.map(|(n, v)| (n.into(), v.into())));
    let fields = [("pageSize", "100"), ("returnFieldsByFieldId", "true")];
    assert_eq!(sent[3].url.query_pairs().into_owned().collect::<Vec<_>>(), fields.map(|(n, v)| (n.into(), v.into())));
}

/// Asks for one event by a filter of so many characters, and says how it was sent and with what URL.
async fn sent_with(server: &MockServer, client: &AirtableClient, value: usize) -> (String, usize) {
    server.reset().await;
    Mock::given(any()).respond_with(ok("list_200_empty.json")).mount(server).await;
    client.list(&Query::of("T").filter(Formula::equals("A", &"x".repeat(value)))).await.expect("a list");
    let sent = requests(server).await;
    (
        sent[0].method.to_string(),
        client.url(&[BASE, "T"]).expect("a URL").as_str().len() + sent[0].url.query().map_or(0, |q| q.len() + 1),
    )
}

#[tokio::test]
async fn a_url_changes_over_to_a_body_just_before_it_is_too_long() {
    let server = MockServer::start().await;
    let client = client(&server.uri());
    let (how, chars) = sent_with(&server, &client, 1_000).await;
    assert_eq!(how, "GET");
    let longest = 1_000 + URL_CHARS_MAX - chars;
    assert_eq!(sent_with(&server, &client, longest).await, ("GET".to_owned(), URL_CHARS_MAX));
    assert_eq!(sent_with(&server, &client, longest + 1).await.0, "POST");
}

#[tokio::test]
async fn pages_of_a_long_filter_follow_in_bodies() {
    let server = MockServer::start().await;
    let at = path(format!("{EVENTS}/listRecords"));
    let second = body_partial_json(json!({ "offset": "itrBBBBBBBBBBBBBB/recAAAAAAAAAAAAA2" }));
    Mock::given(method("POST")).and(second).respond_with(ok("list_200_page_1.json")).mount(&server).await;
    Mock::given(method("POST")).and(at).respond_with(ok("list_200_page_0.json")).mount(&server).await;
    let filter = Formula::equals("Event ID", &"x".repeat(URL_CHARS_MAX));
    let listed = client(&server.uri()).list(&Query::of("Dispatch Events").filter(filter)).await.expect("a list");
    assert_eq!((listed.records.len(), listed.complete, requests(&server).await.len()), (3, true, 2));
}

#[tokio::test]
async fn a_list_that_lost_its_place_is_begun_again_a_bounded_number_of_times() {
    for (label, answer) in [("expired", "error_422_iterator.json"), ("wrong", "error_422_offset.json")] {
        let server = MockServer::start().await;
        let lost = Mock::given(query_param("offset", "itrBBBBBBBBBBBBBB/recAAAAAAAAAAAAA2"));
        let answer = ResponseTemplate::new(422).set_body_bytes(fixture(answer));
        lost.respond_with(answer.clone()).up_to_n_times(2).mount(&server).await;
        two_pages(&server).await;
        let client = client(&server.uri());
        let listed = client.list(&Query::of("Dispatch Events")).await.expect(label);
        assert_eq!((listed.records.len(), listed.complete), (3, true), "{label}");
        assert_eq!(client.requests(), 6, "{label}: two pages, thrice");
        Mock::given(any()).respond_with(answer).with_priority(1).mount(&server).await;
        assert_eq!(client.list(&Query::of("Dispatch Events")).await, Err(MirrorError::IteratorGone), "{label}");
        assert_eq!(client.requests(), 9, "{label}: and no more than thrice");
    }
}

#[tokio::test]
async fn records_are_found_by_key_and_twins_come_oldest_first() {
    let server = MockServer::start().await;
    let record = |id: usize, day: usize, key: &str| json!({ "id": rec(id).as_str(), "createdTime": format!("2026-11-{day}T06:00:00.000Z"), "fields": { "Event ID": key } });
    // The base may not mind case; we do.
    let answer = json!({ "records": [record(1, 22, "a"), record(2, 21, "a"), record(3, 20, "A"), record(4, 20, "b")] });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(&answer)).mount(&server).await;
    let client = client(&server.uri());
    let keys = ["a", "b", "c", "a"].map(str::to_owned);
    let found = client.by_key("Dispatch Events", "Event ID", &keys, &["Event ID", "To"]).await.expect("an answer");
    let ids = |key: &str| found.get(key).map(|rs| rs.iter().map(|r| r.id.clone()).collect::<Vec<_>>());
    assert_eq!((ids("a"), ids("b"), ids("c"), ids("A")), (Some(vec![rec(2), rec(1)]), Some(vec![rec(4)]), None, None));
    let sent = requests(&server).await;
    assert_eq!(sent.len(), 1);
    let pairs: Vec<(String, String)> = sent[0].url.query_pairs().into_owned().collect();
    assert!(
        pairs.contains(&("filterByFormula".into(), "OR({Event ID}='a',{Event ID}='b',{Event ID}='c')".into())),
        "{pairs:?}"
    );
    let many: Vec<String> = (0..101).map(|n| format!("att_{n:032}")).collect();
    client.by_key("Dispatch Events", "Event ID", &many, &[]).await.expect("an answer");
    assert_eq!(requests(&server).await.len(), 4, "three requests for 101 keys");

    server.reset().await;
    Mock::given(any()).respond_with(ok("list_200_odd_items.json")).mount(&server).await;
    let half = client.by_key("Dispatch Events", "Event ID", &keys, &[]).await;
    assert!(matches!(half, Err(MirrorError::Retryable { .. })), "absence is never told from half an answer: {half:?}");
}

#[tokio::test]
async fn the_schema_is_read_and_made() {
    let server = MockServer::start().await;
    let at = |p: &str| path(p.to_owned());
    let tables = format!("/v0/meta/bases/{BASE}/tables");
    Mock::given(at("/v0/meta/whoami")).respond_with(ok("whoami_200.json")).mount(&server).await;
    Mock::given(at("/v0/meta/bases"))
        .and(query_param_is_missing("offset"))
        .respond_with(ok("bases_200_page_0.json"))
        .mount(&server)
        .await;
    Mock::given(at("/v0/meta/bases"))
        .and(query_param("offset", "itrBBBBBBBBBBBBBB"))
        .respond_with(ok("bases_200_page_1.json"))
        .mount(&server)
        .await;
    Mock::given(method("GET")).and(at(&tables)).respond_with(ok("tables_200.json")).mount(&server).await;
    let fields = format!("{tables}/tblAAAAAAAAAAAAAA/fields");
    Mock::given(method("POST")).and(at(&fields)).respond_with(ok("field_200_made.json")).mount(&server).await;
    let made: Value = serde_json::from_slice::<Value>(&fixture("tables_200.json")).expect("JSON")["tables"][0].clone();
    Mock::given(method("POST"))
        .and(at(&tables))
        .respond_with(ResponseTemplate::new(200).set_body_json(made))
        .mount(&server)
        .await;
    let gateway = client(&server.uri()).in_queue(Lane::Bulk);

    let who = gateway.whoami().await.expect("an answer");
    assert_eq!((who.user_id.as_str(), who.scopes.len()), ("usrAAAAAAAAAAAAAA", 3));
    let bases = gateway.bases().await.expect("an answer");
    let bases: Vec<(&str, &str)> = bases.iter().map(|b| (b.id.as_str(), b.permission.as_str())).collect();
    assert_eq!(bases, [(BASE, "create"), ("appAAAAAAAAAAAAAB", "read")]);
    let tables = gateway.tables().await.expect("an answer");
    let events = TableSchema::find(&tables, "Dispatch Events").expect("there");
    assert_eq!(TableSchema::find(&tables, "tblAAAAAAAAAAAAAA"), Some(events));
    assert_eq!(TableSchema::find(&tables, "dispatch  EVENTS"), Some(events), "case and blanks do not matter");
    assert_eq!(TableSchema::find(&tables, "Dispatches"), None);
    let takes = |field: &str, form: FieldForm| events.field(field).map(|f| f.takes(form));
    for (field, form, want) in [
        ("Event ID", FieldForm::Text, Some(true)),
        ("fldAAAAAAAAAAAAA1", FieldForm::Text, Some(true)),
        ("Event ID", FieldForm::Time, Some(true)),
        ("Event ID", FieldForm::Number, Some(false)),
        ("Sent At", FieldForm::Time, Some(true)),
        ("Sent At", FieldForm::Text, Some(false)),
        ("Attempt Number", FieldForm::Number, Some(true)),
        ("Delivery Status", FieldForm::Text, Some(true)),
        ("To", FieldForm::Text, Some(true)),
        ("Age", FieldForm::Text, Some(false)),
        ("Call ID", FieldForm::Text, Some(true)),
        ("Call", FieldForm::Text, None),
    ] {
        assert_eq!(takes(field, form), want, "{field} {form:?}");
    }
    assert_eq!(events.field("Call ID").map(|f| f.name.as_str()), Some("Call id"), "case does not matter");
    assert_eq!(events.field("event id").map(|f| f.name.as_str()), Some("Event ID"));
    assert_eq!(events.field("Event"), None);
    assert!(events.field("Age").is_some_and(FieldSchema::is_computed));
    assert!(events.field("Event ID").is_some_and(|f| f.takes_merge() && !f.is_computed()));
    assert!(events.field("To").is_some_and(|f| !f.takes_merge()));
    assert_eq!(events.field("Delivery Status").map(FieldSchema::choices), Some(vec!["delivered", "failed"]));

    let field = gateway.create_field(&events.id, &NewField::moment("Sent At")).await.expect("made");
    assert_eq!(field.id, "fldAAAAAAAAAAAAA8");
    let new = NewTable {
        name: "Dispatch Events".into(),
        description: String::new(),
        fields: vec![NewField::line("Event ID"), NewField::whole_number("Step"), NewField::long_text("Result")],
    };
    assert_eq!(gateway.create_table(&new).await.expect("made").fields.len(), 7);
    let sent = requests(&server).await;
    let body = |back: usize| sent[sent.len() - back].body_json::<Value>().expect("JSON");
    let options = json!({ "timeZone": "utc", "dateFormat": { "name": "iso" }, "timeFormat": { "name": "24hour" } });
    assert_eq!(body(2), json!({ "name": "Sent At", "type": "dateTime", "options": options }));
    assert_eq!(
        body(1),
        json!({ "name": "Dispatch Events", "fields": [
            { "name": "Event ID", "type": "singleLineText" },
            { "name": "Step", "type": "number", "options": { "precision": 0 } },
            { "name": "Result", "type": "multilineText" },
        ] })
    );
    server.reset().await;
    let odd = json!({ "tables": [{ "id": "tblAAAAAAAAAAAAAA", "name": "Calls", "fields": [] }, { "name": "no id" }] });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(odd)).mount(&server).await;
    let half = gateway.tables().await;
    assert!(
        matches!(half, Err(MirrorError::Retryable { .. })),
        "a table that is overlooked would be made twice: {half:?}"
    );
}

/// What a peer does with each connection.
#[derive(Clone, Copy)]
enum Peer {
    CloseAtOnce,
    CloseAfterRead,
    Reset,
    Say(&'static str),
    Endless(&'static str),
    Silent,
}

async fn serve(peer: Peer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, peer));
        }
    });
    address
}

async fn converse(mut stream: TcpStream, peer: Peer) {
    let mut request = [0_u8; 8192];
    if !matches!(peer, Peer::CloseAtOnce) {
        let _ = stream.read(&mut request).await;
    }
    match peer {
        Peer::CloseAtOnce | Peer::CloseAfterRead => {}
        Peer::Reset => stream.set_zero_linger().expect("linger"),
        Peer::Say(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Peer::Endless(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let much = vec![b' '; 1 << 20];
            while stream.write_all(&much).await.is_ok() {}
        }
        Peer::Silent => {
            let _ = stream.read(&mut request).await;
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_did_not_come_whole_is_unknown_and_a_read_is_asked_again() {
    for (label, peer) in [
        ("closed at once", Peer::CloseAtOnce),
        ("closed after the request", Peer::CloseAfterRead),
        ("reset", Peer::Reset),
        ("headers cut", Peer::Say("HTTP/1.1 200 OK\r\nContent-Le")),
        ("body cut", Peer::Say("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"records\":[")),
        ("error's body cut", Peer::Say("HTTP/1.1 422 No\r\nContent-Length: 500\r\n\r\n{\"error\":{")),
        ("not HTTP", Peer::Say("SSH-2.0-OpenSSH\r\n")),
        ("an endless error", Peer::Endless("HTTP/1.1 422 No\r\n\r\n")),
        ("no answer in time", Peer::Silent),
    ] {
        let request_timeout = Duration::from_secs(if matches!(peer, Peer::Silent) { 1 } else { 20 });
        let settings = AirtableSettings { request_timeout, ..settings(&format!("http://{}", serve(peer).await)) };
        let clock = Arc::new(LeapClock(Mutex::new(Duration::ZERO)));
        let client = AirtableClient::new(settings, clock, Arc::new(Ids::seeded(7))).expect("a client");
        let upserted = client.upsert("T", &["Event ID"], &[row(1)], Typecast::Off).await.expect_err(label);
        assert!(matches!(upserted, MirrorError::Unknown { .. }), "{label}: {upserted:?}");
        let updated = client.update("T", &[RecordChange { id: rec(1), fields: row(1) }], Typecast::Off).await;
        assert!(matches!(updated, Err(MirrorError::Unknown { .. })), "{label}: {updated:?}");
        let listed = client.list(&Query::of("T")).await;
        assert!(matches!(listed, Err(MirrorError::Retryable { .. })), "{label}: {listed:?}");
        assert_eq!(client.requests(), 3, "{label}: nothing is repeated");
        let shown = format!("{upserted} {upserted:?}");
        assert!(!shown.contains(TOKEN) && !shown.contains("att_") && !shown.contains(BASE), "{label}: {shown}");
    }
    let endless = serve(Peer::Endless("HTTP/1.1 200 OK\r\n\r\n")).await;
    let client = client(&format!("http://{endless}"));
    let upserted = client.upsert("T", &["Event ID"], &[row(1)], Typecast::Off).await;
    assert!(matches!(upserted, Err(MirrorError::Unknown { .. })), "{upserted:?}");
    let got = client.list(&Query::of("T")).await;
    assert!(matches!(&got, Err(MirrorError::Refused(r)) if r.message.contains("fewer fields")), "{got:?}");
}

#[tokio::test]
async fn a_connection_that_never_opened_is_surely_not_sent() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    for base in [format!("http://{closed}"), "http://nowhere.invalid".to_owned()] {
        let outcome = client(&base).upsert("T", &["Event ID"], &[row(1)], Typecast::Off).await;
        assert!(matches!(outcome, Err(MirrorError::Retryable { .. })), "{base}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_write_that_arrived_and_was_not_answered_in_time_is_unknown_and_found_by_key() {
    let server = MockServer::start().await;
    let late = ok("upsert_200_made_and_changed.json").set_delay(Duration::from_secs(5));
    Mock::given(method("PATCH")).respond_with(late).mount(&server).await;
    Mock::given(method("GET")).respond_with(ok("list_200_page_1.json")).mount(&server).await;
    let settings = AirtableSettings { request_timeout: Duration::from_millis(500), ..settings(&server.uri()) };
    let clock = Arc::new(LeapClock(Mutex::new(Duration::ZERO)));
    let client = AirtableClient::new(settings, clock, Arc::new(Ids::seeded(7))).expect("a client");
    let rows = [row(1), row(2)];
    let outcome = client.upsert("Dispatch Events", &["Event ID"], &rows, Typecast::Off).await;
    assert!(matches!(outcome, Err(MirrorError::Unknown { .. })), "{outcome:?}");
    let arrived = requests(&server).await.iter().filter(|r| r.method.as_str() == "PATCH").count();
    assert_eq!(arrived, 1, "it was done, for all the base knows");
    let keys = rows.map(|r| r.get("Event ID").as_text().unwrap_or_default().to_owned());
    let found = client.by_key("Dispatch Events", "Event ID", &keys, &[]).await.expect("an answer");
    assert_eq!(found.keys().collect::<Vec<_>>(), [&keys[1]], "the other one is to be written again");
}

#[tokio::test]
async fn clones_and_lanes_share_one_pace() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ok("whoami_200.json")).mount(&server).await;
    let (client, clock) = client_and_clock(&server.uri());
    let others: [Arc<dyn MirrorGateway>; 3] =
        [client.in_queue(Lane::Live), client.in_queue(Lane::Bulk), Arc::new(client.clone())];
    let start = clock.boot();
    for n in 0..12 {
        others[n % 3].whoami().await.expect("an answer");
    }
    let took = clock.boot() - start;
    assert!(took >= Duration::from_millis(11 * 222), "{took:?} for 12 requests at 4.5/s");
    assert_eq!((client.requests(), others[1].requests()), (12, 12));
}

#[test]
fn settings_that_cannot_work_are_refused_and_secrets_not_shown() {
    let made = |settings: AirtableSettings| {
        let clock = Arc::new(LeapClock(Mutex::new(Duration::ZERO)));
        AirtableClient::new(settings, clock, Arc::new(Ids::seeded(7)))
    };
    let good = || settings("http://127.0.0.1:1");
    for bad in ["mailto:a@example.com", "ftp://example.com", "data:,x"] {
        let base_url = bad.parse().expect("a URL");
        assert!(matches!(made(AirtableSettings { base_url, ..good() }), Err(ClientError::Url)), "{bad}");
    }
    assert!(matches!(made(AirtableSettings { base_id: "..".into(), ..good() }), Err(ClientError::BaseId)));
    let token = "pat\nX".into();
    assert!(matches!(made(AirtableSettings { token, ..good() }), Err(ClientError::Token(_))));
    let shown = format!("{:?}", made(good()).expect("a client"));
    assert!(!shown.contains(TOKEN), "{shown}");
}
