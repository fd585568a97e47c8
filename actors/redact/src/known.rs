//! Which values count as secret, and the forms in which one may turn up.

/// Fewest bytes of a value that is looked for; anything shorter turns up by chance.
const MIN_BYTES: usize = 8;
/// Most bytes of a value that is looked for.
const MAX_BYTES: usize = 16 << 10;
/// Fewest different bytes in a value: what has fewer is a placeholder such as `********`.
const MIN_DISTINCT: usize = 4;
/// Fewest letters of a value that holds nothing but letters; a shorter one is a word.
const MIN_LETTERS: usize = 16;

/// Parts of a name that mark a secret, compared without regard to case.
const PARTS: [&str; 9] =
    ["KEY", "SECRET", "TOKEN", "PASSW", "PASSPHRASE", "CREDENTIAL", "COOKIE", "PRIVATE", "BEARER"];
/// Ends of a name that mark a secret.
const ENDS: [&str; 4] = ["_PAT", "_PASS", "_PWD", "_AUTH"];
/// Ends of a name that say where a secret is, or what it is like.
const ELSEWHERE: [&str; 12] = [
    "_FILE",
    "_PATH",
    "_DIR",
    "_HOME",
    "_SOCK",
    "_URL",
    "_URI",
    "_ENDPOINT",
    "_ISSUER",
    "_NAME",
    "_TYPE",
    "_ID",
];

/// A value that must not be kept, and the name that stands for it in markers.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    name: String,
    value: String,
}

// Never shows the value.
impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Known {
    /// Takes a value up, unless it is too short or too plain to be told from ordinary text: a word, a
    /// number, a path, a name.
    pub fn new(name: &str, value: &str) -> Option<Known> {
        let value = value.trim();
        (!is_trivial(value)).then(|| Known { name: label(name), value: value.to_owned() })
    }

    /// Gives the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }
}

/// Tells whether the name of a variable or field says that its value is secret.
pub fn says_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let marked =
        PARTS.iter().any(|part| name.contains(part)) || ENDS.iter().any(|end| name.ends_with(end));
    // The id of a key is often half of what it takes, so it counts where the key does.
    let id_of_key = name.ends_with("KEY_ID") || name.ends_with("SECRET_ID");
    marked && (id_of_key || !ELSEWHERE.iter().any(|end| name.ends_with(end)))
}

/// Gives what a variable or field with this name and value holds of secrets: all of it when the name
/// says so, the password when it is an address with one.
pub fn named(name: &str, value: &str) -> Option<Known> {
    if says_secret(name) {
        return Known::new(name, value);
    }
    let (_, rest) = value.split_once("://")?;
    let (login, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    Known::new(name, login.split_once(':')?.1)
}

/// Gives a name as a marker can hold it.
fn label(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    name.chars().take(64).map(plain).collect()
}

fn is_trivial(value: &str) -> bool {
    let bytes = value.as_bytes();
    if !(MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        return true;
    }
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    if seen.iter().filter(|seen| **seen).count() < MIN_DISTINCT {
        return true;
    }
    let all = |fits: fn(u8) -> bool| bytes.iter().all(|byte| fits(*byte));
    // A number, a date, a version, an address.
    let number = all(|byte| byte.is_ascii_digit() || b".,:+-/ TZ".contains(&byte));
    let letters = all(|byte| byte.is_ascii_alphabetic() || b"_-. ".contains(&byte));
    // The name of another variable.
    let constant = all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    number || constant || (letters && bytes.len() < MIN_LETTERS) || is_path(value)
}

fn is_path(value: &str) -> bool {
    let rooted = ["/", "~/", "./", "../"].iter().any(|root| value.starts_with(root));
    // Base64 may begin with a slash too.
    let has = |kind: fn(&char) -> bool| value.chars().any(|c| kind(&c));
    let mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_digit);
    rooted && !(mixed && value.len() >= 32 && !value.contains('.'))
}

/// Gives every form in which a value is looked for; the value itself first.
pub(crate) fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec()];
    let mut add = |form: Vec<u8>| {
        if !forms.contains(&form) {
            forms.push(form);
        }
    };
    for alphabet in [STANDARD, URL_SAFE] {
        for shift in 0..3 {
            add(base64_core(value.as_bytes(), shift, alphabet));
        }
    }
    for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
        add(percent(value.as_bytes(), digits));
    }
    if let Ok(quoted) = serde_json::to_string(value) {
        add(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
    }
    forms
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Gives the letters that a value has in base64 whatever stands around it, when so many bytes of its
/// group of three come before it. At either end a letter that others share is left out.
fn base64_core(value: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bit = |at: usize| {
        let byte = value[at / 8 - shift];
        (byte >> (7 - at % 8)) & 1
    };
    let first = (8 * shift).div_ceil(6);
    let end = 8 * (shift + value.len()) / 6;
    let letter = |letter: usize| {
        let bits = (6 * letter..6 * letter + 6).fold(0, |bits, at| bits << 1 | bit(at));
        alphabet[usize::from(bits)]
    };
    (first..end).map(letter).collect()
}

fn percent(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(*byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            encoded.extend([b'%', digits[high], digits[low]]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_secret() {
        for name in [
            "OPENAI_API_KEY",
            "aws_secret_access_key",
            "AWS_ACCESS_KEY_ID",
            "VAULT_SECRET_ID",
            "GITHUB_TOKEN",
            "PGPASSWORD",
            "SSH_PASSPHRASE",
            "AZURE_PAT",
            "SMTP_PASS",
            "DB_PWD",
            "SESSION_COOKIE",
            "access_token",
        ] {
            assert!(says_secret(name), "{name}");
        }
        for name in
            ["PATH", "PWD", "OLDPWD", "SSH_KEY_PATH", "TOKEN_URL", "AUTHOR", "HOME", "PATTERN"]
        {
            assert!(!says_secret(name), "{name}");
        }
    }

    #[test]
    fn plain_values_are_no_secrets() {
        for value in [
            "",
            "short",
            "password",
            "Development",
            "my-test-key",
            "12345678",
            "2026-01-02T03:04:05Z",
            "192.168.100.200",
            "********",
            "OPENAI_API_KEY",
            "/run/secrets/db",
            "~/.ssh/id_ed25519",
            "/home/Me2/a-longer/path/with/some.key",
        ] {
            assert_eq!(Known::new("X_KEY", value), None, "{value}");
        }
        for value in [
            "hunter22",
            "correct horse battery staple",
            "/9J4AAQSkZJRgABAQEAYABgAAD5H1QaZ2Ws3Edc4R",
            "s3cr3t/with/slashes",
        ] {
            assert!(Known::new("X_KEY", value).is_some(), "{value}");
        }
    }

    #[test]
    fn the_password_of_an_address_is_secret_whatever_the_variable_is_called() {
        let known = named("DATABASE_URL", "postgres://app:hunter22@db/prod?x=1").expect("a secret");
        assert_eq!((known.name(), known.value()), ("DATABASE_URL", "hunter22"));
        assert_eq!(named("DATABASE_URL", "postgres://db/prod"), None);
        assert_eq!(named("EDITOR", "a-value-of-16-bytes"), None);
        assert!(!format!("{known:?}").contains("hunter22"));
    }

    #[test]
    fn a_value_has_its_base64_letters_at_every_shift() {
        // What `printf '%sABCDEFGHIJK' x… | base64` gives, without the shared letters.
        let cores = [0, 1, 2].map(|shift| base64_core(b"ABCDEFGHIJK", shift, STANDARD));
        let cores = cores.map(|core| String::from_utf8(core).expect("letters"));
        assert_eq!(cores, ["QUJDREVGR0hJSk", "FCQ0RFRkdISUpL", "BQkNERUZHSElKS"]);
    }
}
