//! Which programs are known, and what each may be told.
//!
//! To add one: read its manual for every option that writes, runs something, reads settings, opens the
//! network or waits, leave those out, and put the rest into the table of its kind. An option that is
//! not in a table is asked about, so a table can only be too short.

mod files;
mod find;
mod jq;
mod never;
mod shell;
mod text;
mod whole;

pub(crate) use never::why as why_never;

use crate::options::{Globs, Options};
use crate::places::{Places, unquoted, without_glob};
use crate::script::{Shell, Word};

/// What a program may be told.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// These options and operands.
    Options(Options),
    /// What this function lets pass: its arguments are a language of their own.
    Own(fn(&Call<'_>) -> Result<(), String>),
    /// One of these lists of arguments, each written with blanks between.
    Only(&'static [&'static str]),
}

/// The arguments of a program, and where they are meant.
pub(crate) struct Call<'a> {
    pub(crate) arguments: &'a [Word],
    /// The shell that runs it, whose builtins differ from the programs of the same name.
    pub(crate) shell: Option<Shell>,
    pub(crate) places: &'a Places,
}

impl Call<'_> {
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.arguments.iter().map(|word| word.text.as_str()).collect()
    }
}

type Table = &'static [(&'static str, Rule)];

const TABLES: &[Table] =
    &[files::TABLE, text::TABLE, find::TABLE, jq::TABLE, shell::TABLE, whole::TABLE];

/// Finds what a program may be told.
pub(crate) fn rule(program: &str) -> Option<Rule> {
    let mut all = TABLES.iter().flat_map(|table| table.iter());
    all.find(|(name, _)| *name == program).map(|(_, rule)| *rule)
}

/// Tells whether a shell carries this out itself, so that no file has to be found for it.
pub(crate) fn is_builtin(program: &str, shell: Shell) -> bool {
    match program {
        "[" | "cd" | "echo" | "false" | "printf" | "pwd" | "test" | "true" | "type" => true,
        "which" => shell == Shell::Zsh,
        _ => false,
    }
}

/// Checks what a program is told.
///
/// # Errors
/// What in it is not known to only look.
pub(crate) fn check(rule: &Rule, call: &Call<'_>) -> Result<(), String> {
    let harmless = match rule {
        Rule::Options(options) => options.globs,
        Rule::Own(_) | Rule::Only(_) => Globs::Refused,
    };
    if let Some(word) = call.arguments.iter().find(|word| word.glob.is_some()) {
        match (harmless, call.shell) {
            (Globs::Harmless, Some(Shell::Bash | Shell::Posix)) => {}
            (Globs::Harmless, _) => return Err("a glob of zsh can run code".to_owned()),
            (Globs::Refused, _) => {
                return Err(format!("`{}` may match a file that looks like an option", word.text));
            }
        }
    }
    for word in call.arguments {
        let text = word.text.as_str();
        let without = if word.glob.is_some() { without_glob(text) } else { text.to_owned() };
        if !text.starts_with('-') && unquoted(&without).starts_with('-') {
            return Err(format!("`{text}` looks like an option that is written to be overlooked"));
        }
        if word.glob.is_some() && text.starts_with('-') {
            call.places.check(&without)?;
        }
    }
    match rule {
        Rule::Options(options) => options.check(call.arguments, call.places),
        Rule::Own(own) => own(call),
        Rule::Only(lists) => {
            let told = call.texts().join(" ");
            let known = lists.contains(&&*told) && !call.texts().iter().any(|it| it.contains(' '));
            if known { Ok(()) } else { Err(format!("`{told}` is not known to only look")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_stands_in_one_table_and_never_in_that_of_refusals() {
        let mut names: Vec<_> =
            TABLES.iter().flat_map(|table| table.iter()).map(|it| it.0).collect();
        let count = names.len();
        assert!(count > 70, "{count}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for name in names {
            assert_eq!(why_never(name), None, "{name}");
        }
    }
}
