//! What an account may do with phone calls: which countries it may ring, and whether it has an approved customer profile. Reads that
//! cost nothing, for `doctor`.
//!
//! Paths and fields as the official clients ask for them: `/v1/DialingPermissions/Countries` of the voice API and
//! `/v1/CustomerProfiles` of the trust API, each on a host of its own. Answers are read leniently: one that is not understood says
//! nothing.

use serde_json::Value;
use url::Url;

use super::account::host_of;
use super::client::TwilioClient;
use crate::gateways::GatewayError;

/// A country, and whether its ordinary numbers may be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountrySeen {
    /// `US`.
    pub iso: String,
    /// `None` where the answer does not say.
    pub may_be_rung: Option<bool>,
}

/// More countries than share any country code.
const COUNTRIES_MAX: &str = "100";

impl TwilioClient {
    /// The countries whose numbers begin with this country code (digits alone); empty where the provider names none.
    ///
    /// # Errors
    /// As [`fetch`](crate::gateways::SmsGateway::fetch).
    pub async fn countries(&self, code: &str) -> Result<Vec<CountrySeen>, GatewayError> {
        let mut url = self.api("voice", &["v1", "DialingPermissions", "Countries"]);
        url.query_pairs_mut().append_pair("CountryCode", code).append_pair("PageSize", COUNTRIES_MAX);
        let page = self.document(url).await?;
        let all = page.get("content").and_then(Value::as_array).ok_or_else(|| unreadable("countries"))?;
        let is_of_code = |c: &&Value| {
            let codes = c.get("country_codes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            codes.iter().filter_map(Value::as_str).any(|c| c.trim_start_matches('+') == code)
        };
        let seen = |c: &Value| CountrySeen {
            iso: c.get("iso_code").and_then(Value::as_str).unwrap_or_default().to_owned(),
            may_be_rung: c.get("low_risk_numbers_enabled").and_then(Value::as_bool),
        };
        Ok(all.iter().filter(is_of_code).map(seen).collect())
    }

    /// Whether the account has a customer profile that the provider has approved.
    ///
    /// # Errors
    /// As [`fetch`](crate::gateways::SmsGateway::fetch).
    pub async fn has_approved_profile(&self) -> Result<bool, GatewayError> {
        let mut url = self.api("trusthub", &["v1", "CustomerProfiles"]);
        url.query_pairs_mut().append_pair("Status", "twilio-approved").append_pair("PageSize", "1");
        let page = self.document(url).await?;
        let all = page.get("results").and_then(Value::as_array).ok_or_else(|| unreadable("customer profiles"))?;
        Ok(!all.is_empty())
    }

    /// A path of another of the provider's APIs.
    fn api(&self, host: &str, path: &[&str]) -> Url {
        let mut url = host_of(self.base_url(), host);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

fn unreadable(what: &str) -> GatewayError {
    GatewayError::Retryable { why: format!("the list of {what} could not be read"), retry_after: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::gateways::twilio::client::{Auth, TwilioSettings};

    async fn answers(at: &str, status: u16, body: Value) -> (MockServer, TwilioClient) {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(body);
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&server).await;
        let client = TwilioClient::new(TwilioSettings {
            account_sid: "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
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
    async fn the_countries_of_a_code_are_read_and_what_is_no_list_is_no_absence() {
        let at = "/v1/DialingPermissions/Countries";
        let content = json!({ "content": [
            { "iso_code": "US", "country_codes": ["+1"], "low_risk_numbers_enabled": true },
            { "iso_code": "CA", "country_codes": ["1"], "low_risk_numbers_enabled": false },
            { "iso_code": "BS", "country_codes": ["+1242"], "low_risk_numbers_enabled": false },
            { "iso_code": "PR", "country_codes": ["+1"] }, 7,
        ], "meta": {} });
        let (server, client) = answers(at, 200, content).await;
        let seen = client.countries("1").await.expect("read");
        let seen: Vec<_> = seen.iter().map(|c| (c.iso.as_str(), c.may_be_rung)).collect();
        assert_eq!(seen, [("US", Some(true)), ("CA", Some(false)), ("PR", None)]);
        let asked = server.received_requests().await.expect("recorded");
        assert_eq!(asked[0].url.query(), Some("CountryCode=1&PageSize=100"));
        for (status, body) in [(200, json!({ "countries": [] })), (404, json!({ "code": 20404 })), (200, json!([]))] {
            let (_server, client) = answers(at, status, body).await;
            assert!(client.countries("1").await.is_err());
        }
    }

    #[tokio::test]
    async fn a_profile_is_one_that_is_approved() {
        let at = "/v1/CustomerProfiles";
        for (body, want) in [
            (json!({ "results": [{ "sid": "BU1", "status": "twilio-approved" }] }), Some(true)),
            (json!({ "results": [] }), Some(false)),
            (json!({ "profiles": [] }), None),
        ] {
            let (_server, client) = answers(at, 200, body).await;
            assert_eq!(client.has_approved_profile().await.ok(), want);
        }
    }
}
