//! A small world around the core: a journal in memory, a model and tools that answer by a seed.

use std::collections::HashMap;

use codex_event::*;
use codex_session::{Effect, Entry, Intake, PatchPlan, Report, Session, Stamp};

/// SplitMix64: a few lines, and the same numbers on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

pub(crate) fn settings(policy: ApprovalPolicy, backend: Backend) -> Settings {
    Settings {
        model: "o4-mini".into(),
        provider: ProviderSettings {
            id: "mock".into(),
            base_url: "http://127.0.0.1:1/v1".into(),
            backend,
            request_max_retries: 2,
            stream_max_retries: 2,
            stream_idle_timeout_ms: 1000,
        },
        approval_policy: policy,
        permissions: FULL_AUTO.to_vec(),
        reasoning_effort: None,
        reasoning_summary: None,
        notify: vec!["notify-me".into()],
        sandbox_level: Default::default(),
        git_writes: Default::default(),
        resources: Default::default(),
    }
}

pub(crate) fn opening(policy: ApprovalPolicy, backend: Backend) -> Command {
    Command::Open(Box::new(Opening {
        cwd: "/work".into(),
        git: None,
        settings: settings(policy, backend),
        sandbox: SandboxReport {
            level: "landlock".into(),
            landlock_abi: Some(7),
            plan: Digest::of(b"plan"),
            writable_roots: vec!["/work".into()],
            limits: vec![],
            narrow: Some(Digest::of(b"narrow")),
            missing: Vec::new(),
        },
        program: "0.1.0".into(),
        tools: Digest::of(b"tools"),
        context: vec![(ContextSource::Environment, "cwd: /work".into())],
        notes: vec![],
    }))
}

/// What the world knows beside the journal, across the crashes of the program.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) ran: HashMap<(CallId, u32), u32>,
    pub(crate) sent: HashMap<(RequestId, u32), u32>,
    /// What the files of each patch are like that was begun.
    pub(crate) files: HashMap<CallId, PatchState>,
    /// Grants that were written to the rules, by session and answer.
    pub(crate) kept: HashMap<(SessionId, Seq), Vec<String>>,
}

pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) log: Vec<Envelope>,
    pub(crate) owed: Vec<Effect>,
    pub(crate) effects: Effects,
    epoch: Epoch,
    id: SessionId,
    forks: u64,
}

fn has_intended(log: &[Envelope], wanted: CallId) -> bool {
    log.iter().any(|envelope| {
        matches!(envelope.event(), Some(Event::ToolIntended { call, .. }) if *call == wanted)
    })
}

impl World {
    pub(crate) fn new() -> World {
        World {
            session: Session::default(),
            log: Vec::new(),
            owed: Vec::new(),
            effects: Effects::default(),
            epoch: Epoch(1),
            id: World::id(),
            forks: 0,
        }
    }

    pub(crate) fn id() -> SessionId {
        "01900000-0000-7000-8000-000000000001".parse().expect("an id")
    }

    /// Decides, appends and applies as one durable batch, and takes on the work that is owed.
    pub(crate) fn tell(&mut self, intake: impl Into<Intake>) -> Result<Vec<Envelope>, Rejection> {
        self.tell_torn(intake, usize::MAX)
    }

    /// As `tell`, but only the first events of the batch become durable, and nobody acts.
    pub(crate) fn tell_torn(
        &mut self,
        intake: impl Into<Intake>,
        durable: usize,
    ) -> Result<Vec<Envelope>, Rejection> {
        let stamp = Stamp { author: Author::User("exec".into()) };
        let intake = intake.into();
        let answered = match &intake {
            Intake::Command(Command::SettleReview { call, .. }) => Some(*call),
            Intake::Command(_) | Intake::Report(_) => None,
        };
        let drafts = self.session.decide(stamp, intake)?;
        // A question that is answered is not open any more, whoever was quicker.
        self.owed.retain(
            |effect| !matches!(effect, Effect::AskReview { call } if Some(*call) == answered),
        );
        let torn = durable < drafts.len();
        let mut batch = Vec::new();
        for draft in drafts.into_iter().take(durable) {
            let envelope = Envelope {
                session: self.id,
                seq: self.session.last().next(),
                epoch: self.epoch,
                at: Timestamp(0),
                mono: Millis(0),
                author: draft.author,
                cause: draft.cause,
                turn: draft.turn,
                body: Body::Known(draft.event),
            };
            if let Err(illegal) = self.session.admit(&envelope) {
                panic!("decide emitted what the grammar forbids: {illegal}\n{envelope:#?}");
            }
            self.session.apply(&envelope);
            batch.push(envelope);
        }
        self.log.extend(batch.iter().cloned());
        if !torn {
            let owed = self.session.react(&batch);
            for effect in owed {
                assert!(!self.owed.contains(&effect), "asked twice for {effect:?}");
                self.owed.push(effect);
            }
            self.cancel();
        }
        Ok(batch)
    }

    // A cancelled effect reports back like any other, so it stays owed; only work that has no
    // end of its own is dropped.
    fn cancel(&mut self) {
        if self.session.running().is_none() {
            self.owed.retain(|effect| {
                matches!(effect, Effect::Notify { .. } | Effect::KeepGrant { .. } | Effect::Finish)
            });
        }
    }

    /// Ends the process: what was owed is forgotten, the journal is folded, the session resumed by
    /// a user who says how to go on.
    pub(crate) fn crash(&mut self) {
        self.crash_and(|resumption| resumption);
    }

    /// As `crash`, resumed in another way.
    pub(crate) fn crash_and(&mut self, how: impl FnOnce(Resumption) -> Resumption) {
        self.owed.clear();
        self.session = Session::fold(&self.log);
        self.epoch = self.epoch.next();
        if self.session.last() == Seq(0) {
            return;
        }
        let resumption = how(self.resumption());
        self.tell(Command::Resume(Box::new(resumption))).expect("a session can be resumed");
    }

    fn resumption(&self) -> Resumption {
        let patches = self.session.unfinished().into_iter().filter(|it| it.changes.is_some());
        let found = |it: codex_session::Unfinished<'_>| FoundPatch {
            call: it.call,
            state: self.effects.files.get(&it.call).cloned().unwrap_or(PatchState::Before),
        };
        Resumption {
            program: "0.1.0".into(),
            patches: patches.map(found).collect(),
            surroundings: None,
            settings: None,
            environment: None,
            input: Some("go on".into()),
        }
    }

    /// Goes on in a fork that leaves this session behind its first `at` events, resumed by a user
    /// who says how to go on.
    ///
    /// What the world did for the events after that, it did for the parent alone.
    pub(crate) fn fork(&mut self, at: usize) {
        self.fork_and(at, |resumption| resumption);
    }

    /// As `fork`, resumed in another way.
    pub(crate) fn fork_and(&mut self, at: usize, how: impl FnOnce(Resumption) -> Resumption) {
        self.branch(at);
        self.crash_and(how);
    }

    /// Makes the fork, and nothing more.
    pub(crate) fn branch(&mut self, at: usize) {
        let parent = Session::fold(&self.log[..at]);
        for envelope in &self.log[at..] {
            match envelope.event() {
                Some(Event::ToolIntended { call, attempt, .. }) => {
                    self.effects.ran.remove(&(*call, *attempt));
                    if !has_intended(&self.log[..at], *call) {
                        self.effects.files.remove(call);
                    }
                }
                Some(Event::ModelRequested { request, attempt, .. }) => {
                    self.effects.sent.remove(&(*request, *attempt));
                }
                Some(_) | None => {}
            }
        }
        let last = self.log[at - 1].clone();
        self.log.truncate(at);
        self.owed.clear();
        self.forks += 1;
        let number = 1 + self.forks;
        let event =
            Event::SessionForked { parent: last.session, at: last.seq, head: Digest::of(b"head") };
        let envelope = Envelope {
            session: format!("01900000-0000-7000-8000-{number:012x}").parse().expect("an id"),
            seq: last.seq.next(),
            epoch: last.epoch.next(),
            author: Author::User("exec".into()),
            cause: Some(last.seq),
            turn: None,
            body: Body::Known(event),
            ..last
        };
        self.session = parent;
        self.id = envelope.session;
        assert_eq!(self.session.admit(&envelope), Ok(()), "a fork is legal anywhere");
        self.session.apply(&envelope);
        self.epoch = envelope.epoch;
        self.log.push(envelope);
    }

    pub(crate) fn is_interrupting(&self) -> bool {
        self.owed.iter().any(|effect| matches!(effect, Effect::Cancel { .. }))
    }

    /// Gives the answer of the world to one piece of owed work, which is then no longer owed.
    pub(crate) fn answer(&mut self, dice: &mut Dice, faults: Faults) -> Option<Vec<Intake>> {
        let cancelled = self.is_interrupting();
        self.owed.retain(|effect| !matches!(effect, Effect::Cancel { .. }));
        if self.owed.is_empty() {
            return None;
        }
        let pick = dice.roll(self.owed.len() as u64) as usize;
        let effect = self.owed.remove(pick);
        Some(match effect {
            Effect::CallModel { request, attempt, .. } => {
                *self.effects.sent.entry((request, attempt)).or_default() += 1;
                respond(dice, request, attempt, cancelled, faults)
            }
            Effect::Pause { request, attempt, .. } => {
                vec![Report::RetryDue { request, attempt }.into()]
            }
            Effect::PlanPatch { call, outside } => {
                self.check_kept(call);
                let elsewhere = || format!("/etc/{}", call.0);
                let plan = match dice.roll(8) {
                    0 | 1 => PatchPlan::Failed { message: "does not fit".into() },
                    2 => PatchPlan::Outside { paths: vec![], message: "nowhere".into() },
                    3 | 4 if outside.is_empty() => {
                        PatchPlan::Outside { paths: vec![elsewhere()], message: "outside".into() }
                    }
                    // A planner that is out of its mind must not get through either.
                    5 => PatchPlan::Ready { changes: vec![], outside: vec!["/etc/shadow".into()] },
                    _ => PatchPlan::Ready { changes: vec![], outside },
                };
                vec![Report::PatchPlanned { call, plan }.into()]
            }
            Effect::AskReview { call } => {
                let verdict = match dice.roll(6) {
                    0 => Verdict::Aborted,
                    1 | 2 => Verdict::Denied { reason: "no".into() },
                    _ => Verdict::Allowed,
                };
                let scopes = [Scope::Once, Scope::Session, Scope::Project];
                let scope = scopes[dice.roll(3) as usize];
                let once =
                    Command::SettleReview { call, verdict: verdict.clone(), scope: Scope::Once };
                // What reaches too far is refused, and then answered for once.
                vec![Command::SettleReview { call, verdict, scope }.into(), once.into()]
            }
            Effect::KeepGrant { call, settled, prefix, workdir: _ } => {
                let known = self.effects.kept.insert((self.id, settled), prefix.clone());
                assert!(known.is_none_or(|known| known == prefix), "written twice as another");
                let error = (dice.roll(4) == 0).then(|| "the disk is full".to_owned());
                vec![Report::GrantKept { call, project: "/work".into(), error }.into()]
            }
            Effect::RunTool { call, attempt, .. } => {
                self.check_kept(call);
                *self.effects.ran.entry((call, attempt)).or_default() += 1;
                self.run(dice, call, attempt, cancelled)
            }
            Effect::Notify { turn, .. } => {
                let (program, payload) = (vec!["p".into()], "{}".into());
                vec![Report::Notified { turn, program, payload, error: None }.into()]
            }
            Effect::Cancel { .. } | Effect::Finish => vec![],
        })
    }

    /// What the journal does not hold word for word is done by the process that got it, or never.
    fn check_kept(&self, id: CallId) {
        let called = self.log.iter().find_map(|envelope| match envelope.event() {
            Some(Event::ToolCalled { call, arguments, .. }) if *call == id => {
                Some((*arguments, envelope.epoch))
            }
            _ => None,
        });
        let (arguments, epoch) = called.expect("it was called");
        let lost = arguments == Arguments::Concealed && epoch != self.epoch;
        assert!(!lost, "{id:?} is carried out with a marker in place of a secret");
    }

    fn run(&mut self, dice: &mut Dice, call: CallId, attempt: u32, cancelled: bool) -> Vec<Intake> {
        let mut reports = Vec::new();
        let patch = matches!(self.session.call(call), Some((Invocation::Patch { .. }, _)));
        if patch {
            let state = match dice.roll(4) {
                0 => PatchState::Mixed { told: "a.txt: as before, b.txt: changed".into() },
                1 => PatchState::Before,
                _ => PatchState::After,
            };
            let before = self.effects.files.insert(call, state);
            let untouched = matches!(before, None | Some(PatchState::Before));
            assert!(untouched, "{call:?} is applied to files that it had changed: {before:?}");
        }
        if !patch && dice.roll(8) > 0 {
            let process = ProcessMark { pid: 7, start_time: 1, boot_id: "b".into() };
            let enforced = "landlock".into();
            reports.push(Report::ToolSpawned { call, attempt, process, enforced });
            if dice.roll(5) == 0 {
                let changes = vec!["hooks/pre-commit is new".into()];
                reports.push(Report::RepositoryChanged { call, changes });
            }
            for _ in 0..dice.roll(3) {
                reports.push(Report::ToolOutput {
                    call,
                    attempt,
                    stream: OutputStream::Stdout,
                    skipped: 0,
                    bytes: OutputBytes(b"line\n".to_vec()),
                });
            }
        }
        let outcome = match dice.roll(6) {
            _ if cancelled => Outcome::Interrupted,
            0 => Outcome::TimedOut,
            1 => Outcome::Exited { code: 1 },
            2 => Outcome::Signalled { signal: 9 },
            _ if patch => Outcome::Patched { changes: vec![].into() },
            _ => Outcome::Exited { code: 0 },
        };
        let denied = !patch && dice.roll(3) == 0;
        let denial = denied.then(|| Denial {
            grade: DenialGrade::Likely,
            evidence: "EPERM".into(),
            denied: None,
            permission: None,
        });
        let output = "output".to_owned();
        reports.push(Report::ToolEnded { call, attempt, outcome, duration_ms: 3, output, denial });
        reports.into_iter().map(Intake::Report).collect()
    }
}

fn assessment(dice: &mut Dice) -> Box<Assessment> {
    let decision = match dice.roll(8) {
        0 => Some(RuleDecision::Allow),
        1 => Some(RuleDecision::Prompt),
        2 => Some(RuleDecision::Forbidden),
        _ => None,
    };
    let ruling = decision.map(|decision| Ruling {
        decision,
        source: "default.rules:1".into(),
        justification: None,
    });
    let prefix = (dice.roll(4) > 0).then(|| vec!["ls".to_owned()]);
    Box::new(Assessment { reason: "not known".into(), ruling, prefix, parts: Vec::new() })
}

/// What may go wrong on the model's side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    None,
    Some,
}

fn respond(
    dice: &mut Dice,
    request: RequestId,
    attempt: u32,
    cancelled: bool,
    faults: Faults,
) -> Vec<Intake> {
    let mut reports = vec![Report::ModelStreamed {
        request,
        attempt,
        item: 0,
        part: StreamPart::Text,
        text: "he".into(),
        marks: vec![StreamMark(2, 1)],
    }];
    // A model that never stops calling tools would never let a turn end.
    let calls = if request.0 > 6 { 0 } else { dice.roll(3) };
    let mut asked = Vec::new();
    let mut concealed = Vec::new();
    for item in 0..=calls as u32 {
        let call_id = format!("call_{item}");
        let (kind, invocation) = match dice.roll(5) {
            _ if item == 0 => (ItemKind::Message, None),
            0 => (
                ItemKind::FunctionCall { call_id, name: "nope".into() },
                Some(Invocation::Invalid { message: "unsupported call: nope".into() }),
            ),
            1 | 2 => (
                ItemKind::CustomCall { call_id, name: "apply_patch".into() },
                Some(Invocation::Patch { workdir: None, text: None }),
            ),
            roll => (
                ItemKind::FunctionCall { call_id, name: "shell".into() },
                Some(Invocation::Command {
                    argv: vec!["ls".to_owned(), format!("{}", dice.roll(3))].into(),
                    workdir: None,
                    timeout_ms: None,
                    safety: if roll == 3 { Safety::KnownSafe } else { Safety::Unknown },
                    escalation: (dice.roll(4) == 0).then(|| Escalation {
                        justification: "it needs the network".into(),
                        prefix: None,
                    }),
                    assessment: (dice.roll(4) > 0).then(|| assessment(dice)),
                }),
            ),
        };
        if invocation.is_some() && dice.roll(4) == 0 {
            concealed.push(item);
        }
        asked.extend(invocation.map(|invocation| (item, invocation)));
        reports.push(Report::ModelItem { request, attempt, item, kind, raw: "{}".into() });
    }
    let dies = faults == Faults::Some && dice.roll(3) == 0;
    if cancelled || dies {
        reports.truncate(dice.roll(reports.len() as u64 + 1) as usize);
        let kinds = [
            FaultKind::StreamLost,
            FaultKind::ServerError,
            FaultKind::RateLimited,
            FaultKind::PreviousResponseUnknown,
            FaultKind::Unauthorized,
        ];
        let kind = if cancelled {
            FaultKind::Cancelled
        } else {
            kinds[dice.roll(kinds.len() as u64) as usize]
        };
        let fault = Fault { kind, message: "broken".into(), retry_after_ms: None };
        reports.push(Report::ModelFailed { request, attempt, fault });
    } else {
        let usage = Usage { input_tokens: 10, output_tokens: 1, ..Usage::default() };
        let response = Some(format!("resp_{request}_{attempt}"));
        reports.push(Report::ModelDone {
            request,
            attempt,
            response,
            usage,
            calls: asked,
            concealed,
        });
    }
    reports.into_iter().map(Intake::Report).collect()
}

/// Law 4: every call that the model sees has exactly one output, right after its response.
pub(crate) fn check_outputs(session: &Session) {
    let mut open: Vec<String> = Vec::new();
    for entry in session.transcript().entries() {
        match &**entry {
            Entry::Item { kind, .. } => match kind {
                ItemKind::FunctionCall { call_id, .. } | ItemKind::CustomCall { call_id, .. } => {
                    open.push(call_id.clone());
                }
                ItemKind::Message | ItemKind::Reasoning | ItemKind::Other { .. } => {}
            },
            Entry::Output { call_id, .. } => {
                assert_eq!(open.first(), Some(call_id), "outputs come once, in call order");
                open.remove(0);
            }
            Entry::User { .. } | Entry::OwnCommand { .. } | Entry::Context { .. } => {
                assert!(open.is_empty(), "calls {open:?} have no output");
            }
        }
    }
    if session.running().is_none() {
        assert!(open.is_empty(), "calls {open:?} have no output");
    }
}
