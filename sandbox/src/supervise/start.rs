//! Starting what the supervisor supervises: the command, or process 1 of its namespaces.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use rustix::process::Pid;

use super::{Errand, SWEEP_LIMIT, release_surroundings, say, setup_failure, tree};
use crate::confine::become_command;
use crate::init;
use crate::launch::Request;
use crate::placeholder::Placeholders;
use crate::process::leave;
use crate::protect::{self, Found, RepositoryWatch};
use crate::ruleset::Granting;
use crate::share::{Left, Torn, Way, share};
use crate::status::{EXIT_SETUP, EXIT_TIMED_OUT, Failed, Status, Step};
use crate::world::{Ids, fork_into};
use crate::{Confinement, Plan, Protected};

/// What is said of a command whose process was killed while it shared the supervisor's memory, which
/// can't be trusted to put words together any more.
const TORN: &[u8] =
    b"{\"failed\":{\"step\":\"process\",\"message\":\"killed before it began\",\"code\":125}}\n";

/// The same where it was killed because its time was up: the command never ran, and its limit is why.
const TORN_BY_TIME: &[u8] =
    b"{\"ended\":{\"end\":{\"signal\":9},\"cut_short\":\"time\",\"swept\":0,\"survivors\":0}}\n";

/// What the supervisor listens to while the command's process fences itself in.
pub(super) struct Ties<'a> {
    pub(super) lifeline: BorrowedFd<'a>,
    pub(super) signals: BorrowedFd<'a>,
    pub(super) status: BorrowedFd<'a>,
    /// When the command has to be over.
    pub(super) until: Option<Instant>,
}

/// A child that was started, and what there is to be kept and given up for it.
pub(super) struct Started {
    /// The command's process, or process 1 of its namespaces.
    pub(super) child: Pid,
    pub(super) role: Role,
    /// How it came to be a process of its own.
    pub(super) way: Way,
    /// Carries the word of whoever becomes the command, and of process 1.
    pub(super) errands: OwnedFd,
    pub(super) kept: Kept,
}

/// What a command must leave as it is, and what tells whether it did.
#[derive(Default)]
pub(super) struct Kept {
    protected: Vec<Protected>,
    /// Whether there may be more of them than were found.
    pub(super) partial: bool,
    placeholders: Placeholders,
    watch: Option<RepositoryWatch>,
}

/// What the child of the supervisor is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The command.
    Command,
    /// Process 1 of the command's namespaces; when it ends, all of them have ended.
    Init,
}

pub(super) fn start(
    Errand { request, granting }: Errand,
    ties: &Ties<'_>,
) -> Result<Started, Failed> {
    let failure = |error: io::Error| setup_failure(Step::Fork, error);
    let flags = SocketFlags::CLOEXEC;
    let (errands, word) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|error| failure(error.into()))?;
    // With its word comes the number that a process has here, whatever it is inside.
    sockopt::set_socket_passcred(&errands, true).map_err(|error| failure(error.into()))?;

    let kept = Kept::look(&request.plan).map_err(|error| setup_failure(Step::Scan, error))?;
    let (role, Left { child, way }) = match request.plan.confinement {
        Confinement::None | Confinement::Landlock => {
            let left = start_command(request, granting, &errands, word, ties);
            (Role::Command, left.map_err(failure)?)
        }
        Confinement::Full => {
            let ids = Ids::own();
            let forked = fork_into(&request.plan);
            match forked.map_err(|error| setup_failure(Step::Namespaces, error))? {
                None => init::run(request, &kept.protected, ids, word),
                Some(child) => (Role::Init, Left { child, way: Way::Own }),
            }
        }
    };
    match release_surroundings() {
        Ok(()) => Ok(Started { child, role, way, errands, kept }),
        Err(error) => {
            tree::sweep(Instant::now() + SWEEP_LIMIT, &mut |_, _| {});
            Err(failure(error))
        }
    }
}

/// Starts the process that fences itself in and becomes the command, and waits until it has.
fn start_command(
    request: Request,
    granting: Granting,
    errands: &OwnedFd,
    word: OwnedFd,
    ties: &Ties<'_>,
) -> io::Result<Left> {
    let supervisor = rustix::process::getpid();
    let sharing = share(word, move |word| {
        let announce = |confined| say(word, &Status::Confined(confined));
        let failed = become_command(request, granting, supervisor, announce);
        let code = failed.code;
        say(word, &Status::Failed(failed));
        code
    })?;
    match sharing.wait(errands.as_fd(), [ties.lifeline, ties.signals], ties.until) {
        Ok(left) => Ok(left),
        Err(Torn) if ties.until.is_some_and(|until| until <= Instant::now()) => {
            let _ = rustix::io::write(ties.status, TORN_BY_TIME);
            tree::collect();
            leave(EXIT_TIMED_OUT)
        }
        Err(Torn) => {
            let _ = rustix::io::write(ties.status, TORN);
            tree::collect();
            leave(EXIT_SETUP)
        }
    }
}

impl Kept {
    /// Looks before the command is there, which could change what is found.
    fn look(plan: &Plan) -> io::Result<Kept> {
        if plan.confinement == Confinement::None {
            return Ok(Kept::default());
        }
        let (found, watch) = protect::scan(plan).map_err(io::Error::other)?;
        let Found { mut protected, partial } = found;
        let placeholders = Placeholders::hold(&mut protected, &plan.protected)?;
        let partial = partial || placeholders.is_contested;
        Ok(Kept { protected, partial, placeholders, watch: Some(watch) })
    }

    /// Takes the placeholders away and tells what changed nevertheless.
    pub(super) fn look_again(self) -> Vec<String> {
        drop(self.placeholders);
        self.watch.map(RepositoryWatch::end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusParser;
    use crate::status::{CutShort, End, Ended};

    #[test]
    fn the_last_word_is_one_that_is_understood() {
        let said = StatusParser::default().feed(TORN).expect("a line");
        let message = "killed before it began".to_owned();
        let failed = Failed { step: Step::Process, message, code: EXIT_SETUP };
        assert_eq!(said, [Status::Failed(failed)]);
        let said = StatusParser::default().feed(TORN_BY_TIME).expect("a line");
        let end = End::Signal(libc::SIGKILL);
        let ended =
            Ended { end, cut_short: Some(CutShort::Time), swept: 0, survivors: 0, changes: vec![] };
        assert_eq!(said, [Status::Ended(ended)]);
    }
}
