use std::os::unix::fs::symlink;

use super::*;
use crate::placeholder::Placeholders;
use crate::{FilePlan, Network, ReadPlan, Resources, Scopes};

/// A writable root, and a folder beside it.
struct World {
    folder: tempfile::TempDir,
    git_writes: GitWrites,
}

impl World {
    fn new(files: &[&str]) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World { folder, git_writes: GitWrites::None };
        world.make("root/");
        files.iter().for_each(|file| world.make(file));
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("it exists").join(name)
    }

    /// Makes a folder (`a/`), or a file with a text (`a=text`).
    fn make(&self, words: &str) {
        let (name, text) = words.split_once('=').unwrap_or((words, ""));
        let path = self.at(name);
        if name.ends_with('/') {
            return fs::create_dir_all(path).expect("made");
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn plan(&self) -> Plan {
        let root = self.at("root");
        let reserved = [".agents", ".codex", ".git"];
        Plan {
            confinement: Confinement::Full,
            files: FilePlan {
                read: ReadPlan::Everything,
                write: WritePlan::Roots(vec![root.clone()]),
                programs: vec![],
                devices: vec![],
                withheld: vec![],
            },
            protected: reserved
                .map(|name| Protected { path: root.join(name), how: How::Placeholder })
                .to_vec(),
            git_writes: self.git_writes,
            resources: Resources::default(),
            network: Network::Off,
            scopes: Scopes { signals: true, abstract_sockets: true, tcp: true },
            landlock_abi: 6,
            limits: vec![],
        }
    }

    fn found(&self) -> Vec<String> {
        let (found, _) = scan(&self.plan()).expect("nothing is in the way");
        let base = self.at("");
        let words = found.protected.iter().map(|Protected { path, how }| {
            let path = path.strip_prefix(&base).unwrap_or(path).display();
            match how {
                How::ReadOnly => format!("{path}"),
                How::Placeholder => format!("{path}?"),
                How::PlaceholderFile(text) => format!("{path}={text:?}"),
                How::InPlace => format!("{path}!"),
            }
        });
        words.collect()
    }

    fn refusal(&self) -> String {
        scan(&self.plan()).expect_err("something is in the way").to_string()
    }

    fn changes(&self, command: impl FnOnce()) -> Vec<String> {
        let (_, watch) = scan(&self.plan()).expect("nothing is in the way");
        command();
        let base = self.at("").display().to_string();
        watch.end().into_iter().map(|change| change.replace(&base, "")).collect()
    }
}

#[test]
fn missing_names_get_a_place_and_present_ones_stay() {
    let world = World::new(&[]);
    assert_eq!(world.found(), ["root/.agents?", "root/.codex?", "root/.git?", "root/refs?"]);
    let world = World::new(&["root/.git/config", "root/.codex/", "root/.agents=a file"]);
    assert_eq!(world.found(), ["root/.agents", "root/.codex", "root/.git"]);
}

#[test]
fn the_places_of_another_command_are_kept_as_if_they_were_missing() {
    for git_writes in [GitWrites::None, GitWrites::Metadata] {
        let world = World { git_writes, ..World::new(&[]) };
        let plan = world.plan();
        let (mut found, _) = scan(&plan).expect("nothing is in the way");
        let another = Placeholders::hold(&mut found.protected, &plan.protected).expect("made");
        assert_eq!(world.found(), ["root/.agents", "root/.codex", "root/.git", "root/refs?"]);
        drop(another);
    }
}

#[test]
fn a_patch_makes_no_root_a_repository_either() {
    let reserved = |files: &[&str]| {
        let world = World::new(files);
        world.plan().reserved().contains(&world.at("root/refs"))
    };
    assert!(reserved(&[]));
    assert!(!reserved(&["root/.git/config"]) && !reserved(&["root/refs/notes"]));
}

#[test]
fn repositories_are_found_at_every_depth_within_the_bounds() {
    let world = World::new(&[
        "root/a/.git/config",
        "root/a/b/c/d/e/f/.git/",
        "root/a/b/c/d/e/f/g/.git/",
        "root/node_modules/x/.git/",
        "root/target/x/.git/",
        "root/sub/.git=gitdir: ../.git/modules/sub\n",
        "root/.git/modules/sub/config",
        "root/.git/x/.git/",
    ]);
    let expected = [
        "root/.agents?",
        "root/.codex?",
        "root/.git",
        "root/a!",
        "root/a/.git",
        "root/a/b!",
        "root/a/b/c!",
        "root/a/b/c/d!",
        "root/a/b/c/d/e!",
        "root/a/b/c/d/e/f!",
        "root/a/b/c/d/e/f/.git",
        "root/sub!",
        "root/sub/.git",
    ];
    assert_eq!(world.found(), expected);
    assert!(scan(&world.plan()).expect("found").0.partial, "one lies deeper than the walk goes");
    fs::remove_dir_all(world.at("root/a/b/c/d/e/f/g")).expect("removed");
    assert!(!scan(&world.plan()).expect("found").0.partial);
}

#[test]
fn bounds_are_told() {
    let world = World::new(&["root/a/.git/", "root/b/.git/", "root/c/d/.git/"]);
    let walk = |bounds: Bounds| Walk::begin(&world.at("root"), bounds).expect("open");
    let all = walk(Bounds::DEFAULT);
    assert_eq!((all.found.len(), all.partial), (3, false));
    for (bounds, count) in [
        (Bounds { found: 2, ..Bounds::DEFAULT }, 2),
        (Bounds { depth: 1, ..Bounds::DEFAULT }, 2),
        (Bounds { folders: 4, ..Bounds::DEFAULT }, 2),
    ] {
        let few = walk(bounds);
        assert_eq!((few.found.len(), few.partial), (count, true), "{bounds:?}");
    }
}

#[test]
fn a_repository_kept_elsewhere_in_the_root_is_kept_with_all_that_leads_to_it() {
    let world = World::new(&[
        "root/.git=gitdir: store/deep/git\n",
        "root/store/deep/git/commondir=../../common\n",
        "root/store/common/config",
        "outside/git/config",
        "root/out/.git=gitdir: ../../outside/git",
        "root/gone/.git=gitdir: nowhere",
    ]);
    let expected = [
        "root/.agents?",
        "root/.codex?",
        "root/.git",
        "root/gone!",
        "root/gone/.git",
        "root/out!",
        "root/out/.git",
        "root/store!",
        "root/store/common",
        "root/store/deep!",
        "root/store/deep/git",
    ];
    assert_eq!(world.found(), expected);
}

#[test]
fn what_cannot_be_kept_is_refused_by_its_name() {
    for name in [".git", ".codex", ".agents", "deep/.git"] {
        let world = World::new(&["root/deep/", "outside/"]);
        symlink(world.at("outside"), world.at("root").join(name)).expect("linked");
        assert!(world.refusal().contains(&format!("root/{name} is a symbolic link")), "{name}");
    }
    let world = World::new(&["root/real/git/config", "root/.git=gitdir: link/git"]);
    symlink("real", world.at("root/link")).expect("linked");
    assert!(world.refusal().contains("root/link is a symbolic link"));
    let world = World::new(&["root/.git=gitdir: ."]);
    assert!(world.refusal().contains("is a writable folder itself"), "{}", world.refusal());
}

#[test]
fn a_strangers_link_in_a_shared_folder_keeps_nobody_from_working() {
    use std::os::unix::fs::{PermissionsExt, chown, lchown};
    if !rustix::process::geteuid().is_root() {
        return; // Only root can make what a stranger made.
    }
    const STRANGER: u32 = 4321;
    let world = World::new(&[]);
    let (root, link) = (world.at("root"), world.at("root/.git"));
    symlink("/nowhere", &link).expect("linked");
    chown(&root, Some(STRANGER), None).expect("given");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o1777)).expect("shared");
    assert!(world.refusal().contains("root/.git is a symbolic link"), "it is ours to remove");
    lchown(&link, Some(STRANGER), None).expect("given");
    assert_eq!(world.found(), ["root/.agents?", "root/.codex?"]);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).expect("shared");
    assert!(world.refusal().contains("root/.git is a symbolic link"), "anybody could remove it");
}

#[test]
fn a_root_that_became_a_link_is_refused() {
    let world = World::new(&["outside/"]);
    let plan = world.plan();
    fs::remove_dir(world.at("root")).expect("removed");
    symlink(world.at("outside"), world.at("root")).expect("linked");
    assert!(matches!(scan(&plan), Err(ProtectError::Unreadable { .. })));
}

#[test]
fn metadata_leaves_room_for_commits_and_keeps_the_identity() {
    let mut world = World::new(&[
        "root/.git/HEAD",
        "root/.git/config",
        "root/.git/hooks/",
        "root/.git/rebase-merge/",
        "root/.git/objects/",
    ]);
    world.git_writes = GitWrites::Metadata;
    let expected = [
        "root/.agents?",
        "root/.codex?",
        "root/.git!",
        "root/.git/branches?",
        "root/.git/commondir=\".\\n\"",
        "root/.git/config",
        "root/.git/config.worktree=\"\"",
        "root/.git/hooks",
        "root/.git/info?",
        "root/.git/modules?",
        "root/.git/rebase-merge",
        "root/.git/remotes?",
        "root/.git/worktrees?",
    ];
    assert_eq!(world.found(), expected);
    fs::remove_dir(world.at("root/.git/hooks")).expect("removed");
    symlink("../githooks", world.at("root/.git/hooks")).expect("linked");
    assert!(world.refusal().contains(".git/hooks is a symbolic link"));
}

#[test]
fn a_root_that_is_a_bare_repository_is_kept_like_any_other() {
    let files = ["root/HEAD", "root/config", "root/objects/", "root/refs/", "root/hooks/"];
    let mut world = World::new(&files);
    let identity = [
        "root/.agents?",
        "root/.codex?",
        "root/.git?",
        "root/branches?",
        "root/commondir=\".\\n\"",
        "root/config",
        "root/config.worktree=\"\"",
        "root/hooks",
        "root/info?",
        "root/modules?",
        "root/remotes?",
        "root/worktrees?",
    ];
    let mut all = [&identity[..], &["root/HEAD", "root/objects", "root/refs"]].concat();
    let mut found = world.found();
    all.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, all);
    world.git_writes = GitWrites::Metadata;
    assert_eq!(world.found(), identity);
    assert!(world.plan().reserved().contains(&world.at("root/hooks")), "a patch keeps out, too");
    assert_eq!(
        world.changes(|| world.make("root/hooks/post-update=new")),
        [": the hook post-update appeared"].map(|it| format!("root{it}"))
    );
    let world = World::new(&[&files[..], &["root/.git/config"]].concat());
    assert_eq!(world.found(), ["root/.agents?", "root/.codex?", "root/.git"], "git takes `.git`");
}

#[test]
fn changes_that_can_run_programs_are_told() {
    let world = World::new(&[
        "root/.git/config=[core]\n\thooksPath = .husky\n",
        "root/.git/hooks/pre-push=old",
        "root/.git/hooks/x.sample",
        "root/.husky/pre-commit=old",
        "root/sub/.git/config",
    ]);
    assert_eq!(world.changes(|| {}), [""; 0]);
    let harmless = || {
        world.make("root/.git/objects/aa/bb");
        world.make("root/.git/hooks/y.sample");
        world.make("root/src/main.rs");
    };
    assert_eq!(world.changes(harmless), [""; 0]);
    for (act, expected) in [
        (
            "root/.git/config=[core]\n\thooksPath = .husky\n[alias]\n\tx = !y",
            "root/.git: its configuration changed",
        ),
        ("root/.git/config.worktree=[core]", "root/.git: its configuration changed"),
        ("root/.git/hooks/post-commit=new", "root/.git: the hook post-commit appeared"),
        ("root/.git/hooks/pre-push=longer", "root/.git: the hook pre-push changed"),
        ("root/.husky/pre-commit=longer", "root/.git: the hook pre-commit changed"),
        ("root/.git/commondir=../evil", "root/.git: commondir appeared"),
        ("root/sub/.git/rebase-merge/", "root/sub/.git: rebase-merge appeared"),
        ("root/new/deep/.git/config", "root/new/deep/.git is a new repository"),
        ("root/filed/.git=gitdir: ../x", "root/filed/.git is a new repository"),
    ] {
        let changes = world.changes(|| world.make(act));
        assert!(changes.contains(&expected.to_owned()), "{act}: {changes:?}");
    }
}

#[test]
fn a_planted_or_replaced_repository_is_told() {
    let world = World::new(&["root/sub/.git/config=[a]"]);
    let plant =
        || ["root/HEAD", "root/objects/", "root/refs/"].iter().for_each(|it| world.make(it));
    assert_eq!(world.changes(plant), ["root became a repository itself (HEAD, objects and refs)"]);
    assert_eq!(world.changes(|| {}), [""; 0]);
    let replace = || {
        fs::rename(world.at("root/sub"), world.at("root/away")).expect("renamed");
        world.make("root/sub/.git/config=[a]");
    };
    assert_eq!(
        world.changes(replace),
        ["root/away/.git is a new repository", "root/sub/.git was replaced by another"]
    );
    let swap = || {
        fs::remove_dir_all(world.at("root/sub/.git")).expect("removed");
        world.make("root/sub/.git=gitdir: ../away/.git");
    };
    assert_eq!(world.changes(swap), ["root/sub/.git was replaced by another"]);
}

#[test]
fn many_changes_are_counted() {
    let world = World::new(&[]);
    let clone = || (0..30).for_each(|number| world.make(&format!("root/{number}/.git/")));
    let changes = world.changes(clone);
    assert_eq!((changes.len(), changes.last().map(String::as_str)), (21, Some("and 10 more")));
}

/// `cargo test -p codex-sandbox --release -- --ignored --nocapture a_large_tree`
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stderr)]
fn a_large_tree() {
    let world = World::new(&["root/.git/config"]);
    for folder in 0..5000 {
        let path = format!("root/{}/{}/{folder}", folder % 20, folder % 400);
        (0..10).for_each(|file| world.make(&format!("{path}/{file}")));
    }
    let plan = world.plan();
    for _ in 0..5 {
        let began = std::time::Instant::now();
        let (_, watch) = scan(&plan).expect("found");
        let scanned = began.elapsed();
        let changes = watch.end();
        let looked_again = began.elapsed() - scanned;
        eprintln!("scan {scanned:?}, again {looked_again:?}, {changes:?}");
    }
}
