//! Descriptors that the agent inherited without a mark to close them.

use crate::escapes::case::{Case, Grants, attack};
use crate::escapes::outside::Listening;
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn no_descriptor_reaches_a_command() {
    judge("descriptors", CASES);
}

/// Runs the script with a command around it that opens something on descriptor 7.
macro_rules! started_by {
    ($line:literal) => {
        |world: &mut World| {
            world.starter = Some(concat!($line, "; exec \"$@\""));
            Ok(())
        }
    };
}

fn changed(world: &mut World, _: &Ran) -> bool {
    world.is_victim_changed()
}

const CASES: &[Case] = &[
    attack("open_for_writing", "payload write-descriptor 7", changed)
        .after(started_by!("exec 7>> \"$VICTIM\"")),
    attack("open_for_both", "payload write-descriptor 7", changed)
        .after(started_by!("exec 7<> \"$VICTIM\"")),
    attack("open_for_reading_reopened", "payload reopen-descriptor 7", changed)
        .after(started_by!("exec 7< \"$VICTIM\"")),
    attack("open_for_writing_in_danger", "payload write-descriptor 7", changed)
        .after(started_by!("exec 7>> \"$VICTIM\""))
        .with(Grants::Danger),
    attack("high_number", "payload write-descriptor 200", changed)
        .after(started_by!("exec bash -c 'exec 200<> \"$VICTIM\"; exec \"$@\"' bash \"$@\"")),
    attack("folder", "payload create-below-descriptor 7 made", |world, _| {
        world.has("outside/made")
    })
    .after(started_by!("exec 7< \"$OUT\"")),
    attack("folder_by_proc", "echo x > /proc/self/fd/7/made", |world, _| world.has("outside/made"))
        .after(started_by!("exec 7< \"$OUT\"")),
    attack("secret_open_for_reading", "cat <&7; cat /proc/self/fd/7", |world, ran| {
        ran.said(&world.secret("auth"))
    })
    .after(started_by!("exec 7< \"$CODEX_HOME/auth.json\"")),
    attack("pipe_to_outside", "echo through >&7", |world, _| {
        world.read("outside/piped") == "through\n"
    })
    .after(|world| {
        // The pipe's reader stands outside, and ends with the last writer.
        world.starter = Some("{ { \"$@\" 7>&1 1>&3; } | cat > \"$OUT/piped\"; } 3>&1");
        Ok(())
    }),
    attack("connected_socket", "echo through >&7", |world, _| world.is_listener_reached()).after(
        |world| {
            world.listen(Listening::Udp("127.0.0.1:0"))?;
            world.starter =
                Some("exec bash -c 'exec 7<> /dev/udp/127.0.0.1/$PORT; exec \"$@\"' bash \"$@\"");
            Ok(())
        },
    ),
];
