//! The owner's end: everybody who connects is served by threads of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use codex_event::{
    Command, Digest, Notice, PROTOCOL, Refusal, Rejection, Request, Seq, SessionId, genesis,
};

use super::lines::{Line, Lines};
use super::{MAX_REQUEST, is_name, place};
use crate::feed::{Feed, Handle};
use crate::lease::FileId;
use crate::lock::Lock;

/// Most connections at a time; one more is told so and closed.
pub const CLIENTS: usize = 64;
// Bytes of records that are put together for one write.
const PIECE: usize = 32 << 10;
/// How long the end of a session may be told; and how long nobody may take anything meanwhile.
const FAREWELL: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(2);
const STACK: usize = 512 << 10;

/// What the owner does about what its guests want. Its methods may block.
pub trait Attendant: Send + Sync + 'static {
    /// Passes a wish on, in the name of a frontend.
    fn ask(&self, frontend: &str, command: Command) -> Result<(), Rejection>;
    /// Lets go of the session, so that the process `taker` can take it up.
    fn hand_over(&self, frontend: &str, taker: u32) -> Result<(), Rejection>;
}

/// Serves a session to other processes until it is stopped or dropped.
///
/// Each guest pulls from a subscription of its own and blocks nobody but itself: neither the
/// writer, nor another guest.
pub struct Server {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// What the threads share.
struct Desk {
    id: SessionId,
    lock: Arc<Lock>,
    handle: Handle,
    owner: String,
    attendant: Box<dyn Attendant>,
    state: Mutex<State>,
    // Counts up whenever somebody comes or goes.
    presence: AtomicU64,
    stopping: AtomicBool,
}

#[derive(Default)]
struct State {
    listener: Option<UnixListener>,
    // The file that it listens at, held so that no later one gets its number.
    socket: Option<File>,
    clients: BTreeMap<u64, Arc<Client>>,
    threads: Vec<JoinHandle<()>>,
    count: u64,
}

/// Takes a client off the list and hangs up, however its thread ends.
struct Leaving {
    desk: Arc<Desk>,
    number: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(client) = self.desk.state().clients.remove(&self.number) {
            client.hang_up();
        }
        self.desk.presence_changed();
    }
}

/// One connection.
struct Client {
    stream: UnixStream,
    pid: u32,
    writing: Mutex<()>,
    sent: AtomicU64,
    // Set when it hung up or could not be written to.
    gone: AtomicBool,
    // A request is being answered.
    busy: AtomicBool,
    follows: AtomicBool,
    // It was told all that there is: whoever only reads a part of it is not seen coming and going.
    looks_on: AtomicBool,
    name: Mutex<Option<String>>,
}

impl Server {
    /// Serves a session that this process owns; none when its journal is not on a disk.
    ///
    /// It listens a moment later, on a thread of its own; where, says the lease.
    pub fn start(
        id: SessionId,
        handle: &Handle,
        owner: &str,
        attendant: impl Attendant,
    ) -> Option<Server> {
        let desk = Arc::new(Desk {
            id,
            lock: Arc::clone(handle.lock_of_session()?),
            handle: handle.clone(),
            owner: owner.to_owned(),
            attendant: Box::new(attendant),
            state: Mutex::default(),
            presence: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        let thread = thread("socket", &desk, |desk| {
            if let Err(error) = desk.listen() {
                // The session goes on, alone.
                tracing::warn!(%error, "nobody can join this session");
            }
        });
        Some(Server { desk, thread: thread.ok() })
    }

    /// Lets everybody who listens hear the end, and hangs up. Somebody who takes nothing is not
    /// waited for.
    ///
    /// The session's writer must have ended.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.desk.stopping.store(true, Ordering::SeqCst);
        if let Some(listener) = self.desk.state().listener.take() {
            let _ = rustix::net::shutdown(&listener, rustix::net::Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.desk.take_leave();
        if let Some(socket) = self.desk.lock.lease().socket {
            let _ = self.desk.lock.set_socket(None);
            // A later owner, who fenced this one off, listens under the same name.
            let ours = self.desk.state().socket.take();
            let ours = ours.and_then(|file| FileId::of(&file).ok());
            if ours.is_some() && ours == FileId::at(&socket).ok().flatten() {
                let _ = std::fs::remove_file(socket);
            }
        }
    }
}

impl Desk {
    fn listen(self: &Arc<Desk>) -> io::Result<()> {
        let (listener, socket): (UnixListener, PathBuf) = place::listen(self.lock.dir(), self.id)?;
        {
            let mut state = self.state();
            state.listener = Some(listener.try_clone()?);
            state.socket = Some(place::hold(&socket)?);
        }
        if self.stopping.load(Ordering::SeqCst) {
            return remove(&socket);
        }
        self.lock.set_socket(Some(socket))?;
        while !self.stopping.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((stream, _)) => self.receive(stream),
                // Most likely there are no more descriptors; and so it is when it was shut down.
                Err(_) if self.stopping.load(Ordering::SeqCst) => break,
                Err(error) => {
                    tracing::warn!(%error, "a guest could not connect");
                    std::thread::sleep(IDLE);
                }
            }
        }
        Ok(())
    }

    fn receive(self: &Arc<Desk>, stream: UnixStream) {
        let pid = match place::is_ours(&stream) {
            Ok(pid) => pid,
            Err(error) => return tracing::warn!(%error, "a stranger was refused"),
        };
        let client = Arc::new(Client {
            stream,
            pid,
            writing: Mutex::new(()),
            sent: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            follows: AtomicBool::new(false),
            looks_on: AtomicBool::new(false),
            name: Mutex::new(None),
        });
        let mut state = self.state();
        if state.clients.len() >= CLIENTS {
            drop(state);
            let message = format!("{CLIENTS} programs are connected, which is all there may be");
            // An empty buffer takes that much.
            client.tell(&Notice::Broken { id: None, message });
            return;
        }
        state.count += 1;
        let number = state.count;
        state.clients.insert(number, Arc::clone(&client));
        state.threads.retain(|thread| !thread.is_finished());
        drop(state);
        let served = thread("guest", self, move |desk| {
            let leaving = Leaving { desk, number };
            client.serve(&leaving.desk);
        });
        match served {
            Ok(thread) => self.state().threads.push(thread),
            Err(error) => {
                tracing::warn!(%error, "no thread for a guest");
                self.state().clients.remove(&number);
            }
        }
    }

    fn presence_changed(&self) {
        self.presence.fetch_add(1, Ordering::SeqCst);
        self.handle.set_present(self.present());
    }

    fn present(&self) -> Vec<String> {
        let state = self.state();
        let looks_on = |client: &&Arc<Client>| client.looks_on.load(Ordering::SeqCst);
        let guests = state.clients.values().filter(looks_on).filter_map(|client| client.name());
        std::iter::once(self.owner.clone()).chain(guests).collect()
    }

    // Waits for those that still take something, then hangs up on everybody.
    fn take_leave(&self) {
        let deadline = Instant::now() + FAREWELL;
        let (mut before, mut moved) = (0, Instant::now());
        loop {
            let clients: Vec<_> = self.state().clients.values().cloned().collect();
            let due = |client: &&Arc<Client>| {
                client.busy.load(Ordering::SeqCst) || client.follows.load(Ordering::SeqCst)
            };
            let sent = clients.iter().map(|client| client.sent.load(Ordering::SeqCst)).sum();
            let now = Instant::now();
            if std::mem::replace(&mut before, sent) != sent {
                moved = now;
            }
            if !clients.iter().any(|client| due(&client)) || now >= deadline || now >= moved + IDLE
            {
                clients.iter().for_each(|client| client.hang_up());
                break;
            }
            std::thread::sleep(TICK);
        }
        self.handle.wake();
        loop {
            let threads = std::mem::take(&mut self.state().threads);
            if threads.is_empty() {
                return;
            }
            for thread in threads {
                let _ = thread.join();
            }
        }
    }

    // Nothing under this lock panics half way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Answers requests until the other end hangs up.
    fn serve(self: &Arc<Client>, desk: &Arc<Desk>) {
        let mut lines = Lines::of(&self.stream, MAX_REQUEST);
        loop {
            let request = match lines.next() {
                Ok(Line::Whole(line)) => serde_json::from_slice(line)
                    .map_err(|error| (Request::id_in(line), error.to_string())),
                Ok(Line::TooLong) => Err((None, format!("a line has at most {MAX_REQUEST} bytes"))),
                Ok(Line::End) | Err(_) => return,
            };
            self.busy.store(true, Ordering::SeqCst);
            match request {
                Ok(request) => self.answer(desk, request),
                Err((id, message)) => self.tell(&Notice::Broken { id, message }),
            }
            self.busy.store(false, Ordering::SeqCst);
            if self.gone.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    fn answer(self: &Arc<Client>, desk: &Arc<Desk>, request: Request) {
        let name = self.name();
        let notice = match (request, name) {
            (Request::Hello { protocol, frontend }, _) => self.greet(desk, protocol, frontend),
            (Request::Subscribe { from }, Some(_)) => match self.follow(desk, from) {
                Ok(()) => return,
                Err(message) => Notice::Broken { id: None, message },
            },
            (Request::Subscribe { .. }, None) => {
                Notice::Broken { id: None, message: Refusal::Stranger.to_string() }
            }
            (Request::Submit { id, .. } | Request::HandOver { id }, None) => {
                Notice::Refused { id, reason: Refusal::Stranger }
            }
            (Request::Submit { id, command }, Some(frontend)) => match command {
                Command::Open(_) | Command::Resume(_) | Command::Close { .. } => {
                    Notice::Refused { id, reason: Refusal::OwnerOnly }
                }
                wish @ (Command::Submit { .. }
                | Command::Interrupt { .. }
                | Command::SettleReview { .. }
                | Command::Name { .. }
                | Command::StartOwnCommand { .. }
                | Command::EndOwnCommand { .. }
                | Command::Shelve { .. }) => settled(id, desk.attendant.ask(&frontend, wish)),
            },
            (Request::HandOver { id }, Some(frontend)) => {
                settled(id, desk.attendant.hand_over(&frontend, self.pid))
            }
        };
        self.tell(&notice);
    }

    fn greet(&self, desk: &Desk, protocol: u32, frontend: String) -> Notice {
        if protocol != PROTOCOL {
            return Notice::Broken { id: None, message: Refusal::Stranger.to_string() };
        }
        if !is_name(&frontend) {
            let message = "a frontend's name is 1 to 32 of the characters a-z 0-9 - _ .";
            return Notice::Broken { id: None, message: message.to_owned() };
        }
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(frontend);
        let lease = desk.lock.lease();
        Notice::Welcome {
            protocol: PROTOCOL,
            session: desk.id,
            pid: lease.pid,
            program: lease.program,
            epoch: lease.epoch,
            head: desk.handle.head().seq,
        }
    }

    fn follow(self: &Arc<Client>, desk: &Arc<Desk>, from: Seq) -> Result<(), String> {
        if self.follows.swap(true, Ordering::SeqCst) {
            return Err("this connection is subscribed already".to_owned());
        }
        let client = Arc::clone(self);
        let told = thread("follower", desk, move |desk| {
            client.tell_all(&desk, from);
            client.follows.store(false, Ordering::SeqCst);
            if client.looks_on.swap(false, Ordering::SeqCst) {
                desk.presence_changed();
            }
        });
        let thread = told.map_err(|error| format!("no thread: {error}"))?;
        desk.state().threads.push(thread);
        Ok(())
    }

    fn tell_all(&self, desk: &Desk, from: Seq) {
        let mut feed = desk.handle.subscribe(from);
        let (mut known, mut told) = (0, Vec::new());
        let mut piece = Vec::new();
        let mut last: Option<Digest> = None;
        while !self.gone.load(Ordering::SeqCst) {
            let changed = || desk.presence.load(Ordering::SeqCst);
            let stop = || self.gone.load(Ordering::SeqCst) || changed() != known;
            match feed.next_unless(stop) {
                Some(Feed::Record(record)) => {
                    if last.replace(record.hash).is_none() {
                        let seq = Seq(record.envelope.seq.0 - 1);
                        put(&mut piece, &Notice::After { seq, hash: record.prev });
                    }
                    piece.extend_from_slice(b"{\"record\":");
                    piece.extend_from_slice(record.json());
                    piece.extend_from_slice(b"}\n");
                    if piece.len() < PIECE {
                        continue;
                    }
                }
                Some(Feed::CaughtUp(head)) => {
                    let hash = if head.seq == Seq(0) { genesis(&desk.id) } else { head.hash };
                    put(&mut piece, &Notice::CaughtUp { seq: head.seq, hash });
                    if !self.looks_on.swap(true, Ordering::SeqCst) {
                        desk.presence_changed();
                    }
                }
                // Guests are shown the chunks that the journal has; who is there, they are told below.
                Some(Feed::Tail(_) | Feed::Present(_)) => {}
                Some(Feed::Ended) => {
                    let fault = feed.reason();
                    put(&mut piece, &Notice::Ended { fault });
                    self.send(&piece);
                    return;
                }
                None => {
                    let now = changed();
                    let frontends = desk.present();
                    // Somebody who only greeted and left is no news.
                    if std::mem::replace(&mut known, now) != now && told != frontends {
                        told.clone_from(&frontends);
                        put(&mut piece, &Notice::Attached { frontends });
                    }
                }
            }
            self.send(&piece);
            piece.clear();
        }
    }

    fn name(&self) -> Option<String> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, notice: &Notice) {
        let mut line = Vec::new();
        put(&mut line, notice);
        self.send(&line);
    }

    // Whole lines at a time: two threads write to one connection.
    fn send(&self, mut bytes: &[u8]) {
        let _whole = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            match (&self.stream).write(bytes) {
                Ok(taken) if taken > 0 => {
                    self.sent.fetch_add(taken as u64, Ordering::SeqCst);
                    bytes = &bytes[taken..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return self.hang_up(),
            }
        }
    }

    fn hang_up(&self) {
        self.gone.store(true, Ordering::SeqCst);
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn settled(id: u64, given: Result<(), Rejection>) -> Notice {
    match given {
        Ok(()) => Notice::Accepted { id },
        Err(rejection) => Notice::Refused { id, reason: Refusal::Rejected(rejection) },
    }
}

fn put(piece: &mut Vec<u8>, notice: &Notice) {
    let line = serde_json::to_vec(notice).expect("a notice is JSON");
    piece.extend(line);
    piece.push(b'\n');
}

fn thread(
    name: &str,
    desk: &Arc<Desk>,
    work: impl FnOnce(Arc<Desk>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let desk = Arc::clone(desk);
    Builder::new().name(name.into()).stack_size(STACK).spawn(move || work(desk))
}

fn remove(socket: &Path) -> io::Result<()> {
    std::fs::remove_file(socket)
}
