//! Files of a project that programs run by outside the sandbox later: the agent's own.

use std::fs;

use crate::escapes::case::{Case, Unable, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::World;

/// How a plan without namespaces says that it holds none of these.
const SAID: &str = "`.git` and project settings";

#[test]
fn project_settings_stay_as_they_are() {
    judge("settings", CASES);
}

fn settings(world: &mut World) -> Result<(), Unable> {
    for folder in ["work/.codex", "work/.agents"] {
        fs::create_dir(world.path(folder)).map_err(|error| error.to_string())?;
    }
    world.write("work/.codex/config.toml", "kept = true\n");
    world.write("work/.agents/skill", "kept\n");
    Ok(())
}

const CASES: &[Case] = &[
    attack("written_over", "echo evil > .codex/config.toml", |world, _| {
        world.read("work/.codex/config.toml") != "kept = true\n"
    })
    .after(settings)
    .with_namespaces(SAID),
    attack("added", "echo evil > .codex/new.toml", |world, _| world.has("work/.codex/new.toml"))
        .after(settings)
        .with_namespaces(SAID),
    attack("removed", "rm -rf .codex", |world, _| !world.has("work/.codex/config.toml"))
        .after(settings)
        .with_namespaces(SAID),
    attack(
        "moved_and_made_again",
        "mv .codex old; mkdir .codex; echo evil > .codex/config.toml",
        |world, _| world.read("work/.codex/config.toml") == "evil\n",
    )
    .after(settings)
    .with_namespaces(SAID),
    attack(
        "exchanged",
        "mkdir mine; echo evil > mine/config.toml; payload exchange mine .codex",
        |world, _| world.read("work/.codex/config.toml") == "evil\n",
    )
    .after(settings)
    .with_namespaces(SAID),
    attack(
        "hard_link_to_settings",
        "ln .codex/config.toml alias; echo evil > alias",
        |world, _| world.read("work/.codex/config.toml") == "evil\n",
    )
    .after(settings)
    .with_namespaces(SAID),
    attack(
        "settings_by_proc",
        "echo evil > \"/proc/self/root$WORK/.codex/config.toml\"",
        |world, _| world.read("work/.codex/config.toml") == "evil\n",
    )
    .after(settings)
    .with_namespaces(SAID),
    attack("agents_written_over", "echo evil > .agents/skill", |world, _| {
        world.read("work/.agents/skill") != "kept\n"
    })
    .after(settings)
    .with_namespaces(SAID),
    attack(
        "made_where_there_were_none",
        "mkdir -p .codex; echo evil > .codex/config.toml",
        |world, _| world.has("work/.codex/config.toml"),
    )
    .with_namespaces(SAID),
    attack(
        "agents_made_where_there_were_none",
        "mkdir -p .agents; echo evil > .agents/skill",
        |world, _| world.has("work/.agents/skill"),
    )
    .with_namespaces(SAID),
    attack(
        "moved_in_from_elsewhere",
        "mkdir mine; echo evil > mine/config.toml; mv -T mine .codex",
        |world, _| world.has("work/.codex/config.toml"),
    )
    .with_namespaces(SAID),
    attack(
        "link_to_mine",
        "mkdir mine; echo evil > mine/config.toml; ln -sT mine .codex",
        |world, _| world.has("work/.codex/config.toml"),
    )
    .with_namespaces(SAID),
    // A name that is a link can be pointed elsewhere, so running nothing is as good as holding it.
    attack(
        "decoy_link",
        "rm -f .codex; mkdir .codex; echo evil > .codex/config.toml",
        |world, _| world.read("work/.codex/config.toml") == "evil\n",
    )
    .after(|world| {
        fs::create_dir(world.path("work/decoy")).map_err(|error| error.to_string())?;
        world.write("work/decoy/config.toml", "kept = true\n");
        std::os::unix::fs::symlink("decoy", world.path("work/.codex"))
            .map_err(|error| error.to_string())
    })
    .or_refused()
    .with_namespaces(SAID),
    attack(
        "in_the_temporary_folder",
        "mkdir \"$TMPDIR/.codex\"; echo evil > \"$TMPDIR/.codex/config.toml\"",
        |world, _| world.has("temp/.codex/config.toml"),
    )
    .with_namespaces(SAID),
    // Words for the model are plain files of the project, like its sources.
    works("instructions_can_be_written", "echo read me > AGENTS.md", |world, _| {
        world.read("work/AGENTS.md") == "read me\n"
    }),
    works("nothing_is_left_behind", "ls -A > listed", |world, _| {
        world.names("work") == ["hello", "listed"]
    }),
];
