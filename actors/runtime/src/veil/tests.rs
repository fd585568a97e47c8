use codex_event::*;
use codex_redact::Known;
use codex_session::PatchPlan;
use serde_json::Value;

use super::*;

const CANARY: &str = "c4nary-\"9f2e\"\\77";

fn redactor() -> Redactor {
    Redactor::new(Known::new("CANARY_KEY", CANARY), || [3; 32])
}

fn digest() -> Digest {
    Digest::of(b"x")
}

fn settings() -> Settings {
    Settings {
        model: "x".into(),
        provider: ProviderSettings {
            id: "x".into(),
            base_url: "x".into(),
            backend: Backend::Stateless,
            request_max_retries: 0,
            stream_max_retries: 0,
            stream_idle_timeout_ms: 0,
        },
        approval_policy: ApprovalPolicy::Never,
        permissions: vec![Permission::DiskWriteFolder("x".into())],
        reasoning_effort: Some("x".into()),
        reasoning_summary: Some("x".into()),
        notify: vec!["x".into()],
        sandbox_level: Default::default(),
        git_writes: Default::default(),
        resources: Default::default(),
    }
}

fn sandbox() -> SandboxReport {
    SandboxReport {
        level: "x".into(),
        landlock_abi: None,
        plan: digest(),
        writable_roots: vec!["x".into()],
        limits: vec!["x".into()],
        narrow: None,
        missing: vec!["x".into()],
    }
}

fn changes() -> Stored<Vec<FileChange>> {
    let change = FileChange {
        path: "x".into(),
        kind: ChangeKind::Update,
        move_to: Some("x".into()),
        before: Some(digest()),
        after: None,
        hunks: vec![1],
    };
    vec![change].into()
}

/// Every kind of event, and every form of what they hold, with a text wherever there may be one.
fn events() -> Vec<Event> {
    let (call, request, attempt, item) = (CallId(1), RequestId(1), 1, 0);
    let invocations = [
        Invocation::Command {
            argv: vec!["x".to_owned()].into(),
            workdir: Some("x".into()),
            timeout_ms: None,
            safety: Safety::Unknown,
            escalation: Some(Escalation {
                justification: "x".into(),
                prefix: Some(vec!["x".into()]),
            }),
            assessment: Some(Box::new(Assessment {
                reason: "x".into(),
                ruling: Some(Ruling {
                    decision: RuleDecision::Prompt,
                    source: "x".into(),
                    justification: Some("x".into()),
                }),
                prefix: Some(vec!["x".into()]),
                parts: vec![AssessedPart { program: "x".into(), reason: Some("x".into()) }],
            })),
        },
        Invocation::Patch { workdir: Some("x".into()), text: Some(digest()) },
        Invocation::Invalid { message: "x".into() },
    ];
    let kinds = [
        ItemKind::Message,
        ItemKind::Reasoning,
        ItemKind::FunctionCall { call_id: "x".into(), name: "x".into() },
        ItemKind::CustomCall { call_id: "x".into(), name: "x".into() },
        ItemKind::Other { name: "x".into() },
    ];
    let outcomes = [
        Outcome::Exited { code: 0 },
        Outcome::Patched { changes: changes() },
        Outcome::NotStarted { reason: "x".into() },
    ];
    let confinements = [
        Confinement::Sandbox { plan: digest() },
        Confinement::None,
        Confinement::WritableRoots { changes: changes(), outside: vec!["x".into()] },
    ];
    let git = Some(GitHead { commit: Some("x".into()), branch: Some("x".into()) });
    let state = PatchState::Mixed { told: "x".into() };
    let surroundings = Surroundings { cwd: "x".into(), sandbox: sandbox(), tools: digest() };
    let mut events = vec![
        Event::SessionOpened {
            cwd: "x".into(),
            git,
            settings: Box::new(settings()),
            sandbox: Box::new(sandbox()),
            program: "x".into(),
            tools: digest(),
        },
        Event::SessionForked {
            parent: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
            at: Seq(1),
            head: digest(),
        },
        Event::SessionResumed {
            program: "x".into(),
            lost: vec![],
            patches: vec![FoundPatch { call, state }],
            surroundings: Some(Box::new(surroundings)),
        },
        Event::SettingsChanged {
            backend: Backend::Stateless,
            reason: "x".into(),
            settings: Some(Box::new(settings())),
        },
        Event::SessionNamed { name: Some("x".into()) },
        Event::SessionShelved { shelf: Shelf::Archived },
        Event::Repaired { missing: vec![] },
        Event::SessionClosed { reason: CloseReason::Done },
        Event::ContextAdded { source: ContextSource::Environment, text: "x".into() },
        Event::InputQueued { input: "x".into() },
        Event::TurnStarted { input: "x".into() },
        Event::TurnInterruptRequested { reason: InterruptReason::User },
        Event::TurnInterrupted { reason: InterruptReason::User },
        Event::TurnCompleted { usage: Usage::default() },
        Event::TurnFailed { kind: FailureKind::Model, message: "x".into() },
        Event::ModelRequested {
            request,
            attempt,
            backend: Backend::Responses,
            previous: Some("x".into()),
            input: digest(),
        },
        Event::ModelStreamed {
            request,
            attempt,
            item,
            part: StreamPart::Text,
            text: "x".into(),
            marks: vec![StreamMark(1, 1)],
        },
        Event::ModelResponded {
            request,
            attempt,
            response: Some("x".into()),
            usage: Usage::default(),
        },
        Event::ModelAttemptFailed {
            request,
            attempt,
            fault: Fault {
                kind: FaultKind::ServerError,
                message: "x".into(),
                retry_after_ms: None,
            },
            retry: None,
        },
        Event::ReviewAsked {
            call,
            question: Question::WriteOutside { paths: vec!["x".into()] },
            reason: "x".into(),
        },
        Event::ReviewSettled {
            call,
            verdict: Verdict::Denied { reason: "x".into() },
            scope: Scope::Once,
        },
        Event::ToolSpawned {
            call,
            attempt,
            process: ProcessMark { pid: 1, start_time: 1, boot_id: "x".into() },
            enforced: "x".into(),
        },
        Event::ToolOutput {
            call,
            attempt,
            stream: OutputStream::Stdout,
            skipped: 0,
            bytes: OutputBytes(b"x".to_vec()),
        },
        Event::ToolAbandoned { call, output: "x".into() },
        Event::GrantKept {
            call,
            prefix: vec!["x".into()],
            project: "x".into(),
            error: Some("x".into()),
        },
        Event::RepositoryChanged { call, changes: vec!["x".into()] },
        Event::NotificationSent {
            program: vec!["x".to_owned()].into(),
            payload: "x".into(),
            error: Some("x".into()),
        },
        Event::Noted { text: "x".into() },
        Event::OwnCommandStarted { line: "x".into(), cwd: "x".into() },
        Event::OwnCommandEnded { started: Seq(1), exit: None, duration_ms: 1, output: "x".into() },
    ];
    events.extend(kinds.map(|kind| {
        let raw = r#"{"text":"x"}"#.into();
        Event::ModelItemCompleted { request, attempt, item, kind, raw }
    }));
    events.extend(invocations.map(|invocation| {
        let arguments = Arguments::Concealed;
        Event::ToolCalled { call, request, item, invocation, arguments }
    }));
    events.extend(confinements.map(|confinement| Event::ToolIntended {
        call,
        attempt,
        confinement,
    }));
    events.extend(outcomes.map(|outcome| Event::ToolFinished {
        call,
        attempt,
        outcome,
        duration_ms: 1,
        output: "x".into(),
        denial: Some(Denial {
            grade: DenialGrade::Likely,
            evidence: "x".into(),
            denied: Some("x".into()),
            permission: Some("x".into()),
        }),
    }));
    events
}

/// Numbers the kinds, so that one that is added is added to this test.
fn number(event: &Event) -> usize {
    match event {
        Event::SessionOpened { .. } => 0,
        Event::SessionForked { .. } => 1,
        Event::SessionResumed { .. } => 2,
        Event::SettingsChanged { .. } => 3,
        Event::SessionNamed { .. } => 4,
        Event::SessionShelved { .. } => 5,
        Event::Repaired { .. } => 6,
        Event::SessionClosed { .. } => 7,
        Event::ContextAdded { .. } => 8,
        Event::InputQueued { .. } => 9,
        Event::TurnStarted { .. } => 10,
        Event::TurnInterruptRequested { .. } => 11,
        Event::TurnInterrupted { .. } => 12,
        Event::TurnCompleted { .. } => 13,
        Event::TurnFailed { .. } => 14,
        Event::ModelRequested { .. } => 15,
        Event::ModelStreamed { .. } => 16,
        Event::ModelItemCompleted { .. } => 17,
        Event::ModelResponded { .. } => 18,
        Event::ModelAttemptFailed { .. } => 19,
        Event::ToolCalled { .. } => 20,
        Event::ReviewAsked { .. } => 21,
        Event::ReviewSettled { .. } => 22,
        Event::ToolIntended { .. } => 23,
        Event::ToolSpawned { .. } => 24,
        Event::ToolOutput { .. } => 25,
        Event::ToolFinished { .. } => 26,
        Event::ToolAbandoned { .. } => 27,
        Event::NotificationSent { .. } => 28,
        Event::Noted { .. } => 29,
        Event::GrantKept { .. } => 30,
        Event::RepositoryChanged { .. } => 31,
        Event::OwnCommandStarted { .. } => 32,
        Event::OwnCommandEnded { .. } => 33,
    }
}

const KINDS: usize = 34;

/// The paths to every string of a value.
fn strings(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(values) => {
            let each = values.iter().enumerate();
            each.for_each(|(at, value)| strings(value, &format!("{path}/{at}"), found));
        }
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, value)| strings(value, &format!("{path}/{name}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn no_text_of_any_event_gets_past() {
    let events = events();
    let kinds: std::collections::BTreeSet<usize> = events.iter().map(number).collect();
    assert_eq!(kinds.len(), KINDS, "an event has no example");
    let mut veil = Veil::new(redactor());
    let mut tried = 0;
    for event in events {
        let value = serde_json::to_value(&event).expect("events encode");
        let mut paths = Vec::new();
        strings(&value, "", &mut paths);
        for path in paths {
            let mut poisoned = value.clone();
            let place = poisoned.pointer_mut(&path).expect("just found");
            // The provider's JSON stays JSON; everything else is text.
            *place = match place.as_str() {
                Some(json) if json.starts_with('{') => {
                    Value::from(serde_json::json!({ "text": CANARY }).to_string())
                }
                _ => Value::from(format!("before {CANARY} after")),
            };
            // What is no free text takes no canary: the names of kinds, digests, ids.
            let Ok(mut event) = serde_json::from_value::<Event>(poisoned) else { continue };
            veil.write(&mut event);
            let written = format!("{event:?}{}", serde_json::to_string(&event).expect("encodes"));
            assert!(written.contains("[redacted:CANARY_KEY:"), "{path} of {written}");
            assert!(!written.contains("9f2e"), "{path} of {written}");
            tried += 1;
        }
    }
    assert!(tried >= 70, "{tried} texts");
}

fn command(argument: &str) -> Invocation {
    Invocation::Command {
        argv: vec!["echo".to_owned(), argument.to_owned()].into(),
        workdir: None,
        timeout_ms: None,
        safety: Safety::KnownSafe,
        escalation: None,
        assessment: None,
    }
}

fn item(raw: &str) -> Report {
    let kind = ItemKind::FunctionCall { call_id: "c".into(), name: "shell".into() };
    Report::ModelItem { request: RequestId(1), attempt: 1, item: 0, kind, raw: raw.into() }
}

fn done(invocation: Invocation) -> Report {
    Report::ModelDone {
        request: RequestId(1),
        attempt: 1,
        response: None,
        usage: Usage::default(),
        calls: vec![(0, invocation)],
        concealed: vec![],
    }
}

fn told(veil: &mut Veil, report: Report) -> Report {
    match veil.take_in(Intake::Report(report)) {
        Intake::Report(report) => report,
        Intake::Command(command) => panic!("{command:?}"),
    }
}

/// What the core is told of a call, and what is carried out.
fn called(veil: &mut Veil, raw: &str, invocation: Invocation) -> (Report, (Invocation, String)) {
    let Report::ModelItem { raw: recorded, .. } = told(veil, item(raw)) else { panic!() };
    let done = told(veil, done(invocation));
    let Report::ModelDone { calls, concealed, .. } = &done else { panic!() };
    let arguments = match concealed.contains(&0) {
        true => Arguments::Concealed,
        false => Arguments::Recorded,
    };
    let invocation = calls[0].1.clone();
    let (call, request) = (CallId(1), RequestId(1));
    let mut event =
        Event::ToolCalled { call, request, item: 0, invocation: invocation.clone(), arguments };
    veil.write(&mut event);
    let recorded: Stored<String> = recorded.into();
    let (plain, raw) = veil.call(call, (&invocation, &recorded));
    (done, (plain, raw.inline().cloned().expect("in place")))
}

fn shell(argument: &str) -> String {
    let arguments = serde_json::json!({ "command": ["echo", argument] }).to_string();
    serde_json::json!({ "type": "function_call", "name": "shell", "arguments": arguments })
        .to_string()
}

#[test]
fn a_call_with_a_secret_is_told_with_a_marker_and_carried_out_as_it_came() {
    let mut veil = Veil::new(redactor());
    let raw = shell(CANARY);
    let (done, (plain, kept)) = called(&mut veil, &raw, command(CANARY));
    assert_eq!((plain, kept), (command(CANARY), raw));
    let Report::ModelDone { calls, concealed, .. } = done else { panic!() };
    assert_eq!(concealed, [0]);
    let Invocation::Command { argv: Stored::Inline(argv), safety, .. } = &calls[0].1 else {
        panic!("{calls:?}")
    };
    assert!(argv[1].starts_with("[redacted:CANARY_KEY:"), "{argv:?}");
    assert_eq!(*safety, Safety::KnownSafe, "what was classified is what runs");

    // The end of the turn is the end of it.
    veil.write(&mut Event::TurnCompleted { usage: Usage::default() });
    let recorded = (calls[0].1.clone(), Stored::Inline("{}".to_owned()));
    let (plain, _) = veil.call(CallId(1), (&recorded.0, &recorded.1));
    assert_eq!(plain, recorded.0);
}

#[test]
fn a_call_without_one_and_one_with_a_marker_are_recorded_as_they_are() {
    let mut veil = Veil::new(redactor());
    let marker = redactor().text(CANARY).into_owned();
    called(&mut veil, &shell(CANARY), command(CANARY));
    veil.write(&mut Event::TurnCompleted { usage: Usage::default() });
    for argument in ["hello", &marker] {
        let raw = shell(argument);
        let (done, (plain, kept)) = called(&mut veil, &raw, command(argument));
        assert_eq!((plain, kept), (command(argument), raw));
        assert!(matches!(done, Report::ModelDone { concealed, .. } if concealed.is_empty()));
    }
}

#[test]
fn a_secret_beside_the_arguments_does_not_conceal_them() {
    let mut veil = Veil::new(redactor());
    let raw = serde_json::json!({ "name": "shell", "id": CANARY }).to_string();
    let (done, _) = called(&mut veil, &raw, command("hello"));
    assert!(matches!(done, Report::ModelDone { concealed, .. } if concealed.is_empty()));
}

#[test]
fn the_digest_of_a_patch_with_a_secret_is_of_what_is_recorded() {
    let mut veil = Veil::new(redactor());
    let patch = |line: &str| format!("*** Begin Patch\n*** Add File: a\n+{line}\n*** End Patch");
    let raw = |line: &str| {
        serde_json::json!({"type": "custom_tool_call", "name": "apply_patch", "input": patch(line)})
            .to_string()
    };
    let asks = |line: &str| Invocation::Patch {
        workdir: None,
        text: Some(Digest::of(patch(line).as_bytes())),
    };
    let (done, (plain, kept)) = called(&mut veil, &raw(CANARY), asks(CANARY));
    assert_eq!((plain, kept), (asks(CANARY), raw(CANARY)));
    let Report::ModelDone { calls, concealed, .. } = done else { panic!() };
    assert_eq!((concealed, &calls[0].1), (vec![0], &asks(&redactor().text(CANARY))));
}

#[test]
fn what_a_failed_attempt_sent_is_forgotten() {
    let mut veil = Veil::new(redactor());
    told(&mut veil, item(&shell(CANARY)));
    let fault = Fault { kind: FaultKind::StreamLost, message: CANARY.into(), retry_after_ms: None };
    let failed = Report::ModelFailed { request: RequestId(1), attempt: 1, fault };
    assert!(!format!("{:?}", told(&mut veil, failed)).contains("9f2e"));
    assert!(veil.items.is_empty());
}

#[test]
fn reports_and_commands_are_redacted_too() {
    let mut veil = Veil::new(redactor());
    let (call, attempt) = (CallId(1), 1);
    let changes = vec![FileChange {
        path: CANARY.into(),
        kind: ChangeKind::Add,
        move_to: Some(CANARY.into()),
        before: None,
        after: None,
        hunks: vec![1],
    }];
    let text = || CANARY.to_owned();
    let intakes: Vec<Intake> = vec![
        Report::PatchPlanned { call, plan: PatchPlan::Ready { changes, outside: vec![text()] } }
            .into(),
        Report::PatchPlanned {
            call,
            plan: PatchPlan::Outside { paths: vec![text()], message: text() },
        }
        .into(),
        Report::GrantKept { call, project: text(), error: Some(text()) }.into(),
        Report::RepositoryChanged { call, changes: vec![text()] }.into(),
        Report::PatchPlanned { call, plan: PatchPlan::Failed { message: text() } }.into(),
        Report::ToolEnded {
            call,
            attempt,
            outcome: Outcome::NotStarted { reason: text() },
            duration_ms: 0,
            output: text(),
            denial: Some(Denial {
                grade: DenialGrade::Likely,
                evidence: text(),
                denied: None,
                permission: None,
            }),
        }
        .into(),
        Report::Notified {
            turn: TurnId(1),
            program: vec![text()],
            payload: text(),
            error: Some(text()),
        }
        .into(),
        Command::Submit { input: text() }.into(),
        Command::Name { name: Some(text()) }.into(),
    ];
    for intake in intakes {
        let told = format!("{:?}", veil.take_in(intake));
        assert!(told.contains("[redacted:CANARY_KEY:") && !told.contains("9f2e"), "{told}");
    }
}
