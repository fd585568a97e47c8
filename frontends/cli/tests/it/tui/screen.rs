//! A person in front of a terminal: a real pseudo terminal, and an emulator that shows what it is sent.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::{Config, Term, TermMode};
use alacritty_terminal::vte::ansi::Processor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{Watch, World, code};

pub(crate) const ENTER: &str = "\r";
pub(crate) const ESC: &str = "\x1b";
pub(crate) const CTRL_D: &str = "\x04";
pub(crate) const CTRL_Z: &str = "\x1a";
pub(crate) const DOWN: &str = "\x1b[B";
pub(crate) const UP: &str = "\x1b[A";

/// Longest time that is waited for something to be shown.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines that the emulator remembers of what scrolled away.
const SCROLLBACK: usize = 10_000;

/// A person at a terminal of some size.
pub(crate) struct Person {
    child: Child,
    keys: File,
    seen: Arc<Mutex<Seen>>,
    told: Arc<Mutex<Told>>,
    gone: Arc<AtomicBool>,
    shown: Option<JoinHandle<()>>,
}

/// What the terminal was sent, and what it shows by now.
struct Seen {
    term: Term<Answers>,
    parser: Processor,
    sent: Vec<u8>,
}

/// What the terminal says back: programs ask it where its cursor is, what it is, which modes it has.
#[derive(Clone)]
struct Answers(Arc<Mutex<Told>>);

struct Told {
    keys: File,
    title: Option<String>,
    bells: usize,
}

impl EventListener for Answers {
    fn send_event(&self, event: Event) {
        let mut told = self.0.lock().expect("whole");
        match event {
            // A program that has ended asks nothing more.
            Event::PtyWrite(text) => drop(told.keys.write_all(text.as_bytes())),
            Event::Title(title) => told.title = Some(title),
            Event::ResetTitle => told.title = None,
            Event::Bell => told.bells += 1,
            _ => {}
        }
    }
}

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u16, pub(crate) u16);

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        self.1.into()
    }

    fn columns(&self) -> usize {
        self.0.into()
    }
}

impl Size {
    fn window(self) -> Winsize {
        Winsize { ws_col: self.0, ws_row: self.1, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// The interface against the scripted model, with further arguments.
pub(crate) fn interface(world: &World, arguments: &[&str]) -> Command {
    in_colour(world.interface(arguments))
}

/// A command on a terminal with colours.
pub(crate) fn in_colour(mut command: Command) -> Command {
    command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
    command
}

impl Person {
    /// Starts a program in a session of its own, whose terminal this is.
    pub(crate) fn start(command: &Command, size: Size) -> Person {
        // Nobody else may hold it, or it could not be taken away.
        let how = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(how).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
        let keys = File::from(ours);
        tcsetwinsize(&keys, size.window()).expect("sized");
        let theirs =
            || Stdio::from(File::options().read(true).write(true).open(&name).expect("open"));
        let mut program = Command::new("setsid");
        program.arg("--ctty").arg(command.get_program()).args(command.get_args());
        program.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        program.current_dir(command.get_current_dir().expect("a folder"));
        program.stdin(theirs()).stdout(theirs()).stderr(theirs());
        let child = program.spawn().expect("starts");
        // The command holds the other end too, which must not keep the terminal open.
        drop(program);

        let copy = || keys.try_clone().expect("cloned");
        let told = Arc::new(Mutex::new(Told { keys: copy(), title: None, bells: 0 }));
        let config = Config { scrolling_history: SCROLLBACK, ..Config::default() };
        let term = Term::new(config, &size, Answers(Arc::clone(&told)));
        let seen = Seen { term, parser: Processor::new(), sent: Vec::new() };
        let seen = Arc::new(Mutex::new(seen));
        let gone = Arc::new(AtomicBool::new(false));
        let (fill, stop, terminal) = (Arc::clone(&seen), Arc::clone(&gone), copy());
        let shown = std::thread::spawn(move || show(terminal, &fill, &stop));
        Person { child, keys, seen, told, gone, shown: Some(shown) }
    }

    /// Presses keys, as a terminal sends them.
    pub(crate) fn presses(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("taken");
    }

    /// Pastes a text, as terminals do that were asked to bracket it.
    pub(crate) fn pastes(&mut self, text: &str) {
        self.presses(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Types a line and Enter, in one piece as scripts do.
    pub(crate) fn says(&mut self, text: &str) {
        self.presses(&format!("{text}{ENTER}"));
    }

    /// Leaves once no turn runs any more: an answer is shown before its turn has ended.
    pub(crate) fn leaves(&mut self) {
        self.until_gone("interrupt)");
        self.presses(CTRL_D);
    }

    /// Makes the terminal's window larger or smaller.
    pub(crate) fn resizes(&mut self, size: Size) {
        self.seen.lock().expect("whole").term.resize(size);
        tcsetwinsize(&self.keys, size.window()).expect("sized");
    }

    /// What the terminal shows, line by line.
    pub(crate) fn screen(&self) -> String {
        let seen = self.seen.lock().expect("whole");
        let rows = i32::try_from(seen.term.grid().screen_lines()).expect("few lines");
        (0..rows).map(|row| line(&seen.term, row) + "\n").collect()
    }

    /// What scrolled away at the top, and then what the terminal shows.
    pub(crate) fn everything(&self) -> String {
        let seen = self.seen.lock().expect("whole");
        let above = i32::try_from(seen.term.grid().history_size()).expect("few lines");
        let rows = i32::try_from(seen.term.grid().screen_lines()).expect("few lines");
        (-above..rows).map(|row| line(&seen.term, row) + "\n").collect()
    }

    /// Everything that the terminal was sent so far.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.seen.lock().expect("whole").sent.clone()
    }

    /// The title of the terminal's window; none while nobody set one.
    pub(crate) fn title(&self) -> Option<String> {
        self.told.lock().expect("whole").title.clone()
    }

    /// How often the bell rang.
    pub(crate) fn bells(&self) -> usize {
        self.told.lock().expect("whole").bells
    }

    /// Tells whether the other screen is shown.
    pub(crate) fn is_on_other_screen(&self) -> bool {
        self.seen.lock().expect("whole").term.mode().contains(TermMode::ALT_SCREEN)
    }

    /// Tells whether the cursor is shown.
    pub(crate) fn shows_cursor(&self) -> bool {
        self.seen.lock().expect("whole").term.mode().contains(TermMode::SHOW_CURSOR)
    }

    /// Tells whether the terminal reads lines and echoes them, as shells leave it to programs.
    pub(crate) fn is_as_found(&self) -> bool {
        let modes = tcgetattr(&self.keys).expect("a terminal").local_modes;
        let left = TermMode::BRACKETED_PASTE | TermMode::FOCUS_IN_OUT | TermMode::MOUSE_MODE;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && !self.seen.lock().expect("whole").term.mode().intersects(left)
            && self.shows_cursor()
            && !self.is_on_other_screen()
    }

    /// Waits until words are on the screen.
    pub(crate) fn until(&self, words: &str) -> String {
        self.until_screen(words, |screen| screen.contains(words))
    }

    /// Waits until words are on the screen no more.
    pub(crate) fn until_gone(&self, words: &str) -> String {
        self.until_screen(&format!("no {words}"), |screen| !screen.contains(words))
    }

    /// Waits until the screen is as it is wanted.
    pub(crate) fn until_screen(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            if Instant::now() > deadline {
                panic!("{what:?} is not shown:\n{}", framed(&screen));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended by itself, which the test sees.
        let _ = kill_process(self.pid(), signal);
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Takes the terminal away, as when its window is closed, and gives the exit code.
    pub(crate) fn hangs_up(mut self) -> i32 {
        let watch = Watch::over(&self.child);
        self.gone.store(true, Ordering::Release);
        self.shown.take().expect("once").join().expect("no panic");
        let nowhere = || File::options().write(true).open("/dev/null").expect("there");
        self.told.lock().expect("whole").keys = nowhere();
        self.keys = nowhere();
        let ended = self.child.wait().expect("ends");
        drop(watch);
        code(ended)
    }

    /// Waits for the end of the program; the terminal stays, with what it shows.
    pub(crate) fn end(&mut self) -> i32 {
        let watch = Watch::over(&self.child);
        let ended = self.child.wait().expect("ends");
        drop(watch);
        // What it said last may not have been read yet; a terminal that nobody has open any more
        // tells so.
        if let Some(shown) = self.shown.take() {
            shown.join().expect("no panic");
        }
        code(ended)
    }
}

/// Shows what arrives, until nobody has the terminal open any more or it is taken away.
fn show(mut terminal: File, fill: &Mutex<Seen>, stop: &AtomicBool) {
    let mut part = [0; 16 << 10];
    let tick = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    while !stop.load(Ordering::Acquire) {
        let mut ready = [PollFd::new(&terminal, PollFlags::IN)];
        if matches!(poll(&mut ready, Some(&tick)), Ok(0) | Err(_)) {
            continue;
        }
        // The end of a terminal is an error: the last one who had it open is gone.
        let Ok(length @ 1..) = terminal.read(&mut part) else { return };
        let mut seen = fill.lock().expect("whole");
        let Seen { term, parser, sent } = &mut *seen;
        sent.extend_from_slice(&part[..length]);
        parser.advance(term, &part[..length]);
    }
}

fn line(term: &Term<Answers>, row: i32) -> String {
    let mut text = String::new();
    for column in 0..term.columns() {
        let cell = &term.grid()[Line(row)][Column(column)];
        if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
            continue;
        }
        text.push(cell.c);
        text.extend(cell.zerowidth().into_iter().flatten());
    }
    text.trim_end().to_owned()
}

/// Puts a screen into a frame, to be read by people.
pub(crate) fn framed(screen: &str) -> String {
    screen.lines().map(|line| format!("|{line}\n")).collect()
}

impl Drop for Person {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.gone.store(true, Ordering::Release);
    }
}
