//! Commands that the user runs without the model: recorded, and told to the model with the next request.
//!
//! Whoever asked runs them; nothing here starts a process. They are no part of a turn: a turn neither waits
//! for one nor is gone on with because one has ended.

use codex_event::{Author, Event, Rejection, Seq, Stored};

use crate::Session;
use crate::decide::Step;
use crate::session::OwnCommand;
use crate::transcript::Entry;

impl Session {
    pub(crate) fn own_command(&self, started: Seq) -> Option<&OwnCommand> {
        self.own_commands.iter().find(|command| command.started == started)
    }

    /// Gives what the model is told, if the event is the end of one that runs.
    pub(crate) fn own_command_entry(&self, event: &Event) -> Option<Entry> {
        let Event::OwnCommandEnded { started, exit, duration_ms, output } = event else {
            return None;
        };
        let line = self.own_command(*started)?.line.clone();
        let (exit, duration_ms, output) = (*exit, *duration_ms, output.clone());
        Some(Entry::OwnCommand { line, exit, duration_ms, output })
    }
}

impl Step<'_> {
    pub(crate) fn start_own_command(
        &mut self,
        author: Author,
        line: String,
        cwd: String,
    ) -> Result<(), Rejection> {
        if line.trim().is_empty() {
            return Err(Rejection::EmptyInput);
        }
        self.emit(author, None, Event::OwnCommandStarted { line: line.into(), cwd });
        Ok(())
    }

    pub(crate) fn end_own_command(
        &mut self,
        author: Author,
        line: &str,
        exit: i32,
        duration_ms: u64,
        output: String,
    ) -> Result<(), Rejection> {
        // A long line is known by its digest alone.
        let digest = Stored::Inline(line.to_owned()).digest();
        let mut running = self.session.own_commands.iter();
        let ended = running.find(|command| command.line.digest() == digest);
        let started = ended.ok_or(Rejection::Stale)?.started;
        let exit = Some(exit);
        let event = Event::OwnCommandEnded { started, exit, duration_ms, output: output.into() };
        self.emit(author, Some(started), event);
        Ok(())
    }

    /// Nobody will tell how they ended: the process that would have is gone, or lets go of the session.
    pub(crate) fn lose_own_commands(&mut self, author: &Author, cause: Option<Seq>) {
        for OwnCommand { started, .. } in &self.session.own_commands {
            let (started, output) = (*started, "".into());
            let event = Event::OwnCommandEnded { started, exit: None, duration_ms: 0, output };
            self.emit(author.clone(), cause, event);
        }
    }
}
