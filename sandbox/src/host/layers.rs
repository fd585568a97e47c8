//! The layers of a sandbox: what each gives, whether this host has it, and what to do if not.

use crate::plan::HIGHEST_USED_ABI;
use crate::{Arch, Host, Level, MIN_LANDLOCK_ABI};

/// One layer, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub name: &'static str,
    /// What it gives to the commands of a session.
    pub gives: &'static str,
    /// What was found, in a few words.
    pub found: String,
    /// What does not hold without it, and what to do; none where nothing is lacking.
    pub lack: Option<Lack>,
    /// Whether a level rests on it.
    pub need: Need,
}

/// What a layer that is missing takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What does not hold.
    pub lost: String,
    /// What would give it.
    pub remedy: String,
}

/// What rests on a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every level: without it nothing runs in a sandbox.
    Every,
    /// The level `landlock`; at the level `full` it is the second layer behind the mounts.
    Landlock,
    /// The level `full`.
    Full,
    /// No level: it makes a limit hold that would else be weaker.
    Extra,
}

impl Layer {
    /// Says in one line what is missing and what would give it.
    pub fn complaint(&self) -> Option<String> {
        let Lack { lost, remedy } = self.lack.as_ref()?;
        Some(format!("{} ({}): {lost}; {remedy}", self.name, self.found))
    }
}

impl Host {
    /// Lists the layers, those that every level needs first.
    pub fn layers(&self) -> Vec<Layer> {
        let landlock = Layer {
            name: "landlock",
            gives: "rules for files, TCP and signals that no process can shed",
            found: match self.landlock_abi {
                0 => "absent".to_owned(),
                abi if abi > HIGHEST_USED_ABI => {
                    format!("ABI {abi} (the rules use what {HIGHEST_USED_ABI} has)")
                }
                abi => format!("ABI {abi}"),
            },
            lack: self.landlock_lack(),
            need: Need::Landlock,
        };
        let mut layers = vec![
            Layer {
                name: "architecture",
                gives: "numbers of system calls that the filters are written for",
                found: match self.arch {
                    Arch::X86_64 => "x86_64".to_owned(),
                    Arch::Aarch64 => "aarch64".to_owned(),
                    Arch::Other => "unknown".to_owned(),
                },
                lack: (self.arch == Arch::Other).then(|| Lack {
                    lost: "no command can run in a sandbox".to_owned(),
                    remedy: "use a machine with x86_64 or aarch64".to_owned(),
                }),
                need: Need::Every,
            },
            self.simple(
                "seccomp",
                "no Unix sockets, io_uring, ptrace, keyrings, nested namespaces",
                (self.seccomp, Need::Every),
                "use a kernel with CONFIG_SECCOMP_FILTER",
            ),
            self.simple(
                "close_range",
                "no descriptor of the agent reaches a command",
                (self.close_range, Need::Every),
                "use a kernel of 5.11 or later",
            ),
            landlock,
            self.namespaces_layer(),
        ];
        // Without these there is nothing to mount anything in, which is told already.
        if self.namespaces.mount && self.namespaces.pid {
            layers.push(self.proc_layer());
            layers.push(self.simple(
                "mount_setattr",
                "the whole file system made read-only at once",
                (self.namespaces.mount_setattr, Need::Full),
                "use a kernel of 5.12 or later",
            ));
        }
        layers.push(Layer {
            name: "control group",
            gives: "limits on processes and memory for a command as a whole, also for root",
            // Commands get no group of their own, delegated or not.
            found: if self.cgroup { "delegated, not used" } else { "not delegated" }.to_owned(),
            lack: self.root.then(|| Lack {
                lost: "limits hold for each process, and root's processes are not counted"
                    .to_owned(),
                remedy: "run as another user, whose processes are counted".to_owned(),
            }),
            need: Need::Extra,
        });
        layers
    }

    /// Lists what this host does not give to a session that asked for this level, one line each.
    pub fn missing(&self, asked: Level) -> Vec<String> {
        let counts = |layer: &Layer| match (layer.need, asked) {
            (Need::Every | Need::Landlock, _) => true,
            (Need::Full, Level::Auto | Level::Full) => true,
            (Need::Full, Level::Landlock) | (Need::Extra, _) => false,
        };
        let layers = self.layers();
        layers.iter().filter(|layer| counts(layer)).filter_map(Layer::complaint).collect()
    }

    fn simple(
        &self,
        name: &'static str,
        gives: &'static str,
        (there, need): (bool, Need),
        remedy: &str,
    ) -> Layer {
        let lost = match need {
            Need::Every => "no command can run in a sandbox",
            Need::Landlock | Need::Full => WITHOUT_FULL,
            Need::Extra => "a limit is weaker",
        };
        Layer {
            name,
            gives,
            found: if there { "available" } else { "missing" }.to_owned(),
            lack: (!there).then(|| Lack { lost: lost.to_owned(), remedy: remedy.to_owned() }),
            need,
        }
    }

    fn landlock_lack(&self) -> Option<Lack> {
        /// What each version brought, where nothing but landlock gives it (`landlock(7)`).
        const BROUGHT: [(u8, &str); 2] = [
            (5, "devices that the user may open accept ioctls"),
            (6, "signals reach the user's other processes"),
        ];
        let abi = self.landlock_abi;
        let full = self.namespaces.are_complete();
        if abi < MIN_LANDLOCK_ABI {
            let reason = match abi {
                0 => {
                    "switch it on: a kernel of 6.2 or later, and `landlock` in `lsm=` on its \
                      command line"
                }
                _ => "use a kernel of 6.2 or later: before it any file could be emptied",
            };
            let lost = match full {
                true => "namespaces and mounts have no second layer behind them",
                false => "no command can run in a sandbox",
            };
            return Some(Lack { lost: lost.to_owned(), remedy: reason.to_owned() });
        }
        let lost: Vec<&str> =
            BROUGHT.iter().filter(|(since, _)| abi < *since).map(|(_, what)| *what).collect();
        (!full && !lost.is_empty()).then(|| Lack {
            lost: lost.join(", "),
            remedy: "use a kernel of 6.12 or later".to_owned(),
        })
    }

    fn namespaces_layer(&self) -> Layer {
        let found = self.namespaces;
        let kinds = [
            (found.user, "user"),
            (found.mount, "mount"),
            (found.pid, "process"),
            (found.net, "network"),
            (found.ipc, "IPC"),
            (found.uts, "host name"),
        ];
        let refused: Vec<&str> =
            kinds.iter().filter(|(there, _)| !there).map(|(_, name)| *name).collect();
        Layer {
            name: "namespaces",
            gives: "`.git` and settings stay as they are; other processes, files and networks are \
                    not even seen",
            found: match refused.len() {
                0 => "all six".to_owned(),
                6 => "refused".to_owned(),
                _ => format!("refused: {}", refused.join(", ")),
            },
            lack: (!refused.is_empty()).then(|| Lack {
                lost: WITHOUT_FULL.to_owned(),
                remedy: self.namespaces_remedy().to_owned(),
            }),
            need: Need::Full,
        }
    }

    fn namespaces_remedy(&self) -> &'static str {
        if self.apparmor_restricted {
            "AppArmor forbids them: give this program a profile with `userns,` in \
             /etc/apparmor.d, or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        } else if self.user_namespaces_off {
            "they are switched off: `sysctl user.max_user_namespaces=15000` (on Debian also \
             `kernel.unprivileged_userns_clone=1`)"
        } else if self.container {
            "this container forbids them: start it with `--security-opt seccomp=unconfined \
             --security-opt apparmor=unconfined --security-opt systempaths=unconfined`, or let \
             it be the sandbox with `danger-full-access`"
        } else {
            "use a kernel with user, mount, process, network, IPC and UTS namespaces, and no \
             filter around this program that forbids them"
        }
    }

    fn proc_layer(&self) -> Layer {
        self.simple(
            "private /proc",
            "a command sees its own processes alone",
            (self.namespaces.proc_mount, Need::Full),
            "parts of /proc are covered, as in most containers: start it with `--security-opt \
             systempaths=unconfined` (podman: `unmask=ALL`)",
        )
    }
}

/// What is lost when any part of the level `full` is missing.
const WITHOUT_FULL: &str = "no level `full`";
