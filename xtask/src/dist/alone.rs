//! The program in a root that holds nothing else: no loader, no library, no /etc, no /proc.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};

/// What the model of this check says.
const ANSWER: &str = "all is well";

/// Runs the program where there is nothing but itself, in fresh folders at `place`.
///
/// As root that is `chroot`, for others a user namespace. Where neither can be had, it says so and
/// passes.
pub(crate) fn check(program: &Path, place: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", place.display());
    if place.exists() {
        fs::remove_dir_all(place).map_err(failed)?;
    }
    let first = place.join("first");
    fs::create_dir_all(&first).map_err(failed)?;
    fs::copy(program, first.join("codex")).map_err(failed)?;
    let Some(way) = Way::find(&first) else {
        println!("dist: skipped 1 check: neither chroot nor a user namespace can be had here");
        return Ok(());
    };
    let alone = |root: &Path, words: &[&str]| succeed(way.command(root, words));

    expect("--version", &alone(&first, &["--version"])?, "codex ")?;
    expect("--help", &alone(&first, &["--help"])?, "Usage: codex")?;
    expect("sessions", &alone(&first, &["sessions"])?, "no sessions yet")?;

    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    // Ends with this process, or after the last answer.
    thread::spawn(move || -> io::Result<()> {
        for item in [call(), message()] {
            answer(&listener.accept()?.0, &item)?;
        }
        Ok(())
    });
    // By name: there is no file and no server that would know it.
    let provider = format!(
        "model_providers.alone={{name=\"alone\",base_url=\"http://localhost:{port}/v1\",\
         request_max_retries=0,stream_max_retries=0}}"
    );
    let fixed = ["exec", "--json", "--skip-git-repo-check", "-c", "model_provider=\"alone\""];
    let asked = [&fixed[..], &["-c", &provider, "is all well?"]].concat();
    let live = alone(&first, &asked)?;
    // No command can be started here. The model is told why, and the turn goes on.
    expect("exec", &live, "/proc must be mounted")?;
    expect("exec", &live, ANSWER)?;
    expect("exec", &live, "\"turn.completed\"")?;

    // The journal alone is enough to see it again, in another root.
    let second = place.join("second");
    fs::create_dir_all(second.join("home")).map_err(failed)?;
    fs::copy(program, second.join("codex")).map_err(failed)?;
    let journals = [first.join("home/journals"), second.join("home")];
    let [from, to] = &journals;
    succeed(Command::new("cp").arg("-r").args([from.as_os_str(), to.as_os_str()]).output())?;
    for root in [&first, &second] {
        let replayed = alone(root, &["replay", "--last", "--json"])?;
        if replayed != live {
            return Err(format!("the replay differs:\n{replayed}\nfrom what was printed:\n{live}"));
        }
        expect("replay --verify", &alone(root, &["replay", "--last", "--verify"])?, "ok: ")?;
    }
    println!("dist: the program runs in an empty root ({})", way.name());
    fs::remove_dir_all(place).map_err(failed)
}

/// How a process gets a root of its own.
#[derive(Clone, Copy)]
enum Way {
    Chroot,
    Namespace,
}

impl Way {
    fn find(root: &Path) -> Option<Way> {
        let works = |way: &Way| {
            way.command(root, &["--version"]).is_ok_and(|output| output.status.success())
        };
        // A file of our own shows who we are.
        let is_root = fs::metadata(root.join("codex")).is_ok_and(|file| file.uid() == 0);
        let ways = if is_root { &[Way::Chroot, Way::Namespace][..] } else { &[Way::Namespace] };
        ways.iter().copied().find(works)
    }

    fn name(self) -> &'static str {
        match self {
            Way::Chroot => "chroot",
            Way::Namespace => "user namespace",
        }
    }

    fn command(self, root: &Path, words: &[&str]) -> io::Result<Output> {
        let mut command = match self {
            Way::Chroot => Command::new("chroot"),
            Way::Namespace => Command::new("unshare"),
        };
        match self {
            Way::Chroot => command.arg(root),
            Way::Namespace => {
                let mut option = OsString::from("--root=");
                option.push(root);
                command.args(["--user", "--map-root-user"]).arg(option)
            }
        };
        // The one for the search of `chroot` itself; in the root there is nothing on it.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.arg("/codex").args(words).env_clear().env("PATH", path);
        command.env("CODEX_HOME", "/home").current_dir(root).output()
    }
}

fn succeed(output: io::Result<Output>) -> Result<String, String> {
    let output = output.map_err(|error| format!("can't start the program: {error}"))?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(told);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("in an empty root: {}\n{told}{error}", output.status))
}

fn expect(what: &str, told: &str, words: &str) -> Result<(), String> {
    match told.contains(words) {
        true => Ok(()),
        false => Err(format!("in an empty root, {what} did not say {words:?} but:\n{told}")),
    }
}

fn call() -> Value {
    json!({
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "exec_command",
        "arguments": "{\"cmd\":\"true\"}",
    })
}

fn message() -> Value {
    json!({
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{ "type": "output_text", "text": ANSWER, "annotations": [] }],
    })
}

/// Answers one request as the model API does: an event for the item, and one for the end.
fn answer(mut stream: &TcpStream, item: &Value) -> io::Result<()> {
    let mut request = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        request.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    request.take(length).read_to_end(&mut Vec::new())?;
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": item });
    let end = json!({ "type": "response.completed", "response": { "id": "resp_1" } });
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n\
         data: {done}\n\ndata: {end}\n\n"
    )?;
    stream.flush()
}
