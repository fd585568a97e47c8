//! Lines that report a refusal.

/// What a line reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// EROFS.
    ReadOnly,
    /// EACCES.
    Access,
    /// EPERM.
    NotPermitted,
    /// EXDEV, which landlock answers when something would move into or out of a root.
    CrossDevice,
    /// EBUSY, with which a mount answers that is to be moved or removed.
    Busy,
    /// ENOENT, with which an emptied folder answers.
    Missing,
    /// ESRCH, with which a process answers that a process namespace hides.
    NoProcess,
    /// ECONNREFUSED, with which a loopback of its own answers.
    Refused,
    /// A network that is not there: no name resolved, no route.
    Unreachable,
    /// A file could not be opened or written; the error's name is not told.
    Vague,
    /// The kernel keeps the program from gaining privileges.
    Privileges,
}

/// How each sign is worded: by the C library, by the names of its errors, by their numbers as
/// runtimes print them. All lower case; the first match counts, so what says more stands first.
const PHRASES: &[(Sign, &[&str])] = &[
    (Sign::Privileges, &["\"no new privileges\" flag is set", "no new privileges"]),
    (
        Sign::Unreachable,
        &[
            "could not resolve",
            "couldn't resolve",
            "unable to resolve host",
            "temporary failure in name resolution",
            "temporary failure resolving",
            "name or service not known",
            "no address associated with hostname",
            "nodename nor servname provided",
            "failed to lookup address",
            "failed to resolve address",
            "eai_again",
            "enotfound",
            "unknownhostexception",
            "unresolvedaddressexception",
            "network is unreachable",
            "network unreachable",
            "no route to host",
            "enetunreach",
            "ehostunreach",
            "couldn't connect to server",
            "could not connect to server",
            "failed to connect to",
            "cannot connect to the docker daemon",
        ],
    ),
    (Sign::ReadOnly, &["read-only file system", "erofs", "readonly database"]),
    (Sign::CrossDevice, &["invalid cross-device link", "cross-device link not permitted", "exdev"]),
    (Sign::Busy, &["device or resource busy", "resource busy or locked", "ebusy"]),
    (Sign::NotPermitted, &["operation not permitted", "eperm", "(os error 1)"]),
    (
        Sign::Access,
        &["permission denied", "eacces", "accessdeniedexception", "insufficient permission"],
    ),
    (Sign::Vague, &["unable to open database", "error while writing"]),
    (Sign::Refused, &["connection refused", "econnrefused"]),
    (Sign::NoProcess, &["no such process", "esrch"]),
    (Sign::Missing, &["no such file or directory", "enoent", "filenotfoundexception"]),
];

/// Words of others, who refuse for reasons of their own.
const FOREIGN: &[&str] =
    &["(publickey", "permission denied for ", "permission denied to ", "http 403", "403 forbidden"];

impl Sign {
    /// Reads what a line reports, if it reports a refusal.
    ///
    /// The words must stand as a report does: not as part of a longer word, and not between quotes,
    /// as in the code or the expectation of a test.
    pub(super) fn read(line: &str) -> Option<Sign> {
        let lower = line.to_lowercase();
        if FOREIGN.iter().any(|phrase| lower.contains(phrase)) || is_aside(&lower) {
            return None;
        }
        let sign = PHRASES.iter().find_map(|(sign, phrases)| {
            phrases.iter().any(|phrase| reports(&lower, phrase, *sign)).then_some(*sign)
        })?;
        // Tries that failed are told as warnings before the last one is told as an error.
        (sign == Sign::Unreachable || !is_warning(&lower)).then_some(sign)
    }
}

/// Tells whether a line is only a remark, or is code and no message.
fn is_aside(lower: &str) -> bool {
    let line = lower.trim_start();
    let made_up = ["permissionerror", "oserror"]
        .iter()
        .any(|name| line.starts_with(name) && !line.contains("[errno"));
    made_up
        || line.starts_with("raise ")
        || line.starts_with("throw ")
        || line.starts_with("assert")
        || line.starts_with("expected")
        || line.starts_with("note:")
        // One side of a comparison.
        || line.starts_with("- ")
        || line.starts_with("+ ")
}

fn is_warning(lower: &str) -> bool {
    lower.trim_start().starts_with("warning:") || lower.contains(" warning: ")
}

fn reports(lower: &str, phrase: &str, sign: Sign) -> bool {
    lower.match_indices(phrase).any(|(start, found)| {
        let before = lower[..start].chars().next_back();
        let after = lower[start + found.len()..].chars().next();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let is_quote = |c: char| matches!(c, '"' | '\'' | '`');
        // Python quotes the error of a connection within that of the request.
        let is_nested = sign == Sign::Unreachable && after.is_some_and(is_quote);
        !before.is_some_and(|c| is_word(c) || is_quote(c))
            && (is_nested || !after.is_some_and(|c| is_word(c) || is_quote(c)))
    })
}
