//! The interface held against what it should show and do, without a terminal: keys and events in,
//! intents and frames out. All that is shown comes from journals.

mod frames;
mod inline;
mod keys;
mod marks;
mod never;
mod reading;
mod sessions;
mod shown;
mod stray;

use std::ops::RangeInclusive;
use std::sync::Arc;

use codex_event::{ApprovalPolicy, Command, Digest, Envelope, Record, Seq, SessionId, Timestamp};
use codex_view::testing::{SESSION, Story};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::App;
use crate::host::{Facts, History, Reply, Request, Role};
use crate::keymap::Keymap;
use crate::options::{Colours, Keys, Mouse, Notifications, Options, Palette, Screen, Start};
use crate::update::{Input, Intent, Linked, Moment};

/// Facts that tests begin with.
fn facts() -> Facts {
    Facts {
        version: "0.1.0".into(),
        cwd: "/home/ada/dir".into(),
        home: Some("/home/ada".into()),
        model: "o4-mini".into(),
        effort: None,
        models: vec!["o4-mini".into(), "o3".into()],
        provider: "openai".into(),
        approval: ApprovalPolicy::OnRequest,
        access: "workspace write".into(),
        branch: Some("main".into()),
        history: History::Kept,
        concerns: Vec::new(),
        warnings: Vec::new(),
    }
}

fn options() -> Options {
    Options {
        start: Start::New(None),
        facts: facts(),
        screen: Screen::Full,
        colours: Colours::Always(Palette::Plain),
        fitting: Palette::Light,
        keymap: Keymap::default(),
        keys: Keys::Emacs,
        notifications: Notifications::Auto,
        mouse: Mouse::Off,
        editor: None,
    }
}

/// The interface with a program around it that does what a test says.
struct Rig {
    app: App,
    now: Moment,
    /// What was wanted and not looked at yet.
    wanted: Vec<Intent>,
    /// What can be read of the session, with what lies in blobs.
    journal: Vec<Envelope>,
    /// The hash of the last event that was told.
    head: Digest,
}

impl Rig {
    fn new() -> Rig {
        Rig::with(options())
    }

    fn with(options: Options) -> Rig {
        let mut app = App::new(options);
        app.set_clock(Moment(0), Timestamp(1_795_000_000_000));
        let wanted = app.start(Moment(0));
        let head = codex_event::genesis(&session());
        let journal = Vec::new();
        let mut rig = Rig { app, now: Moment(0), wanted: Vec::new(), journal, head };
        rig.want(wanted);
        rig
    }

    /// A session of this process that is shown.
    fn owner(story: &Story) -> Rig {
        Rig::linked(story, Role::Owner { from: Seq(1) })
    }

    fn linked(story: &Story, role: Role) -> Rig {
        let mut rig = Rig::new();
        rig.link(role);
        rig.happen(story.envelopes());
        rig.tell(Input::CaughtUp);
        rig.settle();
        rig
    }

    fn link(&mut self, role: Role) {
        self.head = codex_event::genesis(&session());
        self.tell(Input::Linked(Linked { session: session(), role, draft: String::new() }));
    }

    /// Lets events happen that can be read as they are.
    fn happen(&mut self, envelopes: &[Envelope]) {
        self.journal.extend_from_slice(envelopes);
        self.events(envelopes);
    }

    /// Lets events be told, and lets the clock show when the last of them did.
    fn events(&mut self, envelopes: &[Envelope]) {
        let mut records = Vec::new();
        for envelope in envelopes {
            let record = Record::seal(envelope.clone(), self.head);
            self.head = record.hash;
            records.push(Arc::new(record));
        }
        if let Some(last) = envelopes.last() {
            self.app.set_clock(self.now, last.at);
        }
        self.tell(Input::Events(records));
    }

    fn tell(&mut self, input: Input) {
        let wanted = self.app.update(self.now, input);
        self.want(wanted);
    }

    /// Reads are answered at once, all else is for the test.
    fn want(&mut self, wanted: Vec<Intent>) {
        for intent in wanted {
            if let Intent::Load(range) = intent {
                let events = self.read(&range);
                self.tell(Input::Loaded(range, events));
            } else {
                self.wanted.push(intent);
            }
        }
    }

    fn read(&self, range: &RangeInclusive<Seq>) -> Vec<Envelope> {
        self.journal.iter().filter(|it| range.contains(&it.seq)).cloned().collect()
    }

    /// Draws until nothing more is to be read.
    fn settle(&mut self) {
        for _ in 0..100 {
            let _ = self.buffer(80, 24);
            if self.app.deadline().is_none_or(|due| due > self.now) {
                return;
            }
            self.tell(Input::Tick);
        }
        panic!("it never comes to rest");
    }

    fn host(&mut self, reply: Reply) {
        self.tell(Input::Host(reply));
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now.0 += milliseconds;
        if self.app.deadline().is_some_and(|due| due <= self.now) {
            self.tell(Input::Tick);
        }
    }

    fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.press(KeyCode::Char(c));
        }
    }

    /// Presses a key as people do: not at the speed of a paste.
    fn press(&mut self, code: KeyCode) {
        self.now.0 += 60;
        self.tell(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    fn control(&mut self, letter: char) {
        self.tell(Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    /// Gives what was wanted since, without titles.
    fn take(&mut self) -> Vec<Intent> {
        let wanted = std::mem::take(&mut self.wanted);
        wanted.into_iter().filter(|intent| !matches!(intent, Intent::Title(_))).collect()
    }

    fn asks(&mut self) -> Vec<Command> {
        let mut asks = Vec::new();
        for intent in self.take() {
            if let Intent::Ask(command) = intent {
                asks.push(command);
            }
        }
        asks
    }

    fn requests(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        for intent in self.take() {
            if let Intent::Request(request) = intent {
                requests.push(request);
            }
        }
        requests
    }

    fn buffer(&mut self, width: u16, height: u16) -> (Buffer, Option<Position>) {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let cursor = self.app.draw(area, &mut buffer);
        (buffer, cursor)
    }

    /// Gives the screen as text, and the cursor as a sign in it.
    fn frame(&mut self, width: u16, height: u16) -> String {
        let _ = self.buffer(width, height);
        self.settle_at(width, height);
        let (buffer, cursor) = self.buffer(width, height);
        let mut text = String::new();
        for y in 0..height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..width {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                if cursor == Some(Position::new(x, y)) {
                    line.push('█');
                } else {
                    line.push_str(symbol);
                }
                skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn settle_at(&mut self, width: u16, height: u16) {
        for _ in 0..100 {
            if self.app.deadline().is_none_or(|due| due > self.now) {
                return;
            }
            self.tell(Input::Tick);
            let _ = self.buffer(width, height);
        }
        panic!("it never comes to rest");
    }

    fn text(&self) -> String {
        self.app.written()
    }
}

fn session() -> SessionId {
    SESSION.parse().expect("a session id")
}
