//! What is found after a crash, and who may change files in between.

use std::fs;

use codex_event::{ChangeKind, Digest};
use codex_patch::{
    ApplyError, Found, PlanError, Recovery, Roots, apply, compare, parse, plan, sweep,
};

use crate::{scratch, tree};

const PATCH: &str = "*** Begin Patch
*** Add File: new/file
+n
*** Update File: edited
@@
-1
+2
*** Update File: old
*** Move to: moved
*** Delete File: gone
*** End Patch";

fn start() -> (tempfile::TempDir, Roots) {
    let folder = scratch();
    for (name, text) in [("edited", "1\n"), ("old", "o\n"), ("gone", "g\n")] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let roots = Roots::new([folder.path()]).expect("it exists");
    (folder, roots)
}

#[test]
fn the_record_names_every_file_with_its_digests() {
    let (folder, roots) = start();
    let patch = parse(PATCH).expect("a patch");
    let plan = plan(&patch, &roots, folder.path()).expect("a plan");
    let changes = plan.changes();
    let root = roots.folders()[0].display().to_string();
    let of = |text: &str| Some(Digest::of(text.as_bytes()));
    let found: Vec<_> = changes
        .iter()
        .map(|change| {
            let name = change.path.strip_prefix(&root).expect("below the root");
            (name, change.kind, change.before, change.after)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("/gone", ChangeKind::Delete, of("g\n"), None),
            ("/old", ChangeKind::Update, of("o\n"), of("o\n")),
            ("/edited", ChangeKind::Update, of("1\n"), of("2\n")),
            ("/new/file", ChangeKind::Add, None, of("n\n")),
        ]
    );
    assert_eq!(changes[1].move_to, Some(format!("{root}/moved")));
    let summary = "Success. Updated the following files:\nA new/file\nM edited\nM moved\nD gone\n";
    assert_eq!(plan.summary(), summary);
    let applied = apply(plan).expect("nothing in the way");
    assert_eq!(applied.summary, summary);
    assert_eq!(applied.changes, changes);
}

#[test]
fn a_half_done_patch_is_told_file_by_file() {
    let (folder, roots) = start();
    let plan = plan(&parse(PATCH).expect("a patch"), &roots, folder.path()).expect("a plan");
    let changes = plan.changes();
    assert_eq!(compare(&changes), Recovery::AllBefore);

    fs::write(folder.path().join("edited"), "2\n").expect("a file");
    fs::write(folder.path().join("moved"), "o\n").expect("a file");
    let Recovery::Mixed(states) = compare(&changes) else { panic!("one file is new") };
    let found: Vec<Found> = states.iter().map(|state| state.found).collect();
    assert_eq!(found, [Found::Before, Found::Other, Found::After, Found::Before]);

    fs::remove_file(folder.path().join("old")).expect("it is there");
    fs::remove_file(folder.path().join("gone")).expect("it is there");
    fs::create_dir(folder.path().join("new")).expect("a folder");
    fs::write(folder.path().join("new/file"), "n\n").expect("a file");
    assert_eq!(compare(&changes), Recovery::AllAfter);
    assert_eq!(compare(&[]), Recovery::AllAfter);
}

#[test]
fn what_a_killed_process_left_of_a_patch_is_swept_up() {
    let (folder, roots) = start();
    let plan = plan(&parse(PATCH).expect("a patch"), &roots, folder.path()).expect("a plan");
    let before = tree(folder.path());
    let mut ended = std::process::Command::new("true").spawn().expect("a process");
    ended.wait().expect("it ends");
    let (dead, alive) = (ended.id(), std::process::id());
    let temporary = |process: u32, count: u32, text: &str| {
        let path = folder.path().join(format!(".codex-patch-{process}-{count}"));
        fs::write(&path, text).expect("a file");
        path
    };
    let left = [temporary(dead, 0, "n\n"), temporary(dead, 1, "1\n"), temporary(dead, 2, "")];
    let kept = [temporary(dead, 3, "somebody's only copy\n"), temporary(alive, 0, "n\n")];
    sweep(&plan.changes());
    assert!(left.iter().all(|path| !path.exists()), "{:?}", tree(folder.path()));
    assert!(kept.iter().all(|path| path.exists()), "{:?}", tree(folder.path()));

    // A folder that the patch made is no end of the search as long as it is empty.
    kept.iter().for_each(|path| fs::remove_file(path).expect("it is there"));
    fs::create_dir(folder.path().join("new")).expect("a folder");
    temporary(dead, 0, "n\n");
    let added: Vec<_> = plan.changes().into_iter().filter(|it| it.path.ends_with("file")).collect();
    sweep(&added);
    fs::remove_dir(folder.path().join("new")).expect("it is empty");
    assert_eq!(tree(folder.path()), before);
}

#[test]
fn a_file_changed_since_the_plan_stops_all_of_it() {
    for (name, text) in [("edited", "x\n"), ("gone", "x\n"), ("moved", "x\n"), ("old", "")] {
        let (folder, roots) = start();
        let plan = plan(&parse(PATCH).expect("a patch"), &roots, folder.path()).expect("a plan");
        fs::write(folder.path().join(name), text).expect("a file");
        let before = tree(folder.path());
        let error = apply(plan).expect_err("a file has changed");
        assert!(matches!(&error, ApplyError::Changed { path } if path.ends_with(name)), "{error}");
        assert_eq!(tree(folder.path()), before);
    }
}

#[test]
fn a_folder_swapped_for_a_link_since_the_plan_is_no_way_out() {
    let outside = scratch();
    let folder = scratch();
    fs::create_dir(folder.path().join("d")).expect("a folder");
    let roots = Roots::new([folder.path()]).expect("it exists");
    let patch = parse("*** Begin Patch\n*** Add File: d/f\n+x\n*** End Patch").expect("a patch");
    let plan = plan(&patch, &roots, folder.path()).expect("a plan");
    fs::remove_dir(folder.path().join("d")).expect("it is empty");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("d")).expect("a link");
    apply(plan).expect_err("the link leads out");
    assert!(tree(outside.path()).is_empty());
    assert_eq!(tree(folder.path()).len(), 1);
}

#[test]
fn several_roots_and_a_folder_outside_of_all() {
    let (one, two, three) = (scratch(), scratch(), scratch());
    let roots = Roots::new([one.path(), two.path()]).expect("they exist");
    let add = |folder: &tempfile::TempDir| {
        let path = folder.path().join("f");
        let text = format!("*** Begin Patch\n*** Add File: {}\n+x\n*** End Patch", path.display());
        plan(&parse(&text).expect("a patch"), &roots, one.path())
    };
    apply(add(&two).expect("a root")).expect("nothing in the way");
    assert!(two.path().join("f").exists());
    let error = add(&three).expect_err("no root");
    assert!(matches!(&error, PlanError::Outside { .. }), "{error}");
    assert!(error.to_string().contains("outside"), "{error}");
}
