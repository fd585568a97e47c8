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
    match fault.kind {
        FaultKind::Unreachable | FaultKind::ServerError
            if asking.request_retries < provider.request_max_retries =>
        {
            let number = asking.request_retries + 1;
            let of = provider.request_max_retries;
            Next::Again(Retry {
                in_ms: pause(number, at),
                budget: RetryBudget::Request,
                number,
                of,
            })
        }
        FaultKind::Unreachable
        | FaultKind::ServerError
        | FaultKind::RateLimited
        | FaultKind::StreamLost
        | FaultKind::ResponseFailed => {
            let number = asking.stream_retries + 1;
            let of = provider.stream_max_retries;
            let asked = fault.retry_after_ms;
            if number > of || asked.is_some_and(|asked| asked > LONGEST_ASKED_MS) {
                return Next::Fail;
            }
            let in_ms = asked.unwrap_or_else(|| pause(number, at));
            Next::Again(Retry { in_ms, budget: RetryBudget::Stream, number, of })
        }
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

// The spread keeps many clients of one failed server apart. It comes from the position, not from
// chance, so that replaying the decision gives the same pause.
fn pause(number: u32, at: Seq) -> u64 {
    let doubled = FIRST_PAUSE_MS.saturating_mul(1_u64 << (number - 1).min(20));
    let base = doubled.min(LONGEST_PAUSE_MS);
    let spread = at.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    base * (900 + spread % 201) / 1000
}
