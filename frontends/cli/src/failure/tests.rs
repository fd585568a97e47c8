//! Every error that can reach a user, one value of each kind, held to the rules of messages.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use codex_actors::WishError;
use codex_config::Origin;
use codex_event::{
    CallId, Epoch, FailureKind, FaultKind, FrameError, PermissionError, Refusal, Seq, SessionId,
    Timestamp, TurnId,
};
use codex_journal::{
    AppendError, Damage, GuestError, ImportDamage, Lease, Problem, RemoveError, StoreError,
    WriteFault,
};
use codex_patch::{ApplyError, ParseError};
use codex_sandbox::{EXIT_NOT_EXECUTABLE, EXIT_SETUP};

use super::*;

/// All exit codes that a failure may have.
const TABLE: [u8; 7] = [TURN_FAILED, USAGE, UNVERIFIED, POLICY, AMBIGUOUS, NO_SANDBOX, NO_JOURNAL];

/// Checks one example for each variant. A variant without one does not compile.
macro_rules! each {
    ($type:ty: $($pattern:pat => $value:expr, $check:expr;)+) => {{
        fn _all(it: &$type) {
            match it {
                $($pattern => {})+
            }
        }
        $(
            let value: $type = $value;
            assert!(matches!(&value, $pattern), "{value:?} is another variant");
            $check(value);
        )+
    }};
}

/// Expects this exit code, and a message that names what is at fault.
fn fails<E: Into<Failure>>(code: u8, at_fault: &str) -> impl Fn(E) {
    move |error| {
        let failure: Failure = error.into();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(TABLE.contains(&code) || code == BUG, "{failure:?}");
        sound(&failure.message, at_fault, &failure.hint);
        assert!(!failure.message.starts_with(char::is_uppercase), "{failure:?}");
    }
}

/// Holds words to the rules that all errors share.
fn sound(message: &str, at_fault: &str, hint: &str) {
    assert!(message.contains(at_fault), "{message:?} does not name {at_fault:?}");
    assert!(hint.trim().len() > 10, "{message:?} has no hint: {hint:?}");
    assert!(!hint.starts_with(char::is_uppercase) && !hint.ends_with('.'), "{hint:?}");
    assert!(!hint.contains('\n') && !hint.contains("  "), "{hint:?}");
    for text in [message, hint] {
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{text:?} has a path of the build");
    }
}

fn busy() -> OpenError {
    OpenError::Busy { session: id(), owner: None }
}

fn origin() -> Origin {
    Origin::File { path: "/home/ada/.codex/config.toml".into(), line: 3, column: 7 }
}

fn key() -> String {
    "model_providers.x.key".to_owned()
}

fn path() -> PathBuf {
    "/srv/thing".into()
}

fn io(kind: io::ErrorKind) -> io::Error {
    kind.into()
}

fn refused() -> io::Error {
    io(io::ErrorKind::PermissionDenied)
}

fn id() -> SessionId {
    "01a20616-6896-7577-b949-eebfebfb6ddf".parse().expect("an id")
}

const PLACE: &str = "config.toml:3:7: ";
const KEY: &str = "`model_providers.x.key`";

#[test]
fn settings() {
    let of_key = || fails::<ConfigError>(USAGE, KEY);
    let of_place = || fails::<ConfigError>(USAGE, PLACE);
    each!(ConfigError:
        ConfigError::NoHome => ConfigError::NoHome, fails(USAGE, "CODEX_HOME");
        ConfigError::Read { .. } => ConfigError::Read { path: path(), source: refused() },
            fails(USAGE, "/srv/thing: ");
        ConfigError::NotAFile { .. } => ConfigError::NotAFile { path: path(), found: "a folder" },
            fails(USAGE, "/srv/thing: is a folder");
        ConfigError::NotUtf8 { .. } => ConfigError::NotUtf8 { origin: origin() }, of_place();
        ConfigError::Syntax { .. } =>
            ConfigError::Syntax { origin: origin(), message: "unclosed array".into() },
            of_place();
        ConfigError::Override { .. } =>
            ConfigError::Override { key: "a.b".into(), problem: "there is no `=`" },
            fails(USAGE, "-c a.b: there is no `=`");
        ConfigError::WrongType { .. } => ConfigError::WrongType {
            key: key(), origin: origin(), expected: "a string", found: "an integer",
        }, of_key();
        ConfigError::UnknownValue { .. } => ConfigError::UnknownValue {
            key: key(), origin: origin(), value: "v".into(), allowed: vec!["w"],
        }, of_key();
        ConfigError::Permission { .. } => ConfigError::Permission {
            key: key(), origin: origin(), source: PermissionError::Unknown("v".into()),
        }, of_key();
        ConfigError::NoUserFolder { .. } =>
            ConfigError::NoUserFolder { key: key(), origin: origin() }, of_key();
        ConfigError::NotText { .. } =>
            ConfigError::NotText { key: key(), origin: origin(), path: path() }, of_key();
        ConfigError::NoFolder { .. } => ConfigError::NoFolder {
            key: key(), origin: origin(), path: path(), source: refused(),
        }, fails(USAGE, "/srv/thing is not a usable folder");
        ConfigError::NoFile { .. } =>
            ConfigError::NoFile { key: key(), origin: origin(), path: path() }, of_key();
        ConfigError::UnknownKey { .. } =>
            ConfigError::UnknownKey { key: key(), origin: origin(), nearest: None }, of_key();
        ConfigError::UnknownAction { .. } =>
            ConfigError::UnknownAction { key: key(), origin: origin(), action: key(), known: vec![] },
            of_key();
        ConfigError::UnknownKeyName { .. } =>
            ConfigError::UnknownKeyName { key: key(), origin: origin(), name: "v".into() }, of_key();
        ConfigError::KeyTaken { .. } => ConfigError::KeyTaken {
            key: key(), origin: origin(), name: "Ctrl-T".into(), other: "w".into(),
        }, of_key();
        ConfigError::RetiredKey { .. } =>
            ConfigError::RetiredKey { key: key(), origin: origin(), instead: "go" }, of_key();
        ConfigError::ChatWire { .. } =>
            ConfigError::ChatWire { key: key(), origin: origin() }, of_key();
        ConfigError::UnknownProvider { .. } => ConfigError::UnknownProvider {
            id: "nobody".into(), origin: origin(), known: vec!["openai".into()],
        }, fails(USAGE, "`nobody`");
        ConfigError::NoBaseUrl { .. } =>
            ConfigError::NoBaseUrl { id: "mine".into(), origin: origin() }, fails(USAGE, "`mine`");
        ConfigError::BadUrl { .. } => ConfigError::BadUrl { key: key(), origin: origin() },
            of_key();
        ConfigError::EnvironmentNumber { .. } =>
            ConfigError::EnvironmentNumber { name: "A_NUMBER", value: "many".into() },
            fails(USAGE, "$A_NUMBER");
    );
    // Two kinds of word, and where the word stands, make a difference.
    for origin in [origin(), Origin::Flag("-s"), Origin::Override("sandbox_permissions".into())] {
        each!(PermissionError:
            PermissionError::Unknown(_) => PermissionError::Unknown("nonsense".into()), |source| {
                let (key, origin) = (key(), origin.clone());
                fails(USAGE, "`nonsense`")(ConfigError::Permission { key, origin, source });
            };
            PermissionError::MissingFolder => PermissionError::MissingFolder, |source| {
                let (key, origin) = (key(), origin.clone());
                fails(USAGE, "needs a folder")(ConfigError::Permission { key, origin, source });
            };
        );
    }
}

#[test]
fn the_sandbox() {
    let grant = || "disk-write-folder".to_owned();
    each!(PlanError:
        PlanError::BelowFloor { .. } => PlanError::BelowFloor { host: Box::new(codex_sandbox::probe()) },
            fails(NO_SANDBOX, "landlock");
        PlanError::FullUnavailable { .. } =>
            PlanError::FullUnavailable { missing: vec![] }, fails(NO_SANDBOX, "`full`");
        PlanError::NoUserTemp => PlanError::NoUserTemp, fails(USAGE, "user-temp-folder");
        PlanError::NotAbsolute { .. } => PlanError::NotAbsolute { grant: grant(), path: path() },
            fails(USAGE, "/srv/thing");
        PlanError::Missing { .. } =>
            PlanError::Missing { grant: grant(), path: path(), source: refused() },
            fails(USAGE, "/srv/thing");
        PlanError::NotUtf8 { .. } => PlanError::NotUtf8 { path: path() }, fails(USAGE, "/srv/thing");
        PlanError::Refused { .. } =>
            PlanError::Refused { grant: grant(), path: path(), reason: "is a home".into() },
            fails(USAGE, "/srv/thing");
    );
    each!(SpawnError:
        SpawnError::EmptyCommand => SpawnError::EmptyCommand, fails(USAGE, "command");
        SpawnError::Nul { .. } => SpawnError::Nul { what: "an argument" },
            fails(USAGE, "an argument");
        SpawnError::System { .. } => SpawnError::System { step: "fork", source: refused() },
            fails(NO_SANDBOX, "fork");
        SpawnError::NoProgram(_) => SpawnError::NoProgram(io::ErrorKind::NotFound),
            fails(NO_SANDBOX, "/proc");
        SpawnError::Closed => SpawnError::Closed, fails(BUG, "spawner");
    );
    for step in Step::ALL {
        for code in [EXIT_SETUP, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND] {
            let failed = Failed { step, message: "it said no".into(), code };
            sound(&failed.message, "", step_hint(&failed));
        }
    }
}

#[test]
fn journals() {
    each!(FindError:
        FindError::Unknown { .. } => FindError::Unknown { words: "moom".into(), near: vec!["moon".into()] },
            fails(USAGE, "`moom`; did you mean moon?");
        FindError::TooShort(_) => FindError::TooShort("01".into()), fails(USAGE, "`01`");
        FindError::Ambiguous { .. } =>
            FindError::Ambiguous { words: "0190a".into(), candidates: vec![id()] },
            fails(USAGE, "01a20616-");
        FindError::NoneHere(_) => FindError::NoneHere("/srv/here".into()), fails(USAGE, "/srv/here");
        FindError::Empty => FindError::Empty, fails(USAGE, "no session");
        FindError::Io(_) => FindError::Io(refused()), fails(USAGE, "sessions");
    );
    each!(RawError:
        RawError::NotFound(_) => RawError::NotFound(path()), fails(UNVERIFIED, "/srv/thing");
        RawError::Io(_) => RawError::Io(refused()), fails(UNVERIFIED, "journal");
        RawError::Lost(_) => RawError::Lost(Seq(7)), fails(UNVERIFIED, "record 7");
    );
    each!(ReplayError:
        ReplayError::Journal(_) => RawError::Lost(Seq(7)).into(), fails(UNVERIFIED, "record 7");
        ReplayError::Output(_) => ReplayError::Output(refused()), fails(TURN_FAILED, "output");
    );
    each!(ForkError:
        ForkError::Beyond { .. } =>
            ForkError::Beyond { parent: id(), at: Seq(9), last: Seq(7) }, fails(USAGE, "no event 9");
        ForkError::NoTurn { .. } =>
            ForkError::NoTurn { parent: id(), turn: TurnId(3), last: TurnId(2) },
            fails(USAGE, "the last is 2");
        ForkError::Hole { .. } =>
            ForkError::Hole { parent: id(), first: Seq(7), last: Seq(8) },
            fails(UNVERIFIED, "records 7 to 8");
        ForkError::Damaged { .. } =>
            ForkError::Damaged { parent: id(), problem: Problem::Conflict { seq: Seq(7) } },
            fails(UNVERIFIED, "at 7");
        ForkError::NeverBegun(_) => ForkError::NeverBegun(id()), fails(USAGE, "01a20616-");
        ForkError::Read(_) => RawError::Lost(Seq(7)).into(), fails(UNVERIFIED, "record 7");
        ForkError::Make(_) => OpenError::Exists(id()).into(), fails(USAGE, "01a20616-");
    );
    each!(ExportError:
        ExportError::Read(_) => RawError::Lost(Seq(7)).into(), fails(UNVERIFIED, "record 7");
        ExportError::Empty(_) => ExportError::Empty(id()), fails(USAGE, "01a20616-");
        ExportError::Output(_) => ExportError::Output(refused()), fails(USAGE, "export");
    );
    each!(ImportError:
        ImportError::NotAnExport => ImportError::NotAnExport, fails(UNVERIFIED, "no exported");
        ImportError::Format(_) => ImportError::Format(9), fails(USAGE, "format 9");
        ImportError::CutOff { .. } => ImportError::CutOff { at: 77 }, fails(UNVERIFIED, "77 bytes");
        ImportError::Damaged { .. } =>
            ImportError::Damaged { at: 77, what: ImportDamage::Checksum }, fails(UNVERIFIED, "byte 77");
        ImportError::Incomplete(_) =>
            ImportError::Incomplete(Problem::Missing { first: Seq(7), last: Seq(8) }),
            fails(UNVERIFIED, "7 to 8");
        ImportError::Input(_) => ImportError::Input(refused()), fails(USAGE, "file");
        ImportError::Make(_) => OpenError::Exists(id()).into(), fails(USAGE, "01a20616-");
    );
    let illegal = || codex_session::Illegal::Epoch;
    each!(codex_rollout::ImportError:
        codex_rollout::ImportError::Input { .. } =>
            codex_rollout::ImportError::Input { path: path(), error: refused() },
            fails(USAGE, "/srv/thing");
        codex_rollout::ImportError::NotARollout(_) =>
            codex_rollout::ImportError::NotARollout(path()), fails(UNVERIFIED, "no Codex rollout");
        codex_rollout::ImportError::Already(_) =>
            codex_rollout::ImportError::Already(id()), fails(USAGE, "01a20616-");
        codex_rollout::ImportError::Make(_) => OpenError::Exists(id()).into(),
            fails(USAGE, "01a20616-");
        codex_rollout::ImportError::Convert(_) =>
            codex_rollout::Fault { seq: Seq(7), illegal: illegal() }.into(), fails(BUG, "event 7");
    );
    let key_error = || KeyError::Io { path: path(), source: refused() };
    each!(KeyError:
        KeyError::Io { .. } => key_error(), fails(USAGE, "/srv/thing: ");
        KeyError::Exposed { .. } => KeyError::Exposed { path: path(), mode: 0o644 },
            fails(USAGE, "mode 644");
        KeyError::NotAKey { .. } => KeyError::NotAKey { path: path() }, fails(USAGE, "/srv/thing: ");
        KeyError::Entropy => KeyError::Entropy, fails(USAGE, "random");
    );
    each!(Unsigned:
        Unsigned::Journal(_) => RawError::Lost(Seq(7)).into(), fails(UNVERIFIED, "record 7");
        Unsigned::Damaged { .. } =>
            Unsigned::Damaged { session: id(), problem: "record 7 is missing".into() },
            fails(UNVERIFIED, "record 7");
        Unsigned::Empty(_) => Unsigned::Empty(id()), fails(USAGE, "01a20616-");
    );
    each!(OpenError:
        OpenError::Busy { .. } => busy(), fails(USAGE, "01a20616-");
        OpenError::NotFound(_) => OpenError::NotFound(id()), fails(USAGE, "01a20616-");
        OpenError::Exists(_) => OpenError::Exists(id()), fails(USAGE, "01a20616-");
        OpenError::Damaged { .. } =>
            OpenError::Damaged { session: id(), damage: Damage::Unfinished(3) },
            fails(UNVERIFIED, "01a20616-");
        OpenError::Newer { .. } => OpenError::Newer { session: id(), found: 3, known: 1 },
            fails(USAGE, "format 3");
        OpenError::InTheWay { .. } => OpenError::InTheWay { path: path(), wanted: "a folder" },
            fails(UNVERIFIED, "/srv/thing is not a folder");
        OpenError::Store(_) => StoreError::Missing(Seq(7)).into(), fails(NO_JOURNAL, "record 7");
        OpenError::Io(_) => OpenError::Io(refused()), fails(NO_JOURNAL, "journal");
        OpenError::Raw(_) => RawError::Lost(Seq(7)).into(), fails(UNVERIFIED, "record 7");
    );
    let damaged =
        |damage| fails(UNVERIFIED, "damaged: ")(OpenError::Damaged { session: id(), damage });
    each!(Damage:
        Damage::Records(_) => Damage::Records(Problem::Conflict { seq: Seq(7) }), damaged;
        Damage::Engine(_) => Damage::Engine("said so".into()), damaged;
        Damage::Panicked(_) => Damage::Panicked("said so".into()), damaged;
        Damage::Earlier(_) => Damage::Earlier("the same".into()), damaged;
        Damage::Unfinished(_) => Damage::Unfinished(3), damaged;
    );
}

#[test]
fn writing() {
    each!(WriteError:
        WriteError::Failed(_) => WriteError::Failed(Arc::new(WriteFault::Head(refused()))),
            fails(NO_JOURNAL, "head file");
        WriteError::Ended => WriteError::Ended, fails(NO_JOURNAL, "writer");
    );
    let fault = |at_fault: &'static str| {
        move |fault: WriteFault| {
            fails(NO_JOURNAL, at_fault)(WriteError::Failed(Arc::new(fault)));
        }
    };
    each!(WriteFault:
        WriteFault::Full { .. } => WriteFault::Full { first: Seq(7) }, fault("event 7");
        WriteFault::Append(_) => AppendError::TooLarge { seq: Seq(7), len: 9 }.into(),
            fault("event 7");
        WriteFault::Barrier(_) => StoreError::Missing(Seq(7)).into(), fault("record 7");
        WriteFault::Blob(_) => WriteFault::Blob(refused()), fault("blob");
        WriteFault::Head(_) => WriteFault::Head(io(io::ErrorKind::StorageFull)), fault("head");
        WriteFault::Fenced { .. } => WriteFault::Fenced { ours: Epoch(2), theirs: Epoch(3) },
            fault("epoch 3");
        WriteFault::Lock(_) => WriteFault::Lock(io(io::ErrorKind::NotFound)), fault("lock");
    );
    let append = |at_fault: &'static str| move |error: AppendError| fault(at_fault)(error.into());
    each!(AppendError:
        AppendError::Expected { .. } => AppendError::Expected { expect: Seq(7), head: Seq(9) },
            append("7");
        AppendError::NotDense { .. } => AppendError::NotDense { wanted: Seq(7), found: Seq(9) },
            append("event 9");
        AppendError::Fenced { .. } => AppendError::Fenced { head: Epoch(2), found: Epoch(1) },
            append("epoch 1");
        AppendError::WrongSession { .. } =>
            AppendError::WrongSession { session: id(), found: id() }, append("01a20616-");
        AppendError::TooLarge { .. } => AppendError::TooLarge { seq: Seq(7), len: 9 },
            append("event 7");
        AppendError::Store(_) => StoreError::Missing(Seq(7)).into(), append("record 7");
    );
    let store = |at_fault: &'static str| move |error: StoreError| fault(at_fault)(error.into());
    each!(StoreError:
        StoreError::Io(_) => StoreError::Io(refused()), store("permission denied");
        StoreError::Engine(_) => StoreError::Engine("said so".into()), store("storage engine");
        StoreError::Panicked(_) => StoreError::Panicked("said so".into()), store("panicked");
        StoreError::Damaged { .. } =>
            StoreError::Damaged { seq: Seq(7), error: FrameError::Hash }, store("record 7");
        StoreError::Missing(_) => StoreError::Missing(Seq(7)), store("record 7");
        StoreError::Feed(_) => StoreError::Feed("record 7 is not due".into()), store("feed");
    );
    let full = journal::system(&io(io::ErrorKind::StorageFull));
    assert!(full.starts_with("the disk") && full != journal::system(&refused()), "{full}");
}

#[test]
fn turns() {
    each!(TakeUpError:
        TakeUpError::Open(_) => busy().into(), fails(USAGE, "01a20616-");
        TakeUpError::NeverBegun(_) => TakeUpError::NeverBegun(id()), fails(USAGE, "01a20616-");
        TakeUpError::Hole { .. } => TakeUpError::Hole {
            session: id(),
            first: Seq(7),
            last: Seq(9),
            fork_at: Some(Seq(6)),
        }, fails(UNVERIFIED, "events 7 to 9");
        TakeUpError::Survives { .. } => TakeUpError::Survives { pid: 7 }, fails(AMBIGUOUS, "7");
    );
    each!(RunError:
        RunError::Create(_) => RunError::Create(OpenError::Io(refused())),
            fails(NO_JOURNAL, "the session's journal can't be made");
        RunError::Journal(_) => RunError::Journal(WriteError::Ended),
            fails(NO_JOURNAL, "journal");
        RunError::Runtime(_) => RunError::Runtime(refused()), fails(BUG, "runtime");
        RunError::Refused(_) => Rejection::EmptyInput.into(), fails(USAGE, "input");
        RunError::Frontend => RunError::Frontend, fails(BUG, "frontend");
    );
    each!(LineError:
        LineError::OutputClosed(_) => LineError::OutputClosed(refused()),
            fails(TURN_FAILED, "output");
        LineError::Feed(_) => LineError::Feed("record 7 is missing".into()),
            fails(NO_JOURNAL, "record 7");
    );
    each!(ExecError:
        ExecError::OutputClosed(_) => ExecError::OutputClosed(refused()),
            fails(TURN_FAILED, "output");
        ExecError::LastMessage { .. } =>
            ExecError::LastMessage { path: path(), source: refused() }, fails(USAGE, "/srv/thing");
        ExecError::Feed(_) => ExecError::Feed("record 7 is missing".into()),
            fails(NO_JOURNAL, "record 7");
    );
    each!(Rejection:
        Rejection::NotOpen => Rejection::NotOpen, fails(BUG, "session");
        Rejection::AlreadyOpen => Rejection::AlreadyOpen, fails(BUG, "session");
        Rejection::Closed => Rejection::Closed, fails(BUG, "session");
        Rejection::NoTurn => Rejection::NoTurn, fails(USAGE, "turn");
        Rejection::TurnRunning => Rejection::TurnRunning, fails(USAGE, "turn");
        Rejection::EmptyInput => Rejection::EmptyInput, fails(USAGE, "input");
        Rejection::BadName => Rejection::BadName, fails(USAGE, "name");
        Rejection::NoSuchReview(_) => Rejection::NoSuchReview(CallId(7)), fails(USAGE, "call 7");
        Rejection::TooWide(_) => Rejection::TooWide("call 7 once".into()), fails(USAGE, "call 7");
        Rejection::Stale => Rejection::Stale, fails(USAGE, "report");
    );
}

#[test]
fn changed_sessions() {
    each!(WishError:
        WishError::Refused(_) => Rejection::BadName.into(), fails(USAGE, "name");
        WishError::Journal(_) => WriteError::Ended.into(), fails(NO_JOURNAL, "writer");
        WishError::Runtime(_) => WishError::Runtime(refused()), fails(BUG, "runtime");
    );
    each!(RemoveError:
        RemoveError::NotFound(_) => RemoveError::NotFound(id()), fails(USAGE, "01a20616-");
        RemoveError::Busy(_) => RemoveError::Busy(id()), fails(USAGE, "01a20616-");
        RemoveError::WentOn(_) => RemoveError::WentOn(id()), fails(USAGE, "01a20616-");
        RemoveError::Io { .. } => RemoveError::Io { session: id(), source: refused() },
            fails(NO_JOURNAL, "01a20616-");
    );
}

#[test]
fn failed_turns() {
    each!(FailureKind:
        FailureKind::Model => FailureKind::Model, hints("provider");
        FailureKind::MissingKey => FailureKind::MissingKey, hints("env_key");
        FailureKind::Policy => FailureKind::Policy, hints("-s");
        FailureKind::Ambiguous => FailureKind::Ambiguous, hints("look at the files");
        FailureKind::SandboxUnavailable => FailureKind::SandboxUnavailable, hints("sandbox_level");
    );
    let model = |message: &'static str, word: &'static str| {
        move |_: FaultKind| {
            let hint = codex_view::hint(FailureKind::Model, message);
            sound(message, message, &hint);
            assert!(hint.contains(word), "{message:?}: {hint:?}");
        }
    };
    // What each kind says in the words of `codex_actors`, and what a user should be told.
    each!(FaultKind:
        FaultKind::Unreachable => FaultKind::Unreachable,
            model("http://127.0.0.1:1/v1 can't be reached: connection refused", "base_url");
        FaultKind::ServerError => FaultKind::ServerError,
            model("unexpected status 503 Service Unavailable: busy, url: http://x", "again");
        FaultKind::RateLimited => FaultKind::RateLimited,
            model("exceeded retry limit, last status: 429 Too Many Requests", "wait");
        FaultKind::StreamLost => FaultKind::StreamLost,
            model("stream disconnected before completion: stream closed", "again");
        FaultKind::ResponseFailed => FaultKind::ResponseFailed,
            model("the response failed, and the server does not say why", "again");
        FaultKind::PreviousResponseUnknown => FaultKind::PreviousResponseUnknown,
            model("Previous response with id 'resp_1' not found.", "response_storage");
        FaultKind::MissingKey => FaultKind::MissingKey, |_| {
            let message = "Missing environment variable: `MY_KEY`.";
            let hint = codex_view::hint(FailureKind::MissingKey, message);
            sound(message, "`MY_KEY`", &hint);
            assert!(hint.contains("MY_KEY"), "{hint}");
        };
        FaultKind::Unauthorized => FaultKind::Unauthorized,
            model("unexpected status 401 Unauthorized: no, url: http://x", "key");
        FaultKind::BadRequest => FaultKind::BadRequest,
            model("Unsupported parameter: 'reasoning'.", "the model supports");
        FaultKind::ContextWindow => FaultKind::ContextWindow,
            model("Codex ran out of room in the model's context window.", "new session");
        FaultKind::Quota => FaultKind::Quota,
            model("Quota exceeded. Check your plan and billing details.", "plan");
        FaultKind::Incomplete => FaultKind::Incomplete,
            model("Incomplete response returned, reason: max_output_tokens", "smaller");
        FaultKind::Cancelled => FaultKind::Cancelled, model("cancelled", "");
    );
}

fn hints(word: &'static str) -> impl Fn(FailureKind) {
    move |kind| {
        let hint = codex_view::hint(kind, "something else");
        sound("something else", "", &hint);
        assert!(hint.contains(word), "{kind:?}: {hint}");
    }
}

#[test]
fn patches() {
    use codex_patch::{PlanError, Problem};
    let hunk = |at_fault: &'static str| {
        move |problem: Problem| {
            let error = ParseError::Hunk { line: 7, problem };
            sound(&error.to_string(), at_fault, error.hint());
            assert!(error.to_string().contains("line 7"), "{error}");
        }
    };
    let parse = |at_fault: &'static str| {
        move |error: ParseError| {
            sound(&error.to_string(), at_fault, error.hint());
        }
    };
    each!(ParseError:
        ParseError::MissingBegin => ParseError::MissingBegin, parse("*** Begin Patch");
        ParseError::MissingEnd => ParseError::MissingEnd, parse("*** End Patch");
        ParseError::TextAfterEnd { .. } => ParseError::TextAfterEnd { line: 7 }, parse("line 7");
        ParseError::NoFiles => ParseError::NoFiles, parse("empty");
        ParseError::Hunk { .. } => ParseError::Hunk { line: 7, problem: Problem::EmptyChunk },
            parse("line 7");
    );
    each!(Problem:
        Problem::NotAHeader(_) => Problem::NotAHeader("odd".into()), hunk("'odd'");
        Problem::NoPath(_) => Problem::NoPath("odd".into()), hunk("'odd'");
        Problem::NulInPath(_) => Problem::NulInPath("odd".into()), hunk("'odd'");
        Problem::EmptyUpdate(_) => Problem::EmptyUpdate("odd".into()), hunk("'odd'");
        Problem::EmptyChunk => Problem::EmptyChunk, hunk("lines");
        Problem::ExpectedMarker(_) => Problem::ExpectedMarker("odd".into()), hunk("'odd'");
        Problem::NoSign(_) => Problem::NoSign("odd".into()), hunk("'odd'");
        Problem::NoPlus(_) => Problem::NoPlus("odd".into()), hunk("'odd'");
    );
    let file = || "a.txt".to_owned();
    let plan = |error: PlanError| sound(&error.to_string(), "a.txt", error.hint());
    each!(PlanError:
        PlanError::Context { .. } => PlanError::Context { context: "x".into(), path: file() }, plan;
        PlanError::Lines { .. } => PlanError::Lines { lines: "x".into(), path: file() }, plan;
        PlanError::Protected { .. } => PlanError::Protected { path: file(), resolved: path() }, plan;
        PlanError::Outside { .. } => PlanError::Outside { path: file(), resolved: path() }, plan;
        PlanError::Read { .. } => PlanError::Read { path: file(), source: refused() }, plan;
        PlanError::Delete { .. } => PlanError::Delete { path: file(), source: refused() }, plan;
        PlanError::Write { .. } => PlanError::Write { path: file(), source: refused() }, plan;
    );
    let apply = |error: ApplyError| sound(&error.to_string(), "/srv/thing", error.hint());
    each!(ApplyError:
        ApplyError::Changed { .. } => ApplyError::Changed { path: path() }, apply;
        ApplyError::Io { .. } =>
            ApplyError::Io { action: "write", path: path(), source: refused() }, apply;
        ApplyError::Stuck { .. } => ApplyError::Stuck {
            cause: Box::new(ApplyError::Changed { path: path() }),
            left: vec![("/srv/thing".into(), None)],
        }, apply;
    );
}

#[test]
fn how_long_a_session_is_in_use_is_said_unless_the_clock_went_back() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let since = Timestamp(1_000_000);
    for (now, words) in [
        (1000, " for 0 seconds"),
        (1001, " for 1 second"),
        (1130, " for 2 minutes"),
        (1000 + 7200, " for 2 hours"),
        (1000 + 86400, " for 1 day"),
        (999, ""),
        (0, ""),
    ] {
        assert_eq!(journal::ago(since, at(now)), words, "{now}");
    }
}

#[test]
fn joining() {
    let owner = || {
        Box::new(Lease {
            pid: 4242,
            start_time: 1,
            boot_id: "this".into(),
            epoch: Epoch(3),
            socket: None,
            program: "codex 0.1.0".into(),
            since: Timestamp(0),
        })
    };
    let (session, refuses) = (id(), "permission denied");
    each!(GuestError:
        GuestError::NotFound(_) => GuestError::NotFound(session), fails(USAGE, "01a20616-");
        GuestError::NoOwner(_) => GuestError::NoOwner(session), fails(USAGE, "01a20616-");
        GuestError::NoSocket { .. } => GuestError::NoSocket { session, owner: owner() },
            fails(USAGE, "process 4242");
        GuestError::Hung { .. } => GuestError::Hung { session, owner: owner() },
            fails(USAGE, "process 4242");
        GuestError::Unreachable { .. } =>
            GuestError::Unreachable { session, owner: owner(), error: refused() },
            fails(USAGE, refuses);
        GuestError::Refused { .. } =>
            GuestError::Refused { session, owner: owner(), message: "too many".into() },
            fails(USAGE, "too many");
    );
    each!(Refusal:
        Refusal::Rejected(_) => Refusal::Rejected(Rejection::NoSuchReview(CallId(7))),
            fails(USAGE, "call 7");
        Refusal::OwnerOnly => Refusal::OwnerOnly, fails(USAGE, "owner");
        Refusal::Stranger => Refusal::Stranger, fails(USAGE, "version");
        Refusal::TooLong => Refusal::TooLong, fails(USAGE, "too long");
        Refusal::Gone => Refusal::Gone, fails(USAGE, "went away");
    );
}
