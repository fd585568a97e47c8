//! The words of the terminal interface: `codex` alone, and `codex resume`.

use clap::{Args as Arguments, CommandFactory};

use super::{Args, RunFlags};
use crate::failure::{Failure, USAGE};

pub(super) const INTERACTIVE_HELP: &str = "\
Without a name the sessions are listed to choose from. Before a command that the session's policy does \
not let run, it is shown and you are asked. With --plain, and on a terminal that is dumb, it talks line \
by line: /help lists what can be typed, Ctrl-C ends the turn, and leaves when there is none.\n\n\
The session keeps its settings, its folder and its permissions; a flag changes one of them, and the \
change is recorded: -a POLICY (unless-allow-listed, on-failure, never) changes when you are asked.";

#[derive(Debug, Arguments)]
pub(crate) struct Interactive {
    /// Name or id of the session, or the first eight or more characters of its id; then something
    /// to say. Without it, the sessions are listed to choose from.
    #[arg(value_names = ["SESSION", "PROMPT"], num_args = 0..=2)]
    pub(crate) words: Vec<String>,
    /// The last session of this folder; the one argument is then the prompt.
    #[arg(long)]
    pub(crate) last: bool,
    /// Sessions of any folder.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) screen: ScreenFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

/// Where the interface draws, if it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Arguments)]
pub(crate) struct ScreenFlags {
    /// Leave the conversation in the terminal's own scrollback.
    #[arg(long, conflicts_with = "plain")]
    pub(crate) no_alt_screen: bool,
    /// Talk line by line, on any terminal.
    #[arg(long)]
    pub(crate) plain: bool,
}

/// Leaves out of a help what its command refuses: a session that is there already is kept.
pub(super) fn kept(arg: clap::Arg) -> clap::Arg {
    without(arg, &["ephemeral"])
}

/// The same for a command that no last message or line of JSON is printed for.
pub(super) fn without_output(arg: clap::Arg) -> clap::Arg {
    without(arg, &["json", "output_last_message"])
}

fn without(arg: clap::Arg, refused: &[&str]) -> clap::Arg {
    let hidden = refused.contains(&arg.get_id().as_str());
    if hidden { arg.hide(true) } else { arg }
}

/// The same for one that draws nothing.
pub(super) fn without_screen(arg: clap::Arg) -> clap::Arg {
    without(arg, &["no_alt_screen", "plain"])
}

/// Leaves out of the first help what the interface has no use for.
pub(super) fn in_interface(arg: clap::Arg) -> clap::Arg {
    asks(without(arg, &["json", "output_last_message", "ephemeral", "color"]))
}

/// Shows what only somebody who is asked has a use for.
pub(super) fn asks(arg: clap::Arg) -> clap::Arg {
    let about_asking = arg.get_id() == "ask_for_approval";
    match about_asking {
        true => arg.hide(false).help(
            "When you are asked before a command runs: unless-allow-listed, on-failure or never; \
             --full-auto by itself is on-failure",
        ),
        false => arg,
    }
}

/// Commands of Codex that this program does not have.
const ELSEWHERE: &[&str] = &[
    "agents",
    "app-server",
    "apply",
    "cloud",
    "features",
    "login",
    "logout",
    "mcp",
    "mcp-server",
    "plugin",
    "remote-control",
    "review",
    "update",
];

/// Takes the prompt of `codex PROMPT`, unless it looks like a command: a word that was mistyped must not
/// be sent to a model.
pub(crate) fn no_command(prompt: Option<String>) -> Result<Option<String>, Failure> {
    let Some(prompt) = prompt else { return Ok(None) };
    // Whoever separates the words knows what they are.
    let separated = std::env::args_os().any(|word| word == "--");
    let one_word = prompt.chars().all(|it| it.is_ascii_lowercase() || it == '-');
    if separated || !one_word || prompt.is_empty() {
        return Ok(Some(prompt));
    }
    let instead = if prompt == "help" {
        "codex --help tells all".to_owned()
    } else if ELSEWHERE.contains(&prompt.as_str()) {
        "codex --help lists the commands".to_owned()
    } else {
        let command = Args::command();
        let names = command.get_subcommands().flat_map(|it| {
            std::iter::once(it.get_name()).chain(it.get_all_aliases()).filter(|it| it.len() > 1)
        });
        match codex_config::nearest(&prompt, names) {
            Some(name) => format!("did you mean `codex {name}`?"),
            None => return Ok(Some(prompt)),
        }
    };
    Err(Failure::new(USAGE, format!("there is no command `{prompt}`"))
        .hint(format!("{instead} To say it to the model: codex -- {prompt}")))
}

/// Refuses words before a command that the command would not see.
pub(crate) fn only_of_the_interface(screen: &ScreenFlags, prompt: Option<&str>) -> Option<Failure> {
    if let Some(prompt) = prompt {
        let message = format!("`{prompt}` stands before a command");
        return Some(Failure::new(USAGE, message).hint(
            "the prompt comes after the command; to say all of it to the model, put it into quotes",
        ));
    }
    (*screen != ScreenFlags::default()).then(|| {
        Failure::new(USAGE, "the options of the interface stand before a command")
            .hint("put them after the word resume, fork or attach")
    })
}
