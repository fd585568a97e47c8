//! The words of `codex attach`.

use clap::Args as Arguments;

use super::{Color, ScreenFlags};

pub(super) const ATTACH_HELP: &str = "\
On a terminal it opens the interface; leaving that, the session goes on. With --text or --json, and \
off a terminal, it prints the session from its beginning and goes on with what happens, until its \
process lets go of it: nothing is taken then, and Ctrl-C ends the following alone. With --plain lines \
can be typed, as with `codex resume --plain`.\n\n\
A call that waits for an answer is named with its number; the first answer counts, whoever gives it, \
and the journal says who did.";

#[derive(Debug, Arguments)]
pub(crate) struct Attach {
    /// Name or id of the session, or the first eight or more characters of its id.
    #[arg(required_unless_present = "last", conflicts_with = "last")]
    pub(crate) session: Option<String>,
    /// The session that was active last.
    #[arg(long)]
    pub(crate) last: bool,
    /// As text, and take no lines; the default off a terminal.
    #[arg(long, group = "form")]
    pub(crate) text: bool,
    /// The lines that `exec --json` prints.
    #[arg(long, group = "form")]
    pub(crate) json: bool,
    /// Show what happens from this event on, by its number in the journal.
    #[arg(long, value_name = "SEQ")]
    pub(crate) from: Option<u64>,
    /// Let a call run that waits for an answer, and follow nothing: its number, or `waiting` for
    /// the one that waits.
    #[arg(long, value_name = "CALL", group = "wish", conflicts_with_all = ["form", "from"])]
    pub(crate) approve: Option<Called>,
    /// Do not let it run.
    #[arg(long, value_name = "CALL", group = "wish", conflicts_with_all = ["form", "from"])]
    pub(crate) deny: Option<Called>,
    /// With --deny: words for the model.
    #[arg(long, value_name = "TEXT", requires = "deny")]
    pub(crate) message: Option<String>,
    /// With --approve: the same call may run until the session ends.
    #[arg(long, requires = "approve")]
    pub(crate) for_session: bool,
    /// With --approve: commands that begin like it need no question in this project any more.
    #[arg(long, requires = "approve", conflicts_with = "for_session")]
    pub(crate) for_project: bool,
    /// End the running turn, and follow nothing.
    #[arg(long, group = "wish", conflicts_with_all = ["form", "from"])]
    pub(crate) interrupt: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(flatten)]
    pub(crate) screen: ScreenFlags,
}

impl Attach {
    /// Tells whether a person wants to follow, and nothing else was asked for.
    pub(crate) fn is_for_a_person(&self) -> bool {
        let wish = self.approve.is_some() || self.deny.is_some() || self.interrupt;
        !wish && !self.text && !self.json && self.from.is_none()
    }
}

/// A call, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// By its number.
    Number(u64),
    /// The one that waits for an answer.
    Waiting,
}

impl std::str::FromStr for Called {
    type Err = String;

    fn from_str(text: &str) -> Result<Called, String> {
        match text {
            "waiting" => Ok(Called::Waiting),
            number => number
                .parse()
                .map(Called::Number)
                .map_err(|_| "a call is named by its number, or by the word `waiting`".to_owned()),
        }
    }
}
