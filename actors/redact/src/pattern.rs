//! Forms that only credentials have. Each begins with a word that is found by machine, and looks
//! ahead from there.

use std::ops::Range;

use crate::scan::More;

/// Most bytes of a token.
const MAX_TOKEN: usize = 4 << 10;
/// Most bytes of a block with a private key.
const MAX_BLOCK: usize = 32 << 10;

/// Bytes that are looked through, and what surrounds them.
pub(crate) struct Text<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) before: [u8; 2],
    pub(crate) more: More,
}

/// What a look ahead gives.
pub(crate) enum Seen {
    /// It is no secret.
    Nothing,
    /// The bytes end before that can be told.
    Part,
    /// It is a secret of this name.
    Secret(&'static str, Range<usize>),
}

/// A form.
pub(crate) struct Pattern {
    /// The words that it begins with.
    pub(crate) anchors: &'static [&'static str],
    /// Looks ahead from such a word, which lies between these positions.
    pub(crate) look: fn(&Text<'_>, usize, usize) -> Seen,
}

/// The names that patterns give to secrets.
pub(crate) const NAMES: [&str; 13] = [
    "openai-key",
    "anthropic-key",
    "github-token",
    "slack-token",
    "aws-key-id",
    "google-key",
    "gitlab-token",
    "npm-token",
    "jwt",
    "private-key",
    "authorization",
    "url-password",
    "stripe-key",
];

/// All forms.
pub(crate) const ALL: &[Pattern] = &[
    Pattern { anchors: &["sk-"], look: sk },
    Pattern { anchors: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], look: github },
    Pattern { anchors: &["github_pat_"], look: github_pat },
    Pattern { anchors: &["xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-", "xoxe-"], look: slack },
    Pattern { anchors: &["AKIA", "ASIA"], look: aws },
    Pattern { anchors: &["AIza"], look: google },
    Pattern { anchors: &["glpat-"], look: gitlab },
    Pattern { anchors: &["npm_"], look: npm },
    Pattern { anchors: &["sk_live_", "rk_live_"], look: stripe },
    Pattern { anchors: &["eyJ"], look: jwt },
    Pattern { anchors: &["-----BEGIN "], look: private_key },
    Pattern { anchors: &["Authorization", "authorization", "AUTHORIZATION"], look: authorization },
    Pattern { anchors: &["://"], look: url_password },
];

fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    alnum(byte) || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

impl Text<'_> {
    /// Tells whether a token may begin here: not in the middle of a word, but after an escape such as
    /// `\n`, as texts within texts have it.
    fn begins(&self, at: usize) -> bool {
        let back = |steps: usize| match at.checked_sub(steps) {
            Some(at) => self.bytes[at],
            None => self.before[2 + at - steps],
        };
        let (last, escape) = (back(1), back(2));
        !word(last) || (escape == b'\\' && b"nrt".contains(&last))
    }

    /// Gives where a run of such bytes ends; none when that can't be told yet.
    fn run(&self, from: usize, most: usize, fits: fn(u8) -> bool) -> Option<usize> {
        let end = self.bytes.len().min(from.saturating_add(most));
        let length = self.bytes[from..end].iter().take_while(|byte| fits(**byte)).count();
        let open = from + length == self.bytes.len() && length < most && self.more == More::May;
        (!open).then_some(from + length)
    }

    fn at(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Tells whether bytes are these, as far as they have come.
    fn is(&self, at: usize, wanted: &[u8]) -> Is {
        let there = &self.bytes[at.min(self.bytes.len())..];
        match there.len() < wanted.len() {
            _ if there.starts_with(wanted) => Is::So,
            true if wanted.starts_with(there) && self.more == More::May => Is::Part,
            _ => Is::Not,
        }
    }
}

enum Is {
    So,
    Not,
    Part,
}

/// A token of a prefix and a body between so many bytes.
fn token(
    name: &'static str,
    text: &Text<'_>,
    (start, body): (usize, usize),
    (least, most): (usize, usize),
    fits: fn(u8) -> bool,
    check: fn(&[u8]) -> bool,
) -> Seen {
    if !text.begins(start) {
        return Seen::Nothing;
    }
    // One more than there may be, to see whether it ends there.
    let Some(end) = text.run(body, most + 1, fits) else { return Seen::Part };
    let length = end - body;
    // What is longer than a real one is still not for keeping, unless its length is fixed.
    if length < least || (length > most && most < MAX_TOKEN) || !check(&text.bytes[body..end]) {
        return Seen::Nothing;
    }
    Seen::Secret(name, start..end)
}

fn any(_: &[u8]) -> bool {
    true
}

fn has_digit(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_digit)
}

/// Random letters stand together; words with dashes between them do not.
fn has_random_run(body: &[u8]) -> bool {
    body.split(|byte| !alnum(*byte)).any(|run| run.len() >= 16 && has_digit(run))
}

fn sk(text: &Text<'_>, start: usize, body: usize) -> Seen {
    let name = match text.is(body, b"ant-") {
        Is::So => "anthropic-key",
        Is::Part => return Seen::Part,
        Is::Not => "openai-key",
    };
    token(name, text, (start, body), (20, MAX_TOKEN), dashed, has_random_run)
}

fn github(text: &Text<'_>, start: usize, body: usize) -> Seen {
    token("github-token", text, (start, body), (36, MAX_TOKEN), alnum, any)
}

fn github_pat(text: &Text<'_>, start: usize, body: usize) -> Seen {
    token("github-token", text, (start, body), (22, MAX_TOKEN), word, has_digit)
}

fn slack(text: &Text<'_>, start: usize, body: usize) -> Seen {
    let fits = |byte: u8| alnum(byte) || byte == b'-';
    token("slack-token", text, (start, body), (10, MAX_TOKEN), fits, has_digit)
}

fn aws(text: &Text<'_>, start: usize, body: usize) -> Seen {
    let check = |body: &[u8]| {
        has_digit(body)
            && body.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    token("aws-key-id", text, (start, body), (16, 16), word, check)
}

fn google(text: &Text<'_>, start: usize, body: usize) -> Seen {
    token("google-key", text, (start, body), (35, 35), dashed, has_digit)
}

fn gitlab(text: &Text<'_>, start: usize, body: usize) -> Seen {
    token("gitlab-token", text, (start, body), (20, MAX_TOKEN), dashed, has_digit)
}

fn npm(text: &Text<'_>, start: usize, body: usize) -> Seen {
    let check = |body: &[u8]| has_digit(body) && body.iter().all(|byte| alnum(*byte));
    token("npm-token", text, (start, body), (36, 36), word, check)
}

fn stripe(text: &Text<'_>, start: usize, body: usize) -> Seen {
    token("stripe-key", text, (start, body), (24, MAX_TOKEN), alnum, has_digit)
}

/// Three parts in base64, of which the first two are JSON objects.
fn jwt(text: &Text<'_>, start: usize, body: usize) -> Seen {
    if !text.begins(start) {
        return Seen::Nothing;
    }
    let Some(head) = text.run(body, MAX_TOKEN, dashed) else { return Seen::Part };
    if head - body < 7 {
        return Seen::Nothing;
    }
    match text.is(head, b".eyJ") {
        Is::So => {}
        Is::Part => return Seen::Part,
        Is::Not => return Seen::Nothing,
    }
    let Some(claims) = text.run(head + 4, 4 * MAX_TOKEN, dashed) else { return Seen::Part };
    match text.is(claims, b".") {
        Is::So => {}
        Is::Part => return Seen::Part,
        Is::Not => return Seen::Nothing,
    }
    let Some(end) = text.run(claims + 1, MAX_TOKEN, dashed) else { return Seen::Part };
    if end - claims > 10 { Seen::Secret("jwt", start..end) } else { Seen::Nothing }
}

/// A block from `-----BEGIN … PRIVATE KEY-----` to its end, or as much of it as there is. The line
/// ends may be escaped, as in JSON.
fn private_key(text: &Text<'_>, start: usize, label: usize) -> Seen {
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte == b' ' || byte.is_ascii_digit();
    let Some(dashes) = text.run(label, 48, upper) else { return Seen::Part };
    let name = text.bytes[label..dashes].trim_ascii();
    if !(name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK")) {
        return Seen::Nothing;
    }
    match text.is(dashes, b"-----") {
        Is::So => {}
        Is::Part => return Seen::Part,
        Is::Not => return Seen::Nothing,
    }
    let after = dashes + 5;
    let blank = |byte: u8| byte.is_ascii_whitespace() || b"\\nr".contains(&byte);
    let Some(body) = text.run(after, 16, blank) else { return Seen::Part };
    // A base64 line may begin with the letters of an escape; it is long all the same.
    let base64 = |byte: u8| alnum(byte) || b"+/=".contains(&byte);
    let Some(line) = text.run(body, 16, base64) else { return Seen::Part };
    let header = matches!(text.at(line), Some(b':' | b'-')) && line > body;
    if body == after || (line - body < 16 && !header) {
        return Seen::Nothing;
    }
    let fits = |byte: u8| alnum(byte) || byte.is_ascii_whitespace() || b"+/=\\:,.-".contains(&byte);
    let mut at = body;
    while at - start < MAX_BLOCK {
        match text.is(at, b"-----END ") {
            Is::So => {
                let Some(dashes) = text.run(at + 9, 48, upper) else { return Seen::Part };
                return match text.is(dashes, b"-----") {
                    Is::So => Seen::Secret("private-key", start..dashes + 5),
                    Is::Part => Seen::Part,
                    Is::Not => Seen::Secret("private-key", start..dashes),
                };
            }
            Is::Part => return Seen::Part,
            Is::Not => {}
        }
        match text.at(at) {
            Some(byte) if fits(byte) => at += 1,
            Some(_) => break,
            None if text.more == More::May => return Seen::Part,
            None => break,
        }
    }
    let block = text.bytes[start..at].trim_ascii_end();
    Seen::Secret("private-key", start..start + block.len())
}

/// The credentials of a header, as in a command or a configuration.
fn authorization(text: &Text<'_>, _: usize, end: usize) -> Seen {
    let between = |byte: u8| byte.is_ascii_whitespace() || b"\"'\\:=>".contains(&byte);
    let Some(scheme) = text.run(end, 12, between) else { return Seen::Part };
    if scheme == end {
        return Seen::Nothing;
    }
    let Some(scheme_end) = text.run(scheme, 8, |byte| byte.is_ascii_alphabetic()) else {
        return Seen::Part;
    };
    let name = text.bytes[scheme..scheme_end].to_ascii_lowercase();
    if !matches!(&name[..], b"bearer" | b"basic" | b"token") {
        return Seen::Nothing;
    }
    let Some(start) = text.run(scheme_end, 4, |byte| byte == b' ') else { return Seen::Part };
    let fits = |byte: u8| alnum(byte) || b"._~+/=-".contains(&byte);
    let Some(end) = text.run(start, MAX_TOKEN, fits) else { return Seen::Part };
    let body = &text.bytes[start..end];
    let real = match &name[..] {
        b"basic" => body.len() >= 8,
        _ => body.len() >= 12 && has_digit(body) || body.len() >= 24,
    };
    if start > scheme_end && real {
        Seen::Secret("authorization", start..end)
    } else {
        Seen::Nothing
    }
}

/// Passwords that stand for one in examples.
const EXAMPLES: [&[u8]; 7] = [b"password", b"passwd", b"pass", b"pwd", b"secret", b"token", b"pw"];

/// The password of an address: `scheme://user:password@host`.
fn url_password(text: &Text<'_>, start: usize, login: usize) -> Seen {
    let before = if start > 0 { text.bytes[start - 1] } else { text.before[1] };
    if !alnum(before) {
        return Seen::Nothing;
    }
    let plain = |byte: u8| !byte.is_ascii_whitespace() && !b"/?#\"'<>`\\@".contains(&byte);
    let user = |byte: u8| !byte.is_ascii_whitespace() && !b"/?#\"'<>`\\@:[]".contains(&byte);
    let Some(colon) = text.run(login, 256, user) else { return Seen::Part };
    match text.is(colon, b":") {
        Is::So => {}
        Is::Part => return Seen::Part,
        Is::Not => return Seen::Nothing,
    }
    let Some(end) = text.run(colon + 1, 1024, plain) else { return Seen::Part };
    match text.is(end, b"@") {
        Is::So => {}
        Is::Part => return Seen::Part,
        Is::Not => return Seen::Nothing,
    }
    let body = &text.bytes[colon + 1..end];
    let example = EXAMPLES.iter().any(|example| body.eq_ignore_ascii_case(example));
    let variable = body.first().is_none_or(|first| b"$<{[*".contains(first));
    let marked = body.windows(10).any(|part| part == b"[redacted:");
    if body.len() < 3 || example || variable || marked {
        return Seen::Nothing;
    }
    Seen::Secret("url-password", colon + 1..end)
}
