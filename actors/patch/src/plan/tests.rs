use std::fs;

use super::*;
use crate::parse;

fn planned(folder: &Path, body: &str) -> Plan {
    let patch = parse(&format!("*** Begin Patch\n{body}\n*** End Patch")).expect("a patch");
    plan(&patch, &Roots::new([folder]).expect("it exists"), folder).expect("a plan")
}

fn net(plan: &Plan) -> Vec<String> {
    let name = |path: &str| path.rsplit('/').next().expect("a name").to_owned();
    let one = |change: FileChange| {
        let target = change.move_to.as_deref().map(name).unwrap_or_default();
        let (before, after) = (change.before.is_some(), change.after.is_some());
        format!("{:?} {} {target} {before} {after}", change.kind, name(&change.path))
    };
    plan.changes().into_iter().map(one).collect()
}

#[test]
fn changes_are_the_net_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "1\n").expect("a file");
    fs::write(folder.path().join("b"), "2\n").expect("a file");
    for (body, wanted) in [
        ("*** Add File: n\n+x\n*** Delete File: n", vec![]),
        ("*** Update File: a\n-1\n+3\n*** Delete File: a", vec!["Delete a  true false"]),
        ("*** Delete File: a\n*** Add File: a\n+x", vec!["Add a  true true"]),
        ("*** Add File: a\n+x", vec!["Add a  true true"]),
        ("*** Add File: n\n+x\n*** Update File: n\n-x\n+y", vec!["Add n  false true"]),
        ("*** Update File: a\n*** Move to: n", vec!["Update a n true true"]),
        (
            "*** Update File: a\n*** Move to: n\n*** Update File: n\n*** Move to: m",
            vec!["Update a m true true"],
        ),
        ("*** Update File: a\n*** Move to: n\n*** Delete File: n", vec!["Delete a  true false"]),
        (
            "*** Update File: a\n*** Move to: n\n*** Update File: n\n*** Move to: a",
            vec!["Update a  true true"],
        ),
        ("*** Update File: a\n*** Move to: b", vec!["Update a b true true", "Update b  true true"]),
    ] {
        assert_eq!(net(&planned(folder.path(), body)), wanted, "{body:?}");
    }
}

#[test]
fn changes_say_where_their_chunks_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "1\n2\n3\n4\n").expect("a file");
    fs::write(folder.path().join("b"), "2\n").expect("a file");
    let edit = "@@\n 2\n-3\n+x\n@@\n-4\n+y";
    for (body, wanted) in [
        (format!("*** Update File: a\n{edit}"), vec![vec![2, 4]]),
        (format!("*** Update File: a\n*** Move to: n\n{edit}"), vec![vec![2, 4]]),
        (format!("*** Update File: a\n*** Move to: b\n{edit}"), vec![vec![2, 4], vec![]]),
        (format!("*** Update File: a\n{edit}\n*** Update File: a\n-y\n+z"), vec![vec![2, 4, 4]]),
        (format!("*** Update File: a\n{edit}\n*** Add File: a\n+x"), vec![vec![]]),
        (format!("*** Update File: a\n{edit}\n*** Delete File: a"), vec![vec![]]),
        ("*** Add File: n\n+x".to_owned(), vec![vec![]]),
    ] {
        let changes = planned(folder.path(), &body).changes();
        let hunks: Vec<Vec<u64>> = changes.into_iter().map(|change| change.hunks).collect();
        assert_eq!(hunks, wanted, "{body:?}");
    }
}

#[test]
fn all_bytes_can_be_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "1\n").expect("a file");
    let plan = planned(folder.path(), "*** Update File: a\n*** Move to: b\n@@\n-1\n+2");
    let files: Vec<_> = plan.files().map(|file| (file.before, file.after)).collect();
    assert_eq!(files, [(Some(&b"1\n"[..]), None), (None, Some(&b"2\n"[..]))]);
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    let roots = Roots::new([folder.path()]).expect("it exists");
    for body in ["*** Update File: pipe\n-a\n+b", "*** Delete File: pipe", "*** Add File: pipe\n+b"]
    {
        let patch = parse(&format!("*** Begin Patch\n{body}\n*** End Patch")).expect("a patch");
        let error = plan(&patch, &roots, folder.path()).expect_err("a pipe").to_string();
        assert!(error.ends_with("not a regular file"), "{error}");
    }
}

#[test]
fn a_missing_root_allows_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let roots = Roots::new([folder.path().join("nowhere")]).expect("left out");
    assert!(roots.folders().is_empty());
    let patch = parse("*** Begin Patch\n*** Add File: f\n+x\n*** End Patch").expect("a patch");
    let error = plan(&patch, &roots, folder.path()).expect_err("no root");
    assert!(matches!(error, PlanError::Outside { .. }), "{error}");
}
