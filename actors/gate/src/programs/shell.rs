//! What shells carry out themselves, some of it also programs of the same name.

use super::Call;
use super::Rule::{self, Options as Told};
use crate::options::Options;
use crate::script::Shell;

pub(super) const TABLE: &[(&str, Rule)] = &[
    ("[", Rule::Own(bracket)),
    ("cd", Rule::Own(cd)),
    ("echo", Rule::Own(echo)),
    ("expr", Rule::Own(echo)),
    ("false", Told(Options::none().texts(0))),
    ("printf", Rule::Own(printf)),
    ("pwd", Told(Options::flags("LP").long("logical physical").texts(0))),
    ("seq", Rule::Own(seq)),
    ("test", Rule::Own(test)),
    ("true", Told(Options::none().texts(0))),
    ("type", Told(Options::flags("aptP").texts(usize::MAX))),
    ("which", Told(Options::flags("a").texts(usize::MAX))),
];

/// Whatever it is told, it only prints.
fn echo(_call: &Call<'_>) -> Result<(), String> {
    Ok(())
}

/// One folder. Without options, and without `-` and `+N`, which are folders that nobody sees.
fn cd(call: &Call<'_>) -> Result<(), String> {
    match call.texts()[..] {
        [folder] if !folder.starts_with(['-', '+']) && !folder.is_empty() => {
            call.places.check(folder)
        }
        _ => Err("it is not told one folder".to_owned()),
    }
}

/// A format without `%n` (it assigns) and `-v`. Some
/// shells evaluate what they print as a number.
fn printf(call: &Call<'_>) -> Result<(), String> {
    let texts = call.texts();
    let Some((format, values)) = texts.split_first() else {
        return Err("it has no format".to_owned());
    };
    if format.starts_with('-') {
        return Err("its options are not known to only look".to_owned());
    }
    let mut rest = *format;
    while let Some(at) = rest.find('%') {
        rest = rest[at + 1..]
            .trim_start_matches(|it: char| it.is_ascii_digit() || "-+ 0.".contains(it));
        let number = match rest.chars().next() {
            Some('%' | 's' | 'b' | 'c' | 'q') => false,
            Some('d' | 'i' | 'u' | 'o' | 'x' | 'X' | 'f' | 'e' | 'g') => true,
            _ => return Err("its format is not known to only look".to_owned()),
        };
        // `sh` may be a Korn shell, which does so too.
        let evaluates = matches!(call.shell, Some(Shell::Zsh | Shell::Posix));
        if number && evaluates && values.iter().any(|value| !is_whole(value)) {
            return Err("some shells evaluate what it prints as a number".to_owned());
        }
        rest = &rest[1..];
    }
    Ok(())
}

fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|it| it.is_ascii_digit())
}

/// Numbers without an exponent; `inf` never ends.
fn seq(call: &Call<'_>) -> Result<(), String> {
    let mut texts = &call.texts()[..];
    while let ["-w" | "--equal-width", rest @ ..] = texts {
        texts = rest;
    }
    if let ["-s", separator, rest @ ..] = texts {
        if separator.starts_with('-') {
            return Err("the value of `-s` looks like an option".to_owned());
        }
        texts = rest;
    }
    let number = |text: &&str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.len() <= 7 && digits.bytes().all(|it| it.is_ascii_digit())
    };
    if matches!(texts.len(), 1..=3) && texts.iter().all(number) {
        Ok(())
    } else {
        Err("it is told more than whole numbers".to_owned())
    }
}

fn bracket(call: &Call<'_>) -> Result<(), String> {
    match call.arguments.split_last() {
        Some((last, inner)) if last.text == "]" => {
            test(&Call { arguments: inner, shell: call.shell, places: call.places })
        }
        _ => Err("it has no `]` at its end".to_owned()),
    }
}

/// One test. Without `-v` and `-R`, whose operand may be an array with an index that is evaluated, and
/// without numbers that are not written out, which some shells evaluate.
fn test(call: &Call<'_>) -> Result<(), String> {
    let refused = || Err("it is more than one plain test".to_owned());
    let number = |text: &str| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|it| it.is_ascii_digit())
    };
    let texts = call.texts();
    let tested = match texts.split_first() {
        Some((&"!", rest)) => rest,
        _ => &texts[..],
    };
    match *tested {
        [] => Ok(()),
        [one] if !one.starts_with('-') => Ok(()),
        ["-n" | "-z", _] => Ok(()),
        [test, file] if is_file_test(test) => call.places.check(file),
        // Not where an older reader could take the first word for an operator.
        [one, ..] if tested.len() == 3 && (one.starts_with('-') || matches!(one, "!" | "(")) => {
            refused()
        }
        [_, "=" | "==" | "!=" | "<" | ">", _] => Ok(()),
        [one, "-nt" | "-ot" | "-ef", other] => {
            call.places.check(one).and_then(|()| call.places.check(other))
        }
        [one, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge", other]
            if number(one) && number(other) =>
        {
            Ok(())
        }
        _ => refused(),
    }
}

fn is_file_test(test: &str) -> bool {
    let letter = test.strip_prefix('-').filter(|letter| letter.len() == 1);
    letter.is_some_and(|letter| "bcdefghkLprsSuwxGO".contains(letter))
}
