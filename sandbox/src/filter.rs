//! The system call filters.
//!
//! A deny list that answers EPERM, because an allow list breaks tool chains and a killed build
//! tells its caller nothing. A search for the number of the call comes first, then rules on the
//! arguments of a few; both are one program, because installing one is the dearest step of a fence.

mod numbers;

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use numbers::Answer;

/// Which sockets a command can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// Pairs only.
    None,
    /// Internet sockets, too: in a network namespace of its own they reach nothing but itself.
    Internet,
}

/// Whether a command sees the user's other processes, and so could name them in a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// It has a process namespace of its own.
    Hidden,
    /// It shares one with them.
    InSight,
}

/// Whether a command can change what a file system keeps with a file that it may only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attributes {
    /// As its user can, or mounts stand in the way.
    Free,
    /// It can't, not even of its own files: no filter sees whose they are.
    Kept,
}

/// `open_tree_attr` of Linux 6.15; the number is the same on all architectures.
const OPEN_TREE_ATTR: i64 = 467;
/// `lsm_set_self_attr` of Linux 6.8.
const LSM_SET_SELF_ATTR: i64 = 460;
/// `file_setattr` of Linux 6.17, which does what [`ATTRIBUTE_REQUESTS`] do.
const FILE_SETATTR: i64 = 469;

/// Requests of `ioctl` that are refused always: they need a descriptor for reading only, and a
/// read-only mount holds none of them back.
const REFUSED_REQUESTS: &[u64] = &[
    // `TIOCSTI` and `TIOCLINUX`: both push text into a terminal's input queue.
    0x5412,
    0x541C,
    // `FS_IOC_ADD_ENCRYPTION_KEY`, `FS_IOC_REMOVE_ENCRYPTION_KEY` and the latter for all users: keys
    // belong to the user, and without his the user's own folders are locked.
    0xC050_6617,
    0xC040_6618,
    0xC040_6619,
    // `BTRFS_IOC_SNAP_CREATE` and its second version: a copy of a whole tree, with everything in it
    // that is withheld, where it can be read.
    0x5000_9401,
    0x5000_9417,
];

/// Requests of `ioctl` that change a file, or make and remove folders, through a descriptor that was
/// opened for reading. Landlock sees no path there, so only a mount or this list holds them.
const ATTRIBUTE_REQUESTS: &[u64] = &[
    // `FS_IOC_SETFLAGS`: a file that can't be changed any more, or can only grow.
    0x4008_6602,
    // `FS_IOC_FSSETXATTR`: the same, and whose quota it counts for.
    0x401C_5820,
    // `FS_IOC_SETVERSION`, and as ext4 numbers it.
    0x4008_7602,
    0x4008_6604,
    // `FS_IOC_ENABLE_VERITY`: a file that can never be written again.
    0x4080_6685,
    // `FS_IOC_SET_ENCRYPTION_POLICY`: a folder that needs a key from then on.
    0x800C_6613,
    // `BTRFS_IOC_SUBVOL_CREATE`, `BTRFS_IOC_SNAP_DESTROY`, their second versions,
    // `BTRFS_IOC_SUBVOL_SETFLAGS` and `BTRFS_IOC_SET_RECEIVED_SUBVOL`: folders anywhere, made, removed
    // or made read-only.
    0x5000_940E,
    0x5000_940F,
    0x5000_9418,
    0x5000_943F,
    0x4008_941A,
    0xC0C8_9425,
];

/// System calls that are refused whatever their arguments.
const REFUSED: &[i64] = &[
    // Other processes' memory and descriptors.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // A second way to every system call, which no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Keyrings belong to the user, not to the command.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Kernel surfaces without a use in a build.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    // Memory that not even the kernel maps: it escapes every accounting but the lock limit.
    libc::SYS_memfd_secret,
    // Changing the security module's state of oneself.
    LSM_SET_SELF_ATTR,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// `fchmodat2` of Linux 6.6; the number is the same on all architectures.
const FCHMODAT2: i64 = 452;

const SET_USER: u64 = libc::S_ISUID as u64;
const O_CREAT: u64 = libc::O_CREAT as u64;

/// System calls that give a file its mode: where the mode stands, and the flags without which there
/// is none.
///
/// A program with the set-user-ID bit would be run with the rights of the agent's user, root's where
/// that is root, by anybody who finds it after the command; `nosuid` holds in the command's view
/// alone. What no filter sees, the mode of `openat2` and of a temporary file, makes an empty file
/// only: the kernel takes the bit away with the first byte written by a process without
/// capabilities. The set-group-ID bit stays allowed, because on folders it is everyday.
const MODES: &[(i64, u8, Option<u8>)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1, None),
    (libc::SYS_fchmod, 1, None),
    (libc::SYS_fchmodat, 2, None),
    (FCHMODAT2, 2, None),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1, None),
    (libc::SYS_mknodat, 2, None),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1, None),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 2, Some(1)),
    (libc::SYS_openat, 3, Some(2)),
];

/// Builds the program that is to be installed.
pub(crate) fn program(
    sockets: Sockets,
    others: Others,
    attributes: Attributes,
) -> Result<BpfProgram, BackendError> {
    let rules = rules(sockets, others, attributes)?;
    let numbers = numbers::steps(answers(&rules));
    let arguments = SeccompFilter::new(
        rules.into_iter().filter(|(_, rules)| !rules.is_empty()).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    Ok([numbers, arguments.try_into()?].concat())
}

/// Says what there is to say of the calls that are not simply allowed, by their numbers.
fn answers(rules: &BTreeMap<i64, Vec<SeccompRule>>) -> BTreeMap<u32, Answer> {
    let answer = |rules: &Vec<_>| if rules.is_empty() { Answer::Refuse } else { Answer::Weigh };
    let ruled = rules.iter().map(|(number, rules)| (*number as u32, answer(rules)));
    // The flags of `clone3` lie in memory that no filter can read. Where there is no such call, the
    // C library falls back to `clone`, whose flags can be seen.
    ruled.chain([(libc::SYS_clone3 as u32, Answer::Unknown)]).collect()
}

fn rules(
    sockets: Sockets,
    others: Others,
    attributes: Attributes,
) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|number| (*number, vec![])).collect();

    let new_user_namespace = libc::CLONE_NEWUSER as u64;
    rules.insert(
        libc::SYS_clone,
        vec![all([arg(0, SeccompCmpOp::MaskedEq(new_user_namespace), new_user_namespace)?])?],
    );

    let mut requests = REFUSED_REQUESTS.to_vec();
    match attributes {
        Attributes::Free => {}
        Attributes::Kept => {
            requests.extend(ATTRIBUTE_REQUESTS);
            rules.insert(FILE_SETATTR, vec![]);
        }
    }
    // The kernel looks at the low half of a request only.
    let request = |number: u64| all([arg(1, SeccompCmpOp::Eq, number)?]);
    rules.insert(libc::SYS_ioctl, requests.into_iter().map(request).collect::<Result<_, _>>()?);

    for &(number, mode, making) in MODES {
        let mut conditions = vec![arg(mode, SeccompCmpOp::MaskedEq(SET_USER), SET_USER)?];
        if let Some(flags) = making {
            // Without it the call has no mode, and the register holds whatever was there before.
            conditions.push(arg(flags, SeccompCmpOp::MaskedEq(O_CREAT), O_CREAT)?);
        }
        rules.insert(number, vec![SeccompRule::new(conditions)?]);
    }

    match others {
        Others::Hidden => {}
        Others::InSight => rules.extend(reaching_others()?),
    }

    let family = |op, family: i32| arg(0, op, family as u64);
    let kind = |(mask, kind): &(u64, u64)| arg(1, SeccompCmpOp::MaskedEq(*mask), *kind);
    let refused = match sockets {
        // No family at all: Unix sockets lead to local daemons, netlink and vsock to the host.
        Sockets::None => vec![],
        Sockets::Internet => {
            let mut refused = vec![all([
                family(SeccompCmpOp::Ne, libc::AF_INET)?,
                family(SeccompCmpOp::Ne, libc::AF_INET6)?,
            ])?];
            for other in NEITHER_STREAM_NOR_DATAGRAM {
                refused.push(all([kind(other)?])?);
            }
            refused
        }
    };
    rules.insert(libc::SYS_socket, refused);

    // A datagram pair accepts a destination in `sendmsg` and so reaches any socket by its path.
    let mut pairs = vec![all([family(SeccompCmpOp::Ne, libc::AF_UNIX)?])?];
    for other in NEITHER_STREAM_NOR_PACKETS {
        pairs.push(all([kind(other)?])?);
    }
    rules.insert(libc::SYS_socketpair, pairs);
    Ok(rules)
}

/// Refuses what would change the limits and the priority of a process by its number.
///
/// Landlock holds signals back, but a limit on processor time or on the size of files ends a process
/// as well, and the kernel asks for no more than the same user. A command changes its own by the
/// number zero, as the C library does. Which processors a thread runs on stays open: libraries for
/// parallel work set it by the thread's number.
fn reaching_others() -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    /// `PRIO_USER` and `IOPRIO_WHO_USER`: all processes of a user, also where zero names him.
    const ALL_OF_A_USER: [u64; 2] = [2, 3];
    let other = |at| arg(at, SeccompCmpOp::Ne, 0);
    // Without a new limit the old one is just asked for.
    let new_limit = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    let mut rules = vec![(libc::SYS_prlimit64, vec![all([other(0)?, new_limit])?])];
    for number in [libc::SYS_sched_setscheduler, libc::SYS_sched_setparam, libc::SYS_sched_setattr]
    {
        rules.push((number, vec![all([other(0)?])?]));
    }
    for (number, user) in
        [libc::SYS_setpriority, libc::SYS_ioprio_set].into_iter().zip(ALL_OF_A_USER)
    {
        let of_a_user = arg(0, SeccompCmpOp::Eq, user)?;
        rules.push((number, vec![all([other(1)?])?, all([of_a_user])?]));
    }
    Ok(rules)
}

/// Types of sockets by some of their bits: a mask, and what is left under it. Together they are all
/// types but `SOCK_STREAM` (0001) and `SOCK_DGRAM` (0010); a comparison for each would make the
/// program longer by a quarter. What the flags above the types are, makes no difference.
const NEITHER_STREAM_NOR_DATAGRAM: &[(u64, u64)] =
    &[(0b0011, 0b0000), (0b0011, 0b0011), (0b0100, 0b0100), (0b1000, 0b1000)];

/// All types but `SOCK_STREAM` (0001) and `SOCK_SEQPACKET` (0101), in the same way.
const NEITHER_STREAM_NOR_PACKETS: &[(u64, u64)] =
    &[(0b0001, 0b0000), (0b0010, 0b0010), (0b1000, 0b1000)];

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

fn arg(index: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, op, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_programs_compile_within_the_kernels_limit() {
        /// `BPF_MAXINSNS` of `linux/bpf_common.h`.
        const LONGEST: usize = 4096;
        for sockets in [Sockets::None, Sockets::Internet] {
            for others in [Others::Hidden, Others::InSight] {
                for attributes in [Attributes::Free, Attributes::Kept] {
                    let program = program(sockets, others, attributes).expect("compiles");
                    assert!(!program.is_empty() && program.len() <= LONGEST);
                }
            }
        }
    }

    #[test]
    fn the_socket_types_that_stay_are_the_two_named() {
        /// `SOCK_TYPE_MASK` of the kernel: the bits above are flags.
        const TYPES: i32 = 0xf;
        for (refused, stay) in [
            (NEITHER_STREAM_NOR_DATAGRAM, [libc::SOCK_STREAM, libc::SOCK_DGRAM]),
            (NEITHER_STREAM_NOR_PACKETS, [libc::SOCK_STREAM, libc::SOCK_SEQPACKET]),
        ] {
            let is_refused = |kind: i32| refused.iter().any(|(mask, it)| kind as u64 & mask == *it);
            for flags in [0, libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0x10] {
                for kind in 0..=TYPES {
                    assert_eq!(is_refused(kind | flags), !stay.contains(&kind), "{kind} {flags}");
                }
            }
        }
    }

    #[test]
    fn what_is_refused_is_known_by_its_number() {
        let answers =
            answers(&rules(Sockets::None, Others::Hidden, Attributes::Free).expect("right"));
        for number in REFUSED {
            assert_eq!(answers.get(&(*number as u32)), Some(&Answer::Refuse), "{number}");
        }
        for (number, answer) in [
            (libc::SYS_clone3, Some(Answer::Unknown)),
            (libc::SYS_clone, Some(Answer::Weigh)),
            (libc::SYS_socket, Some(Answer::Refuse)),
            (libc::SYS_socketpair, Some(Answer::Weigh)),
            (libc::SYS_read, None),
        ] {
            assert_eq!(answers.get(&(number as u32)).copied(), answer, "{number}");
        }
    }
}
