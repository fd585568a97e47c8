//! Bugs on request, so that tests see what one leaves behind. Debug builds have this, and no others.

use std::{env, thread};

/// Names the thread that panics when the screen is to be drawn anew: `interface`, or another one.
const VARIABLE: &str = "CODEX_BUG_ON_REDRAW";

/// Panics if the environment asks for it.
pub(super) fn on_request() {
    let Ok(name) = env::var(VARIABLE) else { return };
    let bug = || panic!("a bug on request");
    if name == "interface" {
        bug();
    } else {
        // The panic ends the process before anybody could wait for this thread.
        let _ = thread::Builder::new().name(name).spawn(bug);
    }
}
