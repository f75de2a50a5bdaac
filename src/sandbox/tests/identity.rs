use serde_json::Value;

use super::super::{SandboxConfig, Whose, whose};
use super::Bench;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_sandbox_is_ours_only_if_it_knows_every_credential_that_is_asked_about() {
    let key = |secret: &str| Some((format!("SK{}", "1".repeat(32)), secret.to_owned()));
    let b = Bench::with(|c| c.api_key = key("secret")).await;
    let at = b.sandbox.addr();
    type Change = fn(&mut SandboxConfig);
    let cases: &[(&str, Change, bool, Whose)] = &[
        ("the same", |_| {}, true, Whose::Ours),
        ("another account", |c| c.account_sid = format!("AC{}", "2".repeat(32)), true, Whose::Strangers),
        ("another auth token", |c| c.auth_token.push('x'), true, Whose::Strangers),
        ("no key of ours", |c| c.api_key = None, true, Whose::Ours),
        (
            "another secret of the key",
            |c| c.api_key = c.api_key.take().map(|(k, _)| (k, "x".into())),
            true,
            Whose::Strangers,
        ),
        ("another Airtable token", |c| c.airtable_token.push('x'), true, Whose::Strangers),
        ("another base", |c| c.airtable_base = "app11111111111111".into(), true, Whose::Ours),
        ("another Airtable token, and none of ours", |c| c.airtable_token.push('x'), false, Whose::Ours),
    ];
    for (label, change, with_base, want) in cases {
        let mut ours = SandboxConfig::new("unused");
        ours.api_key = key("secret");
        change(&mut ours);
        assert_eq!(whose(at, &ours, *with_base, NONCE).await, *want, "{label}");
    }
}

#[tokio::test]
async fn a_proof_holds_no_secret_and_is_another_for_each_nonce() {
    let b = Bench::start().await;
    let (status, first) = b.get(&format!("/_sandbox/identity?nonce={NONCE}")).await;
    let (_, again) = b.get(&format!("/_sandbox/identity?nonce={NONCE}")).await;
    let (_, other) = b.get(&format!("/_sandbox/identity?nonce={}", NONCE.replace('0', "1"))).await;
    assert_eq!((status, &first), (200, &again));
    assert_eq!(first["apiKey"], Value::Null);
    for name in ["account", "airtable"] {
        assert_ne!(first[name], other[name], "{name}: an answer that was overheard proves nothing");
        assert_eq!(first[name].as_str().map(str::len), Some(64), "{name}");
    }
    for bad in
        ["", "nonce=", "nonce=0123", "nonce=zz23456789abcdef0123456789abcdef", &format!("nonce={}", "0".repeat(129))]
    {
        assert_eq!(b.get(&format!("/_sandbox/identity?{bad}")).await.0, 400, "{bad:?}");
    }
}

#[tokio::test]
async fn what_is_no_sandbox_or_an_older_one_is_told_apart() {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let ours = SandboxConfig::new("unused");
    let other = MockServer::start().await;
    assert_eq!(whose(*other.address(), &ours, false, NONCE).await, Whose::NoSandbox);
    Mock::given(path("/_sandbox/health")).respond_with(ResponseTemplate::new(200)).mount(&other).await;
    assert_eq!(whose(*other.address(), &ours, false, NONCE).await, Whose::Strangers, "it cannot prove anything");
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 1 << 20]);
    Mock::given(path("/_sandbox/identity")).respond_with(long).mount(&other).await;
    assert_eq!(whose(*other.address(), &ours, false, NONCE).await, Whose::NoSandbox, "an endless answer is not read");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    assert_eq!(whose(nobody, &ours, false, NONCE).await, Whose::NoSandbox);
}
