//! What a session costs its machine.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Running, World, eventually, says};

/// Most MiB that a session may ever have had in memory when its first answer is awaited.
///
/// Without care the storage engine alone writes 20 MiB of tables that nobody reads.
const PEAK: f64 = 28.0;

#[test]
fn a_session_that_awaits_an_answer_is_small() {
    let world = World::playing(json!([
        {"items": says("never"), "wait_for": "/nonexistent/gate"}
    ]));
    let running = Running::start(world.exec(&["--json", "go"]));
    eventually("the model was asked", || !world.bodies().is_empty());
    let peak = running.peak_memory();
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 143);
    assert!((1.0..PEAK).contains(&peak), "{peak:.1} MiB");
}
