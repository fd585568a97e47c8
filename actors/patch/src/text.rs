//! Editing the bytes of one file.

#[cfg(test)]
mod tests;

use crate::parse::{Chunk, ChunkLine};
use crate::search::Lines;

/// Empty lines that a chunk may have too many at its end.
const MAX_DROPPED: usize = 8;

const BOM: &str = "\u{FEFF}";

/// Which part of a chunk is not in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    Anchor(String),
    Lines(String),
}

/// A file after some chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edited {
    pub(crate) bytes: Vec<u8>,
    /// The line of the file before, counted from 1, at which each chunk begins.
    pub(crate) begins: Vec<u64>,
}

/// Works out a file after some chunks.
///
/// Every line that no chunk removes keeps its own bytes, line end included, also where a chunk's
/// context only resembles it. New lines end as the first line of the file does. A byte order mark
/// is no part of the first line and stays, unless a chunk itself spells it out and removes it. The
/// result ends in a line end. A carriage return alone ends a line where there is no line feed, or
/// where the chunks only fit so.
pub(crate) fn edit(bytes: &[u8], chunks: &[Chunk]) -> Result<Edited, Mismatch> {
    let (has_bom, body) = match bytes.strip_prefix(BOM.as_bytes()) {
        Some(body) => (true, body),
        None => (false, bytes),
    };
    if !body.contains(&b'\n') {
        return edit_lines(split_at_any(body), chunks, has_bom);
    }
    edit_lines(split(body), chunks, has_bom).or_else(|mismatch| {
        let lines = split_at_any(body);
        let has_lone_returns = lines.1.contains(&&b"\r"[..]);
        let again = has_lone_returns.then(|| edit_lines(lines, chunks, has_bom).ok()).flatten();
        again.ok_or(mismatch)
    })
}

/// Lines without their ends, and the ends; only the last one may be empty.
type Split<'a> = (Vec<&'a [u8]>, Vec<&'a [u8]>);

fn edit_lines(
    (lines, ends): Split<'_>,
    chunks: &[Chunk],
    has_bom: bool,
) -> Result<Edited, Mismatch> {
    let preferred = ends.iter().copied().find(|end| !end.is_empty()).unwrap_or(b"\n");
    let (edits, begins) = place(Lines::new(lines.clone()), chunks, has_bom)?;

    let mut out = Output { bytes: Vec::new(), preferred };
    // The mark goes when a chunk removes a first line that is spelled with it.
    let drops_bom = edits.iter().filter(|edit| edit.at == 0).any(|edit| {
        let first = edit.steps.iter().find(|step| step.old().is_some());
        matches!(first, Some(Step::Remove(text)) if text.starts_with(BOM))
    });
    if has_bom && !drops_bom {
        out.bytes.extend_from_slice(BOM.as_bytes());
    }
    let mut at = 0;
    for edit in &edits {
        while at < edit.at {
            out.push(lines[at], ends[at]);
            at += 1;
        }
        for step in &edit.steps {
            match step {
                Step::Keep(_) => {
                    out.push(lines[at], ends[at]);
                    at += 1;
                }
                Step::Remove(_) => at += 1,
                Step::Add(text) => {
                    let is_first = has_bom && out.bytes == BOM.as_bytes();
                    let text = if is_first { text.strip_prefix(BOM).unwrap_or(text) } else { text };
                    out.push(text.as_bytes(), b"");
                }
            }
        }
    }
    for (line, end) in lines.iter().zip(&ends).skip(at) {
        out.push(line, end);
    }
    Ok(Edited { bytes: out.bytes, begins })
}

/// Cuts a text at line feeds, with the carriage return before them.
fn split(body: &[u8]) -> Split<'_> {
    body.split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let end = match line {
                [.., b'\r', b'\n'] => 2,
                [.., b'\n'] => 1,
                _ => 0,
            };
            line.split_at(line.len() - end)
        })
        .unzip()
}

/// Cuts a text at line feeds and at carriage returns.
fn split_at_any(body: &[u8]) -> Split<'_> {
    let (mut lines, mut ends) = (Vec::new(), Vec::new());
    let mut rest = body;
    while !rest.is_empty() {
        let at = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(at);
        let length = if behind.starts_with(b"\r\n") { 2 } else { behind.len().min(1) };
        let (end, behind) = behind.split_at(length);
        lines.push(line);
        ends.push(end);
        rest = behind;
    }
    (lines, ends)
}

struct Output<'a> {
    bytes: Vec<u8>,
    preferred: &'a [u8],
}

impl Output<'_> {
    fn push(&mut self, line: &[u8], end: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.bytes.extend_from_slice(if end.is_empty() { self.preferred } else { end });
    }
}

/// A chunk with its place in the file.
struct Edit<'p> {
    at: usize,
    steps: Vec<Step<'p>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step<'p> {
    Keep(&'p str),
    Remove(&'p str),
    Add(&'p str),
}

impl<'p> Step<'p> {
    fn of(line: &'p ChunkLine) -> Self {
        match line {
            ChunkLine::Context(text) => Step::Keep(text),
            ChunkLine::Remove(text) => Step::Remove(text),
            ChunkLine::Add(text) => Step::Add(text),
        }
    }

    fn old(self) -> Option<&'p str> {
        match self {
            Step::Keep(text) | Step::Remove(text) => Some(text),
            Step::Add(_) => None,
        }
    }
}

/// Finds the place of each chunk, and the line that each begins at; places ascend and do not overlap.
fn place<'p>(
    mut file: Lines<'_>,
    chunks: &'p [Chunk],
    has_bom: bool,
) -> Result<(Vec<Edit<'p>>, Vec<u64>), Mismatch> {
    let mut edits = Vec::with_capacity(chunks.len());
    let mut begins = Vec::with_capacity(chunks.len());
    let mut appended = Vec::new();
    let mut cursor = 0;
    for chunk in chunks {
        for anchor in &chunk.anchors {
            let at = find(&mut file, &[anchor], cursor, Within::Rest, has_bom);
            cursor = at.ok_or_else(|| Mismatch::Anchor(anchor.clone()))? + 1;
        }
        let within = if chunk.at_end { Within::End } else { Within::Rest };
        let mut steps: Vec<Step<'p>> = chunk.lines.iter().map(Step::of).collect();
        let mut dropped = 0;
        loop {
            let old: Vec<&str> = steps.iter().filter_map(|step| step.old()).collect();
            if old.is_empty() {
                if chunk.anchors.is_empty() || chunk.at_end {
                    appended.append(&mut steps);
                    begins.push(file.len() as u64 + 1);
                } else {
                    edits.push(Edit { at: cursor, steps });
                    begins.push(cursor as u64 + 1);
                }
                break;
            }
            if let Some(at) = find(&mut file, &old, cursor, within, has_bom) {
                cursor = at + old.len();
                edits.push(Edit { at, steps });
                begins.push(at as u64 + 1);
                break;
            }
            dropped += 1;
            if dropped > MAX_DROPPED || !drop_last_blank(&mut steps, file.len()) {
                let old = chunk.lines.iter().filter_map(|line| Step::of(line).old());
                return Err(Mismatch::Lines(old.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    if !appended.is_empty() {
        edits.push(Edit { at: file.len(), steps: appended });
    }
    Ok((edits, begins))
}

/// Where a chunk's old lines may be.
#[derive(Clone, Copy)]
enum Within {
    Rest,
    End,
}

fn find(
    file: &mut Lines<'_>,
    wanted: &[&str],
    from: usize,
    within: Within,
    has_bom: bool,
) -> Option<usize> {
    // Who spells out the byte order mark means the first line.
    if let Some(first) = wanted[0].strip_prefix(BOM).filter(|_| has_bom && from == 0) {
        let mut stripped = wanted.to_vec();
        stripped[0] = first;
        let is_placed = match within {
            Within::Rest => true,
            Within::End => file.len() == wanted.len(),
        };
        if is_placed && file.fits_at(0, &stripped) {
            return Some(0);
        }
    }
    match within {
        Within::Rest => file.find(wanted, from),
        Within::End => {
            let at = file.len().checked_sub(wanted.len()).filter(|at| from <= *at)?;
            file.fits_at(at, wanted).then_some(at)
        }
    }
}

/// Takes back the last old line when it is empty: models add one for the end of the file.
///
/// Says no when there is none, or when nothing else would say where the chunk belongs and it is
/// not a plain addition. In a file without lines there is but one place.
fn drop_last_blank(steps: &mut Vec<Step<'_>>, file_lines: usize) -> bool {
    let Some(at) = steps.iter().rposition(|step| step.old().is_some()) else { return false };
    let is_only = file_lines > 0 && steps[..at].iter().all(|step| step.old().is_none());
    let is_last = at + 1 == steps.len();
    match steps[at] {
        Step::Keep("") if is_only && steps.len() == 1 => false,
        Step::Keep("") if is_last => {
            steps.pop();
            true
        }
        Step::Keep("") => {
            steps[at] = Step::Add("");
            true
        }
        Step::Remove("") if !is_only => {
            steps.remove(at);
            if steps.last() == Some(&Step::Add("")) {
                steps.pop();
            }
            true
        }
        Step::Keep(_) | Step::Remove(_) | Step::Add(_) => false,
    }
}
