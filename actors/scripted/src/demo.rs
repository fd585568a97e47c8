//! What `codex demo` plays: a scratch project with a bug, and an agent's way through it.
//!
//! Each demo tells the same story: look around, see the test fail, patch, see it pass, sum up.
//! The project's files and the script are data beside this crate's sources; they only make sense
//! together, which this crate's tests check.

/// A scratch project and the script that repairs it.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    /// Names the demo in one word.
    pub name: &'static str,
    /// The project as it is before the agent starts.
    pub files: &'static [DemoFile],
    /// The script, for [`Script::from_json`](crate::Script::from_json).
    pub script: &'static str,
    /// What the user asks for.
    pub prompt: &'static str,
    /// A command that fails in the project before the agent's work and passes after it.
    ///
    /// Writes nothing outside the project and the temporary folder.
    pub check: &'static [&'static str],
}

/// One file of a scratch project.
#[derive(Clone, Copy, Debug)]
pub struct DemoFile {
    /// Relative to the project, with `/` between the parts.
    pub path: &'static str,
    /// What is in it.
    pub content: &'static str,
    /// Whether its mode allows to run it.
    pub executable: bool,
}

/// All demos; the one that shows more comes first.
#[must_use]
pub fn demos() -> [&'static Demo; 2] {
    [&RUST, &SHELL]
}

/// A Rust library without dependencies, tested by `cargo`: for machines that have it.
#[must_use]
pub fn rust_demo() -> &'static Demo {
    &RUST
}

/// A shell function and its tests: needs `sh`, `sed` and `tr`, so it works everywhere.
#[must_use]
pub fn shell_demo() -> &'static Demo {
    &SHELL
}

static RUST: Demo = Demo {
    name: "rust",
    files: &[
        DemoFile {
            path: ".gitignore",
            content: include_str!("../scratch-rust/.gitignore"),
            executable: false,
        },
        DemoFile {
            path: "Cargo.lock",
            content: include_str!("../scratch-rust/Cargo.lock"),
            executable: false,
        },
        DemoFile {
            path: "Cargo.toml",
            content: include_str!("../scratch-rust/Cargo.toml"),
            executable: false,
        },
        DemoFile {
            path: "src/lib.rs",
            content: include_str!("../scratch-rust/src/lib.rs"),
            executable: false,
        },
    ],
    script: include_str!("../scripts/demo-rust.json"),
    prompt: "A test of this crate fails. Find out why and fix it.",
    check: &["cargo", "test", "--offline", "-q", "--target-dir", "target"],
};

static SHELL: Demo = Demo {
    name: "shell",
    files: &[
        DemoFile {
            path: "README.md",
            content: include_str!("../scratch/README.md"),
            executable: false,
        },
        DemoFile {
            path: "lib/slug.sh",
            content: include_str!("../scratch/lib/slug.sh"),
            executable: false,
        },
        DemoFile {
            path: "tests/run.sh",
            content: include_str!("../scratch/tests/run.sh"),
            executable: true,
        },
    ],
    script: include_str!("../scripts/demo.json"),
    prompt: "A test of this project fails. Find out why and fix it.",
    check: &["sh", "tests/run.sh"],
};
