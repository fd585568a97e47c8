//! What stands outside: listeners, a bystander, and the processes that the machine shows.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use codex_payload::Kind;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, kill_process};

use crate::escapes::case::Unable;
use crate::escapes::world::{World, programs};

/// Something that waits for a connection or a datagram.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Udp(UdpSocket),
    Stream(UnixListener),
    Datagram(UnixDatagram),
    Packets(OwnedFd),
}

impl Listener {
    /// Tells whether anything came. Loopback is synchronous: what was sent before is there.
    fn is_reached(&self) -> bool {
        let mut bytes = [0; 16];
        match self {
            Listener::Tcp(it) => it.accept().is_ok(),
            Listener::Udp(it) => it.recv(&mut bytes).is_ok(),
            Listener::Stream(it) => it.accept().is_ok(),
            Listener::Datagram(it) => it.recv(&mut bytes).is_ok(),
            Listener::Packets(it) => rustix::net::accept(it).is_ok(),
        }
    }
}

/// A listener to set up.
#[derive(Clone, Copy)]
pub(crate) enum Listening {
    Tcp(&'static str),
    Udp(&'static str),
    /// By a path, from the folder of work.
    Stream(&'static str),
    Datagram(&'static str),
    Packets(&'static str),
    AbstractStream,
    AbstractDatagram,
}

impl World {
    /// Listens, and tells the script where: `PORT` or `SOCKET`.
    pub(crate) fn listen(&mut self, listening: Listening) -> Result<(), Unable> {
        let unable = |error: std::io::Error| format!("can't listen here: {error}");
        let name = format!("escape-{}", self.mark);
        let (listener, variable, value) = match listening {
            Listening::Tcp(at) => {
                let it = TcpListener::bind(at).map_err(unable)?;
                it.set_nonblocking(true).map_err(unable)?;
                let port = it.local_addr().map_err(unable)?.port();
                (Listener::Tcp(it), "PORT", port.to_string())
            }
            Listening::Udp(at) => {
                let it = UdpSocket::bind(at).map_err(unable)?;
                it.set_nonblocking(true).map_err(unable)?;
                let port = it.local_addr().map_err(unable)?.port();
                (Listener::Udp(it), "PORT", port.to_string())
            }
            Listening::Stream(path) => {
                let path = path.replace("MARK", &self.mark);
                let it = self.near(&path, |near| UnixListener::bind(near)).map_err(unable)?;
                it.set_nonblocking(true).map_err(unable)?;
                (Listener::Stream(it), "SOCKET", path)
            }
            Listening::Datagram(path) => {
                let path = path.replace("MARK", &self.mark);
                let it = self.near(&path, |near| UnixDatagram::bind(near)).map_err(unable)?;
                it.set_nonblocking(true).map_err(unable)?;
                (Listener::Datagram(it), "SOCKET", path)
            }
            Listening::Packets(path) => {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let kind = SocketType::SEQPACKET;
                let it = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None);
                let it = it.map_err(|error| unable(error.into()))?;
                self.near(path, |near| Ok(rustix::net::bind(&it, &SocketAddrUnix::new(near)?)?))
                    .and_then(|()| Ok(rustix::net::listen(&it, 4)?))
                    .map_err(unable)?;
                (Listener::Packets(it), "SOCKET", path.to_owned())
            }
            Listening::AbstractStream => {
                let address = SocketAddr::from_abstract_name(&name).map_err(unable)?;
                let it = UnixListener::bind_addr(&address).map_err(unable)?;
                it.set_nonblocking(true).map_err(unable)?;
                (Listener::Stream(it), "SOCKET", name)
            }
            Listening::AbstractDatagram => {
                let address = SocketAddr::from_abstract_name(&name).map_err(unable)?;
                let it = UnixDatagram::bind_addr(&address).map_err(unable)?;
                it.set_nonblocking(true).map_err(unable)?;
                (Listener::Datagram(it), "SOCKET", name)
            }
        };
        self.listener = Some(listener);
        self.set(variable, value);
        Ok(())
    }

    /// Names a path through a descriptor, because the name of a socket has room for 107 bytes only.
    fn near<T>(
        &self,
        path: &str,
        work: impl FnOnce(&Path) -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        let path = self.folder.join(path);
        let folder = fs::File::open(path.parent().expect("has one"))?;
        let near = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        work(&near.join(path.file_name().expect("has one")))
    }

    pub(crate) fn is_listener_reached(&self) -> bool {
        self.listener.as_ref().expect("a listener").is_reached()
    }

    /// Starts a bystander, and tells the script about it: `PID`, `PLACE` and `FD`, or `ID`.
    pub(crate) fn put(&mut self, kind: Kind) -> Result<(), Unable> {
        let bystander = Bystander::start(self, kind)?;
        let facts = bystander.facts.clone();
        let fact = |at: usize| facts.get(at).cloned().unwrap_or_default();
        self.set("PID", fact(0));
        for (name, at) in [("ID", 1), ("PLACE", 1), ("FD", 2)] {
            self.set(name, fact(at));
        }
        self.bystander = Some(bystander);
        Ok(())
    }

    pub(crate) fn is_bystander_gone(&mut self) -> bool {
        // Asked, not looked up: who was just killed may still be listed for a moment.
        self.bystander.as_mut().expect("a bystander").state() == "gone"
    }

    /// Tells whether what the bystander holds is no longer what it was.
    pub(crate) fn is_holding_changed(&mut self) -> bool {
        let bystander = self.bystander.as_mut().expect("a bystander");
        let first = bystander.first.clone();
        bystander.state() != first
    }
}

/// A process outside that holds something; see `codex_payload::Holding`.
pub(crate) struct Bystander {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    facts: Vec<String>,
    first: String,
}

impl Bystander {
    fn start(world: &World, kind: Kind) -> Result<Bystander, Unable> {
        use std::os::unix::process::CommandExt;
        let held = world.secret("held");
        let words = ["hold", &format!("{kind:?}"), &held, &held, &world.text("outside/victim")];
        let mut child = Command::new(programs().join("program"))
            .args(["--exact", "escapes::payload", "--ignored", "--nocapture"])
            .arg(world.secret("argument"))
            .current_dir("/")
            .env_clear()
            .env("PAYLOAD", words.join("\n"))
            .env("BYSTANDERS_SECRET", world.secret("bystander"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| error.to_string())?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut bystander =
            Bystander { child, input, output, facts: Vec::new(), first: String::new() };
        let facts = bystander.line("holding ").ok_or("the kernel gives no such object here")?;
        bystander.facts = facts.split(' ').map(str::to_owned).collect();
        bystander.first = bystander.state();
        Ok(bystander)
    }

    /// Reads up to the line that begins so; none when the process has ended.
    fn line(&mut self, beginning: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix(beginning) {
                return Some(rest.trim_end_matches('\n').to_owned());
            }
        }
    }

    fn state(&mut self) -> String {
        let asked = self.input.as_mut().is_some_and(|input| input.write_all(b"\n").is_ok());
        asked.then(|| self.line("now ")).flatten().unwrap_or_else(|| "gone".to_owned())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        // It takes its object away when its input ends.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// A process, as the machine shows it from outside.
pub(crate) struct Process {
    pid: i32,
    folder: PathBuf,
}

impl Process {
    /// Finds the living processes whose arguments hold a mark.
    pub(crate) fn marked(mark: &str) -> Vec<Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                Some(Process { pid, folder: entry.path() })
            })
            .filter(|process| {
                let line = fs::read(process.folder.join("cmdline")).unwrap_or_default();
                pid_of_this_process() != process.pid
                    && String::from_utf8_lossy(&line).contains(mark)
                    && !process
                        .text("stat")
                        .rsplit(')')
                        .next()
                        .is_some_and(|it| it.starts_with(" Z") || it.starts_with(" X"))
            })
            .collect()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    pub(crate) fn is_sleep(&self) -> bool {
        self.text("cmdline").starts_with("sleep\0") && self.text("comm").trim() == "sleep"
    }

    /// A field of its status.
    pub(crate) fn status(&self, field: &str) -> String {
        let status = self.text("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    /// The policy by which it is scheduled, `SCHED_` of `linux/sched.h`.
    pub(crate) fn policy(&self) -> String {
        let stat = self.text("stat");
        // The forty-first field; the name of the program, which may hold blanks, is the second.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        rest.split_whitespace().nth(38).unwrap_or_default().to_owned()
    }

    /// Tells whether one of its descriptors leads to something of this kind.
    pub(crate) fn holds(&self, kind: &str) -> bool {
        let descriptors = fs::read_dir(self.folder.join("fd")).into_iter().flatten().flatten();
        descriptors
            .filter_map(|it| fs::read_link(it.path()).ok())
            .any(|target| target.to_string_lossy().starts_with(kind))
    }

    /// What is known of it from outside.
    pub(crate) fn describe(&self) -> String {
        let spaces = ["pid", "net", "ipc", "mnt", "user", "uts"].map(|kind| {
            let link = fs::read_link(self.folder.join("ns").join(kind)).unwrap_or_default();
            format!("{kind} {}\n", link.display())
        });
        format!("{}{}{}", self.text("status"), self.text("limits"), spaces.concat())
    }

    pub(crate) fn kill(&self) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn pid_of_this_process() -> i32 {
    std::process::id().try_into().unwrap_or_default()
}
