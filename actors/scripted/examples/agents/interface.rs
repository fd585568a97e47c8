//! An agent's interface in a terminal of its own: what it costs, and how long a key takes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use codex_scripted::{BlockingServer, Script};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use super::{Outcome, Row, World, median};

/// Size of the terminal.
const WINDOW: Winsize = Winsize { ws_col: 120, ws_row: 40, ws_xpixel: 0, ws_ypixel: 0 };
/// The model's name, which every agent with this command line shows in its first picture; one that none
/// knows, or it may offer another.
const MODEL: &str = "mock-model";
/// The last words of an answer.
const END: &str = "ENDMARK";
/// Pieces of the answer whose cost is measured, five at a time.
const DELTAS: usize = 5_000;
const AT_ONCE: usize = 5;
/// Milliseconds from each five of them to the next: 1,100 a second with what it takes to write them.
const PAUSE: usize = 4;
/// Keys that are pressed while nothing happens, and while an answer comes in.
const KEYS: u32 = 20;
const KEYS_WITHIN: u32 = 200;
/// Longest time that is waited for anything to be shown.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time after which an interface has settled.
const SETTLED: Duration = Duration::from_millis(2_500);
/// Time over which an idle interface is looked at.
const IDLE: Duration = Duration::from_secs(4);

/// Measures one run of the interface.
pub(crate) fn measure(world: &World) -> Outcome<Row> {
    // While the second answer comes in, keys are pressed; it is ended with the process.
    let piece = json!({ "type": "text", "n": DELTAS, "chars": 8 });
    let end = json!({ "type": "text", "text": END });
    let long = json!({ "type": "text", "n": 20 * DELTAS, "chars": 8 });
    let script = json!({ "steps": [
        { "items": [piece, end], "chunk_deltas": AT_ONCE, "delay_ms": PAUSE },
        { "items": [long], "chunk_deltas": 1, "delay_ms": 1 },
    ] });
    let server = BlockingServer::start(Script::from_json(&script.to_string())?)?;
    let provider = format!(
        "model_providers.bench={{name=\"bench\",base_url=\"{}\",wire_api=\"responses\"}}",
        server.base_url()
    );
    // Some ask first outside of a repository.
    let made = Command::new("git").args(["init", "-q"]).arg(world.place.join("work")).status()?;
    if !made.success() {
        return Err("`git init` failed".into());
    }
    let mut command = Command::new(&world.program);
    command.args(["-s", "danger-full-access", "-a", "never", "-m", MODEL]);
    command.args(["-c", "analytics.enabled=false", "-c", "check_for_update_on_startup=false"]);
    command.args(["-c", "model_provider=\"bench\"", "-c", &provider]);
    world.surround(&mut command);
    let trusted = format!(
        "[projects.\"{}\"]\ntrust_level = \"trusted\"\n",
        world.place.join("work").display()
    );
    fs::write(world.place.join("home/config.toml"), trusted)?;
    command.env("TERM", "xterm-256color");

    let begun = Instant::now();
    let mut screen = Screen::start(&mut command)?;
    let painted = screen.until(MODEL)?;
    screen.watch(SETTLED)?;
    let resident = screen.resident()?;
    let (cpu, looked) = (screen.cpu()?, Instant::now());
    screen.watch(IDLE)?;
    let idle = (screen.cpu()? - cpu) / looked.elapsed().as_secs_f64() * 100.0;
    let echo = median(&screen.keys(KEYS, 150)?);

    let (cpu, sent) = (screen.cpu()?, screen.sent);
    screen.press("\r")?;
    screen.until(END)?;
    let (cpu, sent) = (screen.cpu()? - cpu, screen.sent - sent);
    let after = screen.resident()?;

    screen.watch(Duration::from_millis(500))?;
    screen.press("again")?;
    screen.watch(Duration::from_millis(200))?;
    screen.press("\r")?;
    screen.watch(Duration::from_millis(1_000))?;
    let mut within = screen.keys(KEYS_WITHIN, 45)?;
    within.sort_by(f64::total_cmp);
    Ok(vec![
        (("interface: start to first picture", "ms"), (painted - begun).as_secs_f64() * 1e3),
        (("interface: idle memory", "MiB"), resident),
        (("interface: idle CPU", "%"), idle),
        (("interface: key to echo", "ms"), echo),
        (("interface: 5,000 deltas, CPU", "s"), cpu),
        (("interface: 5,000 deltas, to the terminal", "KiB"), sent as f64 / 1024.0),
        (("interface: memory after them", "MiB"), after),
        (("interface: key to echo within 1,000 deltas/s", "ms"), median(&within)),
        (("interface: the same, slowest of 200", "ms"), within[within.len() - 1]),
    ])
}

/// A program, and the terminal that it has.
struct Screen {
    child: Child,
    terminal: File,
    /// What came last from it.
    seen: Vec<u8>,
    /// Bytes that it sent.
    sent: usize,
    /// Number of the letter that is pressed next.
    letter: u32,
}

impl Screen {
    fn start(command: &mut Command) -> Outcome<Screen> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?.into_string()?;
        let terminal = File::from(ours);
        tcsetwinsize(&terminal, WINDOW)?;
        let theirs = || File::options().read(true).write(true).open(&name).map(Stdio::from);
        command.stdin(theirs()?).stdout(theirs()?).stderr(theirs()?);
        let child = command.spawn()?;
        Ok(Screen { child, terminal, seen: Vec::new(), sent: 0, letter: 0 })
    }

    fn press(&mut self, keys: &str) -> Outcome<()> {
        Ok(self.terminal.write_all(keys.as_bytes())?)
    }

    /// Presses letters that nobody else writes, each some milliseconds behind the echo of the one before
    /// it, and gives how long each echo took.
    fn keys(&mut self, number: u32, apart: u64) -> Outcome<Vec<f64>> {
        let mut took = Vec::new();
        for press in 0..number {
            // Not in step with anything that the agent does.
            let pause = apart + u64::from(press * 7919 % 31);
            self.watch(Duration::from_millis(pause))?;
            // Cyrillic: none is a letter of the answers, and neighbours differ.
            let letter = char::from_u32(0x400 + self.letter % 0x100).ok_or("no letter")?;
            self.letter += 1;
            let begun = Instant::now();
            self.press(&letter.to_string())?;
            took.push((self.until(&letter.to_string())? - begun).as_secs_f64() * 1e3);
        }
        Ok(took)
    }

    /// Reads until something is shown, and gives when.
    fn until(&mut self, words: &str) -> Outcome<Instant> {
        self.seen.clear();
        let deadline = Instant::now() + PATIENCE;
        while self.read(deadline)? {
            let now = Instant::now();
            if self.seen.windows(words.len()).any(|part| part == words.as_bytes()) {
                return Ok(now);
            }
            // What it says instead may be of use.
            let old = self.seen.len().saturating_sub(4096);
            self.seen.drain(..old);
        }
        Err(format!("{words:?} was not shown, but {:?}", String::from_utf8_lossy(&self.seen))
            .into())
    }

    /// Reads for a time.
    fn watch(&mut self, time: Duration) -> Outcome<()> {
        let deadline = Instant::now() + time;
        while self.read(deadline)? {
            self.seen.clear();
        }
        Ok(())
    }

    /// Reads what there is, and answers what it asks; false once the time is over.
    fn read(&mut self, deadline: Instant) -> Outcome<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let mut ready = [PollFd::new(&self.terminal, PollFlags::IN)];
        if left.is_zero() || poll(&mut ready, Some(&wait))? == 0 {
            return Ok(false);
        }
        let mut part = [0; 64 << 10];
        let length = self.terminal.read(&mut part)?;
        let part = &part[..length];
        self.sent += length;
        self.seen.extend_from_slice(part);
        // Terminals are asked where the cursor is, what they are, which colours they have.
        let asked =
            |question: &str| part.windows(question.len()).any(|it| it == question.as_bytes());
        let answers = [
            ("\x1b[6n", "\x1b[1;1R"),
            ("\x1b[?u", "\x1b[?0u"),
            ("\x1b]10;?", "\x1b]10;rgb:ffff/ffff/ffff\x1b\\"),
            ("\x1b]11;?", "\x1b]11;rgb:0000/0000/0000\x1b\\"),
            ("\x1b[c", "\x1b[?62;22c"),
        ];
        let answers: String =
            answers.iter().filter(|(it, _)| asked(it)).map(|(_, answer)| *answer).collect();
        self.press(&answers)?;
        Ok(true)
    }

    /// Seconds of CPU that it took so far.
    fn cpu(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("no stat")?;
        // utime and stime, of the third field on.
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / rustix::param::clock_ticks_per_second() as f64)
    }

    /// MiB that it has in memory.
    fn resident(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no size")?;
        let kibibytes: f64 = line.split_whitespace().next().ok_or("no size")?.parse()?;
        Ok(kibibytes / 1024.0)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
