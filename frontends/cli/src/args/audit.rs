//! The command line of `codex audit`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as Arguments, Subcommand};
use codex_replay::audit::{HeadClaim, Kind};

use super::Color;

#[derive(Debug, Arguments)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check a journal, and hold it against what was noted of it elsewhere.
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyAudit),
    /// List who allowed what, what was run and changed, and what was refused.
    #[command(after_help = SHOW_HELP)]
    Show(ShowAudit),
    /// Sign how far a journal is, for a later `codex audit verify`.
    #[command(after_help = CHECKPOINT_HELP)]
    Checkpoint(CheckpointAudit),
    /// Print the public key that checkpoints of this home are signed with.
    #[command(after_help = "\
The key is made on first use, in $CODEX_HOME/audit.key, readable by you alone. Note what this prints \
where nobody who can write to the home can change it, and give it to `codex audit verify --key`.")]
    Key,
}

const VERIFY_HELP: &str = "\
All that `codex replay --verify` checks, and then that the journal still holds what --head and \
--checkpoint name: a record, and with it everything before it. Without either, a journal that was \
cut or rewritten as a whole passes as well as any other.\n\n\
\x20 codex audit checkpoint --last -o /mnt/elsewhere/checkpoints\n\
\x20 codex audit verify --last --checkpoint /mnt/elsewhere/checkpoints\n\n\
Exit code 0: proved, and one line says what. 3: something is wrong, one sentence each.";

const SHOW_HELP: &str = "\x20 codex audit show --last --kind approvals,refusals\n\
\x20 codex audit show --all-sessions --kind network --since 7d --json\n\
\x20 codex audit show --last --path src/main.rs\n\n\
A line of --json is one flat object; its seq is the line's number in `codex replay --raw` of a whole \
journal.";

const CHECKPOINT_HELP: &str = "\
A checkpoint is one line of JSON, signed with the key of this home. It proves something only where \
whoever can write to the home can't change it: another machine, another user's file, a printout.";

#[derive(Debug, Arguments)]
pub(crate) struct VerifyAudit {
    /// Name or id of the session, or the first eight or more characters of its id; the one that was
    /// active last when none is named.
    pub(crate) session: Option<String>,
    /// The session that was active last.
    #[arg(long, conflicts_with = "session")]
    pub(crate) last: bool,
    /// Every session of this home, and every one that the checkpoints name.
    #[arg(long, conflicts_with_all = ["session", "last", "head"])]
    pub(crate) all: bool,
    /// A record that must be there, as SEQ:HASH or HASH. May be repeated.
    #[arg(long, value_name = "HEAD")]
    pub(crate) head: Vec<HeadClaim>,
    /// A file of checkpoints; those of the session must all hold.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// The public key that checkpoints must be signed with, or a file that holds it; the one of
    /// this home when not given.
    #[arg(long, value_name = "HEX|FILE", requires = "checkpoint")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct ShowAudit {
    /// Name or id of the session, or the first eight or more characters of its id; the one that was
    /// active last when none is named.
    pub(crate) session: Option<String>,
    /// The session that was active last.
    #[arg(long, conflicts_with = "session")]
    pub(crate) last: bool,
    /// Every session of this home, the oldest one first.
    #[arg(long, conflicts_with_all = ["session", "last"])]
    pub(crate) all_sessions: bool,
    /// Acts of these kinds only. May be repeated, or hold several with commas between.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    pub(crate) kind: Vec<Kind>,
    /// From this time on: a day, a time by RFC 3339, or an age such as 30m, 2h, 7d (UTC).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// By this author: user, exec, user:exec, policy, policy:never, model, supervisor.
    #[arg(long, value_name = "AUTHOR")]
    pub(crate) author: Option<String>,
    /// About this file, or the files below this folder.
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// About commands whose text holds this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) command: Option<String>,
    /// Of this turn.
    #[arg(long, value_name = "N")]
    pub(crate) turn: Option<u64>,
    /// As JSON, one flat object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Arguments)]
pub(crate) struct CheckpointAudit {
    /// Name or id of the session, or the first eight or more characters of its id; the one that was
    /// active last when none is named.
    pub(crate) session: Option<String>,
    /// The session that was active last.
    #[arg(long, conflicts_with = "session")]
    pub(crate) last: bool,
    /// Every session of this home.
    #[arg(long, conflicts_with_all = ["session", "last"])]
    pub(crate) all: bool,
    /// Append to this file instead of printing.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

fn kinds() -> impl TypedValueParser<Value = Kind> {
    let names = Kind::ALL.map(Kind::as_str);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Kind>().map_err(|()| "no kind"))
}
