//! What a case is.

use crate::escapes::world::{Ran, World};

/// One attack, or one thing that must work.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) expected: Expected,
    pub(crate) grants: Grants,
    pub(crate) promise: Promise,
    pub(crate) control: Control,
    /// Makes what the script needs.
    pub(crate) prepare: fn(&mut World) -> Result<(), Unable>,
    pub(crate) script: &'static str,
    /// Runs the script; most cases just wait for it.
    pub(crate) act: fn(&mut World, &str) -> Ran,
    /// Tells from outside whether the attack had its effect, or the work was done.
    pub(crate) seen: fn(&mut World, &Ran) -> bool,
}

/// Why a case can't be tried on this machine.
pub(crate) type Unable = String;

/// What an effect means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The effect is an escape.
    Held,
    /// The effect is an escape, and refusing to run anything is as good as holding it.
    HeldOrRefused,
    /// The effect is what people need.
    Works,
}

/// What the command was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    /// Reading everything; writing the folder, the user's temporary folder and `/tmp`.
    Workspace,
    /// Reading everything.
    ReadOnly,
    /// Reading the system; writing the folder and the user's temporary folder.
    Strict,
    /// As `Workspace`, and the network.
    Network,
    /// Writing everything.
    FullWrite,
    /// Everything: no confinement, but still a scrubbed environment and a supervised death.
    Danger,
}

/// At which levels a case holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// At every level.
    EveryLevel,
    /// With namespaces; at the `landlock` level the plan's limits hold these words.
    Namespaces(&'static str),
    /// Without namespaces only; at the level `full` the plan's limits hold these words.
    Landlock(&'static str),
    /// At no level, and the plan's limits hold these words at each.
    None(&'static str),
}

/// Whether an attack is tried without a sandbox first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    First,
    /// The suite's own clean-up of a process group contains it, yet a sandbox can break that.
    Pointless,
}

/// An attack with the grants of a workspace that every level holds.
pub(crate) const fn attack(
    name: &'static str,
    script: &'static str,
    seen: fn(&mut World, &Ran) -> bool,
) -> Case {
    Case {
        name,
        expected: Expected::Held,
        grants: Grants::Workspace,
        promise: Promise::EveryLevel,
        control: Control::First,
        prepare: |_| Ok(()),
        script,
        act: World::sh,
        seen,
    }
}

/// Something that must work with the grants of a workspace, at every level.
pub(crate) const fn works(
    name: &'static str,
    script: &'static str,
    seen: fn(&mut World, &Ran) -> bool,
) -> Case {
    Case { expected: Expected::Works, ..attack(name, script, seen) }
}

impl Case {
    pub(crate) const fn with(self, grants: Grants) -> Case {
        Case { grants, ..self }
    }

    pub(crate) const fn after(self, prepare: fn(&mut World) -> Result<(), Unable>) -> Case {
        Case { prepare, ..self }
    }

    pub(crate) const fn acting(self, act: fn(&mut World, &str) -> Ran) -> Case {
        Case { act, ..self }
    }

    pub(crate) const fn with_namespaces(self, limit: &'static str) -> Case {
        Case { promise: Promise::Namespaces(limit), ..self }
    }

    pub(crate) const fn without_namespaces(self, limit: &'static str) -> Case {
        Case { promise: Promise::Landlock(limit), ..self }
    }

    pub(crate) const fn at_no_level(self, limit: &'static str) -> Case {
        Case { promise: Promise::None(limit), ..self }
    }

    pub(crate) const fn or_refused(self) -> Case {
        Case { expected: Expected::HeldOrRefused, ..self }
    }

    pub(crate) const fn without_control(self) -> Case {
        Case { control: Control::Pointless, ..self }
    }
}
