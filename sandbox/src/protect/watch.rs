//! Noticing what a command changed in the repositories it could write to.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use codex_event::Digest;
use rustix::fs::{FileType, Timespec};

use super::git;
use super::walk::Walk;
use crate::placeholder;

/// Most changes that are told one by one.
const MAX_TOLD: usize = 20;

/// Longest telling of one, in characters: a path may be long, a line of the status pipe may not.
const MAX_LENGTH: usize = 500;

/// Names in a repository whose being there makes git do something else.
const TURNS: [&str; 4] = ["commondir", "rebase-apply", "rebase-merge", "sequencer"];

/// Remembers what could run programs in the repositories of the writable roots.
///
/// A mount keeps what was there before a command; this tells what it made anew, and at the level
/// `landlock` it tells everything. Reading costs a few files for each repository; looking again
/// costs one system call for each folder of the roots, and more only where something changed.
#[derive(Debug)]
pub(crate) struct RepositoryWatch {
    walks: Vec<Walk>,
    since: Timespec,
    before: BTreeMap<PathBuf, State>,
    bare: BTreeSet<PathBuf>,
}

/// What decides which programs git runs in one repository.
#[derive(Debug, PartialEq, Eq)]
struct State {
    identity: Option<(u64, u64)>,
    config: Option<Digest>,
    /// Each hook with its identity, size and time of change.
    hooks: BTreeMap<OsString, (u64, u64, i64, i64)>,
    turns: BTreeSet<&'static str>,
}

impl RepositoryWatch {
    /// Remembers what is there now, before the command.
    pub(super) fn begin(walks: Vec<Walk>, since: Timespec) -> RepositoryWatch {
        let before = states(&walks);
        let bare = planted(&walks);
        RepositoryWatch { walks, since, before, bare }
    }

    /// Looks again and says what changed, a line for each, with full paths.
    pub(crate) fn end(self) -> Vec<String> {
        let RepositoryWatch { walks, since, before, bare } = self;
        let walks: Vec<Walk> = walks.into_iter().map(|walk| walk.again(since)).collect();
        let mut changes = vec![];
        for root in planted(&walks).difference(&bare) {
            let root = root.display();
            changes.push(format!("{root} became a repository itself (HEAD, objects and refs)"));
        }
        for (path, now) in states(&walks) {
            match before.get(&path) {
                Some(then) => compare(&path, then, &now, &mut changes),
                // A root that became one was told of.
                None if !path.ends_with(".git") => {}
                None => changes.push(format!("{} is a new repository", path.display())),
            }
        }
        for change in &mut changes {
            let end = change.char_indices().nth(MAX_LENGTH).map(|(at, _)| at);
            change.truncate(end.unwrap_or(change.len()));
        }
        let more = changes.len().saturating_sub(MAX_TOLD);
        if more > 0 {
            changes.truncate(MAX_TOLD);
            changes.push(format!("and {more} more"));
        }
        changes
    }
}

fn compare(path: &Path, then: &State, now: &State, changes: &mut Vec<String>) {
    let path = path.display();
    if then == now {
        return;
    }
    if then.identity != now.identity {
        changes.push(format!("{path} was replaced by another"));
        return;
    }
    if then.config != now.config {
        changes.push(format!("{path}: its configuration changed"));
    }
    for (name, mark) in &now.hooks {
        let verb = match then.hooks.get(name) {
            Some(before) if before == mark => continue,
            Some(_) => "changed",
            None => "appeared",
        };
        changes.push(format!("{path}: the hook {} {verb}", name.display()));
    }
    for turn in now.turns.difference(&then.turns) {
        changes.push(format!("{path}: {turn} appeared"));
    }
}

/// Roots that are bare repositories themselves, or are taken for one once their `.git` is no valid one.
fn planted(walks: &[Walk]) -> BTreeSet<PathBuf> {
    walks.iter().map(|walk| &walk.root).filter(|root| super::has_parts(root)).cloned().collect()
}

fn states(walks: &[Walk]) -> BTreeMap<PathBuf, State> {
    let found = walks.iter().flat_map(|walk| {
        walk.found.iter().map(move |(below, kind)| (walk.root.join(below), *kind))
    });
    // Another command may hold a place for a repository that is not there.
    let found = found.filter(|(path, _)| !placeholder::is_one(path));
    let found = found.chain(planted(walks).into_iter().map(|root| (root, FileType::Directory)));
    found.map(|(path, kind)| (path.clone(), State::read(&path, kind))).collect()
}

impl State {
    fn read(path: &Path, kind: FileType) -> State {
        // A `.git` file may be rewritten to name another folder, which is then another identity.
        let folder = match kind {
            FileType::RegularFile => git::gitdir(path),
            FileType::Directory
            | FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Some(path.to_owned()),
        };
        let Some(folder) = folder else {
            let (config, hooks, turns) = (None, BTreeMap::new(), BTreeSet::new());
            return State { identity: identity(path), config, hooks, turns };
        };
        let common = git::commondir(&folder).unwrap_or_else(|| folder.clone());
        let read = |path: PathBuf| git::read_config(&path).filter(|text| !text.is_empty());
        let config = read(common.join("config"));
        let own = read(folder.join("config.worktree"));
        let worktree = match path.ends_with(".git") {
            true => path.parent().unwrap_or(path),
            false => path,
        };
        let mut hooks = BTreeMap::new();
        list_hooks(&common.join("hooks"), &mut hooks);
        for text in [&config, &own].into_iter().flatten() {
            if let Some(place) = git::hooks_path(text) {
                list_hooks(&worktree.join(place), &mut hooks);
            }
        }
        let digest = |texts: [Option<Vec<u8>>; 2]| {
            texts.iter().any(Option::is_some).then(|| {
                let lengths = texts.iter().map(|text| text.as_ref().map(Vec::len));
                let mut all = format!("{:?}", lengths.collect::<Vec<_>>()).into_bytes();
                all.extend(texts.iter().flatten().flatten());
                Digest::of(&all)
            })
        };
        State {
            identity: identity(&folder),
            config: digest([config, own]),
            hooks,
            turns: TURNS.into_iter().filter(|it| super::is_there(&folder.join(it))).collect(),
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

fn list_hooks(folder: &Path, hooks: &mut BTreeMap<OsString, (u64, u64, i64, i64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if Path::new(&name).extension().is_some_and(|it| it == "sample") {
            continue;
        }
        // Links are followed: what runs is what they point to.
        if let Ok(meta) = fs::metadata(entry.path()) {
            hooks.insert(name, (meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()));
        }
    }
}
