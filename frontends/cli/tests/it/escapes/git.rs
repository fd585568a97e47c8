//! What makes the user's own `git` run a planted program, later and outside of the sandbox.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::escapes::case::{Case, Unable, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

/// How a plan without namespaces says that it holds none of these.
const SAID: &str = "`.git` and project settings";
/// How every plan says what a mount can't stop, and what is told after the command instead.
const NEW: &str = "new repositories";
/// How it says what a mount could stop only where the folder is a root itself.
const BARE: &str = "bare repositories below";
/// How a plan without namespaces says that it holds no bare repository anywhere.
const BARE_ANYWHERE: &str = "a repository without a `.git`";

/// How every plan says where it does not look for repositories.
const FAR: &str = "`node_modules`";
/// How it says what a repository's settings make programs of, outside of it.
const NAMED: &str = "`core.hooksPath`";

#[test]
fn the_users_git_runs_nothing_planted() {
    judge("git", CASES);
}

/// Runs the user's git in a folder, and tells whether anything planted ran.
fn ran_in(world: &World, folder: &str) -> bool {
    let name = ["-c", "user.name=user", "-c", "user.email=user@example.org"];
    let lines: [&[&str]; 4] = [
        &["status", "--porcelain"],
        &["add", "-A"],
        &["diff", "--cached", "--stat"],
        &["commit", "-qm", "users", "--allow-empty"],
    ];
    for words in lines {
        // A repository that was broken is no escape.
        let _ = world.outside(&world.path(folder), &[&["git"], &name[..], words].concat());
    }
    world.has("PLANTED")
}

fn ran(world: &mut World, _: &Ran) -> bool {
    ran_in(world, "work")
}

fn repository(world: &World, folder: &str) -> Result<(), Unable> {
    let path = world.path(folder);
    fs::create_dir_all(&path).map_err(|error| error.to_string())?;
    world.write(&format!("{folder}/file"), "text\n");
    for words in [
        &["git", "-c", "init.defaultBranch=main", "init", "-q", "."][..],
        &["git", "add", "file"],
        &["git", "config", "user.name", "user"],
        &["git", "config", "user.email", "user@example.org"],
        &["git", "commit", "-qm", "first"],
    ] {
        world.outside(&path, words)?;
    }
    Ok(())
}

fn in_repository(world: &mut World) -> Result<(), Unable> {
    evil(world)?;
    repository(world, "work")
}

/// Makes a program that leaves a trace, in a place that the script can copy it from.
fn evil(world: &mut World) -> Result<(), Unable> {
    let (path, trace) = (world.path("outside/evil"), world.text("PLANTED"));
    world.write("outside/evil", &format!("#!/bin/sh\ntouch '{trace}'\n"));
    world.set("EVIL", path.display());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())
}

fn in_nested(world: &mut World) -> Result<(), Unable> {
    in_repository(world)?;
    repository(world, "work/vendor/sub")
}

/// Runs the user's git in a bare repository, and pushes to it.
fn ran_in_bare(world: &World, folder: &str) -> bool {
    let bare = world.path(folder);
    let _ = world.outside(&bare, &["git", "status"]);
    let _ = world.outside(&bare, &["git", "log", "-1"]);
    repository(world, "outside/source").expect("made before");
    let words = ["git", "push", "-q", &world.text(folder), "HEAD:refs/heads/pushed"];
    let _ = world.outside(&world.path("outside/source"), &words);
    world.has("PLANTED")
}

fn in_bare(world: &mut World) -> Result<(), Unable> {
    evil(world)?;
    let words = ["git", "init", "-q", "--bare", "."];
    world.outside(&world.path("work"), &words)?;
    // The samples are git's own, and another `hooks` is easier to plant.
    fs::write(world.path("work/hooks/update"), "#!/bin/sh\n").map_err(|error| error.to_string())
}

fn above_bare(world: &mut World) -> Result<(), Unable> {
    in_repository(world)?;
    let words = ["git", "init", "-q", "--bare", "below.git"];
    world.outside(&world.path("work"), &words).map(drop)
}

fn in_worktree(world: &mut World) -> Result<(), Unable> {
    evil(world)?;
    repository(world, "outside/main")?;
    fs::remove_dir_all(world.path("work")).map_err(|error| error.to_string())?;
    let words = ["git", "worktree", "add", "-q", &world.text("work")];
    world.outside(&world.path("outside/main"), &words).map(drop)
}

fn in_submodule(world: &mut World) -> Result<(), Unable> {
    in_repository(world)?;
    repository(world, "outside/library")?;
    let library = world.text("outside/library");
    let allowed = ["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    world.outside(&world.path("work"), &[&allowed[..], &[&library, "library"]].concat())?;
    world.outside(&world.path("work"), &["git", "commit", "-qm", "library"]).map(drop)
}

fn with_own_hook(world: &mut World) -> Result<(), Unable> {
    in_repository(world)?;
    let hook = world.path("work/.git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().expect("has one")).map_err(|error| error.to_string())?;
    fs::write(&hook, "#!/bin/sh\ntrue\n").map_err(|error| error.to_string())?;
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())
}

const CASES: &[Case] = &[
    attack("hook", "mkdir -p .git/hooks; cp \"$EVIL\" .git/hooks/pre-commit", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("hook_written_over", "cp \"$EVIL\" .git/hooks/pre-commit", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("hook_by_hard_link", "ln .git/hooks/pre-commit alias; cat \"$EVIL\" > alias", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("hook_by_proc", "cp \"$EVIL\" \"/proc/self/root$WORK/.git/hooks/pre-commit\"", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("hook_by_exchange", "cp \"$EVIL\" mine; payload exchange mine .git/hooks/pre-commit", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("hooks_folder_moved", "mv .git/hooks .git/old; mkdir .git/hooks; cp \"$EVIL\" .git/hooks/pre-commit", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("hooks_path", "cp \"$EVIL\" pre-commit; git config core.hooksPath \"$WORK\"", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("monitor", "git config core.fsmonitor \"$EVIL\"", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("include", "printf '[core]\\n\\tfsmonitor = %s\\n' \"$EVIL\" > more; git config include.path \"$WORK/more\"", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("filter", "git config filter.x.clean \"$EVIL\"; echo '* filter=x' > .gitattributes; echo y > y", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("filter_by_attributes_of_the_repository", "git config filter.x.clean \"$EVIL\"; mkdir -p .git/info; echo '* filter=x' > .git/info/attributes; echo y > y", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("external_difference", "git config diff.external \"$EVIL\"; echo more > file", |world, _| {
        let _ = world.outside(&world.path("work"), &["git", "diff"]);
        world.has("PLANTED")
    })
    .after(in_repository)
    .with_namespaces(SAID),
    attack("settings_of_a_worktree", "git config extensions.worktreeConfig true; git config --worktree core.fsmonitor \"$EVIL\"", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("settings_of_a_worktree_that_was_asked_for", "printf '[core]\\n\\tfsmonitor = %s\\n' \"$EVIL\" > .git/config.worktree", ran)
        .after(|world| {
            in_repository(world)?;
            let words = ["git", "config", "extensions.worktreeConfig", "true"];
            world.outside(&world.path("work"), &words).map(drop)
        })
        .with_namespaces(SAID),
    attack("settings_by_replacement", "cp .git/config new; printf '[core]\\n\\tfsmonitor = %s\\n' \"$EVIL\" >> new; mv new .git/config", ran)
        .after(in_repository)
        .with_namespaces(SAID),
    attack("folder_moved_and_copied", "mv .git old; cp -a old .git; cp \"$EVIL\" .git/hooks/pre-commit", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("folder_exchanged", "cp -a .git mine; cp \"$EVIL\" mine/hooks/pre-commit; payload exchange mine .git", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("folder_by_a_ring", "cp -a .git mine; cp \"$EVIL\" mine/hooks/pre-commit; payload uring-rename .git gone; payload uring-rename mine .git", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("common_folder", "cp -a .git common; cp \"$EVIL\" common/hooks/pre-commit; echo ../common > .git/commondir", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("made_where_there_was_none", "git init -q .; mkdir -p .git/hooks; cp \"$EVIL\" .git/hooks/pre-commit", ran)
        .after(evil)
        .with_namespaces(SAID),
    attack("file_made_where_there_was_none", "git init -q real; mkdir -p real/.git/hooks; cp \"$EVIL\" real/.git/hooks/pre-commit; echo \"gitdir: $WORK/real/.git\" > .git", ran)
        .after(evil)
        .with_namespaces(SAID),
    attack("link_made_where_there_was_none", "git init -q real; mkdir -p real/.git/hooks; cp \"$EVIL\" real/.git/hooks/pre-commit; ln -sT real/.git .git", ran)
        .after(evil)
        .with_namespaces(SAID),
    attack("made_in_the_temporary_folder", "cd \"$TMPDIR\"; git init -q .; mkdir -p .git/hooks; cp \"$EVIL\" .git/hooks/pre-commit", |world, _| {
        ran_in(world, "temp")
    })
    .after(evil)
    .with_namespaces(SAID),
    attack("nested_hook", "mkdir -p vendor/sub/.git/hooks; cp \"$EVIL\" vendor/sub/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/vendor/sub")
    })
    .after(in_nested)
    .with_namespaces(SAID),
    attack("nested_folder_moved", "mv vendor/sub/.git old; cp -a old vendor/sub/.git; mkdir -p vendor/sub/.git/hooks; cp \"$EVIL\" vendor/sub/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/vendor/sub")
    })
    .after(in_nested)
    .with_namespaces(SAID),
    attack("folder_around_nested_moved", "mv vendor/sub vendor/old; cp -a vendor/old vendor/sub; mkdir -p vendor/sub/.git/hooks; cp \"$EVIL\" vendor/sub/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/vendor/sub")
    })
    .after(in_nested)
    .with_namespaces(SAID),
    attack("folder_far_around_nested_moved", "mv vendor old; cp -a old vendor; mkdir -p vendor/sub/.git/hooks; cp \"$EVIL\" vendor/sub/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/vendor/sub")
    })
    .after(in_nested)
    .with_namespaces(SAID),
    attack("new_nested", "git init -q fresh; mkdir -p fresh/.git/hooks; cp \"$EVIL\" fresh/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/fresh")
    })
    .after(in_repository)
    .at_no_level(NEW),
    attack("worktree_pointed_elsewhere", "cp -a \"$(sed 's/gitdir: //; s,/worktrees/.*,,' .git)\" fake; mkdir -p fake/hooks; cp \"$EVIL\" fake/hooks/pre-commit; rm .git; echo \"gitdir: $WORK/fake/worktrees/work\" > .git", ran)
        .after(in_worktree)
        .with_namespaces(SAID),
    attack("worktree_file_exchanged", "git init -q fake; mkdir -p fake/.git/hooks; cp \"$EVIL\" fake/.git/hooks/pre-commit; echo \"gitdir: $WORK/fake/.git\" > mine; payload exchange mine .git", ran)
        .after(in_worktree)
        .with_namespaces(SAID),
    attack("main_repository_of_a_worktree", "mkdir -p \"$OUT/main/.git/hooks\"; cp \"$EVIL\" \"$OUT/main/.git/hooks/pre-commit\"", ran)
        .after(in_worktree),
    attack("submodule_settings", "git config -f .git/modules/library/config core.fsmonitor \"$EVIL\"", |world, _| {
        ran_in(world, "work/library")
    })
    .after(in_submodule)
    .with_namespaces(SAID),
    attack("submodule_pointed_elsewhere", "cp -a .git/modules/library fake; git config -f fake/config core.worktree \"$WORK/library\"; git config -f fake/config core.fsmonitor \"$EVIL\"; rm library/.git; echo \"gitdir: $WORK/fake\" > library/.git", |world, _| {
        ran_in(world, "work/library")
    })
    .after(in_submodule)
    .with_namespaces(SAID),
    attack("planted_rebase", "mkdir .git/rebase-merge; cd .git/rebase-merge; git rev-parse HEAD | tee orig-head > onto; echo refs/heads/main > head-name; echo 2 > end; echo 1 > msgnum; touch interactive; echo \"exec $EVIL\" > git-rebase-todo", |world, _| {
        let words = ["git", "rebase", "--continue"];
        let _ = world.outside(&world.path("work"), &words);
        world.has("PLANTED")
    })
    .after(in_repository)
    .with_namespaces(SAID),
    attack("bare_at_the_root", "git init -q --bare b; mv b/* .; rmdir b; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = %s\\n\\tfsmonitor = %s\\n' \"$WORK\" \"$EVIL\" > config", ran)
        .after(evil)
        .at_no_level(NEW),
    attack("hook_of_a_bare_root", "cp \"$EVIL\" hooks/post-update", |world, _| {
        ran_in_bare(world, "work")
    })
    .after(in_bare)
    .with_namespaces(BARE_ANYWHERE),
    attack("hook_of_a_bare_root_written_over", "cp \"$EVIL\" hooks/update", |world, _| {
        ran_in_bare(world, "work")
    })
    .after(|world| {
        in_bare(world)?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(world.path("work/hooks/update"), mode).map_err(|it| it.to_string())
    })
    .with_namespaces(BARE_ANYWHERE),
    attack("hooks_of_a_bare_root_moved", "mv hooks old; cp -a old hooks; cp \"$EVIL\" hooks/post-update", |world, _| {
        ran_in_bare(world, "work")
    })
    .after(in_bare)
    .with_namespaces(BARE_ANYWHERE),
    attack("settings_of_a_bare_root", "cp \"$EVIL\" pre-receive; git config core.hooksPath \"$WORK\"", |world, _| {
        ran_in_bare(world, "work")
    })
    .after(in_bare)
    .with_namespaces(BARE_ANYWHERE),
    attack("common_folder_of_a_bare_root", "mkdir c; cp -a config hooks objects refs HEAD c; cp \"$EVIL\" c/hooks/post-update; echo c > commondir", |world, _| {
        ran_in_bare(world, "work")
    })
    .after(in_bare)
    .with_namespaces(BARE_ANYWHERE),
    attack("git_folder_in_a_bare_root", "cp -a . /tmp/x-$MARK; cp \"$EVIL\" /tmp/x-$MARK/hooks/post-update; mv /tmp/x-$MARK .git", |world, _| {
        ran_in_bare(world, "work")
    })
    .after(in_bare)
    .with_namespaces(BARE_ANYWHERE),
    attack("hook_of_a_bare_repository_below", "cp \"$EVIL\" below.git/hooks/post-update", |world, _| {
        ran_in_bare(world, "work/below.git")
    })
    .after(above_bare)
    .at_no_level(BARE),
    attack("hook_of_a_submodule", "mkdir -p .git/modules/library/hooks; cp \"$EVIL\" .git/modules/library/hooks/pre-commit", |world, _| {
        ran_in(world, "work/library")
    })
    .after(in_submodule)
    .with_namespaces(SAID),
    attack("hook_of_a_repository_far_below", "mkdir -p 1/2/3/4/5/6/7/8/.git/hooks; cp \"$EVIL\" 1/2/3/4/5/6/7/8/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/1/2/3/4/5/6/7/8")
    })
    .after(|world| {
        evil(world)?;
        repository(world, "work/1/2/3/4/5/6/7/8")
    })
    .at_no_level(FAR),
    attack("hook_of_a_dependency", "mkdir -p node_modules/it/.git/hooks; cp \"$EVIL\" node_modules/it/.git/hooks/pre-commit", |world, _| {
        ran_in(world, "work/node_modules/it")
    })
    .after(|world| {
        evil(world)?;
        repository(world, "work/node_modules/it")
    })
    .at_no_level(FAR),
    attack("hook_in_a_folder_of_the_project", "cp \"$EVIL\" .husky/pre-commit", ran)
        .after(|world| {
            in_repository(world)?;
            fs::create_dir(world.path("work/.husky")).map_err(|error| error.to_string())?;
            let words = ["git", "config", "core.hooksPath", ".husky"];
            world.outside(&world.path("work"), &words).map(drop)
        })
        .at_no_level(NAMED),
    attack("settings_in_a_file_of_the_project", "printf '[core]\\n\\tfsmonitor = %s\\n' \"$EVIL\" > .gitconfig", ran)
        .after(|world| {
            in_repository(world)?;
            let words = ["git", "config", "include.path", "../.gitconfig"];
            world.outside(&world.path("work"), &words).map(drop)
        })
        .at_no_level(NAMED),
    works("reading_a_bare_root", "git log --all -1; git rev-parse --is-bare-repository > answer", |world, _| {
        fs::read_to_string(world.path("work/answer")).is_ok_and(|it| it == "true\n")
    })
    .after(in_bare),
    works("files_around_a_nested_repository", "echo x > vendor/new; mv vendor/new vendor/sub/moved; mv vendor/sub/moved top; rm -r vendor/other; mkdir vendor/other", |world, _| {
        world.has("work/top") && world.has("work/vendor/other")
    })
    .after(|world| {
        in_nested(world)?;
        fs::create_dir(world.path("work/vendor/other")).map_err(|error| error.to_string())
    }),
    // Sources are the project's, and what builds them is the user's choice.
    works("attributes_and_ignored_names", "echo '*.o' > .gitignore; echo '* text' > .gitattributes", |world, _| {
        world.has("work/.gitignore") && world.has("work/.gitattributes")
    })
    .after(in_repository),
    attack("unmounted_hook", "for it in .git/hooks .git/config .git; do payload unmount \"$WORK/$it\"; done; cp \"$EVIL\" .git/hooks/pre-commit", ran)
        .after(with_own_hook)
        .with_namespaces(SAID),
    attack("git_folder_is_a_link", "cp \"$EVIL\" real/hooks/pre-commit; rm .git; ln -sT real .git", ran)
        .after(|world| {
            with_own_hook(world)?;
            let (from, to) = (world.path("work/.git"), world.path("work/real"));
            fs::rename(from, to).map_err(|error| error.to_string())?;
            std::os::unix::fs::symlink(Path::new("real"), world.path("work/.git"))
                .map_err(|error| error.to_string())
        })
        .or_refused()
        .with_namespaces(SAID),
];
