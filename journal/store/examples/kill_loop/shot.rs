//! One kill: where it is aimed, and what the writer had told by then.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use codex_event::{Digest, Seq, SessionId};
use codex_journal::{Layout, Phase};

/// Where a kill is aimed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// At the moment in which a phase begins: the writer stops there.
    Held {
        /// The phase.
        phase: Phase,
        /// Which time that it begins.
        time: u64,
    },
    /// At some moment of a phase, while the writer runs.
    Running {
        /// The phase.
        phase: Phase,
        /// Which time that it begins.
        time: u64,
        /// How far into the phase, in thousandths of the time that it takes.
        share: u64,
    },
    /// At the moment in which the engine has begun to write while it opens its files.
    EngineWrites {
        /// How long after that.
        later: Duration,
    },
}

/// What a writer told before its end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The last phase that began; none before the first.
    pub(crate) phase: Option<Phase>,
    /// Whether it had opened the journal.
    pub(crate) opened: bool,
    /// How far it was answered that the journal is durable.
    pub(crate) durable: Option<(Seq, Digest)>,
    /// How often it was answered that.
    pub(crate) answers: u64,
    /// Whether it had stopped to be killed.
    pub(crate) held: bool,
    /// Whether it came to its end.
    pub(crate) ended: bool,
    /// Whether the engine was seen to write while it opened its files.
    pub(crate) engine_wrote: bool,
    /// What went wrong.
    pub(crate) error: Option<String>,
    // The phase that began with the last line read.
    fresh: Option<Phase>,
}

/// How long each phase takes.
#[derive(Debug, Default)]
pub(crate) struct Lengths {
    known: HashMap<&'static str, Duration>,
    running: Option<(Phase, Duration)>,
}

impl Lengths {
    // A moving average, of which the kill may be a little behind.
    fn of(&self, phase: Phase) -> Duration {
        self.known.get(phase.name()).map_or(Duration::from_micros(500), |known| *known * 5 / 4)
    }

    fn began(&mut self, phase: Phase, at: Duration) {
        if let Some((before, since)) = self.running.replace((phase, at)) {
            let length = at.saturating_sub(since);
            let known = self.known.entry(before.name()).or_insert(length);
            *known = (*known * 7 + length) / 8;
        }
    }
}

/// Starts a writer, kills it where the aim says, and reads what it told.
pub(crate) fn fire(
    home: &Path,
    id: SessionId,
    seed: u64,
    aim: Aim,
    lengths: &mut Lengths,
) -> Result<Told, String> {
    let failed = |error: std::io::Error| format!("can't run a writer: {error}");
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("write").arg(home).args([id.to_string(), seed.to_string()]);
    if let Aim::Held { phase, time } = aim {
        command.args([phase.name(), &time.to_string()]);
    }
    let complaints = home.join("writer.err");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&complaints).map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("a writer without a pipe")?);
    lengths.running = None;
    let mut told = Told::default();
    let mut times = 0;
    while told.read(&mut lines, lengths).map_err(failed)? {
        let begun = std::mem::take(&mut told.fresh);
        match aim {
            Aim::Held { .. } if told.held => break,
            Aim::Running { phase, time, share } if begun == Some(phase) => {
                times += 1;
                if times == time {
                    wait(lengths.of(phase) * u32::try_from(share).unwrap_or(1000) / 1000);
                    break;
                }
            }
            Aim::EngineWrites { later } if begun == Some(Phase::OpenEngine) => {
                told.engine_wrote = await_change(&Layout::new(home).session(id).db());
                wait(later);
                break;
            }
            Aim::Held { .. } | Aim::Running { .. } | Aim::EngineWrites { .. } => {}
        }
    }
    // SIGKILL; a writer that came to its end does not mind.
    child.kill().map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    while told.read(&mut lines, lengths).map_err(failed)? {}
    if !told.ended && status.code().is_some() {
        let said = std::fs::read_to_string(&complaints).unwrap_or_default();
        told.error.get_or_insert_with(|| format!("the writer ended with {status}: {said}"));
    }
    Ok(told)
}

impl Told {
    // Takes one line; false at the end of them.
    fn read(
        &mut self,
        lines: &mut BufReader<ChildStdout>,
        lengths: &mut Lengths,
    ) -> std::io::Result<bool> {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["phase", name, at] => {
                let known = Phase::ALL.into_iter().find(|phase| phase.name() == name);
                if let (Some(phase), Ok(at)) = (known, at.parse()) {
                    (self.phase, self.fresh) = (known, known);
                    lengths.began(phase, Duration::from_micros(at));
                } else {
                    self.error = Some(format!("no phase that is aimed at: {line}"));
                }
            }
            ["opened", _] => self.opened = true,
            ["durable", seq, hash] => {
                let told = seq.parse().ok().map(Seq).zip(hash.parse().ok());
                self.answers += 1;
                self.durable = self.durable.max(told);
            }
            ["held"] => self.held = true,
            ["end"] => self.ended = true,
            ["error:", ..] => self.error = Some(line),
            _ => self.error = Some(format!("the writer told {line:?}")),
        }
        Ok(true)
    }
}

fn wait(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

// Looks until a file of a folder is another one than before. An opening without a change ends by
// itself, and is then far behind.
fn await_change(folder: &Path) -> bool {
    let before = files(folder);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(100) {
        if files(folder) != before {
            return true;
        }
    }
    false
}

/// What tells whether a file was touched: its name, length, number, and the time of its last change.
pub(crate) type Trace = (PathBuf, u64, u64, i64, i64);

/// Traces of all files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<Trace> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            found.extend(files(&entry.path()));
        }
        found.push((entry.path(), meta.len(), meta.ino(), meta.ctime(), meta.ctime_nsec()));
    }
    found.sort();
    found
}
