//! `codex replay`.

use std::io::{self, Write};
use std::process::ExitCode;

use codex_journal::Layout;
use codex_replay::{Form, Mode};

use crate::args::Replay;
use crate::failure::{Failure, UNVERIFIED};
use crate::{attach, find, opening, say, tui};

pub(crate) fn run(args: Replay) -> Result<ExitCode, Failure> {
    let layout = Layout::new(&opening::home()?);
    let id = match args.session {
        Some(words) => find::session(&layout, &words)?,
        None => codex_journal::last(&layout)?,
    };
    if args.screen {
        return tui::watch(id);
    }
    let mode = match (args.json, args.raw, args.verify) {
        (true, _, _) => Mode::Json,
        (_, true, _) => Mode::Raw,
        (_, _, true) => Mode::Verify,
        (false, false, false) => Mode::Text(args.color.paint(&io::stdout())),
    };
    if args.follow
        && let Some(form) = form(mode)
        && let Some(code) = attach::watch(&layout, id, form)?
    {
        return Ok(code);
    }
    let stdout = io::stdout().lock();
    let mut out: Box<dyn Write> = match mode {
        Mode::Raw => Box::new(say::Stored::new(stdout)),
        Mode::Json | Mode::Verify | Mode::Text(_) => Box::new(stdout),
    };
    let replayed = codex_replay::run(&layout, id, mode, &mut out)
        .and_then(|replayed| out.flush().map(|()| replayed).map_err(Into::into));
    let replayed = match replayed {
        Ok(replayed) => replayed,
        Err(error) => return closed(error),
    };
    for warning in &replayed.warnings {
        say::aside(format_args!("warning: {}", codex_view::sanitize::text(warning)));
    }
    if replayed.problems == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    say::aside(format_args!(
        "hint: `codex replay {id}` shows what can be read; put the files back from a copy if you have one"
    ));
    Ok(ExitCode::from(UNVERIFIED))
}

fn form(mode: Mode) -> Option<Form> {
    match mode {
        Mode::Json => Some(Form::Json),
        Mode::Raw => Some(Form::Raw),
        Mode::Text(paint) => Some(Form::Text(paint)),
        Mode::Verify => None,
    }
}

/// A reader that has seen enough, such as `head`, is no error.
fn closed(error: codex_replay::ReplayError) -> Result<ExitCode, Failure> {
    match error {
        codex_replay::ReplayError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        other => Err(other.into()),
    }
}
