//! Starting what the supervisor supervises: the command, or process 1 of its namespaces.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use rustix::process::Pid;

use super::{SWEEP_LIMIT, release_surroundings, say, setup_failure, tree};
use crate::confine::become_command;
use crate::init;
use crate::launch::Request;
use crate::placeholder::Placeholders;
use crate::process::{fork, leave};
use crate::protect::{self, Found, RepositoryWatch};
use crate::status::{EXIT_SETUP, Failed, Status, Step};
use crate::world::{Ids, fork_into};
use crate::{Confinement, Plan, Protected};

/// What the supervisor says to a child that has fenced itself in.
const GO: &[u8] = b"go";

/// A child that was started, and what there is to be kept and given up for it.
pub(super) struct Started {
    /// The command's process, or process 1 of its namespaces.
    pub(super) child: Pid,
    pub(super) role: Role,
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

pub(super) fn start(request: Request) -> Result<Started, Failed> {
    let failure = |error: io::Error| setup_failure(Step::Fork, error);
    let flags = SocketFlags::CLOEXEC;
    let (errands, word) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|error| failure(error.into()))?;
    // With its word comes the number that a process has here, whatever it is inside.
    sockopt::set_socket_passcred(&errands, true).map_err(|error| failure(error.into()))?;

    let look = |plan: &Plan| Kept::look(plan).map_err(|error| setup_failure(Step::Scan, error));
    let (role, child, kept) = match request.plan.confinement {
        Confinement::None | Confinement::Landlock => {
            let supervisor = rustix::process::getpid();
            match fork().map_err(failure)? {
                None => {
                    drop(errands);
                    let announce = |confined| {
                        say(&word, &Status::Confined(confined));
                        is_told_to_go(&word)
                    };
                    let code = become_command(request, supervisor, announce).map(|failed| {
                        let code = failed.code;
                        say(&word, &Status::Failed(failed));
                        code
                    });
                    leave(code.unwrap_or(EXIT_SETUP))
                }
                Some(child) => {
                    // What it finds is for later here, so it looks while the child fences itself in.
                    match look(&request.plan) {
                        Ok(kept) => {
                            // One that failed already has said so, and reads nothing.
                            let _ = rustix::io::write(&errands, GO);
                            (Role::Command, child, kept)
                        }
                        Err(failed) => {
                            drop(errands);
                            tree::sweep(Instant::now() + SWEEP_LIMIT, &mut |_, _| {});
                            return Err(failed);
                        }
                    }
                }
            }
        }
        Confinement::Full => {
            let kept = look(&request.plan)?;
            let ids = Ids::own();
            let forked = fork_into(&request.plan);
            match forked.map_err(|error| setup_failure(Step::Namespaces, error))? {
                None => init::run(request, &kept.protected, ids, word),
                Some(child) => (Role::Init, child, kept),
            }
        }
    };
    drop(word);
    match release_surroundings() {
        Ok(()) => Ok(Started { child, role, errands, kept }),
        Err(error) => {
            tree::sweep(Instant::now() + SWEEP_LIMIT, &mut |_, _| {});
            Err(failure(error))
        }
    }
}

/// Waits for the supervisor's word that everything is ready for the command.
fn is_told_to_go(word: &OwnedFd) -> bool {
    let mut said = [0; GO.len()];
    rustix::io::retry_on_intr(|| rustix::io::read(word, &mut said)).is_ok_and(|length| length > 0)
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
