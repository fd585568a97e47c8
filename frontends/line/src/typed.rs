//! What a person types.

use codex_event::Scope;

/// One line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Nothing to be read.
    Nothing,
    /// Something for the model.
    Prompt(String),
    /// A word that answers a question, when one waits.
    Answer(Answer),
    /// Something for the model that begins like an answer: `no, do it otherwise`.
    Unclear {
        /// What it means when a question waits.
        answer: Answer,
        /// What it means when none does.
        prompt: String,
    },
    /// `/interrupt`.
    Interrupt,
    /// `/quit`.
    Quit,
    /// `/help`.
    Help,
    /// `/name`.
    Name(Option<String>),
    /// A command that there is not.
    Unknown(String),
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes(Scope),
    No(Option<String>),
    Abort,
}

/// What can be typed.
pub(crate) const HELP: [&str; 9] = [
    "A line is said to the model; while a turn runs, it is taken up with the next request.",
    "When a question waits: y yes, n no, n WORDS no and why, a end the turn; where it offers them, s",
    "yes for this session, and p always, for commands that begin like it, in this project.",
    "/say TEXT        say something that looks like an answer or a command",
    "/interrupt       end the turn, as Ctrl-C does",
    "/name NAME       name the session, to find it again; without NAME it has none",
    "/quit            leave, as Ctrl-D does, or Ctrl-C while no turn runs",
    "/help            this",
    "Everything is in the journal: codex replay shows it again.",
];

/// Reads a line.
pub(crate) fn read(line: &str) -> Typed {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if line.is_empty() {
        return Typed::Nothing;
    }
    // A path is no command.
    if line.starts_with('/') && !word[1..].contains('/') {
        return command(word, rest);
    }
    match (word, rest) {
        ("y" | "Y" | "yes", "") => Typed::Answer(Answer::Yes(Scope::Once)),
        ("s" | "S", "") => Typed::Answer(Answer::Yes(Scope::Session)),
        ("p" | "P", "") => Typed::Answer(Answer::Yes(Scope::Project)),
        ("a" | "A", "") => Typed::Answer(Answer::Abort),
        ("n" | "N" | "no", "") => Typed::Answer(Answer::No(None)),
        ("n" | "N" | "no" | "no,", why) => {
            Typed::Unclear { answer: Answer::No(Some(why.to_owned())), prompt: line.to_owned() }
        }
        _ => Typed::Prompt(line.to_owned()),
    }
}

fn command(word: &str, rest: &str) -> Typed {
    match word {
        "/say" if rest.is_empty() => Typed::Nothing,
        "/say" => Typed::Prompt(rest.to_owned()),
        "/interrupt" => Typed::Interrupt,
        "/quit" | "/exit" => Typed::Quit,
        "/help" | "/?" => Typed::Help,
        "/name" => Typed::Name(Some(rest.to_owned()).filter(|name| !name.is_empty())),
        other => Typed::Unknown(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_something_to_say_an_answer_or_a_command() {
        let prompt = |text: &str| Typed::Prompt(text.to_owned());
        let no = |why: Option<&str>| Answer::No(why.map(str::to_owned));
        let cases = [
            ("  ", Typed::Nothing),
            ("fix it ", prompt("fix it")),
            ("y", Typed::Answer(Answer::Yes(Scope::Once))),
            ("yes", Typed::Answer(Answer::Yes(Scope::Once))),
            ("yes please", prompt("yes please")),
            ("s", Typed::Answer(Answer::Yes(Scope::Session))),
            ("p", Typed::Answer(Answer::Yes(Scope::Project))),
            ("a", Typed::Answer(Answer::Abort)),
            ("a test fails", prompt("a test fails")),
            ("n", Typed::Answer(no(None))),
            (
                "n use rg",
                Typed::Unclear { answer: no(Some("use rg")), prompt: "n use rg".to_owned() },
            ),
            ("/say y", prompt("y")),
            ("/say", Typed::Nothing),
            ("/interrupt", Typed::Interrupt),
            ("/quit", Typed::Quit),
            ("/help", Typed::Help),
            ("/name the moon", Typed::Name(Some("the moon".to_owned()))),
            ("/name", Typed::Name(None)),
            ("/nonsense now", Typed::Unknown("/nonsense".to_owned())),
            ("/etc/hosts is wrong", prompt("/etc/hosts is wrong")),
        ];
        for (line, typed) in cases {
            assert_eq!(read(line), typed, "{line}");
        }
    }
}
