//! When a failed attempt is repeated, and after how long.

use codex_event::{Backend, Fault, FaultKind, Retry, RetryBudget, Seq, Settings};

use crate::session::Asking;

/// First pause in milliseconds; each further one of the same budget is twice as long.
const FIRST_PAUSE_MS: u64 = 200;
/// Longest pause that we choose ourselves.
const LONGEST_PAUSE_MS: u64 = 30_000;
/// Longest pause that a server may ask for; beyond it the attempt counts as failed for good.
const LONGEST_ASKED_MS: u64 = 10 * 60_000;

/// What follows a failed attempt.
pub(crate) enum Next {
    /// Another attempt.
    Again(Retry),
    /// Another attempt with the whole transcript, now and for the rest of the session.
    WholeTranscript(Retry),
    /// Nothing: the turn fails.
    Fail,
}

pub(crate) fn next(settings: &Settings, asking: &Asking, fault: &Fault, at: Seq) -> Next {
    let provider = &settings.provider;
    let pause = Pause { at, asked: fault.retry_after_ms };
    let request = || again(RetryBudget::Request, asking, provider.request_max_retries, pause);
    let stream = || again(RetryBudget::Stream, asking, provider.stream_max_retries, pause);
    match fault.kind {
        // Nobody answered: a network that is down does not come back for the asking.
        FaultKind::Unreachable => request(),
        // A server that asks for time is waited for where the user sees it.
        FaultKind::ServerError if pause.asked.is_some() => stream(),
        FaultKind::ServerError => match request() {
            Next::Fail => stream(),
            next @ (Next::Again(_) | Next::WholeTranscript(_)) => next,
        },
        FaultKind::RateLimited | FaultKind::StreamLost | FaultKind::ResponseFailed => stream(),
        FaultKind::PreviousResponseUnknown if provider.backend == Backend::Responses => {
            let budget = RetryBudget::WholeTranscript;
            Next::WholeTranscript(Retry { in_ms: 0, budget, number: 1, of: 1 })
        }
        FaultKind::PreviousResponseUnknown
        | FaultKind::MissingKey
        | FaultKind::Unauthorized
        | FaultKind::BadRequest
        | FaultKind::ContextWindow
        | FaultKind::Quota
        | FaultKind::Incomplete
        | FaultKind::Cancelled => Next::Fail,
    }
}

/// What the user is told when nothing follows an attempt.
pub(crate) fn last_words(fault: &Fault) -> String {
    match fault.retry_after_ms.filter(|asked| *asked > LONGEST_ASKED_MS) {
        Some(asked) => format!(
            "{}; the server asks to wait {} minutes, and at most {} are waited",
            fault.message.trim_end_matches('.'),
            asked.div_ceil(60_000),
            LONGEST_ASKED_MS / 60_000
        ),
        None => fault.message.clone(),
    }
}

/// What a pause is made from: the position of the failure, and the time that the server asked for.
#[derive(Clone, Copy)]
struct Pause {
    at: Seq,
    asked: Option<u64>,
}

fn again(budget: RetryBudget, asking: &Asking, of: u32, pause: Pause) -> Next {
    let used = match budget {
        RetryBudget::Request => asking.request_retries,
        RetryBudget::Stream | RetryBudget::WholeTranscript => asking.stream_retries,
    };
    let number = used + 1;
    if number > of || pause.asked.is_some_and(|asked| asked > LONGEST_ASKED_MS) {
        return Next::Fail;
    }
    let in_ms = pause.asked.unwrap_or_else(|| pause.chosen(number));
    Next::Again(Retry { in_ms, budget, number, of })
}

impl Pause {
    // The spread keeps many clients of one failed server apart. It comes from the position, not
    // from chance, so that replaying the decision gives the same pause.
    fn chosen(self, number: u32) -> u64 {
        let doubled = FIRST_PAUSE_MS.saturating_mul(1_u64 << (number - 1).min(20));
        let base = doubled.min(LONGEST_PAUSE_MS);
        let spread = self.at.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        base * (900 + spread % 201) / 1000
    }
}
