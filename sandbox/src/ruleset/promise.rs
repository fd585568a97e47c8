//! Rules that one process grants while another gets ready to be bound by them.
//!
//! A ruleset is an object of the kernel that a fork has in common with its parent, and what it
//! grants counts from the moment at which somebody restricts himself. So the wrapper, which would
//! wait otherwise, looks up the files while its supervisor starts and the command's process sets up
//! the rest of its fence.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, pipe_with};

use super::{Rules, RulesError};
use crate::{Plan, Stdio};

/// The wrapper's half: rules that are to be granted.
pub(crate) struct Promise {
    rules: Rules,
    word: OwnedFd,
}

/// The command's half: a ruleset that fills.
pub(crate) struct Promised {
    ruleset: OwnedFd,
    word: OwnedFd,
}

/// Makes a ruleset without a rule, for this process and a fork of it; none where the plan asks for
/// no landlock.
///
/// # Errors
///
/// When the kernel has no such ruleset.
pub(crate) fn promise(plan: &Plan) -> Result<Option<(Promise, Promised)>, RulesError> {
    let Some(rules) = Rules::begin(plan)? else { return Ok(None) };
    let shared: Option<OwnedFd> = rules.ruleset.try_clone().map_err(RulesError::Share)?.into();
    let Some(ruleset) = shared else { return Ok(None) };
    let (heard, said) = pipe_with(PipeFlags::CLOEXEC).map_err(|it| RulesError::Share(it.into()))?;
    Ok(Some((Promise { rules, word: said }, Promised { ruleset, word: heard })))
}

impl Promise {
    /// Grants the rules and says so, or why not; the number of rules, or the reason, in words.
    pub(crate) fn keep(mut self, plan: &Plan, stdio: Stdio) {
        let word = match self.rules.grant_all(plan, stdio) {
            Ok(()) => self.rules.count.to_string(),
            Err(error) => error.to_string(),
        };
        // Nobody listens if the command has failed before, which is said elsewhere.
        let _ = std::fs::File::from(self.word).write_all(word.as_bytes());
    }
}

impl Promised {
    /// What has to stay open until [`Promised::enforce`]. A supervisor, whose child does that, keeps its
    /// own copies until it ends; nothing can be done with them any more.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.ruleset.as_fd(), self.word.as_fd()]
    }

    /// Waits for the rules, restricts the calling thread to them, and returns their number.
    ///
    /// # Errors
    ///
    /// When they were not all granted: then nothing is restricted, and the command must not run.
    pub(crate) fn enforce(self) -> Result<u32, RulesError> {
        let mut word = String::new();
        std::fs::File::from(self.word).read_to_string(&mut word).map_err(RulesError::Word)?;
        let count = word.parse().map_err(|_| RulesError::Broken(word))?;
        restrict(&self.ruleset).map_err(RulesError::Restrict)?;
        Ok(count)
    }
}

/// Restricts the calling thread as the library does, which takes over no ruleset of another process.
#[allow(unsafe_code)]
fn restrict(ruleset: &OwnedFd) -> io::Result<()> {
    // SAFETY: the call gets a number of a descriptor and no flags, and touches no memory.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_promise_that_was_not_kept_restricts_nobody() {
        for (word, expected) in [
            ("", "the wrapper ended before it had granted all rules"),
            ("/srv/gone: No such file", "/srv/gone: No such file"),
        ] {
            let (heard, said) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
            File::from(said).write_all(word.as_bytes()).expect("written");
            // To restrict oneself to this would be another error.
            let ruleset = File::open("/dev/null").expect("opened").into();
            let error = Promised { ruleset, word: heard }.enforce().expect_err("broken");
            assert_eq!(error.to_string(), expected);
        }
    }
}
