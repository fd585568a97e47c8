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
        let lower = operand.to_lowercase();
        // A value can hold a path in one of its parts.
        for part in lower.split(['=', ',', ':', ' ', '\n', '\t']).chain([lower.as_str()]) {
            if part.split('/').any(is_secret) {
                return refused("may hold secrets");
            }
        }
        for place in &self.0 {
            if let Some(what) = special(&normal(&place.join(operand))) {
                return refused(what);
            }
        }
        Ok(())
    }

    /// Checks what a glob may expand to.
    fn check_glob(&self, pattern: &str, at: usize) -> Result<(), String> {
        self.check(pattern)?;
        let refused = || Err(format!("`{pattern}` may match secrets or devices"));
        let folder_end = pattern[..at].rfind('/').map_or(0, |slash| slash + 1);
        let (folder, stem) = (&pattern[..folder_end], pattern[folder_end..at].to_lowercase());
        let in_folders = pattern[at..].contains('/');
        let hidden = stem.starts_with('.') || pattern[at..].contains("/.");
        let begins = !stem.is_empty()
            && SECRET_FILES.iter().chain(&["credential", "secret"]).any(|it| it.starts_with(&stem));
        let ends = SECRET_ENDINGS.iter().any(|it| {
            pattern.to_lowercase().rsplit('*').next().is_some_and(|end| {
                !end.is_empty() && (it.ends_with(end) || end.contains('?') || end.contains('['))
            })
        });
        if hidden || begins || (ends && !pattern.ends_with('*')) {
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
