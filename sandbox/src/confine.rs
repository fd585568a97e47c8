//! Fencing a process in, and turning it into the command.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs,
};

use crate::filter::{Attributes, Others, Sockets};
use crate::launch::Request;
use crate::ruleset::Granting;
use crate::share::at_rest;
use crate::status::{Confined, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_SETUP, Failed, Step};
use crate::{Confinement, Network, Resources, Stdin, WritePlan, filter, ruleset, streams};

/// The search path of an environment that has none.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Confines this process without namespaces, calls `announce`, and executes the command.
///
/// It returns only on failure; nothing of the command has run then.
pub(crate) fn become_command(
    request: Request,
    granting: Granting,
    supervisor: Pid,
    announce: impl FnOnce(Confined),
) -> Failed {
    match confine(&request, granting, supervisor) {
        Ok(confined) => {
            announce(confined);
            exec(request.argv, request.env)
        }
        Err(failed) => failed,
    }
}

fn confine(request: &Request, granting: Granting, supervisor: Pid) -> Result<Confined, Failed> {
    own_session(supervisor)?;
    enter_folder(request)?;
    if request.stdin == Stdin::Null {
        null_stdin()?;
    }
    streams::look(&request.plan)?;
    limit(&request.plan.resources)?;
    let file_rules = fence(request, granting)?;
    close_on_exec()?;
    Ok(Confined {
        pid: 0,
        start_time: 0,
        confinement: request.plan.confinement,
        landlock_abi: request.plan.landlock_abi,
        file_rules,
        mounts: 0,
        protected: 0,
        partial: false,
    })
}

fn step<T>(step: Step, result: io::Result<T>) -> Result<T, Failed> {
    result.map_err(|error| Failed { step, message: error.to_string(), code: EXIT_SETUP })
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

/// Gives up capabilities and installs what the kernel enforces on this process and all that it
/// starts; returns the number of file rules.
///
/// At the level `full` the namespaces must have been arranged before: nothing can be mounted after.
pub(crate) fn fence(request: &Request, granting: Granting) -> Result<u32, Failed> {
    let plan = &request.plan;
    let others = match plan.confinement {
        Confinement::None => return Ok(0),
        Confinement::Landlock => Others::InSight,
        Confinement::Full => Others::Hidden,
    };
    let sockets = match (others, plan.network) {
        (Others::InSight, Network::Off) => Sockets::None,
        (Others::Hidden, Network::Off) | (_, Network::Full) => Sockets::Internet,
    };
    let attributes = match (others, &plan.files.write) {
        (Others::InSight, WritePlan::Roots(_)) => Attributes::Kept,
        // Read-only mounts hold them outside of the roots.
        (Others::Hidden, _) | (Others::InSight, WritePlan::Everything) => Attributes::Free,
    };
    if plan.confinement == Confinement::Landlock && !plan.protected.is_empty() {
        let refusal = io::Error::other("landlock can't protect paths inside a root");
        return step(Step::Landlock, Err(refusal));
    }
    let program = step(Step::Seccomp, filter::program(sockets, others, attributes).map_err(other))?;
    step(Step::Capabilities, drop_capabilities())?;
    step(Step::Capabilities, set_no_new_privs(true).map_err(Into::into))?;
    let file_rules = ruleset::enforce(plan, request.stdio, granting).map_err(other);
    let file_rules = step(Step::Landlock, file_rules)?;
    step(Step::Seccomp, seccompiler::apply_filter(&program).map_err(other))?;
    Ok(file_rules)
}

/// A session of its own, so that the command can't signal the group of `parent` and has no
/// controlling terminal, and default signals, because ignored ones outlive an exec.
pub(crate) fn own_session(parent: Pid) -> Result<(), Failed> {
    let started = || -> io::Result<()> {
        rustix::process::setsid()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::other("the supervisor is gone"));
        }
        reset_signals();
        Ok(())
    };
    step(Step::Process, started())
}

#[allow(unsafe_code)]
fn reset_signals() {
    // SAFETY: this process has one thread and no handler that could run meanwhile; `set` is
    // initialised by `sigemptyset` before it is read. Signals that can't be reset (KILL, STOP and
    // those reserved by the C library) answer EINVAL, which changes nothing.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Enters the command's working directory, by its name: a descriptor would lead out of the view.
pub(crate) fn enter_folder(request: &Request) -> Result<(), Failed> {
    let folder = request.cwd.clone().into_os_string();
    let named = |error: rustix::io::Errno| {
        let error = io::Error::from(error);
        io::Error::other(format!("{}: {error}", Path::new(&folder).display()))
    };
    step(Step::WorkingDirectory, rustix::process::chdir(Path::new(&folder)).map_err(named))
}

#[allow(unsafe_code)]
pub(crate) fn null_stdin() -> Result<(), Failed> {
    let opened = || {
        let null = std::fs::File::open("/dev/null")?;
        // SAFETY: both numbers are descriptors of this process; replacing standard input is the
        // point, and no Rust object owns descriptor 0.
        match unsafe { libc::dup2(null.as_raw_fd(), 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    step(Step::Stdin, opened())
}

/// Limits what the command can use up; a lower limit that is in force already stays.
pub(crate) fn limit(resources: &Resources) -> Result<(), Failed> {
    let Resources { processes, file_bytes, memory_bytes, disk_free: _ } = *resources;
    for (resource, most) in
        [(Resource::Nproc, processes), (Resource::Fsize, file_bytes), (Resource::As, memory_bytes)]
    {
        let Some(most) = most else { continue };
        let most = getrlimit(resource).maximum.map_or(most, |allowed| allowed.min(most));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        step(Step::Limits, setrlimit(resource, limit).map_err(io::Error::from))?;
    }
    Ok(())
}

/// Gives up every capability for good, so that an agent run as root starts no root commands.
fn drop_capabilities() -> io::Result<()> {
    let held = capabilities(None)?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        set_capabilities_secure_bits(
            CapabilitiesSecureBits::NO_ROOT
                | CapabilitiesSecureBits::NO_ROOT_LOCKED
                | CapabilitiesSecureBits::NO_SETUID_FIXUP
                | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
                | CapabilitiesSecureBits::KEEP_CAPS_LOCKED,
        )?;
        for bit in CapabilitySet::all().iter() {
            match remove_capability_from_bounding_set(bit) {
                // The kernel knows fewer capabilities than the list.
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Marks every descriptor but the standard streams to be closed when the command is executed.
#[allow(unsafe_code)]
pub(crate) fn close_on_exec() -> Result<(), Failed> {
    const FIRST: libc::c_uint = 3;
    // SAFETY: the call changes a flag of descriptors and reads no memory.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC as libc::c_uint,
        )
    };
    let closed = if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    step(Step::Descriptors, closed)
}

/// Closes every descriptor above the standard streams but those in `kept`.
///
/// What the agent inherited from its own parent without the close-on-exec flag ends here.
#[allow(unsafe_code)]
pub(crate) fn close_all_but(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut numbers: Vec<libc::c_uint> =
        kept.iter().filter_map(|fd| libc::c_uint::try_from(fd.as_raw_fd()).ok()).collect();
    numbers.sort_unstable();
    let mut first = 3;
    for number in numbers.into_iter().chain([libc::c_uint::MAX]) {
        if number > first {
            // SAFETY: called while this process has one thread. What is closed belongs to nobody, or
            // in process 1 to objects of the supervisor's that are never used or dropped there.
            let answer = unsafe {
                libc::syscall(libc::SYS_close_range, first, number - 1, 0 as libc::c_uint)
            };
            if answer != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        first = number.saturating_add(1);
    }
    Ok(())
}

/// Executes the command; it returns only when no file of that name can be executed.
pub(crate) fn exec(
    argv: Vec<crate::launch::Text>,
    env: Vec<(crate::launch::Text, crate::launch::Text)>,
) -> Failed {
    let failed = |code, message| Failed { step: Step::Exec, message, code };
    let argv: Vec<OsString> = argv.into_iter().map(|word| word.into_os_string()).collect();
    let env: Vec<(OsString, OsString)> = env
        .into_iter()
        .map(|(name, value)| (name.into_os_string(), value.into_os_string()))
        .collect();
    let Some(program) = argv.first().cloned() else {
        return failed(EXIT_NOT_FOUND, "no program given".to_owned());
    };
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let strings = |words: Vec<OsString>| -> Result<Vec<CString>, std::ffi::NulError> {
        words.into_iter().map(|word| CString::new(word.into_vec())).collect()
    };
    let variables = env.into_iter().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    let (Ok(argv), Ok(variables)) = (strings(argv), strings(variables.collect())) else {
        return failed(EXIT_SETUP, "an argument or variable holds a NUL byte".to_owned());
    };

    let name = program.to_string_lossy().into_owned();
    let mut refused = None;
    for candidate in candidates(&program, path.as_deref().unwrap_or(OsStr::new(DEFAULT_PATH))) {
        let Ok(file) = CString::new(candidate.into_vec()) else { continue };
        let error = execute(&file, &argv, &variables);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            Some(libc::EACCES) => refused = refused.or(Some(error)),
            Some(libc::E2BIG) => {
                return failed(EXIT_NOT_EXECUTABLE, too_long(&name, &argv, &variables));
            }
            _ => return failed(EXIT_NOT_EXECUTABLE, format!("{name}: {error}")),
        }
    }
    match refused {
        Some(error) => failed(EXIT_NOT_EXECUTABLE, format!("{name}: {error}")),
        None => failed(EXIT_NOT_FOUND, format!("{name}: not found")),
    }
}

/// Says what of a command is too long: the kernel takes 128 KiB in one word, and a share of the
/// stack's limit (2 MiB of 8) in all.
fn too_long(name: &str, argv: &[CString], variables: &[CString]) -> String {
    let bytes = |words: &[CString]| words.iter().map(|word| word.count_bytes() + 1).sum::<usize>();
    format!(
        "{name}: too long to be started: {} bytes of arguments, {} of environment; put long texts into \
         a file",
        bytes(argv),
        bytes(variables)
    )
}

/// Lists the files that a program's name may mean.
fn candidates(program: &OsStr, path: &OsStr) -> Vec<OsString> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.to_owned()];
    }
    if program.is_empty() {
        return vec![];
    }
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program).into_os_string())
        .collect()
}

#[allow(unsafe_code)]
fn execute(file: &CString, argv: &[CString], variables: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, variables) = (pointers(argv), pointers(variables));
    // SAFETY: both lists end with a null pointer and point to strings that outlive the call.
    let exec = || unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), variables.as_ptr()) };
    at_rest(exec);
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_folders_are_searched() {
        let path = OsStr::new("/usr/bin:.::relative:/bin");
        assert_eq!(candidates("ls".as_ref(), path), ["/usr/bin/ls", "/bin/ls"]);
        assert_eq!(candidates("./ls".as_ref(), path), ["./ls"]);
        assert_eq!(candidates("".as_ref(), path), [""; 0]);
    }
}
