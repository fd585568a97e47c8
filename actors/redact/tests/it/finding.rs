//! What is found, and what is left in its place.

use std::borrow::Cow;

use crate::{redactor, tokens};

const VALUE: &str = "canary-5e5c-\"q\"/x+1";

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3)
            .fold(0_u32, |word, at| word << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at)) as usize & 63] as char;
            out.push(if at > group.len() { '=' } else { letter });
        }
    }
    out
}

#[test]
fn a_known_value_is_found_wherever_it_stands() {
    let redactor = redactor();
    let marker = redactor.text(VALUE).into_owned();
    assert!(marker.starts_with("[redacted:API_KEY:") && marker.ends_with(']'), "{marker}");
    assert_eq!(marker.len(), "[redacted:API_KEY:".len() + 12 + 1);
    for (before, after) in [("", ""), ("x", "y"), ("KEY=", "\n"), ("é", "é")] {
        let text = format!("{before}{VALUE}{after}{VALUE}");
        assert_eq!(redactor.text(&text), format!("{before}{marker}{after}{marker}"));
    }
}

#[test]
fn equal_secrets_have_equal_digests_and_others_have_others() {
    let redactor = redactor();
    let digest = |text: &str| redactor.text(text).rsplit(':').next().expect("a digest").to_owned();
    let other = codex_redact::Redactor::new([], || [8; 32]);
    let token = &tokens()[0].1;
    assert_eq!(digest("tr0ub4dor&3"), digest("tr0ub4dor&3"));
    assert_ne!(digest("tr0ub4dor&3"), digest(VALUE));
    assert_ne!(redactor.text(token), other.text(token), "the key has no effect");
}

#[test]
fn a_known_value_is_found_in_base64_percent_and_json() {
    let redactor = redactor();
    let marker = redactor.text(VALUE).into_owned();
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "z", "zz", "\n"] {
            let encoded = base64(format!("{before}{VALUE}{after}").as_bytes());
            for encoded in [encoded.replace('+', "-").replace('/', "_"), encoded] {
                let redacted = redactor.text(&encoded);
                assert!(redacted.contains(&marker), "{before:?} {after:?}: {redacted}");
                assert!(redacted.len() <= marker.len() + encoded.len() - 18, "{redacted}");
            }
        }
    }
    let percent = "key=canary-5e5c-%22q%22%2Fx%2B1&x=1";
    assert_eq!(redactor.text(percent), format!("key={marker}&x=1"));
    let json = r#"{"key": "canary-5e5c-\"q\"/x+1"}"#;
    assert_eq!(redactor.text(json), format!(r#"{{"key": "{marker}"}}"#));
}

#[test]
fn secrets_that_overlap_leave_nothing_of_either() {
    let redactor = redactor();
    let text = redactor.text("<abcabd-7788-abcabd-XYZ9>").into_owned();
    assert!(text.starts_with("<[redacted:PAIR_KEY:") && text.contains("][redacted:TAIL_KEY:"));
    assert!(text.ends_with("]>") && !text.contains("XYZ9"), "{text}");
    let text = redactor.text("<abcabd-7788-abcabd-and-more>").into_owned();
    assert!(text.starts_with("<[redacted:LONG_KEY:") && text.ends_with("]>"), "{text}");
    assert_eq!(text.matches("redacted").count(), 1);
}

#[test]
fn every_pattern_is_found_and_named() {
    let redactor = redactor();
    for (name, token) in tokens() {
        for (before, after) in
            [("", ""), ("key = \"", "\","), ("+", "\n"), ("\\n", " "), ("=", ";")]
        {
            let text = format!("{before}{token}{after}");
            let redacted = redactor.text(&text).into_owned();
            let head = format!("{before}[redacted:{name}:");
            assert!(redacted.starts_with(&head), "{text}\n{redacted}");
            assert!(redacted.ends_with(&format!("]{after}")), "{text}\n{redacted}");
            assert!(redacted.len() <= head.len() + 13 + after.len(), "{redacted}");
        }
    }
}

#[test]
fn headers_and_addresses_lose_their_credentials_alone() {
    let redactor = redactor();
    let cases = [
        ("Authorization: Bearer abcdef012345", "Authorization: Bearer [redacted:authorization:"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic [redacted:authorization:"),
        (
            r#"{"Authorization":"token abcdef012345"}"#,
            r#"{"Authorization":"token [redacted:authorization:"#,
        ),
        ("postgres://app:s3cr3t!@db/x", "postgres://app:[redacted:url-password:"),
        (
            "https://x-access-token:abc.def@github.com/",
            "https://x-access-token:[redacted:url-password:",
        ),
    ];
    for (text, head) in cases {
        assert!(redactor.text(text).starts_with(head), "{}", redactor.text(text));
    }
    assert!(redactor.text("postgres://app:s3cr3t!@db/x").ends_with("]@db/x"));
    // Half a key is secret as well.
    let cut = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSj";
    assert!(!redactor.text(cut).contains("MII"), "{}", redactor.text(cut));
}

#[test]
fn what_was_redacted_stays_as_it_is() {
    let redactor = redactor();
    let all: Vec<String> = tokens().into_iter().map(|(_, token)| token).collect();
    let text = format!(
        "{VALUE} {} Authorization: Bearer {} https://u:{VALUE}@h {}",
        all.join(" "),
        all[0],
        base64(VALUE.as_bytes())
    );
    let once = redactor.text(&text).into_owned();
    assert!(matches!(redactor.text(&once), Cow::Borrowed(_)), "{once}");
    assert!(matches!(redactor.piece(&once), Cow::Borrowed(_)), "{once}");
}

#[test]
fn a_name_that_markers_hold_is_not_taken_for_a_value() {
    let known =
        ["redacted:API_KEY", "API_KEY:"].map(|value| codex_redact::Known::new("API_KEY", value));
    let redactor = codex_redact::Redactor::new(known.into_iter().flatten(), || [1; 32]);
    assert_eq!(redactor.text("[redacted:API_KEY:0123]"), "[redacted:API_KEY:0123]");
}

#[test]
fn json_stays_json_and_no_escape_hides_a_secret() {
    let redactor = redactor();
    let escaped: String = VALUE.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let slashed = r#"canary-5e5c-\"q\"\/x+1"#;
    let twice = serde_json::to_string(&format!("{{\"cmd\":\"echo {escaped}\"}}")).expect("text");
    let deep = "[".repeat(10_000);
    for json in [
        format!(r#"{{"text":"{escaped}"}}"#),
        format!(r#"{{"text" : "a {slashed} b"}}"#),
        format!(r#"{{"{slashed}":1.50e0}}"#),
        format!(r#"{{"arguments":{twice}}}"#),
        format!(r#"{deep}"{escaped}"{}"#, deep.replace('[', "]")),
        r#"{"h":{"Authorization":"Bearer abcdef012345"}}"#.to_owned(),
    ] {
        let redacted = redactor.json(&json).into_owned();
        assert!(redacted.contains("[redacted:"), "{json}\n{redacted}");
        let sound = serde_json::from_str::<&serde_json::value::RawValue>(&redacted).is_ok();
        assert!(sound, "{redacted}");
        assert!(matches!(redactor.json(&redacted), Cow::Borrowed(_)), "{redacted}");
    }
    // What holds none is not touched, however it is written; and what is broken is no reason to fail.
    for json in [r#"{ "a" : "\u00e9\/" , "b":1.50e0}"#, r#"{"a": "\ud800"}"#, "{\"a", "\"\\", ""] {
        assert!(matches!(redactor.json(json), Cow::Borrowed(_)), "{json}");
    }
    let cut = redactor.json(r#"{"arguments":"{\"cmd\":\"echo tr0ub4dor&3 x"#).into_owned();
    assert!(!cut.contains("tr0ub4dor&3") && cut.ends_with(" x"), "{cut}");
    let half = redactor.json(r#"{"a":"\ud800 tr0ub4dor&3"}"#).into_owned();
    assert!(!half.contains("tr0ub4dor&3") && half.ends_with("\"}"), "{half}");
}
