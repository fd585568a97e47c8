use std::fs;
use std::path::{Path, PathBuf};

use codex_event::{
    ApprovalPolicy, Backend, Body, ContextSource, Digest, Envelope, Event, Invocation, ItemKind,
    Permission, ProviderSettings, Safety, SessionId, Settings, Stored,
};
use codex_journal::{Layout, RawJournal};
use codex_redact::{Known, Redactor};
use codex_rollout::{Conversion, Counts, ImportError, Imported, Terms, import, is_rollout};
use codex_session::{Entry, Session};

const SECRET: &str = "correct-horse-battery-staple-42";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(name)
}

fn provider(id: &str) -> ProviderSettings {
    ProviderSettings {
        id: id.to_owned(),
        base_url: "http://localhost:1/v1".to_owned(),
        backend: Backend::Stateless,
        request_max_retries: 0,
        stream_max_retries: 0,
        stream_idle_timeout_ms: 1000,
    }
}

fn known(id: &str) -> Option<ProviderSettings> {
    (id == "mock").then(|| provider(id))
}

/// Commands are read; everything else is nothing that can be done.
fn interpret(kind: &ItemKind, raw: &str) -> Invocation {
    match kind {
        ItemKind::FunctionCall { name, .. }
            if ["shell", "exec_command"].contains(&name.as_str()) =>
        {
            let (argv, safety) = (vec![raw.to_owned()].into(), Safety::Unknown);
            Invocation::Command {
                argv,
                workdir: None,
                timeout_ms: None,
                safety,
                escalation: None,
                assessment: None,
            }
        }
        ItemKind::CustomCall { name, .. } if name == "apply_patch" => {
            Invocation::Patch { workdir: None, text: Some(Digest::of(raw.as_bytes())) }
        }
        _ => Invocation::Invalid { message: "not here".to_owned().into() },
    }
}

fn terms(id: SessionId) -> Terms<'static> {
    Terms {
        id,
        settings: Settings {
            model: "today".to_owned(),
            provider: provider("default"),
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![Permission::DiskFullWriteAccess],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec!["never".to_owned()],
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        },
        provider: &known,
        instructions: "be brief".to_owned(),
        program: "1".to_owned(),
        tools: Digest::of(b"tools"),
        interpret: &interpret,
        redactor: Redactor::new(Known::new("CANARY", SECRET), || [0; 32]),
    }
}

fn id() -> SessionId {
    "01900000-0000-7000-8000-000000000001".parse().expect("an id")
}

fn converted(text: &str) -> (Vec<Envelope>, Counts) {
    let mut conversion = Conversion::new(terms(id()), "a test");
    let mut events = Vec::new();
    for line in text.lines() {
        conversion.line(line).expect("legal");
        events.extend(conversion.drain());
    }
    let counts = conversion.finish().expect("legal");
    events.extend(conversion.drain());
    let hydrated = events.into_iter().map(|(mut envelope, blobs)| {
        envelope.hydrate(|digest| {
            let found = blobs.iter().find(|(known, _)| known == digest);
            found.map(|(_, bytes)| bytes.clone())
        });
        envelope
    });
    (hydrated.collect(), counts)
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(fixture("")).expect("fixtures");
    let names =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".jsonl")).collect();
    names.sort();
    names
}

fn kinds(events: &[Envelope]) -> Vec<String> {
    let told = events.iter().filter(|envelope| envelope.event().is_some());
    told.map(Envelope::kind).collect()
}

/// Every call that the model made has one output, and each output a call.
fn check_pairs(session: &Session) {
    let mut open: Vec<&str> = Vec::new();
    for entry in session.transcript().entries() {
        match &**entry {
            Entry::Item { kind, .. } => match kind {
                ItemKind::FunctionCall { call_id, .. } | ItemKind::CustomCall { call_id, .. } => {
                    open.push(call_id);
                }
                ItemKind::Message | ItemKind::Reasoning | ItemKind::Other { .. } => {}
            },
            Entry::Output { call_id, .. } => {
                let at = open.iter().position(|open| open == call_id).expect("a call");
                open.remove(at);
            }
            Entry::Context { .. } | Entry::User { .. } | Entry::OwnCommand { .. } => {}
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn every_rollout_becomes_a_legal_session() {
    assert!(names().len() >= 13);
    for name in names() {
        let text = fs::read_to_string(fixture(&name)).expect("a fixture");
        assert!(is_rollout(&text.as_bytes()[..text.len().min(4096)]), "{name}");
        let (events, counts) = converted(&text);
        let mut session = Session::default();
        for envelope in &events {
            session.admit(envelope).unwrap_or_else(|illegal| panic!("{name}: {illegal}"));
            let again = Envelope::from_json(&envelope.to_json()).expect("an event");
            assert_eq!(again, *envelope, "{name}");
            session.apply(envelope);
        }
        assert!(session.running().is_none(), "{name}");
        check_pairs(&session);
        let foreign = events.iter().filter(|envelope| envelope.event().is_none()).count() as u64;
        assert_eq!(foreign, counts.foreign, "{name}");
        assert_eq!(session.settings().expect("open").notify, Vec::<String>::new());
    }
}

#[test]
fn a_rollout_cut_off_anywhere_becomes_a_legal_session() {
    for name in ["tool_loop.jsonl", "legacy.jsonl", "compact.jsonl"] {
        let text = fs::read_to_string(fixture(name)).expect("a fixture");
        let lines: Vec<&str> = text.lines().collect();
        for end in 0..=lines.len() {
            let (events, _) = converted(&lines[..end].join("\n"));
            check_pairs(&Session::fold(&events));
            // And with every other line gone.
            let half: Vec<&str> = lines[..end].iter().step_by(2).copied().collect();
            check_pairs(&Session::fold(&converted(&half.join("\n")).0));
        }
    }
}

#[test]
fn lines_in_any_order_become_a_legal_session() {
    let texts = names().into_iter().map(|name| fs::read_to_string(fixture(&name)).expect("it"));
    let text: String = texts.collect();
    let lines: Vec<&str> = text.lines().collect();
    let mut dice = 1_u64;
    let mut roll = |of: usize| {
        // Knuth's generator; its upper half is good enough to shuffle.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).expect("31 bits") % of
    };
    for _ in 0..200 {
        let chosen: Vec<&str> = (0..150).map(|_| lines[roll(lines.len())]).collect();
        let (events, _) = converted(&chosen.join("\n"));
        check_pairs(&Session::fold(&events));
    }
}

#[test]
fn what_is_not_understood_is_kept_byte_for_byte() {
    let text = fs::read_to_string(fixture("legacy.jsonl")).expect("a fixture");
    let (events, counts) = converted(&text);
    let raws: Vec<(&str, &str)> = events
        .iter()
        .filter_map(|envelope| match &envelope.body {
            Body::Foreign { kind, raw, .. } => Some((kind.as_str(), raw.as_str())),
            Body::Known(_) => None,
        })
        .collect();
    let line = r#"{"timestamp":"2025-10-02T10:02:01.000Z","type":"of_tomorrow","payload":{"any":[1.50,"thing"]},"more":true}"#;
    assert!(raws.contains(&("codex_rollout/of_tomorrow", line)));
    assert!(raws.contains(&("codex_rollout/unknown", "[1, 2]")));
    assert!(raws.iter().any(|(_, raw)| raw.contains("ghost_snapshot")));
    assert!(raws.iter().any(|(_, raw)| raw.contains("data:image/png")));
    assert_eq!((counts.turns, counts.items, counts.calls), (2, 5, 3));
    assert_eq!((counts.broken, counts.orphans, counts.abandoned), (1, 0, 0));
    let noted = events.iter().any(|envelope| match envelope.event() {
        Some(Event::Noted { text: Stored::Inline(text) }) => text.ends_with("\"pay"),
        _ => false,
    });
    assert!(noted, "the broken line");
}

#[test]
fn settings_are_those_of_each_turn_and_never_wider() {
    let text = fs::read_to_string(fixture("legacy.jsonl")).expect("a fixture");
    let (events, counts) = converted(&text);
    let Some(Event::SessionOpened { settings, cwd, .. }) = events[0].event() else { panic!() };
    assert_eq!((settings.model.as_str(), cwd.as_str()), ("gpt-5-codex", "/srv/folder"));
    assert_eq!(settings.provider.id, "openai");
    assert_eq!(settings.approval_policy, ApprovalPolicy::UnlessAllowListed);
    assert_eq!(settings.reasoning_effort.as_deref(), Some("high"));
    assert!(!settings.permissions.contains(&Permission::DiskFullWriteAccess));
    let session = Session::fold(&events);
    let now = session.settings().expect("open");
    assert_eq!(now.permissions, [Permission::DiskFullReadAccess]);
    assert_eq!((session.cwd(), now.provider.id.as_str()), (Some("/srv/other"), "default"));
    assert!(counts.notes.iter().any(|note| note.contains("`openai`")), "{:?}", counts.notes);
    // The summary stands for all of it.
    assert_eq!(session.transcript().entries().len(), 1);

    let (events, _) = converted(&fs::read_to_string(fixture("legacy_bare.jsonl")).expect("it"));
    let Some(Event::SessionOpened { settings, .. }) = events[0].event() else { panic!() };
    assert_eq!(settings.permissions, [Permission::DiskFullReadAccess]);
    assert_eq!(settings.approval_policy, ApprovalPolicy::UnlessAllowListed);
}

#[test]
fn turns_end_as_they_ended() {
    let end = |name: &str| {
        let (events, counts) = converted(&fs::read_to_string(fixture(name)).expect("a fixture"));
        let ends = events.iter().filter_map(Envelope::event).filter(|event| event.ends_turn());
        let ends: Vec<String> = ends.map(codex_event::kind).collect();
        (ends.join(" "), counts.abandoned)
    };
    assert_eq!(end("plain.jsonl"), ("turn_completed".into(), 0));
    assert_eq!(end("sigint.jsonl"), ("turn_interrupted".into(), 0));
    assert_eq!(end("killed.jsonl"), ("turn_failed".into(), 1));
    assert_eq!(end("killed_resumed.jsonl"), ("turn_failed turn_completed".into(), 1));
    assert_eq!(end("compact.jsonl"), ("turn_completed turn_completed".into(), 0));
    assert_eq!(end("legacy.jsonl"), ("turn_completed turn_interrupted".into(), 0));
    assert_eq!(end("legacy_bare.jsonl"), ("turn_completed turn_failed".into(), 1));
    let (events, _) = converted(&fs::read_to_string(fixture("killed.jsonl")).expect("it"));
    assert!(kinds(&events).contains(&"tool_abandoned".to_owned()));
}

#[test]
fn nothing_is_summed_up_while_an_answer_is_awaited() {
    let (events, _) = converted(&fs::read_to_string(fixture("compact.jsonl")).expect("it"));
    let source = ContextSource::Summary;
    let mut session = Session::default();
    let mut refused = Vec::new();
    for envelope in &events {
        session.apply(envelope);
        let event = Event::ContextAdded { source, text: "so far".to_owned().into() };
        let next =
            Envelope { seq: session.last().next(), body: Body::Known(event), ..envelope.clone() };
        if session.admit(&next).is_err() && envelope.event().is_some() {
            refused.push(envelope.kind());
        }
    }
    refused.sort();
    refused.dedup();
    let expected = [
        "model_item_completed",
        "model_requested",
        "model_responded",
        "review_settled",
        "session_closed",
        "tool_called",
        "tool_intended",
        "tool_output",
        "tool_spawned",
    ];
    assert_eq!(refused, expected);
}

#[test]
fn secrets_do_not_land() {
    let text = fs::read_to_string(fixture("shell.jsonl")).expect("a fixture");
    let text = text.replace("echo hello", &format!("echo {SECRET}")).replace("do the task", SECRET);
    let (events, _) = converted(&text);
    let mut found = 0;
    for envelope in &events {
        let json = String::from_utf8(envelope.to_json()).expect("UTF-8");
        assert!(!json.contains(SECRET), "{json}");
        found += json.matches("[redacted:CANARY:").count();
    }
    assert!(found >= 6, "{found}");
}

fn imported(home: &Path, path: &Path) -> Result<Imported, ImportError> {
    import(&Layout::new(home), path, terms, &mut |at, of| assert!(at <= of))
}

#[test]
fn a_session_keeps_its_id_and_is_imported_once() {
    let home = tempfile::tempdir().expect("a folder");
    let made = imported(home.path(), &fixture("plain.jsonl")).expect("imported");
    assert_eq!(made.id.to_string(), "01a20000-0000-7000-8000-000000000001");
    assert_eq!(made.other_id, None);
    let again = imported(home.path(), &fixture("plain.jsonl")).expect_err("it is there");
    assert!(matches!(again, ImportError::Already(id) if id == made.id), "{again}");

    // An id of another kind can't be a session's; the one in its place is the same each time.
    let old = imported(home.path(), &fixture("legacy_bare.jsonl")).expect("imported");
    assert_eq!(old.other_id.as_deref(), Some("5973b6c0-94b8-487b-a530-2aeb6098ae0e"));
    let again = imported(home.path(), &fixture("legacy_bare.jsonl")).expect_err("it is there");
    assert!(matches!(again, ImportError::Already(id) if id == old.id), "{again}");
    let journal = RawJournal::read(&Layout::new(home.path()).session(old.id), old.id).expect("it");
    assert_eq!(journal.head().seq.0, old.records);
}

#[test]
fn nothing_is_left_of_what_is_no_rollout() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("notes.jsonl");
    for text in ["", "{\"type\":\"message\"}\n", "hello\n", "{\"id\":1}\n"] {
        fs::write(&path, text).expect("written");
        let error = imported(home.path(), &path).expect_err(text);
        assert!(matches!(error, ImportError::NotARollout(_)), "{error}");
    }
    assert!(Layout::new(home.path()).sessions().expect("a list").is_empty());
}

#[test]
fn a_fork_begins_with_what_it_was_forked_from() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = fixture("fork");
    let mut names: Vec<_> =
        fs::read_dir(&folder).expect("it").map(|entry| entry.expect("one").path()).collect();
    names.sort();
    let child = &names[1];
    let made = imported(home.path(), child).expect("imported");
    assert_eq!((made.files.len(), made.counts.turns, made.counts.items), (2, 2, 2));
    assert_eq!(made.files[1], *child);

    // Without its parent it is what there is of it, and that is said.
    let alone = tempfile::tempdir().expect("a folder");
    let moved = alone.path().join(child.file_name().expect("a name"));
    fs::copy(child, &moved).expect("copied");
    let made = imported(alone.path(), &moved).expect("imported");
    assert_eq!((made.files.len(), made.counts.turns), (1, 1));
    assert!(made.counts.notes[0].contains("is a fork of"), "{:?}", made.counts.notes);

    // In the folders of another day it is found, too.
    let days = tempfile::tempdir().expect("a folder");
    for (day, file) in [("24", &names[0]), ("25", child)] {
        let folder = days.path().join("sessions/2026/11").join(day);
        fs::create_dir_all(&folder).expect("folders");
        fs::copy(file, folder.join(file.file_name().expect("a name"))).expect("copied");
    }
    let path = days.path().join("sessions/2026/11/25").join(child.file_name().expect("a name"));
    assert_eq!(imported(days.path(), &path).expect("imported").counts.turns, 2);
}
