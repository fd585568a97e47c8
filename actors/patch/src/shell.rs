//! Finding a patch inside a command.

#[cfg(test)]
mod tests;

/// A patch call that was found in a command, to be carried out instead of running the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intercepted {
    /// The text handed to `apply_patch`; not checked to be a patch.
    pub patch: String,
    /// The folder that the command changes to first, as written.
    pub workdir: Option<String>,
}

/// Finds the patch in a command that does nothing but apply one.
///
/// That is `apply_patch PATCH` itself, or a Bourne-like shell with `-c`, `-lc` or `-l -c` and a
/// script that [`intercept_script`] knows. Whatever does more than that is left to the shell.
pub fn intercept(argv: &[String]) -> Option<Intercepted> {
    match argv {
        [name, patch] if is_call(name) => Some(Intercepted { patch: patch.clone(), workdir: None }),
        [shell, flags @ .., script] if is_shell(shell) => {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let runs_script = matches!(flags[..], ["-c"] | ["-lc"] | ["-l", "-c"]);
            runs_script.then(|| intercept_script(script)).flatten()
        }
        _ => None,
    }
}

/// Finds the patch in a shell script that does nothing but apply one.
///
/// The script is one of these, perhaps below comments and after `cd DIR &&`:
///
/// - `apply_patch` with a here-document
/// - `apply_patch` with one word, which may be `"$(cat <<'END' …)"`
/// - `cat` with a here-document, piped to `apply_patch`
///
/// A text that the shell would change by expanding something is not taken, since what it would
/// become is not known here; nor is a folder that `cd` reads as an option.
pub fn intercept_script(script: &str) -> Option<Intercepted> {
    let mut rest = Script(script.trim_start_matches(BLANK_OR_LINE));
    while rest.0.starts_with('#') {
        let (_, below) = rest.0.split_once('\n')?;
        rest.0 = below.trim_start_matches(BLANK_OR_LINE);
    }
    let mut name = rest.word()?;
    let mut workdir = None;
    if name == "cd" {
        rest.blank()?;
        let folder = rest.word().filter(|folder| !folder.is_empty())?;
        if folder.starts_with(['-', '+']) {
            return None;
        }
        rest.skip("&&")?;
        rest.0 = rest.0.trim_start_matches(BLANK_OR_LINE);
        workdir = Some(folder);
        name = rest.word()?;
    }
    let patch = if is_call(&name) {
        match rest.skip("<<") {
            Some(()) => {
                let end = rest.end_mark()?;
                rest.document(&end)?
            }
            None => {
                rest.blank()?;
                rest.argument()?
            }
        }
    } else if name == "cat" {
        rest.skip("<<")?;
        let end = rest.end_mark()?;
        rest.skip("|")?;
        rest.0 = rest.0.trim_start_matches(BLANK);
        if !is_call(&rest.word()?) {
            return None;
        }
        rest.document(&end)?
    } else {
        return None;
    };
    let is_all = rest.0.trim_start_matches(BLANK_OR_LINE).is_empty();
    is_all.then_some(Intercepted { patch, workdir })
}

const BLANK: [char; 2] = [' ', '\t'];
const BLANK_OR_LINE: [char; 3] = [' ', '\t', '\n'];

fn is_call(name: &str) -> bool {
    // Models misspell it so.
    matches!(name, "apply_patch" | "applypatch")
}

fn is_shell(name: &str) -> bool {
    let base = match name.rsplit_once('/') {
        Some((_, base)) if name.starts_with('/') => base,
        Some(_) => return false,
        None => name,
    };
    matches!(base, "bash" | "sh" | "zsh")
}

/// What is left of a script.
struct Script<'a>(&'a str);

/// How a here-document ends.
struct EndMark {
    word: String,
    /// Whether the shell leaves the text as it is.
    is_literal: bool,
    strips_tabs: bool,
}

impl<'a> Script<'a> {
    /// Skips blanks and this sign behind them.
    fn skip(&mut self, sign: &str) -> Option<()> {
        self.0 = self.0.trim_start_matches(BLANK).strip_prefix(sign)?;
        Some(())
    }

    /// Skips at least one blank.
    fn blank(&mut self) -> Option<()> {
        let rest = self.0.trim_start_matches(BLANK);
        let is_skipped = rest.len() < self.0.len();
        self.0 = rest;
        is_skipped.then_some(())
    }

    /// Reads one word whose value does not depend on anything outside of it.
    fn word(&mut self) -> Option<String> {
        let mut word = String::new();
        let mut is_quoted = false;
        loop {
            let mut chars = self.0.chars();
            match chars.next() {
                None | Some(' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>') => break,
                Some('\'') => {
                    let (text, rest) = chars.as_str().split_once('\'')?;
                    word.push_str(text);
                    self.0 = rest;
                    is_quoted = true;
                }
                Some('"') => {
                    self.0 = chars.as_str();
                    self.double_quoted(&mut word)?;
                    is_quoted = true;
                }
                Some('\\') => {
                    // A line that goes on counts as nothing.
                    match chars.next()? {
                        '\n' => {}
                        escaped => word.push(escaped),
                    }
                    self.0 = chars.as_str();
                    is_quoted = true;
                }
                Some(plain) if is_plain(plain) => {
                    word.push(plain);
                    self.0 = chars.as_str();
                }
                Some(_) => return None,
            }
        }
        (is_quoted || !word.is_empty()).then_some(word)
    }

    fn double_quoted(&mut self, word: &mut String) -> Option<()> {
        let mut chars = self.0.chars();
        loop {
            let rest = chars.as_str();
            match chars.next()? {
                '"' => {
                    self.0 = chars.as_str();
                    return Some(());
                }
                '\\' => match chars.clone().next()? {
                    '\n' => {
                        chars.next();
                    }
                    escaped @ ('"' | '\\' | '$' | '`') => {
                        word.push(escaped);
                        chars.next();
                    }
                    _ => word.push('\\'),
                },
                '$' | '`' if expands(rest) => return None,
                plain => word.push(plain),
            }
        }
    }

    /// Reads a word that is the one argument.
    fn argument(&mut self) -> Option<String> {
        let Some(inner) = self.0.strip_prefix("\"$(") else { return self.word() };
        let mut inner = Script(inner.trim_start_matches(BLANK_OR_LINE));
        if inner.word()? != "cat" {
            return None;
        }
        inner.skip("<<")?;
        let end = inner.end_mark()?;
        let text = inner.document(&end)?;
        // Inside a substitution, bash also ends the text at `END)`.
        if text.lines().any(|line| line.starts_with(&end.word)) {
            return None;
        }
        self.0 = inner.0.trim_start_matches(BLANK_OR_LINE).strip_prefix(")\"")?;
        Some(text.trim_end_matches('\n').to_owned())
    }

    /// Reads what stands behind the `<<` of a here-document.
    fn end_mark(&mut self) -> Option<EndMark> {
        let (rest, strips_tabs) = match self.0.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (self.0, false),
        };
        self.0 = rest.trim_start_matches(BLANK);
        let before = self.0;
        let word = self.word()?;
        let is_literal = before[..before.len() - self.0.len()].contains(['\'', '"', '\\']);
        Some(EndMark { word, is_literal, strips_tabs })
    }

    /// Reads a here-document from behind the last word of its line, up to and including the line
    /// that closes it.
    fn document(&mut self, end: &EndMark) -> Option<String> {
        let mut rest = self.0.trim_start_matches(BLANK).strip_prefix('\n')?;
        let mut text = String::new();
        loop {
            let (line, next) = match rest.split_once('\n') {
                Some((line, next)) => (line, Some(next)),
                None => (rest, None),
            };
            let line = if end.strips_tabs { line.trim_start_matches('\t') } else { line };
            if line == end.word {
                self.0 = next.unwrap_or_default();
                break;
            }
            text.push_str(line);
            text.push('\n');
            rest = next?;
        }
        let is_changed =
            || text.match_indices(['$', '`', '\\']).any(|(at, _)| expands(&text[at..]));
        (end.is_literal || !is_changed()).then_some(text)
    }
}

/// Characters that mean themselves outside quotes, wherever in a word they stand.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "_-./+:,@%=^".contains(c)
}

/// Tells whether a shell would replace what starts here with something else, between double quotes
/// or in a here-document without quotes.
fn expands(text: &str) -> bool {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some('`'), _) => true,
        // The name may stand on the line that goes on.
        (Some('$'), Some('\\')) => text.starts_with("$\\\n"),
        (Some('$'), Some(next)) => {
            next == '_' || next.is_ascii_alphanumeric() || "{([@*#?!$-".contains(next)
        }
        (Some('\\'), Some(next)) => "$`\\\n".contains(next),
        _ => false,
    }
}
