//! The interface as a state machine: what happens in, what is to be done out.

mod command;
mod inline;
mod keys;
mod local;
mod marks;
mod popups;
mod question;
mod reading;
mod session;
mod view;
mod words;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use codex_event::{CallId, Envelope, Seq, SessionId, Timestamp};
use codex_view::Cells;
use crossterm::event::KeyEventKind;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::composer::Composer;
use crate::host::{Changes, Concern, History, Owner, Reply, Request, Role, Topic};
use crate::keymap::{Action, When};
use crate::options::{Colours, Options, Screen, Start};
use crate::popup::Popup;
use crate::render::{Fold, Stream};
use crate::theme::Theme;
use crate::update::{Focus, Input, Intent, Moment};
pub(crate) use inline::Looking;
use keys::Armed;
use local::{Body, Kind, Local, Toast};
pub(crate) use marks::HINT as MARK_HINT;
use popups::Choice;
use reading::Reading;
pub(crate) use session::Step;
use session::{Leaving, Next, Pending};
pub(crate) use view::View;

/// Milliseconds between two pictures of the spinner.
pub(crate) const SPIN: u64 = 125;
/// Milliseconds between two pictures of how long an answer is waited for.
const SECOND: u64 = 1_000;

/// All that the interface knows: a session folded from its events, and what the user does with it.
///
/// No thread, no clock, no I/O: time arrives with each input, and what is to be done is handed out.
pub struct App {
    pub(crate) options: Options,
    pub(crate) theme: Theme,
    /// The colours that were chosen; those of `theme` may be tried out.
    colours: Colours,
    now: Moment,
    /// What the clock on the wall showed at a moment.
    clock: (Moment, Timestamp),
    focus: Focus,
    dirty: bool,
    pub(crate) composer: Composer,
    /// When a key of a text was pressed last, whoever took it; none once the text was handed in. A dialog
    /// that opens by itself takes no such key as an answer.
    typed: Option<Moment>,
    /// When a button of the mouse was pressed, or a popup appeared.
    pub(crate) clicked: Option<Moment>,
    /// Those on top last.
    pub(crate) popups: Vec<Popup>,
    /// The slash commands that match what stands in the composer.
    pub(crate) palette: Option<Popup>,
    palette_closed: bool,
    pub(crate) view: Option<View>,
    /// The session that is shown once all of it was seen.
    incoming: Option<View>,
    /// The session that was shown before that one.
    comes_from: Option<SessionId>,
    pub(crate) pending: Option<Pending>,
    pub(crate) leaving: Option<Leaving>,
    /// What is to be done once the user confirms to end the turn.
    confirm: Option<Next>,
    /// What is said once the session is there.
    pub(crate) says: Vec<String>,
    /// A command of the user's own that is run once a session is there.
    pub(crate) runs_next: Option<String>,
    /// What is said once the user decided what is to be decided first.
    first: Option<String>,
    concerns: VecDeque<Concern>,
    /// What differs from the settings, for the session that is begun next; and for the last one.
    changes: Changes,
    begun_with: Changes,
    pub(crate) toast: Option<Toast>,
    pub(crate) locals: Vec<Local>,
    armed: Option<(Armed, Moment)>,
    /// An interrupt was asked for.
    pub(crate) interrupting: bool,
    /// The question that is shown, or was put aside.
    asked: Option<(CallId, Timestamp)>,
    /// The question that was answered here.
    answered: Option<CallId>,
    /// Beginnings of turns that are read so that one can go back to them.
    going_back: Vec<Seq>,
    /// Beginning of the turn that the user is about to go back to.
    marked: Option<Seq>,
    /// What the document waits for.
    loading: Option<RangeInclusive<Seq>>,
    choice: Option<Choice>,
    pub(crate) busy: Option<String>,
    pub(crate) fold: Fold,
    pub(crate) reading: Option<Reading>,
    /// The answer that comes in, as it was drawn last.
    pub(crate) stream: RefCell<Stream>,
    /// Where the conversation was drawn last.
    pub(crate) page: Rect,
    title: String,
    /// The folder that was begun in, and the one that the program around was told of last.
    begun_in: PathBuf,
    told_folder: PathBuf,
    out: Vec<Intent>,
}

impl App {
    /// Begins with what is known so far.
    pub fn new(options: Options) -> App {
        let mut app = App {
            theme: Theme::of(options.colours.palette(options.fitting)),
            colours: options.colours,
            now: Moment(0),
            clock: (Moment(0), Timestamp(0)),
            focus: Focus::Gained,
            dirty: true,
            composer: Composer::new(options.keys),
            typed: None,
            clicked: None,
            popups: Vec::new(),
            palette: None,
            palette_closed: false,
            view: None,
            incoming: None,
            comes_from: None,
            pending: None,
            leaving: None,
            confirm: None,
            says: Vec::new(),
            runs_next: None,
            first: None,
            concerns: options.facts.concerns.iter().cloned().collect(),
            changes: Changes::default(),
            begun_with: Changes::default(),
            toast: None,
            locals: Vec::new(),
            armed: None,
            interrupting: false,
            asked: None,
            answered: None,
            going_back: Vec::new(),
            marked: None,
            loading: None,
            choice: None,
            busy: None,
            fold: Fold::Folded,
            reading: None,
            stream: RefCell::default(),
            page: Rect::default(),
            title: String::new(),
            begun_in: options.facts.cwd.clone(),
            told_folder: options.facts.cwd.clone(),
            out: Vec::new(),
            options,
        };
        let warnings = app.options.facts.warnings.clone();
        app.warn(warnings);
        match app.options.facts.history {
            History::Kept => {}
            History::Absent => app.note_no_history(),
        }
        app
    }

    /// Says what the clock on the wall shows at a moment: people are told durations by it.
    pub fn set_clock(&mut self, now: Moment, wall: Timestamp) {
        self.clock = (now, wall);
    }

    /// Gives what is to be done at first.
    pub fn start(&mut self, now: Moment) -> Vec<Intent> {
        self.now = now;
        self.dirty = true;
        self.out.push(Intent::Request(Request::History));
        match self.options.start.clone() {
            Start::New(words) => self.first = words,
            Start::TakeUp(session, words) => {
                self.says.extend(words);
                self.take_up(session, Owner::Attach);
            }
            Start::Watch(session) => self.watch(session),
            Start::Choose => self.choose_session(),
        }
        self.next_concern();
        self.finish()
    }

    /// Takes what happened, and gives what is to be done.
    pub fn update(&mut self, now: Moment, input: Input) -> Vec<Intent> {
        self.now = now;
        // A key that comes up, and a command that was taken, change nothing that is seen.
        let quiet = match &input {
            Input::Key(key) => key.kind == KeyEventKind::Release,
            Input::Answered(_, answer) => answer.is_ok(),
            Input::Focus(_) => true,
            Input::Paste(_)
            | Input::Mouse(_)
            | Input::Resize(..)
            | Input::Events(_)
            | Input::Tail(_)
            | Input::Present(_)
            | Input::CaughtUp
            | Input::Ended(_)
            | Input::Loaded(..)
            | Input::Host(_)
            | Input::Linked(_)
            | Input::Files(_)
            | Input::Edited(_)
            | Input::Tick
            | Input::Signal(_) => false,
        };
        self.dirty |= !quiet;
        match input {
            Input::Key(key) => self.key(key),
            Input::Paste(text) => self.paste(text),
            Input::Mouse(mouse) => self.mouse(mouse),
            // The next drawing finds out.
            Input::Resize(..) => {}
            Input::Focus(focus) => self.focus = focus,
            Input::Events(records) => self.events(&records),
            Input::Tail(tail) => self.tail(&tail),
            Input::Present(frontends) => {
                if let Some(view) = self.incoming.as_mut().or(self.view.as_mut()) {
                    view.present = frontends;
                }
            }
            Input::CaughtUp => self.caught_up(),
            Input::Ended(words) => self.ended(words),
            Input::Loaded(range, events) => self.loaded(range, &events),
            Input::Answered(command, answer) => self.answered(command, answer),
            Input::Host(reply) => self.told(reply),
            Input::Linked(linked) => self.linked(linked),
            Input::Files(found) => self.composer.files(found),
            Input::Edited(edited) => self.edited(edited),
            Input::Tick => self.tick(),
            Input::Signal(signal) => self.signal(signal),
        }
        self.finish()
    }

    /// Gives the moment at which a `Tick` is wanted; none while nothing changes by itself.
    pub fn deadline(&self) -> Option<Moment> {
        let spin = self.is_busy().then(|| {
            let wall = self.wall().0;
            Moment(self.now.0.saturating_add(SPIN - wall % SPIN))
        });
        let toast = self.toast.as_ref().map(|toast| toast.until);
        let load = self.view.as_ref().and_then(|view| view.document.wanted());
        let load = load.filter(|_| self.loading.is_none() && self.incoming.is_none());
        let load = load.map(|_| self.now);
        let asked = self.asked_since().map(|since| {
            let waited = self.wall().0.saturating_sub(since.0);
            Moment(self.now.0.saturating_add(SECOND - waited % SECOND))
        });
        [spin, toast, load, asked].into_iter().flatten().min()
    }

    /// Tells whether a drawing would show something else than the last one did.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Draws everything, and gives the place of the cursor; it is hidden when none.
    pub fn draw(&mut self, area: Rect, buf: &mut Buffer) -> Option<Position> {
        self.dirty = false;
        crate::draw::screen(self, area, buf)
    }

    /// Ends what every step ends with: what is to be read, what the title says.
    fn finish(&mut self) -> Vec<Intent> {
        if self.loading.is_none()
            && self.incoming.is_none()
            && let Some(range) = self.view.as_ref().and_then(|view| view.document.wanted())
        {
            self.loading = Some(range.clone());
            self.out.push(Intent::Load(range));
        }
        self.follow_folder();
        let title = self.title_words();
        if title != self.title {
            self.title.clone_from(&title);
            self.out.push(Intent::Title(title));
        }
        std::mem::take(&mut self.out)
    }

    /// Has the program around follow to the folder of what is shown. Into that of a session of its own it
    /// goes by itself.
    fn follow_folder(&mut self) {
        let folder = match &self.view {
            None if self.pending.is_some() => return,
            None => self.begun_in.clone(),
            Some(view) if view.status.cwd.is_empty() || view.is_catching_up() => return,
            Some(view) => match view.role {
                Role::Owner { .. } => {
                    self.told_folder = view.status.cwd.clone().into();
                    return;
                }
                Role::Guest { .. } | Role::Reader => view.status.cwd.clone().into(),
            },
        };
        if folder != self.told_folder {
            self.told_folder.clone_from(&folder);
            self.out.push(Intent::Request(Request::Moved { folder }));
        }
    }

    fn tick(&mut self) {
        self.toast.take_if(|toast| toast.until <= self.now);
        self.armed.take_if(|(_, until)| *until <= self.now);
    }

    fn loaded(&mut self, range: RangeInclusive<Seq>, events: &[Envelope]) {
        // The last of them: what a fork shares with its parent bears the parent's name.
        let of = events.last().map(|last| last.session);
        if let Some(mut view) = self.incoming.take_if(|view| of == Some(view.session)) {
            // The end of it, read before the rest: it is shown until its events come by themselves.
            view.document.loaded(range, Cells::of(events));
            match self.options.screen {
                Screen::Full => self.replace_view(view),
                Screen::Inline => self.incoming = Some(view),
            }
            return;
        }
        if self.loading.as_ref() == Some(&range) {
            self.loading = None;
            if let Some(view) = &mut self.view {
                view.document.loaded(range.clone(), Cells::of(events));
            }
        }
        self.go_on_searching();
        self.question_loaded(events);
        self.marks_loaded(&range, events);
    }

    fn told(&mut self, reply: Reply) {
        match reply {
            Reply::Connected(_) => {}
            Reply::Failed { of, message, hint } => match of {
                Topic::Session => self.not_opened(message, hint),
                Topic::Sessions => self.not_listed(message, hint),
                Topic::Aside => self.remark(Kind::Failure, message, hint),
            },
            Reply::Busy(words) => self.busy = Some(words),
            Reply::Sessions(rows) => self.sessions(rows),
            Reply::History(said) => self.composer.history(said),
            Reply::Done(words) => {
                self.done();
                self.remark(Kind::Done, words, String::new());
            }
            Reply::Diff(text) => {
                self.done();
                if text.trim().is_empty() {
                    self.toast("nothing differs from the last commit");
                } else {
                    self.show(Popup::diff(&text));
                }
            }
            Reply::Printed(text) => self.shell_did(|shell| shell.print(&text)),
            Reply::Exited(code) => self.shell_did(|shell| shell.exit = Some(code)),
            Reply::Recorded => self.forget_shell(),
            Reply::Facts(facts) => self.learn(*facts),
        }
    }

    /// Something aside is done. What takes a while may be the session that is waited for.
    fn done(&mut self) {
        if self.pending.is_none() {
            self.busy = None;
        }
    }

    fn edited(&mut self, edited: Result<String, String>) {
        match edited {
            Ok(text) => {
                self.composer.put(text.trim_end_matches(['\n', '\r']));
                self.follow_palette();
            }
            Err(why) => self.remark(Kind::Failure, why, String::new()),
        }
    }

    /// Says a word in passing.
    pub(crate) fn toast(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast::new(self.now, text));
    }

    /// Puts words for the user into the conversation.
    pub(crate) fn remark(&mut self, kind: Kind, text: String, hint: String) {
        self.put_local(Body::Remark { kind, text, hint });
    }

    /// Puts something behind the last cell, on this screen alone.
    pub(crate) fn put_local(&mut self, body: Body) {
        let after = self.view.as_ref().map(|view| view.newest).unwrap_or_default();
        self.locals.push(Local { after, body });
        self.redraw_local(after);
    }

    pub(crate) fn redraw_local(&mut self, after: Seq) {
        if let Some(view) = &mut self.view {
            view.document.redraw_cell(after);
        }
    }

    fn warn(&mut self, warnings: Vec<String>) {
        for warning in warnings {
            self.remark(Kind::Warning, warning, String::new());
        }
    }

    /// Says what it means that git does not know the folder; whoever starts to type is not held up.
    fn note_no_history(&mut self) {
        let access = codex_view::sanitize::visible(&self.access_words());
        let text = format!(
            "This folder is in no git repository: there is no history to go back to. Access: {access}."
        );
        let hint =
            "`git init` and a first commit begin one; --skip-git-repo-check leaves this out.";
        self.remark(Kind::Note, text, hint.to_owned());
    }

    /// Puts text back into the composer, before what stands there.
    pub(crate) fn give_back(&mut self, text: &str) {
        if self.composer.is_empty() {
            self.composer.put(text);
        } else {
            let there = self.composer.text();
            self.composer.put(&format!("{text}\n\n{there}"));
        }
    }

    /// What the clock on the wall shows.
    pub(crate) fn wall(&self) -> Timestamp {
        let (moment, wall) = self.clock;
        Timestamp(wall.0.saturating_add(self.now.0.saturating_sub(moment.0)))
    }

    /// Names a key that does something now: one that also writes, while nothing is written.
    pub(crate) fn key_now(&self, action: Action) -> String {
        let when = if self.composer.is_empty() { When::Empty } else { When::Always };
        self.options.keymap.name(action, when)
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.view.as_ref().map(|view| view.role)
    }

    /// Gives the session that is shown.
    pub fn session(&self) -> Option<SessionId> {
        self.view.as_ref().map(|view| view.session)
    }

    /// Gives what stands in the composer.
    pub fn written(&self) -> String {
        self.composer.text()
    }

    /// Tells whether something runs, so that its picture moves.
    pub(crate) fn is_busy(&self) -> bool {
        let turn = self.view.as_ref().is_some_and(|view| match view.feed {
            view::Feed::Open => view.is_running() && view.asking.is_none(),
            view::Feed::Over => false,
        });
        turn || self.shell_runs()
            || self.pending.is_some()
            || self.leaving.is_some()
            || self.busy.is_some()
    }
}
