use std::ops::RangeInclusive;

use actix::System;
use codex_event::{
    ApprovalPolicy, Backend, CloseReason, Digest, InterruptReason, Opening, Permission,
    ProviderSettings, Record, SandboxReport, Seq, Settings,
};
use codex_journal::{AppendError, Blobs, Feed, Handle, Head, MemStore, Reader, Store, StoreError};
use codex_sandbox::{Environment, Plan, Spawner};

use super::*;
use crate::approval::Keeper;
use crate::judge::Judge;
use crate::model::Endpoint;
use crate::sandbox::SandboxActor;
use crate::wiring::{Access, Place};

/// A store whose disk refuses after some barriers.
struct Refusing {
    store: MemStore,
    barriers: u32,
}

impl Store for Refusing {
    fn head(&self) -> Head {
        self.store.head()
    }

    fn append(
        &mut self,
        expect: Seq,
        batch: Vec<Envelope>,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        self.store.append(expect, batch)
    }

    fn barrier(&mut self) -> Result<Head, StoreError> {
        match self.barriers.checked_sub(1) {
            Some(left) => {
                self.barriers = left;
                self.store.barrier()
            }
            None => Err(StoreError::Engine("no space left on device".into())),
        }
    }

    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_> {
        self.store.scan(range)
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }
}

fn redactor() -> Redactor {
    Redactor::new([], || [0; 32])
}

fn id() -> SessionId {
    "01900000-0000-7000-8000-000000000001".parse().expect("an id")
}

fn open() -> Command {
    Command::Open(Box::new(Opening {
        cwd: "/".into(),
        git: None,
        settings: Settings {
            model: "o4-mini".into(),
            provider: ProviderSettings {
                id: "mock".into(),
                base_url: "http://127.0.0.1:1/v1".into(),
                backend: Backend::Stateless,
                request_max_retries: 0,
                stream_max_retries: 0,
                stream_idle_timeout_ms: 1000,
            },
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![Permission::DiskFullReadAccess],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec![],
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        },
        sandbox: SandboxReport {
            level: "none".into(),
            landlock_abi: None,
            plan: Digest::of(b"plan"),
            writable_roots: vec![],
            limits: vec![],
            narrow: None,
            missing: Vec::new(),
        },
        program: "test".into(),
        tools: Digest::of(b"tools"),
        context: vec![],
        notes: vec![],
    }))
}

/// A session whose provider has no key, so that nothing leaves the machine.
async fn session(barriers: u32) -> (Addr<SessionActor>, Handle, oneshot::Receiver<Ending>) {
    let store = Refusing { store: MemStore::new(id()), barriers };
    let folder = tempfile::tempdir().expect("a folder").keep();
    let (scribe, handle) = Scribe::start(store, Blobs::at(folder), None);
    let (ended, end) = oneshot::channel();
    let session =
        SessionActor::new(id(), Session::default(), Arc::new(scribe), redactor(), ended).start();
    let blobs = handle.blobs().clone();
    let access = Access {
        key: Err(codex_config::MissingKey { name: "MOCK_KEY".into(), instructions: None }),
        headers: vec![],
        query: vec![],
    };
    let place = Place {
        cwd: "/".into(),
        plan: Plan::unconfined(),
        narrow: None,
        environment: Environment::default(),
    };
    let keeper = Keeper { id: id(), cwd: place.cwd.clone(), rulebook: Arc::default() };
    let judge = Arc::new(Judge::new(Arc::default(), &place));
    let peers = Peers {
        model: ModelActor {
            id: id(),
            session: session.clone().recipient(),
            blobs: blobs.clone(),
            tails: handle.tails(),
            access: Arc::new(access),
            redactor: redactor(),
            judge,
            endpoint: Arc::new(Endpoint::default()),
            input: Arc::default(),
        }
        .start(),
        tools: ToolActor {
            session: session.clone().recipient(),
            sandbox: SandboxActor::new(Spawner::start().expect("proc")).start(),
            blobs: blobs.clone(),
            place: Arc::new(place),
            redactor: redactor(),
        }
        .start(),
        approval: ApprovalActor::new(
            session.clone().recipient(),
            session.clone().recipient(),
            keeper,
        )
        .start(),
        notifier: NotifierActor::new(session.clone().recipient(), blobs, redactor(), vec![])
            .start(),
    };
    session.send(Meet(peers)).await.expect("alive");
    (session, handle, end)
}

fn wish(command: Command) -> Wish {
    Wish { author: Author::User("test".into()), command }
}

fn durable(handle: &Handle) -> Vec<String> {
    let mut feed = handle.subscribe(Seq(1));
    let mut kinds = Vec::new();
    loop {
        match feed.next() {
            Feed::Record(record) => kinds.push(record.envelope.kind()),
            Feed::Tail(_) | Feed::Present(_) => {}
            Feed::CaughtUp(_) | Feed::Ended => return kinds,
        }
    }
}

#[test]
fn a_turn_runs_from_its_input_to_its_end_and_the_session_closes() {
    System::new().block_on(async {
        let (session, handle, end) = session(u32::MAX).await;
        let early = session.send(wish(Command::Submit { input: "hi".into() })).await;
        assert_eq!(early.expect("alive"), Err(Rejection::NotOpen));
        session.send(wish(open())).await.expect("alive").expect("opens");
        let submit = Command::Submit { input: "hi".into() };
        session.send(wish(submit)).await.expect("alive").expect("starts");
        // The model's failure is decided on before a close that came later is.
        loop {
            let close = Command::Close { reason: CloseReason::Done };
            match session.send(wish(close)).await.expect("alive") {
                Err(Rejection::TurnRunning) => tokio::time::sleep(Duration::from_millis(1)).await,
                closed => break closed.expect("closes"),
            }
        }
        let ending = end.await.expect("it ends");
        assert!(ending.result.is_ok());
        assert_eq!(
            durable(&handle),
            [
                "session_opened",
                "turn_started",
                "model_requested",
                "model_attempt_failed",
                "turn_failed",
                "session_closed"
            ]
        );
        let late = Command::Interrupt { reason: InterruptReason::User };
        assert!(session.send(wish(late)).await.is_ok_and(|refused| refused.is_err()));
    });
}

#[test]
fn nothing_is_done_and_nobody_is_told_when_the_disk_refuses() {
    System::new().block_on(async {
        // The opening is durable, the request is not.
        let (session, handle, end) = session(1).await;
        session.send(wish(open())).await.expect("alive").expect("opens");
        let submit = Command::Submit { input: "hi".into() };
        let told = session.send(wish(submit)).await.expect("alive");
        assert!(told.is_err(), "the input was acknowledged and is not durable");
        let ending = end.await.expect("it ends");
        let error = ending.result.expect_err("the disk refused").to_string();
        assert!(error.contains("no space left on device"), "{error}");
        assert_eq!(durable(&handle), ["session_opened"], "the request was announced");
    });
}
