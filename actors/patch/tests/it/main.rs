//! Patches on real folders.

mod cases;
mod crash;
mod large;
mod random;
mod shells;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Everything below a folder: files with their permissions, links, and folders.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Leaf {
    File { bytes: Vec<u8>, mode: u32 },
    Link(Vec<u8>),
    Folder,
}

fn tree(root: &Path) -> BTreeMap<String, Leaf> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the test") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            let meta = path.symlink_metadata().expect("it was listed");
            let leaf = if meta.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                Leaf::Link(target.as_os_str().as_bytes().to_vec())
            } else if meta.is_dir() {
                todo.push(path);
                Leaf::Folder
            } else {
                let mode = meta.permissions().mode() & 0o777;
                Leaf::File { bytes: fs::read(&path).expect("a file"), mode }
            };
            found.insert(name, leaf);
        }
    }
    found
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder to test in")
}
