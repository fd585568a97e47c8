//! What is known of a file: modes, owners, times, attributes. Landlock knows nothing of them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::fs::{IFlags, XattrFlags, ioctl_getflags, listxattr, setxattr};

use crate::escapes::case::{Case, Grants, Unable, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

/// How a plan without namespaces says that it holds none of these.
const SAID: &str = "modes, owners, times and extended attributes";

#[test]
fn what_is_known_of_files_outside_stays() {
    judge("metadata", CASES);
}

fn mode_changed(world: &mut World, _: &Ran) -> bool {
    std::fs::metadata(world.path("outside/victim")).is_ok_and(|it| it.mode() & 0o777 == 0o777)
}

fn attributes(world: &World) -> String {
    let mut names = [0; 256];
    let length = listxattr(world.path("outside/victim"), &mut names[..]).unwrap_or_default();
    String::from_utf8_lossy(&names[..length]).into_owned()
}

fn time_changed(world: &mut World, _: &Ran) -> bool {
    std::fs::metadata(world.path("outside/victim")).is_ok_and(|it| it.mtime() < 1_000_000_000)
}

fn flags(path: &std::path::Path) -> IFlags {
    let file = std::fs::File::open(path).expect("readable");
    ioctl_getflags(&file).unwrap_or(IFlags::empty())
}

fn dump_refused(world: &mut World, _: &Ran) -> bool {
    flags(&world.path("outside/victim")).contains(IFlags::NODUMP)
}

const CASES: &[Case] = &[
    attack("mode", "chmod 777 \"$VICTIM\"", mode_changed).with_namespaces(SAID),
    attack("mode_by_descriptor", "payload mode-by-descriptor \"$VICTIM\"", mode_changed)
        .with_namespaces(SAID),
    attack("mode_by_path_descriptor", "payload mode-by-path-descriptor \"$VICTIM\"", mode_changed)
        .with_namespaces(SAID),
    attack("mode_by_link", "ln -s \"$VICTIM\" link; chmod 777 link", mode_changed)
        .with_namespaces(SAID),
    attack("mode_of_the_agents_key", "chmod 666 \"$CODEX_HOME/auth.json\"", |world, _| {
        std::fs::metadata(world.path("agent/auth.json")).is_ok_and(|it| it.mode() & 0o777 == 0o666)
    })
    .with_namespaces(SAID),
    attack("mode_read_only", "chmod 777 \"$VICTIM\"", mode_changed)
        .with(Grants::ReadOnly)
        .with_namespaces(SAID),
    // Needs root, who loses the capability in here.
    attack("owner", "chown 12345 \"$VICTIM\"", |world, _| {
        std::fs::metadata(world.path("outside/victim")).is_ok_and(|it| it.uid() == 12345)
    }),
    attack("times", "touch -d 1999-01-01 \"$VICTIM\"", time_changed).with_namespaces(SAID),
    attack("times_by_descriptor", "payload times-by-descriptor \"$VICTIM\"", time_changed)
        .with_namespaces(SAID),
    attack("attribute_set", "payload set-attribute \"$VICTIM\"", |world, _| {
        attributes(world).contains("user.escape")
    })
    .with_namespaces(SAID),
    attack("attribute_removed", "payload remove-attribute \"$VICTIM\"", |world, _| {
        !attributes(world).contains("user.kept")
    })
    .after(|world| -> Result<(), Unable> {
        setxattr(world.path("outside/victim"), "user.kept", b"1", XattrFlags::empty())
            .map_err(|error| format!("no attributes here: {error}"))
    })
    .with_namespaces(SAID),
    attack("inode_flags", "payload inode-flags \"$VICTIM\"", dump_refused),
    attack("inode_flags_extended", "payload extended-flags \"$VICTIM\"", dump_refused),
    attack(
        "inode_flags_by_the_newest_call",
        "payload flags-by-the-newest-call \"$VICTIM\"",
        dump_refused,
    ),
    attack(
        "inode_flags_of_the_agents_key",
        "payload flags-by-the-newest-call \"$CODEX_HOME/auth.json\"",
        |world, _| flags(&world.path("agent/auth.json")).contains(IFlags::NODUMP),
    ),
    attack("version_of_an_inode", "payload version \"$VICTIM\"", |world, _| {
        let words = ["lsattr", "-v", &world.text("outside/victim")];
        world.outside(&world.path("."), &words).is_ok_and(|it| it.trim().starts_with("1717 "))
    }),
    attack("mode_by_the_newest_call", "payload mode-by-the-newest-call \"$VICTIM\"", mode_changed)
        .with_namespaces(SAID),
    attack(
        "times_by_path_descriptor",
        "touch -d 1999-01-01 \"/proc/self/root$VICTIM\"",
        time_changed,
    )
    .with_namespaces(SAID),
    attack("set_user_id", "cp /bin/sh shell; chown root shell; chmod 4755 shell", |world, _| {
        // Only root can make one that others could use to become root.
        std::fs::metadata(world.path("work/shell"))
            .is_ok_and(|it| it.uid() == 0 && it.permissions().mode() & 0o4000 != 0)
    }),
    works("own_modes", "echo x > tool; chmod 755 tool; touch -d 2001-01-01 tool", |world, _| {
        std::fs::metadata(world.path("work/tool"))
            .is_ok_and(|it| it.mode() & 0o777 == 0o755 && it.mtime() < 1_000_000_000)
    }),
];
