//! What happens when the program has a bug.

use std::panic::PanicHookInfo;

use crate::failure::BUG;
use crate::secrets;

/// Ends the process with 70 on any panic but those that are caught on purpose.
///
/// tokio and actix catch panics of tasks, so nothing would end by itself; and a process that has
/// lost an actor would hang. Ending is safe: the journal is whole up to its last barrier, and every
/// command ends with its lifeline. The storage engine's panics become errors instead.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let engine = thread.name().is_some_and(|name| name.starts_with("sled-io-"));
        tracing::error!(thread = thread.name(), "panic: {info}");
        if engine || codex_journal::is_guarded() {
            return;
        }
        // Nobody reads words on a screen that goes away, in a terminal that is still raw.
        codex_tui::restore();
        say(info);
        std::process::exit(i32::from(BUG));
    }));
}

fn say(info: &PanicHookInfo<'_>) {
    use std::io::Write;
    let mut stderr = std::io::stderr();
    // A closed stderr must not panic again.
    let info = secrets::clean(&info.to_string());
    let _ = writeln!(stderr, "error: internal error: {info}");
    let _ = writeln!(
        stderr,
        "hint: this is a bug in codex. What was done so far is in the journal: \
         `codex replay --last` shows it."
    );
}
