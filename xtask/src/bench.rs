//! Measures: builds the measuring programs in release, runs them, and shows what they say.
//!
//! The loops are examples of the crates that they measure; here is no clock.

mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use crate::dist;
use table::Figure;

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure, instead of everything
    #[arg(value_enum, value_name = "NAME")]
    names: Vec<Name>,
    /// Another agent with this program's command line, to be run in turn with it; may be repeated
    #[arg(long, value_name = "NAME=PATH", value_parser = agent)]
    beside: Vec<(String, PathBuf)>,
    /// Program to measure, instead of one built as for a release
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Whole runs of each figure; 3 in which a session is long
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    rounds: usize,
    /// Writes all samples to a file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Folding and deciding, at several lengths of a session
    Core,
    /// Appending, reading, opening a journal
    Journal,
    /// Appending while 20 processes are attached, of which 5 never read
    Attached,
    /// Opening a journal and folding it, with 10,000, 50,000 and 100,000 events
    Takeup,
    /// The JSON lines of a long journal
    View,
    /// Lists and searches of 5,000 sessions
    Sessions,
    /// The terminal interface over a session of 100,000 events
    Tui,
    /// `true` in a sandbox, at each level that this host gives
    Sandbox,
    /// `--version`
    Startup,
    /// A one-line answer, in a fresh home and in a used one
    Answer,
    /// 50 calls of a tool, one after the other
    Tools,
    /// 100,000 pieces of a text
    Stream,
    /// 200 steps in one session
    Long,
    /// The interface in a terminal: first picture, keys, an answer that streams in
    Interface,
}

/// How a figure comes about.
enum Source {
    /// An example that measures its own crate; its words for cargo.
    Example(&'static str),
    /// Whole runs of programs, by the name that `agents` knows.
    Runs(&'static str),
}

impl Name {
    fn source(self) -> Source {
        match self {
            Name::Core => Source::Example("-p codex-session --example core_figures"),
            Name::Journal => Source::Example("-p codex-journal --example journal_figures"),
            Name::Attached => Source::Example("-p codex-journal --example attached_figures"),
            Name::Takeup => Source::Example("-p codex-actors --example takeup_figures"),
            Name::View => {
                Source::Example("-p codex-view --features testing --example view_figures")
            }
            Name::Sessions => Source::Example("-p codex-sessions --example sessions_figures"),
            Name::Tui => Source::Example("-p codex-tui --example tui_figures"),
            Name::Sandbox => Source::Example("-p codex-sandbox --example sandbox_figures"),
            Name::Startup => Source::Runs("startup"),
            Name::Answer => Source::Runs("answer"),
            Name::Tools => Source::Runs("tools"),
            Name::Stream => Source::Runs("stream"),
            Name::Long => Source::Runs("long"),
            Name::Interface => Source::Runs("interface"),
        }
    }
}

/// Measures what was asked for and prints one table.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let folder = dist::target_folder(root).join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = match options.names.is_empty() {
        true => Name::value_variants(),
        false => &options.names,
    };
    let mut agents = None;
    let mut figures = Vec::new();
    for name in names {
        println!("bench: {}", name.to_possible_value().map_or_else(String::new, said));
        let output = match name.source() {
            Source::Example(words) => {
                cargo(root, &format!("run {words} -- {}", folder.join("journal").display()))?
            }
            Source::Runs(figure) => {
                if agents.is_none() {
                    agents = Some(prepare(root, options)?);
                }
                let agents = agents.as_deref().unwrap_or_default();
                let rounds =
                    if *name == Name::Long { options.rounds.min(3) } else { options.rounds };
                let examples = dist::target_folder(root).join("release/examples");
                let mut command = Command::new(examples.join("agents"));
                command.args([figure, &rounds.to_string()]).arg(examples.join("usage"));
                command.arg(folder.join("agents")).args(agents);
                output(command)?
            }
        };
        figures.extend(table::read(&output)?);
    }
    println!("\n{}", table::show(&figures));
    if let Some(file) = &options.json {
        let lines: String = figures.iter().map(Figure::line).collect();
        fs::write(file, lines).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

/// Builds what runs programs, and gives the programs: ours first.
fn prepare(root: &Path, options: &Options) -> Result<Vec<String>, String> {
    cargo(root, "build -p codex-scripted --example agents")?;
    cargo(root, "build -p codex-sandbox --example usage")?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => dist::build(root, &dist::host()?)?,
    };
    let ours = ("codex".to_owned(), program);
    let mut agents = Vec::new();
    for (name, path) in [&ours].into_iter().chain(&options.beside) {
        let size = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("bench: {name}: {:.1} MiB", size.len() as f64 / f64::from(1 << 20));
        agents.push(format!("{name}={}", path.display()));
    }
    Ok(agents)
}

fn cargo(root: &Path, words: &str) -> Result<String, String> {
    let (chore, rest) = words.split_once(' ').unwrap_or((words, ""));
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([chore, "--release", "--quiet"]).args(rest.split(' ')).current_dir(root);
    output(command)
}

/// Runs a command that has to succeed, and gives what it printed; its errors are shown as they come.
fn output(mut command: Command) -> Result<String, String> {
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("{error}: {command:?}"))?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(|error| error.to_string()),
        false => Err(format!("{}: {command:?}", output.status)),
    }
}

fn said(value: clap::builder::PossibleValue) -> String {
    let help = value.get_help().map(ToString::to_string).unwrap_or_default();
    format!("{}: {help}", value.get_name())
}

fn agent(words: &str) -> Result<(String, PathBuf), String> {
    match words.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        Some(_) | None => Err("an agent is NAME=PATH".into()),
    }
}

fn at_least_one(words: &str) -> Result<usize, String> {
    words.parse().ok().filter(|rounds| *rounds > 0).ok_or_else(|| "a number from 1 on".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_have_a_name_and_a_path() {
        assert_eq!(agent("other=/bin/x"), Ok(("other".into(), "/bin/x".into())));
        for words in ["/bin/x", "=/bin/x", "other="] {
            assert!(agent(words).is_err(), "{words}");
        }
        assert_eq!(at_least_one("3"), Ok(3));
        assert!(at_least_one("0").is_err() && at_least_one("-1").is_err());
    }
}
