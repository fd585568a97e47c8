//! SIGKILL at any moment: what was printed is in the journal, and nothing is left running.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Running, World, eventually, patches, processes, run, runs, says};

/// Kills of one run of the test; `CRASH_TRIALS` sets another number.
const TRIALS: u64 = 20;

#[test]
fn a_killed_turn_loses_nothing_that_was_printed() {
    let trials = std::env::var("CRASH_TRIALS").ok().and_then(|text| text.parse().ok());
    let patch = "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\n";
    let mut killed = 0;
    for trial in 0..trials.unwrap_or(TRIALS) {
        let mark = format!("85{trial}.{}", std::process::id());
        let world = World::playing(json!([
            runs("for i in 1 2 3 4 5; do echo line $i; done"),
            patches(patch),
            runs(&format!("sleep {mark} & setsid sleep {mark} & sleep 0.02")),
            runs("seq 1 2000"),
            says("done")
        ]));
        let began = Instant::now();
        let running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
        // Spread over the length of a turn, the same in every run of the test.
        let moment = Duration::from_micros((trial * 7919) % 200_000);
        while began.elapsed() < moment {
            std::hint::spin_loop();
        }
        running.signal(Signal::KILL);
        let turn = running.end();
        killed += u32::from(turn.code == 137);
        // A line that the kill cut in two was not printed.
        let printed = match turn.stdout.rfind('\n') {
            Some(end) => &turn.stdout[..=end],
            None => "",
        };
        eventually("nothing is left running", || processes(&mark) == 0);
        if printed.is_empty() {
            continue;
        }
        world.check_journal();
        let replayed = run(world.program(&["replay", "--last", "--json"]));
        assert!(
            replayed.stdout.starts_with(printed),
            "printed and not in the journal:\n{printed}\nthe journal has:\n{}",
            replayed.stdout
        );
    }
    assert!(killed > 0, "no turn was long enough to be killed");
}
