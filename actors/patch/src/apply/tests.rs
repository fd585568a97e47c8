use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::{parse, plan};

const PATCH: &str = "*** Begin Patch
*** Add File: p/q/r
+1
*** Add File: p/s
+2
*** Update File: run.sh
@@
-x
+y
*** Update File: from
*** Move to: p/q/to
*** Update File: over
*** Move to: taken
*** Delete File: file
*** Add File: file/below
+3
*** Delete File: link
*** End Patch";

fn start() -> (tempfile::TempDir, Roots) {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["run.sh", "from", "over", "taken", "file", "other"] {
        fs::write(folder.path().join(name), "x\n").expect("a file");
    }
    fs::write(folder.path().join("over"), "o\n").expect("a file");
    let permissions = fs::Permissions::from_mode(0o751);
    fs::set_permissions(folder.path().join("run.sh"), permissions).expect("its own file");
    symlink("other", folder.path().join("link")).expect("a link");
    let roots = Roots::new([folder.path()]).expect("it exists");
    (folder, roots)
}

/// Every name below a folder with its permissions and what it holds.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = path.symlink_metadata().expect("it was listed");
            let bytes = if meta.is_dir() {
                todo.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).expect("a file")
            };
            found.insert(path, (meta.permissions().mode(), bytes));
        }
    }
    found
}

fn planned(folder: &tempfile::TempDir, roots: &Roots) -> Plan {
    plan(&parse(PATCH).expect("a patch"), roots, folder.path()).expect("a plan")
}

#[test]
fn a_failure_at_any_step_leaves_the_tree_as_it_was() {
    let (folder, roots) = start();
    let before = tree(folder.path());
    let mut kinds = Vec::new();
    for fatal in 0.. {
        let mut count = 0;
        let mut hook = |step| {
            let is_fatal = count == fatal;
            count += 1;
            if is_fatal {
                kinds.push(step);
                return Err(Errno::NOSPC.into());
            }
            Ok(())
        };
        match apply_with(planned(&folder, &roots), &mut hook) {
            Ok(_) => break,
            Err(error) => {
                assert!(matches!(error, ApplyError::Io { .. }), "{error}");
                assert_eq!(tree(folder.path()), before, "after a failure of step {fatal}");
            }
        }
    }
    for step in [Step::Stage, Step::Remove, Step::MakeFolder, Step::Place, Step::Swap, Step::Sync] {
        assert!(kinds.contains(&step), "{step:?} was never reached");
    }
    let after = tree(folder.path());
    let names: Vec<_> = after
        .keys()
        .map(|path| path.strip_prefix(folder.path()).expect("below").to_str().expect("ASCII"))
        .collect();
    let wanted =
        ["file", "file/below", "other", "p", "p/q", "p/q/r", "p/q/to", "p/s", "run.sh", "taken"];
    assert_eq!(names, wanted);
    let (mode, bytes) = &after[&folder.path().join("run.sh")];
    assert_eq!((mode & 0o7777, bytes.as_slice()), (0o751, b"y\n".as_slice()));
}

#[test]
fn a_file_that_changes_under_way_is_never_lost() {
    // The other program writes after the first check, just before the names change.
    for (name, at) in [("run.sh", Step::Place), ("from", Step::Remove), ("taken", Step::Place)] {
        let (folder, roots) = start();
        let path = folder.path().join(name);
        let mut is_done = false;
        let mut hook = |step| {
            if step == at && !is_done {
                is_done = true;
                fs::write(&path, "theirs\n")?;
            }
            Ok(())
        };
        let error = apply_with(planned(&folder, &roots), &mut hook).expect_err("it has changed");
        assert!(matches!(&error, ApplyError::Changed { path } if path.ends_with(name)), "{error}");
        assert_eq!(fs::read(&path).expect("a file"), b"theirs\n");
        let (mut after, (fresh, _)) = (tree(folder.path()), start());
        after.insert(path, (0, Vec::new()));
        assert_eq!(after.len(), tree(fresh.path()).len(), "nothing is left over");
    }
}

#[test]
fn a_file_that_appears_under_way_is_never_overwritten() {
    let (folder, roots) = start();
    let path = folder.path().join("p/s");
    let mut hook = |step| {
        if step == Step::Place && path.parent().is_some_and(Path::is_dir) {
            fs::write(&path, "theirs\n")?;
        }
        Ok(())
    };
    let error = apply_with(planned(&folder, &roots), &mut hook).expect_err("it is in the way");
    // Their file keeps our new folder from being removed, and the message says so.
    assert!(matches!(&error, ApplyError::Stuck { left, .. } if left.len() == 1), "{error}");
    assert_eq!(fs::read(&path).expect("a file"), b"theirs\n");
    assert!(folder.path().join("from").exists() && !folder.path().join("p/q").exists());
}

#[test]
fn a_file_system_that_cannot_swap_names_is_served_too() {
    for stops in [false, true] {
        let (folder, roots) = start();
        let before = tree(folder.path());
        let mut hook = |step| match step {
            Step::Swap => Err(Errno::INVAL.into()),
            Step::Sync if stops => Err(Errno::IO.into()),
            Step::Stage | Step::Remove | Step::MakeFolder | Step::Place | Step::Sync => Ok(()),
        };
        let result = apply_with(planned(&folder, &roots), &mut hook);
        let after = tree(folder.path());
        assert_eq!(result.is_err(), stops, "{result:?}");
        if stops {
            assert_eq!(after, before);
        } else {
            assert_eq!(after[&folder.path().join("run.sh")].1, b"y\n");
            assert_eq!(after[&folder.path().join("taken")].1, b"o\n");
            assert_eq!(after.len(), 10);
        }
    }
}

#[test]
fn many_files_are_flushed_together_and_a_failure_takes_them_all_back() {
    let (folder, roots) = start();
    let before = tree(folder.path());
    let names = 0..FLUSHED_EACH + 1;
    let sections = names.map(|n| format!("*** Add File: d/{n}\n+{n}\n")).collect::<String>();
    let patch = parse(&format!("*** Begin Patch\n{sections}*** End Patch")).expect("a patch");
    let planned = || plan(&patch, &roots, folder.path()).expect("a plan");
    let mut hook = |step| match step {
        Step::Sync => Err(Errno::IO.into()),
        Step::Stage | Step::Remove | Step::MakeFolder | Step::Place | Step::Swap => Ok(()),
    };
    apply_with(planned(), &mut hook).expect_err("the last step fails");
    assert_eq!(tree(folder.path()), before);
    apply(planned()).expect("nothing in the way");
    assert_eq!(tree(folder.path()).len(), before.len() + 1 + FLUSHED_EACH + 1);
}
