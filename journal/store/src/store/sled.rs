//! The store on disk, and everything that the engine has to be kept from doing.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use codex_event::{Envelope, Record, Seq, SessionId};
use sled::{Db, Mode};

use super::aside::Copying;
use super::{
    AppendError, Holes, Reader, Salvaged, Store, StoreError, aside, head_of, rebuild, salvage, seal,
};
use crate::base::Base;
use crate::blobs::sync_dir;
use crate::guard::guarded;
use crate::head::{Head, HeadFile};
use crate::layout::SessionDir;
use crate::lock::Lock;
use crate::open::{self, Damage, OpenError, Survey, Witness, mark};
use crate::phase::Phase;

/// Bytes of one segment of the engine's log, fixed for the life of a database.
///
/// A page image above a quarter of it becomes a file that the engine never syncs. A page holds up
/// to 17 records and bounded events stay below 28 KiB of JSON, so four times 512 KiB keeps them all
/// in the log.
pub(crate) const SEGMENT_BYTES: usize = 2 << 20;
/// How often, and how long, the engine's own lock is waited for.
const LINGERS: usize = 200;
const LINGER: Duration = Duration::from_millis(10);
/// Bytes of pages that the engine is asked to keep; its default is 1 GiB.
const CACHE_BYTES: u64 = 4 << 20;
/// How many records are read for each that is looked up once more.
///
/// The engine (lru.rs in 0.34.7) notes which page is read in 256 lists, and lets go of pages only when
/// one of them has 64 notes. A pass over all records notes each page once, so that 16,384 pages of some
/// 5 KiB could be in memory whatever it was told to keep.
const RECORDS_PER_NOTE: u64 = 4;

/// Keeps records in a sled database of the session's own: the key is the position in big-endian,
/// the value the frame as it was sealed.
///
/// The session stays locked until the store and every [`Reader`] of it are gone.
pub struct SledStore {
    session: SessionId,
    dir: SessionDir,
    engine: Arc<Engine>,
    // A descriptor of our own, because the engine's flush ends in sync_file_range.
    data: File,
    synced: HashSet<OsString>,
    head: Head,
    salvaged: Option<Salvaged>,
}

struct Engine {
    db: Option<Db>,
    // What comes before the engine's first record.
    base: Option<Base>,
    holes: Holes,
    lock: Arc<Lock>,
}

impl SledStore {
    /// Creates a session's journal, its folders and its head file, and makes them all durable.
    pub fn create(dir: &SessionDir, session: SessionId) -> Result<SledStore, OpenError> {
        SledStore::create_behind(dir, session, None)
    }

    /// Creates a session's journal that goes on from a base, which is there already.
    pub(crate) fn create_behind(
        dir: &SessionDir,
        session: SessionId,
        base: Option<Base>,
    ) -> Result<SledStore, OpenError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir.path())?;
        let lock = Lock::take(dir).map_err(|error| OpenError::of_lock(session, error))?;
        if dir.data().exists() {
            return Err(OpenError::Exists(session));
        }
        Phase::CreateHead.begin();
        let floor = base.as_ref().map_or_else(|| Head::empty(&session), Base::end);
        let made = HeadFile::create(&dir.head(), floor);
        made.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OpenError::Exists(session),
            _ => OpenError::Io(error),
        })?;
        Phase::CreateEngine.begin();
        let db = start(&dir.db(), session)?;
        let engine = Engine { db: Some(db), base, holes: Holes::default(), lock: Arc::new(lock) };
        let store = SledStore::over(dir, session, engine)?;
        Phase::CreateSync.begin();
        // The engine syncs neither its settings file nor the names of its files.
        File::open(dir.db().join("conf"))?.sync_all()?;
        store.data.sync_all()?;
        // Of the engine's folder, the session's, all sessions' and the home.
        for folder in dir.db().ancestors().take(4) {
            sync_dir(folder)?;
        }
        Ok(store)
    }

    /// Opens a session's journal.
    ///
    /// The files are read without the engine first, and copied: an engine that opens a damaged file
    /// may write over what could still be read. What it then gives is compared with what was there,
    /// record by record. A tail that nobody was told of and the engine dropped is put back; for
    /// anything else that differs the files are put back as they were, and the database is made anew
    /// from its records. After a panic, or a start that never ended, the next start does that.
    ///
    /// Records that are lost are named by a `Repaired` event, and the journal is made anew from all
    /// that can be read; the damaged files are kept ([`super::kept()`]). A journal of a newer release is
    /// left as it is.
    pub fn open(dir: &SessionDir, session: SessionId) -> Result<SledStore, OpenError> {
        SledStore::open_before(dir, session, None)
    }

    /// As [`SledStore::open`], and shows every event to a witness while the engine opens its files.
    ///
    /// What is shown is what was surveyed, so it is what the store holds when this succeeds. When it
    /// fails, any part of it may have been shown.
    pub(crate) fn open_before(
        dir: &SessionDir,
        session: SessionId,
        witness: Option<Witness<'_>>,
    ) -> Result<SledStore, OpenError> {
        open::check(dir, session)?;
        let lock = Lock::take(dir).map_err(|error| OpenError::of_lock(session, error))?;
        let lock = Arc::new(lock);
        if !dir.data().is_file() {
            tracing::warn!(%session, "the storage engine's files are gone: what the base holds is left");
            DirBuilder::new().recursive(true).mode(0o700).create(dir.db().join("blobs"))?;
            rebuild::run(dir, session, std::iter::empty())?;
            sync_dir(dir.path())?;
        }
        Phase::Survey.begin();
        prepare_engine();
        let synced = sync_meanwhile(dir)?;
        // The files are copied while they are read; what changes them has them copied once more.
        let mut copying = Some(aside::begin(dir)?);
        let earlier = mark::check(dir)?;
        let mut salvaged = None;
        let base = Base::open(&dir.base())?;
        let base = base.as_ref();
        let mut survey = match Survey::take(dir, session, base) {
            Err(OpenError::Damaged { damage: Damage::Records(problem), .. }) => {
                drop(copying.take());
                // The engine had begun to write when an earlier opening was cut off: the copy takes
                // the place of what it left, if nothing is missing in it.
                match aside::left(dir).map(|copy| Survey::take(&copy, session, base)) {
                    Some(Ok(_)) => aside::restore(dir)?,
                    Some(Err(_)) | None => salvaged = Some(salvage::run(dir, session, problem)?),
                }
                Survey::take(dir, session, base)?
            }
            other => other?,
        };
        let anew = earlier.is_some();
        if let Some(damage) = earlier {
            tracing::warn!(%session, %damage, "the records are whole: the database is made anew");
            drop(copying.take());
            rebuild::run(dir, session, survey.records())?;
        }
        put_aside(dir, copying.map_or_else(|| aside::begin(dir), Ok)?)?;
        if !anew && let Some(copy) = aside::left(dir) {
            survey.read_from(&copy)?;
        }
        // From here on nobody writes to what the survey reads.
        let mut store = std::thread::scope(|scope| {
            let survey = &survey;
            let show = |witness| {
                let thread = Builder::new().name("survey".into());
                thread.spawn_scoped(scope, move || survey.show(base, witness))
            };
            let showing = witness.map(show).transpose()?;
            let store = SledStore::settle(dir, session, survey, &lock)?;
            if let Some(showing) = showing {
                showing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            Ok::<_, OpenError>(store)
        })?;
        synced.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        // The copy has no name any more, so it ends here, page for page; nobody has to wait for that.
        let _ = Builder::new().name("survey".into()).spawn(move || drop(survey));
        store.salvaged = salvaged;
        Ok(store)
    }

    // Opens the engine until it gives what was surveyed, and makes that durable.
    fn settle(
        dir: &SessionDir,
        session: SessionId,
        survey: &Survey,
        lock: &Arc<Lock>,
    ) -> Result<SledStore, OpenError> {
        let mut store = match SledStore::enter(dir, session, survey, lock) {
            Err(OpenError::Damaged { damage: damage @ Damage::Engine(_), .. }) => {
                tracing::warn!(%session, %damage, "the records are whole: the database is made anew");
                rebuild::run(dir, session, survey.records())?;
                put_aside(dir, aside::begin(dir)?)?;
                SledStore::enter(dir, session, survey, lock)?
            }
            other => other?,
        };
        store.barrier()?;
        Phase::SyncOpened.begin();
        sync_dir(&dir.db())?;
        Phase::DropAside.begin();
        aside::discard(dir)?;
        mark::end(dir)?;
        Ok(store)
    }

    /// Gives what keeps other owners away.
    pub(crate) fn lock(&self) -> Arc<Lock> {
        Arc::clone(&self.engine.lock)
    }

    // Lets the engine at the files, of which there is a copy aside.
    fn enter(
        dir: &SessionDir,
        session: SessionId,
        survey: &Survey,
        lock: &Arc<Lock>,
    ) -> Result<SledStore, OpenError> {
        mark::begin(dir)?;
        Phase::OpenEngine.begin();
        let opened = start(&dir.db(), session)
            .and_then(|db| {
                let (base, holes) = (Base::open(&dir.base())?, survey.holes().clone());
                let engine = Engine { db: Some(db), base, holes, lock: Arc::clone(lock) };
                SledStore::over(dir, session, engine)
            })
            .and_then(|mut store| store.compare(survey).map(|()| store));
        match opened {
            // The store is gone by now, so nothing writes to the files any more.
            Err(OpenError::Damaged { session, damage }) => {
                aside::restore(dir)?;
                mark::record(dir, &damage)?;
                Err(OpenError::Damaged { session, damage })
            }
            other => other,
        }
    }

    fn over(dir: &SessionDir, session: SessionId, engine: Engine) -> Result<SledStore, OpenError> {
        let head = engine.floor().unwrap_or_else(|| Head::empty(&session));
        let (engine, data) = (Arc::new(engine), File::open(dir.data())?);
        let (dir, synced) = (dir.clone(), HashSet::new());
        Ok(SledStore { session, dir, engine, data, synced, head, salvaged: None })
    }

    // Walks through everything the engine gives, and puts the unacknowledged tail back.
    fn compare(&mut self, survey: &Survey) -> Result<(), OpenError> {
        Phase::Compare.begin();
        let session = self.session;
        let damaged = |text| OpenError::Damaged { session, damage: Damage::Engine(text) };
        let mut expected = survey.positions();
        {
            let db = self.engine.db();
            let mut items = guarded(|| db.iter()).map_err(damaged)?;
            loop {
                let item = match guarded(|| items.next()).map_err(damaged)? {
                    None => break,
                    Some(item) => item.map_err(|error| damaged(error.to_string()))?,
                };
                let (key, frame) = item;
                let Some(due) = expected.next() else {
                    return Err(damaged("it gives more records than are on disk".to_owned()));
                };
                if key.as_ref() != due.0.to_be_bytes() {
                    return Err(damaged(format!("it lost record {due}")));
                }
                if !survey.holds(due, &frame) {
                    return Err(damaged(format!("its record {due} is not the one on disk")));
                }
                self.engine.note(due);
            }
        }
        if let Some(dropped) = expected.next() {
            if dropped <= survey.acknowledged() {
                return Err(damaged(format!("it lost record {dropped}, which was acknowledged")));
            }
            for record in survey.tail().iter().filter(|record| record.envelope.seq >= dropped) {
                self.insert(record)?;
            }
        }
        self.head = survey.end();
        Ok(())
    }

    /// Tells what the opening of this store had to repair; none when every record was there.
    pub fn salvaged(&self) -> Option<&Salvaged> {
        self.salvaged.as_ref()
    }

    fn insert(&self, record: &Record) -> Result<(), StoreError> {
        let key = record.envelope.seq.0.to_be_bytes();
        guarded(|| self.engine.db().insert(key, record.frame.as_slice()))
            .map_err(StoreError::Panicked)?
            .map_err(engine_error)?;
        Ok(())
    }

    // Page images that did not fit into the log; there are none unless something wrote records
    // above the bound that SEGMENT_BYTES is made for.
    fn sync_large_pages(&mut self) -> io::Result<()> {
        let folder = self.dir.db().join("blobs");
        let mut fresh = false;
        for entry in std::fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if self.synced.contains(&name) {
                continue;
            }
            match File::open(folder.join(&name)) {
                Ok(file) => file.sync_all()?,
                // The engine removes the ones that it has replaced.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            self.synced.insert(name);
            fresh = true;
        }
        if fresh { sync_dir(&folder) } else { Ok(()) }
    }
}

impl Store for SledStore {
    fn head(&self) -> Head {
        self.head
    }

    fn append(
        &mut self,
        expect: Seq,
        batch: Vec<Envelope>,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let sealed = seal(self.session, self.head, expect, batch)?;
        for record in &sealed {
            self.insert(record)?;
        }
        if let Some(last) = sealed.last() {
            self.head = head_of(last);
        }
        Ok(sealed)
    }

    fn barrier(&mut self) -> Result<Head, StoreError> {
        Phase::Flush.begin();
        guarded(|| self.engine.db().flush())
            .map_err(StoreError::Panicked)?
            .map_err(engine_error)?;
        Phase::SyncData.begin();
        self.sync_large_pages()?;
        self.data.sync_all()?;
        Ok(self.head)
    }

    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_> {
        Box::new(self.engine.scan(range))
    }

    fn holes(&self) -> Holes {
        self.engine.holes.clone()
    }

    fn reader(&self) -> Reader {
        let engine = Arc::clone(&self.engine);
        Arc::new(move |range| engine.scan(range).collect())
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore").field("dir", &self.dir).field("head", &self.head).finish()
    }
}

impl Engine {
    fn db(&self) -> &Db {
        self.db.as_ref().expect("taken only when dropped")
    }

    /// Has the engine note now and then where a pass over the records is.
    fn note(&self, seq: Seq) {
        if seq.0.is_multiple_of(RECORDS_PER_NOTE) {
            // Whatever is wrong with the record, the pass itself finds it.
            let _ = guarded(|| self.db().get(seq.0.to_be_bytes()));
        }
    }

    /// Gives where the engine's records begin.
    fn floor(&self) -> Option<Head> {
        self.base.as_ref().map(Base::end)
    }

    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> impl Iterator<Item = Result<Record, StoreError>> + '_ {
        let floor = self.floor().map_or(Seq(0), |head| head.seq);
        let (first, last) = range.into_inner();
        let base = self.base.iter();
        let inherited = base.flat_map(move |base| base.scan(first..=last, &self.holes));
        let mut failed = false;
        inherited.chain(self.scan_engine(first.max(floor.next())..=last)).map_while(move |read| {
            // Nothing comes behind what can't be read.
            let ended = failed;
            failed |= read.is_err();
            (!ended).then_some(read)
        })
    }

    fn scan_engine(
        &self,
        range: RangeInclusive<Seq>,
    ) -> impl Iterator<Item = Result<Record, StoreError>> + '_ {
        let mut wanted = Seq(range.start().0.max(1));
        let bounds = wanted.0.to_be_bytes()..=range.end().0.max(wanted.0).to_be_bytes();
        let mut items = (wanted <= *range.end()).then(|| guarded(|| self.db().range(bounds)));
        std::iter::from_fn(move || {
            let next = match items.as_mut()? {
                Ok(items) => guarded(|| items.next()),
                Err(panic) => Err(std::mem::take(panic)),
            };
            let read = match next {
                Ok(None) => return None,
                Ok(Some(Ok((key, frame)))) => {
                    wanted = self.behind_hole(wanted, &key);
                    self.note(wanted);
                    decode(wanted, &key, &frame)
                }
                Ok(Some(Err(error))) => Err(engine_error(error)),
                Err(panic) => Err(StoreError::Panicked(panic)),
            };
            wanted = wanted.next();
            if read.is_err() {
                items = None;
            }
            Some(read)
        })
    }
}

impl Engine {
    // Gives the position of the key, if everything before it from the wanted one on is named as lost.
    fn behind_hole(&self, wanted: Seq, key: &[u8]) -> Seq {
        let found = key.try_into().map_or(wanted, |key| Seq(u64::from_be_bytes(key)));
        let hole = found > wanted && self.holes.cover(wanted..=Seq(found.0 - 1));
        if hole { found } else { wanted }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        Phase::Close.begin();
        // Closing writes, so it can panic as well.
        if let Some(db) = self.db.take()
            && let Err(panic) = guarded(move || drop(db))
        {
            tracing::error!(panic, "storage engine panicked while closing");
        }
    }
}

fn decode(wanted: Seq, key: &[u8], frame: &[u8]) -> Result<Record, StoreError> {
    if key != wanted.0.to_be_bytes() {
        return Err(StoreError::Missing(wanted));
    }
    Record::open(frame).map_err(|error| StoreError::Damaged { seq: wanted, error })
}

pub(super) fn start(db: &Path, session: SessionId) -> Result<Db, OpenError> {
    let config = sled::Config::new()
        .path(db)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .mode(Mode::LowSpace)
        .flush_every_ms(None);
    let damaged = |damage| OpenError::Damaged { session, damage };
    let held = |error: &io::Error| error.to_string().contains("could not acquire lock");
    let mut opened = guarded(|| config.open());
    // The session is ours, so it is an engine of our own that is not quite gone: its threads hold the
    // file for a moment after it was dropped, or after it failed to open.
    for _ in 0..LINGERS {
        if !matches!(&opened, Ok(Err(sled::Error::Io(error))) if held(error)) {
            break;
        }
        std::thread::sleep(LINGER);
        opened = guarded(|| config.open());
    }
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) if held(&error) => {
            Err(OpenError::Busy { session, owner: None })
        }
        Ok(Err(sled::Error::Io(error))) => Err(OpenError::Io(error)),
        Ok(Err(error)) => Err(damaged(Damage::Engine(error.to_string()))),
        Err(panic) => Err(damaged(Damage::Panicked(panic))),
    }
}

pub(super) fn engine_error(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => StoreError::Io(error),
        other => StoreError::Engine(other.to_string()),
    }
}

// The engine makes its histograms when it is first used: 20 MiB, which nothing fills. As long as the
// process has let go of no large memory, they come from the system as zeroes that are never touched;
// after a survey they would be cleared, while the engine's other threads spin for them. Asking for a
// profile has them made, and does nothing else: the engine is built without measuring.
fn prepare_engine() {
    drop(sled::Config::new().print_profile_on_drop(true));
}

// The engine syncs its file first thing. What a process before left in memory alone goes to the disk
// while the records are read, so that nobody waits for it then. The system tells an error of writing
// once, so it has to be asked what became of this.
fn sync_meanwhile(dir: &SessionDir) -> io::Result<JoinHandle<io::Result<()>>> {
    let data = File::open(dir.data())?;
    Builder::new().name("sync".into()).spawn(move || data.sync_all())
}

fn put_aside(dir: &SessionDir, copying: Copying<'_>) -> io::Result<()> {
    aside::remove_torn_snapshots(&dir.db())?;
    Phase::CopyAside.begin();
    copying.finish()
}
