//! From files to a session.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use codex_event::{Digest, Event, Seq, SessionId, Stored};
use codex_journal::{Layout, OpenError, RawJournal, Recording};
use uuid::Uuid;

use crate::convert::{Conversion, Counts, Fault, MARK, Terms};
use crate::line::{Kind, Line};
use crate::setting::{Base, Meta};
use crate::time::moment;

/// Longest line that is read; what is longer is no line of a rollout.
const MOST: u64 = 64 << 20;
/// Most forks of forks that are followed.
const DEPTH: usize = 64;
const BUFFER: usize = 1 << 20;

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The session.
    pub id: SessionId,
    /// The rollout's own id, if the session could not have it.
    pub other_id: Option<String>,
    /// Files that were read, the first parent first.
    pub files: Vec<PathBuf>,
    /// Records of the session.
    pub records: u64,
    /// What was found.
    pub counts: Counts,
}

/// Why a rollout was not imported. Nothing of it is left then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It begins like no rollout.
    #[error("{} is no Codex rollout", .0.display())]
    NotARollout(PathBuf),
    /// It was imported before.
    #[error("it was imported before, as session {0}")]
    Already(SessionId),
    /// The session can't be made.
    #[error(transparent)]
    Make(#[from] OpenError),
    /// It says something that no journal may.
    #[error(transparent)]
    Convert(#[from] Fault),
}

/// One file of a session, and how much of it belongs to the session.
struct Source {
    path: PathBuf,
    until: Option<Base>,
}

/// Tells whether a file that begins like this is a rollout.
pub fn is_rollout(begin: &[u8]) -> bool {
    let text = String::from_utf8_lossy(begin);
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty());
    let Some(first) = first else { return false };
    match Line::read(first) {
        Some(line) => line.kind == Kind::Meta,
        // The first line is often longer than what was read of it.
        None => {
            let first = first.trim_start();
            let head: String = first.chars().take(400).filter(|c| !c.is_whitespace()).collect();
            head.starts_with('{')
                && (head.contains("\"type\":\"session_meta\"")
                    || (head.contains("\"id\":") && head.contains("\"timestamp\":")))
        }
    }
}

/// Makes a session of a rollout; `progress` is told the bytes read so far and those there are.
///
/// `terms` is asked for what the session is made of, once its id is known.
pub fn import<'t>(
    layout: &Layout,
    path: &Path,
    terms: impl FnOnce(SessionId) -> Terms<'t>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Imported, ImportError> {
    let first = first_line(path)?;
    let meta = meta_of(&first).ok_or_else(|| ImportError::NotARollout(path.to_owned()))?;
    let mark = mark(&first, &meta);
    let (id, other_id) = choose(layout, &first, &meta, &mark)?;
    let (sources, lost) = lineage(path, meta.history_base)?;
    let mut conversion = Conversion::new(terms(id), &mark);
    if let Some(parent) = lost {
        conversion.say_once(&format!(
            "it is a fork of {parent}, whose file is not beside it: what was before is missing"
        ));
    }
    let mut recording = Recording::begin(layout, id)?;
    let mut put = |conversion: &mut Conversion<'_>| -> Result<(), ImportError> {
        for (envelope, blobs) in conversion.drain() {
            recording.push(envelope, blobs)?;
        }
        Ok(())
    };
    let total = sources.iter().map(Source::len).sum();
    let mut before = 0;
    for source in &sources {
        source.lines(&mut |at, text| {
            conversion.line(text)?;
            progress(before + at, total);
            put(&mut conversion)
        })?;
        before += source.len();
    }
    let counts = conversion.finish()?;
    put(&mut conversion)?;
    let head = recording.finish()?;
    let files = sources.into_iter().map(|source| source.path).collect();
    Ok(Imported { id, other_id, files, records: head.seq.0, counts })
}

impl Source {
    fn len(&self) -> u64 {
        let whole = std::fs::metadata(&self.path).map_or(0, |meta| meta.len());
        self.until
            .as_ref()
            .and_then(|base| base.end_byte_offset)
            .map_or(whole, |end| end.min(whole))
    }

    /// Shows each line that belongs to the session, and where it ends.
    fn lines(
        &self,
        see: &mut dyn FnMut(u64, &str) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let failed = |error| ImportError::Input { path: self.path.clone(), error };
        let mut file = BufReader::with_capacity(BUFFER, File::open(&self.path).map_err(failed)?);
        let mut at = 0;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = file.by_ref().take(MOST).read_until(b'\n', &mut bytes).map_err(failed)?;
            if read == 0 {
                return Ok(());
            }
            if read as u64 == MOST && bytes.last() != Some(&b'\n') {
                let error = io::Error::other(format!("a line at byte {at} is over 64 MiB long"));
                return Err(failed(error));
            }
            at += read as u64;
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_start_matches('\u{feff}').trim();
            if let Some(until) = &self.until
                && until.is_behind(at, text)
            {
                return Ok(());
            }
            see(at, text)?;
        }
    }
}

impl Base {
    /// Tells whether a line of the parent came after the fork.
    fn is_behind(&self, end: u64, text: &str) -> bool {
        let ordinal = Line::read(text).and_then(|line| line.ordinal);
        match (self.end_ordinal_exclusive, ordinal, self.end_byte_offset) {
            (Some(limit), Some(ordinal), _) => ordinal >= limit,
            (Some(_) | None, _, Some(limit)) => end > limit,
            (Some(_) | None, _, None) => false,
        }
    }
}

fn first_line(path: &Path) -> Result<String, ImportError> {
    let failed = |error| ImportError::Input { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(failed)?;
    let mut begin = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut begin).map_err(failed)?;
    if !is_rollout(&begin) {
        return Err(ImportError::NotARollout(path.to_owned()));
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    for line in BufReader::new(file.take(MOST)).split(b'\n') {
        let line = String::from_utf8_lossy(&line.map_err(failed)?).into_owned();
        let line = line.trim_start_matches('\u{feff}').trim();
        if !line.is_empty() {
            return Ok(line.to_owned());
        }
    }
    Err(ImportError::NotARollout(path.to_owned()))
}

fn meta_of(first: &str) -> Option<Meta> {
    let line = Line::read(first).filter(|line| line.kind == Kind::Meta)?;
    serde_json::from_str(line.payload).ok()
}

/// Names a rollout by its first line, which never changes: the rest may still grow.
fn mark(first: &str, meta: &Meta) -> String {
    let thread = meta.id.as_deref().unwrap_or("without an id");
    let thread: String = thread.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("thread {thread}, first line {}", Digest::of(first.as_bytes()))
}

/// Gives the session the rollout's own id if that is one of ours and free, else one made from its
/// first line: the same rollout always gets the same, which is how a second import is noticed.
fn choose(
    layout: &Layout,
    first: &str,
    meta: &Meta,
    mark: &str,
) -> Result<(SessionId, Option<String>), ImportError> {
    let own = meta.id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
    let own = own.filter(|id| id.get_version_num() == 7).map(SessionId::new);
    let at = Line::read(first).and_then(|line| line.at);
    let inner = serde_json::from_str::<serde_json::Value>(first).ok();
    let inner = inner.as_ref().and_then(|line| line.pointer("/payload/timestamp")?.as_str());
    let at = at.or_else(|| moment(inner?)).unwrap_or_default();
    let made = SessionId::new(made(at.0, first));
    let mut taken = None;
    for id in own.into_iter().chain([made]) {
        if !layout.session(id).path().exists() {
            let other = meta.id.clone().filter(|_| Some(id) != own);
            return Ok((id, other));
        }
        if is_import(layout, id, mark) {
            return Err(ImportError::Already(id));
        }
        taken = Some(id);
    }
    Err(OpenError::Exists(taken.unwrap_or(made)).into())
}

fn made(at: u64, first: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&Digest::of(first.as_bytes()).0[..10]);
    // Version 7, and the variant that goes with it.
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

fn is_import(layout: &Layout, id: SessionId, mark: &str) -> bool {
    let Ok(journal) = RawJournal::read(&layout.session(id), id) else { return false };
    let begin = format!("{MARK}: {mark}");
    let first = journal
        .records()
        .take_while(|record| record.as_ref().is_ok_and(|record| record.envelope.seq <= Seq(4)));
    first.flatten().any(|record| match record.envelope.event() {
        Some(Event::Noted { text: Stored::Inline(text) }) => text.starts_with(&begin),
        Some(_) | None => false,
    })
}

/// Finds the files that a rollout goes on from, the first one first; and the one that is missing.
fn lineage(path: &Path, base: Option<Base>) -> Result<(Vec<Source>, Option<String>), ImportError> {
    let mut sources = vec![Source { path: path.to_owned(), until: None }];
    let mut base = base;
    let mut lost = None;
    while let Some(until) = base.take().filter(|_| sources.len() < DEPTH) {
        let Some(parent) = find(path, &until.thread_id) else {
            lost = Some(until.thread_id);
            break;
        };
        if sources.iter().any(|source| source.path == parent) {
            break;
        }
        base = meta_of(&first_line(&parent)?).and_then(|meta| meta.history_base);
        sources.push(Source { path: parent, until: Some(until) });
    }
    sources.reverse();
    Ok((sources, lost))
}

/// Looks for a thread's file: in the same folder, then in the days beside it.
fn find(path: &Path, thread: &str) -> Option<PathBuf> {
    let sought = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        !thread.is_empty()
            && name.starts_with("rollout-")
            && name.ends_with(&format!("-{thread}.jsonl"))
    };
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        found.sort();
        found
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
    if let Some(found) = list(&folder).into_iter().find(|path| sought(path)) {
        return Some(found);
    }
    // `sessions/2026/11/24`: numbers all the way up.
    let is_number = |folder: &Path| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !folder.ancestors().take(3).all(is_number) {
        return None;
    }
    let root = folder.ancestors().nth(3)?;
    let mut level = vec![root.to_owned()];
    for _ in 0..3 {
        level =
            level.iter().flat_map(|folder| list(folder)).filter(|path| is_number(path)).collect();
    }
    level.iter().flat_map(|folder| list(folder)).find(|path| sought(path))
}
