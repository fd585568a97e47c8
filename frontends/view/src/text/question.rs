//! How a question and the reach of its answer read.

use codex_event::{Question, Scope};

pub(super) fn asked(question: &Question) -> &'static str {
    match question {
        Question::Run => "may this run? ",
        Question::RetryUnconfined => "may this run without a sandbox? ",
        Question::RunUnconfined => "may this run outside of the sandbox? ",
        Question::WriteOutside { .. } => "may this write outside of the writable folders? ",
    }
}

pub(super) fn far(scope: Scope) -> &'static str {
    match scope {
        Scope::Once => "",
        Scope::Session => ", until the session ends",
        Scope::Project => ", always in this project",
    }
}
