//! The plain commands that a shell script consists of.
//!
//! A script is read twice. The grammar of bash (tree-sitter) says what it is made of, and a reader that
//! knows no more than plain words says which words there are. Whatever one of them does not know is
//! refused, and so is a script in which they see different commands: neither has to be trusted alone.
//! The reader of plain words comes first, so that the grammar, whose parser is written in C, is never given
//! a script with substitutions, groups, here-documents or anything else that makes parsing hard.

mod grammar;
mod plain;

/// How long a script may be, in bytes. More than this nobody wrote to look at a file.
const LONGEST: usize = 8 * 1024;

/// How many commands a script may have: the time that the grammar takes grows with their square.
const MOST: usize = 32;

/// A shell whose scripts are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    /// GNU bash.
    Bash,
    /// What `sh` is: any shell of the POSIX kind.
    Posix,
    /// Z shell, whose globs and words starting with `=` are languages of their own.
    Zsh,
}

/// One word of a command, unquoted as the shell would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// The word. Where it has a glob, the pattern.
    pub(crate) text: String,
    /// Byte in `text` at which its first unquoted glob character stands.
    pub(crate) glob: Option<usize>,
}

impl Word {
    /// A word that no shell reads.
    pub(crate) fn literal(text: &str) -> Word {
        Word { text: text.to_owned(), glob: None }
    }
}

/// Words that are not commands where a command begins: they change what follows.
const RESERVED: &[&str] = &[
    "!",
    "[[",
    "]]",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "end",
    "esac",
    "fi",
    "for",
    "foreach",
    "function",
    "if",
    "in",
    "nocorrect",
    "noglob",
    "repeat",
    "select",
    "then",
    "time",
    "until",
    "while",
    "{",
    "}",
    "-",
];

/// Reads a script.
///
/// # Errors
/// What in it is more than plain commands, in words that go on from "the script".
pub(crate) fn read(script: &str, shell: Shell) -> Result<Vec<Vec<Word>>, String> {
    if script.len() > LONGEST {
        return Err(format!("is longer than {} KiB", LONGEST / 1024));
    }
    // `-c` takes no value: it says that the first argument which is no option is the script.
    if script.starts_with(['-', '+']) {
        return Err("would be read as an option of the shell".to_owned());
    }
    let plain = plain::commands(script, shell)?;
    if plain.len() > MOST {
        return Err(format!("has more than {MOST} commands"));
    }
    let grammar = grammar::commands(script)?;
    let agree = plain.len() == grammar.len()
        && plain.iter().zip(&grammar).all(|(plain, grammar)| {
            plain.len() == grammar.len()
                && plain.iter().zip(grammar).all(|(word, text)| word.text == *text)
        });
    if !agree {
        return Err("can be read in two ways".to_owned());
    }
    if plain.iter().any(|command| command[0].text.starts_with('%')) {
        return Err("names a job".to_owned());
    }
    match plain.iter().find(|command| RESERVED.contains(&&*command[0].text)) {
        Some(command) => Err(format!("has the reserved word `{}`", command[0].text)),
        None => Ok(plain),
    }
}

/// Control characters, and those that change how text looks without being seen.
pub(crate) fn is_odd(char: char) -> bool {
    let formats = matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    formats || (char.is_control() && !matches!(char, '\n' | '\t'))
}
