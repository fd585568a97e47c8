//! What must not be read: the agent's keys, its environment, other processes, the machine's own.

use codex_payload::Kind;

use crate::escapes::case::{Case, Grants, Unable, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn secrets_stay_unread() {
    judge("secrets", CASES);
}

fn bystander(world: &mut World) -> Result<(), Unable> {
    world.put(Kind::Process)
}

fn key_read(world: &mut World, ran: &Ran) -> bool {
    ran.said(&world.secret("auth"))
}

fn environment_read(world: &mut World, ran: &Ran) -> bool {
    ran.said(&world.secret("environment"))
}

/// Names the device that some mounted file system lies on.
fn disk(world: &mut World) -> Result<(), Unable> {
    use std::os::unix::fs::FileTypeExt;
    let mounts = std::fs::read_to_string("/proc/self/mounts").map_err(|it| it.to_string())?;
    let mut sources = mounts.lines().filter_map(|line| line.split(' ').next());
    let is_disk =
        |path: &&str| std::fs::metadata(path).is_ok_and(|it| it.file_type().is_block_device());
    let disk = sources.find(is_disk).ok_or("no disk can be seen here")?;
    world.set("DISK", disk);
    Ok(())
}

/// Sets a variable of the agent to a secret, and looks for it in the command's environment.
macro_rules! variable {
    ($case:literal, $name:literal) => {
        attack($case, "env", environment_read).after(|world| {
            world.variables.retain(|(name, _)| name != "OPENAI_API_KEY");
            let secret = world.secret("environment");
            world.set("OPENAI_API_KEY", "none");
            world.set($name, secret);
            Ok(())
        })
    };
}

const ALL_ENVIRONMENTS: &str =
    "for it in /proc/[0-9]*/environ; do tr '\\0' '\\n' < \"$it\"; done 2> /dev/null";
const ALL_ARGUMENTS: &str = "for it in /proc/[0-9]*/cmdline; do cat \"$it\"; done 2> /dev/null";

const CASES: &[Case] = &[
    attack("key_in_the_environment", "env", environment_read),
    attack("key_in_the_environment_in_danger", "env", environment_read).with(Grants::Danger),
    attack("key_in_the_own_process", "cat /proc/self/environ", environment_read),
    attack("key_in_the_parent", "cat /proc/$PPID/environ", environment_read)
        .after(World::below_a_shell),
    attack(
        "key_in_the_first_process",
        "cat /proc/1/environ; tr '\\0' '\\n' < /proc/$PPID/environ",
        environment_read,
    )
    .after(World::below_a_shell),
    attack("key_in_any_process", ALL_ENVIRONMENTS, environment_read),
    attack("secret_of_a_bystander", ALL_ENVIRONMENTS, |world, ran| {
        ran.said(&world.secret("bystander"))
    })
    .after(bystander),
    attack(
        "secret_of_a_bystander_with_network",
        "tr '\\0' '\\n' < /proc/$PID/environ",
        |world, ran| ran.said(&world.secret("bystander")),
    )
    .after(bystander)
    .with(Grants::Network),
    attack(
        "secret_of_a_bystanders_thread",
        "tr '\\0' '\\n' < /proc/$PID/task/$PID/environ",
        |world, ran| ran.said(&world.secret("bystander")),
    )
    .after(bystander),
    attack("arguments_of_a_bystander", ALL_ARGUMENTS, |world, ran| {
        ran.said(&world.secret("argument"))
    })
    .after(bystander)
    .with_namespaces("names and arguments of other processes"),
    attack("open_file_of_a_bystander", "cat /proc/$PID/fd/$FD", |world, ran| {
        ran.said(&world.secret("victim"))
    })
    .after(bystander)
    .with(Grants::Strict),
    attack(
        "memory_of_a_bystander",
        "dd if=/proc/$PID/mem bs=1 skip=$PLACE count=64",
        |world, ran| ran.said(&world.secret("held")),
    )
    .after(bystander),
    variable!("variable_of_a_token", "GITHUB_TOKEN"),
    variable!("variable_of_a_cloud", "AWS_SECRET_ACCESS_KEY"),
    variable!("variable_of_a_password", "PGPASSWORD"),
    variable!("variable_in_small_letters", "my_api_key"),
    variable!("variable_of_credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
    variable!("variable_of_a_cookie", "SESSION_COOKIE"),
    variable!("variable_of_agents_of_keys", "SSH_AUTH_SOCK"),
    variable!("variable_of_a_bus", "DBUS_SESSION_BUS_ADDRESS"),
    variable!("variable_of_containers", "DOCKER_HOST"),
    variable!("variable_that_loads_code", "LD_AUDIT"),
    variable!("variable_of_git", "GIT_ASKPASS"),
    attack("startup_of_the_agents_shell", "bash -c true; sh -c true", |world, _| {
        world.is_victim_changed() || world.has("work/started")
    })
    .after(|world| {
        world.write("outside/startup", "echo x > \"$WORK/started\"\n");
        let startup = world.text("outside/startup");
        world.set("BASH_ENV", &startup);
        Ok(())
    }),
    attack("agents_key", "cat \"$CODEX_HOME/auth.json\"", key_read),
    attack("agents_key_by_a_link", "ln -s \"$CODEX_HOME/auth.json\" key; cat key", key_read),
    attack("agents_key_by_a_hard_link", "ln \"$CODEX_HOME/auth.json\" key; cat key", key_read),
    attack(
        "agents_key_by_proc",
        "cat \"/proc/self/root$CODEX_HOME/auth.json\" \"/proc/$PPID/root$CODEX_HOME/auth.json\"",
        key_read,
    ),
    attack("agents_key_by_dot_dot", "cat ../agent/auth.json; cd ..; cat agent/auth.json", key_read),
    attack("agents_key_by_search", "grep -rh canary-auth .. 2> /dev/null", key_read),
    attack(
        "agents_key_moved",
        "mv \"$CODEX_HOME\" mine; cat mine/auth.json; mv \"$CODEX_HOME/auth.json\" .; cat auth.json",
        key_read,
    ),
    attack(
        "agents_key_mode",
        "chmod 777 \"$CODEX_HOME\" \"$CODEX_HOME/auth.json\"; cat \"$CODEX_HOME/auth.json\"",
        key_read,
    ),
    attack("agents_key_by_archive", "tar cf - -C \"$ROOT\" agent 2> /dev/null | cat", key_read),
    attack("agents_key_with_network", "cat \"$CODEX_HOME/auth.json\"", key_read)
        .with(Grants::Network),
    attack("agents_key_with_full_write", "cat \"$CODEX_HOME/auth.json\"", key_read)
        .with(Grants::FullWrite),
    attack("agents_key_read_only", "cat \"$CODEX_HOME/auth.json\"", key_read)
        .with(Grants::ReadOnly),
    attack("agents_key_strict", "cat \"$CODEX_HOME/auth.json\"", key_read).with(Grants::Strict),
    attack("agents_names", "ls -R \"$CODEX_HOME\"", |_, ran| ran.said("auth.json"))
        .with_namespaces("names of files in the agent's home"),
    attack(
        "messages_of_the_kernel",
        "dd if=/dev/kmsg of=log bs=8192 count=1 iflag=nonblock",
        |world, _| !world.read("work/log").is_empty(),
    ),
    attack("disk_below_all_files", "head -c 512 \"$DISK\" > sector", |world, _| {
        std::fs::metadata(world.path("work/sector")).is_ok_and(|it| it.len() == 512)
    })
    .after(disk),
    works("other_files_of_the_home", "cat \"$HOME/.bashrc\"", |_, ran| ran.said("# kept")),
    works("harmless_variables", "env", |_, ran| ran.said("HARMLESS=kept") && ran.said("LANG="))
        .after(|world| {
            world.set("HARMLESS", "kept");
            Ok(())
        }),
];
