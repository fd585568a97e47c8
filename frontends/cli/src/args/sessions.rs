//! The words of `codex sessions`.

use std::path::PathBuf;

use clap::{Args as Arguments, ValueEnum};

use super::Color;

#[derive(Debug, Arguments)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Without a word it lists. SESSION is an id, the first eight or more characters of one, or a name.
A session is clean, ready (a fork that nobody went on with yet), interrupted (its process was stopped
or killed; `codex exec resume` goes on), running, or damaged (`codex sessions show` says how)."
)]
pub(crate) struct Sessions {
    #[command(flatten)]
    pub(crate) list: List,
    #[command(subcommand)]
    pub(crate) command: Option<SessionsCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum SessionsCommand {
    /// List sessions, the one that was used last first.
    List(List),
    /// Say everything about one session, and check its journal.
    Show(Named),
    /// Give a session a name that stands for it wherever a session is asked for.
    Name {
        /// The session.
        session: String,
        /// The name: one line of at most 80 characters.
        #[arg(required_unless_present = "clear", conflicts_with = "clear")]
        name: Option<String>,
        /// Take the name away.
        #[arg(long)]
        clear: bool,
    },
    /// Put a session away: lists leave it out, everything else stays as it is.
    Archive {
        /// The session.
        session: String,
    },
    /// Take a session out again that was put away.
    Unarchive {
        /// The session.
        session: String,
    },
    /// Remove sessions for good. Sessions forked from them stay whole.
    Delete(Delete),
    /// Make room: remove sessions by age or size, and what dead processes left behind.
    #[command(
        after_help = "Without --older-than and --keep-size no session is removed, only what \
                            is of no use to anybody. A running session is never removed."
    )]
    Gc(Gc),
    /// Find words in what was said and done, across sessions.
    #[command(after_help = "Upper and lower case are the same. Each text that holds the words is \
                            shown once, with the session, the position and turn in it, and what \
                            it is.")]
    Search(Search),
    /// Make the journal of a damaged session whole again, as far as it can be read.
    #[command(after_help = "Going on with a session does the same. The damaged files are kept \
                            beside the new ones. Events that are lost stay lost, and are named.")]
    Repair {
        /// The session.
        session: String,
        /// Change nothing; say what is wrong.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a session to one file that needs nothing else.
    Export {
        /// The session.
        session: String,
        /// Where to; SESSION.codex-session when this is left out, - for standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a file that is there.
        #[arg(long)]
        force: bool,
    },
    /// Make sessions of files, each checked before anything of it is kept.
    #[command(after_help = "A file is one that `codex sessions export` wrote, or a session that \
                            Codex recorded: ~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl. What of \
                            a rollout can't be told as an event is kept and counted, and \
                            `codex exec resume` goes on with it.")]
    Import {
        /// The files; - for standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Arguments)]
pub(crate) struct List {
    /// Those that were put away, too.
    #[arg(long, conflicts_with = "archived")]
    pub(crate) all: bool,
    /// Those that were put away, and no others.
    #[arg(long)]
    pub(crate) archived: bool,
    /// Those of this folder.
    #[arg(long)]
    pub(crate) here: bool,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Which session, and how it is told of.
#[derive(Debug, Arguments)]
pub(crate) struct Named {
    /// The session.
    pub(crate) session: String,
    /// As one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Arguments)]
pub(crate) struct Delete {
    /// The sessions.
    #[arg(required = true, value_name = "SESSION")]
    pub(crate) sessions: Vec<String>,
    /// Ask nobody; needed where nobody can be asked.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Arguments)]
pub(crate) struct Gc {
    /// Sessions that were not used for so long: 30d, 12h, 4w; or not since a day: 2026-11-24.
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// As many of the oldest sessions as it takes until all fit into so much: 2GB, 500MiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) keep_size: Option<String>,
    /// Only sessions that were put away.
    #[arg(long, conflicts_with = "damaged")]
    pub(crate) archived_only: bool,
    /// Damaged sessions, too.
    #[arg(long)]
    pub(crate) damaged: bool,
    /// The storage engine's files from before a repair, too.
    #[arg(long)]
    pub(crate) damaged_copies: bool,
    /// Change nothing; say what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Arguments)]
pub(crate) struct Search {
    /// The words.
    pub(crate) text: String,
    /// Where to look, instead of everywhere.
    #[arg(long = "in", value_enum, value_delimiter = ',', value_name = "PLACES")]
    pub(crate) places: Vec<Place>,
    /// Only what happened since: 30d, 12h, 4w; or a day: 2026-11-24.
    #[arg(long, value_name = "AGE")]
    pub(crate) since: Option<String>,
    /// Only sessions of this folder.
    #[arg(long)]
    pub(crate) here: bool,
    /// At most so many places.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Where words may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// What the user wrote.
    Prompts,
    /// What the model said.
    Messages,
    /// What was run.
    Commands,
    /// What commands printed.
    Outputs,
    /// Files that patches touched.
    Files,
}
