//! What the interface asks for besides sessions: carried out while one is open, and while none is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use codex_event::{SessionId, Usage};
use codex_journal::Layout;
use codex_sandbox::Spawner;
use codex_sessions::{Catalog, Entry, State};
use codex_tui::host::{Reply, Request, SessionRow, Topic};
use codex_tui::run::Voice;

use super::child::{NOT_BEGUN, Record, Shell};
use super::facts::{self, Asked};
use super::{diff, export, failed, keep};
use crate::args::RunFlags;
use crate::begin;
use crate::failure::{Failure, USAGE};

/// Most inputs of earlier sessions that are gathered.
const REMEMBERED: usize = 1_000;
/// Longest time that is spent on gathering them: those of the last sessions come first.
const REMEMBERING: Duration = Duration::from_secs(2);

/// Carries out what needs no session of its own. What may take its time is done on a thread beside.
pub(super) struct Carrier {
    voice: Voice,
    flags: RunFlags,
    home: PathBuf,
    started_in: PathBuf,
    /// The folder of the session that was opened last.
    cwd: PathBuf,
    spawner: Spawner,
    /// Shared with whoever closes the session: its end comes before that.
    shell: Arc<Mutex<Option<Shell>>>,
    /// The session that commands of the user's are part of.
    record: Option<Record>,
}

impl Carrier {
    pub(super) fn new(
        voice: Voice,
        flags: RunFlags,
        home: PathBuf,
        here: PathBuf,
        spawner: Spawner,
    ) -> Carrier {
        let cwd = here.clone();
        let shell = Arc::default();
        Carrier { voice, flags, home, cwd, started_in: here, spawner, shell, record: None }
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Gives the folder that the program was started in, or for: new sessions begin there.
    pub(super) fn started_in(&self) -> &Path {
        &self.started_in
    }

    /// Commands of the user's are part of this session from now on; one of before has ended.
    pub(super) fn records_in(&mut self, record: Option<Record>) {
        self.ending_shell()();
        self.record = record;
    }

    /// Gives what ends the command of the user's that runs, and returns when it has ended.
    pub(super) fn ending_shell(&self) -> impl Fn() + Send + use<> {
        let shell = Arc::clone(&self.shell);
        move || {
            let running = locked(&shell).take();
            if let Some(running) = running {
                running.end();
            }
        }
    }

    /// The session that is shown now works in this folder.
    pub(super) fn moved(&mut self, cwd: &Path, asked: Asked) {
        if self.cwd != cwd {
            self.cwd = cwd.to_owned();
            self.tell_facts(asked);
        }
    }

    /// Carries a request out; gives it back when it is about a session.
    pub(super) fn carry_out(&mut self, request: Request) -> Option<Request> {
        let of = request.topic();
        match request {
            Request::Begin { .. }
            | Request::TakeUp { .. }
            | Request::Fork { .. }
            | Request::Watch { .. }
            | Request::Ended
            | Request::Leave => return Some(request),
            Request::Sessions => {
                let layout = Layout::new(&self.home);
                self.beside(of, "sessions", move || sessions(&layout));
            }
            Request::History => {
                let layout = Layout::new(&self.home);
                self.beside(of, "history", move || history(&layout));
            }
            Request::Export { session, file } => {
                // The folder of a session that is only looked at may be elsewhere.
                let here = if self.cwd.is_dir() { &self.cwd } else { &self.started_in };
                let (layout, cwd) = (Layout::new(&self.home), here.clone());
                self.beside(of, "export", move || exported(&layout, session, file, &cwd));
            }
            Request::Diff => {
                let (cwd, home) = (self.cwd.clone(), self.home.clone());
                self.beside(of, "diff", move || diff::diff(&cwd, &home).map(Reply::Diff));
            }
            Request::Shell { line } => self.run(&line),
            Request::Stop => {
                if let Some(shell) = &mut *locked(&self.shell) {
                    shell.stop();
                }
            }
            Request::Moved { folder } => self.moved(&folder, Asked::Nothing),
            Request::Trust { project, trust } => {
                let kept = keep::trust(&self.home, &project, trust);
                self.kept(kept);
            }
            Request::Keep(setting) => {
                let kept = keep::setting(&self.home, setting);
                self.kept(kept);
            }
            Request::Key(key) => {
                let kept = begin::config(&self.flags, &self.home, &self.started_in)
                    .and_then(|config| keep::key(&config, &key));
                self.kept(kept);
            }
        }
        None
    }

    fn beside(
        &self,
        of: Topic,
        name: &str,
        work: impl FnOnce() -> Result<Reply, Failure> + Send + 'static,
    ) {
        let voice = self.voice.clone();
        let work = move || {
            let _ = voice.reply(work().unwrap_or_else(|it| failed(of, it)));
        };
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
            let failure = Failure::new(USAGE, format!("no thread can be started: {error}"));
            let _ = self.voice.reply(failed(of, failure.hint("see `ulimit -u`")));
        }
    }

    fn run(&mut self, line: &str) {
        if locked(&self.shell).as_ref().is_some_and(Shell::runs) {
            let failure = Failure::new(USAGE, "a command of yours is running already");
            let _ =
                self.voice.reply(failed(Topic::Aside, failure.hint("wait for its end, or end it")));
            return;
        }
        if !self.cwd.is_dir() {
            let message = format!("the session's folder, {}, is not there", self.cwd.display());
            let failure = Failure::new(USAGE, message);
            let hint = "/new begins a session in the folder that codex was started in";
            let _ = self.voice.reply(failed(Topic::Aside, failure.hint(hint)));
            // The command has ended, as far as it had begun.
            let _ = self.voice.reply(Reply::Exited(NOT_BEGUN));
            return;
        }
        let (record, voice) = (self.record.clone(), self.voice.clone());
        match Shell::start(line, &self.cwd, &self.spawner, record, voice) {
            Ok(shell) => *locked(&self.shell) = Some(shell),
            Err(failure) => drop(self.voice.reply(failed(Topic::Aside, failure))),
        }
    }

    /// Something was written to the home: says so, and what follows from it.
    fn kept(&self, kept: Result<String, Failure>) {
        match kept {
            Ok(words) => {
                let _ = self.voice.reply(Reply::Done(words));
                self.tell_facts(Asked::Needs);
            }
            Err(failure) => drop(self.voice.reply(failed(Topic::Aside, failure))),
        }
    }

    fn tell_facts(&self, asked: Asked) {
        match begin::config(&self.flags, &self.home, &self.started_in) {
            Ok(config) => {
                let facts = Box::new(facts::gather(&config, &self.cwd, asked));
                let _ = self.voice.reply(Reply::Facts(facts));
            }
            Err(failure) => drop(self.voice.reply(failed(Topic::Aside, failure))),
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn catalog(layout: &Layout) -> Result<Catalog, Failure> {
    Catalog::open(layout, &mut |_| {}).map_err(|error| {
        Failure::new(USAGE, format!("the sessions can't be listed: {error}"))
            .hint("check that the folder `journals` of CODEX_HOME (or ~/.codex) is readable")
    })
}

fn sessions(layout: &Layout) -> Result<Reply, Failure> {
    let rows = catalog(layout)?.entries.iter().map(row).collect();
    Ok(Reply::Sessions(rows))
}

fn row(entry: &Entry) -> SessionRow {
    let told = entry.told.as_ref();
    let usage = told.map_or_else(Usage::default, |told| told.usage);
    let state = match (entry.is_archived(), entry.state()) {
        (_, State::Running) => "running",
        (_, State::Damaged) => "damaged",
        (true, State::Clean | State::Ready | State::Interrupted) => "archived",
        (false, State::Clean) => "clean",
        (false, State::Ready) => "ready",
        (false, State::Interrupted) => "interrupted",
    };
    SessionRow {
        id: entry.id,
        title: entry.title().to_owned(),
        last: told.map(|told| told.message.clone()).unwrap_or_default(),
        state: state.to_owned(),
        cwd: told.map(|told| told.folder.clone()).unwrap_or_default(),
        at: entry.active(),
        tokens: (usage.input_tokens, usage.output_tokens),
    }
}

fn history(layout: &Layout) -> Result<Reply, Failure> {
    let catalog = catalog(layout)?;
    let deadline = Instant::now() + REMEMBERING;
    let inputs = codex_sessions::inputs(layout, &catalog.entries, REMEMBERED, &mut || {
        Instant::now() < deadline
    });
    Ok(Reply::History(inputs))
}

fn exported(
    layout: &Layout,
    session: SessionId,
    file: Option<PathBuf>,
    cwd: &Path,
) -> Result<Reply, Failure> {
    let file = export::export(layout, session, file.as_deref(), cwd)?;
    Ok(Reply::Done(format!("written to {}", file.display())))
}
