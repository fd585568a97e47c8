//! The classifier, from outside.

#![allow(clippy::print_stdout, reason = "tests say what they skip and count")]

mod cases;
mod mutations;
mod oracle;

use codex_event::Safety;
use codex_gate::{Lookup, Verdict, classify};

/// A machine with every program that a case names, and a shim at the front of its `PATH`.
pub(crate) fn machine() -> Lookup {
    let mut names: Vec<String> = Vec::new();
    for argv in cases::all() {
        names.extend(argv.first().cloned());
        let words = argv.last().map_or("", |script| script.as_str());
        names.extend(words.split([' ', ';', '|', '&', '\'', '"']).map(str::to_owned));
    }
    let plain = |name: &&String| {
        !name.is_empty()
            && name.bytes().all(|it| it.is_ascii_lowercase() || b"[0123456789".contains(&it))
    };
    let mut files: Vec<String> = Vec::new();
    for name in names.iter().filter(plain).filter(|name| *name != "shim" && *name != "foo") {
        files.extend([format!("/usr/bin/{name}"), format!("/bin/{name}")]);
    }
    files.extend(["/home/u/bin/shim", "/usr/bin/shim", "/tmp/bash"].map(str::to_owned));
    let path = "/home/u/bin:/usr/local/bin:/usr/bin:/bin";
    Lookup::listed(path, "/home/u/project", files.iter().map(String::as_str))
}

pub(crate) fn verdict(argv: &[String]) -> Verdict {
    thread_local!(static MACHINE: Lookup = machine());
    MACHINE.with(|machine| classify(argv, machine))
}

pub(crate) fn looks(argv: &[String]) -> bool {
    match verdict(argv).safety {
        Safety::KnownSafe => true,
        Safety::Unknown => false,
    }
}
