//! A reader that knows no more than plain words and what joins commands.

use super::{Shell, Word};

/// Splits a script into commands.
///
/// Deliberately knows less than a shell: no expansion, substitution, assignment, comment, group or
/// backslash outside of single quotes.
pub(super) fn commands(script: &str, shell: Shell) -> Result<Vec<Vec<Word>>, String> {
    let mut reader = Reader { rest: script, shell, commands: vec![Vec::new()], word: None };
    while let Some(char) = reader.rest.chars().next() {
        reader.step(char)?;
    }
    reader.end_word();
    match reader.commands.last() {
        // A joint may stand at the end only where it only ends the command before it.
        Some(last) if last.is_empty() => {
            reader.commands.pop();
            let ended = script.trim_end_matches([' ', '\t', '\n']);
            if reader.commands.is_empty() {
                return Err("is empty".to_owned());
            }
            if ended.ends_with(['&', '|']) {
                return Err("ends with an operator".to_owned());
            }
        }
        _ => {}
    }
    Ok(reader.commands)
}

struct Reader<'a> {
    rest: &'a str,
    shell: Shell,
    commands: Vec<Vec<Word>>,
    word: Option<Partial>,
}

/// A word while it is read.
#[derive(Default)]
struct Partial {
    text: String,
    glob: Option<usize>,
    quoted: bool,
}

impl Reader<'_> {
    fn step(&mut self, char: char) -> Result<(), String> {
        match char {
            ' ' | '\t' => {
                self.end_word();
                self.skip(1);
            }
            '\n' => {
                self.end_word();
                self.skip(1);
                if !self.current().is_empty() {
                    self.commands.push(Vec::new());
                }
            }
            ';' | '|' | '&' => return self.joint(char),
            '<' | '>' => return self.redirection(),
            '\'' => {
                let Some((inner, rest)) = self.rest[1..].split_once('\'') else {
                    return Err("has a quote without its end".to_owned());
                };
                let word = self.word.get_or_insert_default();
                word.text.push_str(inner);
                word.quoted = true;
                self.rest = rest;
            }
            '"' => return self.double_quoted(),
            '*' | '?' | '[' | ']' => {
                let word = self.word.get_or_insert_default();
                word.glob.get_or_insert(word.text.len());
                word.text.push(char);
                self.skip(1);
            }
            // Not at the beginning of a command, where it negates; and only on its own.
            '!' if self.word.is_none()
                && !self.current().is_empty()
                && self.rest[1..].starts_with([' ', '\t']) =>
            {
                self.word.get_or_insert_default().text.push('!');
                self.skip(1);
            }
            '=' => {
                let word = self.word.get_or_insert_default();
                if word.text.is_empty() && self.shell == Shell::Zsh {
                    return Err("has a word that zsh would expand".to_owned());
                }
                word.text.push('=');
                self.skip(1);
                // `a=b` before a command assigns; quoted parts make no name, but are refused too.
                if self.current().is_empty() {
                    return Err("has an assignment".to_owned());
                }
            }
            plain if plain.is_ascii_alphanumeric() || "_./,:@%+-".contains(plain) => {
                self.word.get_or_insert_default().text.push(plain);
                self.skip(1);
            }
            '^' if self.shell != Shell::Zsh => {
                self.word.get_or_insert_default().text.push('^');
                self.skip(1);
            }
            '$' | '`' => return Err("has an expansion or a substitution".to_owned()),
            '\\' => return Err("has a backslash outside of single quotes".to_owned()),
            '(' | ')' | '{' | '}' => return Err("has a group, or braces that expand".to_owned()),
            '#' => return Err("has a comment".to_owned()),
            '~' => return Err("has a `~` that may expand".to_owned()),
            '!' => return Err("has a negation".to_owned()),
            other => return Err(format!("has `{other}` outside of quotes")),
        }
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), String> {
        let word = self.word.get_or_insert_default();
        word.quoted = true;
        for (at, char) in self.rest[1..].char_indices() {
            match char {
                '"' => {
                    self.rest = &self.rest[at + 2..];
                    return Ok(());
                }
                '$' | '`' => return Err("has an expansion or a substitution".to_owned()),
                '\\' => return Err("has a backslash outside of single quotes".to_owned()),
                inner => word.text.push(inner),
            }
        }
        Err("has a quote without its end".to_owned())
    }

    fn joint(&mut self, char: char) -> Result<(), String> {
        let doubled = self.rest[1..].starts_with(char);
        if char == '&' && self.rest[1..].starts_with('>') {
            return self.redirection();
        }
        match (char, doubled) {
            ('&', false) => return Err("runs something in the background".to_owned()),
            (';', true) => return Err("has `;;`".to_owned()),
            (';', false) if self.rest[1..].starts_with('&') => return Err("has `;&`".to_owned()),
            _ => {}
        }
        self.end_word();
        if self.current().is_empty() {
            return Err("has an operator without a command before it".to_owned());
        }
        self.skip(if doubled { 2 } else { 1 });
        self.commands.push(Vec::new());
        // An operator that takes what follows may stand at the end of a line; its command follows.
        Ok(())
    }

    /// Steps over a redirection that goes nowhere: to `/dev/null`, or to where another one goes.
    fn redirection(&mut self) -> Result<(), String> {
        let refused = || "has a redirection that is not to /dev/null".to_owned();
        let number = match &self.word {
            Some(word) if !word.quoted && word.text.bytes().all(|it| it.is_ascii_digit()) => {
                let number = word.text.clone();
                self.word = None;
                Some(number)
            }
            _ => None,
        };
        self.end_word();
        if number.as_deref().is_some_and(|number| !matches!(number, "0" | "1" | "2")) {
            return Err(refused());
        }
        let forms = [
            // In a POSIX shell the first is a command in the background.
            ("&>", number.is_none() && self.shell != Shell::Posix),
            (">&", number.as_deref() != Some("0")),
            (">>", number.as_deref() != Some("0")),
            (">", number.as_deref() != Some("0")),
            ("<", matches!(number.as_deref(), None | Some("0"))),
        ];
        let Some((operator, allowed)) = forms.iter().find(|(it, _)| self.rest.starts_with(it))
        else {
            return Err(refused());
        };
        if !allowed {
            return Err(refused());
        }
        self.skip(operator.len());
        let target = if *operator == ">&" {
            ["1", "2"].into_iter().find(|it| self.rest.starts_with(it))
        } else {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            Some("/dev/null").filter(|it| self.rest.starts_with(it))
        };
        let Some(target) = target else { return Err(refused()) };
        self.skip(target.len());
        let ended = self.rest.is_empty() || self.rest.starts_with([' ', '\t', '\n', ';', '|']);
        // `2>&1&&x` is left alone as well: one more blank makes it clear.
        if ended { Ok(()) } else { Err(refused()) }
    }

    fn current(&self) -> &[Word] {
        self.commands.last().map_or(&[], Vec::as_slice)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn end_word(&mut self) {
        let Some(Partial { text, glob, quoted }) = self.word.take() else { return };
        // The brackets of `[ ... ]` are words.
        let glob = glob.filter(|_| quoted || !matches!(&*text, "[" | "]"));
        if let Some(command) = self.commands.last_mut() {
            command.push(Word { text, glob });
        }
    }
}
