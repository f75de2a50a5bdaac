use super::gsm7::Encoding;
use super::input::BODY_CHARACTERS_MAX;
use super::*;
use proptest::prelude::*;

fn call() -> RenderInput<'static> {
    RenderInput {
        template: None,
        own_words: None,
        kind: TextKind::First,
        reference: "7K3Q-2",
        repeat_of: None,
        business: "Acme Plumbing",
        contact_name: "Sam Ortiz",
        issue: "Water through the kitchen ceiling",
        address: "12 Oak Street",
        caller_name: "Jo Park",
        caller_phone: "+18005550100",
        level: "high",
        link: "",
        test_mode: false,
    }
}

fn body(input: RenderInput<'_>) -> String {
    render(&input).expect("renders").body
}

#[test]
fn each_kind_has_its_own_words() {
    let by = "Ana Reyes";
    for (label, input, want) in [
        (
            "first",
            call(),
            "7K3Q-2 Acme Plumbing HIGH: Water through the kitchen ceiling. 12 Oak Street. Jo Park +18005550100. \
             Reply 1 to take it, 2 to pass.",
        ),
        (
            "reminder",
            RenderInput { kind: TextKind::Reminder, level: "normal", ..call() },
            "7K3Q-2 Reminder: still open. Acme Plumbing: Water through the kitchen ceiling. 12 Oak Street. \
             Jo Park +18005550100. Reply 1 to take it, 2 to pass.",
        ),
        (
            "taken",
            RenderInput { kind: TextKind::StandDown { why: StandDown::Taken { by } }, ..call() },
            "7K3Q-2 Acme Plumbing: Ana Reyes has taken this call. 12 Oak Street. You need not go. Thank you.",
        ),
        (
            "cancelled",
            RenderInput { kind: TextKind::StandDown { why: StandDown::Cancelled }, address: "", ..call() },
            "7K3Q-2 Acme Plumbing: This call was called off. You need not go. Thank you.",
        ),
        (
            "resolved",
            RenderInput { kind: TextKind::StandDown { why: StandDown::Resolved }, address: "", ..call() },
            "7K3Q-2 Acme Plumbing: This call is resolved. You need not go. Thank you.",
        ),
        (
            "left for the morning",
            RenderInput { kind: TextKind::StandDown { why: StandDown::Deferred }, address: "", ..call() },
            "7K3Q-2 Acme Plumbing: This call waits for the morning. You need not go. Thank you.",
        ),
        ("answer", RenderInput { kind: TextKind::Answer { text: "It is yours.\n" }, ..call() }, "7K3Q-2 It is yours."),
        (
            "a repeat in test mode",
            RenderInput { test_mode: true, repeat_of: Some("7K3Q-1"), issue: "No heat!", ..call() },
            "7K3Q-2 TEST MODE (repeat) Acme Plumbing HIGH: No heat! 12 Oak Street. Jo Park +18005550100. \
             Reply 1 to take it, 2 to pass.",
        ),
        (
            "own words",
            RenderInput { own_words: Some("Bring the\nbig pump"), template: Some("{{ issue }}"), ..call() },
            "7K3Q-2 Bring the big pump. Reply 1 to take it, 2 to pass.",
        ),
        (
            "nothing known",
            RenderInput {
                business: "",
                issue: "",
                address: "",
                caller_name: "",
                caller_phone: "",
                level: "normal",
                ..call()
            },
            "7K3Q-2 Reply 1 to take it, 2 to pass.",
        ),
    ] {
        let out = render(&input).expect(label);
        assert_eq!(out.body, want, "{label}");
        assert_eq!((out.segments, out.fell_back), (1, None), "{label}");
    }
}

#[test]
fn the_issue_gives_way_so_that_one_segment_is_enough() {
    let long = "Water is coming through the kitchen ceiling “like a waterfall” – the whole downstairs is flooding and \
                the breaker has tripped, two children and a grandmother upstairs";
    for (label, input) in [
        ("first", RenderInput { issue: long, ..call() }),
        ("reminder", RenderInput { issue: long, kind: TextKind::Reminder, ..call() }),
        ("number 123", RenderInput { issue: long, reference: "7K3Q-123", ..call() }),
        ("repeat in test mode", RenderInput { issue: long, repeat_of: Some("7K3Q-1"), test_mode: true, ..call() }),
    ] {
        let out = render(&input).expect(label);
        assert_eq!(out.segments, 1, "{label}: {}", out.body);
        for part in [input.reference, input.address, input.caller_phone, "...", "Reply 1 to take it, 2 to pass."] {
            assert!(out.body.contains(part), "{label}: {part} in {}", out.body);
        }
        assert!(out.body.len() > 140, "{label}: no more is cut than must be: {}", out.body);
    }
}

#[test]
fn long_fixed_parts_take_more_segments_and_stay_whole() {
    let address =
        "Unit 7, the yellow house behind the second gate, 12345 North Old Stagecoach Canyon Road, San Juan Capistrano";
    let out = render(&RenderInput { address, ..call() }).expect("renders");
    assert_eq!(out.segments, 2);
    assert!(out.body.contains(address) && out.body.contains("Water through the kitchen ceiling"), "{}", out.body);

    let endless = "a very long lane ".repeat(200);
    let out = render(&RenderInput { address: &endless, ..call() }).expect("renders");
    assert!(out.body.chars().count() <= BODY_CHARACTERS_MAX);
    assert!(out.body.contains("+18005550100") && out.body.ends_with("2 to pass."), "{}", out.body);
}

#[test]
fn a_template_says_what_it_likes_after_the_reference() {
    let t = "{% if reminder %}AGAIN {% endif %}{{ business | upper }}: {{ issue | truncate(12) }}\n{{ callback }}";
    let out = render(&RenderInput { template: Some(t), kind: TextKind::Reminder, ..call() }).expect("renders");
    assert_eq!(out.body, "7K3Q-2 AGAIN ACME PLUMBING: Water...\n+18005550100");
    assert_eq!(out.fell_back, None);
    let stand_down = TextKind::StandDown { why: StandDown::Resolved };
    assert!(body(RenderInput { template: Some(t), kind: stand_down, ..call() }).contains("resolved"));
    let long = "long ".repeat(1000);
    let out =
        render(&RenderInput { template: Some("{{ issue }}|{{ callback }}"), issue: &long, ..call() }).expect("renders");
    assert!(out.body.chars().count() <= BODY_CHARACTERS_MAX && out.body.ends_with("...|+18005550100"), "{}", out.body);
}

#[test]
fn a_template_that_fails_is_replaced_and_named() {
    for (label, template) in [
        ("syntax", "{{ issue "),
        ("unknown filter", "{{ issue | nonsense }}"),
        ("unknown function", "{{ range(9) }}"),
        ("attribute of nothing", "{{ a.b.c }}"),
        (
            "endless work",
            "{% for a in 'xxxxxxxxxx' * 9999 %}{% for b in 'xxxxxxxxxx' * 9999 %}{% endfor %}{% endfor %}",
        ),
        ("endless text", "{{ 'x' * 99999 }}"),
        ("too much text", "{{ 'x' * 1600 }}"),
        ("empty", "  {# nothing #} "),
        ("recursion", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"),
        ("include", "{% include 'etc' %}"),
    ] {
        let out = render(&RenderInput { template: Some(template), ..call() }).expect(label);
        assert_eq!(out.body, body(call()), "{label}");
        let why = out.fell_back.expect(label);
        assert!(!why.is_empty() && !why.contains("kitchen"), "{label}: {why}");
        assert!(check_template(template).is_err(), "{label}");
    }
}

#[test]
fn templates_are_checked_before_they_are_used() {
    for ok in [
        "{{ business }}: {{ issue }}, {{ address }}. {{ caller }} {{ callback }}. Reply 1 to take it.",
        "{% if reminder %}Still open: {% endif %}{{ issue | default('no details') }} for {{ contact }} ({{ level | lower }})",
        "Help is needed: {{ issue }}. Start now. Reply ACK or PASS.",
    ] {
        assert_eq!(check_template(ok), Ok(()), "{ok}");
    }
    for (bad, says) in [
        ("{{ isue }}", "\"isue\""),
        ("{{ issue }} Reply YES to take it", "\"YES\""),
        ("{{ issue }} Reply 1 or CANCEL", "\"CANCEL\""),
        ("{{ issue }} Text 'stop' to pass", "\"STOP\""),
        ("line one\n{{ issue | }}", "line 2"),
    ] {
        let error = check_template(bad).expect_err(bad).to_string();
        assert!(error.contains(says), "{bad}: {error}");
    }
}

#[test]
fn nothing_of_ours_offers_a_word_that_the_provider_takes() {
    let words = ["STOP", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT", "CANCEL", "START", "YES", "HELP", "INFO"];
    for kind in [
        TextKind::First,
        TextKind::Reminder,
        TextKind::StandDown { why: StandDown::Cancelled },
        TextKind::StandDown { why: StandDown::Resolved },
        TextKind::StandDown { why: StandDown::Deferred },
    ] {
        let text = body(RenderInput { kind, ..call() }).to_uppercase();
        assert!(tokens(&text).all(|t| !words.contains(&t.as_str())), "{text}");
    }
}

#[test]
fn a_text_without_a_true_reference_is_refused() {
    for bad in ["", "7K3Q", "DONE-1", "7K3Q-", "7K3Q-x", "7K3Q-2 x", "x 7K3Q-2"] {
        assert!(render(&RenderInput { reference: bad, ..call() }).is_err(), "{bad:?}");
    }
}

#[test]
fn references_are_found_as_whole_tokens() {
    let found = |text: &str| -> Vec<String> {
        find_references(text).into_iter().map(|(c, n)| n.map_or(c.to_string(), |n| c.attempt(n))).collect()
    };
    for (text, want) in [
        ("1 7k3q", vec!["7K3Q"]),
        ("done 7K3Q-2.", vec!["7K3Q-2"]),
        ("7K3Q–2", vec!["7K3Q-2"]),
        ("(7K3Q-21)", vec!["7K3Q-21"]),
        ("7K3Q-2 and 9B4C", vec!["7K3Q-2", "9B4C"]),
        ("a7K3Q", vec![]),
        ("7K3Q2X9ZZZ", vec![]),
        ("7K3Q_2 7K3Q-2-3 7K3Q-x é7K3Q", vec![]),
        ("PSST done pass ok 1 2", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(found(text), want, "{text}");
    }
}

#[test]
fn a_message_is_known_by_its_first_reference() {
    for (label, text, want) in [
        ("first", "7K3Q-2 Acme Plumbing: no heat", true),
        ("trial prefix", "Sent from your Twilio trial account - 7K3Q-2 Acme Plumbing", true),
        ("any case", "7k3q-2 acme", true),
        ("longer number", "7K3Q-21 Acme", false),
        ("longer code", "77K3Q-2 Acme", false),
        ("other attempt", "7K3Q-1 Acme", false),
        ("named later by the caller", "9B4C-1 Acme: they said 7K3Q-2", false),
        ("call only", "7K3Q Acme", false),
        ("nothing", "", false),
    ] {
        assert_eq!(contains_reference(text, "7K3Q-2"), want, "{label}");
    }
}

proptest! {
    #[test]
    fn every_text_can_be_sent_and_found(
        words in proptest::collection::vec("(?s).{0,300}", 7),
        number in 1_u32..99_999,
        reminder in any::<bool>(),
        test_mode in any::<bool>(),
    ) {
        let reference = format!("7K3Q-{number}");
        let w = |i: usize| words[i].as_str();
        let kind = if reminder { TextKind::Reminder } else { TextKind::First };
        for template in [None, Some(w(6)), Some("{{ issue }} {{ caller }}")] {
            let input = RenderInput {
                template, own_words: None, kind, reference: &reference, repeat_of: None, business: w(0),
                contact_name: w(1), issue: w(2), address: w(3), caller_name: w(4), caller_phone: w(5), level: w(1), link: "", test_mode,
            };
            let out = render(&input).expect("renders");
            prop_assert!(out.body.chars().count() <= BODY_CHARACTERS_MAX);
            prop_assert_eq!(out.segments, segments(&out.body));
            prop_assert!(contains_reference(&out.body, &reference), "{}", out.body);
        }
    }

    #[test]
    fn the_built_in_text_keeps_reference_address_and_callback_whole(
        issue in "\\PC{0,600}",
        address in "[0-9]{1,5} [A-Z][a-z]{2,60}( [A-Z][a-z]{2,40}){0,4}",
        name in "[A-Z][a-z]{2,15}( [A-Z][a-z]{2,15}){0,2}",
        area in 200_u32..999,
        line in 100_u32..200,
        reminder in any::<bool>(),
    ) {
        let phone = format!("+1{area}5550{line}");
        let kind = if reminder { TextKind::Reminder } else { TextKind::First };
        let input = RenderInput { kind, issue: &issue, address: &address, caller_name: &name, caller_phone: &phone, ..call() };
        let body = body(input);
        for part in ["7K3Q-2 ", address.as_str(), phone.as_str(), "Reply 1 to take it, 2 to pass."] {
            prop_assert!(body.contains(part), "{} in {}", part, body);
        }
        let ordinary = address.len() <= 30 && Encoding::of(&fold(&issue)) == Encoding::Gsm7;
        prop_assert!(!ordinary || segments(&body) == 1, "{} segments: {}", segments(&body), body);
    }
}

#[test]
fn a_persons_own_words_for_a_call_stand_in_its_notices_alone() {
    let own_words = Some("Bring the big pump");
    for kind in [TextKind::First, TextKind::Reminder] {
        assert!(body(RenderInput { own_words, kind, ..call() }).contains("Bring the big pump"), "{kind:?}");
    }
    for kind in [
        TextKind::StandDown { why: StandDown::Taken { by: "Ana Reyes" } },
        TextKind::StandDown { why: StandDown::Cancelled },
        TextKind::Answer { text: "It is yours." },
    ] {
        assert_eq!(body(RenderInput { own_words, kind, ..call() }), body(RenderInput { kind, ..call() }), "{kind:?}");
    }
}
