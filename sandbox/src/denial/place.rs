//! Holding what a message names against the plan.

use std::path::{Path, PathBuf};

use super::signs::Sign;
use super::standing::{Look, Standing};
use super::subject::{Guard, Subject, Surroundings};
use super::{Denial, Grade, Observation, TOLD, shortened, words};
use crate::{Confinement, GitWrites, How, Network, Plan, ReadPlan};

/// What one line shows.
pub(super) enum Found {
    /// The fence refused this.
    Certain(Subject),
    /// The fence probably refused something.
    Likely(Option<Subject>),
    /// Something else refused.
    Own,
    /// Nothing.
    Nothing,
}

/// What a message is about, as far as its words tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Read,
    Write,
    Execute,
    Unknown,
}

/// Where a file lies.
enum Area {
    /// Nothing of it can be seen.
    Withheld,
    /// Below a root that can be written, but kept.
    Protected,
    /// Can be written.
    Writable,
    /// Can be read.
    Readable,
    /// Neither.
    Hidden,
}

pub(super) struct Judge<'a> {
    pub(super) seen: &'a Observation<'a>,
    pub(super) plan: &'a Plan,
    pub(super) look: &'a dyn Look,
}

impl Judge<'_> {
    /// Puts a verdict together.
    pub(super) fn denial(&self, grade: Grade, line: &str, subjects: Vec<Subject>) -> Denial {
        let around =
            Surroundings { plan: self.plan, project: self.seen.project, env: self.seen.env };
        let evidence = shortened(line);
        let count = subjects.len();
        let (mut words, mut permissions) = (vec![], vec![]);
        for mut subject in subjects {
            let mut is_folder = false;
            if let Subject::Write { path, guard } = &mut subject {
                is_folder = self.look.at(path).is_folder;
                *guard = self.of_repository(path, *guard);
            }
            permissions.push(subject.permission(&around, is_folder));
            words.push(subject.words(&around));
        }
        let mut needed: Vec<String> = Vec::new();
        for permission in permissions.iter().flatten() {
            if !needed.contains(permission) && needed.len() <= TOLD {
                needed.push(permission.clone());
            }
        }
        // Nobody weighs a longer list, and it is part of what the model reads.
        let is_short = (1..=TOLD).contains(&needed.len());
        let is_whole = is_short && !permissions.contains(&None);
        if count > TOLD {
            words.truncate(TOLD);
            words.push(format!("{} more", count - TOLD));
        }
        Denial {
            grade,
            evidence,
            denied: (count > 0).then(|| listed(&words)),
            permission: is_whole.then(|| listed(&needed)),
        }
    }

    /// Tells apart what stands in the way of writing to a repository.
    fn of_repository(&self, path: &Path, guard: Guard) -> Guard {
        let Some(git) =
            path.ancestors().find(|it| it.file_name().is_some_and(|name| name == ".git"))
        else {
            return guard;
        };
        let is_linked = ["worktrees", "modules"].iter().any(|it| path.starts_with(git.join(it)));
        let is_new = || !self.look.at(&git.join("HEAD")).exists;
        match guard {
            Guard::Open if is_linked => Guard::LinkedRepository,
            Guard::Kept
                if git.parent().is_some_and(|above| self.is_writable(above)) && is_new() =>
            {
                Guard::NewRepository
            }
            Guard::Kept if self.plan.git_writes == GitWrites::None => Guard::Repository,
            Guard::Open
            | Guard::Kept
            | Guard::Around
            | Guard::Repository
            | Guard::NewRepository
            | Guard::LinkedRepository => guard,
        }
    }

    fn is_writable(&self, path: &Path) -> bool {
        self.plan.writable_roots().iter().any(|root| path.starts_with(root))
    }

    /// Weighs one line that reports a refusal.
    pub(super) fn weigh(&self, sign: &Sign, line: &str, before: &[&str], after: &[&str]) -> Found {
        let context = Context::new(line, before, after);
        match sign {
            Sign::Privileges => Found::Certain(Subject::Privileges),
            Sign::Unreachable => self.unreachable(&context),
            Sign::Refused => match self.has_own_loopback() && words::is_loopback(line) {
                true => Found::Likely(Some(self.network(&context))),
                false => Found::Own,
            },
            Sign::NoProcess if self.has_namespaces() => {
                let mut named = std::iter::once(line)
                    .chain(self.seen.argv.iter().map(String::as_str))
                    .filter_map(words::process);
                match named.find(|pid| self.look.has_process(*pid)) {
                    Some(pid) => Found::Likely(Some(Subject::Signal(Some(pid)))),
                    None => Found::Own,
                }
            }
            Sign::NoProcess => Found::Own,
            Sign::Missing => self.missing(line),
            Sign::Vague => self.vague(&context),
            Sign::Busy if !self.has_namespaces() => Found::Own,
            Sign::ReadOnly | Sign::Busy | Sign::CrossDevice | Sign::Access | Sign::NotPermitted => {
                self.refused(*sign, &context)
            }
        }
    }

    fn unreachable(&self, context: &Context<'_>) -> Found {
        if self.is_about_a_socket_file(context) {
            return Found::Likely(Some(Subject::UnixSocket(context.socket_file())));
        }
        match self.plan.network {
            Network::Off => Found::Likely(Some(self.network(context))),
            Network::Full => Found::Own,
        }
    }

    fn network(&self, context: &Context<'_>) -> Subject {
        let around = context.after.iter().chain(context.before.iter().rev());
        let mut lines = std::iter::once(&context.line).chain(around);
        let named = lines.find_map(|line| words::host(line));
        Subject::Network(named.or_else(|| words::host_of(self.seen.argv)))
    }

    /// Tells whether namespaces keep parts of a root as they are, and other processes out of sight.
    fn has_namespaces(&self) -> bool {
        match self.plan.confinement {
            Confinement::None | Confinement::Landlock => false,
            Confinement::Full => true,
        }
    }

    /// Tells whether the command's loopback is not the machine's.
    fn has_own_loopback(&self) -> bool {
        match self.plan.confinement {
            Confinement::None | Confinement::Landlock => false,
            Confinement::Full => self.plan.network == Network::Off,
        }
    }

    /// A file that is there, but not for the command.
    fn missing(&self, line: &str) -> Found {
        for named in words::files(line) {
            for path in self.meanings(named, &[]) {
                let standing = self.look.at(&path);
                let is_hidden = match self.area(&standing.path) {
                    Area::Withheld | Area::Hidden => true,
                    Area::Protected | Area::Writable | Area::Readable => false,
                };
                if is_hidden && standing.exists {
                    return Found::Certain(Subject::Read(standing.path));
                }
                // A library that makes folders step by step tells the last error, not the first.
                let could_make = standing.write && !standing.exists && line.contains("mkdir");
                if could_make
                    && let Found::Certain(subject) =
                        self.file(Act::Write, Sign::ReadOnly, &standing)
                {
                    return Found::Likely(Some(subject));
                }
            }
        }
        Found::Nothing
    }

    /// A file could not be opened, and it is not said why.
    fn vague(&self, context: &Context<'_>) -> Found {
        let named = match context.files() {
            files if files.is_empty() => words::files_of(self.seen.argv),
            files => files,
        };
        for file in named {
            for path in self.meanings(file, context.before) {
                let standing = self.look.at(&path);
                if let Found::Certain(subject) = self.file(Act::Unknown, Sign::Vague, &standing) {
                    return Found::Likely(Some(subject));
                }
            }
        }
        Found::Own
    }

    fn refused(&self, sign: Sign, context: &Context<'_>) -> Found {
        let act = context.act(sign);
        if let Some(subject) = context.call(sign) {
            return self.call(subject, context);
        }
        let mut own = false;
        let mut likely = None;
        let mut named = context.files();
        // Where something goes tells more than where it comes from.
        named.reverse();
        let mut nowhere = false;
        for file in &named {
            let is_absolute = Path::new(file).is_absolute();
            for (at, path) in self.meanings(file, context.before).into_iter().enumerate() {
                let standing = self.look.at(&path);
                let act = match act {
                    Act::Unknown if words::is_written(file, self.seen.argv) => Act::Write,
                    known => known,
                };
                match self.file(act, sign, &standing) {
                    // A relative name may be meant from elsewhere.
                    Found::Certain(subject) if is_absolute || at == 0 => {
                        return Found::Certain(subject);
                    }
                    Found::Certain(subject) => likely = likely.or(Some(Some(subject))),
                    Found::Likely(subject) => likely = likely.or(Some(subject)),
                    Found::Own => own = true,
                    Found::Nothing => nowhere = true,
                }
            }
        }
        match (likely, own) {
            (Some(subject), _) => Found::Likely(subject),
            (None, true) => Found::Own,
            (None, false) if sign == Sign::Busy => Found::Own,
            (None, false) if nowhere && sign == Sign::CrossDevice => Found::Own,
            (None, false) => Found::Likely(None),
        }
    }

    /// A refusal that names a call to the kernel instead of a file.
    fn call(&self, subject: Subject, context: &Context<'_>) -> Found {
        match subject {
            Subject::Network(_) if self.is_about_a_socket_file(context) => {
                Found::Certain(Subject::UnixSocket(context.socket_file()))
            }
            Subject::Network(_) => match self.plan.network {
                Network::Off => Found::Certain(self.network(context)),
                // What is left to refuse: raw sockets, those of the kernel, local daemons.
                Network::Full => Found::Likely(Some(Subject::Call("socket"))),
            },
            other => Found::Likely(Some(other)),
        }
    }

    fn is_about_a_socket_file(&self, context: &Context<'_>) -> bool {
        context.is_about_a_socket_file(self.seen.argv)
    }

    /// Lists what a name may mean: seen from the command's folder, then from those it changes to.
    fn meanings(&self, text: &str, before: &[&str]) -> Vec<PathBuf> {
        let from_home = text.strip_prefix("~/").zip(self.seen.env.get("HOME"));
        let text = match from_home {
            Some((rest, home)) => Path::new(home).join(rest),
            None => PathBuf::from(text),
        };
        let mut found = vec![words::plain(&self.seen.cwd.join(&text))];
        if text.is_relative() {
            let mut folder = self.seen.cwd.to_owned();
            for next in words::folders(self.seen.argv, before) {
                folder = words::plain(&folder.join(next));
                found.push(words::plain(&folder.join(&text)));
            }
        }
        found
    }

    fn area(&self, path: &Path) -> Area {
        let around =
            Surroundings { plan: self.plan, project: self.seen.project, env: self.seen.env };
        let files = &self.plan.files;
        if around.is_withheld(path) {
            return Area::Withheld;
        }
        // Outer paths stand before inner ones, so the last one that matches counts.
        let place = self.plan.protected.iter().rfind(|place| path.starts_with(&place.path));
        if let Some(place) = place {
            match place.how {
                How::ReadOnly | How::Placeholder | How::PlaceholderFile(_) => {
                    return Area::Protected;
                }
                How::InPlace if path == place.path => return Area::Protected,
                How::InPlace => {}
            }
        }
        if self.is_writable(path) || files.devices.iter().any(|device| device == path) {
            return Area::Writable;
        }
        match &files.read {
            ReadPlan::Everything => Area::Readable,
            ReadPlan::Roots(roots)
                if roots.iter().any(|root| path.starts_with(root))
                    || files.programs.iter().any(|program| program == path) =>
            {
                Area::Readable
            }
            ReadPlan::Roots(_) => Area::Hidden,
        }
    }

    /// Weighs a refusal of one file: could the user do it, and may the command?
    fn file(&self, act: Act, sign: Sign, standing: &Standing) -> Found {
        let path = || standing.path.clone();
        // Where a shell connects to; no file.
        if ["/dev/tcp", "/dev/udp"].iter().any(|it| standing.path.starts_with(it)) {
            return Found::Nothing;
        }
        let writing = |guard| Subject::Write { path: path(), guard };
        match self.area(&standing.path) {
            // Nothing there is a command's business, so that it failed is no surprise.
            Area::Withheld if act == Act::Write => Found::Certain(writing(Guard::Open)),
            Area::Withheld => Found::Certain(Subject::Read(path())),
            Area::Protected => match act {
                Act::Write | Act::Unknown => Found::Certain(writing(Guard::Kept)),
                Act::Read | Act::Execute => Found::Own,
            },
            Area::Writable => match sign {
                // What is moved there comes from elsewhere, which the other name tells.
                Sign::CrossDevice => Found::Nothing,
                // Repositories below the top of a root are found for each command anew.
                Sign::ReadOnly if self.has_namespaces() => {
                    let is_repository =
                        standing.path.components().any(|part| part.as_os_str() == ".git");
                    match is_repository {
                        true => Found::Certain(writing(Guard::Kept)),
                        // Meant from elsewhere, or one of several.
                        false => Found::Nothing,
                    }
                }
                // A folder on the way to something that stays is a mount, too.
                Sign::Busy if self.has_namespaces() && standing.is_folder => {
                    Found::Likely(Some(writing(Guard::Around)))
                }
                Sign::ReadOnly
                | Sign::Busy
                | Sign::Vague
                | Sign::Access
                | Sign::NotPermitted
                | Sign::Missing
                | Sign::NoProcess
                | Sign::Refused
                | Sign::Unreachable
                | Sign::Privileges => Found::Own,
            },
            // Only what is in use is busy there.
            Area::Readable | Area::Hidden if sign == Sign::Busy => Found::Own,
            Area::Readable => match act {
                Act::Read | Act::Execute => Found::Own,
                Act::Write | Act::Unknown if standing.write => Found::Certain(writing(Guard::Open)),
                Act::Write | Act::Unknown => Found::Own,
            },
            Area::Hidden => match act {
                Act::Write if standing.write => Found::Certain(writing(Guard::Open)),
                Act::Read | Act::Unknown if standing.read => Found::Certain(Subject::Read(path())),
                Act::Execute if standing.execute => Found::Certain(Subject::Read(path())),
                Act::Unknown if standing.write => Found::Certain(writing(Guard::Open)),
                Act::Read | Act::Write | Act::Execute | Act::Unknown => Found::Own,
            },
        }
    }
}

/// Writes a list as people do.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A line with its neighbours.
struct Context<'a> {
    line: &'a str,
    lower: String,
    before: &'a [&'a str],
    after: &'a [&'a str],
}

impl<'a> Context<'a> {
    fn new(line: &'a str, before: &'a [&'a str], after: &'a [&'a str]) -> Context<'a> {
        Context { line, lower: line.to_lowercase(), before, after }
    }

    /// Lists the files that the line names, else those that the lines around it name.
    fn files(&self) -> Vec<&'a str> {
        let own = words::files(self.line);
        if !own.is_empty() {
            return own;
        }
        // npm puts what it was about on lines of their own; a chain of causes begins with it.
        const LEADS: [&str; 7] =
            [" path ", " dest ", "error: ", "cannot ", "can't ", "failed to ", "could not "];
        let around = self.before.iter().rev().chain(self.after);
        around
            .filter(|line| LEADS.iter().any(|words| line.to_lowercase().contains(words)))
            .map(|line| words::files(line))
            .find(|files| !files.is_empty())
            .unwrap_or_default()
    }

    fn act(&self, sign: Sign) -> Act {
        const READING: [&str; 14] = [
            "for reading",
            "cannot open directory",
            "cannot access",
            "reading directory",
            "cannot read",
            "can't read",
            "scandir",
            "opendir",
            "failed to read",
            "could not read",
            "error reading",
            "listdir",
            "unable to read",
            "cannot stat",
        ];
        const WRITING: [&str; 24] = [
            "cannot delete",
            "error while writing",
            "cannot create",
            "cannot touch",
            "cannot remove",
            "cannot move",
            "cannot mkdir",
            "cannot unlink",
            "cannot overwrite",
            "for writing",
            "mkdir",
            "unlink",
            "rename",
            "symlink",
            "rmdir",
            "copyfile",
            "failed to write",
            "could not write",
            "couldn't write",
            "unable to create",
            "changing permissions",
            "changing ownership",
            "cannot open output file",
            "setting times",
        ];
        const READERS: [&str; 16] = [
            "cat: ",
            "ls: ",
            "head: ",
            "tail: ",
            "grep: ",
            "find: ",
            "du: ",
            "wc: ",
            "less: ",
            "stat: ",
            "file: ",
            "md5sum: ",
            "sha256sum: ",
            "diff: ",
            "od: ",
            "rg: ",
        ];
        let holds = |phrases: &[&str]| phrases.iter().any(|phrase| self.lower.contains(phrase));
        match sign {
            Sign::ReadOnly | Sign::Busy | Sign::CrossDevice => Act::Write,
            _ if holds(&WRITING) => Act::Write,
            _ if holds(&READING) => Act::Read,
            _ if READERS.iter().any(|program| self.lower.starts_with(program)) => Act::Read,
            _ if self.lower.contains("exec") || self.lower.contains("cannot run") => Act::Execute,
            _ => Act::Unknown,
        }
    }

    fn is_about_a_socket_file(&self, argv: &[String]) -> bool {
        let near = [&self.before[self.before.len().saturating_sub(2)..], self.after].concat();
        let names = |text: &str| {
            let text = text.to_lowercase();
            let is_socket = |word: &str| word.ends_with(".sock");
            text.split(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').any(is_socket)
                || ["unix:", "af_unix", "dial unix", "unix socket", "unix-socket", "docker daemon"]
                    .iter()
                    .any(|word| text.contains(word))
        };
        names(self.line)
            || near.iter().any(|line| names(line))
            || argv.iter().any(|word| names(word))
    }

    fn socket_file(&self) -> Option<PathBuf> {
        let around = self.before.iter().rev().chain(self.after);
        std::iter::once(&self.line)
            .chain(around)
            .flat_map(|line| words::files(line))
            .map(|file| file.trim_start_matches("unix:").trim_start_matches("//").to_owned())
            .find(|text| {
                text.starts_with('/') && (text.ends_with(".sock") || text.ends_with("/bus"))
            })
            .map(PathBuf::from)
    }

    /// Finds the call to the kernel that was refused, where the line names one instead of a file.
    fn call(&self, sign: Sign) -> Option<Subject> {
        if sign != Sign::NotPermitted && sign != Sign::Access {
            return None;
        }
        let says = |word: &str| {
            self.lower.split(|c: char| !c.is_alphanumeric() && c != '_').any(|it| it == word)
        };
        let any = |words: &[&str]| words.iter().any(|word| says(word));
        if self.lower.contains("socket:") || any(&["socket", "getaddrinfo"]) || self.connects() {
            return Some(Subject::Network(None));
        }
        if any(&["unshare", "setns", "bwrap", "clone", "newuidmap", "namespace", "namespaces"])
            || self.lower.contains("/setgroups")
            || self.lower.contains("/uid_map")
        {
            return Some(Subject::Namespace);
        }
        if any(&["kill", "killpg", "pkill", "killall", "tkill"]) {
            return Some(Subject::Signal(words::process(self.line)));
        }
        if any(&["ptrace", "strace", "ptrace_traceme", "ptrace_seize", "gdb", "ptrace_attach"]) {
            return Some(Subject::Trace);
        }
        if self.lower.starts_with("mount") || any(&["umount", "pivot_root", "mount"]) {
            return Some(Subject::Mount);
        }
        if any(&["setuid", "setgid", "setgroups", "setresuid", "su", "sudo"]) {
            return Some(Subject::Privileges);
        }
        const CALLS: [&str; 9] = [
            "io_uring_setup",
            "keyctl",
            "add_key",
            "bpf",
            "perf_event_open",
            "chroot",
            "sethostname",
            "userfaultfd",
            "setdomainname",
        ];
        CALLS.iter().find(|call| says(call)).map(|call| Subject::Call(call))
    }

    /// Tells whether the line, or a traceback that ends with it, is about a connection.
    fn connects(&self) -> bool {
        let traced = self.before.iter().any(|line| {
            let line = line.trim_start();
            let is_code = line.starts_with("File \"") || line.starts_with("at ");
            (is_code && (line.contains("socket.py") || line.contains("net.js")))
                || line.contains("socket.socket(")
                || line.contains("create_connection(")
        });
        let is_pathless = words::files(self.line).is_empty();
        self.lower.contains("urlopen error")
            || self.lower.contains("connect eperm")
            || self.lower.contains("connect eacces")
            || self.lower.contains("socketexception")
            || self.lower.contains("dial tcp")
            || self.lower.contains("connecting to ")
            || self.lower.contains("couldn't connect")
            || self.lower.contains("failed to establish a new connection")
            || (traced && is_pathless)
    }
}
