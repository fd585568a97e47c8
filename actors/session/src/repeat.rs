//! A model that goes round in circles: it is told, then refused, then stopped.
//!
//! What counts is a *round*: one response, and what came of its calls. A round repeats the last one
//! when it asks for the same and the same came of it, however long that took; only then has the
//! model seen the result and asked again all the same. Many equal calls within one response are one
//! round. Any other call in between, or any other result, begins a new count, so that a test that is
//! run after each edit, or a state that is looked at until it changes, is no repetition.

use codex_event::{CallId, Digest, Invocation, Outcome, OutputStream};

use crate::session::{Call, Turn, Working};

/// The round from which on the model is told that it repeats itself.
const TOLD_FROM: u32 = 8;
/// The most equal rounds that are carried out in which the model calls without a word. Well above
/// what it does on purpose.
const MOST_SILENT: u32 = 64;
/// As above, of rounds in which it also tells the user something: it may be working through a list.
const MOST_SPOKEN: u32 = 256;
/// The most rounds that are refused after that; with the last of them the turn fails.
const MOST_REFUSED: u32 = 3;

/// The last round, and how often in a row it was the same. Derived from the journal alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rounds {
    last: Option<Round>,
    times: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Round {
    spoken: bool,
    asked: Digest,
    came: Digest,
}

impl Round {
    /// Gives how often in a row a round like this is carried out.
    fn most(&self) -> u32 {
        match self.spoken {
            true => MOST_SPOKEN,
            false => MOST_SILENT,
        }
    }
}

impl Rounds {
    /// Takes a finished round into account.
    pub(crate) fn finish(&mut self, working: &Working) {
        let calls = &working.calls;
        let round = Round { spoken: working.spoken, asked: asked(calls), came: came(calls) };
        let refused = self.times >= round.most();
        match self.last {
            Some(last)
                if (last.spoken, last.asked) == (round.spoken, round.asked)
                    && (refused || last.came == round.came) =>
            {
                self.times += 1;
            }
            Some(_) | None => *self = Rounds { last: Some(round), times: 1 },
        }
    }
}

/// What came of a call, as far as it tells one result from another.
///
/// A fingerprint, not a commitment: it must not depend on how output was cut into events, nor on
/// times, so it can't be taken from what the model is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    stdout: u64,
    stderr: u64,
    skipped: u64,
    ended: Digest,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { stdout: FNV_BASIS, stderr: FNV_BASIS, skipped: 0, ended: Digest([0; 32]) }
    }
}

impl Trace {
    /// Takes up what a command printed.
    pub(crate) fn print(&mut self, stream: OutputStream, skipped: u64, bytes: &[u8]) {
        let hash = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        *hash = bytes
            .iter()
            .fold(*hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
        self.skipped = self.skipped.saturating_add(skipped);
    }

    /// Takes up the end of the call, or of an attempt at it.
    pub(crate) fn end(&mut self, outcome: &Outcome) {
        let Trace { stdout, stderr, skipped, ended } = *self;
        let parts = format!("{ended} {outcome:?} {stdout} {stderr} {skipped}");
        *self = Trace { ended: Digest::of(parts.as_bytes()), ..Trace::default() };
    }

    /// Takes up that nobody knows the end.
    pub(crate) fn abandon(&mut self) {
        self.ended = Digest::of(b"abandoned");
    }
}

// FNV-1a: takes bytes in whatever pieces they come, and keeps nothing but a number.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Gives the remark that goes to the model with each result of a repeated round.
pub(crate) fn remark(turn: &Turn) -> Option<String> {
    let (last, before) = repeated(turn)?;
    (before + 1 >= TOLD_FROM).then(|| {
        format!(
            "[You asked for exactly this {} times in a row, and the {before} results before this one \
             were all the same. Asking again changes nothing: do something else, or answer with what \
             you know. From the {}th time on it is refused.]",
            before + 1,
            last.most() + 1
        )
    })
}

/// Gives what the model is told when the round under way is refused for its repetition.
pub(crate) fn refusal(turn: &Turn) -> Option<String> {
    let (last, before) = repeated(turn).filter(|(last, before)| *before >= last.most())?;
    let left = (last.most() + MOST_REFUSED).saturating_sub(before + 1);
    let end = match left {
        0 => "The turn ends here.".to_owned(),
        left => format!("After {left} more the turn ends."),
    };
    Some(format!(
        "refused: this was asked for {before} times in a row, with the same result each time, and \
         was not done again. Do something else, or answer with what you know. {end}"
    ))
}

/// Tells the user why the turn ends when the round that just finished was one refusal too many.
pub(crate) fn exhausted(turn: &Turn) -> Option<String> {
    let (last, before) = repeated(turn)?;
    let most = last.most();
    (before + 1 >= most + MOST_REFUSED).then(|| {
        format!(
            "the model makes the same call again and again: it gave the same result {most} times in \
             a row, and was then refused {MOST_REFUSED} times"
        )
    })
}

/// The last round, and how many in a row before the one under way asked for the same, with the same
/// result.
fn repeated(turn: &Turn) -> Option<(Round, u32)> {
    let (last, working) = (turn.rounds.last?, turn.working()?);
    // Comparing costs something; most rounds are not worth it.
    let many = turn.rounds.times + 1 >= TOLD_FROM;
    let same = |last: &Round| last.spoken == working.spoken && last.asked == asked(&working.calls);
    Some((last, turn.rounds.times)).filter(|(last, _)| many && same(last))
}

fn asked(calls: &[Call]) -> Digest {
    let asks = |call: &Call| match &call.invocation {
        // Journals of older releases do not say which patch it was: it counts as another one.
        Invocation::Patch { text: None, .. } => only(call.id),
        Invocation::Patch { text: Some(text), workdir } => format!("patch {text} {workdir:?}"),
        // By digest, since a long one is held as a blob in one place and as itself in another.
        // Another reason for it makes it no other call.
        Invocation::Command { argv, workdir, timeout_ms, safety: _, escalation, assessment: _ } => {
            let (argv, outside) = (argv.digest(), escalation.is_some());
            format!("command {argv} {workdir:?} {timeout_ms:?} {outside}")
        }
        Invocation::Invalid { message } => format!("invalid {}", message.digest()),
    };
    Digest::of(calls.iter().map(asks).collect::<Vec<_>>().join("\n").as_bytes())
}

fn only(call: CallId) -> String {
    format!("call {call}")
}

fn came(calls: &[Call]) -> Digest {
    let ends: String = calls.iter().map(|call| call.trace.ended.to_string()).collect();
    Digest::of(ends.as_bytes())
}
