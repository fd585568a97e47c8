//! Pieces give what the whole gives.

use codex_redact::Stream;
use proptest::prelude::*;

use crate::{redactor, tokens};

/// Tells whether pieces gave what the whole gave, but for the first letters of patterns.
fn same(pieces: &[u8], whole: &str) -> bool {
    const FIRST: [&str; 9] = [
        "sk-ant-",
        "sk_live_",
        "github_pat_",
        "xoxb-",
        "AKIA",
        "AIza",
        "glpat-",
        "npm_",
        "-----BEGIN ",
    ];
    let pieces = String::from_utf8_lossy(pieces);
    let (mut pieces, mut whole) = (&*pieces, whole);
    while let Some(at) = whole.find("[redacted:") {
        let Some(rest) = pieces.strip_prefix(&whole[..at]) else { return false };
        let Some(marker) = rest.find("[redacted:") else { return false };
        let early = &rest[..marker];
        // A secret before may cover the first of them.
        let first = FIRST
            .iter()
            .chain(&["ghp_", "gho_", "eyJ"])
            .any(|word| word.len() > early.len() && word[..word.len() - 1].contains(early));
        if !first {
            return false;
        }
        (pieces, whole) = (&rest[marker + 1..], &whole[at + 1..]);
    }
    pieces == whole
}

fn joined(stream: &mut Stream, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece)).collect();
    out.extend(stream.finish());
    out
}

/// Texts that hold everything that is looked for, and what only begins like it.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        tokens().into_iter().map(|(_, token)| format!("a {token} b")).collect();
    texts.extend(
        [
            "K=canary-5e5c-\"q\"/x+1 and canary-5e5c-\"q\"/x+",
            "abcabd-7788-abcabd-XYZ9 abcabd-7788-abcabd-and-more abcabd-7788-abcabd-and-mor",
            "abcabcabd-7788-abcabcabd-7788-abcabd",
            "Authorization: Bearer abcdef012345\nhttps://u:s3cr3t@h/ https://h:80/ mailto:x@y",
            "sk-short task-force eyJ.eyJ. -----BEGIN CERTIFICATE-----\nMIIB AKIA AKIA1234",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n",
            "https://user:tr0ub4dor&3@h and tr0ub4dor&3@h",
        ]
        .map(str::to_owned),
    );
    texts
}

#[test]
fn two_pieces_cut_anywhere_give_what_the_whole_gives() {
    let redactor = redactor();
    let mut stream = redactor.stream();
    for text in texts() {
        let whole = redactor.text(&text).into_owned();
        for at in 0..=text.len() {
            let (one, two) = text.as_bytes().split_at(at);
            let pieces = joined(&mut stream, &[one, two]);
            let shown = String::from_utf8_lossy(&pieces);
            assert!(same(&pieces, &whole), "{text} cut at {at}:\n{shown}\n{whole}");
        }
    }
}

#[test]
fn single_bytes_give_what_the_whole_gives() {
    let redactor = redactor();
    let text = texts().join(" ");
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    let pieces = joined(&mut redactor.stream(), &bytes);
    let shown = String::from_utf8_lossy(&pieces);
    assert!(same(&pieces, &redactor.text(&text)), "{shown}\n{}", redactor.text(&text));
}

#[test]
fn no_more_is_held_back_than_may_still_become_a_secret() {
    let redactor = redactor();
    let mut stream = redactor.stream();
    for (piece, given) in [
        ("Continue? [y/N] ", "Continue? [y/N] "),
        ("a canary-5e", "a "),
        ("z", "canary-5ez"),
        ("\ntr0ub4dor&", "\n"),
        ("3 ", "[redacted:DB_PASSWORD:"),
        (" https://host/", " https://host/"),
    ] {
        let out = stream.push_text(piece);
        let fits = if given.ends_with(':') { out.starts_with(given) } else { out == given };
        assert!(fits, "{piece:?} gave {out:?}");
    }
    // The first letters of a pattern are no secret.
    let mut unknowing = codex_redact::Redactor::new([], || [0; 32]).stream();
    for piece in ["a hint: authorizatio", "nals", "gh", "-----BEG"] {
        assert_eq!(unknowing.push_text(piece), piece);
    }
    // A whole value at the end of what came is no reason to wait.
    assert!(stream.push_text("\ntr0ub4dor&3").ends_with(']'));
}

#[test]
fn a_stream_never_holds_more_than_its_bound() {
    let redactor = redactor();
    for endless in [
        "sk-1a",
        "eyJ1a.eyJ",
        "abcabd-7788-",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG",
        "://u:",
    ] {
        let mut stream = redactor.stream();
        let (mut given, mut taken) = (0, 0);
        let mut piece = endless.to_owned();
        for _ in 0..2000 {
            given += stream.push(piece.as_bytes()).len();
            taken += piece.len();
            piece = "abcabd7788abcabd1234".repeat(10);
        }
        given += stream.finish().len();
        let swallowed = taken.saturating_sub(given);
        assert!(swallowed < 40 << 10, "{endless}: {taken} bytes came, {given} were given");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_give_what_the_whole_gives(
        parts in prop::collection::vec(prop_oneof![
            prop::sample::select(texts()),
            prop::sample::select(vec!["abcabd", "-7788-", "-XYZ9", "tr0ub4dor", "&3", "sk-", "eyJ", ".", "://", "a:", "@", "\\n", " ", "é"])
                .prop_map(str::to_owned),
        ], 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let redactor = redactor();
        let text = parts.concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.push(text.len());
        at.sort_unstable();
        let mut from = 0;
        let mut pieces = Vec::new();
        for to in at {
            pieces.push(&text.as_bytes()[from..to]);
            from = to;
        }
        let out = joined(&mut redactor.stream(), &pieces);
        let once = redactor.text(&text).into_owned();
        prop_assert!(same(&out, &once), "{}\n{}\n{}", text, String::from_utf8_lossy(&out), once);
        prop_assert_eq!(redactor.text(&once).into_owned(), once);
    }
}
