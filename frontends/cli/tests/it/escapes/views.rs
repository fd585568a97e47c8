//! The strict view: only the system and what was granted can be read.

use crate::escapes::case::{Case, Grants, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn the_strict_view_hides_the_rest() {
    judge("views", CASES);
}

fn victim_read(world: &mut World, ran: &Ran) -> bool {
    ran.said(&world.secret("victim"))
}

fn key_read(world: &mut World, ran: &Ran) -> bool {
    ran.said(&world.secret("ssh"))
}

const CASES: &[Case] = &[
    attack("file_outside", "cat \"$VICTIM\"", victim_read).with(Grants::Strict),
    attack("file_by_dot_dot", "cat ../outside/victim", victim_read).with(Grants::Strict),
    attack("file_by_a_link", "ln -s \"$VICTIM\" link; cat link", victim_read).with(Grants::Strict),
    attack("file_by_a_planted_link", "cat notes", victim_read).with(Grants::Strict).after(|world| {
        std::os::unix::fs::symlink(world.path("outside/victim"), world.path("work/notes"))
            .map_err(|error| error.to_string())
    }),
    attack("file_by_a_hard_link", "ln \"$VICTIM\" alias; cat alias", victim_read)
        .with(Grants::Strict),
    attack("file_moved_in", "mv \"$VICTIM\" mine; cat mine", victim_read).with(Grants::Strict),
    attack("file_by_proc", "cat \"/proc/self/root$VICTIM\" \"/proc/$PPID/root$VICTIM\"", victim_read)
        .with(Grants::Strict),
    attack("file_by_exchange", "echo x > mine; payload exchange mine \"$VICTIM\"; cat mine", victim_read)
        .with(Grants::Strict),
    attack("key_of_the_home", "cat \"$HOME/.ssh/id_ed25519\"", key_read).with(Grants::Strict),
    attack("names_outside", "ls \"$OUT\"", |_, ran| ran.said("victim")).with(Grants::Strict),
    attack("names_of_the_home", "ls -a \"$HOME\"", |_, ran| ran.said(".bashrc"))
        .with(Grants::Strict),
    attack("passwords_of_the_system", "cat /etc/shadow", |_, ran| ran.said("root:"))
        .with(Grants::Strict),
    attack("old_passwords_of_the_system", "cat /etc/shadow-", |_, ran| ran.said("root:"))
        .with(Grants::Strict),
    attack("rules_for_root", "cat /etc/sudoers", |_, ran| ran.said("root")).with(Grants::Strict),
    attack("named_shared_memory", "cat /dev/shm/escape-$MARK", |world, ran| {
        ran.said(&world.secret("shared"))
    })
    .with(Grants::Strict)
    .after(|world| {
        std::fs::write(format!("/dev/shm/escape-{}", world.mark), world.secret("shared"))
            .map_err(|error| error.to_string())
    }),
    attack("shared_temporary", "cat /tmp/escape-$MARK", |world, ran| {
        ran.said(&world.secret("shared"))
    })
    .with(Grants::Strict)
    .after(|world| {
        std::fs::write(format!("/tmp/escape-{}", world.mark), world.secret("shared"))
            .map_err(|error| error.to_string())
    }),
    works("system_and_folder_read", "head -n 1 /etc/passwd; ls /usr/bin > listed; cat hello; echo t > \"$TMPDIR/t\"; cat \"$TMPDIR/t\"", |world, ran| {
        ran.said("root:") && ran.said("hello\nt\n") && world.has("work/listed")
    })
    .with(Grants::Strict),
    works("strict_tools", "grep -c ell hello | sed s/1/one/; find . -name hello | sort; awk '{print $1}' hello", |_, ran| {
        ran.said("one\n./hello\nhello\n")
    })
    .with(Grants::Strict),
    works("everything_read", "cat \"$VICTIM\"; ls / > /dev/null && echo listed", |world, ran| {
        ran.said(&world.secret("victim")) && ran.said("listed")
    })
    .with(Grants::ReadOnly),
];
