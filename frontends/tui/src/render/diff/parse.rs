//! Diffs read for showing: whatever is there is shown, also of one that is cut short or broken.

use super::{Fate, FileDiff, Hunk, Sign};

impl FileDiff {
    fn new(path: &str, fate: Fate) -> FileDiff {
        FileDiff { path: path.to_owned(), to: None, fate, hunks: Vec::new() }
    }

    fn hunk(&mut self) -> &mut Hunk {
        if self.hunks.is_empty() {
            self.hunks.push(Hunk::default());
        }
        let last = self.hunks.len() - 1;
        &mut self.hunks[last]
    }

    fn push(&mut self, sign: Sign, line: &str) {
        self.hunk().lines.push((sign, line.to_owned()));
    }
}

/// Reads a patch in the format of `apply_patch`.
pub(in super::super) fn patch(text: &str) -> Vec<FileDiff> {
    let mut files: Vec<FileDiff> = Vec::new();
    for line in text.lines() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(path) = line.strip_prefix("*** Add File: ") {
            let mut file = FileDiff::new(path.trim(), Fate::Added);
            file.hunks.push(Hunk { at: Some((0, 1)), ..Hunk::default() });
            files.push(file);
            continue;
        }
        if let Some(path) = line.strip_prefix("*** Delete File: ") {
            files.push(FileDiff::new(path.trim(), Fate::Deleted));
            continue;
        }
        if let Some(path) = line.strip_prefix("*** Update File: ") {
            files.push(FileDiff::new(path.trim(), Fate::Edited));
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        if let Some(path) = line.strip_prefix("*** Move to: ") {
            file.to = Some(path.trim().to_owned());
        } else if line.trim_end() == "*** End Patch" {
            break;
        } else if line.starts_with("*** End of File") {
        } else if let Some(title) = line.strip_prefix("@@") {
            let title = title.trim();
            match file.hunks.last_mut() {
                // Several of them in a row narrow the place.
                Some(last) if last.lines.is_empty() => {
                    last.title = format!("{} {title}", last.title)
                }
                _ => file.hunks.push(Hunk { title: title.to_owned(), ..Hunk::default() }),
            }
        } else if let Some(line) = line.strip_prefix('+') {
            file.push(Sign::Added, line);
        } else if let Some(line) = line.strip_prefix('-') {
            file.push(Sign::Removed, line);
        } else {
            file.push(Sign::Same, line.strip_prefix(' ').unwrap_or(line));
        }
    }
    files
}

/// Reads a unified diff, as git prints it.
pub(in super::super) fn unified(text: &str) -> Vec<FileDiff> {
    let mut files: Vec<FileDiff> = Vec::new();
    // Lines of the hunk that are still to come, before and after.
    let mut left = (0_u64, 0_u64);
    for line in text.lines() {
        // No line of a hunk begins so: its lengths are wrong.
        if line.starts_with("@@ ") || line.starts_with("diff --git ") {
            left = (0, 0);
        }
        if left != (0, 0)
            && let Some(file) = files.last_mut()
        {
            let (sign, old, new) = match line.as_bytes().first() {
                Some(b'+') => (Sign::Added, 0, 1),
                Some(b'-') => (Sign::Removed, 1, 0),
                Some(b'\\') => continue,
                Some(_) | None => (Sign::Same, 1, 1),
            };
            let text = line.get(1..).unwrap_or_default();
            file.push(sign, text.strip_suffix('\r').unwrap_or(text));
            left = (left.0.saturating_sub(old), left.1.saturating_sub(new));
            continue;
        }
        if let Some(names) = line.strip_prefix("diff --git ") {
            // Names with spaces are told again below, unless nothing but a mode changes.
            let name = names.split(" b/").last().unwrap_or(names);
            files.push(FileDiff::new(name.trim_matches('"'), Fate::Edited));
            continue;
        }
        if let Some(name) = line.strip_prefix("--- ") {
            let named = name_of(name, "a/");
            match files.last_mut() {
                Some(file) if file.hunks.is_empty() => {
                    if let (Some(named), None) = (named, &file.to) {
                        file.path = named;
                    }
                }
                _ => files.push(FileDiff::new(&named.unwrap_or_default(), Fate::Edited)),
            }
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        if let Some(name) = line.strip_prefix("+++ ") {
            match name_of(name, "b/") {
                None => file.fate = Fate::Deleted,
                Some(named) if file.path.is_empty() => {
                    file.path = named;
                    file.fate = Fate::Added;
                }
                Some(_) => {}
            }
        } else if line.starts_with("new file mode") {
            file.fate = Fate::Added;
        } else if line.starts_with("deleted file mode") {
            file.fate = Fate::Deleted;
        } else if let Some(name) = line.strip_prefix("rename from ") {
            file.path = name.trim_matches('"').to_owned();
        } else if let Some(name) = line.strip_prefix("rename to ") {
            file.to = Some(name.trim_matches('"').to_owned());
        } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
            file.fate = Fate::Binary;
        } else if let Some((at, lengths, title)) = place(line) {
            left = lengths;
            file.hunks.push(Hunk { at: Some(at), title, lines: Vec::new() });
        }
    }
    files
}

/// Gives the name of a file; none where there is no such file.
fn name_of(name: &str, side: &str) -> Option<String> {
    // A tab parts the name from a time.
    let name = name.split('\t').next().unwrap_or(name).trim_matches('"');
    (name != "/dev/null").then(|| name.strip_prefix(side).unwrap_or(name).to_owned())
}

type Place = ((u64, u64), (u64, u64), String);

/// Reads `@@ -1,2 +3,4 @@ title`.
fn place(line: &str) -> Option<Place> {
    let (numbers, title) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = numbers.split_once(" +")?;
    let range = |text: &str| -> Option<(u64, u64)> {
        match text.split_once(',') {
            Some((begin, length)) => Some((begin.parse().ok()?, length.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    let (old, new) = (range(old)?, range(new)?);
    Some(((old.0, new.0), (old.1, new.1), title.trim().to_owned()))
}
