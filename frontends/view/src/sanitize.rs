//! Makes text harmless for a terminal.
//!
//! What a model or a command wrote may hold sequences that move the cursor, change the title, fill
//! the clipboard, or show other words than there are. Nothing of that reaches a terminal: [`text`]
//! takes whole sequences out of running text, [`visible`] shows each such character where hiding it
//! would hide what is about to be run. Sequences are those of ECMA-48, in both their 7-bit and 8-bit
//! forms.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// Tells whether a character may never be written to a terminal as part of foreign text.
///
/// These are the control characters but for line feed and tab, what changes the direction of
/// writing, and what takes no room and so hides in a text.
pub fn is_forbidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// Takes everything out of running text that a terminal would act on.
///
/// Escape sequences go as a whole, also when they are cut short; one that never ends goes up to the
/// end of its line, so that it can't hide what follows. A carriage return drops what stands before
/// it in its line, as a terminal would show it; before a line feed it is nothing.
pub fn text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut line_begins = 0;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => {
                clean.push(c);
                line_begins = clean.len();
            }
            '\r' => {
                while rest.next_if_eq(&'\r').is_some() {}
                if rest.peek().is_some_and(|next| *next != '\n') {
                    clean.truncate(line_begins);
                }
            }
            '\x1b' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            c if is_forbidden(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Longest word of a message that is shown whole, in characters.
const LONGEST_WORD: usize = 240;

/// As [`text`], and with long words, as paths are, cut in their middle: both ends of a path tell more
/// than all of it would.
pub fn shortened(message: &str) -> String {
    let clean = text(message);
    let mut short = String::with_capacity(clean.len());
    for part in clean.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        let length = word.chars().count();
        if length <= LONGEST_WORD {
            short.push_str(part);
            continue;
        }
        let end = LONGEST_WORD / 2 - 1;
        short.extend(word.chars().take(end));
        short.push('\u{2026}');
        short.extend(word.chars().skip(length - end));
        short.push_str(&part[word.len()..]);
    }
    short
}

/// Shows every character that [`text`] would take out, and line breaks and tabs too, as an escape
/// that a programmer can read. The result is one line.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if is_forbidden(c) => {
                let code = u32::from(c);
                let written = if code < 0x80 {
                    write!(shown, "\\x{code:02x}")
                } else {
                    write!(shown, "\\u{{{code:x}}}")
                };
                written.expect("writing to a string can't fail");
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Shows what [`text`] would take out, as [`visible`] does, and leaves line breaks and tabs: for a text
/// that is read before it is allowed.
pub fn revealed(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\n', '\t']) {
        let end = piece.chars().next_back().filter(|c| matches!(c, '\n' | '\t'));
        shown.push_str(&visible(piece.trim_end_matches(['\n', '\t'])));
        shown.extend(end);
    }
    shown
}

/// Escapes in a line of JSON every character that [`text`] would take out, where the encoder leaves it
/// as it is: the value is the same, and no terminal acts on it.
pub fn json(line: &str) -> Cow<'_, str> {
    if !line.contains(is_forbidden) {
        return line.into();
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if !is_forbidden(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("writing to a string can't fail");
        }
    }
    shown.into()
}

/// Skips what belongs to an ESC that was just read.
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        _ => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// Skips parameters, intermediates and the final character of a control sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, '0'..='?')).is_some() {}
    while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

/// Skips a control string up to its terminator, or to the end of the line.
fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\x07' | '\x18' | '\x1a' | '\u{9c}' => return,
            '\x1b' => {
                // `ESC \` ends the string; any other sequence breaks it off and is one itself.
                if rest.next_if_eq(&'\\').is_none() {
                    skip_escape(rest);
                }
                return;
            }
            _ => {}
        }
    }
}
