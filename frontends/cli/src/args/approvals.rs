//! The words of `codex approvals` and `codex execpolicy`.

use std::path::PathBuf;

use clap::Args as Arguments;

#[derive(Debug, Arguments)]
#[command(after_help = "\
Who is asked before a command runs is decided by approval_policy, by what is known of the command, \
by your rules ($CODEX_HOME/rules/*.rules), by stricter rules of a trusted project \
(.codex/rules/*.rules), and by grants: answers that hold for good, kept in \
$CODEX_HOME/grants.rules. What allows spares the question and nothing else: the command still runs \
in the sandbox.\n\n  \
  codex approvals list                     what was allowed for good in this project\n  \
  codex approvals revoke cargo test        take that back\n  \
  codex approvals explain cargo test -q    what would happen to this command, and why")]
pub(crate) struct Approvals {
    #[command(subcommand)]
    pub(crate) command: ApprovalsCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List what was allowed for good, in this project or in all of them.
    List(ListGrants),
    /// Take back what was allowed for good; running sessions ask again from their next command on.
    Revoke(Revoke),
    /// Say what would happen to a command here and now, and why. Nothing is run.
    Explain(Explain),
}

#[derive(Debug, Arguments)]
pub(crate) struct ListGrants {
    /// One JSON object a line: id, project, prefix, session, seq, at.
    #[arg(long)]
    pub(crate) json: bool,
    /// The project that this folder lies in, instead of the current one.
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    pub(crate) project: Option<PathBuf>,
    /// Those of every project.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Arguments)]
#[command(after_help = "\
A grant is named by its id, as `codex approvals list` shows it, or by all words of its prefix. \
What was revoked stays in the file as such, so that no session that is resumed writes it again.\n\n  \
  codex approvals revoke 1c9fa2d0\n  \
  codex approvals revoke npm run lint\n  \
  codex approvals revoke --project ~/app --all")]
pub(crate) struct Revoke {
    /// Id of a grant in any project, or the words of a prefix.
    #[arg(
        value_name = "ID|PREFIX",
        required_unless_present = "all",
        conflicts_with = "all",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) words: Vec<String>,
    /// Every grant: of all projects, or of the one that --project names.
    #[arg(long)]
    pub(crate) all: bool,
    /// The project that this folder lies in, instead of the current one.
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
}

#[derive(Debug, Arguments)]
#[command(after_help = "\
auto_approve says whether the command would run without a question under unless-allow-listed, the \
policy that asks most: because it is known to change nothing, or because a rule or a grant allows \
it. With --stdin each line is a JSON list of words; each is answered by one line, in order, at \
once. A line that is no such list is answered with {\"error\": ...} and passed over; the exit code \
is 0 all the same.\n\n  \
  codex approvals explain git push origin main\n  \
  codex approvals explain bash -lc 'cargo test && git status'\n  \
  codex approvals explain --json -a never -- rm -rf target\n  \
  printf '%s\\n' '[\"ls\",\"-l\"]' '[\"rm\",\"x\"]' | codex approvals explain --stdin")]
pub(crate) struct Explain {
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Read commands from standard input, one JSON list of words a line; answers are as with --json.
    #[arg(long, conflicts_with = "command")]
    pub(crate) stdin: bool,
    /// Leave rules and grants aside: what is known of the command alone.
    #[arg(long)]
    pub(crate) no_rules: bool,
    /// The folder that the command would run in.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) cd: Option<PathBuf>,
    /// The policy, instead of that of the settings: unless-allow-listed, on-failure, on-request or
    /// never.
    #[arg(short, long, value_name = "POLICY")]
    pub(crate) ask_for_approval: Option<String>,
    /// The command and its arguments.
    #[arg(
        value_name = "CMD",
        required_unless_present = "stdin",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Execpolicy {
    /// Print as JSON which rules a command falls under, and the strictest decision of them.
    #[command(after_help = "\
The words are held against the rules as they are: no script is looked into, and grants are left \
aside. `codex approvals explain` says what would happen to a command.\n\n  \
  codex execpolicy check --rules my.rules git push\n  \
  codex execpolicy check --pretty --resolve-host-executables /usr/bin/git status")]
    Check(Check),
}

#[derive(Debug, Arguments)]
pub(crate) struct Check {
    /// A file of rules; may be repeated. Without it, the rules of the home and of a trusted project.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,
    /// Print the JSON over several lines.
    #[arg(long)]
    pub(crate) pretty: bool,
    /// Let rules for a name stand for absolute paths, too, as host_executable says.
    #[arg(long)]
    pub(crate) resolve_host_executables: bool,
    /// The command and its arguments.
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<String>,
}
