//! Requests, read from lines that may be anything.

use std::io::BufRead;

use serde::de::DeserializeOwned;

/// Most bytes of a line; a prompt is the longest thing that is said.
pub(crate) const MAX_LINE: usize = 4 << 20;
/// Memory that is kept from one line to the next.
const KEPT: usize = 64 << 10;
/// Letters of what is wrong with a line.
const MAX_MESSAGE: usize = 200;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<T> {
    Request(T),
    /// It is no request, and why.
    Broken(String),
}

/// Reads lines, none of which takes more memory than the longest one may.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Lines<R> {
        Lines { input, line: Vec::new() }
    }

    /// Reads the next line that says anything; none at the end of the input. One that the system
    /// breaks off ends there, too.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Option<Said<T>> {
        loop {
            self.line.clear();
            self.line.shrink_to(KEPT);
            let length = self.read_line()?;
            if length > MAX_LINE {
                let message = format!("the line is longer than {} MiB", MAX_LINE >> 20);
                return Some(Said::Broken(message));
            }
            if !self.line.trim_ascii().is_empty() {
                return Some(match serde_json::from_slice(&self.line) {
                    Ok(request) => Said::Request(request),
                    Err(error) => {
                        let message = format!("not a request: {error}");
                        Said::Broken(message.chars().take(MAX_MESSAGE).collect())
                    }
                });
            }
        }
    }

    /// Gives the line that was read last.
    pub(crate) fn last(&self) -> &[u8] {
        &self.line
    }

    /// Reads one line, and gives its length; what is beyond the limit is read and dropped.
    fn read_line(&mut self) -> Option<usize> {
        let mut length: usize = 0;
        loop {
            let part = match self.input.fill_buf() {
                Ok(part) => part,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => &[],
            };
            if part.is_empty() {
                return (length > 0).then_some(length);
            }
            let end = part.iter().position(|byte| *byte == b'\n');
            let text = &part[..end.unwrap_or(part.len())];
            let room = MAX_LINE - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            length = length.saturating_add(text.len());
            let used = end.map_or(part.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Some(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use codex_event::Request;

    use super::*;

    fn all(input: &[u8]) -> Vec<Said<Request>> {
        // A small buffer, so that lines are read in parts.
        let mut lines = Lines::new(std::io::BufReader::with_capacity(7, input));
        std::iter::from_fn(|| lines.next()).collect()
    }

    #[test]
    fn requests_are_read_and_the_rest_is_named() {
        let input = b"{\"hand_over\":{\"id\":7}}\n\n  \r\n{\"hand_over\":{\"id\":8}}\r\nnonsense\n\xff\xfe\n\
                      \0\n{\"moon\":{}}\n{\"hand_over\":{\"id\":9}}";
        let said = all(input);
        let request = |id| Said::Request(Request::HandOver { id });
        assert_eq!(
            (&said[0], &said[1], said.last()),
            (&request(7), &request(8), Some(&request(9)))
        );
        let broken = |said: &Said<Request>| matches!(said, Said::Broken(why) if why.starts_with("not a request: "));
        assert!(said[2..6].iter().all(broken) && said.len() == 7, "{said:?}");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut input = vec![b' '; MAX_LINE + 1];
        input.extend(b"\n{\"hand_over\":{\"id\":7}}");
        let said = all(&input);
        assert!(matches!(&said[0], Said::Broken(why) if why.contains("4 MiB")), "{said:?}");
        assert_eq!(said[1..], [Said::Request(Request::HandOver { id: 7 })]);
    }
}
