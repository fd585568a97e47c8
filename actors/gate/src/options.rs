//! Options as data: what a program may be told and still only look.

use crate::places::Places;
use crate::script::Word;

/// The options of one program that keep it harmless. Any other is refused, however it is spelled.
///
/// Read as GNU `getopt_long` does: options may follow operands, short ones may be bundled, `--` ends
/// them. Abbreviations of long options are not known, and so refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Short options without a value.
    flags: &'static str,
    /// Short options with a value, attached or in the next argument.
    valued: &'static str,
    /// Short options whose value can only be attached.
    attached: &'static str,
    /// Long options, separated by blanks: `name`, `name=` with a value, `name?` with one that can only
    /// be attached.
    long: &'static str,
    operands: Operands,
    pub(crate) globs: Globs,
    bundles: Bundles,
    count: Count,
}

/// What arguments that are no options are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operands {
    /// Files to read, at most so many.
    Files { most: usize },
    /// Texts that name no file, at most so many.
    Texts { most: usize },
    /// A pattern, unless one of these options gives it; then files.
    Pattern { given: &'static [&'static str] },
}

/// Whether an unquoted glob may stand among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Globs {
    /// It may: no file name can turn into an option or an operand that does more than look.
    Harmless,
    /// It may not.
    Refused,
}

/// Whether short options can be put into one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bundles {
    Allowed,
    Unknown,
}

/// Whether `-20` is a number of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Allowed,
    Unknown,
}

impl Options {
    /// No option but `--help` and `--version`, and any number of files.
    pub(crate) const fn none() -> Options {
        Options {
            flags: "",
            valued: "",
            attached: "",
            long: "",
            operands: Operands::Files { most: usize::MAX },
            globs: Globs::Refused,
            bundles: Bundles::Allowed,
            count: Count::Unknown,
        }
    }

    /// Short options without a value.
    pub(crate) const fn flags(flags: &'static str) -> Options {
        Options { flags, ..Options::none() }
    }

    /// Short options with a value.
    pub(crate) const fn valued(self, valued: &'static str) -> Options {
        Options { valued, ..self }
    }

    /// Short options with a value that can only be attached.
    pub(crate) const fn attached(self, attached: &'static str) -> Options {
        Options { attached, ..self }
    }

    /// Long options: `name`, `name=` with a value, `name?` with an attached one at most.
    pub(crate) const fn long(self, long: &'static str) -> Options {
        Options { long, ..self }
    }

    /// At most so many files: one more would be written to.
    pub(crate) const fn files(self, most: usize) -> Options {
        Options { operands: Operands::Files { most }, ..self }
    }

    /// At most so many operands, which name no files.
    pub(crate) const fn texts(self, most: usize) -> Options {
        Options { operands: Operands::Texts { most }, ..self }
    }

    /// A pattern first, unless it is given by one of these options.
    pub(crate) const fn pattern(self, given: &'static [&'static str]) -> Options {
        Options { operands: Operands::Pattern { given }, ..self }
    }

    /// Unquoted globs do no harm.
    pub(crate) const fn with_globs(self) -> Options {
        Options { globs: Globs::Harmless, ..self }
    }

    /// Short options stand alone.
    pub(crate) const fn unbundled(self) -> Options {
        Options { bundles: Bundles::Unknown, ..self }
    }

    /// `-20` is a number of lines.
    pub(crate) const fn with_count(self) -> Options {
        Options { count: Count::Allowed, ..self }
    }

    /// Checks the arguments of the program.
    pub(crate) fn check(&self, arguments: &[Word], places: &Places) -> Result<(), String> {
        let mut given: Vec<&str> = Vec::new();
        let mut operands: Vec<&Word> = Vec::new();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            let text = word.text.as_str();
            if text == "--" {
                operands.extend(rest.by_ref());
            } else if let Some(long) = text.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, None),
                };
                let unknown = || format!("the option `--{name}` is not known to only look");
                let alone = arguments.len() == 1 && value.is_none();
                if alone && matches!(name, "help" | "version") {
                    return Ok(());
                }
                let value = match (self.find_long(name).ok_or_else(unknown)?, value) {
                    (Value::None, None) | (Value::Attached, None) => None,
                    (Value::None, Some(_)) => return Err(unknown()),
                    (Value::Attached | Value::Needed, Some(value)) => Some(value),
                    (Value::Needed, None) => Some(next(&mut rest, name)?),
                };
                if let Some(value) = value {
                    places.check(value)?;
                }
                given.push(name);
            } else if let Some(short) = text.strip_prefix('-').filter(|it| !it.is_empty()) {
                let number = short.len() <= 9 && short.bytes().all(|it| it.is_ascii_digit());
                if number && self.count == Count::Allowed {
                    continue;
                }
                self.check_short(short, &mut rest, &mut given, places)?;
            } else {
                operands.push(word);
            }
        }
        self.check_operands(&operands, &given, places)
    }

    fn check_short<'a>(
        &self,
        short: &'a str,
        rest: &mut impl Iterator<Item = &'a Word>,
        given: &mut Vec<&'a str>,
        places: &Places,
    ) -> Result<(), String> {
        for (at, char) in short.char_indices() {
            let (name, attached) = short[at..].split_at(char.len_utf8());
            if at > 0 && self.bundles == Bundles::Unknown {
                return Err(format!("the option `-{short}` is not known to only look"));
            }
            if self.attached.contains(char) {
                return places.check(attached);
            } else if self.valued.contains(char) {
                given.push(name);
                let value = if attached.is_empty() { next(rest, name)? } else { attached };
                return places.check(value);
            } else if !self.flags.contains(char) {
                return Err(format!("the option `-{name}` is not known to only look"));
            }
            given.push(name);
        }
        Ok(())
    }

    fn find_long(&self, name: &str) -> Option<Value> {
        self.long.split_whitespace().find_map(|known| {
            let (bare, value) = match known.as_bytes().last()? {
                b'=' => (&known[..known.len() - 1], Value::Needed),
                b'?' => (&known[..known.len() - 1], Value::Attached),
                _ => (known, Value::None),
            };
            (bare == name).then_some(value)
        })
    }

    fn check_operands(
        &self,
        operands: &[&Word],
        given: &[&str],
        places: &Places,
    ) -> Result<(), String> {
        let (files, most) = match self.operands {
            Operands::Files { most } => (operands, most),
            Operands::Texts { most } => (&operands[..0], most),
            Operands::Pattern { given: names } => {
                let has_pattern = given.iter().any(|name| names.contains(name));
                (&operands[usize::from(!has_pattern && !operands.is_empty())..], usize::MAX)
            }
        };
        if operands.len() > most {
            return Err(match most {
                0 => "it has operands".to_owned(),
                1 => "it has more than one operand".to_owned(),
                most => format!("it has more than {most} operands"),
            });
        }
        files.iter().try_for_each(|file| places.check_word(file))
    }
}

#[derive(Clone, Copy)]
enum Value {
    None,
    Needed,
    Attached,
}

/// Takes the next argument as the value of an option.
///
/// One that starts with `-` is only taken where it is a number: should the program take it for an
/// option after all, it would not be looked at.
fn next<'a>(rest: &mut impl Iterator<Item = &'a Word>, name: &str) -> Result<&'a str, String> {
    let value = rest.next().ok_or_else(|| format!("the option `{name}` lacks its value"))?;
    let number = |text: &str| text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    match value.text.strip_prefix('-') {
        Some(rest) if rest.is_empty() || !number(rest) => {
            Err(format!("the value of the option `{name}` looks like an option"))
        }
        _ => Ok(&value.text),
    }
}
