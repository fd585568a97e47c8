//! What is asked and told: the words of each dialog.

use std::path::Path;

use codex_event::SessionId;
use codex_view::sanitize;

use super::{Choice, Dialog, Outcome, Page, Tone};
use crate::host::{Concern, Owner, Request, Trust};
use crate::popup::{Action, Popup, frame};

/// What leaving does to a turn that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It is this process's turn: leaving ends it.
    Ends,
    /// It is another process's: leaving lets it run.
    Detaches,
}

impl Popup {
    /// Tells something; foreign text is made safe here.
    pub fn notice(title: &str, words: &str) -> Popup {
        show(Page {
            title: frame::said(title),
            words: vec![(Tone::Plain, sanitize::text(words))],
            choices: vec![choice('o', "close", Outcome::Close)],
            selected: 'o',
        })
    }

    /// Asks whether to leave while a turn runs.
    pub fn leave(leaving: Leaving) -> Popup {
        let (words, leave) = match leaving {
            Leaving::Ends => (
                "Leaving ends the turn: what it did stays, and `codex resume` goes on from there.",
                "end the turn and leave",
            ),
            Leaving::Detaches => (
                "Another process works on it: leaving lets it run on, and `codex attach` shows it again.",
                "leave, and let it run",
            ),
        };
        show(Page {
            title: "A turn is running".to_owned(),
            words: vec![(Tone::Plain, words.to_owned())],
            choices: vec![
                choice('s', "stay", Outcome::Close),
                choice('l', leave, Outcome::Do(Action::Quit)),
            ],
            selected: 's',
        })
    }

    /// Asks whether to take a session over from the process that has it.
    pub fn take_over(session: SessionId, pid: u32) -> Popup {
        let words = format!(
            "Process {pid} has this session. It is asked to finish what it is writing and to let go; \
             a turn that runs there ends. From then on this process works on it, and that one follows."
        );
        show(Page {
            title: "Take this session over?".to_owned(),
            words: vec![(Tone::Plain, words)],
            choices: vec![
                choice('n', "no, go on following it", Outcome::Close),
                choice('t', "take it over", Outcome::Do(Action::Take(session, Owner::Ask))),
            ],
            selected: 'n',
        })
    }

    /// Asks whether to end the process that has a session and does not let go of it.
    pub fn end_owner(session: SessionId, pid: u32) -> Popup {
        let words = format!(
            "Process {pid} has this session and does not answer. Ending it loses nothing that was \
             recorded; a command that it runs is ended as well, and what that did is not known."
        );
        show(Page {
            title: format!("End process {pid}?"),
            words: vec![(Tone::Warning, words)],
            choices: vec![
                choice('n', "no, leave it alone", Outcome::Close),
                choice(
                    'e',
                    "end it, and take the session over",
                    Outcome::Do(Action::Take(session, Owner::End)),
                ),
            ],
            selected: 'n',
        })
    }

    /// Tells what the user should know or decide first. Esc decides nothing: it is told again the next
    /// time.
    pub fn concern(concern: &Concern, provider: &str) -> Popup {
        show(match concern {
            Concern::NoKey { variables } => no_key(variables, provider),
            Concern::Untried { project, keys } => untried(project, keys),
        })
    }
}

fn show(page: Page) -> Popup {
    Popup::Dialog(Box::new(Dialog::new(page)))
}

fn choice(key: char, words: &str, outcome: Outcome) -> Choice {
    Choice { key, words: words.to_owned(), outcome }
}

fn no_key(variables: &[String], provider: &str) -> Page {
    let provider = sanitize::visible(provider);
    let named: Vec<String> = variables.iter().map(|it| sanitize::visible(it)).collect();
    let looked = match named.as_slice() {
        [] => format!("There is no key for the provider `{provider}`."),
        names => format!(
            "There is no key for the provider `{provider}`: {} not set, and none is kept.",
            match names {
                [name] => format!("{name} is"),
                names => format!("{} are", names.join(" and ")),
            }
        ),
    };
    Page {
        title: "A model has to be asked".to_owned(),
        words: vec![(Tone::Plain, looked), (Tone::Plain, "Three ways to begin:".to_owned())],
        choices: vec![
            choice('k', "type a key, kept for you alone", Outcome::TypeKey),
            choice('s', "use a server of your own", told(local_server())),
            choice('d', "see a demo: no key, no network", told(demo())),
            choice('g', "look round without a model", Outcome::Close),
        ],
        selected: 'k',
    }
}

fn told(page: Page) -> Outcome {
    Outcome::Tell(Box::new(page))
}

fn local_server() -> Page {
    let settings = "model = \"NAME\"\n\
                    model_provider = \"local\"\n\
                    \n\
                    [model_providers.local]\n\
                    name = \"local\"\n\
                    base_url = \"http://localhost:1234/v1\"\n\
                    response_storage = false";
    Page {
        title: "A server of your own".to_owned(),
        words: vec![
            (Tone::Plain, "Put this into config.toml in CODEX_HOME (~/.codex):".to_owned()),
            (Tone::Code, settings.to_owned()),
            (
                Tone::Plain,
                "The server has to speak the Responses API, as that of LM Studio does, at this address."
                    .to_owned(),
            ),
        ],
        choices: vec![
            choice('l', "leave, to write that", Outcome::Do(Action::Quit)),
            choice('g', "go on", Outcome::Close),
        ],
        selected: 'l',
    }
}

fn demo() -> Page {
    Page {
        title: "A demo".to_owned(),
        words: vec![
            (
                Tone::Plain,
                "A scripted model repairs a failing test in a scratch folder; all else is real: \
                 the sandbox, the commands, the journal. Leave, and type:"
                    .to_owned(),
            ),
            (Tone::Code, "codex demo".to_owned()),
        ],
        choices: vec![
            choice('l', "leave", Outcome::Do(Action::Quit)),
            choice('g', "go on", Outcome::Close),
        ],
        selected: 'l',
    }
}

fn untried(project: &Path, keys: &[String]) -> Page {
    let mut words = vec![(
        Tone::Plain,
        format!(
            "{} has settings of its own. They would set:",
            sanitize::visible(&project.to_string_lossy())
        ),
    )];
    words.extend(keys.iter().map(|key| (Tone::Code, format!("  {}", sanitize::visible(key)))));
    words.push((
        Tone::Warning,
        "Trust only what you have read: whoever can write to the project can change them."
            .to_owned(),
    ));
    let say = |trust| {
        let project = project.to_owned();
        Outcome::Do(Action::Request(Request::Trust { project, trust }))
    };
    Page {
        title: "Do the project's settings count?".to_owned(),
        words,
        choices: vec![
            choice('n', "no; that is remembered", say(Trust::Untrusted)),
            choice('t', "yes, I trust this project", say(Trust::Trusted)),
            choice('l', "leave", Outcome::Do(Action::Quit)),
        ],
        selected: 'n',
    }
}
