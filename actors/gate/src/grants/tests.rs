use std::os::unix::fs::PermissionsExt;

use super::*;

fn grant(prefix: &[&str], seq: u64) -> Grant {
    let prefix = prefix.iter().map(|word| (*word).to_owned()).collect();
    let session = SessionId::from_bytes([0x1a; 16]);
    Grant::new(
        "/home/me/a \"b\"".to_owned(),
        prefix,
        session,
        Seq(seq),
        Timestamp(1_795_000_000_123),
    )
}

fn home() -> (tempfile::TempDir, Grants) {
    let folder = tempfile::tempdir().expect("a folder");
    let grants = Grants::of(&folder.path().join("home"));
    (folder, grants)
}

fn text(grants: &Grants) -> String {
    fs::read_to_string(grants.path()).expect("the file")
}

#[test]
fn an_answer_is_kept_once_and_stays_revoked() {
    let (_folder, grants) = home();
    assert_eq!(grants.list().expect("none"), []);
    assert_eq!(grants.add(&grant(&["cargo", "test"], 7)).expect("kept"), Added::Written);
    assert_eq!(grants.add(&grant(&["cargo", "test"], 7)).expect("kept"), Added::AlreadyThere);
    assert_eq!(grants.add(&grant(&["npm", "run\n\u{1b}x"], 9)).expect("kept"), Added::Written);
    let mode = fs::metadata(grants.path()).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = grants.list().expect("kept");
    assert_eq!(kept[1].grant, grant(&["npm", "run\n\u{1b}x"], 9));
    assert!(kept.iter().all(Kept::is_active));

    let id = kept[0].grant.id();
    let revoked = grants.revoke(&|kept| kept.grant.id() == id, Timestamp(0)).expect("revoked");
    assert_eq!(revoked.len(), 1);
    assert_eq!(grants.add(&grant(&["cargo", "test"], 7)).expect("known"), Added::Revoked);
    assert_eq!(grants.revoke(&|kept| kept.grant.id() == id, Timestamp(0)).expect("none"), []);
    let active: Vec<bool> = grants.list().expect("kept").iter().map(Kept::is_active).collect();
    assert_eq!(active, [false, true]);
    assert_eq!(
        text(&grants).lines().nth(2),
        Some(
            "revoked(project = \"/home/me/a \\\"b\\\"\", prefix = [\"cargo\", \"test\"], session = \
             \"1a1a1a1a-1a1a-1a1a-1a1a-1a1a1a1a1a1a\", seq = 7, at = \"2026-11-18T11:06:40.123Z\", \
             on = \"1970-01-01T00:00:00.000Z\")"
        )
    );
}

#[test]
fn what_the_user_wrote_into_the_file_stays() {
    let (_folder, grants) = home();
    grants.add(&grant(&["a"], 1)).expect("kept");
    let by_hand = text(&grants).replace("grant(", "# because\ngrant(\n  ") + "# the end";
    fs::write(grants.path(), &by_hand).expect("written");
    grants.add(&grant(&["b"], 2)).expect("kept");
    assert!(text(&grants).starts_with(&format!("{by_hand}\ngrant(")));
    grants.revoke(&|kept| kept.grant.seq == Seq(1), Timestamp(0)).expect("revoked");
    let now = text(&grants);
    assert!(now.contains("# because\nrevoked(project") && now.contains("# the end\n"), "{now}");
    assert_eq!(grants.list().expect("grants").len(), 2);
}

#[test]
fn nothing_that_runs_other_programs_is_granted() {
    let (_folder, grants) = home();
    for prefix in [
        &["bash"][..],
        &["/bin/sh", "-c"],
        &["python3.12", "x.py"],
        &["node"],
        &["git", "status"],
        &["env", "cargo"],
        &["sudo"],
        &["xargs"],
        &[""],
        &[],
    ] {
        let error = grants.add(&grant(prefix, 1)).expect_err("refused");
        assert!(matches!(error, GrantError::Unfit { .. }), "{prefix:?}: {error}");
    }
    assert!(!grants.path().exists());
    let mut nowhere = grant(&["cargo"], 1);
    nowhere.project = "app".to_owned();
    assert!(grants.add(&nowhere).is_err());
    // Written by hand it counts for nothing, and the rest of the file still does.
    grants.add(&grant(&["cargo"], 1)).expect("kept");
    fs::write(grants.path(), text(&grants).replace("\"cargo\"", "\"bash\"")).expect("written");
    grants.add(&grant(&["make"], 2)).expect("kept");
    let kept = grants.list().expect("grants");
    assert_eq!(kept[0].unfit.as_deref(), Some("a shell can do anything"));
    assert_eq!((kept[0].is_active(), kept[1].is_active()), (false, true));
}

#[test]
fn a_file_that_is_not_one_of_grants_is_refused_at_its_place_and_left_alone() {
    let (_folder, grants) = home();
    grants.add(&grant(&["cargo"], 1)).expect("kept");
    let good = text(&grants);
    for (bad, told) in [
        (good.replace("seq = 1", "seq = \"1\""), ":3:"),
        (good.replace("grant(", "prefix_rule("), ":3:1: `prefix_rule` does not belong"),
        (good.replace("1a1a1a1a-", "x"), "is not the id of a session"),
        (good.replace(", at = ", ", when = "), ":3:"),
        (good.replace("grant(", "revoked("), ":3:1: revoked needs `on`"),
        (good.replace("[\"cargo\"]", "[]"), "the prefix is empty"),
        (good.replace(")", ""), "is never closed"),
        (good[..good.len() - 20].to_owned(), "is never closed"),
    ] {
        fs::write(grants.path(), &bad).expect("written");
        for error in [
            grants.list().expect_err("refused"),
            grants.revoke(&|_| true, Timestamp(0)).expect_err("refused"),
        ] {
            assert!(error.to_string().contains(told), "{bad}\n{error}");
        }
        assert!(grants.add(&grant(&["make"], 2)).is_err());
        assert_eq!(text(&grants), bad);
    }
}

#[test]
fn a_file_that_others_may_change_is_refused() {
    let (_folder, grants) = home();
    grants.add(&grant(&["cargo"], 1)).expect("kept");
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(grants.path(), fs::Permissions::from_mode(mode)).expect("set");
        let error = grants.list().expect_err("refused");
        assert!(matches!(error, RuleError::Exposed { .. }), "{error}");
        assert!(error.hint().contains("chmod 600"));
    }
}

#[test]
fn a_link_to_the_file_stays_one_and_a_leftover_is_no_obstacle() {
    let (folder, grants) = home();
    let (there, home) = (folder.path().join("dotfiles"), folder.path().join("home"));
    fs::create_dir_all(&there).expect("a folder");
    fs::create_dir_all(&home).expect("a folder");
    fs::write(there.join("g.rules"), "# mine\n").expect("written");
    fs::set_permissions(there.join("g.rules"), fs::Permissions::from_mode(0o600)).expect("set");
    std::os::unix::fs::symlink(there.join("g.rules"), grants.path()).expect("a link");
    // A process was killed in the middle of writing, or somebody planted a link.
    std::os::unix::fs::symlink("/nowhere/at/all", there.join("g.rules.new")).expect("a link");
    grants.add(&grant(&["cargo"], 1)).expect("kept");
    assert!(grants.path().is_symlink());
    assert_eq!(fs::read_to_string(there.join("g.rules")).expect("text").lines().count(), 2);
    assert!(!there.join("g.rules.new").is_symlink());
}

#[test]
fn answers_given_at_once_are_all_kept() {
    let (_folder, grants) = home();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let grants = &grants;
            scope.spawn(move || {
                for each in 0..8 {
                    grants.add(&grant(&["cargo"], thread * 8 + each)).expect("kept");
                }
            });
        }
    });
    let mut seqs: Vec<u64> = grants.list().expect("kept").iter().map(|it| it.grant.seq.0).collect();
    seqs.sort();
    assert_eq!(seqs, (0..32).collect::<Vec<_>>());
}

#[test]
fn an_id_names_one_answer() {
    let ids: std::collections::BTreeSet<String> = (0..200).map(|n| grant(&["a"], n).id()).collect();
    assert_eq!(ids.len(), 200);
    assert!(ids.iter().all(|id| id.len() == 8));
}
