//! What a person can do about a patch that was refused.

use crate::{ApplyError, ParseError, PlanError, Problem};

impl ParseError {
    /// Tells what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ParseError::MissingBegin | ParseError::MissingEnd => {
                "a patch stands between the lines '*** Begin Patch' and '*** End Patch'"
            }
            ParseError::TextAfterEnd { .. } => {
                "remove what follows '*** End Patch'; a second patch is a second call"
            }
            ParseError::NoFiles => {
                "put a section between the markers, as in '*** Update File: src/main.rs'"
            }
            ParseError::Hunk { problem, .. } => problem.hint(),
        }
    }
}

impl Problem {
    /// Tells what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Problem::NotAHeader(_) => "begin each file with one of these headers",
            Problem::NoPath(_) => "write the path after the colon",
            Problem::NulInPath(_) => "write the path as plain text",
            Problem::EmptyUpdate(_) => {
                "follow the header with '@@' and lines, or with '*** Move to: path'"
            }
            Problem::EmptyChunk => "follow the marker with lines that stay, go or come",
            Problem::ExpectedMarker(_) => "begin the next chunk with '@@'",
            Problem::NoSign(_) => "put ' ', '+' or '-' before the line",
            Problem::NoPlus(_) => "put '+' before each line of a new file",
        }
    }
}

impl PlanError {
    /// Tells what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            PlanError::Context { .. } | PlanError::Lines { .. } => {
                "the file has other lines than the patch expects: read it again, and make the patch \
                 from what is there"
            }
            PlanError::Outside { .. } => {
                "a patch writes to the current folder and below: change to a folder above the file"
            }
            PlanError::Protected { .. } => {
                "change it by hand: what stands there can make other programs run"
            }
            PlanError::Read { .. } | PlanError::Delete { .. } => {
                "check the path, which starts at the current folder, and that the file is readable"
            }
            PlanError::Write { .. } => "check that the path is free for a file and writable",
        }
    }
}

impl ApplyError {
    /// Tells what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ApplyError::Changed { .. } => "another program writes to it: run the patch again",
            ApplyError::Io { .. } => "check that the folder is writable and the disk is not full",
            ApplyError::Stuck { .. } => {
                "put the old bytes back by hand, from the files that are named"
            }
        }
    }
}
