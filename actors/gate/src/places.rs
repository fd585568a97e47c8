//! Operands that are more than files to look at: secrets, devices, other processes.

use std::path::{Component, Path, PathBuf};

use crate::script::Word;

/// The folders that relative operands may be meant from.
#[derive(Clone, Debug)]
pub(crate) struct Places(Vec<PathBuf>);

/// How many folders `cd` may lead to in one script.
const MOST: usize = 16;

/// Names of files that hold secrets, in lower case.
const SECRET_FILES: &[&str] = &[
    "auth.json",
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    "sudoers",
    "master.passwd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "known_hosts",
    "authorized_keys",
    "kubeconfig",
    "wallet.dat",
    "htpasswd",
    "secring.gpg",
    "keystore.jks",
    "krb5.keytab",
];

/// Beginnings of the names of hidden files and folders that hold secrets, in lower case.
const SECRET_HIDDEN: &[&str] = &[
    ".env",
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".netrc",
    ".docker",
    ".kube",
    ".npmrc",
    ".yarnrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".git-credentials",
    ".htpasswd",
    ".vault-token",
    ".terraform.d",
    ".terraformrc",
    ".boto",
    ".s3cfg",
    ".gem",
    ".m2",
    ".mozilla",
    ".password-store",
    ".thunderbird",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".history",
    ".node_repl_history",
    ".sqlite_history",
    ".mysql_history",
    ".rediscli_history",
    ".lesshst",
    ".viminfo",
    ".gitconfig",
    ".databrickscfg",
    ".dockercfg",
    ".keys",
    ".secret",
    ".token",
    ".credential",
    ".oci",
    ".config",
];

/// Endings of the names of files that hold secrets, in lower case.
const SECRET_ENDINGS: &[&str] = &[
    ".env",
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".kdbx",
    ".keytab",
    ".ppk",
    ".asc",
    ".gpg",
];

/// Files of the kernel that say nothing of processes.
const KERNEL: &[&str] = &[
    "cpuinfo",
    "meminfo",
    "loadavg",
    "uptime",
    "version",
    "filesystems",
    "stat",
    "partitions",
    "swaps",
];

impl Places {
    /// What is relative is meant from this absolute folder.
    pub(crate) fn of(cwd: &Path) -> Places {
        Places(vec![cwd.to_owned()])
    }

    /// Adds the folders that `cd` may lead to. It may also fail, or run in a process of its own, so
    /// those from before stay.
    pub(crate) fn enter(&mut self, folder: &str) -> Result<(), String> {
        let reached: Vec<_> = self.0.iter().map(|place| normal(&place.join(folder))).collect();
        self.0.extend(reached);
        self.0.sort();
        self.0.dedup();
        if self.0.len() > MOST {
            return Err("the script changes its folder too often".to_owned());
        }
        Ok(())
    }

    /// Checks an operand that may have a glob.
    pub(crate) fn check_word(&self, word: &Word) -> Result<(), String> {
        match word.glob {
            Some(at) => self.check_glob(&word.text, at),
            None => self.check(&word.text),
        }
    }

    /// Checks an operand, or the value of an option, which may name a file.
    pub(crate) fn check(&self, operand: &str) -> Result<(), String> {
        let refused = |what: &str| Err(format!("`{operand}` {what}"));
        if operand.contains('\0') {
            return refused("has a NUL byte");
        }
        // Quotes that are part of a name are as good as none: who wrote them meant the file without.
        let bare = unquoted(operand);
        let lower = bare.to_lowercase();
        // A value can hold a path in one of its parts.
        for part in lower.split(['=', ',', ':', ' ', '\n', '\t']).chain([lower.as_str()]) {
            if part.split('/').any(is_secret) {
                return refused("may hold secrets");
            }
        }
        for place in &self.0 {
            if let Some(what) = special(&normal(&place.join(&bare))) {
                return refused(what);
            }
        }
        Ok(())
    }

    /// Checks what a glob may expand to.
    fn check_glob(&self, pattern: &str, at: usize) -> Result<(), String> {
        self.check(&pattern.replace(['*', '?', '[', ']'], ""))?;
        self.check(&without_glob(pattern))?;
        let refused = || Err(format!("`{pattern}` may match secrets or devices"));
        let folder_end = pattern[..at].rfind('/').map_or(0, |slash| slash + 1);
        let folder = &pattern[..folder_end];
        let in_folders = pattern[at..].contains('/');
        let name = pattern[folder_end..].rsplit('/').next().unwrap_or_default().to_lowercase();
        let hidden = pattern[folder_end..].starts_with('.') || pattern[at..].contains("/.");
        if hidden || [unquoted(&name), without_brackets(&name)].iter().any(|it| names_a_secret(it))
        {
            return refused();
        }
        for place in &self.0 {
            let folder = normal(&place.join(folder));
            // In these folders a glob reaches what its letters don't say.
            let broad = ["/", "/etc", "/root", "/home", "/run", "/var/run"];
            let inside = place != Path::new("/") && folder.starts_with(place);
            let outside = !inside && folder.components().count() <= 3;
            let climbs = pattern[at..].split('/').any(|part| part == "..");
            if climbs
                || broad.iter().any(|it| folder == Path::new(it))
                || (in_folders && outside)
                || folder.starts_with("/etc")
            {
                return refused();
            }
        }
        Ok(())
    }
}

/// A pattern without what matches anything.
pub(crate) fn without_glob(pattern: &str) -> String {
    let mut plain = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?', '[']) {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let group = rest[at..].starts_with('[').then(|| after.find(']')).flatten();
        rest = group.map_or(after, |end| &after[end + 1..]);
    }
    plain + rest
}

/// A pattern without its bracket expressions.
fn without_brackets(pattern: &str) -> String {
    let mut plain = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        rest = after.split_once(']').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

/// Tells whether the last part of a glob, in lower case, was written for something secret.
///
/// `*` and `*.json` were not, although they match secrets as well: they match whatever there is.
fn names_a_secret(pattern: &str) -> bool {
    let (stem, ending) = pattern.rsplit_once('.').unwrap_or((pattern, ""));
    let says = |text: &str| text.bytes().any(|it| !b"*?[]".contains(&it));
    if ending.is_empty() && !says(pattern) {
        return !pattern.ends_with('*');
    }
    let wide = !says(stem) && !ending.bytes().any(|it| b"*?[]".contains(&it));
    let named = ["credential", "credentials", "secret", "secrets", "token"];
    let whole = SECRET_FILES.iter().chain(&named).any(|name| matches(pattern, name));
    let parts = SECRET_ENDINGS.iter().any(|end| matches(pattern, &format!("x{end}")));
    (whole && !wide) || parts
}

/// Tells whether a glob matches a name; a bracket expression is taken to match any letter.
fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let after_one = |rest: &str| {
        let mut name = name.chars();
        name.next().is_some() && matches(rest, name.as_str())
    };
    match first {
        '*' => matches(rest, name) || after_one(pattern),
        '?' => after_one(rest),
        '[' => after_one(rest.split_once(']').map_or(rest, |(_, rest)| rest)),
        letter => name.starts_with(letter) && matches(rest, &name[letter.len_utf8()..]),
    }
}

/// Reads a text as a person would: without the quotes that a shell would have taken out, had it seen them,
/// and with plain letters for those that only look like them.
pub(crate) fn unquoted(text: &str) -> String {
    let plain = text.chars().filter(|it| !matches!(it, '\'' | '"' | '\\'));
    plain.map(|it| alike(it).unwrap_or(it)).collect()
}

/// The letter of ASCII that another one looks like.
fn alike(letter: char) -> Option<char> {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{2024}' => Some('.'),
        '\u{2044}' | '\u{2215}' => Some('/'),
        _ => {
            let at = "\u{430}\u{435}\u{43e}\u{440}\u{441}\u{443}\u{445}\u{456}\u{458}\u{455}\u{501}\u{4bb}\u{43a}\u{3bd}\u{3bf}\u{3b1}\u{131}"
                .chars()
                .position(|it| it == letter)?;
            "aeopcyxijsdhkvoai".chars().nth(at)
        }
    }
}

/// Tells whether a part of a path, in lower case, is the name of something secret.
fn is_secret(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let data =
        [".json", ".yml", ".yaml", ".toml", ".txt", ".ini", ".xml", ".properties", ".tfvars"];
    name.contains("credential")
        || name.contains("password") && data.iter().any(|it| name.ends_with(it))
        || matches!(stem, "secret" | "secrets" | "token" | "tokens")
            && (stem == name || data.iter().any(|it| name.ends_with(it)))
        || SECRET_FILES.contains(&name)
        || SECRET_HIDDEN.iter().any(|it| name.starts_with(it))
        || SECRET_ENDINGS.iter().any(|it| name.ends_with(it))
        || name.starts_with("ssh_host_") && !name.ends_with(".pub")
}

/// Says what is special about an absolute path without `.` and `..`.
fn special(path: &Path) -> Option<&'static str> {
    let parts: Vec<_> =
        path.components().skip(1).map(|it| it.as_os_str().to_string_lossy()).collect();
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts[..] {
        ["dev", "null"] => None,
        ["dev", ..] => Some("is a device"),
        ["proc", file] if KERNEL.contains(&file) => None,
        ["proc", ..] => Some("tells of other processes"),
        ["sys", "kernel" | "firmware", ..] => Some("belongs to the kernel"),
        _ => None,
    }
}

/// Takes `.` and `..` out of an absolute path, by its letters alone.
fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain
}
