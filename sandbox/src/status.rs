//! What the supervisor says about a command: one JSON object a line, on a pipe of its own.

use serde::{Deserialize, Serialize};

/// Exit code of a command that ran out of time.
pub const EXIT_TIMED_OUT: i32 = 124;
/// Exit code of a command that filled a disk: as of one that the kernel ends for want of memory.
pub const EXIT_DISK_FULL: i32 = 128 + libc::SIGKILL;
/// Exit code when the fence could not be set up; the command did not run.
pub const EXIT_SETUP: i32 = 125;
/// Exit code when the program was found but could not be executed.
pub const EXIT_NOT_EXECUTABLE: i32 = 126;
/// Exit code when there is no such program.
pub const EXIT_NOT_FOUND: i32 = 127;

/// The longest line that the parser holds, in bytes.
const LINE_LIMIT: usize = 64 * 1024;

/// One line of the status pipe.
///
/// A run says `confined` then `ended`, or `failed` alone, or `confined` then `failed` when the
/// program could not be executed, or `ended` alone when its time was up before the fence stood. A pipe that closes without `ended` or `failed` means that the
/// supervisor itself was killed, and that nothing is known about the command's effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The fence stands; the command is executed next.
    Confined(Confined),
    /// A step failed and the command did not run.
    Failed(Failed),
    /// The command and everything below it is gone.
    Ended(Ended),
}

/// What was enforced, and on whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    /// Process id of the command.
    pub pid: i32,
    /// Its start time in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
    /// The kind of confinement that holds.
    pub confinement: crate::Confinement,
    /// Landlock ABI that the rules use; 0 without confinement.
    pub landlock_abi: u8,
    /// Number of file rules that were added.
    pub file_rules: u32,
    /// Number of places that were mounted in the command's view; 0 without namespaces.
    pub mounts: u32,
    /// Number of paths below writable roots that stay as they are; 0 without namespaces.
    pub protected: u32,
    /// Whether some may be missed: the search for such paths hit a bound, or a place for one is in
    /// somebody else's hands.
    pub partial: bool,
}

/// A step that failed before the command ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Which step.
    pub step: Step,
    /// What the system said.
    pub message: String,
    /// 125 for a set-up step, 126 or 127 when executing the program failed.
    pub code: i32,
}

/// The steps between a launch and the command, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reading the request.
    Request,
    /// Preparing the supervisor: session, signals, limits.
    Supervisor,
    /// Finding what must be protected below the writable folders, and making places for it.
    Scan,
    /// Forking into namespaces.
    Namespaces,
    /// Forking the command's process.
    Fork,
    /// Session and signals of the command's process, and its tie to the supervisor's life.
    Process,
    /// Mapping the user into a new user namespace.
    Identity,
    /// Switching the loopback interface of a new network namespace on.
    Loopback,
    /// Building the view of the file system.
    Mounts,
    /// Covering what is withheld.
    Withheld,
    /// Binding what is protected.
    Protect,
    /// Building a private `/dev`.
    Devices,
    /// Mounting a `/proc` of the new process namespace.
    Proc,
    /// Entering the view as the root.
    Root,
    /// Entering the working directory.
    WorkingDirectory,
    /// Connecting the standard streams.
    Stdin,
    /// Limiting resources.
    Limits,
    /// Giving up capabilities.
    Capabilities,
    /// Enforcing the landlock rules.
    Landlock,
    /// Installing the system call filters.
    Seccomp,
    /// Closing inherited descriptors.
    Descriptors,
    /// Executing the program.
    Exec,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Step; 22] = [
        Step::Request,
        Step::Supervisor,
        Step::Scan,
        Step::Namespaces,
        Step::Fork,
        Step::Process,
        Step::Identity,
        Step::Loopback,
        Step::Mounts,
        Step::Withheld,
        Step::Protect,
        Step::Devices,
        Step::Proc,
        Step::Root,
        Step::WorkingDirectory,
        Step::Stdin,
        Step::Limits,
        Step::Capabilities,
        Step::Landlock,
        Step::Seccomp,
        Step::Descriptors,
        Step::Exec,
    ];
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its own end, as the kernel reported it.
    pub end: End,
    /// Why the supervisor ended it, if it did so by itself.
    pub cut_short: Option<CutShort>,
    /// Processes below the command that were still alive and were killed; 0 where the command was
    /// abandoned at the level `full`, since nobody counted then.
    pub swept: u32,
    /// Processes that had not vanished when this was said (they hang in the kernel).
    pub survivors: u32,
    /// What can run programs later and was changed in the repositories of writable folders, in
    /// words; no mount stands in the way of a repository that is made anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

impl Ended {
    /// Folds the end into one exit code: 124 for a timeout, 137 for a full disk, 128 + n for a signal.
    pub fn exit_code(&self) -> i32 {
        match (&self.cut_short, self.end) {
            (Some(CutShort::Time), _) => EXIT_TIMED_OUT,
            (Some(CutShort::Disk { .. }), _) => EXIT_DISK_FULL,
            (None, End::Code(code)) => code,
            (None, End::Signal(signal)) => 128 + signal,
        }
    }
}

/// Why a command was ended by its supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutShort {
    /// Its time was up.
    Time,
    /// A disk was nearly full, and it went on filling it.
    Disk {
        /// The writable folder on that disk.
        folder: String,
        /// What was free there, in bytes.
        free_bytes: u64,
    },
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It exited.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
}

/// A status pipe that carries something else.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A line is not a status.
    #[error("not a status line: {line:?}: {source}")]
    Malformed {
        /// The line.
        line: String,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// A line does not end.
    #[error("a status line is longer than {LINE_LIMIT} bytes")]
    TooLong,
}

/// Cuts the bytes of a status pipe into messages, however they arrive.
#[derive(Debug, Default)]
pub struct StatusParser {
    pending: Vec<u8>,
}

impl StatusParser {
    /// Takes some bytes and returns the messages that they complete.
    ///
    /// # Errors
    ///
    /// On a line that is no status; the bytes up to its end are dropped.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Status>, StatusError> {
        self.pending.extend_from_slice(bytes);
        let mut found = vec![];
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(status) => found.push(status),
                Err(source) => {
                    let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                    return Err(StatusError::Malformed { line, source });
                }
            }
        }
        if self.pending.len() > LINE_LIMIT {
            self.pending.clear();
            return Err(StatusError::TooLong);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Vec<Status> {
        vec![
            Status::Confined(Confined {
                pid: 7,
                start_time: 42,
                confinement: crate::Confinement::Landlock,
                landlock_abi: 6,
                file_rules: 9,
                mounts: 0,
                protected: 0,
                partial: false,
            }),
            Status::Ended(Ended {
                end: End::Signal(15),
                cut_short: Some(CutShort::Time),
                swept: 2,
                survivors: 0,
                changes: vec![],
            }),
        ]
    }

    fn lines() -> Vec<u8> {
        run()
            .iter()
            .flat_map(|status| {
                (serde_json::to_string(status).expect("encodes") + "\n").into_bytes()
            })
            .collect()
    }

    #[test]
    fn the_cut_of_the_bytes_does_not_matter() {
        for size in 1..lines().len() {
            let mut parser = StatusParser::default();
            let found: Vec<Status> = lines()
                .chunks(size)
                .flat_map(|chunk| parser.feed(chunk).expect("well formed"))
                .collect();
            assert_eq!(found, run(), "cut every {size} bytes");
        }
    }

    #[test]
    fn a_foreign_line_is_shown_and_an_endless_one_refused() {
        let mut parser = StatusParser::default();
        let error = parser.feed(b"hello\n").expect_err("no status");
        assert!(error.to_string().starts_with("not a status line: \"hello\""), "{error}");
        assert!(matches!(parser.feed(&[b'x'; LINE_LIMIT + 1]), Err(StatusError::TooLong)));
    }

    #[test]
    fn exit_codes_come_from_one_table() {
        let ended = |end, cut_short| {
            Ended { end, cut_short, swept: 0, survivors: 0, changes: vec![] }.exit_code()
        };
        assert_eq!(ended(End::Code(3), None), 3);
        assert_eq!(ended(End::Signal(9), None), 137);
        assert_eq!(ended(End::Signal(9), Some(CutShort::Time)), EXIT_TIMED_OUT);
        let disk = CutShort::Disk { folder: "/w".to_owned(), free_bytes: 1 };
        assert_eq!(ended(End::Code(0), Some(disk)), EXIT_DISK_FULL);
    }
}
