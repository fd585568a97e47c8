//! Which blobs an event names, without decoding it.

use std::sync::LazyLock;

use codex_event::Digest;
use memchr::memmem::Finder;

const MARK: &[u8] = br#"{"blob":""#;

/// Names the blobs of an event and their lengths, from its JSON.
///
/// Works on kinds of other releases as well. What a text says is no reference: its quotes are
/// escaped.
pub(crate) fn blobs_of(json: &[u8]) -> impl Iterator<Item = (Digest, u64)> + '_ {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            let at = find(rest)?;
            rest = &rest[at + MARK.len()..];
            if let Some(found) = reference(rest) {
                return Some(found);
            }
        }
    })
}

fn find(bytes: &[u8]) -> Option<usize> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
    FINDER.find(bytes)
}

fn reference(bytes: &[u8]) -> Option<(Digest, u64)> {
    let digest = std::str::from_utf8(bytes.get(..64)?).ok()?.parse().ok()?;
    let rest = bytes[64..].strip_prefix(br#"","len":"#)?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let len = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    (rest[end] == b'}').then_some((digest, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_and_words_are_not() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let json = format!(
            r#"{{"a":{{"blob":"{one}","len":3}},"b":[{{"blob":"{two}","len":70000}}],"c":"{{\"blob\":\"{one}\",\"len\":9}}","d":{{"blob":"x"}}}}"#
        );
        let found: Vec<(Digest, u64)> = blobs_of(json.as_bytes()).collect();
        assert_eq!(found, [(one, 3), (two, 70_000)]);
    }
}
