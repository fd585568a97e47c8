//! Runs a command behind a fence: a policy becomes a plan (plain data), a plan is enforced by a
//! supervised child process that confines itself and then executes the command.
//!
//! Start with [`Policy`] and [`Plan`] (what is allowed), then [`Spawner`] (the agent's side) and
//! [`dispatch`] (the child's side: the same program, executed again under another name).

mod alias;
mod confine;
mod denial;
mod environment;
mod filter;
mod host;
mod init;
mod launch;
mod leftover;
mod placeholder;
mod plan;
mod policy;
mod process;
mod protect;
mod ruleset;
mod runtime_folder;
mod seatbelt;
mod share;
mod spawn;
mod status;
mod streams;
mod supervise;
mod temp;
mod world;
mod wrapper;

pub use codex_event::{
    DiskFloor, EnvironmentPolicy, GitWrites, Inherit, Resources, SandboxLevel as Level,
};
pub use denial::{Denial, Grade, Look, Observation, Standing, grade, grade_by, look_on_disk};
pub use environment::Environment;
pub use host::{
    Arch, Availability, Host, Lack, Layer, MIN_LANDLOCK_ABI, Namespaces, Need, probe, probe_for,
};
pub use launch::{Launch, Stdin, Stdio};
pub use leftover::{Leftover, end_leftover};
pub use plan::{
    Confinement, FilePlan, How, Network, Plan, PlanError, Protected, ReadPlan, Resolve, Scopes,
    Seen, WritePlan,
};
pub use policy::Policy;
pub use process::{ProcessId, keep_private};
pub use runtime_folder::{RuntimeFolder, Toolbox, memory_first, runtime_bases};
pub use seatbelt::seatbelt_profile;
pub use spawn::{Cause, Lifeline, Parts, Running, SpawnError, Spawner};
pub use status::{
    Confined, CutShort, EXIT_DISK_FULL, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_SETUP,
    EXIT_TIMED_OUT, End, Ended, Failed, Status, StatusError, StatusParser, Step,
};
pub use supervise::{HELPER_NAME, dispatch};
pub use temp::private_temp;
pub use wrapper::{Outcome, run_inherited};
