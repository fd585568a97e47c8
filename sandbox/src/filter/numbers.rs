//! The part of the filter that looks at the number of a call alone, as a binary search.
//!
//! Most numbers are in no list, and one comparison after the other would be made for every call of
//! theirs. The kernel does so even before: when a filter is installed, it goes through it for each
//! number there is to find those that are always allowed, which took longer than all else.

use libc::{BPF_ABS, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
use seccompiler::{BpfProgram, sock_filter};

/// What a call's number says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is allowed.
    Allow,
    /// It is refused with EPERM.
    Refuse,
    /// It is answered with ENOSYS, as by a kernel that does not have it.
    Unknown,
    /// Its arguments decide: the steps behind these are to look at them.
    Weigh,
}

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The native architecture, as `linux/audit.h` names it.
const NATIVE: u32 = if cfg!(target_arch = "x86_64") { 0xC000_003E } else { 0xC000_00B7 };

/// Bit that marks a call of the x32 ABI; the lists compare whole numbers and would let it through.
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// Builds the steps for calls with these numbers, in ascending order; all others are allowed, but
/// for those of the x32 ABI, which are unknown. A call of another architecture ends the process.
pub(super) fn steps(named: impl IntoIterator<Item = (u32, Answer)>) -> BpfProgram {
    let mut steps = vec![
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, ARCHITECTURE),
        step(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE),
        step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, NUMBER),
    ];
    steps.extend(search(&spans(named)));
    // Where the arguments decide, the rest of the search is passed over.
    let end = steps.len();
    for (at, weigh) in steps.iter_mut().enumerate().filter(|(_, step)| step.code == JUMP) {
        if weigh.k == BEHIND {
            weigh.k = (end - at - 1) as u32;
        }
    }
    steps
}

/// A jump to the end of all steps, before it is known where that is.
const BEHIND: u32 = u32::MAX;
const JUMP: u16 = (BPF_JMP | BPF_JA) as u16;

fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Gives the first number of each span of numbers with one answer, and that answer.
fn spans(named: impl IntoIterator<Item = (u32, Answer)>) -> Vec<(u32, Answer)> {
    let mut spans = vec![(0, Answer::Allow)];
    let mut open = |first: u32, answer: Answer| match spans.last_mut() {
        Some(last) if last.0 == first => last.1 = answer,
        Some(last) if last.1 == answer => {}
        Some(_) | None => spans.push((first, answer)),
    };
    for (number, answer) in named {
        open(number, answer);
        open(number + 1, Answer::Allow);
    }
    open(X32_BIT, Answer::Unknown);
    // An answer that was put in the place of another may be the one before it.
    spans.dedup_by(|next, before| next.1 == before.1);
    spans
}

fn search(spans: &[(u32, Answer)]) -> BpfProgram {
    let errno = |errno: i32| step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32);
    match spans {
        [] => vec![],
        [(_, answer)] => vec![match answer {
            Answer::Allow => step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
            Answer::Refuse => errno(libc::EPERM),
            Answer::Unknown => errno(libc::ENOSYS),
            Answer::Weigh => step(BPF_JMP | BPF_JA, 0, 0, BEHIND),
        }],
        _ => {
            let (low, high) = spans.split_at(spans.len() / 2);
            let middle = high[0].0;
            let (low, high) = (search(low), search(high));
            let choice = match u8::try_from(low.len()) {
                Ok(over) => vec![step(BPF_JMP | BPF_JGE | BPF_K, over, 0, middle)],
                // Farther than a conditional jump reaches.
                Err(_) => vec![
                    step(BPF_JMP | BPF_JGE | BPF_K, 0, 1, middle),
                    step(BPF_JMP | BPF_JA, 0, 0, low.len() as u32),
                ],
            };
            [choice, low, high].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Plays the kernel; none means that the steps behind decide.
    fn play(steps: &[sock_filter], architecture: u32, number: u32) -> Option<u32> {
        let (mut at, mut loaded) = (0, 0);
        while let Some(step) = steps.get(at) {
            let jump = |is_so| usize::from(if is_so { step.jt } else { step.jf });
            at += 1 + match u32::from(step.code) & !BPF_K {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    loaded = if step.k == NUMBER { number } else { architecture };
                    0
                }
                code if code == BPF_JMP | BPF_JEQ => jump(loaded == step.k),
                code if code == BPF_JMP | BPF_JGE => jump(loaded >= step.k),
                code if code == BPF_JMP | BPF_JA => step.k as usize,
                code if code == BPF_RET => return Some(step.k),
                other => panic!("{other}"),
            };
        }
        assert_eq!(at, steps.len(), "no step leads farther than to the end");
        None
    }

    fn said(answer: Answer) -> Option<u32> {
        match answer {
            Answer::Allow => Some(libc::SECCOMP_RET_ALLOW),
            Answer::Refuse => Some(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            Answer::Unknown => Some(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
            Answer::Weigh => None,
        }
    }

    #[test]
    fn each_number_gets_its_own_answer() {
        let few = BTreeMap::from([(0, Answer::Refuse), (1, Answer::Weigh), (3, Answer::Unknown)]);
        // So many that the search is longer than a conditional jump.
        let answers = [Answer::Refuse, Answer::Weigh, Answer::Allow, Answer::Unknown];
        let many = (1..600).map(|n| (n * 3 % 1801, answers[n as usize % 4])).collect();
        for named in [BTreeMap::new(), few, many] {
            let steps = steps(named.clone());
            for number in (0..2000).chain([X32_BIT - 1]) {
                let expected = said(*named.get(&number).unwrap_or(&Answer::Allow));
                assert_eq!(play(&steps, NATIVE, number), expected, "{number}");
            }
            for number in [X32_BIT, X32_BIT | 3, X32_BIT | 2000, u32::MAX] {
                assert_eq!(play(&steps, NATIVE, number), said(Answer::Unknown), "{number}");
            }
            for number in [0, 3, 59, X32_BIT] {
                let expected = Some(libc::SECCOMP_RET_KILL_PROCESS);
                assert_eq!(play(&steps, 0x4000_0003, number), expected, "{number}");
            }
        }
    }

    #[test]
    fn neighbours_share_a_span() {
        let named = [1, 2, 3, 7].map(|number| (number, Answer::Refuse));
        let starts: Vec<u32> = spans(named).iter().map(|(first, _)| *first).collect();
        assert_eq!(starts, [0, 1, 4, 7, 8, X32_BIT]);
    }
}
