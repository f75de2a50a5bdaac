//! What is a sender, an id of a contact and a role: the forms that are taken, and those that are refused.

use crate::domain::types::{ContactId, ErrorCode, Role, Sender};

#[test]
fn a_sender_is_a_number_a_short_code_a_name_or_a_messaging_service() {
    let hex = "0123456789abcdef0123456789abcdef";
    let of = |begin: &str, rest: &str| format!("{begin}{rest}");
    let (service, in_small) = (of("MG", hex), of("mg", hex));
    let (message, too_long, no_hex) = (of("SM", hex), of("MG0", hex), of("MG", &hex.replace('f', "g")));
    for (text, is_one) in [
        ("+15005550006", true),
        ("+12", true),
        ("+123456789012345", true),
        ("+1", false),
        ("+1234567890123456", false),
        ("+05005550006", false),
        ("+", false),
        ("+1500555000x", false),
        ("15005550006", false),
        ("123", true),
        ("12345678", true),
        ("12", false),
        ("123456789", false),
        ("Acme", true),
        ("Acme 24", true),
        ("Acme Pipes1", true),
        ("Acme Pipes12", false),
        ("Acme-24", false),
        ("", false),
        (service.as_str(), true),
        (in_small.as_str(), false),
        (message.as_str(), false),
        (too_long.as_str(), false),
        (no_hex.as_str(), false),
        ("MG0123456789abcdef", false),
    ] {
        assert_eq!(text.parse::<Sender>().is_ok(), is_one, "{text}");
    }
}

#[test]
fn an_id_of_a_contact_is_1_to_64_characters_that_can_be_seen_and_a_role_may_have_blanks_within() {
    let (longest, too_long) = ("é".repeat(64), "é".repeat(65));
    for (text, is_an_id, is_a_role) in [
        ("sam", true, true),
        ("s", true, true),
        ("sam-2@shop", true, true),
        ("night shift", false, true),
        (longest.as_str(), true, true),
        (too_long.as_str(), false, false),
        ("", false, false),
        ("  ", false, false),
        (" sam", false, true),
        ("sa\u{7}m", false, false),
        ("sa\tm", false, false),
        ("sa\u{a0}m", false, true),
    ] {
        assert_eq!(text.parse::<ContactId>().is_ok(), is_an_id, "{text:?}");
        assert_eq!(text.parse::<Role>().is_ok(), is_a_role, "{text:?}");
    }
}

#[test]
fn a_code_of_the_provider_is_shown_as_the_provider_writes_it() {
    assert_eq!(ErrorCode(21_610).to_string(), "21610");
}
