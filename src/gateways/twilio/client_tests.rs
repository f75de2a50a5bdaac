use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{any, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::gateways::MessageBody;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/twilio/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn settings(base: &str) -> TwilioSettings {
    TwilioSettings {
        account_sid: ACCOUNT.to_owned(),
        auth: Auth::Token(TOKEN.into()).into(),
        base_url: base.parse().expect("a URL"),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        public_url: Some("https://dispatch.example.com/pre/".parse().expect("a URL")),
        permit: crate::clock::Permit::endless(),
    }
}

fn client(base: &str) -> TwilioClient {
    TwilioClient::new(settings(base)).expect("a client")
}

fn submission() -> Submission {
    Submission {
        attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(7)),
        to: "+19495550101".parse().expect("a number"),
        from: "+15005550006".parse().expect("a sender"),
        body: MessageBody("7K3Q-1 Acme: No heat & no light".to_owned()),
        validity: Duration::from_secs(600),
        callback: Callback::Wanted,
    }
}

/// An outcome as one word and what goes with it.
fn word(outcome: Result<MessageRecord, GatewayError>) -> String {
    match outcome {
        Ok(record) => format!("ok {}", record.status),
        Err(GatewayError::Refused { http, code, .. }) => format!("refused {http} {}", code.map_or(0, |c| c.0)),
        Err(GatewayError::Retryable { retry_after, .. }) => {
            format!("retryable {}", retry_after.map_or(0, |d| d.as_secs()))
        }
        Err(GatewayError::Unknown { .. }) => "unknown".to_owned(),
    }
}

/// Every sample of the folder, its HTTP status, and what it means as the answer to a create and to a fetch.
const SAMPLES: &[(&str, &str, &str)] = &[
    ("create_201_queued.json", "ok queued", "ok queued"),
    ("create_201_service_accepted.json", "ok accepted", "retryable 0"),
    ("create_201_trial_prefix.json", "ok queued", "retryable 0"),
    ("create_201_only_a_sid.json", "ok ", "retryable 0"),
    ("create_201_odd_types.json", "ok failed", "retryable 0"),
    ("create_201_truncated.txt", "unknown", "retryable 0"),
    ("create_201_not_a_sid.json", "unknown", "retryable 0"),
    ("create_201_another_document.json", "unknown", "retryable 0"),
    ("error_400_21211.json", "refused 400 21211", "refused 400 21211"),
    ("error_400_21610.json", "refused 400 21610", "refused 400 21610"),
    ("error_400_21609.json", "refused 400 21609", "refused 400 21609"),
    ("error_400_21606.json", "refused 400 21606", "refused 400 21606"),
    ("error_401_20003.json", "refused 401 20003", "refused 401 20003"),
    ("error_403_20008.json", "refused 403 20008", "refused 403 20008"),
    ("error_404_20404.json", "refused 404 20404", "refused 404 20404"),
    ("error_429_20429.json", "retryable 2", "retryable 2"),
    ("error_429_21611.json", "refused 429 21611", "retryable 2"),
    ("error_500_20500.json", "unknown", "retryable 2"),
    ("error_503_20503.json", "unknown", "retryable 2"),
    ("error_400_code_as_text.json", "refused 400 21614", "refused 400 21614"),
    ("error_400_newer_shape.json", "refused 400 20001", "refused 400 20001"),
    ("error_400_no_code.json", "refused 400 0", "refused 400 0"),
    ("error_403_proxy.html", "refused 403 0", "refused 403 0"),
    ("error_408_proxy.html", "unknown", "retryable 2"),
    ("error_429_proxy.html", "unknown", "retryable 2"),
    ("error_502_proxy.html", "unknown", "retryable 2"),
    ("error_302_proxy.html", "unknown", "retryable 2"),
    ("fetch_200_delivered.json", "ok delivered", "ok delivered"),
    ("fetch_200_undelivered_30034.json", "ok undelivered", "ok undelivered"),
    ("list_200_page_0.json", "unknown", "retryable 0"),
    ("list_200_page_1.json", "unknown", "retryable 0"),
    ("list_200_no_list.json", "unknown", "retryable 0"),
];

#[tokio::test]
async fn every_sample_of_the_folder_has_one_outcome() {
    let sid: MessageSid = format!("SM{}", "1".repeat(32)).parse().expect("a SID");
    for (name, created, fetched) in SAMPLES {
        let server = MockServer::start().await;
        let status: u16 = name.split('_').nth(1).and_then(|s| s.parse().ok()).expect("a status in the name");
        let answer = ResponseTemplate::new(status)
            .set_body_bytes(fixture(name))
            .insert_header("Retry-After", "2")
            .insert_header("Location", server.uri().as_str());
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let client = client(&server.uri());
        assert_eq!(word(client.submit(&submission()).await), *created, "create: {name}");
        assert_eq!(word(client.fetch(&sid).await), *fetched, "fetch: {name}");
        let asked = server.received_requests().await.expect("recorded").len();
        assert_eq!(asked, 2, "{name}: nothing is retried or redirected");
    }
    let folder = format!("{}/fixtures/twilio", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").file_name());
    for name in names.filter_map(|n| n.into_string().ok()).filter(|n| !n.ends_with(".form")) {
        assert!(SAMPLES.iter().any(|(sample, ..)| *sample == name), "{name} is in no table");
    }
}

#[tokio::test]
async fn a_create_says_what_it_must_and_nothing_else() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(201).set_body_bytes(fixture("create_201_queued.json"));
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let service = format!("MG{}", "d".repeat(32));
    let callback = "https://dispatch.example.com/pre/webhooks/twilio/sms-status/att_00000000000000000000000000000007\
                    #rc=3&rp=all&tt=15000";
    let with_key = Auth::ApiKey { sid: format!("SK{}", "e".repeat(32)), secret: "secret".into() };
    let plain = submission();
    let by_service = Submission { from: service.parse().expect("a sender"), validity: Duration::ZERO, ..submission() };
    let without = Submission { callback: Callback::Without, validity: Duration::from_secs(90_000), ..submission() };
    for (label, auth, message, want) in [
        (
            "number",
            Auth::Token(TOKEN.into()),
            plain,
            vec![("From", "+15005550006"), ("ValidityPeriod", "600"), ("StatusCallback", callback)],
        ),
        (
            "service",
            with_key.clone(),
            by_service,
            vec![("MessagingServiceSid", &service), ("ValidityPeriod", "1"), ("StatusCallback", callback)],
        ),
        ("without a callback", with_key, without, vec![("From", "+15005550006"), ("ValidityPeriod", "36000")]),
    ] {
        server.reset().await;
        let answer = ResponseTemplate::new(201).set_body_bytes(fixture("create_201_queued.json"));
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let user = match &auth {
            Auth::Token(_) => format!("{ACCOUNT}:{TOKEN}"),
            Auth::ApiKey { sid, .. } => format!("{sid}:secret"),
        };
        let client =
            TwilioClient::new(TwilioSettings { auth: auth.into(), ..settings(&format!("{}/proxy/", server.uri())) })
                .expect("a client");
        client.submit(&message).await.expect(label);
        let requests = server.received_requests().await.expect("recorded");
        let [request] = requests.as_slice() else { panic!("{label}: {} requests", requests.len()) };
        assert_eq!(request.url.path(), format!("/proxy/2010-04-01/Accounts/{ACCOUNT}/Messages.json"), "{label}");
        let mut form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let mut expected: Vec<(String, String)> = want
            .iter()
            .chain(&[("To", "+19495550101"), ("Body", "7K3Q-1 Acme: No heat & no light")])
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        form.sort();
        expected.sort();
        assert_eq!(form, expected, "{label}");
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, user);
        let header = request.headers.get("authorization").and_then(|h| h.to_str().ok());
        assert_eq!(header, Some(format!("Basic {basic}").as_str()), "{label}");
        let kind = request.headers.get("content-type").and_then(|h| h.to_str().ok());
        assert_eq!(kind, Some("application/x-www-form-urlencoded"), "{label}");
    }
}

/// What a peer does with each connection.
#[derive(Clone, Copy)]
enum Peer {
    /// Closes before it reads anything.
    CloseAtOnce,
    /// Reads the request, then closes.
    CloseAfterRead,
    /// Reads the request, then resets the connection.
    Reset,
    /// Reads the request and sends this, then closes.
    Say(&'static str),
    /// Reads the request, sends this, and goes on for ever without an end.
    Endless(&'static str),
    /// Reads the request and never answers.
    Silent,
}

async fn serve(peer: Peer) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(converse(stream, peer));
        }
    });
    (address, connections)
}

async fn converse(mut stream: TcpStream, peer: Peer) {
    if matches!(peer, Peer::CloseAtOnce) {
        return;
    }
    let mut request = [0_u8; 8192];
    let _ = stream.read(&mut request).await;
    match peer {
        Peer::CloseAtOnce | Peer::CloseAfterRead => {}
        Peer::Reset => stream.set_zero_linger().expect("linger"),
        Peer::Say(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Peer::Endless(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
        }
        Peer::Silent => {
            let _ = stream.read(&mut request).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_opened_and_broke_leaves_the_outcome_unknown() {
    for (label, peer) in [
        ("closed at once", Peer::CloseAtOnce),
        ("closed after the request", Peer::CloseAfterRead),
        ("reset", Peer::Reset),
        ("half a status line", Peer::Say("HTTP/1.1 20")),
        ("headers cut", Peer::Say("HTTP/1.1 201 Created\r\nContent-Le")),
        ("body cut", Peer::Say("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"sid\":\"SM")),
        ("error's body cut", Peer::Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"code\":21211")),
        ("not HTTP", Peer::Say("SSH-2.0-OpenSSH\r\n")),
        ("chunk cut", Peer::Say("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"sid\"")),
        ("endless body", Peer::Endless("HTTP/1.1 201 Created\r\n\r\n")),
        ("endless headers", Peer::Endless("HTTP/1.1 201 Created\r\nX: ")),
        ("no answer in time", Peer::Silent),
    ] {
        let (address, connections) = serve(peer).await;
        let silent = matches!(peer, Peer::Silent);
        let request_timeout = Duration::from_secs(if silent { 1 } else { 20 });
        let client = TwilioClient::new(TwilioSettings { request_timeout, ..settings(&format!("http://{address}")) })
            .expect(label);
        let outcome = client.submit(&submission()).await;
        assert_eq!(word(outcome), "unknown", "{label}");
        assert_eq!(connections.load(Ordering::SeqCst), 1, "{label}: one POST, never repeated");
        let listed = client.list(&ListFilter { limit: 1, ..ListFilter::default() }).await;
        assert!(matches!(listed, Err(GatewayError::Retryable { .. })), "{label}: {listed:?}");
    }
}

#[tokio::test]
async fn a_connection_that_never_opened_is_surely_not_sent() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    let (plain, _) = serve(Peer::Say("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let (silent, _) = serve(Peer::Silent).await;
    for (label, base) in [
        ("refused", format!("http://{closed}")),
        ("no such host", "http://nowhere.invalid".to_owned()),
        ("no TLS there", format!("https://{plain}")),
        ("TLS that never comes", format!("https://{silent}")),
    ] {
        let connect_timeout = Duration::from_secs(1);
        let Ok(client) = TwilioClient::new(TwilioSettings { connect_timeout, ..settings(&base) }) else {
            // A machine without any certificate store has no https client to test.
            assert!(base.starts_with("https"), "{label}");
            continue;
        };
        assert_eq!(word(client.submit(&submission()).await), "retryable 0", "{label}");
        let error = client.submit(&submission()).await.expect_err(label).to_string();
        assert!(!error.contains("5550101") && !error.contains(ACCOUNT), "{label}: {error}");
    }
}

#[tokio::test]
async fn each_send_opens_its_own_connection() {
    let answer = "HTTP/1.1 201 Created\r\nContent-Length: 44\r\nConnection: keep-alive\r\n\r\n\
                  {\"sid\":\"SM44444444444444444444444444444444\"}\n";
    let (address, connections) = serve(Peer::Say(answer)).await;
    let client = client(&format!("http://{address}"));
    for _ in 0..3 {
        assert_eq!(word(client.submit(&submission()).await), "ok ");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

async fn two_pages(server: &MockServer) {
    let at = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    let first = ResponseTemplate::new(200).set_body_bytes(fixture("list_200_page_0.json"));
    let first_page = Mock::given(path(at.clone())).and(query_param_is_missing("PageToken"));
    first_page.and(query_param("To", "+19495550101")).respond_with(first).mount(server).await;
    let second = ResponseTemplate::new(200).set_body_bytes(fixture("list_200_page_1.json"));
    Mock::given(path(at)).and(query_param("Page", "1")).respond_with(second).mount(server).await;
}

#[tokio::test]
async fn a_list_follows_its_pages_as_far_as_asked() {
    let server = MockServer::start().await;
    two_pages(&server).await;
    let client = client(&server.uri());
    let at = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
    for (label, limit, not_before, want, complete) in [
        ("all", 50, None, "987", true),
        ("as many as there are", 3, None, "987", true),
        ("cut within a page", 1, None, "9", false),
        ("cut between pages", 2, None, "98", false),
        ("nothing asked", 0, None, "", false),
        ("bounded on the first page", 50, at("2026-11-22T02:03:00Z"), "9", true),
        ("bounded to the second", 50, at("2026-11-22T02:02:00.900Z"), "98", true),
        ("bounded on the last page", 50, at("2026-11-22T02:00:01Z"), "98", true),
    ] {
        let filter = ListFilter { to: Some("+19495550101".to_owned()), from: None, not_before, limit };
        let listing = client.list(&filter).await.expect(label);
        let found: String = listing.messages.iter().filter_map(|m| m.sid.as_str().chars().last()).collect();
        assert_eq!((found.as_str(), listing.complete), (want, complete), "{label}");
    }
    let requests = server.received_requests().await.expect("recorded");
    assert!(requests.iter().all(|r| !r.url.query().unwrap_or_default().contains("DateSent")));
    assert!(requests.iter().all(|r| r.headers.contains_key("authorization")));
}

#[tokio::test]
async fn a_list_that_goes_wrong_is_never_taken_for_an_empty_one() {
    let page = |items: &str, next: &str| format!("{{\"messages\":[{items}],\"next_page_uri\":{next}}}");
    for (label, body, want) in [
        ("no list", "{\"page\":0}".to_owned(), None),
        ("not JSON", "<html>".to_owned(), None),
        ("another host", page("", "\"https://evil.example/next\""), None),
        ("another port", page("", "\"//127.0.0.1:9/next\""), None),
        ("a list in place of the page", "[[],null]".to_owned(), None),
        ("an item that is no message", page("7,[\"SM00000000000000000000000000000001\"]", "null"), Some(false)),
        ("an unreadable item", page("{\"sid\":\"?\"}", "null"), Some(false)),
        ("without end", page("", "\"/again\""), Some(false)),
        ("empty", page("", "null"), Some(true)),
        ("an empty next page", page("", "\"\""), Some(true)),
    ] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string(body)).mount(&server).await;
        let listed = client(&server.uri()).list(&ListFilter { limit: 10, ..ListFilter::default() }).await;
        match (listed, want) {
            (Ok(listing), Some(complete)) => {
                assert_eq!((listing.messages.len(), listing.complete), (0, complete), "{label}")
            }
            (Err(GatewayError::Retryable { .. }), None) => {}
            (got, _) => panic!("{label}: {got:?}"),
        }
        assert!(server.received_requests().await.expect("recorded").len() <= PAGES_MAX, "{label}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_and_secrets_not_shown() {
    for bad in ["mailto:a@example.com", "ftp://example.com", "data:,x"] {
        let base_url = bad.parse().expect("a URL");
        let made = TwilioClient::new(TwilioSettings { base_url, ..settings("http://127.0.0.1:1") });
        assert!(matches!(made, Err(ClientError::Url { what: "base_url" })), "{bad}");
        let public_url = Some(bad.parse().expect("a URL"));
        let made = TwilioClient::new(TwilioSettings { public_url, ..settings("http://127.0.0.1:1") });
        assert!(matches!(made, Err(ClientError::Url { what: "public_url" })), "{bad}");
    }
    let shown = format!("{:?}", client("http://127.0.0.1:1"));
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn after_the_permit_nothing_is_sent_and_that_is_known() {
    use crate::clock::{Clock as _, Permit, SystemClock};
    let server = MockServer::start().await;
    let permit = Permit::until(SystemClock.boot() + Duration::from_secs(60));
    let client =
        TwilioClient::new(TwilioSettings { permit: permit.clone(), ..settings(&server.uri()) }).expect("client");
    drop(client.submit(&submission()).await);
    assert_eq!(server.received_requests().await.expect("recorded").len(), 1, "within the permit");
    permit.end();
    let done = client.submit(&submission()).await;
    assert!(matches!(&done, Err(GatewayError::Retryable { why, .. }) if why.contains("not be the engine")), "{done:?}");
    assert_eq!(server.received_requests().await.expect("recorded").len(), 1, "nothing more has come");
}
