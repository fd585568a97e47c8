//! From a [`Patch`] to every byte it will write.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use codex_event::{ChangeKind, FileChange};
use rustix::io::Errno;

use crate::disk::{self, Meta, Node};
use crate::parse::{Chunk, FileOp, Patch, cut};
use crate::roots::{LastLink, Misplaced, Roots, Seen, locate};
use crate::text::{Mismatch, edit};

/// How much of the lines that were not found a message repeats, in characters.
const QUOTED: usize = 4000;

/// What a patch will do, worked out completely and not yet begun.
///
/// It holds all old and new bytes, so it can be shown, journalled and carried out without reading
/// the patch again; [`apply`](crate::apply) refuses it when a file has changed since.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) roots: Roots,
    pub(crate) entries: BTreeMap<PathBuf, Entry>,
    marks: Vec<(Mark, String)>,
}

/// Why a patch cannot be carried out. Nothing has been written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An `@@` line names a line that is not in the rest of the file.
    #[error("Failed to find context '{context}' in {path}")]
    Context {
        /// The line that was looked for.
        context: String,
        /// The file as the patch names it.
        path: String,
    },
    /// The old lines of a chunk are not in the rest of the file.
    #[error("Failed to find expected lines in {path}:\n{lines}")]
    Lines {
        /// The lines that were looked for.
        lines: String,
        /// The file as the patch names it.
        path: String,
    },
    /// The path leads out of every folder that may be written to.
    #[error("path '{path}' leads to {}, which is outside the writable folders", .resolved.display())]
    Outside {
        /// The path as the patch names it.
        path: String,
        /// Where it leads.
        resolved: PathBuf,
    },
    /// The path leads to something in a writable folder that stays as it is.
    #[error("path '{path}' leads to {}, which is protected: it can make other programs run", .resolved.display())]
    Protected {
        /// The path as the patch names it.
        path: String,
        /// Where it leads.
        resolved: PathBuf,
    },
    /// The file to update is missing, a folder, or cannot be read.
    #[error("Failed to read file to update {path}: {source}")]
    Read {
        /// The file as the patch names it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file to delete is missing, a folder, or cannot be read.
    #[error("Failed to delete file {path}: {source}")]
    Delete {
        /// The file as the patch names it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// No file can be written there.
    #[error("Failed to write file {path}: {source}")]
    Write {
        /// The file as the patch names it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One file of a [`Plan`] with all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedFile<'a> {
    /// Absolute path.
    pub path: &'a Path,
    /// The bytes it holds now; none when there is no such file. Of a symbolic link its target.
    pub before: Option<&'a [u8]>,
    /// The bytes it will hold; none when it will be gone.
    pub after: Option<&'a [u8]>,
}

/// What a plan knows of one path.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) before: Option<Node>,
    pub(crate) now: Option<Node>,
    is_added: bool,
    moved_to: Option<PathBuf>,
    /// Where the chunks that led here begin.
    hunks: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Added,
    Modified,
    Deleted,
}

/// Plans a patch: reads the files it names and works out what they become.
///
/// Relative paths start at `cwd`; every path, links and `..` resolved, must lie below one of the
/// roots. Each section sees what the ones before it leave. Nothing is written.
pub fn plan(patch: &Patch, roots: &Roots, cwd: &Path) -> Result<Plan, PlanError> {
    let plan = Plan { roots: roots.clone(), entries: BTreeMap::new(), marks: Vec::new() };
    let mut planner = Planner { plan, cwd };
    for op in &patch.ops {
        match op {
            FileOp::Add { path, content } => planner.add(path, content)?,
            FileOp::Delete { path } => planner.delete(path)?,
            FileOp::Update { path, move_to, chunks } => {
                planner.update(path, move_to.as_deref(), chunks)?;
            }
        }
    }
    Ok(planner.plan)
}

/// Lists every place that a patch would write to and that its roots hold back, canonical.
///
/// Reads names and links alone, so that nothing is learnt of a file before anybody has agreed to it.
/// What an earlier section of the patch would put in the way is not taken into account: the plan is
/// held against the roots again.
pub fn strays(patch: &Patch, roots: &Roots, cwd: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut look = |path: &str, last: LastLink| match locate(roots, cwd, path, last, disk::see) {
        Err(Misplaced::Outside(place) | Misplaced::Protected(place)) => {
            found.insert(place);
        }
        Ok(_) | Err(Misplaced::Unusable(_)) => {}
    };
    for op in &patch.ops {
        match op {
            FileOp::Add { path, .. } => look(path, LastLink::Follow),
            FileOp::Delete { path } => look(path, LastLink::Keep),
            FileOp::Update { path, move_to, .. } => {
                look(path, LastLink::Follow);
                if let Some(target) = move_to {
                    look(path, LastLink::Keep);
                    look(target, LastLink::Keep);
                    look(target, LastLink::Follow);
                }
            }
        }
    }
    found
}

impl Plan {
    /// Lists the places of the plan that its roots hold back unless they are allowed by name.
    pub fn strays(&self) -> impl Iterator<Item = &Path> {
        self.entries.keys().map(PathBuf::as_path).filter(|place| self.roots.is_stray(place))
    }

    /// Lists what becomes of each file, as the journal records it.
    ///
    /// The net effect of all sections: a file that is edited and then deleted is one deletion. Paths
    /// are canonical, so a link that an edit goes through is named by its target. A move over an
    /// existing file is followed by a change of that file, which holds its old digest.
    pub fn changes(&self) -> Vec<FileChange> {
        let mut reached = BTreeSet::new();
        let mut changes = Vec::new();
        for (path, entry) in &self.entries {
            let Some(before) = entry.before.as_ref().filter(|_| entry.now.is_none()) else {
                continue;
            };
            let mut change = change(path, ChangeKind::Delete);
            change.before = Some(before.digest());
            if let Some((target, node, hunks)) = self.follow(entry)
                && reached.insert(target)
            {
                change.hunks = hunks.to_vec();
                change.kind = ChangeKind::Update;
                change.move_to = Some(target.display().to_string());
                change.after = Some(node.digest());
            }
            changes.push(change);
        }
        for (path, entry) in &self.entries {
            let Some(now) = &entry.now else { continue };
            if entry.before.is_none() && reached.contains(path.as_path()) {
                continue;
            }
            let is_new = entry.is_added || entry.before.is_none();
            let kind = if is_new { ChangeKind::Add } else { ChangeKind::Update };
            let mut change = change(path, kind);
            change.before = entry.before.as_ref().map(Node::digest);
            change.after = Some(now.digest());
            // Of a file that another one was moved over, they are told with the move.
            if !reached.contains(path.as_path()) {
                change.hunks.clone_from(&entry.hunks);
            }
            changes.push(change);
        }
        changes
    }

    /// Finds where a moved file ends up, through any number of moves, and what was edited on the way.
    fn follow<'a>(&'a self, entry: &'a Entry) -> Option<(&'a Path, &'a Node, &'a [u64])> {
        let mut target = entry.moved_to.as_deref()?;
        // Each step follows a later section; the bound only guards against a mistake here.
        for _ in 0..=self.entries.len() {
            let entry = self.entries.get(target)?;
            match &entry.now {
                Some(node) => return Some((target, node, &entry.hunks)),
                None => target = entry.moved_to.as_deref()?,
            }
        }
        None
    }

    /// Lists every path the plan touches with its old and new bytes, in the order of the paths.
    pub fn files(&self) -> impl Iterator<Item = PlannedFile<'_>> {
        self.entries.iter().map(|(path, entry)| PlannedFile {
            path,
            before: entry.before.as_ref().map(Node::bytes),
            after: entry.now.as_ref().map(Node::bytes),
        })
    }

    /// Says what was done, as the model and the command line get to read it: `A`, `M` or `D` and
    /// the path as the patch names it, one line each; a move is `M` and the new name.
    pub fn summary(&self) -> String {
        let mut marks: Vec<&(Mark, String)> = self.marks.iter().collect();
        marks.sort_by_key(|(mark, _)| *mark);
        let mut seen = BTreeSet::new();
        marks.retain(|mark| seen.insert((mark.0, mark.1.as_str())));
        let mut text = String::from("Success. Updated the following files:\n");
        for (mark, path) in marks {
            let letter = match mark {
                Mark::Added => 'A',
                Mark::Modified => 'M',
                Mark::Deleted => 'D',
            };
            let _ = writeln!(text, "{letter} {path}");
        }
        text
    }
}

fn change(path: &Path, kind: ChangeKind) -> FileChange {
    let path = path.display().to_string();
    FileChange { path, kind, move_to: None, before: None, after: None, hunks: Vec::new() }
}

struct Planner<'a> {
    plan: Plan,
    cwd: &'a Path,
}

/// Turns what the system said into the error of the section at hand.
type Wrap = fn(String, io::Error) -> PlanError;

const READ: Wrap = |path, source| PlanError::Read { path, source };
const DELETE: Wrap = |path, source| PlanError::Delete { path, source };
const WRITE: Wrap = |path, source| PlanError::Write { path, source };

impl Planner<'_> {
    fn add(&mut self, path: &str, content: &str) -> Result<(), PlanError> {
        let place = self.place_for_file(path)?;
        let entry = self.load(&place, path, WRITE)?;
        // Written over a file, it keeps that file's permissions, as a shell redirection would.
        let meta = match &entry.now {
            Some(Node::File { meta, .. }) => *meta,
            Some(Node::Link(_)) | None => Meta::NEW,
        };
        entry.now = Some(Node::File { bytes: content.as_bytes().to_vec(), meta });
        entry.is_added = true;
        entry.hunks.clear();
        self.mark(Mark::Added, path);
        Ok(())
    }

    fn delete(&mut self, path: &str) -> Result<(), PlanError> {
        let place = self.locate(path, LastLink::Keep, DELETE)?;
        let entry = self.load(&place, path, DELETE)?;
        if entry.now.take().is_none() {
            return Err(DELETE(path.to_owned(), Errno::NOENT.into()));
        }
        entry.is_added = false;
        entry.moved_to = None;
        entry.hunks.clear();
        self.mark(Mark::Deleted, path);
        Ok(())
    }

    fn update(
        &mut self,
        path: &str,
        move_to: Option<&str>,
        chunks: &[Chunk],
    ) -> Result<(), PlanError> {
        let source = self.locate(path, LastLink::Follow, READ)?;
        let entry = self.load(&source, path, READ)?;
        let Some(Node::File { bytes, meta }) = &entry.now else {
            return Err(READ(path.to_owned(), Errno::NOENT.into()));
        };
        let meta = *meta;
        let mut hunks = entry.hunks.clone();
        let bytes = if chunks.is_empty() {
            bytes.clone()
        } else {
            let edited = edit(bytes, chunks).map_err(|mismatch| match mismatch {
                Mismatch::Anchor(context) => {
                    PlanError::Context { context: cut(&context, QUOTED), path: path.to_owned() }
                }
                Mismatch::Lines(lines) => {
                    PlanError::Lines { lines: cut(&lines, QUOTED), path: path.to_owned() }
                }
            })?;
            hunks.extend(edited.begins);
            edited.bytes
        };
        let mut target = source;
        if let Some(new) = move_to {
            let from = self.locate(path, LastLink::Keep, READ)?;
            let to = self.locate(new, LastLink::Keep, WRITE)?;
            let place = self.place_for_file(new)?;
            // A move onto itself, be it by another spelling or through a link, only edits.
            if from != to && from != place {
                self.load(&place, new, WRITE)?;
                let entry = self.load(&from, path, READ)?;
                entry.now = None;
                entry.is_added = false;
                entry.hunks.clear();
                entry.moved_to = Some(place.clone());
                target = place;
            }
        }
        let shown = move_to.unwrap_or(path);
        let entry = self.load(&target, shown, WRITE)?;
        entry.now = Some(Node::File { bytes, meta });
        entry.moved_to = None;
        entry.hunks = hunks;
        self.mark(Mark::Modified, shown);
        Ok(())
    }

    fn mark(&mut self, mark: Mark, path: &str) {
        self.plan.marks.push((mark, path.to_owned()));
    }

    /// Works out where a path leads, over what earlier sections leave.
    fn locate(&self, path: &str, last: LastLink, wrap: Wrap) -> Result<PathBuf, PlanError> {
        let see = |place: &Path| match self.plan.entries.get(place).map(|entry| &entry.now) {
            Some(Some(Node::File { .. })) => Ok(Seen::File),
            Some(Some(Node::Link(_))) => disk::see(place),
            Some(None) => Ok(Seen::Nothing),
            None => disk::see(place),
        };
        locate(&self.plan.roots, self.cwd, path, last, see).map_err(|error| match error {
            Misplaced::Outside(resolved) => PlanError::Outside { path: path.to_owned(), resolved },
            Misplaced::Protected(resolved) => {
                PlanError::Protected { path: path.to_owned(), resolved }
            }
            Misplaced::Unusable(source) => wrap(path.to_owned(), source),
        })
    }

    /// Works out where a file may be written: not where an earlier section needs a folder.
    fn place_for_file(&self, path: &str) -> Result<PathBuf, PlanError> {
        let place = self.locate(path, LastLink::Follow, WRITE)?;
        let after = (Bound::Excluded(place.as_path()), Bound::Unbounded);
        let mut below = self.plan.entries.range::<Path, _>(after);
        let mut below = below.by_ref().take_while(|(other, _)| other.starts_with(&place));
        if below.any(|(_, entry)| entry.now.is_some()) {
            return Err(WRITE(path.to_owned(), Errno::ISDIR.into()));
        }
        Ok(place)
    }

    fn load(&mut self, place: &Path, path: &str, wrap: Wrap) -> Result<&mut Entry, PlanError> {
        if !self.plan.entries.contains_key(place) {
            let node = disk::read(&self.plan.roots, place)
                .map_err(|source| wrap(path.to_owned(), source))?;
            let (before, hunks) = (node.clone(), Vec::new());
            let entry = Entry { before, now: node, is_added: false, moved_to: None, hunks };
            self.plan.entries.insert(place.to_owned(), entry);
        }
        Ok(self.plan.entries.get_mut(place).expect("it has just been put there"))
    }
}
