//! Commands that the user ran without the model.

use codex_event::Event;

use super::{Channel, Text, Tone, duration};
use crate::sanitize;
use crate::stored::words;

impl Text {
    /// Says what the user ran, and how it ended.
    pub(super) fn own(&mut self, event: &Event) {
        if let Event::OwnCommandStarted { line, cwd } = event {
            self.release();
            self.line(&[
                (Tone::Label, "own command "),
                (Tone::Strong, &sanitize::visible(&words(line))),
                (Tone::Dim, " in "),
                (Tone::Dim, &sanitize::visible(cwd)),
            ]);
        }
        if let Event::OwnCommandEnded { exit, duration_ms, output, .. } = event {
            self.release();
            let took = duration(*duration_ms);
            let (tone, how) = match exit {
                Some(0) => (Tone::Good, format!(" succeeded in {took}")),
                Some(code) => (Tone::Bad, format!(" exited {code} in {took}")),
                None => (Tone::Bad, " was lost: nobody knows how it ended".to_owned()),
            };
            let output = words(output);
            let colon = if output.is_empty() { "" } else { ":" };
            self.line(&[(Tone::Dim, " own command"), (tone, &how), (tone, colon)]);
            if !output.is_empty() {
                self.block(Channel::Activity, Tone::Dim, &output);
            }
        }
    }
}
