//! Taking a session over from the process that runs it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use codex_actors::{TakeUpError, TakenUp};
use codex_event::SessionId;
use codex_journal::{Guest, GuestError, Layout, Lease, OpenError};
use codex_sandbox::{Leftover, ProcessId, end_leftover};

use crate::args::TakeOver;
use crate::exec::FRONTEND;
use crate::failure::{AMBIGUOUS, Failure, USAGE};
use crate::say;

/// How long an owner that lets go may take for it: its commands have to end.
const LETTING_GO: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(10);

/// What is done about an owner that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insistence {
    /// It is ended if somebody says yes at the terminal.
    Confirm,
    /// It is ended.
    End,
    /// It is left alone.
    Leave,
}

impl From<TakeOver> for Insistence {
    fn from(wanted: TakeOver) -> Insistence {
        match wanted {
            TakeOver::Ask => Insistence::Confirm,
            TakeOver::Force => Insistence::End,
        }
    }
}

/// Takes a session up; where another process runs it, that one is made to let go first, if this
/// was asked for.
///
/// The owner is asked, and closes the session as it would by itself. One that does not answer is
/// ended, but only exactly the process that its lease names, and only if the user wants it.
pub(crate) fn open(
    layout: &Layout,
    id: SessionId,
    wanted: Option<Insistence>,
) -> Result<TakenUp, Failure> {
    let (owner, wanted) = match (TakenUp::open(layout, id), wanted) {
        (Err(TakeUpError::Open(OpenError::Busy { owner: Some(owner), .. })), Some(wanted)) => {
            (*owner, wanted)
        }
        (opened, _) => return Ok(opened?),
    };
    say::aside(format_args!("asking process {} to let go of session {id} ...", owner.pid));
    match Guest::connect(layout, id, FRONTEND).and_then(Guest::hand_over) {
        // Without an owner by now it has let go already.
        Ok(_) | Err(GuestError::NoOwner(_)) => {}
        Err(
            GuestError::Hung { .. } | GuestError::NoSocket { .. } | GuestError::Unreachable { .. },
        ) => return forced(layout, id, &owner, wanted),
        Err(error @ (GuestError::NotFound(_) | GuestError::Refused { .. })) => {
            return Err(error.into());
        }
    }
    match once_free(layout, id, &owner) {
        Some(opened) => Ok(opened?),
        None => forced(layout, id, &owner, wanted),
    }
}

/// Opens the session once its owner is gone; none when it does not go. Somebody else who was
/// faster is an error as any.
fn once_free(
    layout: &Layout,
    id: SessionId,
    owner: &Lease,
) -> Option<Result<TakenUp, TakeUpError>> {
    let deadline = Instant::now() + LETTING_GO;
    loop {
        match TakenUp::open(layout, id) {
            Err(TakeUpError::Open(OpenError::Busy { owner: now, .. }))
                if now.as_ref().is_none_or(|now| now.pid == owner.pid) =>
            {
                if Instant::now() >= deadline {
                    return None;
                }
                std::thread::sleep(TICK);
            }
            opened => return Some(opened),
        }
    }
}

fn forced(
    layout: &Layout,
    id: SessionId,
    owner: &Lease,
    wanted: Insistence,
) -> Result<TakenUp, Failure> {
    let pid = owner.pid;
    let wished = match wanted {
        Insistence::End => true,
        Insistence::Confirm => {
            io::stdin().is_terminal() && io::stderr().is_terminal() && confirmed(pid)
        }
        Insistence::Leave => false,
    };
    if !wished {
        let message = format!("process {pid}, which runs session {id}, does not let go of it");
        return Err(Failure::new(USAGE, message).hint(format!(
            "look at it with `ps -p {pid}`; `--take-over=force` ends it and goes on"
        )));
    }
    say::aside(format_args!("ending process {pid} ..."));
    // Numbers above the range of process ids name nothing.
    let process = ProcessId {
        pid: i32::try_from(pid).unwrap_or(0),
        start_time: owner.start_time,
        boot_id: owner.boot_id.clone(),
    };
    match end_leftover(&process) {
        Leftover::Gone | Leftover::Ended => {}
        Leftover::Survives => {
            let message = format!("process {pid}, which runs session {id}, can't be ended");
            return Err(Failure::new(AMBIGUOUS, message).hint(format!(
                "look at it with `ps -p {pid}`; it may belong to another user or hang in the kernel"
            )));
        }
    }
    Ok(once_free(layout, id, owner).unwrap_or_else(|| TakenUp::open(layout, id))?)
}

fn confirmed(pid: u32) -> bool {
    let mut err = io::stderr();
    let _ =
        write!(err, "process {pid} does not answer. End it, and go on with the session? [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    // What can't be read is no yes.
    let _ = io::stdin().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}
