//! `codex attach`, and `codex replay --follow`: a session that another process runs.

use std::io;
use std::process::ExitCode;

use codex_event::{CallId, Command, InterruptReason, Refusal, Scope, Seq, SessionId, Verdict};
use codex_journal::{Guest, GuestError, Layout};
use codex_replay::{Followed, Form, ReplayError, follow, waiting};

use crate::args::{Attach, Called};
use crate::failure::{Failure, USAGE};
use crate::{find, line, opening, say};

/// The name under which this frontend's wishes are recorded.
const FRONTEND: &str = "attach";
/// That of a replay, which wishes nothing.
const WATCHER: &str = "replay";

pub(crate) fn run(args: Attach) -> Result<ExitCode, Failure> {
    let layout = Layout::new(&opening::home()?);
    let id = match &args.session {
        Some(words) => find::session(&layout, words)?,
        None => codex_journal::last(&layout)?,
    };
    let guest = Guest::connect(&layout, id, FRONTEND)?;
    match wish(&args, &guest)? {
        Some((command, done)) => {
            guest.ask(command)?;
            say::aside(done);
            Ok(ExitCode::SUCCESS)
        }
        // A person who only wants to look on takes one of the forms.
        None if line::is_terminal() && !args.text && !args.json && args.from.is_none() => {
            line::attach(&guest, args.color)
        }
        None => {
            let form = match args.json {
                true => Form::Json,
                false => Form::Text(args.color.paint(&io::stdout())),
            };
            let from = Seq(args.from.unwrap_or(1));
            let mut asked = |call: CallId| {
                say::aside(format_args!(
                    "hint: call {call} waits for an answer: codex attach {id} --approve {call}, or \
                     --deny {call}"
                ));
            };
            tell(&guest, form, from, &mut asked)
        }
    }
}

/// Goes on telling a session that runs; none when nobody runs it, and its journal says all.
pub(crate) fn watch(
    layout: &Layout,
    id: SessionId,
    form: Form,
) -> Result<Option<ExitCode>, Failure> {
    match Guest::connect(layout, id, WATCHER) {
        Ok(guest) => tell(&guest, form, Seq(1), &mut |_| {}).map(Some),
        Err(GuestError::NoOwner(_)) => {
            say::aside(format_args!("session {id} is not running: this is all of it"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What is to be done about the session once, and the words for it when it is done.
fn wish(args: &Attach, guest: &Guest) -> Result<Option<(Command, String)>, Failure> {
    let scope = match (args.for_project, args.for_session) {
        (true, _) => Scope::Project,
        (false, true) => Scope::Session,
        (false, false) => Scope::Once,
    };
    let wish = if let Some(called) = args.approve {
        let call = named(called, guest)?;
        let command = Command::SettleReview { call, verdict: Verdict::Allowed, scope };
        (command, format!("call {call} may run"))
    } else if let Some(called) = args.deny {
        let call = named(called, guest)?;
        let reason = args.message.clone().unwrap_or_else(|| "the user said no".to_owned());
        let verdict = Verdict::Denied { reason };
        (Command::SettleReview { call, verdict, scope }, format!("call {call} may not run"))
    } else if args.interrupt {
        let command = Command::Interrupt { reason: InterruptReason::User };
        (command, "the turn is interrupted".to_owned())
    } else {
        return Ok(None);
    };
    Ok(Some(wish))
}

fn named(called: Called, guest: &Guest) -> Result<CallId, Failure> {
    match called {
        Called::Number(call) => Ok(CallId(call)),
        Called::Waiting => waiting(guest.subscribe(Seq(1))).ok_or_else(|| {
            let id = guest.id();
            Failure::new(USAGE, format!("no call of session {id} waits for an answer"))
                .hint(format!("`codex attach {id}` follows it, and says when one does"))
        }),
    }
}

fn tell(
    guest: &Guest,
    form: Form,
    from: Seq,
    asked: &mut dyn FnMut(CallId),
) -> Result<ExitCode, Failure> {
    let feed = guest.subscribe(Seq(1));
    let stdout = io::stdout().lock();
    let mut out: Box<dyn io::Write> = match form {
        Form::Raw => Box::new(say::Stored::new(stdout)),
        Form::Json | Form::Text(_) => Box::new(stdout),
    };
    let Followed { warnings, reason, .. } =
        match follow(feed, guest.blobs(), form, from, &mut out, asked) {
            Ok(followed) => followed,
            // A reader that has seen enough, such as `head`, is no error.
            Err(ReplayError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error.into()),
        };
    for warning in warnings {
        say::aside(format_args!("warning: {}", codex_view::sanitize::text(&warning)));
    }
    if let Some(reason) = reason {
        say::aside(format_args!("warning: {}", codex_view::sanitize::text(&reason)));
    }
    Ok(ExitCode::SUCCESS)
}

impl From<GuestError> for Failure {
    fn from(error: GuestError) -> Self {
        let message = error.to_string();
        let hint = match error {
            GuestError::NotFound(_) => {
                "`codex sessions` lists the sessions of this home".to_owned()
            }
            GuestError::NoOwner(id) => format!(
                "`codex exec resume {id} \"...\"` goes on with it, `codex replay {id}` shows it"
            ),
            GuestError::NoSocket { session, .. } => format!(
                "its folder and the folder for temporary files take no sockets; `codex replay \
                 {session}` shows what it did so far"
            ),
            GuestError::Hung { session, owner } => format!(
                "is it stopped (`ps -p {}`)? `codex exec resume {session} --take-over=force` ends \
                 it and goes on",
                owner.pid
            ),
            GuestError::Unreachable { session, .. } => {
                format!("try it again; `codex replay {session}` shows what it did so far")
            }
            GuestError::Refused { .. } => {
                "is it another version of the program? Then use that one to join it".to_owned()
            }
        };
        Failure::new(USAGE, message).hint(hint)
    }
}

impl From<Refusal> for Failure {
    fn from(error: Refusal) -> Self {
        let message = error.to_string();
        let hint = match error {
            Refusal::Rejected(rejection) => return rejection.into(),
            Refusal::OwnerOnly => "take the session over: codex exec resume SESSION --take-over",
            Refusal::Stranger => {
                "is it another version of the program? Then use that one to join it"
            }
            Refusal::TooLong => "write it to a file, and name that file in the prompt",
            Refusal::Gone => "`codex replay SESSION` shows what it did so far",
        };
        Failure::new(USAGE, message).hint(hint)
    }
}
