//! From the bytes of a body to the data of its events.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};

/// How much of a stream is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most bytes of one event.
    event: usize,
    /// The most bytes of the whole stream.
    stream: usize,
}

/// What no honest response comes near.
pub(crate) const LIMITS: Limits = Limits { event: 32 << 20, stream: 256 << 20 };

/// Why a stream ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Not a byte came for so long.
    #[error("idle timeout waiting for SSE")]
    Silent,
    /// Bytes came, and for too long no event of the response.
    #[error("idle timeout waiting for SSE: bytes came, and for too long no event of the response")]
    Stalled,
    /// One event is larger than the limit for it.
    #[error("an event of the response is larger than {0} bytes")]
    LargeEvent(usize),
    /// All of it is larger than the limit for it.
    #[error("the response is larger than {0} bytes")]
    LargeStream(usize),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Transport(String),
}

/// Gives the data of each event of `body`.
///
/// Any byte counts as a sign of life, comments too: servers send them while a model thinks. What is
/// not UTF-8 is replaced, so that it spoils one event at most.
pub(crate) fn events<B, E>(
    body: impl Stream<Item = Result<B, E>> + Send,
    idle: Duration,
    limits: Limits,
) -> impl Stream<Item = Result<String, Broken>> + Send
where
    B: AsRef<[u8]>,
    E: Error,
{
    lines(body, idle, limits).eventsource().map(|event| match event {
        Ok(event) => Ok(event.data),
        Err(EventStreamError::Transport(broken)) => Err(broken),
        Err(EventStreamError::Utf8(error)) => Err(Broken::Transport(error.to_string())),
        Err(EventStreamError::Parser(error)) => Err(Broken::Transport(error.to_string())),
    })
}

// The parser looks at everything that it holds again for each piece it gets, and moves it for each
// line: handing it one whole line at a time keeps the work proportional to the bytes. It also can't
// take a byte order mark.
fn lines<B, E>(
    body: impl Stream<Item = Result<B, E>> + Send,
    idle: Duration,
    limits: Limits,
) -> impl Stream<Item = Result<String, Broken>> + Send
where
    B: AsRef<[u8]>,
    E: Error,
{
    let state = (Box::pin(body), Lines::new(limits));
    stream::unfold(state, move |(mut body, mut lines)| async move {
        loop {
            if let Some(line) = lines.ready.pop_front() {
                return Some((Ok(line), (body, lines)));
            }
            let taken = match tokio::time::timeout(idle, body.next()).await {
                Err(_) => Err(Broken::Silent),
                Ok(None) => return None,
                Ok(Some(Err(error))) => Err(Broken::Transport(root(&error))),
                Ok(Some(Ok(bytes))) => lines.take(bytes.as_ref()),
            };
            if let Err(broken) = taken {
                return Some((Err(broken), (body, lines)));
            }
        }
    })
}

/// Gives the innermost cause of an error, which is the one that says something.
pub(crate) fn root(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

struct Lines {
    limits: Limits,
    ready: VecDeque<String>,
    partial: Vec<u8>,
    /// The last line ended in a carriage return at the end of a piece.
    after_return: bool,
    begun: bool,
    event: usize,
    total: usize,
}

impl Lines {
    fn new(limits: Limits) -> Lines {
        Lines {
            limits,
            ready: VecDeque::new(),
            partial: Vec::new(),
            after_return: false,
            begun: false,
            event: 0,
            total: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.total += bytes.len();
        if self.total > self.limits.stream {
            return Err(Broken::LargeStream(self.limits.stream));
        }
        let mut rest = bytes;
        if std::mem::take(&mut self.after_return) && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, end) = rest.split_at(at);
            self.partial.extend_from_slice(line);
            rest = match end {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => end,
            };
            self.after_return = end == b"\r";
            self.end_line()?;
        }
        self.partial.extend_from_slice(rest);
        self.within(self.event + self.partial.len())
    }

    fn end_line(&mut self) -> Result<(), Broken> {
        self.event = if self.partial.is_empty() { 0 } else { self.event + self.partial.len() + 1 };
        self.within(self.event)?;
        let mut line = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        if !std::mem::replace(&mut self.begun, true) && line.starts_with('\u{feff}') {
            line.remove(0);
        }
        line.push('\n');
        self.ready.push_back(line);
        Ok(())
    }

    fn within(&self, event: usize) -> Result<(), Broken> {
        let limit = self.limits.event;
        if event > limit { Err(Broken::LargeEvent(limit)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    async fn read(pieces: Vec<Vec<u8>>) -> Vec<Result<String, String>> {
        let body = stream::iter(pieces.into_iter().map(Ok::<_, io::Error>));
        events(body, IDLE, LIMITS)
            .map(|event| event.map_err(|broken| broken.to_string()))
            .collect()
            .await
    }

    fn ok(texts: &[&str]) -> Vec<Result<String, String>> {
        texts.iter().map(|text| Ok((*text).to_owned())).collect()
    }

    #[tokio::test]
    async fn every_line_end_and_every_cut_gives_the_same_events() {
        for end in ["\n", "\r\n", "\r"] {
            let text =
                "\u{feff}event: a\ndata: {\"é\":1}\n\n: ping\n\ndata:two\ndata: lines\n\nx\n\n";
            let bytes = text.replace('\n', end).into_bytes();
            for cut in 1..bytes.len() {
                let pieces = bytes.chunks(cut).map(<[u8]>::to_vec).collect();
                assert_eq!(read(pieces).await, ok(&["{\"é\":1}", "two\nlines"]), "{end:?} {cut}");
            }
        }
    }

    #[tokio::test]
    async fn an_event_without_its_blank_line_is_none() {
        assert_eq!(read(vec![b"data: a\n\ndata: b\n".to_vec()]).await, ok(&["a"]));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_spoil_their_event_alone() {
        let bytes = b"data: \xff\n\ndata: b\n\n".to_vec();
        assert_eq!(read(vec![bytes]).await, ok(&["\u{fffd}", "b"]));
    }

    /// What comes after the events of a stream that repeats `piece` for ever.
    async fn end_of(piece: Vec<u8>, limits: Limits) -> (usize, String) {
        let body = stream::iter(std::iter::repeat_with(|| Ok::<_, io::Error>(piece.clone())));
        let mut events = std::pin::pin!(events(body, IDLE, limits));
        let mut seen = 0;
        loop {
            match events.next().await {
                Some(Ok(_)) => seen += 1,
                Some(Err(broken)) => return (seen, broken.to_string()),
                None => panic!("the stream has no end"),
            }
        }
    }

    #[tokio::test]
    async fn an_event_that_is_too_large_ends_the_stream() {
        // The real limit: what takes more than time in proportion would not come to an end here.
        let large = (0, "an event of the response is larger than 33554432 bytes".to_owned());
        assert_eq!(end_of(vec![b'x'; 16 << 10], LIMITS).await, large);
        let limits = Limits { event: 1 << 20, ..LIMITS };
        let large = (0, "an event of the response is larger than 1048576 bytes".to_owned());
        assert_eq!(end_of(b"data:\n".repeat(4096), limits).await, large);
        // Blank lines are what counts, wherever the pieces are cut.
        let limits = Limits { event: 100, stream: 10_000 };
        let (seen, broken) = end_of(b"data: 12345678\n\ndata: ".to_vec(), limits).await;
        assert_eq!((seen, broken.as_str()), (454, "the response is larger than 10000 bytes"));
    }

    #[tokio::test]
    async fn the_innermost_cause_is_told() {
        let error = io::Error::new(io::ErrorKind::ConnectionReset, "reset by peer");
        let body = stream::iter([Ok(b"data: a\n\n".to_vec()), Err(error)]);
        let read: Vec<_> = events(body, IDLE, LIMITS).take(2).collect().await;
        let [Ok(data), Err(broken)] = &read[..] else { panic!("{read:?}") };
        assert_eq!(data, "a");
        assert_eq!(broken.to_string(), "the connection broke: reset by peer");
    }

    #[tokio::test]
    async fn silence_is_noticed() {
        let body = stream::iter([Ok::<_, io::Error>(b"data: a\n\n".to_vec())]);
        let body = body.chain(stream::pending());
        let read: Vec<_> = events(body, Duration::from_millis(10), LIMITS).take(2).collect().await;
        assert!(matches!(read[..], [Ok(_), Err(Broken::Silent)]), "{read:?}");
    }
}
