//! Writing, removing, renaming and linking outside of what was granted.

use std::os::unix::fs::MetadataExt;

use crate::escapes::case::{Case, Grants, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn files_outside_stay_as_they_are() {
    judge("files", CASES);
}

fn changed(world: &mut World, _: &Ran) -> bool {
    world.is_victim_changed()
}

const CASES: &[Case] = &[
    attack("write_over", "echo escaped > \"$VICTIM\"", changed),
    attack("append", "echo escaped >> \"$VICTIM\"", changed),
    attack("truncate_by_path", "payload truncate \"$VICTIM\"", changed),
    attack("truncate_by_read_only_open", "payload open-truncating \"$VICTIM\"", changed),
    attack("remove", "rm -f \"$VICTIM\"", changed),
    attack("move_away", "mv \"$VICTIM\" mine", changed),
    attack("move_over", "echo escaped > mine; mv -f mine \"$VICTIM\"", changed),
    attack("exchange", "echo escaped > mine; payload exchange mine \"$VICTIM\"", changed),
    attack("rename_into_outside", "payload rename-keeping hello \"$OUT/hello\"", |world, _| {
        world.has("outside/hello")
    }),
    attack("create", "echo x > \"$OUT/new\"", |world, _| world.has("outside/new")),
    attack("make_a_folder", "mkdir \"$OUT/new\"", |world, _| world.has("outside/new")),
    attack("remove_a_folder", "rmdir \"$OUT/empty\"", |world, _| !world.has("outside/empty"))
        .after(|world| {
            std::fs::create_dir(world.path("outside/empty")).map_err(|it| it.to_string())
        }),
    attack("make_a_pipe", "mkfifo \"$OUT/pipe\"", |world, _| world.has("outside/pipe")),
    attack("make_a_link_there", "ln -s /etc \"$OUT/link\"", |world, _| world.has("outside/link")),
    attack("hard_link_from_outside", "ln \"$VICTIM\" alias; echo escaped > alias", changed),
    attack("hard_link_alone", "ln \"$VICTIM\" alias", |world, _| world.has("work/alias")),
    attack("hard_link_to_outside", "ln hello \"$OUT/hello\"", |world, _| {
        world.has("outside/hello")
    }),
    attack("through_a_link", "ln -s \"$VICTIM\" link; echo escaped > link", changed),
    attack(
        "through_a_link_of_a_link",
        "ln -s \"$OUT\" one; ln -s one two; echo escaped > two/victim",
        changed,
    ),
    attack("through_a_planted_link", "echo escaped > notes", changed).after(|world| {
        std::os::unix::fs::symlink(world.path("outside/victim"), world.path("work/notes"))
            .map_err(|it| it.to_string())
    }),
    attack(
        "folder_swapped_for_a_link",
        "mkdir sub; mv sub old; ln -s \"$OUT\" sub; echo x > sub/x",
        |world, _| world.has("outside/x"),
    ),
    attack(
        "folder_raced_with_a_link",
        "mkdir sub; payload flip-link link sub link \"$OUT\"",
        |world, _| world.has("outside/raced"),
    ),
    attack("dot_dot", "echo escaped > ../outside/victim", changed),
    attack(
        "dot_dot_from_below",
        "mkdir -p a/b; cd a/b; echo escaped > ../../../outside/victim",
        changed,
    ),
    attack("own_folder_moved", "mv \"$WORK\" \"$ROOT/moved\"", |world, _| world.has("moved")),
    attack("beside_the_own_folder", "echo x > \"$WORK.more\"", |world, _| world.has("work.more")),
    attack("by_proc_root", "echo escaped > \"/proc/self/root$VICTIM\"", changed),
    attack("by_proc_cwd", "echo escaped > /proc/self/cwd/../outside/victim", changed),
    attack("by_a_parents_root", "echo escaped > \"/proc/$PPID/root$VICTIM\"", changed),
    attack("by_a_parents_cwd", "echo escaped > \"/proc/$PPID/cwd/../outside/victim\"", changed)
        .after(World::below_a_shell),
    attack("by_a_path_descriptor", "payload path-descriptor-reopen \"$VICTIM\"", changed),
    attack("by_a_read_descriptor", "exec 4< \"$VICTIM\"; payload reopen-descriptor 4", changed),
    attack("by_a_handle", "payload by-handle \"$VICTIM\"", changed),
    attack("by_a_ring", "payload uring-create \"$OUT/ring\"", |world, _| world.has("outside/ring")),
    attack("renamed_by_a_ring", "payload uring-rename hello \"$OUT/ring\"", |world, _| {
        world.has("outside/ring")
    }),
    attack("linked_without_a_name", "payload link-unnamed . \"$OUT/unnamed\"", |world, _| {
        world.has("outside/unnamed")
    }),
    attack("made_without_a_name", "payload link-unnamed \"$OUT\" mine", |world, _| {
        world.has("work/mine")
    }),
    attack("by_a_copy_of_the_tree", "payload by-a-copy-of-the-tree \"$VICTIM\"", changed),
    attack(
        "from_below_a_path_too_long",
        "up=..; name=$(printf '%0200d' 0); for it in $(seq 25); do mkdir $name; cd -P $name; \
         up=$up/..; done; echo escaped > $up/outside/victim",
        changed,
    ),
    attack("whiteout", "payload rename-whiteout \"$VICTIM\" \"$OUT/gone\"", changed),
    attack("device_node", "payload device-node \"$WORK/node\"", |world, _| {
        world.has("work/node.read")
    }),
    attack("startup_file_of_the_home", "echo evil >> \"$HOME/.bashrc\"", |world, _| {
        world.read("home/.bashrc").contains("evil")
    }),
    attack("autostart_in_the_home", "mkdir -p \"$HOME/.config/autostart\"", |world, _| {
        world.has("home/.config")
    }),
    attack("ssh_keys_of_the_home", "echo evil > \"$HOME/.ssh/authorized_keys\"", |world, _| {
        world.has("home/.ssh/authorized_keys")
    }),
    attack("shared_memory_folder", "echo x > /dev/shm/escape-$MARK", |world, _| {
        std::fs::exists(format!("/dev/shm/escape-{}", world.mark)).unwrap_or(false)
    }),
    attack("device_folder", "mkdir /dev/escape-$MARK && echo made", |world, _| {
        let path = format!("/dev/escape-{}", world.mark);
        // A folder of a private device folder is gone with it; only root could make one outside.
        std::fs::remove_dir(path).is_ok()
    }),
    attack("unix_socket_outside", "payload bind-unix ../outside/socket", |world, _| {
        world.has("outside/socket")
    }),
    attack(
        "unpacked_by_an_archive",
        "ln -s \"$OUT\" in; echo x > unpacked; tar cf a.tar unpacked; tar xf a.tar -C in",
        |world, _| world.has("outside/unpacked"),
    ),
    attack("network_grants_no_files", "echo escaped > \"$VICTIM\"", changed).with(Grants::Network),
    attack("read_only_work", "echo x > made", |world, _| world.has("work/made"))
        .with(Grants::ReadOnly),
    attack("read_only_temporary", "echo x > \"$TMPDIR/made\"", |world, _| world.has("temp/made"))
        .with(Grants::ReadOnly),
    attack("read_only_shared_temporary", "echo x > /tmp/escape-$MARK", |world, _| {
        std::fs::exists(format!("/tmp/escape-{}", world.mark)).unwrap_or(false)
    })
    .with(Grants::ReadOnly),
    attack("read_only_removal", "rm -f hello", |world, _| !world.has("work/hello"))
        .with(Grants::ReadOnly),
    attack("strict_write_outside", "echo escaped > ../outside/victim", changed)
        .with(Grants::Strict),
    attack(
        "full_write_spares_the_agent",
        "echo evil > \"$CODEX_HOME/config.toml\"; true",
        |world, _| world.has("agent/config.toml"),
    )
    .with(Grants::FullWrite)
    .with_namespaces("the agent's home can be written"),
    works("full_write_writes", "echo fine > \"$OUT/granted\"", |world, _| {
        world.read("outside/granted") == "fine\n"
    })
    .with(Grants::FullWrite),
    works("danger_writes", "echo fine > \"$OUT/granted\"", |world, _| {
        world.read("outside/granted") == "fine\n"
    })
    .with(Grants::Danger),
    works("owner_is_the_user", "echo x > mine", |world, _| {
        let made = std::fs::metadata(world.path("work/mine"));
        made.is_ok_and(|it| it.uid() == rustix::process::getuid().as_raw())
    }),
];
