//! The sessions of an interface, one after the other: begun, taken up, forked, attached to, watched.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use codex_actors::wiring::Port;
use codex_actors::{TakeUpError, TakenUp};
use codex_event::{CloseReason, Command, Event, InterruptReason, Rejection, Seq, SessionId};
use codex_journal::{Cut, Forked, Guest, GuestError, Handle, Layout, OpenError, RawJournal};
use codex_redact::Redactor;
use codex_sandbox::Spawner;
use codex_tui::host::{Access, Changes, Link, Owner, Reply, Request, Role, Source, Topic};
use codex_tui::run::{Desk, Left};

use super::carry::Carrier;
use super::child::Record;
use super::facts::Asked;
use super::{FRONTEND, failed};
use crate::args::RunFlags;
use crate::failure::{Failure, USAGE};
use crate::resume::{self, Questions, Ready, Taker};
use crate::takeover::{self, Insistence};
use crate::{begin, fork};

/// Time that the interface has to let go of a session that it takes up again.
const LETTING_GO: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(5);

/// The session that there was before, and that the command line's flags are meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// The one that it names.
    Named(SessionId),
    /// Whichever is chosen first.
    Chosen,
    /// None any more: it has them, or there never was one.
    Nobody,
}

impl Meant {
    fn is(self, session: SessionId) -> bool {
        match self {
            Meant::Named(named) => named == session,
            Meant::Chosen => true,
            Meant::Nobody => false,
        }
    }
}

/// A session that was made to go back to something that was said earlier. While nothing is said in it,
/// it is nothing but a view of the one before, and leaves no trace.
#[derive(Clone, Copy, Debug)]
struct Back {
    id: SessionId,
    parent: SessionId,
    /// The last event that both have.
    at: Seq,
}

/// The program around the interface.
pub(super) struct Host {
    desk: Desk,
    carrier: Carrier,
    /// The command line's, for sessions that begin here.
    flags: RunFlags,
    spawner: Spawner,
    meant: Meant,
    /// A fork that nothing was done with yet.
    fresh: Option<SessionId>,
    /// The fork in which nothing was said when it was looked at last.
    back: Option<Back>,
    /// The session that can be gone on with afterwards.
    last: Option<SessionId>,
    /// What a session could not be run to its end for.
    failure: Option<Failure>,
    /// What is asked for once the session has ended.
    next: Option<Request>,
}

impl Host {
    pub(super) fn new(
        desk: Desk,
        flags: RunFlags,
        home: PathBuf,
        here: PathBuf,
        spawner: Spawner,
        meant: Meant,
        fresh: Option<SessionId>,
    ) -> Host {
        let carrier = Carrier::new(desk.voice(), flags.clone(), home, here, spawner.clone());
        let (back, last, failure, next) = (None, None, None, None);
        Host { desk, carrier, flags, spawner, meant, fresh, back, last, failure, next }
    }

    /// Waits for the end of the interface, and gives how it came, which session can be gone on with,
    /// and why the last one could not go on.
    pub(super) fn end(self) -> (Left, Option<SessionId>, Option<Failure>) {
        let Host { desk, carrier, last, failure, .. } = self;
        carrier.ending_shell()();
        (desk.join(), last, failure)
    }

    /// Carries out what is asked until it is about another session, and gives that.
    fn between(&mut self) -> Request {
        loop {
            let request = self.desk.next();
            match self.carrier.carry_out(request) {
                None => {}
                Some(request) => return request,
            }
        }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.carrier.home())
    }

    /// Prepares what is asked for; none when that was all, or could not be done.
    fn prepare(&mut self, request: Request) -> Result<Option<Opened>, Failure> {
        self.carrier.records_in(None);
        match request {
            Request::Begin { input, changes } => {
                let flags = changed(self.flags.clone(), &changes).spelled_out()?;
                let cwd = self.carrier.started_in().to_owned();
                let config = begin::config(&flags, self.carrier.home(), &cwd)?;
                let (id, ready) =
                    begin::ready(&config, &cwd, FRONTEND, self.spawner.clone(), input)?;
                self.carrier.moved(&cwd, Asked::Needs);
                self.has_flags(id);
                self.drop_unused(Some(id));
                Ok(Some(Opened { id, ready, draft: String::new() }))
            }
            Request::TakeUp { session, changes, owner } => {
                let flags = changed(self.flags_of(session), &changes).spelled_out()?;
                let opened = self.take_up(session, &flags, owner)?;
                if changes != Changes::default() {
                    self.back.take_if(|back| back.id == session);
                }
                self.drop_unused(Some(session));
                Ok(opened)
            }
            Request::Fork { parent, at } => self.fork(parent, at).map(Some),
            Request::Watch { session } => {
                let journal = RawJournal::read(&self.layout().session(session), session)?;
                self.drop_unused(Some(session));
                self.connect(Link {
                    session,
                    role: Role::Reader,
                    source: Source::Files(Arc::new(journal)),
                    ask: Box::new(|_| Err("it is only looked at".to_owned())),
                    draft: String::new(),
                });
                Ok(None)
            }
            // It was let go of before this, and may be another process's.
            Request::Ended => {
                self.back = None;
                Ok(None)
            }
            // `between` gives nothing else.
            Request::Sessions
            | Request::History
            | Request::Export { .. }
            | Request::Diff
            | Request::Shell { .. }
            | Request::Stop
            | Request::Moved { .. }
            | Request::Trust { .. }
            | Request::Key(_)
            | Request::Keep(_)
            | Request::Leave => Ok(None),
        }
    }

    fn connect(&self, link: Link) {
        // An interface that has ended asks to leave next.
        let _ = self.desk.reply(Reply::Connected(link));
    }

    /// Gives the flags for a session: those of the command line for the one that it is about; of others
    /// what says how its server is reached, which no journal holds.
    fn flags_of(&self, session: SessionId) -> RunFlags {
        if self.meant.is(session) {
            return self.flags.clone();
        }
        let about_servers = |text: &&String| {
            codex_config::set_keys(std::slice::from_ref(*text))
                .is_ok_and(|keys| keys.iter().all(|key| key.starts_with("model_providers.")))
        };
        RunFlags {
            config: self.flags.config.iter().filter(about_servers).cloned().collect(),
            strict_config: self.flags.strict_config,
            skip_git_repo_check: self.flags.skip_git_repo_check,
            ..RunFlags::default()
        }
    }

    /// A session is taken up, and recorded what the flags change of it: no other gets them.
    fn has_flags(&mut self, session: SessionId) {
        if self.meant.is(session) {
            self.meant = Meant::Nobody;
        }
    }

    fn take_up(
        &mut self,
        id: SessionId,
        flags: &RunFlags,
        owner: Owner,
    ) -> Result<Option<Opened>, Failure> {
        let layout = self.layout();
        let taken = match (open(&layout, id), owner) {
            (Err(TakeUpError::Open(OpenError::Busy { owner, .. })), Owner::Attach) => {
                refuse_to_change(id, owner.map(|owner| owner.pid), flags)?;
                match Guest::connect(&layout, id, FRONTEND) {
                    Ok(guest) => {
                        self.attach(id, guest);
                        return Ok(None);
                    }
                    // It has let go by now.
                    Err(GuestError::NoOwner(_)) => TakenUp::open(&layout, id)?,
                    Err(error) => return Err(error.into()),
                }
            }
            (Err(TakeUpError::Open(OpenError::Busy { .. })), Owner::Ask) => {
                takeover::open(&layout, id, Some(Insistence::Leave))?
            }
            (Err(TakeUpError::Open(OpenError::Busy { .. })), Owner::End) => {
                takeover::open(&layout, id, Some(Insistence::End))?
            }
            (opened, _) => opened?,
        };
        let ready = self.taken(taken, flags)?;
        self.has_flags(id);
        Ok(Some(Opened { id, ready, draft: String::new() }))
    }

    fn taken(&mut self, taken: TakenUp, flags: &RunFlags) -> Result<Ready, Failure> {
        let home = self.carrier.home().to_owned();
        let ready = Taker {
            frontend: FRONTEND,
            questions: Questions::Answered,
            flags,
            home: &home,
            spawner: self.spawner.clone(),
        }
        .take(taken, None)?;
        self.carrier.moved(&ready.setup.place.cwd, Asked::Needs);
        Ok(ready)
    }

    fn attach(&mut self, session: SessionId, guest: Guest) {
        let guest = Arc::new(guest);
        let role = Role::Guest { pid: guest.owner().pid };
        let asked = Arc::clone(&guest);
        let recorder = Arc::clone(&guest);
        let ask = move |command| recorder.ask(command).map_err(|it| it.to_string());
        // Its process takes the secrets out once more that it knows of.
        let redactor = codex_actors::redactor(self.carrier.home(), std::env::vars_os(), None);
        self.carrier.records_in(Some(Record { ask: Arc::new(ask), redactor }));
        self.last = Some(session);
        self.connect(Link {
            session,
            role,
            source: Source::Remote(guest),
            ask: Box::new(move |command| asked.ask(command).map_err(|it| it.to_string())),
            draft: String::new(),
        });
    }

    fn fork(&mut self, parent: SessionId, at: Option<Seq>) -> Result<Opened, Failure> {
        let layout = self.layout();
        let (parent, at) = match (self.unused(), at) {
            // What nothing was said in has nothing that the one before it has not.
            (Some(back), Some(at)) if back.id == parent => (back.parent, Some(at.min(back.at))),
            (_, at) => (parent, at),
        };
        // All of it is a wish to have it.
        self.back.take_if(|back| back.id == parent);
        let cut = at.map_or(Cut::End, Cut::At);
        // The command line's were meant for another one.
        let made = fork::make(&layout, parent, cut, FRONTEND, &RunFlags::default())?;
        let Forked { id, at: shared, .. } = made;
        let flags = self.flags_of(id);
        let prepared = TakenUp::open(&layout, id)
            .map_err(Failure::from)
            .and_then(|taken| self.taken(taken, &flags));
        match prepared {
            Ok(ready) => {
                self.has_flags(id);
                self.drop_unused(Some(id));
                self.back = at.map(|_| Back { id, parent, at: shared });
                let draft = at.and_then(|at| said_behind(&layout, parent, at)).unwrap_or_default();
                Ok(Opened { id, ready, draft })
            }
            Err(failure) => {
                // Nothing came of it, so it is nobody's.
                fork::discard(&layout, id);
                Err(failure)
            }
        }
    }

    /// Gives the fork of going back if nothing was said in it, and what it was made from is still there.
    fn unused(&self) -> Option<Back> {
        let layout = self.layout();
        let unused = |back: &Back| {
            fork::is_unused(&layout, back.id, back.at)
                && RawJournal::read(&layout.session(back.parent), back.parent)
                    .is_ok_and(|journal| journal.head().seq >= back.at)
        };
        self.back.filter(unused)
    }

    /// Removes the fork of going back if nothing was said in it, unless it is gone on with.
    fn drop_unused(&mut self, goes_on: Option<SessionId>) {
        if self.back.is_some_and(|back| Some(back.id) == goes_on) {
            return;
        }
        if let Some(Back { id, parent, .. }) = self.unused() {
            fork::discard(&self.layout(), id);
            if self.last == Some(id) {
                self.last = Some(parent);
            }
        }
        self.back = None;
    }

    /// Shows a session that this process owns now, and serves the interface until it asks for another
    /// or leaves.
    fn show(&mut self, shown: Shown, port: &Port, handle: Handle) {
        let Shown { id, from, draft, redactor } = shown;
        self.last = Some(id);
        self.fresh = None;
        let (asked, recorder) = (port.clone(), port.clone());
        let record = move |command| recorder.ask(command).map_err(|it| it.to_string());
        self.carrier.records_in(Some(Record { ask: Arc::new(record), redactor }));
        let end_shell = self.carrier.ending_shell();
        self.connect(Link {
            session: id,
            role: Role::Owner { from },
            source: Source::Own(handle.clone()),
            ask: Box::new(move |command| {
                if matches!(command, Command::Close { .. }) {
                    end_shell();
                }
                asked.ask(command).map_err(|it| it.to_string())
            }),
            draft,
        });
        let next = self.between();
        self.carrier.records_in(None);
        let_go(port, &handle);
        self.next = Some(next);
    }
}

/// What is shown of a session that this process owns.
struct Shown {
    id: SessionId,
    from: Seq,
    draft: String,
    redactor: Redactor,
}

/// A session that this process owns, ready to go on.
struct Opened {
    id: SessionId,
    ready: Ready,
    draft: String,
}

/// Serves the interface until it leaves.
pub(super) fn serve(host: &Arc<Mutex<Host>>) {
    let mut request = locked(host).between();
    while request != Request::Leave {
        let opened = locked(host).prepare(request);
        let failure = match opened {
            Ok(Some(opened)) => own(host, opened).err(),
            Ok(None) => None,
            Err(failure) => Some(failure),
        };
        let mut host = locked(host);
        if let Some(Failure { code, message, hint }) = failure {
            if let Some(fresh) = host.fresh.take() {
                fork::discard(&host.layout(), fresh);
            }
            let told = Failure { code, message: message.clone(), hint: hint.clone() };
            // One that was shown has been asked for no longer; what comes next is asked for already.
            let of = if host.next.is_some() { Topic::Aside } else { Topic::Session };
            let _ = host.desk.reply(failed(of, told));
            host.failure = Some(Failure { code, message, hint });
        }
        request = match host.next.take() {
            Some(request) => request,
            None => host.between(),
        };
        // What went wrong counts only if that was the end of it.
        if request != Request::Leave {
            host.failure = None;
        }
    }
    locked(host).drop_unused(None);
}

/// Runs a session, with the interface as its frontend.
fn own(host: &Arc<Mutex<Host>>, opened: Opened) -> Result<(), Failure> {
    let Opened { id, ready, draft } = opened;
    let Ready { setup, from, workplace, .. } = ready;
    let serving = Arc::clone(host);
    let shown = Shown { id, from, draft, redactor: setup.redactor.clone() };
    let ran = codex_actors::run(setup, move |port, handle| {
        locked(&serving).show(shown, &port, handle);
    });
    drop(workplace);
    Ok(ran?)
}

fn locked(host: &Mutex<Host>) -> MutexGuard<'_, Host> {
    // A panic ends the process.
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a session end, in case the interface did not wait for that.
fn let_go(port: &Port, handle: &Handle) {
    let mut feed = handle.subscribe(handle.head().seq.next());
    loop {
        match port.ask(Command::Close { reason: CloseReason::Done }) {
            Err(Rejection::TurnRunning) => {
                let _ = port.ask(Command::Interrupt { reason: InterruptReason::User });
                // Whatever happens next, the end of the turn comes with it or later.
                let _ = feed.next_timeout(Duration::from_millis(100));
            }
            // Closed now, or before.
            Ok(()) | Err(_) => return,
        }
    }
}

/// Opens a session; one that the interface showed a moment ago is let go of in a moment.
fn open(layout: &Layout, id: SessionId) -> Result<TakenUp, TakeUpError> {
    let deadline = Instant::now() + LETTING_GO;
    loop {
        match TakenUp::open(layout, id) {
            Err(TakeUpError::Open(OpenError::Busy { owner: Some(owner), .. }))
                if owner.pid == std::process::id() && Instant::now() < deadline =>
            {
                std::thread::sleep(TICK);
            }
            opened => return opened,
        }
    }
}

/// Refuses to attach to a session with flags that change it: its process would go on without them, and
/// what is said next would be done with other rights than those that were asked for.
fn refuse_to_change(id: SessionId, owner: Option<u32>, flags: &RunFlags) -> Result<(), Failure> {
    let settings = resume::settings_of(flags)?;
    if settings.is_empty() {
        return Ok(());
    }
    let owner = owner.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    let message =
        format!("{owner} runs session {id}, so this one can't change its {}", settings.join(", "));
    Err(Failure::new(USAGE, message).hint(format!(
        "leave these flags out to look on, or `codex attach {id}`; there, /take-over makes the session \
         this terminal's, and /permissions, /approvals and /model change it"
    )))
}

/// Finds what the user said behind the place of a fork: it is there to be said otherwise.
fn said_behind(layout: &Layout, parent: SessionId, at: Seq) -> Option<String> {
    let journal = RawJournal::read(&layout.session(parent), parent).ok()?;
    let mut record = journal.records_from(at.next()).next()?.ok()?;
    journal.blobs().hydrate(&mut record.envelope);
    match record.envelope.event() {
        Some(Event::TurnStarted { input } | Event::InputQueued { input }) => {
            input.inline().cloned()
        }
        Some(_) | None => None,
    }
}

/// Puts what the user changed into flags: they say the same, and are recorded the same way.
fn changed(mut flags: RunFlags, changes: &Changes) -> RunFlags {
    let Changes { model, effort, approval, access } = changes;
    if model.is_some() {
        flags.model.clone_from(model);
    }
    let text = |value: &str| serde_json::Value::from(value);
    if let Some(effort) = effort {
        flags.config.push(format!("model_reasoning_effort={}", text(effort)));
    }
    if let Some(access) = access {
        let mode = match access {
            Access::ReadOnly => "read-only",
            Access::WorkspaceWrite => "workspace-write",
            Access::Full => "danger-full-access",
        };
        if std::mem::take(&mut flags.full_auto) && approval.is_none() {
            flags.ask_for_approval = Some("on-failure".to_owned());
        }
        flags.dangerously_bypass_approvals_and_sandbox = false;
        flags.sandbox = vec![mode.to_owned()];
    }
    if let Some(policy) = approval {
        flags.ask_for_approval = Some(policy.as_str().to_owned());
    }
    flags
}

#[cfg(test)]
mod tests {
    use codex_event::ApprovalPolicy;

    use super::*;

    #[test]
    fn what_is_changed_counts_above_the_command_line() {
        let flags =
            RunFlags { model: Some("o3".to_owned()), full_auto: true, ..RunFlags::default() };
        let same = changed(flags.clone(), &Changes::default());
        assert_eq!(same, flags);
        let changes = Changes {
            model: Some("o4-mini".to_owned()),
            effort: Some("high".to_owned()),
            approval: None,
            access: Some(Access::ReadOnly),
        };
        let now = changed(flags, &changes).spelled_out().expect("no contradiction");
        assert_eq!(now.model.as_deref(), Some("o4-mini"));
        assert_eq!((now.full_auto, &now.sandbox[..]), (false, &["read-only".to_owned()][..]));
        assert_eq!(
            now.config,
            ["model_reasoning_effort=\"high\"", "approval_policy=\"on-failure\""]
        );
        let asks = Changes { approval: Some(ApprovalPolicy::Never), ..Changes::default() };
        let now = changed(now, &asks).spelled_out().expect("no contradiction");
        assert_eq!(now.config.last().map(String::as_str), Some("approval_policy=\"never\""));
    }
}
