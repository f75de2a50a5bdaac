//! What an account is and which senders it has: reads that cost nothing, for `doctor`.
//!
//! Paths and fields as the official clients ask for them: `Accounts/{Sid}.json`, `IncomingPhoneNumbers.json?PhoneNumber=`, and
//! the messaging API's `/v1/Services/{Sid}`, which is on a host of its own. Answers are read leniently.

use serde_json::Value;
use url::Url;

use super::client::TwilioClient;
use crate::gateways::GatewayError;

/// The account as the provider describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSeen {
    /// `active`, `suspended`, `closed`; empty where the answer does not say.
    pub status: String,
    /// `Full` or `Trial`; empty where the answer does not say.
    pub kind: String,
}

/// A number of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberSeen {
    /// Whether it can send texts; `None` where the answer does not say.
    pub sms: Option<bool>,
    /// Where its inbound texts go; empty: nowhere.
    pub inbound_url: String,
    /// `POST` or `GET`; empty where the answer does not say.
    pub inbound_method: String,
    /// Whether it can ring phones; `None` where the answer does not say.
    pub voice: Option<bool>,
    /// What is asked when somebody rings it; empty: nothing.
    pub voice_url: String,
    /// Whether an application's URLs count instead (`sms_application_sid`).
    pub has_application: bool,
}

/// A messaging service of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSeen {
    /// Where inbound texts of its numbers are posted to; empty: nowhere. `None`: each number's own.
    pub inbound_url: Option<String>,
    /// `POST` or `GET`; empty where the answer does not say.
    pub inbound_method: String,
}

impl TwilioClient {
    /// The account. Main account keys and auth tokens may ask this; restricted keys may not.
    ///
    /// # Errors
    /// As [`fetch`](crate::gateways::SmsGateway::fetch).
    pub async fn account(&self) -> Result<AccountSeen, GatewayError> {
        let mut url = self.url(&[]);
        url.set_path(&format!("{}.json", url.path().trim_end_matches('/')));
        let seen = self.document(url).await?;
        Ok(AccountSeen { status: text(&seen, "status"), kind: text(&seen, "type") })
    }

    /// A number in E.164, if it is one of the account's.
    ///
    /// # Errors
    /// As [`fetch`](crate::gateways::SmsGateway::fetch).
    pub async fn number(&self, number: &str) -> Result<Option<NumberSeen>, GatewayError> {
        let mut url = self.url(&["IncomingPhoneNumbers.json"]);
        url.query_pairs_mut().append_pair("PhoneNumber", number).append_pair("PageSize", "1");
        let page = self.document(url).await?;
        let unreadable =
            || GatewayError::Retryable { why: "the list of numbers could not be read".into(), retry_after: None };
        let numbers = page.get("incoming_phone_numbers").and_then(Value::as_array).ok_or_else(unreadable)?;
        let own = numbers.iter().find(|n| n.get("phone_number").and_then(Value::as_str) == Some(number));
        Ok(own.map(|n| NumberSeen {
            sms: n.get("capabilities").and_then(|c| c.get("sms")).and_then(Value::as_bool),
            voice: n.get("capabilities").and_then(|c| c.get("voice")).and_then(Value::as_bool),
            voice_url: text(n, "voice_url"),
            inbound_url: text(n, "sms_url"),
            inbound_method: text(n, "sms_method"),
            has_application: !text(n, "sms_application_sid").is_empty(),
        }))
    }

    /// A messaging service, if there is one of this SID in the account.
    ///
    /// # Errors
    /// As [`fetch`](crate::gateways::SmsGateway::fetch).
    pub async fn service(&self, sid: &str) -> Result<Option<ServiceSeen>, GatewayError> {
        let mut url = host_of(self.base_url(), "messaging");
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "Services", sid]);
        }
        match self.document(url).await {
            Ok(seen) => {
                let of_numbers = seen.get("use_inbound_webhook_on_number").and_then(Value::as_bool) == Some(true);
                Ok(Some(ServiceSeen {
                    inbound_url: (!of_numbers).then(|| text(&seen, "inbound_request_url")),
                    inbound_method: text(&seen, "inbound_method"),
                }))
            }
            Err(GatewayError::Refused { http: 404, .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// `https://api.twilio.com` → `https://messaging.twilio.com`, in a region too; any other host serves all of them itself.
pub(super) fn host_of(base: &Url, api: &str) -> Url {
    let mut url = base.clone();
    let host = base.host_str().filter(|h| h.ends_with(".twilio.com"));
    if let Some(rest) = host.and_then(|h| h.strip_prefix("api.")) {
        // Cannot fail: the URL has a host, and the new one is as plain.
        let _ = url.set_host(Some(&format!("{api}.{rest}")));
    }
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::gateways::twilio::client::{Auth, TwilioSettings};

    const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    /// A server that answers one path; a client for it.
    async fn answers(at: &str, status: u16, body: Value) -> (MockServer, TwilioClient) {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(body);
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&server).await;
        let client = TwilioClient::new(TwilioSettings {
            account_sid: ACCOUNT.to_owned(),
            auth: Auth::Token("0123456789abcdef0123456789abcdef".into()).into(),
            base_url: server.uri().parse().expect("a URL"),
            connect_timeout: std::time::Duration::from_secs(5),
            request_timeout: std::time::Duration::from_secs(20),
            public_url: None,
            permit: crate::clock::Permit::endless(),
        });
        (server, client.expect("a client"))
    }

    #[tokio::test]
    async fn an_account_its_numbers_and_its_services_are_read() {
        let at = format!("/2010-04-01/Accounts/{ACCOUNT}.json");
        let (_server, client) =
            answers(&at, 200, json!({ "sid": ACCOUNT, "status": "suspended", "type": "Trial" })).await;
        let seen = client.account().await.expect("read");
        assert_eq!((seen.status.as_str(), seen.kind.as_str()), ("suspended", "Trial"));

        let at = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json");
        let numbers = json!({ "incoming_phone_numbers": [
            { "phone_number": "+15005550006", "capabilities": { "sms": false, "voice": true }, "sms_url": null,
              "voice_url": "https://dispatch.example.com/ring",
              "sms_application_sid": "AP00000000000000000000000000000001" },
        ] });
        let (_server, client) = answers(&at, 200, numbers).await;
        let own = NumberSeen {
            sms: Some(false),
            voice: Some(true),
            voice_url: "https://dispatch.example.com/ring".to_owned(),
            has_application: true,
            ..NumberSeen::default()
        };
        assert_eq!(client.number("+15005550006").await.expect("read"), Some(own));
        assert_eq!(
            client.number("+15005550009").await.expect("read"),
            None,
            "another number that matched is not this one"
        );
        let (_server, client) = answers(&at, 200, json!({ "unexpected": true })).await;
        assert!(client.number("+15005550006").await.is_err(), "an unreadable answer is not an absence");

        let sid = format!("MG{}", "a1".repeat(16));
        let at = format!("/v1/Services/{sid}");
        let service = json!({ "sid": sid, "inbound_request_url": "https://a.example.com", "inbound_method": "GET", "use_inbound_webhook_on_number": false });
        let (_server, client) = answers(&at, 200, service).await;
        let seen = client.service(&sid).await.expect("read").expect("there");
        assert_eq!((seen.inbound_url.as_deref(), &*seen.inbound_method), (Some("https://a.example.com"), "GET"));
        let (_server, client) = answers(&at, 404, json!({ "code": 20404, "message": "not found" })).await;
        assert_eq!(client.service(&sid).await.expect("read"), None);
        let (_server, client) = answers(&at, 401, json!({ "code": 20003, "message": "Authenticate" })).await;
        assert!(matches!(client.service(&sid).await, Err(GatewayError::Refused { http: 401, .. })));
    }

    #[test]
    fn services_are_on_the_messaging_host_of_twilio_and_nowhere_else() {
        for (base, want) in [
            ("https://api.twilio.com", "https://messaging.twilio.com/"),
            ("https://api.dublin.ie1.twilio.com/", "https://messaging.dublin.ie1.twilio.com/"),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010/"),
            ("https://api.example.com", "https://api.example.com/"),
        ] {
            assert_eq!(host_of(&base.parse().expect("a URL"), "messaging").as_str(), want);
        }
    }
}
