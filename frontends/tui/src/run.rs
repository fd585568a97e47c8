//! The interface at work: its threads, and the loop that keeps the picture and the world together.
//!
//! ```text
//!  keys ─┐                         ┌─▶ asks: commands to the session
//!  signals ─┤                      ├─▶ loads: events for what comes into view
//!  feed ────┼─▶ inbox ─▶ interface ┼─▶ files: the search behind an @
//!  host ────┘                      └─▶ requests ─▶ the program around it (Desk)
//! ```
//!
//! Everything that happens passes one bounded inbox and is dealt with in order by one thread, which
//! waits for nobody: what it wants done goes to others by queues that never make it wait.

#[cfg(debug_assertions)]
mod bug;
mod line;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, io};

use codex_event::{SessionId, Timestamp};

use crate::app::App;
use crate::files::Finder;
use crate::host::{Facts, Reply, Request};
use crate::options::{Options, Screen};
use crate::terminal::{self, Cause, Keyboard, Surface, Told, editor, say};
use crate::update::{Input, Intent, Linked, Moment, Signal};
use line::Line;

/// Messages that may wait for the interface; whoever brings more waits.
pub const INBOX: usize = 32;
/// Requests that may wait for the host; there is one for each thing that a person does.
pub const REQUESTS: usize = 64;
/// Messages that are dealt with before the picture is looked at again.
const TAKEN_AT_ONCE: usize = 512;
/// Time that a session has to end when the process is told to.
const PATIENCE: u64 = 10_000;

/// What comes to the interface's thread.
pub(crate) enum Message {
    Input(Input),
    Host(Reply),
    /// The process was stopped, and goes on.
    Continued,
}

/// Why the interface can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The terminal can't be set up.
    #[error("the terminal can't be set up: {0}")]
    Terminal(#[source] io::Error),
    /// A thread can't be started.
    #[error("a thread can't be started: {0}")]
    Thread(#[source] io::Error),
}

/// How it came to an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The signal that ended it; none when the user left.
    pub signal: Option<Signal>,
    /// The session that was shown last.
    pub session: Option<SessionId>,
}

/// The host's end: requests to carry out, and the way to answer them.
#[derive(Debug)]
pub struct Desk {
    requests: Receiver<Request>,
    inbox: SyncSender<Message>,
    interface: JoinHandle<Left>,
}

/// A way to answer from any thread.
#[derive(Clone, Debug)]
pub struct Voice(SyncSender<Message>);

impl Voice {
    /// Tells the interface something; false once it has ended.
    pub fn reply(&self, reply: Reply) -> bool {
        self.0.send(Message::Host(reply)).is_ok()
    }
}

impl Desk {
    /// Waits for what the interface asks next; [`Request::Leave`] once it has ended.
    pub fn next(&self) -> Request {
        self.requests.recv().unwrap_or(Request::Leave)
    }

    /// Gives a way to answer from any thread.
    pub fn voice(&self) -> Voice {
        Voice(self.inbox.clone())
    }

    /// Answers; false once the interface has ended.
    pub fn reply(&self, reply: Reply) -> bool {
        self.voice().reply(reply)
    }

    /// Waits for the end of the interface, with the terminal as it was found.
    pub fn join(self) -> Left {
        drop(self.inbox);
        // One that panicked has had its words from the panic hook.
        self.interface.join().unwrap_or_default()
    }
}

/// Takes the terminal and begins: the first picture is drawn before anything else is done.
///
/// The interface has threads of its own; the caller goes on as its host.
pub fn start(options: Options) -> Result<Desk, StartError> {
    let taken = terminal::take(options.screen, options.mouse).map_err(StartError::Terminal);
    let begun = taken.and_then(|()| begin(options));
    if begun.is_err() {
        terminal::restore();
    }
    begun
}

fn begin(options: Options) -> Result<Desk, StartError> {
    let (inbox, messages) = sync_channel(INBOX);
    let (asking, requests) = sync_channel(REQUESTS);
    let sender = inbox.clone();
    let keyboard = Keyboard::listen(move |input| sender.send(Message::Input(input)).is_ok())
        .map_err(StartError::Thread)?;
    let sender = inbox.clone();
    let heard = move |told| {
        let message = match told {
            Told::Input(input) => Message::Input(input),
            Told::Continued => Message::Continued,
        };
        sender.send(message).is_ok()
    };
    terminal::listen(heard).map_err(StartError::Thread)?;
    let sender = inbox.clone();
    let interface = thread::Builder::new()
        .name("interface".into())
        .spawn(move || Interface::new(options, keyboard, sender, asking).run(&messages))
        .map_err(StartError::Thread)?;
    Ok(Desk { requests, inbox, interface })
}

struct Interface {
    options: Options,
    app: App,
    screen: Surface,
    keyboard: Keyboard,
    inbox: SyncSender<Message>,
    requests: SyncSender<Request>,
    line: Option<Line>,
    finder: Option<Finder>,
    began: Instant,
    pace: terminal::Pace,
    /// The signal that ends it, and when it does at the latest.
    ending: Option<(Signal, Moment)>,
    left: Option<Left>,
    session: Option<SessionId>,
    /// Answers that this thread gives itself, behind what it is doing.
    answers: VecDeque<Input>,
}

impl Interface {
    fn new(
        options: Options,
        keyboard: Keyboard,
        inbox: SyncSender<Message>,
        requests: SyncSender<Request>,
    ) -> Interface {
        let screen = options.screen;
        let app = App::new(options.clone());
        Interface {
            options,
            app,
            screen: Surface::new(screen, terminal::size()),
            keyboard,
            inbox,
            requests,
            line: None,
            finder: None,
            began: Instant::now(),
            pace: terminal::Pace::default(),
            ending: None,
            left: None,
            session: None,
            answers: VecDeque::new(),
        }
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn run(mut self, messages: &Receiver<Message>) -> Left {
        let (columns, rows) = terminal::size();
        let _ = terminal::write(say::KEEP_TITLE.as_bytes());
        self.tell(Input::Resize(columns, rows));
        self.draw();
        let now = self.now();
        for intent in self.app.start(now) {
            self.carry_out(intent);
        }
        loop {
            if let Some(left) = self.left {
                return self.leave(left);
            }
            match self.wait() {
                Some(Duration::ZERO) => {}
                wait => match next(messages, wait) {
                    Ok(message) => self.take(message),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return self.leave(Left::default()),
                },
            }
            for message in messages.try_iter().take(TAKEN_AT_ONCE) {
                self.take(message);
                if self.left.is_some() {
                    break;
                }
            }
            while let Some(answer) = self.answers.pop_front() {
                self.tell(answer);
            }
            let now = self.now();
            if self.app.deadline().is_some_and(|due| due <= now) {
                self.tell(Input::Tick);
            }
            if let Some((signal, due)) = self.ending
                && due <= now
            {
                self.left = Some(Left { signal: Some(signal), session: self.session });
            }
            if self.app.is_dirty() {
                self.pace.want(Cause::Stream);
            }
            if self.pace.next().is_some_and(|due| due <= now) {
                self.draw();
            }
        }
    }

    /// Gives how long nothing has to be done; none for as long as nothing happens.
    fn wait(&self) -> Option<Duration> {
        if !self.answers.is_empty() {
            return Some(Duration::ZERO);
        }
        let ending = self.ending.map(|(_, due)| due);
        let due = [self.app.deadline(), self.pace.next(), ending].into_iter().flatten().min()?;
        Some(Duration::from_millis(due.0.saturating_sub(self.now().0)))
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Input(input) => self.tell(input),
            Message::Host(Reply::Connected(link)) => {
                let linked =
                    Linked { session: link.session, role: link.role, draft: link.draft.clone() };
                self.session = Some(link.session);
                // The line before it, if there is one, lets go of its session first.
                self.line = None;
                self.tell(Input::Linked(linked));
                match Line::open(link, &self.inbox) {
                    Ok(line) => self.line = Some(line),
                    Err(error) => self.tell(Input::Ended(Some(error.to_string()))),
                }
            }
            Message::Host(reply) => {
                if let Reply::Facts(facts) = &reply {
                    self.moved(facts);
                }
                self.tell(Input::Host(reply));
            }
            Message::Continued => self.retake(),
        }
    }

    /// Files are searched in the working folder.
    fn moved(&mut self, facts: &Facts) {
        if facts.cwd != self.options.facts.cwd {
            self.finder = None;
        }
        self.options.facts = facts.clone();
    }

    fn tell(&mut self, input: Input) {
        let cause = match &input {
            Input::Key(_)
            | Input::Paste(_)
            | Input::Mouse(_)
            | Input::Resize(..)
            | Input::Focus(_)
            | Input::Loaded(..)
            | Input::Files(_)
            | Input::Edited(_) => Cause::User,
            Input::Events(_)
            | Input::Tail(_)
            | Input::Present(_)
            | Input::CaughtUp
            | Input::Ended(_)
            | Input::Answered(..)
            | Input::Host(_)
            | Input::Linked(_)
            | Input::Tick
            | Input::Signal(_) => Cause::Stream,
        };
        match &input {
            Input::Resize(columns, rows) if self.screen.resize((*columns, *rows)).is_err() => {
                self.gone();
            }
            Input::Signal(signal) if self.ending.is_none() => {
                self.ending = Some((*signal, Moment(self.now().0.saturating_add(PATIENCE))));
            }
            _ => {}
        }
        let ended = matches!(input, Input::Ended(_));
        self.app.set_clock(self.now(), wall());
        let intents = self.app.update(self.now(), input);
        if ended {
            // What was is read again when it comes into view.
            self.line.take_if(|line| !line.outlives_its_feed());
        }
        for intent in intents {
            self.carry_out(intent);
        }
        if self.app.is_dirty() {
            self.pace.want(cause);
        }
    }

    fn carry_out(&mut self, intent: Intent) {
        match intent {
            Intent::Ask(command) => match &self.line {
                Some(line) => self.answers.extend(line.ask(command)),
                None => {
                    let refused = Err("no session is open".to_owned());
                    self.answers.push_back(Input::Answered(command, refused));
                }
            },
            Intent::Load(range) => match &self.line {
                Some(line) => self.answers.extend(line.load(range)),
                None => self.answers.push_back(Input::Loaded(range, Vec::new())),
            },
            Intent::Request(request) => {
                // A host that is gone has nothing left to be asked; one that is full has more than a
                // person can want.
                let of = request.topic();
                if let Err(error) = self.requests.try_send(request) {
                    let message = format!("this could not be asked: {error}");
                    let hint = "try it again in a moment".to_owned();
                    self.answers.push_back(Input::Host(Reply::Failed { of, message, hint }));
                }
            }
            Intent::FindFiles(query) => {
                let inbox = self.inbox.clone();
                let root = self.options.facts.cwd.clone();
                let finder = self.finder.get_or_insert_with(|| {
                    Finder::new(root, move |files| {
                        let _ = inbox.send(Message::Input(Input::Files(files)));
                    })
                });
                finder.find(query);
            }
            Intent::Edit(text) => {
                let edited = match self.options.editor.clone() {
                    Some(editor) => self.aside(|| editor::edit(&editor, &text)),
                    None => Err("no editor is set: export VISUAL or EDITOR".to_owned()),
                };
                self.tell(Input::Edited(edited));
            }
            Intent::Notify(text) => {
                let terminal = env::var("TERM_PROGRAM").or_else(|_| env::var("TERM"));
                let terminal = terminal.unwrap_or_default();
                self.write(&say::notice(self.options.notifications, &terminal, &text));
            }
            Intent::Title(text) => self.write(&say::title(&text)),
            Intent::Copy(text) => self.write(&say::clipboard(&text)),
            Intent::Suspend => {
                self.aside(terminal::stop);
            }
            Intent::Redraw => {
                #[cfg(debug_assertions)]
                bug::on_request();
                if self.screen.forget().is_err() {
                    self.gone();
                }
                self.pace.want(Cause::User);
            }
            Intent::Quit => {
                let signal = self.ending.map(|(signal, _)| signal);
                self.left = Some(Left { signal, session: self.session });
            }
        }
    }

    fn write(&mut self, words: &str) {
        if terminal::write(words.as_bytes()).is_err() {
            self.gone();
        }
    }

    /// The terminal is gone: nothing is drawn any more.
    fn gone(&mut self) {
        if self.ending.is_none() {
            self.tell(Input::Signal(Signal::HangUp));
        }
    }

    fn draw(&mut self) {
        self.pace.drawn(self.now());
        if matches!(self.ending, Some((Signal::HangUp, _))) {
            return;
        }
        if self.screen.draw(&mut self.app).is_err() {
            self.gone();
        }
    }

    /// Does something with the terminal as it was found.
    fn aside<T>(&mut self, act: impl FnOnce() -> T) -> T {
        self.keyboard.pause();
        let _ = self.screen.release();
        terminal::restore();
        let done = act();
        self.retake();
        self.keyboard.go_on();
        done
    }

    fn retake(&mut self) {
        terminal::restore();
        if terminal::take(self.options.screen, self.options.mouse).is_err() {
            self.gone();
        }
        let (columns, rows) = terminal::size();
        self.screen = Surface::new(self.options.screen, (columns, rows));
        self.tell(Input::Resize(columns, rows));
        self.pace.want(Cause::User);
    }

    fn leave(mut self, left: Left) -> Left {
        self.line = None;
        let (columns, _) = terminal::size();
        if matches!(self.ending, Some((Signal::HangUp, _))) {
            terminal::restore();
            return left;
        }
        // In inline mode all of it is in the scrollback already.
        let last = match self.options.screen {
            Screen::Full => self.app.farewell(columns),
            Screen::Inline => {
                self.draw();
                Vec::new()
            }
        };
        let _ = self.screen.release();
        let _ = terminal::write(say::TITLE_BACK.as_bytes());
        terminal::restore();
        let _ = terminal::write(&terminal::lines(&last, columns));
        left
    }
}

/// The clock on the wall.
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn next(messages: &Receiver<Message>, wait: Option<Duration>) -> Result<Message, RecvTimeoutError> {
    match wait {
        Some(wait) => messages.recv_timeout(wait),
        None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}
