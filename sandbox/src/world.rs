//! A world of its own for a command: namespaces, and in them a view of the file system.

mod device;
mod mount;
mod namespaces;
mod view;

use std::io;
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::umask;

use crate::status::{EXIT_SETUP, Failed, Step};
use crate::{Network, Plan, Protected};
use view::View;

pub(crate) use namespaces::{Ids, fork_into};

/// What stood in the way, and at which step.
#[derive(Debug)]
pub(crate) struct Trouble {
    step: Step,
    message: String,
}

impl Trouble {
    fn new(step: Step, message: String) -> Trouble {
        Trouble { step, message }
    }
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Failed {
        Failed { step: trouble.step, message: trouble.message, code: EXIT_SETUP }
    }
}

/// Arranges the namespaces that this process was forked into, and enters its own root.
///
/// Returns the number of places that were mounted. Order matters: ids before anything that needs a
/// capability, the view before the old root is let go of.
pub(crate) fn arrange(
    plan: &Plan,
    protected: &[Protected],
    cwd: &Path,
    ids: Ids,
) -> Result<u32, Trouble> {
    let at = |step| move |error: io::Error| Trouble::new(step, error.to_string());
    ids.map().map_err(at(Step::Identity))?;
    match plan.network {
        Network::Off => namespaces::raise_loopback().map_err(at(Step::Loopback))?,
        Network::Full => {}
    }
    // The modes of what is made here are meant as they are written.
    let users_own = umask(Mode::empty());
    let view = View::build(plan, protected, cwd)?;
    umask(users_own);
    view.enter().map_err(at(Step::Root))
}
