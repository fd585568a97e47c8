//! Numbers, times and paths as cells put them.

#[cfg(test)]
mod tests;

use codex_view::sanitize;

use super::Look;

/// Puts milliseconds into words: exact where little matters, short where much does.
pub(super) fn duration(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms}ms"),
        seconds @ 1..10 => format!("{seconds}.{}s", ms % 1000 / 100),
        seconds => running(seconds * 1000),
    }
}

/// Puts a time that still runs into words, which change once a second at most.
pub(super) fn running(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Puts a number of tokens into words: `847`, `12.3k`, `1.2M`.
pub(super) fn tokens(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        1000..100_000 => format!("{}.{}k", number / 1000, number % 1000 / 100),
        100_000..1_000_000 => format!("{}k", number / 1000),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// Puts a size into words: `847 B`, `12.3 kB`, `9.9 MB`.
pub(super) fn bytes(number: usize) -> String {
    match number {
        0..1000 => format!("{number} B"),
        1000..1_000_000 => format!("{}.{} kB", number / 1000, number % 1000 / 100),
        _ => format!("{}.{} MB", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// Puts a count and what is counted into words, `one` being the word for one.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Shortens the path of a session's own folder, which is not told from itself.
pub(super) fn path_of_session(folder: &str, look: &Look<'_>) -> String {
    path(folder, &Look { cwd: "/", ..*look })
}

/// Shortens a path: below the session's folder to what is below it, below the home to `~/…`.
pub(super) fn path(path: &str, look: &Look<'_>) -> String {
    let below = |folder: &str| {
        let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(rest.to_owned()),
            None => rest.is_empty().then(String::new),
        }
    };
    let home = look.home.filter(|home| home.len() > 1);
    let cwd = Some(look.cwd).filter(|cwd| cwd.len() > 1);
    let short = match (cwd.and_then(below), home.and_then(below)) {
        (Some(rest), _) if rest.is_empty() => ".".to_owned(),
        (Some(rest), _) => rest,
        (None, Some(rest)) if rest.is_empty() => "~".to_owned(),
        (None, Some(rest)) => format!("~/{rest}"),
        (None, None) => path.to_owned(),
    };
    sanitize::visible(&short)
}
