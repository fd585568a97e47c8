//! What came with a good status: a stream of events, or something that only looks like an answer.
//!
//! The first bytes decide, not the header: servers label streams in many ways, and proxies and
//! login pages answer 200 as well.

use std::time::Duration;

use bytes::Bytes;
use codex_event::Fault;
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::time::timeout;

use super::fault;
use super::sse::{Broken, root};

/// Most bytes of a body that is no stream that are looked at.
const MAX_TEXT: usize = 64 << 10;

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Looks {
    /// A stream of events, as far as can be told.
    Events,
    /// JSON.
    Json,
    /// A page for people: HTML or XML.
    Page,
    /// Compressed in a way that nobody asked for, by the header's name for it.
    Compressed(String),
}

/// Gives the bytes of a stream of events, or says what came instead.
pub(crate) async fn events(
    mut response: Response,
    idle: Duration,
) -> Result<impl Stream<Item = Result<Bytes, reqwest::Error>> + Send, Fault> {
    let encoding = response.headers().get(CONTENT_ENCODING).cloned();
    let encoding = encoding.as_ref().and_then(|value| value.to_str().ok());
    let mut head = Vec::new();
    // In all, as the clock for progress does not run yet; blanks alone are for that one to judge.
    let begun = timeout(idle, async {
        while is_blank(&head)
            && let Some(bytes) = response.chunk().await?
        {
            head.extend_from_slice(&bytes);
        }
        Ok::<_, reqwest::Error>(())
    });
    match begun.await {
        Ok(Err(error)) => return Err(fault::lost(Some(&Broken::Transport(root(&error))))),
        Err(_) if head.is_empty() => return Err(fault::lost(Some(&Broken::Silent))),
        Ok(Ok(())) | Err(_) => {}
    }
    match looks(&head, encoding) {
        Looks::Events => Ok(stream::iter([Ok(Bytes::from(head))]).chain(response.bytes_stream())),
        other @ (Looks::Json | Looks::Page | Looks::Compressed(_)) => {
            Err(fault::no_stream(&other, &rest(head, response, idle).await))
        }
    }
}

/// Gives as much of a body as is worth showing; what can't be read in time is left out.
pub(crate) async fn text(response: Response, idle: Duration) -> String {
    rest(Vec::new(), response, idle).await
}

async fn rest(mut body: Vec<u8>, mut response: Response, idle: Duration) -> String {
    // In all, not for each piece: a body that drips is not worth the wait.
    let _ = timeout(idle, async {
        while body.len() < MAX_TEXT
            && let Ok(Some(bytes)) = response.chunk().await
        {
            body.extend_from_slice(&bytes);
        }
    })
    .await;
    body.truncate(MAX_TEXT);
    String::from_utf8_lossy(&body).into_owned()
}

fn looks(head: &[u8], encoding: Option<&str>) -> Looks {
    let encoding = encoding.filter(|name| !name.eq_ignore_ascii_case("identity"));
    let binary = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    match (encoding, without_blanks(head).first()) {
        (_, Some(b'{' | b'[')) => Looks::Json,
        (_, Some(b'<')) => Looks::Page,
        // A label alone says little: some servers put it on plain text.
        (Some(name), Some(_)) if head.iter().any(binary) || std::str::from_utf8(head).is_err() => {
            Looks::Compressed(name.to_owned())
        }
        (Some(_) | None, Some(_) | None) => Looks::Events,
    }
}

fn is_blank(head: &[u8]) -> bool {
    without_blanks(head).is_empty()
}

fn without_blanks(head: &[u8]) -> &[u8] {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    match head.strip_prefix(MARK) {
        Some(rest) => rest.trim_ascii_start(),
        None if MARK.starts_with(head) => &[],
        None => head.trim_ascii_start(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_a_body_is() {
        let gzip = Looks::Compressed("gzip".into());
        for (head, encoding, expected) in [
            (&b"data: {}"[..], None, Looks::Events),
            (b"\r\n: ping\n", None, Looks::Events),
            (b"\xef\xbb\xbfevent: a\n", None, Looks::Events),
            (b"", None, Looks::Events),
            (b"\n {\"error\":", None, Looks::Json),
            (b"[1]", Some("gzip"), Looks::Json),
            (b"\xef\xbb\xbf <!doctype html>", None, Looks::Page),
            (b"\x1f\x8b\x08\x00\x00", Some("gzip"), gzip.clone()),
            (b"(\xb5/\xfd", Some("zstd"), Looks::Compressed("zstd".into())),
            // Labelled, and plain all the same; binary, and not labelled.
            (b"data: {}", Some("gzip"), Looks::Events),
            (b"\x1f\x8b\x08\x00\x00", None, Looks::Events),
            (b"\x1f\x8b\x08\x00\x00", Some("identity"), Looks::Events),
        ] {
            assert_eq!(looks(head, encoding), expected, "{}", String::from_utf8_lossy(head));
        }
    }
}
