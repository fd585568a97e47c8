//! A session that begins with what another one has up to some point.
//!
//! The parent is read without its engine, so that it may run, or be damaged behind the point. Its
//! records up to there are written once, as an immutable file that the child begins with and that
//! is kept with the parent (`fork-SEQ.seg`) for the next fork at that point; both are one file with
//! two names. The child needs nothing of the parent's folder from then on.

use std::fs::File;
use std::io;
use std::path::Path;

use codex_event::{
    Author, Body, Digest, Envelope, Event, Millis, Restraint, Seq, SessionId, Settings, Timestamp,
    TurnId,
};
use rustix::fs::{AtFlags, linkat};

use crate::base::{Base, BaseWriter};
use crate::blobs::sync_dir;
use crate::head::{Head, HeadFile, HeadState};
use crate::layout::{Layout, SessionDir};
use crate::making::Making;
use crate::open::OpenError;
use crate::phase::Phase;
use crate::raw::{RawError, RawJournal};
use crate::verify::Problem;

/// Most beginnings that a parent keeps for further forks; the ones made last stay.
pub const KEPT_BASES: usize = 2;

/// Where a fork leaves its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Behind everything that was acknowledged.
    End,
    /// Behind the event of this position.
    At(Seq),
    /// Behind the end of this turn; 0 is before the first one.
    Turn(TurnId),
}

/// What the fork is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFork {
    /// Its id.
    pub id: SessionId,
    /// Who wants it.
    pub author: Author,
    /// The time, for people.
    pub now: Timestamp,
}

/// A fork that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forked {
    /// Its id.
    pub id: SessionId,
    /// The last event that it has of its parent.
    pub at: Seq,
    /// Blobs of its events that the parent does not have any more.
    pub missing: Vec<Digest>,
    /// What its settings there would allow and its parent does not any more, so that it may not either.
    pub narrowed: Vec<Restraint>,
}

/// Why a fork can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// There is no event to fork behind.
    #[error("session {parent} has no event {at}: it has 1 to {last}")]
    Beyond {
        /// The parent.
        parent: SessionId,
        /// What was asked for.
        at: Seq,
        /// Its last event.
        last: Seq,
    },
    /// The turn is not there, or has no end yet.
    #[error("session {parent} has no turn {turn} that ended: {}", ended(*last))]
    NoTurn {
        /// The parent.
        parent: SessionId,
        /// What was asked for.
        turn: TurnId,
        /// The last one that ended.
        last: TurnId,
    },
    /// Events before that point are missing.
    #[error("session {parent} can't be forked there: {}", missing(*first, *last))]
    Hole {
        /// The parent.
        parent: SessionId,
        /// The first one missing.
        first: Seq,
        /// The last one missing.
        last: Seq,
    },
    /// Something before that point is wrong.
    #[error("session {parent} can't be forked there: {problem}")]
    Damaged {
        /// The parent.
        parent: SessionId,
        /// What is wrong.
        problem: Problem,
    },
    /// There is nothing to begin with: the parent has no opening.
    #[error("session {0} was never begun: its journal has no opening")]
    NeverBegun(SessionId),
    /// The parent can't be read.
    #[error(transparent)]
    Read(#[from] RawError),
    /// The child can't be made.
    #[error("the fork can't be made: {0}")]
    Make(#[from] OpenError),
}

fn missing(first: Seq, last: Seq) -> String {
    Problem::Missing { first, last }.to_string()
}

fn ended(last: TurnId) -> String {
    match last {
        TurnId(0) => "none did".to_owned(),
        last => format!("the last is {last}"),
    }
}

impl ForkError {
    fn making(error: io::Error) -> ForkError {
        ForkError::Make(OpenError::Io(error))
    }
}

/// Makes a session that begins with what its parent has up to a point, or leaves nothing.
///
/// The new session's first own event is `SessionForked`; it is not owned by anybody yet. The parent
/// may be owned by another process, and is not changed but for the beginning that is kept with it.
///
/// Settings at an earlier position are those of then, and the user may have taken some of it back since:
/// going back does not give it again. Where they allow more than the parent's settings of now, the
/// fork's second own event is a `SettingsChanged` to what both allow.
pub fn fork(
    layout: &Layout,
    parent: SessionId,
    cut: Cut,
    new: NewFork,
) -> Result<Forked, ForkError> {
    let source = Source { dir: layout.session(parent), id: parent };
    let making = Making::begin(layout, new.id)?;
    let at = match source.shared(cut, making.dir())? {
        Some(at) => at,
        None => source.written(cut, making.dir())?,
    };
    let base = Base::open(&making.dir().base()).map_err(ForkError::making)?;
    let base = base.ok_or(ForkError::NeverBegun(parent))?;
    // What came as a file stays that, however often it is forked.
    if let Some(last) = source.dir.imported_to() {
        making.mark_imported(last.min(at.seq)).map_err(ForkError::making)?;
    }
    // Of the line of forks, the session that the last common event is of.
    let named = base.session();
    let forked = Envelope {
        session: new.id,
        seq: at.seq.next(),
        epoch: at.epoch.next(),
        at: new.now,
        mono: Millis(0),
        author: new.author,
        cause: Some(at.seq),
        turn: None,
        body: Body::Known(Event::SessionForked { parent: named, at: at.seq, head: at.hash }),
    };
    let mut own = vec![forked];
    let narrowed = match cut {
        Cut::End => None,
        Cut::At(_) | Cut::Turn(_) => source.narrowed(at.seq)?,
    };
    let narrowed = narrowed.map(|(settings, narrowed)| {
        let after = changed_to(settings, &narrowed, &own[0]);
        own.push(after);
        narrowed
    });
    Phase::LinkBlobs.begin();
    let (from, to) = (source.dir.blobs(), making.dir().blobs());
    // The engine's files are made meanwhile: they lie in a folder of their own, and their making is
    // mostly waiting for the disk.
    let missing = std::thread::scope(|scope| {
        let linking = scope.spawn(|| share_blobs(base.blobs(), &from, &to));
        making.fill(own)?;
        let linked = linking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        linked.map_err(ForkError::making)
    })?;
    making.finish()?;
    Ok(Forked { id: new.id, at: at.seq, missing, narrowed: narrowed.unwrap_or_default() })
}

/// Puts down what a fork may not do, behind the event that begins it.
fn changed_to(settings: Settings, narrowed: &[Restraint], forked: &Envelope) -> Envelope {
    let keys: Vec<&str> = narrowed.iter().map(|restraint| restraint.key()).collect();
    let backend = settings.provider.backend;
    let reason = format!("narrowed to what its parent may do by now: {}", keys.join(", "));
    let settings = Some(Box::new(settings));
    Envelope {
        seq: forked.seq.next(),
        cause: Some(forked.seq),
        body: Body::Known(Event::SettingsChanged { backend, reason, settings }),
        ..forked.clone()
    }
}

/// The session that is forked.
struct Source {
    dir: SessionDir,
    id: SessionId,
}

impl Source {
    /// Gives the child a beginning that is there already: the parent's own, or one of an earlier
    /// fork at this point. None when it has to be written.
    ///
    /// What was acknowledged never changes, so what was once checked up to there is still so.
    fn shared(&self, cut: Cut, child: &SessionDir) -> Result<Option<Head>, ForkError> {
        let Some(acknowledged) = self.acknowledged() else { return Ok(None) };
        let (at, hash) = match cut {
            Cut::End => (acknowledged.seq, Some(acknowledged.hash)),
            Cut::At(at) if at <= acknowledged.seq => {
                (at, (at == acknowledged.seq).then_some(acknowledged.hash))
            }
            Cut::At(_) | Cut::Turn(_) => return Ok(None),
        };
        for path in [self.dir.kept_base(at), self.dir.base()] {
            let found = Base::open(&path).ok().flatten().filter(Base::is_indexed);
            let Some(end) = found.map(|base| base.end()) else { continue };
            let fits = end.seq == at && hash.is_none_or(|hash| hash == end.hash);
            if fits && share(&path, &child.base()).map_err(ForkError::making)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Writes the child's beginning from the parent's records, and keeps it for the next fork.
    fn written(&self, cut: Cut, child: &SessionDir) -> Result<Head, ForkError> {
        let journal = RawJournal::read(&self.dir, self.id)?;
        let at = self.position(cut, &journal)?;
        self.check(at, &journal)?;
        let mut base = BaseWriter::create(&child.base(), self.id).map_err(ForkError::making)?;
        journal.parts_to(at, |part| base.push_all(part).map_err(ForkError::making))?;
        let end = base.finish().map_err(ForkError::making)?;
        // What nobody was told of may yet be another event.
        if self.acknowledged().is_some_and(|head| head.seq >= at) {
            self.keep(at, child);
        }
        Ok(end)
    }

    /// Gives the settings that hold at a position, less what does not hold at the end any more; none
    /// when that is nothing.
    fn narrowed(&self, at: Seq) -> Result<Option<(Settings, Vec<Restraint>)>, ForkError> {
        let journal = RawJournal::read(&self.dir, self.id)?;
        let (mut then, mut now) = (None, None);
        // What can't be read behind the position says nothing; nothing before it is missing.
        for record in journal.records().flatten() {
            if then.is_none() && record.envelope.seq > at {
                then.clone_from(&now);
            }
            take_settings(&mut now, &record.envelope);
        }
        let narrowed = then.zip(now).map(|(then, now)| then.within(&now));
        Ok(narrowed.filter(|(_, narrowed)| !narrowed.is_empty()))
    }

    fn acknowledged(&self) -> Option<Head> {
        match HeadFile::read(&self.dir.head()) {
            Ok(HeadState::Good(head)) if head.seq > Seq(0) => Some(head),
            Ok(
                HeadState::Good(_) | HeadState::OneSlot(_) | HeadState::Damaged | HeadState::Absent,
            )
            | Err(_) => None,
        }
    }

    fn position(&self, cut: Cut, journal: &RawJournal) -> Result<Seq, ForkError> {
        match cut {
            Cut::End => Ok(match journal.acknowledged() {
                HeadState::Good(head) | HeadState::OneSlot(head) if head.seq > Seq(0) => head.seq,
                HeadState::Good(_)
                | HeadState::OneSlot(_)
                | HeadState::Damaged
                | HeadState::Absent => journal.head().seq,
            }),
            Cut::At(at) => Ok(at),
            Cut::Turn(turn) => self.end_of(turn, journal),
        }
    }

    /// Finds where a turn ended; before the first one for 0.
    fn end_of(&self, turn: TurnId, journal: &RawJournal) -> Result<Seq, ForkError> {
        let (mut last, mut end) = (TurnId(0), Seq(0));
        for record in journal.records() {
            let envelope = record?.envelope;
            let Some(event) = envelope.event() else { continue };
            if turn == TurnId(0) && matches!(event, Event::TurnStarted { .. }) {
                return Ok(Seq(envelope.seq.0 - 1));
            }
            let ends = matches!(
                event,
                Event::TurnCompleted { .. }
                    | Event::TurnFailed { .. }
                    | Event::TurnInterrupted { .. }
            );
            if ends && envelope.turn == Some(turn) {
                return Ok(envelope.seq);
            }
            if ends {
                last = envelope.turn.unwrap_or(last);
            }
            end = envelope.seq;
        }
        match turn {
            TurnId(0) => Ok(end),
            turn => Err(ForkError::NoTurn { parent: self.id, turn, last }),
        }
    }

    /// Tells why the journal can't be forked at a position.
    fn check(&self, at: Seq, journal: &RawJournal) -> Result<(), ForkError> {
        let (parent, last) = (self.id, journal.head().seq);
        if let Some(&(first, last)) = journal.gaps().iter().find(|(first, _)| *first <= at) {
            return Err(ForkError::Hole { parent, first, last });
        }
        if at > last || at == Seq(0) {
            return Err(match journal.acknowledged() {
                HeadState::Good(head) | HeadState::OneSlot(head)
                    if last < head.seq && at <= head.seq =>
                {
                    ForkError::Hole { parent, first: last.next(), last: head.seq }
                }
                HeadState::Good(_)
                | HeadState::OneSlot(_)
                | HeadState::Damaged
                | HeadState::Absent => ForkError::Beyond { parent, at, last },
            });
        }
        let problem = journal.problems().into_iter().find(|problem| spoils(problem, at));
        if let Some(problem) = problem {
            return Err(ForkError::Damaged { parent, problem });
        }
        let first = journal.records().next().transpose()?;
        let opened = first.is_some_and(|record| {
            matches!(record.envelope.event(), Some(Event::SessionOpened { .. }))
        });
        if opened { Ok(()) } else { Err(ForkError::NeverBegun(parent)) }
    }

    // A parent that takes no file is none the worse: the next fork writes its own.
    fn keep(&self, at: Seq, child: &SessionDir) {
        let kept = self.dir.kept_base(at);
        match std::fs::hard_link(child.base(), &kept) {
            Ok(()) => {}
            // One that was no good.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let again = std::fs::remove_file(&kept);
                let _ = again.and_then(|()| std::fs::hard_link(child.base(), &kept));
            }
            Err(error) => {
                tracing::debug!(%error, "the beginning of a fork is not kept with its parent");
                return;
            }
        }
        let mut all = self.dir.kept_bases();
        all.retain(|path| *path != kept);
        all.sort_by_key(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok());
        for old in all.iter().rev().skip(KEPT_BASES - 1) {
            let _ = std::fs::remove_file(old);
        }
    }
}

fn take_settings(settings: &mut Option<Settings>, envelope: &Envelope) {
    let (opened, changed) = match envelope.event() {
        Some(Event::SessionOpened { settings, .. }) => (Some(settings), None),
        Some(Event::SettingsChanged { settings, backend, .. }) => {
            (settings.as_ref(), Some(*backend))
        }
        Some(_) | None => return,
    };
    if let Some(opened) = opened {
        *settings = Some(Settings::clone(opened));
    }
    if let (Some(settings), Some(backend)) = (settings, changed) {
        settings.provider.backend = backend;
    }
}

/// Tells whether what is wrong lies before a position.
fn spoils(problem: &Problem, at: Seq) -> bool {
    match problem {
        Problem::Missing { first: seq, .. }
        | Problem::BrokenLink { seq }
        | Problem::Conflict { seq }
        | Problem::Unreadable { seq }
        | Problem::Newer { seq, .. }
        | Problem::EpochBack { seq }
        | Problem::HeadMismatch { seq }
        | Problem::WrongSession { seq } => *seq <= at,
        // A blob is missing, not an event; the end is behind the point.
        Problem::BlobMissing { .. }
        | Problem::BlobDamaged { .. }
        | Problem::BlobUnreadable { .. }
        | Problem::BehindHead { .. }
        | Problem::HeadDamaged
        | Problem::IndexDamaged => false,
    }
}

/// Gives a file a second name, or a copy where the file system has no second names. False when the
/// file is gone.
fn share(from: &Path, to: &Path) -> io::Result<bool> {
    match std::fs::hard_link(from, to) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if !refuses_links(&error) => return Err(error),
        Err(_) => {}
    }
    match std::fs::copy(from, to) {
        Ok(_) => File::open(to)?.sync_all().map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

// Another file system, one without links, one that has as many as it can, or a file of another
// user, which a kernel may protect from being linked.
fn refuses_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::CrossesDevices
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks
            | io::ErrorKind::Unsupported
    )
}

/// Gives a folder of its own the blobs of another one, durably, and names those that are not there.
fn share_blobs(named: &[(Digest, u64)], from: &Path, to: &Path) -> io::Result<Vec<Digest>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    std::fs::create_dir(to)?;
    // The folder is locked for most of a link's time but not for all of it: two threads need a fifth
    // less than one. More of them would only wait.
    let (first, second) = named.split_at(named.len() / 2);
    let missing = std::thread::scope(|scope| {
        let other = scope.spawn(|| link_blobs(second, from, to));
        let mut missing = link_blobs(first, from, to)?;
        missing.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        Ok::<_, io::Error>(missing)
    })?;
    sync_dir(to)?;
    Ok(missing)
}

fn link_blobs(named: &[(Digest, u64)], from: &Path, to: &Path) -> io::Result<Vec<Digest>> {
    let mut missing = Vec::new();
    // Names are looked up from the folders: the ways to these would take longer than the links.
    let folders = (File::open(from).ok(), File::open(to)?);
    for (digest, _) in named {
        let name = digest.to_string();
        let linked = folders.0.as_ref().is_some_and(|from| {
            linkat(from, name.as_str(), &folders.1, name.as_str(), AtFlags::empty()).is_ok()
        });
        // What is refused is tried once more in the way that can tell why, and copies.
        if !linked && !share(&from.join(&name), &to.join(&name))? {
            missing.push(*digest);
        }
    }
    Ok(missing)
}
