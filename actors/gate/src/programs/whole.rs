//! Programs that tell of the machine, and those that are only asked for their version.

use super::Call;
use super::Rule::{self, Only, Options as Told};
use crate::options::Options;

pub(super) const TABLE: &[(&str, Rule)] = &[
    ("arch", Told(Options::none().texts(0))),
    ("date", Rule::Own(date)),
    ("free", Only(&["", "-h", "-m", "-g", "-b", "-k", "-t", "-th", "-ht", "--human"])),
    ("groups", Told(Options::none().texts(0))),
    // Any operand is a new name.
    ("hostname", Only(&["", "-s"])),
    ("id", Told(Options::flags("agGnruz").long("group groups name real user zero").texts(1))),
    ("lscpu", Only(&["", "-J", "--json"])),
    ("nproc", Told(Options::none().long("all ignore=").texts(0))),
    ("tty", Only(&["", "-s"])),
    ("uname", Told(Options::flags("aimnoprsv").long(
        "all kernel-name nodename kernel-release kernel-version machine processor hardware-platform \
         operating-system",
    ).texts(0))),
    ("uptime", Only(&["", "-p", "-s", "--pretty", "--since"])),
    ("whoami", Told(Options::none().texts(0))),
    // Interpreters, asked for their version alone: that loads no file of a project. Those of tools
    // that look for a toolchain first (cargo, rustc, go) are not here.
    ("cc", VERSION), ("g++", VERSION), ("gcc", VERSION), ("node", NODE), ("perl", PERL),
    ("python", PYTHON), ("python3", PYTHON), ("ruby", VERSION),
];

const VERSION: Rule = Only(&["--version"]);
const NODE: Rule = Only(&["--version", "-v"]);
const PERL: Rule = Only(&["--version", "-v"]);
const PYTHON: Rule = Only(&["--version", "-V"]);

/// Formats and dates to show. An operand without `+` and `-s` set the clock; `-f` reads a file.
fn date(call: &Call<'_>) -> Result<(), String> {
    let texts = call.texts();
    let mut rest = &texts[..];
    while let [word, after @ ..] = rest {
        rest = after;
        match *word {
            "-u" | "--utc" | "--universal" | "-R" | "--rfc-email" | "-I" | "-Iseconds"
            | "-Idate" | "-Iminutes" | "-Ihours" | "-Ins" | "--iso-8601" | "--iso-8601=seconds"
            | "--iso-8601=date" | "--rfc-3339=seconds" | "--rfc-3339=date" => {}
            "-d" | "--date" => match rest {
                [value, after @ ..] if !value.starts_with('-') => rest = after,
                _ => return Err("the value of `-d` is missing or looks like an option".to_owned()),
            },
            "--help" | "--version" if texts.len() == 1 => {}
            word if word.starts_with('+') || word.starts_with("--date=") => {}
            word => return Err(format!("`{word}` is not known to only look")),
        }
    }
    Ok(())
}
