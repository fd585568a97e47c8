//! The syntax of rule files: calls of functions with literal arguments, as Starlark writes them.
//!
//! The subset is a file of statements, one a line or joined by `;`, each of them a call
//! `name(value, name = value, ...)` or a lone string (Starlark's way to say what a file is for).
//! Inside of brackets lines end where one likes, and a last comma may stand. A value is a string, a
//! list, a whole number, `True`, `False` or `None`. Strings are Starlark's: `"..."`, `'...'`, three
//! of the same quotes around several lines, and an `r` before any of these, which leaves backslashes
//! alone; the escapes are `\\ \' \" \n \r \t \a \b \f \v`, `\ooo` and `\xHH` up to 7f, `\uHHHH`,
//! `\UHHHHHHHH`, and a backslash at the end of a line, which joins it to the next one. A comment is
//! `#` up to the end of the line.
//!
//! What Starlark has besides (variables, loops, functions, `load`, `+`) is refused with its place.
//! A file is read without running it, so that a rule says what it says where it stands.

use std::ops::Range;

/// Deepest that lists may nest; no rule needs more than two.
const DEEPEST: usize = 8;

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Where it stands in the text, in bytes, from its name to its closing bracket.
    pub(crate) span: Range<usize>,
    pub(crate) arguments: Vec<Argument>,
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// Its name and where that stands, when it is given by name.
    pub(crate) name: Option<(String, usize)>,
    pub(crate) value: Node,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    List(Vec<Node>),
    Truth(bool),
    None,
}

impl Value {
    /// Says what kind of value it is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Number(_) => "a number",
            Value::List(_) => "a list",
            Value::Truth(_) => "a truth value",
            Value::None => "None",
        }
    }
}

/// What is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Place in the text, in bytes.
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Wrong {
    pub(crate) fn new(at: usize, message: impl Into<String>, hint: impl Into<String>) -> Wrong {
        Wrong { at, message: message.into(), hint: hint.into() }
    }
}

/// Reads a file of calls.
pub(crate) fn parse(text: &str) -> Result<Vec<Call>, Wrong> {
    let mut parser = Parser { text, at: 0 };
    let mut calls = Vec::new();
    loop {
        parser.skip(Lines::Anywhere);
        match parser.peek() {
            None => return Ok(calls),
            Some(';') => parser.at += 1,
            Some(_) => {
                calls.extend(parser.statement()?);
                parser.end_of_statement()?;
            }
        }
    }
}

/// Whether the end of a line means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Between brackets and between statements it does not.
    Anywhere,
    /// It ends the statement.
    End,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

const A_STATEMENT: &str = "a rule file is a list of calls, as in prefix_rule(pattern = [\"cargo\", \
                           \"test\"], decision = \"prompt\")";
const LITERALS: &str = "rule files are read without being run: write each value out, as a string \
                        in quotes or a list of them";

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes a character if it comes next.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Passes over blanks and comments.
    fn skip(&mut self, lines: Lines) {
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' | '\r' => self.at += 1,
                '\n' if lines == Lines::Anywhere => self.at += 1,
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                '\\' if self.rest()[1..].trim_start_matches('\r').starts_with('\n') => {
                    self.at += self.rest().find('\n').map_or(1, |end| end + 1);
                }
                '\u{feff}' if self.at == 0 => self.at += next.len_utf8(),
                _ => break,
            }
        }
    }

    /// Reads one statement; a lone string says nothing.
    fn statement(&mut self) -> Result<Option<Call>, Wrong> {
        let from = self.at;
        let Some(word) = self.word() else {
            return match self.peek() {
                Some('"' | '\'') => self.string().map(|_| None),
                _ => Err(self.unexpected("a call is wanted here")),
            };
        };
        if self.begins_string(word) {
            self.at = from;
            return self.string().map(|_| None);
        }
        if matches!(word, "load" | "def" | "for" | "if" | "lambda" | "return" | "pass") {
            return Err(Wrong::new(from, format!("`{word}` is not read here"), LITERALS));
        }
        self.skip(Lines::End);
        if self.rest().starts_with('=') && !self.rest().starts_with("==") {
            return Err(Wrong::new(from, format!("`{word}` is a variable"), LITERALS));
        }
        let open = self.at;
        if !self.take('(') {
            let message = format!("`{word}` has no arguments");
            return Err(Wrong::new(from, message, A_STATEMENT));
        }
        let arguments = self.arguments(word, open)?;
        Ok(Some(Call { name: word.to_owned(), span: from..self.at, arguments }))
    }

    /// Expects that the line holds nothing more, or another statement behind a `;`.
    fn end_of_statement(&mut self) -> Result<(), Wrong> {
        self.skip(Lines::End);
        match self.peek() {
            None | Some('\n' | ';') => Ok(()),
            Some(_) => Err(self.unexpected("the line ought to end here")),
        }
    }

    fn arguments(&mut self, function: &str, open: usize) -> Result<Vec<Argument>, Wrong> {
        let mut arguments: Vec<Argument> = Vec::new();
        loop {
            self.skip(Lines::Anywhere);
            if self.take(')') {
                return Ok(arguments);
            }
            let argument = self.argument(open)?;
            match &argument.name {
                Some((name, at)) => {
                    let same = |it: &Argument| it.name.as_ref().is_some_and(|it| it.0 == *name);
                    if arguments.iter().any(same) {
                        let message = format!("`{name}` stands twice in {function}(...)");
                        return Err(Wrong::new(*at, message, "keep one of them"));
                    }
                }
                None if arguments.iter().any(|it| it.name.is_some()) => {
                    let message = "an argument without a name stands behind one with a name";
                    return Err(Wrong::new(argument.value.at, message, "give it its name, too"));
                }
                None => {}
            }
            arguments.push(argument);
            self.comma(')', open)?;
        }
    }

    fn argument(&mut self, open: usize) -> Result<Argument, Wrong> {
        let from = self.at;
        if let Some(word) = self.word()
            && !self.begins_string(word)
        {
            self.skip(Lines::Anywhere);
            if self.rest().starts_with('=') && !self.rest().starts_with("==") {
                self.at += 1;
                self.skip(Lines::Anywhere);
                let value = self.value(open, 0)?;
                return Ok(Argument { name: Some((word.to_owned(), from)), value });
            }
        }
        self.at = from;
        Ok(Argument { name: None, value: self.value(open, 0)? })
    }

    /// Takes the comma between two things, unless the closing bracket comes.
    fn comma(&mut self, close: char, open: usize) -> Result<(), Wrong> {
        self.skip(Lines::Anywhere);
        if self.take(',') || self.peek() == Some(close) {
            return Ok(());
        }
        match self.peek() {
            None => Err(self.never_closed(open)),
            Some(']' | ')') => Err(self.unexpected(&format!("`{close}` is wanted here"))),
            Some('+') => Err(Wrong::new(self.at, "`+` is not read here", LITERALS)),
            Some(_) => Err(Wrong::new(
                self.at,
                format!("a comma or `{close}` is wanted here"),
                "put a comma between two of them, and a bracket of the same kind behind the last",
            )),
        }
    }

    fn never_closed(&self, open: usize) -> Wrong {
        let bracket = &self.text[open..=open];
        let close = if bracket == "(" { ")" } else { "]" };
        Wrong::new(
            open,
            format!("the bracket `{bracket}` is never closed"),
            format!("put `{close}` behind the last of what it holds"),
        )
    }

    fn value(&mut self, open: usize, depth: usize) -> Result<Node, Wrong> {
        let at = self.at;
        let value = match self.peek() {
            None => return Err(self.never_closed(open)),
            Some('"' | '\'') => Value::Text(self.string()?),
            Some('[') if depth == DEEPEST => {
                return Err(Wrong::new(at, "lists nest too deep", "a pattern nests them twice"));
            }
            Some('[') => Value::List(self.list(depth)?),
            Some('(' | '{') => {
                let message = "only strings, lists, numbers, True, False and None are read here";
                return Err(Wrong::new(at, message, "a list stands in [ ]"));
            }
            Some(next) if next.is_ascii_digit() => self.number()?,
            Some(next) if is_word(next) => return self.named(at),
            Some(_) => return Err(self.unexpected("a value is wanted here")),
        };
        Ok(Node { at, value })
    }

    /// Reads a word that stands for a value, or begins a string.
    fn named(&mut self, at: usize) -> Result<Node, Wrong> {
        let word = self.word().unwrap_or_default();
        let value = match word {
            "True" => Value::Truth(true),
            "False" => Value::Truth(false),
            "None" => Value::None,
            _ if self.begins_string(word) => {
                self.at = at;
                Value::Text(self.string()?)
            }
            _ => {
                let message = format!("`{word}` is not a value that is read here");
                return Err(Wrong::new(at, message, LITERALS));
            }
        };
        Ok(Node { at, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Wrong> {
        let open = self.at;
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            self.skip(Lines::Anywhere);
            if self.take(']') {
                return Ok(nodes);
            }
            nodes.push(self.value(open, depth + 1)?);
            self.comma(']', open)?;
        }
    }

    fn number(&mut self) -> Result<Value, Wrong> {
        let at = self.at;
        let digits = self.word().unwrap_or_default();
        digits.parse().map(Value::Number).map_err(|_| {
            Wrong::new(at, format!("`{digits}` is not a number that is read here"), LITERALS)
        })
    }

    /// Takes letters, digits and `_`, if any come next.
    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then_some(&rest[..end])
    }

    /// Tells whether a word that was just read is the mark before a string, as in `r"..."`.
    fn begins_string(&self, word: &str) -> bool {
        word.len() <= 2
            && word.bytes().all(|byte| byte.is_ascii_alphabetic())
            && self.rest().starts_with(['"', '\''])
    }

    fn unexpected(&self, wanted: &str) -> Wrong {
        let message = match self.peek() {
            None => format!("the file ends too early: {wanted}"),
            Some(next) => format!("unexpected `{next}`: {wanted}"),
        };
        Wrong::new(self.at, message, A_STATEMENT)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a backslash means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Read,
    Raw,
}

impl Parser<'_> {
    /// Reads a string in any of its forms.
    fn string(&mut self) -> Result<String, Wrong> {
        let from = self.at;
        let escapes = match self.word() {
            None => Escapes::Read,
            Some("r") => Escapes::Raw,
            Some(other) => {
                let message = format!("strings with `{other}` before them are not read here");
                return Err(Wrong::new(from, message, "write the text out, in plain quotes"));
            }
        };
        let quote = self.rest()[..1].to_owned();
        let threefold = quote.repeat(3);
        let close = if self.rest().starts_with(&threefold) { threefold } else { quote };
        self.at += close.len();
        let mut text = String::new();
        loop {
            if self.rest().starts_with(&close) {
                self.at += close.len();
                return Ok(text);
            }
            match self.peek() {
                Some('\\') => self.escape(escapes, &mut text)?,
                Some('\n') if close.len() == 1 => return Err(not_closed(from, &close)),
                None => return Err(not_closed(from, &close)),
                Some(next) => {
                    text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
    }

    /// Reads a backslash and what it stands for.
    fn escape(&mut self, escapes: Escapes, text: &mut String) -> Result<(), Wrong> {
        let at = self.at;
        self.at += 1;
        let Some(kind) = self.peek() else { return Ok(()) };
        self.at += kind.len_utf8();
        if escapes == Escapes::Raw {
            // A quote behind a backslash does not end a raw string, and both stay.
            text.push('\\');
            text.push(kind);
            return Ok(());
        }
        let plain = match kind {
            '\n' => return Ok(()),
            '\r' if self.take('\n') => return Ok(()),
            '\\' | '\'' | '"' => Some(kind),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'v' => Some('\u{b}'),
            '0'..='7' => {
                self.at -= 1;
                let rest = self.rest();
                let digits = rest.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
                let count = digits.count();
                let code = u32::from_str_radix(&rest[..count], 8).ok();
                self.at += count;
                code.filter(|code| *code < 0x80).and_then(char::from_u32)
            }
            'x' => self.digits(2).filter(|code| *code < 0x80).and_then(char::from_u32),
            'u' => self.digits(4).and_then(char::from_u32),
            'U' => self.digits(8).and_then(char::from_u32),
            _ => None,
        };
        match plain {
            Some(plain) => {
                text.push(plain);
                Ok(())
            }
            None => Err(Wrong::new(
                at,
                format!("`\\{kind}` begins no character"),
                "a backslash itself is written \\\\, or the string begins with r, as in r\"\\d\"",
            )),
        }
    }

    /// Takes so many hexadecimal digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.rest().get(..count)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += if plain { count } else { 0 };
        plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }
}

fn not_closed(from: usize, close: &str) -> Wrong {
    Wrong::new(
        from,
        "the string is never closed",
        format!("put {close} behind its last character; text over several lines stands in \"\"\""),
    )
}

#[cfg(test)]
mod tests;
