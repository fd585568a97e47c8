//! Who is plugged into whom, and how a session's process begins and ends.
//!
//! ```text
//!  guests ─ socket ─ Port ──▶ ┐
//!  frontend thread ── Port ──▶ [port] ──Wish──▶ session ──▶ scribe thread ──▶ journal
//!        ▲                       └─Answer─▶ approval ─Wish─▶ ▲                   │
//!        │                                                   │ Observe           │ feed
//!        │                       model · tools · notifier ───┘                   │
//!        │                                 └─Spawn─▶ sandbox                     │
//!        └───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Actors share the main thread; HTTP, pipes and blocking work run on the two workers of the
//! runtime and its blocking pool; the scribe, the frontend and the socket have threads of their own.

use std::sync::{Arc, OnceLock};
use std::thread;

use actix::{Actor, Addr, System};
use codex_event::{
    Author, CloseReason, Command, InterruptReason, Opening, Past, Rejection, Resumption, SessionId,
};
use codex_gate::Rulebook;
use codex_journal::{Handle, Layout, OpenError, Scribe, Server, WriteError};
use codex_redact::Redactor;
use codex_sandbox::Spawner;
use codex_session::Session;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::approval::{ApprovalActor, Keeper};
pub use crate::clock::new_session_id;
use crate::judge::Judge;
use crate::messages::Wish;
use crate::model::Endpoint;
pub use crate::model_actor::Access;
use crate::model_actor::ModelActor;
use crate::notifier::NotifierActor;
pub use crate::port::Port;
use crate::port::{self, Asked};
use crate::sandbox::SandboxActor;
use crate::session::{Ending, Meet, Peers, SessionActor};
use crate::takeup::TakenUp;
pub use crate::tools::Place;
use crate::tools::ToolActor;

/// Worker threads for I/O.
const WORKERS: usize = 2;

/// What a session is run with.
pub struct Setup {
    /// How it begins in this process.
    pub start: Start,
    /// Name of the frontend, for the record.
    pub frontend: String,
    /// What it takes to talk to the provider.
    pub access: Access,
    /// Where the tools work.
    pub place: Place,
    /// Starts processes; it must have been made before any thread was.
    pub spawner: Spawner,
    /// What is secret.
    pub redactor: Redactor,
    /// What was laid down about commands: rules and grants.
    pub rulebook: Rulebook,
    /// The program that is told of turns, as today's settings have it.
    pub notify: Vec<String>,
}

/// How a session begins in this process.
pub enum Start {
    /// As a new one.
    New {
        /// Where journals are kept.
        layout: Layout,
        /// The session's id.
        id: SessionId,
        /// What it is opened with.
        opening: Box<Opening>,
        /// The first input; none when something else comes first.
        input: Option<String>,
    },
    /// As a new one that is kept in memory alone, and ends with this process.
    Ephemeral {
        /// The session's id.
        id: SessionId,
        /// What it is opened with.
        opening: Box<Opening>,
        /// The first input.
        input: String,
    },
    /// Where an earlier process left it.
    TakenUp {
        /// The session.
        session: Box<TakenUp>,
        /// How to go on.
        resumption: Box<Resumption>,
    },
}

/// Why a session could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal could not be made.
    #[error("the session's journal can't be made: {0}")]
    Create(#[source] OpenError),
    /// The journal could not be written any more.
    #[error("{0}")]
    Journal(#[source] WriteError),
    /// The runtime could not be set up.
    #[error("the runtime can't be set up: {0}")]
    Runtime(#[source] std::io::Error),
    /// The session refused to begin.
    #[error("the session can't begin: {0}")]
    Refused(#[from] Rejection),
    /// The frontend's thread panicked.
    #[error("the frontend ended by a panic")]
    Frontend,
}

/// Runs a session to its end, with a frontend that sees it through the journal's feed.
///
/// Returns what the frontend returned, once the journal is closed and durable.
pub fn run<T: Send + 'static>(
    setup: Setup,
    frontend: impl FnOnce(Port, Handle) -> T + Send + 'static,
) -> Result<T, RunError> {
    let Setup { start, frontend: name, access, place, spawner, redactor, rulebook, notify } = setup;
    let Begun { session, first } = begin(start)?;
    let handle = session.handle.clone();
    let author = Author::User(name.clone());
    let (port, wishes) = Port::open(author.clone());
    let door = Door { owner: name, port: port.clone() };
    let mut server = None;
    let shown = thread::Builder::new()
        .name("frontend".into())
        .spawn(move || frontend(port, handle))
        .map_err(RunError::Runtime)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let system = System::with_tokio_rt(|| runtime);
    let gear = Gear { author, access, place, spawner, redactor, rulebook, notify, door };
    let ending = system.block_on(live(session, first, gear, wishes, &mut server));
    // Dropping the system drops the actors, and with the sandbox actor every lifeline.
    drop(system);

    let (scribe, result) = match ending {
        Ok(Ending { scribe, result }) => (scribe, result.map_err(RunError::Journal)),
        Err((scribe, error)) => (scribe, Err(error)),
    };
    let finished = match Arc::into_inner(scribe) {
        Some(scribe) => scribe.finish().map(drop).map_err(RunError::Journal),
        None => Ok(()),
    };
    // Everybody hears the end, here and in other processes.
    drop(server);
    let shown = shown.join().map_err(|_| RunError::Frontend)?;
    result.and(finished).map(|()| shown)
}

/// A session whose journal is open, and what it is told first.
struct Begun {
    session: TakenUp,
    first: Vec<Command>,
}

impl Begun {
    fn new(
        id: SessionId,
        scribe: Scribe,
        handle: Handle,
        opening: Box<Opening>,
        input: Option<String>,
    ) -> Begun {
        let (session, past) = (Session::default(), Past::default());
        let session = TakenUp { id, scribe, handle, session, past };
        let first = std::iter::once(Command::Open(opening));
        let first = first.chain(input.map(|input| Command::Submit { input })).collect();
        Begun { session, first }
    }
}

fn begin(start: Start) -> Result<Begun, RunError> {
    Ok(match start {
        Start::New { layout, id, opening, input } => {
            let (scribe, handle) = Scribe::create(&layout, id).map_err(RunError::Create)?;
            Begun::new(id, scribe, handle, opening, input)
        }
        Start::Ephemeral { id, opening, input } => {
            let (scribe, handle) = Scribe::in_memory(id);
            Begun::new(id, scribe, handle, opening, Some(input))
        }
        Start::TakenUp { session, resumption } => {
            Begun { session: *session, first: vec![Command::Resume(resumption)] }
        }
    })
}

/// What the actors are equipped with.
struct Gear {
    author: Author,
    access: Access,
    place: Place,
    spawner: Spawner,
    redactor: Redactor,
    rulebook: Rulebook,
    notify: Vec<String>,
    door: Door,
}

/// Where other processes come in.
struct Door {
    owner: String,
    port: Port,
}

type Failed = (Arc<Scribe>, RunError);

async fn live(
    taken_up: TakenUp,
    first: Vec<Command>,
    gear: Gear,
    wishes: mpsc::Receiver<Asked>,
    server: &mut Option<Server>,
) -> Result<Ending, Failed> {
    let (ended, end) = oneshot::channel();
    let TakenUp { id, scribe, handle, session, past: _ } = taken_up;
    let Gear { author, access, mut place, spawner, redactor, rulebook, notify, door } = gear;
    place.environment.name_session(&id.to_string());
    let (rulebook, place) = (Arc::new(rulebook), Arc::new(place));
    let judge = Arc::new(Judge::new(Arc::clone(&rulebook), &place));
    let before = session.last();
    let scribe = Arc::new(scribe);
    let session =
        SessionActor::new(id, session, Arc::clone(&scribe), redactor.clone(), ended).start();
    let approval = {
        let keeper = Keeper { id, cwd: place.cwd.clone(), rulebook };
        ApprovalActor::new(session.clone().recipient(), session.clone().recipient(), keeper).start()
    };
    let sandbox = SandboxActor::new(spawner).start();
    let blobs = handle.blobs().clone();
    let peers = Peers {
        model: ModelActor {
            id,
            session: session.clone().recipient(),
            blobs: blobs.clone(),
            tails: handle.tails(),
            access: Arc::new(access),
            redactor: redactor.clone(),
            judge,
            endpoint: Arc::new(Endpoint::default()),
            input: Arc::default(),
        }
        .start(),
        tools: ToolActor {
            session: session.clone().recipient(),
            sandbox,
            blobs: blobs.clone(),
            place,
            redactor: redactor.clone(),
        }
        .start(),
        approval: approval.clone(),
        notifier: NotifierActor::new(session.clone().recipient(), blobs, redactor, notify).start(),
    };
    let _ = session.send(Meet(peers)).await;

    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return Err((scribe, RunError::Runtime(error))),
    };
    actix::spawn(obey(signals, session.clone(), author.clone()));

    for command in first {
        let wish = Wish { author: author.clone(), command };
        match session.send(wish).await {
            // What is closed, or gone, has ended; `end` has the reason.
            Ok(Ok(()) | Err(Rejection::Closed)) | Err(_) => {}
            Ok(Err(rejection)) if handle.head().seq == before => {
                return Err((scribe, RunError::Refused(rejection)));
            }
            Ok(Err(rejection)) => tracing::debug!(%rejection, "refused"),
        }
    }
    // What frontends want waits until the session has begun.
    actix::spawn(port::pass_on(wishes, session.clone().recipient(), approval));
    // Not before: what a guest may ask for is a session that has begun, and it begins sooner alone.
    *server = Server::start(id, &handle, &door.owner, door.port);
    match end.await {
        Ok(ending) => Ok(ending),
        Err(_) => Err((scribe, RunError::Refused(Rejection::Closed))),
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> InterruptReason {
        tokio::select! {
            _ = self.interrupt.recv() => InterruptReason::Sigint,
            _ = self.terminate.recv() => InterruptReason::Sigterm,
            _ = self.hangup.recv() => InterruptReason::Sighup,
        }
    }
}

/// A signal interrupts the turn; a frontend that has nothing else to do closes the session when it
/// has shown that. Without a turn it closes the session.
///
/// One that comes before that is done ends the process at once: the lifelines break, and the
/// journal is whole up to its last barrier. The first one does not, also where a frontend that heard of it
/// too was faster and the session is on its way to its end.
async fn obey(mut signals: Signals, session: Addr<SessionActor>, author: Author) {
    let mut came_before = false;
    loop {
        let reason = signals.next().await;
        let wish = |command| session.send(Wish { author: author.clone(), command });
        let obeyed = async {
            match wish(Command::Interrupt { reason }).await {
                Ok(Err(Rejection::NoTurn | Rejection::NotOpen)) => {
                    wish(Command::Close { reason: CloseReason::Interrupted }).await
                }
                answer => answer,
            }
        };
        tokio::select! {
            // A turn that is being ended, and a session that is being closed, refuse it.
            answer = obeyed => if !matches!(answer, Ok(Ok(()))) && came_before {
                end_at_once(exit_code(reason));
            },
            again = signals.next() => end_at_once(exit_code(again)),
        }
        came_before = true;
    }
}

/// What is done before a second signal ends the process.
static BEFORE_END: OnceLock<fn()> = OnceLock::new();

/// Has something done before a second signal ends the process at once; the first that is given counts.
///
/// A frontend that holds the terminal gives it back: nothing else of it is run any more.
pub fn before_end(act: fn()) {
    let _ = BEFORE_END.set(act);
}

fn end_at_once(code: i32) -> ! {
    if let Some(act) = BEFORE_END.get() {
        act();
    }
    std::process::exit(code)
}

/// Gives the exit code of a process that a signal ended, as shells count it.
pub fn exit_code(reason: InterruptReason) -> i32 {
    128 + match reason {
        InterruptReason::User | InterruptReason::Sigint => 2,
        InterruptReason::Sigterm => 15,
        InterruptReason::Sighup => 1,
    }
}
