//! Rust source without what is not code.

use std::iter::Peekable;
use std::str::Chars;

/// Blanks comments and the insides of literals. Lines and columns stay where they are.
///
/// It knows just enough of the language for a scan by text: nested comments, raw strings, and the
/// difference between a lifetime and a character.
pub(crate) fn scrub(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    let mut previous = ' ';
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => {
                out.push(' ');
                while let Some(c) = chars.next_if(|c| *c != '\n') {
                    out.push(blank(c));
                }
            }
            '/' if chars.peek() == Some(&'*') => {
                out.push(' ');
                block_comment(&mut chars, &mut out);
            }
            '"' => {
                out.push('"');
                string(&mut chars, &mut out);
            }
            'r' if !is_word(previous) || previous == 'b' || previous == 'c' => {
                out.push('r');
                raw_string(&mut chars, &mut out);
            }
            '\'' => {
                out.push('\'');
                character(&mut chars, &mut out);
            }
            c => out.push(c),
        }
        previous = c;
    }
    out
}

/// Blanks every item marked `#[cfg(test)]` or the like in scrubbed source.
pub(crate) fn without_tests(scrubbed: &str) -> String {
    let mut out = String::with_capacity(scrubbed.len());
    let mut rest = scrubbed;
    while let Some(start) =
        ["#[cfg(test)]", "#[cfg(all(test"].iter().filter_map(|it| rest.find(it)).min()
    {
        out.push_str(&rest[..start]);
        let end = start + item_length(&rest[start..]);
        out.extend(rest[start..end].chars().map(blank));
        rest = &rest[end..];
    }
    out + rest
}

/// Measures an item from its attribute to its `;` or its closing brace.
fn item_length(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Tells whether a character can be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

fn block_comment(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut depth = 0;
    let mut previous = '/';
    for c in chars.by_ref() {
        out.push(blank(c));
        match (previous, c) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                previous = c;
                continue;
            }
        }
        previous = ' ';
        if depth == 0 {
            return;
        }
    }
}

fn string(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '"' => return out.push('"'),
            '\\' => {
                out.push(' ');
                out.extend(chars.next().map(blank));
            }
            c => out.push(blank(c)),
        }
    }
}

/// Blanks a raw string after its `r`; a name that begins with `r` is none and stays.
fn raw_string(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut ahead = chars.clone();
    let mut hashes = 0;
    while ahead.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    if ahead.next() != Some('"') {
        return;
    }
    out.extend(chars.by_ref().take(hashes + 1));
    while let Some(c) = chars.next() {
        if c == '"' && chars.clone().take(hashes).filter(|c| *c == '#').count() == hashes {
            out.push('"');
            out.extend(chars.by_ref().take(hashes));
            return;
        }
        out.push(blank(c));
    }
}

/// Blanks a character after its first quote; a lifetime stays.
fn character(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut ahead = chars.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), _) => {
            out.push(' ');
            chars.next();
            out.extend(chars.next().map(blank));
            while let Some(c) = chars.next_if(|c| *c != '\'') {
                out.push(blank(c));
            }
            out.extend(chars.next());
        }
        (Some(_), Some('\'')) => {
            out.extend(chars.next().map(blank));
            out.extend(chars.next());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a /*/ b */ c", "a          c"),
            (r#"f("a\"b", c)"#, r#"f("    ", c)"#),
            (r##"f(r#"a"b"#, c)"##, r##"f(r#"   "#, c)"##),
            (r##"f(br"a", c)"##, r##"f(br" ", c)"##),
            ("f('\"', 'a', '\\'', '\\u{1}')", "f(' ', ' ', '  ', '     ')"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("for r in rows {}", "for r in rows {}"),
            ("r#type(\"a\")", "r#type(\" \")"),
            ("\"a\nb\" c", "\" \n \" c"),
        ] {
            assert_eq!(scrub(source), expected, "{source}");
        }
    }

    #[test]
    fn test_items_are_blanked_and_lines_stay() {
        let source = "a();\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\n#[cfg(test)]\nmod c;\nd();";
        let left = without_tests(source);
        assert_eq!(left.lines().count(), source.lines().count());
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["a();", "d();"]);
    }
}
