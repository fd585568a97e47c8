//! A session that is run for a program: its requests carried out, its events shown, and its end.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use codex_actors::wiring::Port;
use codex_event::{
    CallId, CloseReason, Command, Event, InterruptReason, Notice, Refusal, Request, Scope, Seq,
    Verdict,
};
use codex_journal::{Feed, Handle};
use codex_view::{Ending, Finale};

use super::talk::{First, Out, Talk, again, twice};

/// How the session stands when it is taken on.
pub(super) struct Stand {
    /// Position of the first event of this process.
    pub(super) from: Seq,
    pub(super) running: bool,
    /// The questions that wait.
    pub(super) questions: BTreeSet<CallId>,
    /// What the session is opened with; it is answered once it is.
    pub(super) first: Option<First>,
}

/// How the session ended.
pub(super) struct Ended {
    /// How its last turn in this process did.
    pub(super) ending: Ending,
    /// Whether a signal closed it.
    pub(super) signalled: bool,
}

/// What the threads of a conversation share.
struct Owner {
    out: Arc<Out>,
    port: Port,
    state: Mutex<State>,
}

struct State {
    running: bool,
    questions: BTreeSet<CallId>,
    /// Whether the program has stopped talking or listening.
    gone: Gone,
    /// Whether the program asked for the end itself.
    closing: bool,
    /// Gone once the session is.
    handle: Option<Handle>,
    shown: Option<JoinHandle<()>>,
}

/// Whether there is still somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    No,
    /// It says nothing more, and may still read.
    Silent,
    /// It reads nothing more.
    Deaf,
}

/// Runs the conversation until the session has ended.
pub(super) fn serve<R: BufRead + Send + 'static>(
    port: Port,
    handle: Handle,
    mut talk: Talk<R>,
    out: Arc<Out>,
    stand: Stand,
) -> Ended {
    let Stand { from, running, questions, first } = stand;
    let mut feed = handle.subscribe(from);
    let state = State {
        running,
        questions,
        gone: Gone::No,
        closing: false,
        handle: Some(handle.clone()),
        shown: None,
    };
    let owner = Arc::new(Owner { out, port, state: Mutex::new(state) });
    let mut opened_by = None;
    if let Some(First { id, subscribed, .. }) = first {
        opened_by = Some(id);
        owner.subscribe(subscribed.unwrap_or(Seq(1)));
    }
    // Let go of: a read can't be called off, and ends with the process.
    let reader = Arc::clone(&owner);
    let read = move || {
        while let Some(request) = talk.next(&reader.out) {
            if !reader.carry_out(request) {
                break;
            }
        }
        reader.leave(if reader.out.is_closed() { Gone::Deaf } else { Gone::Silent });
    };
    if thread::Builder::new().name("requests".into()).spawn(read).is_err() {
        owner.leave(Gone::Silent);
    }

    let mut finale = Finale::default();
    let mut signalled = false;
    loop {
        match feed.next() {
            Feed::Record(record) => {
                finale.apply(&record.envelope);
                let Some(event) = record.envelope.event() else { continue };
                if let (Event::TurnStarted { .. }, Some(id)) = (event, opened_by) {
                    opened_by = None;
                    owner.out.tell(&Notice::Accepted { id });
                }
                signalled |= owner.follow(event);
            }
            Feed::CaughtUp(_) | Feed::Tail(_) | Feed::Present(_) => {}
            Feed::Ended => break,
        }
    }
    let fault = feed.fault().map(ToString::to_string);
    let fault = fault.or_else(|| handle.fault().map(|fault| fault.to_string()));
    owner.end();
    owner.out.tell(&Notice::Ended { fault });
    Ended { ending: finale.ending(), signalled }
}

impl Owner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a request out and answers it; false once nobody listens any more.
    fn carry_out(self: &Arc<Owner>, request: Request) -> bool {
        match request {
            Request::Hello { .. } => again(&self.out),
            Request::Subscribe { from } => self.subscribe(from) || twice(&self.out),
            // What a session is opened and taken up with is on the command line.
            Request::Submit { id, command: Command::Open(_) | Command::Resume(_) } => {
                self.out.refused(id, Refusal::OwnerOnly)
            }
            Request::Submit { id, command } => {
                self.subscribe(Seq(1));
                self.state().closing |= matches!(command, Command::Close { .. });
                self.answer(id, self.port.ask(command))
            }
            Request::HandOver { id } => {
                self.state().closing = true;
                self.answer(id, self.port.hand_over(std::os::unix::process::parent_id()))
            }
        }
    }

    fn answer(&self, id: u64, answer: Result<(), codex_event::Rejection>) -> bool {
        match answer {
            Ok(()) => self.out.tell(&Notice::Accepted { id }),
            Err(rejection) => self.out.refused(id, Refusal::Rejected(rejection)),
        }
    }

    /// Shows the events from a position on; false if they are shown already.
    fn subscribe(self: &Arc<Owner>, from: Seq) -> bool {
        let mut state = self.state();
        if state.shown.is_some() {
            return false;
        }
        // What has ended shows nothing more.
        let Some(handle) = state.handle.clone() else { return true };
        let owner = Arc::clone(self);
        let mut feed = handle.subscribe(from);
        let show = move || {
            let mut first = true;
            loop {
                let heard = match feed.next() {
                    Feed::Record(record) => {
                        let seq = Seq(record.envelope.seq.0 - 1);
                        let after = Notice::After { seq, hash: record.prev };
                        let heard = !std::mem::take(&mut first) || owner.out.tell(&after);
                        heard && owner.out.show(&record)
                    }
                    Feed::CaughtUp(head) => {
                        owner.out.tell(&Notice::CaughtUp { seq: head.seq, hash: head.hash })
                    }
                    // Programs are shown what the journal has.
                    Feed::Tail(_) | Feed::Present(_) => true,
                    Feed::Ended => return,
                };
                if !heard {
                    owner.leave(Gone::Deaf);
                    return;
                }
            }
        };
        state.shown = thread::Builder::new().name("events".into()).spawn(show).ok();
        true
    }

    /// Nobody talks any more, or listens: the turn is finished, or ended, and the session closed.
    fn leave(&self, gone: Gone) {
        let mut state = self.state();
        if gone == Gone::Deaf && state.running && state.gone != Gone::Deaf {
            self.port.submit(Command::Interrupt { reason: InterruptReason::User });
        }
        if state.gone != Gone::Deaf {
            state.gone = gone;
        }
        state.due().into_iter().for_each(|command| self.port.submit(command));
    }

    /// Follows an event; tells whether it is the end of the session by a signal.
    fn follow(&self, event: &Event) -> bool {
        let mut state = self.state();
        let closed = state.apply(event);
        let signal = matches!(
            event,
            Event::TurnInterrupted {
                reason: InterruptReason::Sigint
                    | InterruptReason::Sigterm
                    | InterruptReason::Sighup
            }
        );
        if signal {
            self.port.submit(Command::Close { reason: CloseReason::Interrupted });
        } else {
            state.due().into_iter().for_each(|command| self.port.submit(command));
        }
        closed == Some(CloseReason::Interrupted) && state.gone == Gone::No && !state.closing
    }

    /// The session has ended: what still shows it is awaited, and lets go of the journal.
    fn end(&self) {
        let shown = {
            let mut state = self.state();
            state.handle = None;
            state.shown.take()
        };
        if let Some(shown) = shown {
            let _ = shown.join();
        }
    }
}

impl State {
    fn apply(&mut self, event: &Event) -> Option<CloseReason> {
        match event {
            Event::TurnStarted { .. } => self.running = true,
            Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::TurnInterrupted { .. } => {
                self.running = false;
                self.questions.clear();
            }
            Event::ReviewAsked { call, .. } => {
                self.questions.insert(*call);
            }
            Event::ReviewSettled { call, .. }
            | Event::ToolFinished { call, .. }
            | Event::ToolAbandoned { call, .. } => {
                self.questions.remove(call);
            }
            Event::SessionClosed { reason } => return Some(*reason),
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
        None
    }

    /// Gives what is to be done because nobody is there any more.
    fn due(&self) -> Vec<Command> {
        let reason = match self.gone {
            Gone::No => return Vec::new(),
            Gone::Silent => CloseReason::Done,
            Gone::Deaf => CloseReason::Interrupted,
        };
        if !self.running {
            return vec![Command::Close { reason }];
        }
        let abort = |call: &CallId| Command::SettleReview {
            call: *call,
            verdict: Verdict::Aborted,
            scope: Scope::Once,
        };
        self.questions.iter().map(abort).collect()
    }
}
