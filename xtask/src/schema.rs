//! The JSON Schemas of events and protocol: generated, committed, and held against each other.

use std::path::Path;

use clap::Args;

use crate::step::Step;

/// Where the schemas are kept.
const KEPT: &str = "journal/event/schema";
/// Where they are written to be compared.
const FRESH: &str = "target/schema";

/// What to do with them.
#[derive(Clone, Copy, Args)]
pub(crate) struct Options {
    /// Only say whether those that are kept are those that the types have
    #[arg(long)]
    check: bool,
}

/// Writes the schemas, or checks them.
pub(crate) fn run(root: &Path, options: Options) -> Result<(), String> {
    match options.check {
        true => check(root),
        false => {
            let words = "run --quiet --package codex-event --features schema --example schema -- \
                         journal/event/schema";
            Step::cargo(words).run(root)
        }
    }
}

/// Fails when the schemas that are kept are stale.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let words = "run --quiet --package codex-event --features schema --example schema -- \
                 target/schema";
    Step::cargo(words).run(root)?;
    compare(&root.join(FRESH), &root.join(KEPT))
}

fn compare(fresh: &Path, kept: &Path) -> Result<(), String> {
    let read =
        |file: &Path| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    let entries =
        std::fs::read_dir(fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if read(&entry.path())? != read(&kept.join(&name))? {
            let name = name.to_string_lossy();
            return Err(format!("{KEPT}/{name} is stale: cargo xtask schema writes it anew"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_schema_is_named() {
        let folder = std::env::temp_dir().join(format!("codex-schema-{}", std::process::id()));
        let (fresh, kept) = (folder.join("fresh"), folder.join("kept"));
        for (at, text) in [(&fresh, "new"), (&kept, "old")] {
            std::fs::create_dir_all(at).expect("made");
            std::fs::write(at.join("event.json"), text).expect("written");
        }
        let stale = compare(&fresh, &kept).expect_err("differs");
        std::fs::write(kept.join("event.json"), "new").expect("written");
        let same = compare(&fresh, &kept);
        std::fs::remove_dir_all(&folder).expect("removed");
        assert!(stale.contains("event.json is stale"), "{stale}");
        assert_eq!(same, Ok(()));
    }
}
