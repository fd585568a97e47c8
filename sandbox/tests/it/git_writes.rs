//! Repositories that commands may commit to: the work of git is done, and nothing of it can run a
//! program later.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use codex_sandbox::{Confinement, GitWrites, Plan, Policy, probe};

use crate::world::{FULL_AUTO, Ran, World, capture};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    ("a_commit_works_where_it_is_allowed", a_commit_works_where_it_is_allowed),
    ("a_commit_fails_where_it_is_not", a_commit_fails_where_it_is_not),
    ("what_names_programs_stays", what_names_programs_stays),
    ("a_worktree_stays_as_a_whole", a_worktree_stays_as_a_whole),
    ("what_can_be_made_anew_is_told", what_can_be_made_anew_is_told),
    (
        "the_agents_home_inside_the_project_is_covered",
        the_agents_home_inside_the_project_is_covered,
    ),
];

const NO_GIT: &str = "there is no git";
const NO_NAMESPACES: &str = "namespaces are not available";

fn git(folder: &Path, words: &[&str]) -> bool {
    let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    let mut command = Command::new("git");
    command.current_dir(folder).args(identity).args(words);
    let environment = [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")];
    command.envs(environment).output().is_ok_and(|output| output.status.success())
}

/// A world whose `work` is a repository with one commit, or why there is none.
fn repository() -> Result<World, Verdict> {
    let world = World::new();
    if world.plan(FULL_AUTO).confinement != Confinement::Full {
        return Err(Verdict::Skipped(NO_NAMESPACES));
    }
    fs::write(world.at("project/file"), "one\n").expect("written");
    let work = world.at("project");
    let made = git(&work, &["init", "-q", "-b", "main"])
        && git(&work, &["config", "user.name", "Ann"])
        && git(&work, &["config", "user.email", "ann@example.org"])
        && git(&work, &["add", "file"])
        && git(&work, &["commit", "-qm", "one"]);
    if made { Ok(world) } else { Err(Verdict::Skipped(NO_GIT)) }
}

fn run(world: &World, git_writes: GitWrites, script: &str) -> Ran {
    let policy = Policy { git_writes, ..world.policy(FULL_AUTO) };
    let mut launch = world.launch(FULL_AUTO, &["/bin/sh", "-c", script]);
    launch.plan = Plan::on_disk(&policy, &probe()).expect("a plan");
    capture(launch)
}

fn changes(ran: &Ran) -> &[String] {
    ran.outcome.ended.as_ref().map_or(&[], |ended| &ended.changes)
}

/// Each file and folder below one, with what it holds.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(contents(&path));
        }
    }
    found
}

fn a_commit_works_where_it_is_allowed() -> Verdict {
    let world = match repository() {
        Ok(world) => world,
        Err(verdict) => return verdict,
    };
    let names = |world: &World| -> Vec<_> {
        fs::read_dir(world.at("project/.git"))
            .expect("there")
            .flatten()
            .map(|it| it.file_name())
            .collect()
    };
    let before = names(&world);
    let script = "set -e; echo two > file; git add file; git commit -qm two; git checkout -qb next; \
                  echo three > new; git add new; git commit -qm three; git tag one; git stash list; \
                  git status --short; git log --oneline | wc -l";
    let ran = run(&world, GitWrites::Metadata, script);
    assert_eq!((ran.code(), ran.stdout.trim()), (0, "3"), "{}", ran.stderr);
    assert!(git(&world.at("project"), &["rev-parse", "--verify", "refs/heads/next"]));
    assert!(git(&world.at("project"), &["fsck", "--strict"]));
    assert_eq!(changes(&ran), [""; 0]);
    let left: Vec<_> = names(&world).into_iter().filter(|name| !before.contains(name)).collect();
    assert!(left.iter().all(|name| name == "ORIG_HEAD" || name == "logs"), "left: {left:?}");
    Verdict::Held
}

fn a_commit_fails_where_it_is_not() -> Verdict {
    let world = match repository() {
        Ok(world) => world,
        Err(verdict) => return verdict,
    };
    let before = contents(&world.at("project/.git"));
    let ran =
        run(&world, GitWrites::None, "git log --oneline; echo two > file; git commit -qam two");
    assert_ne!(ran.code(), 0);
    assert!(ran.stdout.contains("one") && ran.stderr.contains("Read-only"), "{}", ran.stderr);
    assert!(contents(&world.at("project/.git")) == before);
    Verdict::Held
}

fn what_names_programs_stays() -> Verdict {
    /// Each tries to have git run a program later, or to look elsewhere for what it runs.
    const ATTEMPTS: [&str; 26] = [
        "git config core.fsmonitor ./evil",
        "echo '[alias] x = !evil' >> .git/config",
        "rm -f .git/config; echo '[core]' > .git/config",
        "mv .git/config .git/aside",
        "echo evil > .git/new; mv .git/new .git/config",
        "ln -f file .git/config",
        "echo evil > .git/config.worktree",
        "echo evil > .git/new; mv -f .git/new .git/config.worktree",
        "echo evil > .git/hooks/post-commit",
        "mv .git/hooks .git/aside; mkdir .git/hooks",
        "rm -rf .git/hooks",
        "mkdir -p evil/hooks; echo ../evil > .git/commondir",
        "echo ../evil > .git/new; mv -f .git/new .git/commondir",
        "rm -f .git/commondir; ln -s ../evil .git/commondir",
        "mv .git aside; mkdir .git",
        "rm -rf .git; git init -q",
        "mv .git aside; ln -s evil .git",
        "echo '* filter=evil' > .git/info/attributes",
        "mv .git/info .git/aside; mkdir .git/info",
        "mkdir -p .git/modules/x; echo evil > .git/modules/x/config",
        "mkdir -p .git/worktrees/x; echo evil > .git/worktrees/x/gitdir",
        "mkdir -p .git/remotes; echo 'URL: ext::evil' > .git/remotes/origin",
        "mkdir -p .git/branches; echo evil > .git/branches/x",
        "git remote add origin ext::evil",
        "chmod 777 .git/config; touch -d @0 .git/hooks",
        "git worktree add -q linked",
    ];
    let world = match repository() {
        Ok(world) => world,
        Err(verdict) => return verdict,
    };
    let kept = ["config", "config.worktree", "hooks", "info", "modules", "worktrees", "remotes"];
    let kept = kept.iter().chain(&["branches", "commondir"]);
    let kept: Vec<PathBuf> = kept.map(|name| world.at("project/.git").join(name)).collect();
    let state = || -> Vec<_> {
        use std::os::unix::fs::MetadataExt;
        kept.iter()
            .map(|path| {
                let meta = fs::symlink_metadata(path).ok();
                let meta = meta.map(|meta| (meta.ino(), meta.mode(), meta.mtime()));
                (path.clone(), meta, fs::read(path).ok(), contents(path))
            })
            .collect()
    };
    let (work, spare) = (world.at("project"), world.at("spare"));
    fs::rename(work.join(".git"), &spare).expect("moved");
    restore(&work, &spare);
    for attempt in ATTEMPTS {
        let before = state();
        let ran = run(&world, GitWrites::Metadata, &format!("{attempt}; true"));
        assert!(ran.outcome.failed.is_none(), "{attempt}: {:?}", ran.outcome.failed);
        for (was, is) in before.iter().zip(state()) {
            assert!(*was == is, "{attempt}: {} changed: {:?}", was.0.display(), ran.stderr);
        }
        assert_eq!(changes(&ran), [""; 0], "{attempt}");

        // The same words change something where nothing keeps it, so they are real attempts.
        restore(&work, &spare);
        let before = state();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", attempt]).current_dir(&work);
        // The world lies in a repository itself, which must not be the one that is found.
        shell.env("GIT_CEILING_DIRECTORIES", world.at("")).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let free = shell.output().expect("a shell");
        assert!(before != state(), "{attempt}: nothing changed: {free:?}");
        restore(&work, &spare);
    }
    Verdict::Held
}

/// Puts a repository back as it was.
fn restore(work: &Path, spare: &Path) {
    for name in [".git", "aside", "linked", "evil"] {
        let _ = fs::remove_file(work.join(name));
        let _ = fs::remove_dir_all(work.join(name));
    }
    let copied = Command::new("cp").arg("-a").args([spare, &work.join(".git")]).status();
    assert!(copied.is_ok_and(|status| status.success()));
}

fn a_worktree_stays_as_a_whole() -> Verdict {
    let world = match repository() {
        Ok(world) => world,
        Err(verdict) => return verdict,
    };
    let work = world.at("project");
    assert!(git(&work, &["worktree", "add", "-q", "linked"]));
    let before = contents(&world.at("project/.git/worktrees"));
    for git_writes in [GitWrites::None, GitWrites::Metadata] {
        let ran = run(
            &world,
            git_writes,
            "cd linked; git status --short; echo 'gitdir: ../evil' > .git; echo x > new; git add new; \
             rm .git; mv .git aside; true",
        );
        assert!(ran.stderr.contains("Read-only"), "{}", ran.stderr);
        assert!(contents(&world.at("project/.git/worktrees")) == before);
        assert!(world.read("project/linked/.git").starts_with("gitdir: /"));
    }
    Verdict::Held
}

fn what_can_be_made_anew_is_told() -> Verdict {
    let world = match repository() {
        Ok(world) => world,
        Err(verdict) => return verdict,
    };
    let told = |script: &str, words: &str| {
        let ran = run(&world, GitWrites::Metadata, script);
        let found = changes(&ran).iter().any(|change| change.contains(words));
        assert!(found, "{script}: {:?} {}", changes(&ran), ran.stderr);
    };
    told("git init -q sub", "project/sub/.git is a new repository");
    let ran =
        run(&world, GitWrites::Metadata, "mv sub other; mkdir other && git init -q other/sub");
    assert!(ran.stderr.contains("busy"), "a folder around stays in its place: {}", ran.stderr);
    told("git init -q new/deep; mv new moved", "project/moved/deep/.git is a new repository");
    told("mkdir -p refs objects; echo ref: x > HEAD", "project became a repository itself");
    told(
        "mkdir .git/rebase-merge; echo exec evil > .git/rebase-merge/git-rebase-todo",
        "rebase-merge",
    );
    // Once it is there, it stays as it is.
    let ran =
        run(&world, GitWrites::Metadata, "echo exec worse > .git/rebase-merge/git-rebase-todo");
    assert!(ran.stderr.contains("Read-only"), "{}", ran.stderr);
    let ran = run(&world, GitWrites::Metadata, "echo evil > sub/.git/hooks/post-commit");
    assert!(ran.stderr.contains("Read-only"), "{}", ran.stderr);
    Verdict::Held
}

fn the_agents_home_inside_the_project_is_covered() -> Verdict {
    let world = World::new();
    fs::create_dir_all(world.at("project/deep/agent")).expect("made");
    fs::write(world.at("project/deep/agent/auth.json"), "canary").expect("written");
    let policy =
        Policy { agent_home: Some(world.at("project/deep/agent")), ..world.policy(FULL_AUTO) };
    let Ok(plan) = Plan::on_disk(&policy, &probe()) else {
        return Verdict::Skipped(NO_NAMESPACES);
    };
    let before = contents(&world.at("project/deep"));
    let script = "cat deep/agent/auth.json; echo evil > deep/agent/config.toml; mv deep away; \
                  mv deep/agent deep/away; rm -rf deep; mkdir -p deep/agent; \
                  echo evil > deep/agent/config.toml; echo ran";
    let mut launch = world.launch(FULL_AUTO, &["/bin/sh", "-c", script]);
    launch.plan = plan;
    let ran = capture(launch);
    assert_eq!((ran.code(), ran.stdout.trim()), (0, "ran"), "{}", ran.stderr);
    assert!(contents(&world.at("project/deep")) == before);
    Verdict::Held
}
