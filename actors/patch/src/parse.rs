//! From text to [`Patch`].

#[cfg(test)]
mod tests;

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File: ";
const DELETE: &str = "*** Delete File: ";
const UPDATE: &str = "*** Update File: ";
const MOVE: &str = "*** Move to: ";
const END_OF_FILE: &str = "*** End of File";

/// How much of an offending line a message repeats, in characters.
const QUOTED: usize = 200;

/// A patch: what to do to each file, in order.
///
/// It names at least one file. Later sections mean the tree that the earlier ones leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file sections in the order of the text.
    pub ops: Vec<FileOp>,
}

/// One file section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// Writes a file anew, over whatever it held.
    Add {
        /// The path as written.
        path: String,
        /// The whole text; every line ends in a line feed. Empty when the section has no lines.
        content: String,
    },
    /// Removes a file.
    Delete {
        /// The path as written.
        path: String,
    },
    /// Edits a file, moves it, or both.
    Update {
        /// The path as written.
        path: String,
        /// The new path as written.
        move_to: Option<String>,
        /// The edits from top to bottom; empty only when the file moves.
        chunks: Vec<Chunk>,
    },
}

/// One edit: where it is and what the lines there become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Lines (the text after `@@ `) to be found one after the other before the edit starts.
    pub anchors: Vec<String>,
    /// The lines of the edit; never empty.
    pub lines: Vec<ChunkLine>,
    /// Whether the old lines must be the last ones of the file.
    pub at_end: bool,
}

/// One line of a [`Chunk`], without its sign and its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkLine {
    /// A line that is there and stays.
    Context(String),
    /// A line that is there and goes.
    Remove(String),
    /// A line that comes.
    Add(String),
}

/// Why some text is not a patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text does not start with the opening marker.
    #[error("invalid patch: The first line of the patch must be '*** Begin Patch'")]
    MissingBegin,
    /// The text does not end with the closing marker.
    #[error("invalid patch: The last line of the patch must be '*** End Patch'")]
    MissingEnd,
    /// Something stands between the first closing marker and the end.
    #[error("invalid patch: unexpected text after '*** End Patch', on line {line}")]
    TextAfterEnd {
        /// Line of the text, counted from 1.
        line: usize,
    },
    /// There is nothing between the markers.
    #[error("invalid patch: it is empty. No files were modified.")]
    NoFiles,
    /// A line does not fit where it stands.
    #[error("invalid hunk at line {line}, {problem}")]
    Hunk {
        /// Line of the text, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a line of a patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file section should start here.
    #[error(
        "'{0}' is not a valid hunk header. Valid hunk headers: '*** Add File: {{path}}', \
         '*** Delete File: {{path}}', '*** Update File: {{path}}'"
    )]
    NotAHeader(String),
    /// The header names no path.
    #[error("the header '{0}' names no path: it must be followed by one")]
    NoPath(String),
    /// The path holds a NUL character, which no file system allows.
    #[error("invalid path '{0}': it must not contain a NUL character")]
    NulInPath(String),
    /// An update neither edits nor moves.
    #[error("Update file hunk for path '{0}' is empty")]
    EmptyUpdate(String),
    /// `@@` or `*** End of File` without lines.
    #[error("Update hunk does not contain any lines")]
    EmptyChunk,
    /// After `*** End of File` only a new chunk or a new section may follow.
    #[error("Expected update hunk to start with a @@ context marker, got: '{0}'")]
    ExpectedMarker(String),
    /// The line has no sign.
    #[error(
        "Unexpected line found in update hunk: '{0}'. Every line should start with ' ' \
         (context line), '+' (added line), or '-' (removed line)"
    )]
    NoSign(String),
    /// The line of a new file has no plus sign.
    #[error("Unexpected line found in add file hunk: '{0}'. Every line should start with '+'")]
    NoPlus(String),
}

/// Reads a patch.
///
/// The grammar is strict but for what models are known to get wrong: white space around the text
/// and around markers, a here-document wrapped around the whole (`<<'EOF'` … `EOF`), an empty line
/// in place of an empty context line, and several `@@ …` lines in a row that narrow the place step
/// by step. Time and memory are linear in the text; nothing recurses.
pub fn parse(text: &str) -> Result<Patch, ParseError> {
    let lead = text.len() - text.trim_start().len();
    let skipped = text[..lead].bytes().filter(|byte| *byte == b'\n').count();
    let all: Vec<&str> = text.trim().lines().collect();
    let (lines, first) = match unwrap_heredoc(&all) {
        Some(inner) => (inner, skipped + 2),
        None => (&all[..], skipped + 1),
    };
    let [begin, body @ ..] = lines else { return Err(ParseError::MissingBegin) };
    if begin.trim() != BEGIN {
        return Err(ParseError::MissingBegin);
    }
    let [body @ .., end] = body else { return Err(ParseError::MissingEnd) };
    if end.trim() != END {
        // A marker further up means that something was put behind it: say where.
        return Err(match body.iter().rposition(|line| line.trim_end() == END) {
            Some(at) => ParseError::TextAfterEnd { line: first + at + 2 },
            None => ParseError::MissingEnd,
        });
    }
    Parser { lines: body, at: 0, first: first + 1 }.patch()
}

/// Peels off a here-document that was meant for a shell but arrived as the text itself.
fn unwrap_heredoc<'a, 't>(lines: &'a [&'t str]) -> Option<&'a [&'t str]> {
    let [open, inner @ .., close] = lines else { return None };
    let word = open.strip_prefix("<<")?.trim();
    let word = ['\'', '"']
        .iter()
        .find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!word.is_empty() && word.chars().all(plain) && close.trim() == word).then_some(inner)
}

struct Parser<'a> {
    lines: &'a [&'a str],
    at: usize,
    /// Line number of `lines[0]` in the whole text.
    first: usize,
}

impl<'a> Parser<'a> {
    fn patch(mut self) -> Result<Patch, ParseError> {
        let mut ops = Vec::new();
        while self.at < self.lines.len() {
            ops.push(self.section()?);
        }
        if ops.is_empty() { Err(ParseError::NoFiles) } else { Ok(Patch { ops }) }
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn wrong<T>(&self, at: usize, problem: Problem) -> Result<T, ParseError> {
        Err(ParseError::Hunk { line: self.first + at, problem })
    }

    fn section(&mut self) -> Result<FileOp, ParseError> {
        let at = self.at;
        let header = self.lines[at].trim();
        self.at += 1;
        if let Some(path) = self.path(at, header, ADD)? {
            return Ok(FileOp::Add { path, content: self.content()? });
        }
        if let Some(path) = self.path(at, header, DELETE)? {
            return Ok(FileOp::Delete { path });
        }
        if let Some(path) = self.path(at, header, UPDATE)? {
            return self.update(at, path);
        }
        if header == END {
            return Err(ParseError::TextAfterEnd { line: self.first + at + 1 });
        }
        self.wrong(at, Problem::NotAHeader(quoted(header)))
    }

    fn path(&self, at: usize, line: &str, marker: &str) -> Result<Option<String>, ParseError> {
        let Some(path) = line.strip_prefix(marker.trim_end()) else { return Ok(None) };
        if path.is_empty() {
            return self.wrong(at, Problem::NoPath(quoted(line)));
        }
        // One space ends the marker; more of them would be part of the name.
        let Some(path) = path.strip_prefix(' ') else { return Ok(None) };
        let path = path.trim_end();
        if path.is_empty() {
            return self.wrong(at, Problem::NoPath(quoted(line)));
        }
        if path.contains('\0') {
            return self.wrong(at, Problem::NulInPath(quoted(path)));
        }
        Ok(Some(path.to_owned()))
    }

    fn content(&mut self) -> Result<String, ParseError> {
        let mut content = String::new();
        while let Some(line) = self.peek() {
            if let Some(line) = line.strip_prefix('+') {
                content.push_str(line);
                content.push('\n');
            } else if line.trim_start().starts_with("***") {
                break;
            } else {
                return self.wrong(self.at, Problem::NoPlus(quoted(line)));
            }
            self.at += 1;
        }
        Ok(content)
    }

    fn update(&mut self, header: usize, path: String) -> Result<FileOp, ParseError> {
        let mut move_to = None;
        if let Some(line) = self.peek() {
            move_to = self.path(self.at, line.trim_end(), MOVE)?;
            self.at += usize::from(move_to.is_some());
        }
        let mut chunks = Vec::new();
        loop {
            while self.peek().is_some_and(|line| line.trim().is_empty()) {
                self.at += 1;
            }
            match self.peek() {
                Some(line) if !line.starts_with("***") || line.trim_end() == END_OF_FILE => {
                    chunks.push(self.chunk(chunks.is_empty())?);
                }
                Some(_) | None => break,
            }
        }
        if chunks.is_empty() && move_to.is_none() {
            return self.wrong(header, Problem::EmptyUpdate(path));
        }
        Ok(FileOp::Update { path, move_to, chunks })
    }

    fn chunk(&mut self, is_first: bool) -> Result<Chunk, ParseError> {
        let start = self.at;
        if !is_first && !is_marker(self.lines[start]) {
            return self.wrong(start, Problem::ExpectedMarker(quoted(self.lines[start])));
        }
        let anchors = self.anchors();
        let mut lines = Vec::new();
        let mut at_end = false;
        // Empty lines at the end of what was read so far: a separator or a context line, see below.
        let mut bare = 0;
        while let Some(line) = self.peek() {
            let (sign, text) = match line.chars().next() {
                None => (' ', ""),
                Some(sign) => (sign, &line[sign.len_utf8()..]),
            };
            let text = text.to_owned();
            match sign {
                ' ' => lines.push(ChunkLine::Context(text)),
                '-' => lines.push(ChunkLine::Remove(text)),
                '+' => lines.push(ChunkLine::Add(text)),
                '@' if is_marker(line) => break,
                '*' if line.trim_end() == END_OF_FILE => {
                    if lines.is_empty() {
                        return self.wrong(self.at, Problem::EmptyChunk);
                    }
                    at_end = true;
                    self.at += 1;
                    break;
                }
                '*' if line.starts_with("***") => break,
                _ => return self.wrong(self.at, Problem::NoSign(quoted(line))),
            }
            bare = if line.is_empty() { bare + 1 } else { 0 };
            self.at += 1;
        }
        // Below additions alone an empty line only sets the chunk off from what follows; as context
        // it would tie the addition to some unrelated empty line of the file.
        let body = lines.len() - bare.min(lines.len());
        if body > 0 && lines[..body].iter().all(|line| matches!(line, ChunkLine::Add(_))) {
            lines.truncate(body);
        }
        if lines.is_empty() {
            return self.wrong(start, Problem::EmptyChunk);
        }
        Ok(Chunk { anchors, lines, at_end })
    }

    /// Reads one bare `@@`, or any number of `@@ …` lines in a row.
    fn anchors(&mut self) -> Vec<String> {
        let mut anchors = Vec::new();
        while let Some(line) = self.peek().filter(|line| is_marker(line)) {
            let anchor = line[2..].strip_prefix(' ').unwrap_or_default();
            let is_bare = anchor.trim().is_empty();
            if is_bare && !anchors.is_empty() {
                break;
            }
            self.at += 1;
            if is_bare {
                break;
            }
            anchors.push(anchor.to_owned());
        }
        anchors
    }
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("@@").is_some_and(|rest| rest.starts_with(' ') || rest.trim().is_empty())
}

fn quoted(line: &str) -> String {
    cut(line, QUOTED)
}

/// Keeps the first `most` characters of a text, and says so when there are more.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
