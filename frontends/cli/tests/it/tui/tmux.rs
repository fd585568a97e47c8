//! In a terminal multiplexer, which keeps a screen and a scrollback of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use super::screen::{Size, interface};
use super::story::repository;
use crate::support::{World, has, says};

/// Longest time that is waited for something to be shown.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time that a hand takes from the last letter to Enter.
const HAND: Duration = Duration::from_millis(200);

/// What tmux calls itself.
const TERM: &str = "screen-256color";
/// A window of a size of its own, which stays when its program has ended.
const SETTINGS: &str = "set -g remain-on-exit on
set -g default-terminal screen-256color
set -g status off
set -g escape-time 10
";

/// A window of a tmux server that is this test's alone.
struct Window {
    socket: String,
    settings: String,
    /// Where the program's exit code is written: tmux misses a child's end now and then, and then
    /// knows of no code.
    code: PathBuf,
}

impl Window {
    /// Starts a program in it; the window stays when that has ended.
    fn start(world: &World, command: &Command, size: Size) -> Window {
        let settings = world.path("tmux.conf");
        fs::write(&settings, SETTINGS).expect("written");
        let socket = world.path("tmux.socket").display().to_string();
        let code = world.path("exit-code");
        let kept = code.display().to_string();
        let window = Window { socket, settings: settings.display().to_string(), code };
        let folder = command.get_current_dir().expect("a folder").display().to_string();
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let how = ["new-session", "-d", "-x", &columns, "-y", &rows, "-c", &folder];
        let mut words: Vec<String> = how.map(str::to_owned).to_vec();
        words
            .extend(["sh", "-c", r#""$@"; echo $? > "$0""#, &kept, "env", "-i"].map(str::to_owned));
        words.push(format!("TERM={TERM}"));
        words.extend(command.get_envs().filter_map(|(name, value)| {
            let (name, value) = (name.to_str()?, value?.to_str()?);
            (name != "TERM").then(|| format!("{name}={value}"))
        }));
        words.push(command.get_program().to_string_lossy().into_owned());
        words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
        window.tmux(&words.iter().map(String::as_str).collect::<Vec<_>>());
        window
    }

    fn asked(&self, words: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.args(["-S", &self.socket, "-f", &self.settings]).args(words).env_remove("TMUX");
        tmux.output().expect("tmux runs")
    }

    fn tmux(&self, words: &[&str]) -> String {
        let output = self.asked(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn resizes(&self, Size(columns, rows): Size) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn says(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.until(text);
        std::thread::sleep(HAND);
        self.presses("Enter");
    }

    /// What it shows, with lines joined that were broken when it became narrower.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J"])
    }

    /// What scrolled away, and then what it shows.
    fn everything(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-"])
    }

    fn until(&self, words: &str) -> String {
        self.until_screen(words, |screen| screen.contains(words))
    }

    fn until_gone(&self, words: &str) -> String {
        self.until_screen(&format!("no {words}"), |screen| !screen.contains(words))
    }

    fn until_screen(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{what:?} is not shown:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the program, and gives its exit code.
    fn end(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The line is whole once it has its end.
            if let Some(code) =
                fs::read_to_string(&self.code).unwrap_or_default().strip_suffix('\n')
            {
                return code.to_owned();
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // One that is gone by itself is no matter.
        let _ = self.asked(&["kill-server"]);
    }
}

fn lines(word: &str) -> String {
    (0..30).map(|at| format!("- {word} {at} end")).collect::<Vec<_>>().join("\n")
}

#[test]
fn inline_the_scrollback_of_tmux_holds_every_line_once() {
    if !has("tmux") {
        return;
    }
    let answers = [lines("first"), lines("second"), lines("third"), lines("fourth")];
    let steps: Vec<_> = answers.iter().map(|text| says(text)).collect();
    let world = World::playing(json!(steps));
    repository(&world);
    let window = Window::start(&world, &interface(&world, &["--no-alt-screen"]), Size(60, 24));
    window.until("? keys");
    let said = [
        ("one please", "first"),
        ("two please", "second"),
        ("three please", "third"),
        ("four please", "fourth"),
    ];
    for (at, (words, word)) in said.into_iter().enumerate() {
        window.says(words);
        window.until(&format!("{word} 29 end"));
        window.until_gone("Working");
        let width = [120, 44, 100, 60][at];
        window.resizes(Size(width, 24));
        window.until("? keys");
    }
    window.presses("C-d");
    assert_eq!(window.end(), "0");
    let everything = window.everything();
    for (words, word) in said {
        assert!(everything.contains(&format!("▌ {words}")), "{words}: {everything}");
        assert_eq!(everything.matches(words).count(), 1, "{words}: {everything}");
        for at in 0..30 {
            let line = format!("{word} {at} end");
            assert_eq!(everything.matches(&line).count(), 1, "{line}: {everything}");
        }
    }
    assert_eq!(everything.matches("codex resume ").count(), 1, "{everything}");
    // Of what is only drawn, nothing stays.
    assert!(!everything.contains("? keys"), "{everything}");
    world.check_journal();
}

#[test]
fn inline_a_window_that_changes_while_an_answer_comes_in_loses_and_doubles_nothing() {
    if !has("tmux") {
        return;
    }
    let pieces = 0..16;
    let text = |at| json!({"type": "text", "text": format!("- piece {at} end")});
    let items: Vec<_> = pieces.clone().map(text).collect();
    let world = World::playing(json!([
        {"items": items, "chunk_deltas": 1, "delay_ms": 30},
        says("That was all."),
    ]));
    repository(&world);
    let window = Window::start(&world, &interface(&world, &["--no-alt-screen"]), Size(60, 24));
    window.until("? keys");
    window.says("piece by piece");
    for (piece, size) in
        [(1, Size(120, 24)), (4, Size(44, 12)), (7, Size(100, 30)), (10, Size(60, 24))]
    {
        window.until(&format!("piece {piece} end"));
        window.resizes(size);
    }
    window.until("piece 15 end");
    window.until_gone("Working");
    window.says("and now");
    window.until("That was all.");
    window.until_gone("Working");
    window.presses("C-d");
    assert_eq!(window.end(), "0");
    let everything = window.everything();
    for at in pieces {
        let line = format!("piece {at} end");
        assert_eq!(everything.matches(&line).count(), 1, "{line}: {everything}");
    }
    assert_eq!(everything.matches("piece by piece").count(), 1, "{everything}");
    world.check_journal();
}

#[test]
fn the_whole_screen_of_tmux_is_painted_and_given_back() {
    if !has("tmux") {
        return;
    }
    let world = World::playing(json!([says(&lines("first")), says("That was all.")]));
    repository(&world);
    let window = Window::start(&world, &interface(&world, &[]), Size(100, 30));
    window.until("? keys");
    window.says("list it");
    window.until("first 29 end");
    window.until_gone("Working");
    for size in [Size(60, 20), Size(120, 40), Size(44, 12), Size(100, 30)] {
        window.resizes(size);
        let rows = usize::from(size.1);
        window.until_screen("all of it", |screen| {
            let shown: Vec<&str> = screen.lines().collect();
            shown.len() == rows
                && shown[rows - 1].ends_with("? keys")
                && screen.contains("first 29 end")
        });
    }
    window.says("and now");
    window.until("That was all.");
    window.until_gone("Working");
    window.presses("C-d");
    assert_eq!(window.end(), "0");
    let left = window.everything();
    assert!(left.contains("That was all.") && left.contains("codex resume "), "{left}");
    assert!(!left.contains("? keys"), "{left}");
    world.check_journal();
}
