//! The account, its numbers and its messaging services: what a set-up is checked by.
//!
//! Whatever may send here is one of the account's: every number but the magic ones that are refused as senders, and every
//! messaging service. Shapes as the official clients read them.

use serde_json::{Value, json};

use super::answer::Response;
use super::state::{SERVICE_SENDER, Shared};
use super::wire::{Params, TwilioRefusal, respond};
use crate::domain::types::Sender;

/// Magic numbers that are no sender of anybody's (`facts/twilio.md` §12).
const NOBODYS: &[&str] = &["+15005550001", "+15005550007"];

/// Countries, by code, whose numbers can be rung.
const COUNTRIES: &[(&str, &str, &str)] = &[
    ("US", "United States", "+1"),
    ("CA", "Canada", "+1"),
    ("BS", "Bahamas", "+1242"),
    ("MX", "Mexico", "+52"),
    ("GB", "United Kingdom", "+44"),
    ("DE", "Germany", "+49"),
    ("AU", "Australia", "+61"),
];

/// `GET /v1/DialingPermissions/Countries` of the voice API.
pub(super) fn countries(shared: &Shared, query: &str) -> Result<Response, TwilioRefusal> {
    let known = ["IsoCode", "Continent", "CountryCode", "LowRiskNumbersEnabled", "PageSize", "Page", "PageToken"];
    let params = Params::parse(query.as_bytes(), &known, &[])?;
    let faults = shared.state().account.clone();
    let code = params.get("CountryCode").map(|c| format!("+{}", c.trim_start_matches('+')));
    let of_code = COUNTRIES.iter().filter(|(_, _, c)| code.as_ref().is_none_or(|code| c.starts_with(code)));
    let shown = |(iso, name, code): &(&str, &str, &str)| {
        json!({
            "iso_code": iso, "name": name, "country_codes": [code],
            "low_risk_numbers_enabled": !faults.not_rung.iter().any(|off| off == iso),
            "high_risk_special_numbers_enabled": false, "high_risk_tollfraud_numbers_enabled": false,
        })
    };
    let content: Vec<Value> = of_code.map(shown).collect();
    let key = if faults.other_answers { "countries" } else { "content" };
    let body = json!({ key: content, "meta": { "page": 0, "page_size": 50, "key": key, "next_page_url": null } });
    Ok(Response::Send(respond(shared, 200, &body)))
}

/// `GET /v1/CustomerProfiles` of the trust API.
pub(super) fn profiles(shared: &Shared, query: &str) -> Result<Response, TwilioRefusal> {
    Params::parse(query.as_bytes(), &["Status", "FriendlyName", "PolicySid", "PageSize", "Page", "PageToken"], &[])?;
    let faults = shared.state().account.clone();
    let one =
        json!({ "sid": format!("BU{}", "a".repeat(32)), "status": "twilio-approved", "friendly_name": "Sandbox" });
    let found: Vec<Value> = (!faults.no_profile).then_some(one).into_iter().collect();
    let key = if faults.other_answers { "profiles" } else { "results" };
    let body = json!({ key: found, "meta": { "page": 0, "page_size": 50, "key": key, "next_page_url": null } });
    Ok(Response::Send(respond(shared, 200, &body)))
}

/// `GET /2010-04-01/Accounts/{Sid}.json`.
pub(super) fn account(shared: &Shared) -> Response {
    let sid = &shared.account_sid;
    let body = json!({
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": "Sandbox",
        "status": "active",
        "type": shared.state().account.kind.clone().unwrap_or_else(|| "Full".to_owned()),
        "date_created": "Sun, 22 Nov 2026 00:00:00 +0000",
        "date_updated": "Sun, 22 Nov 2026 00:00:00 +0000",
        "uri": format!("/2010-04-01/Accounts/{sid}.json"),
        "subresource_uris": {},
    });
    Response::Send(respond(shared, 200, &body))
}

/// `GET …/IncomingPhoneNumbers.json`: the number that is asked for, or the one of the services.
pub(super) fn numbers(shared: &Shared, path: &str, query: &str) -> Result<Response, TwilioRefusal> {
    let params =
        Params::parse(query.as_bytes(), &["PhoneNumber", "FriendlyName", "PageSize", "Page", "PageToken"], &[])?;
    let asked = params.get("PhoneNumber").unwrap_or(SERVICE_SENDER);
    let is_own = asked.starts_with('+') && asked.parse::<Sender>().is_ok() && !NOBODYS.contains(&asked);
    let inbound = shared.state().inbound_url.clone().unwrap_or_default();
    let rung_back = inbound.replace("sms-inbound", "voice-inbound");
    let voice = !shared.state().account.no_voice;
    let number = || {
        json!({
            "sid": format!("PN{:0>32}", asked.trim_start_matches('+')),
            "account_sid": shared.account_sid,
            "phone_number": asked,
            "friendly_name": asked,
            "capabilities": { "voice": voice, "sms": true, "mms": true, "fax": false },
            "sms_url": inbound,
            "voice_url": rung_back,
            "voice_method": "POST",
            "sms_method": "POST",
            "status": "in-use",
            "origin": "twilio",
            "api_version": "2010-04-01",
        })
    };
    let found: Vec<Value> = is_own.then(number).into_iter().collect();
    let uri = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let body = json!({
        "incoming_phone_numbers": found, "page": 0, "page_size": 50, "start": 0, "end": 0, "uri": uri,
        "first_page_uri": uri, "next_page_uri": null, "previous_page_uri": null,
    });
    Ok(Response::Send(respond(shared, 200, &body)))
}

/// `GET /v1/Services/{Sid}` of the messaging API.
pub(super) fn service(shared: &Shared, sid: &str) -> Result<Response, TwilioRefusal> {
    if !sid.parse::<Sender>().is_ok_and(|s| s.is_service()) {
        return Err(TwilioRefusal::new(404, 20404, format!("The requested resource /v1/Services/{sid} was not found")));
    }
    let inbound = shared.state().inbound_url.clone();
    let body = json!({
        "sid": sid, "account_sid": shared.account_sid, "friendly_name": "Sandbox", "inbound_request_url": inbound,
        "inbound_method": "POST", "use_inbound_webhook_on_number": false, "validity_period": 36000,
    });
    Ok(Response::Send(respond(shared, 200, &body)))
}
