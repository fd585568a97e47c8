//! Pastes that are folded to one sign, and what of a pasted text is kept.

use codex_view::{grouped, sanitize};

/// Lines from which on a paste is folded.
const LINES: usize = 10;
/// Graphemes from which on it is.
const GRAPHEMES: usize = 2_000;
/// The characters that stand for folded pastes: the end of the last area for private use, which no
/// font gives a meaning to. Texts that come in are rid of them.
const SIGNS: std::ops::RangeInclusive<char> = '\u{10f000}'..='\u{10fffd}';

/// They take no room and hide nothing: they say how the characters beside them are written.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Folded pastes. Each is one character of the text, and what it stands for is kept here.
#[derive(Clone, Debug, Default)]
pub(super) struct Chips {
    kept: Vec<Chip>,
}

#[derive(Clone, Debug)]
struct Chip {
    text: String,
    label: String,
}

/// Tells whether a character stands for a folded paste.
pub(super) fn is_chip(c: char) -> bool {
    SIGNS.contains(&c)
}

/// Gives what is kept of a text from outside: line feeds and tabs, and no other control character.
pub(super) fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                rest.next_if_eq(&'\n');
                kept.push('\n');
            }
            '\n' | '\t' => kept.push(c),
            '\u{2028}' | '\u{2029}' => kept.push('\n'),
            c if c.is_control() => {}
            c if is_chip(c) => kept.push(char::REPLACEMENT_CHARACTER),
            c => kept.push(c),
        }
    }
    kept
}

impl Chips {
    /// Folds a clean text that is long, or gives it as it is.
    pub(super) fn fold(&mut self, text: String) -> String {
        let lines = text.lines().count();
        let label = if lines > LINES {
            format!("[pasted {} lines]", grouped(lines as u64))
        } else if text.len() > GRAPHEMES {
            let graphemes = super::graphemes::count(&text);
            if graphemes <= GRAPHEMES {
                return text;
            }
            format!("[pasted {} characters]", grouped(graphemes as u64))
        } else {
            return text;
        };
        match self.keep(text, label) {
            Ok(sign) => sign.to_string(),
            Err(text) => text,
        }
    }

    /// Fails once there is no sign left: then the text stays as it is.
    fn keep(&mut self, text: String, label: String) -> Result<char, String> {
        let sign = u32::try_from(self.kept.len())
            .ok()
            .and_then(|number| char::from_u32(u32::from(*SIGNS.start()) + number))
            .filter(|sign| is_chip(*sign));
        let Some(sign) = sign else { return Err(text) };
        self.kept.push(Chip { text, label });
        Ok(sign)
    }

    fn get(&self, c: char) -> Option<&Chip> {
        let number = u32::from(c).checked_sub(u32::from(*SIGNS.start()))?;
        self.kept.get(usize::try_from(number).ok()?)
    }

    /// Gives what is shown of a folded paste.
    pub(super) fn label(&self, c: char) -> Option<&str> {
        self.get(c).map(|chip| chip.label.as_str())
    }

    /// Gives how many bytes stand behind the signs of a text.
    pub(super) fn folded(&self, text: &str) -> usize {
        text.chars().filter_map(|c| self.get(c)).map(|chip| chip.text.len()).sum()
    }

    /// Gives a text with all that was folded.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut whole = String::with_capacity(text.len());
        for c in text.chars() {
            match self.get(c) {
                Some(chip) => whole.push_str(&chip.text),
                None => whole.push(c),
            }
        }
        whole
    }
}

/// What is drawn of a grapheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    /// The characters; each is harmless.
    pub(super) shown: String,
    /// How many columns they take, at least one.
    pub(super) columns: usize,
    /// What they are.
    pub(super) kind: Kind,
}

/// What the characters of a glyph are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What was written.
    Text,
    /// They tell of something that can't be seen.
    Hidden,
    /// The label of a folded paste.
    Chip,
}

impl Chips {
    /// Gives what is drawn of a grapheme. What takes no room is shown as a sign, so that nothing hides.
    pub(super) fn glyph(&self, grapheme: &str) -> Glyph {
        if grapheme == "\t" {
            return Glyph { shown: "    ".to_owned(), columns: 4, kind: Kind::Text };
        }
        if let Some(label) = grapheme.chars().next().and_then(|c| self.label(c)) {
            return Glyph { shown: label.to_owned(), columns: label.len(), kind: Kind::Chip };
        }
        let mut shown: String = grapheme.chars().filter(|c| !sanitize::is_forbidden(*c)).collect();
        let mut kind = Kind::Text;
        let hides = |c: char| sanitize::is_forbidden(c) && !JOINERS.contains(&c);
        if crate::wrap::columns(&shown) == 0 || grapheme.contains(hides) {
            shown.push(char::REPLACEMENT_CHARACTER);
            kind = Kind::Hidden;
        }
        Glyph { columns: crate::wrap::columns(&shown), shown, kind }
    }
}
