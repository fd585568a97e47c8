//! Ordinary text is left alone.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::redactor;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn letters(&mut self, of: &[u8], length: usize) -> String {
        (0..length).map(|_| of[(self.roll() % of.len() as u64) as usize] as char).collect()
    }
}

fn leaves_alone(text: &str) {
    if let Cow::Owned(redacted) = redactor().text(text) {
        let at = redacted.find("[redacted:").unwrap_or(0);
        let from = redacted.floor_char_boundary(at.saturating_sub(80));
        let to = redacted.ceil_char_boundary(redacted.len().min(at + 80));
        panic!("…{}…", &redacted[from..to]);
    }
}

#[test]
fn digests_ids_and_encoded_files_are_left_alone() {
    let mut dice = Dice(1);
    let hex = b"0123456789abcdef";
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let url_safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for _ in 0..20_000 {
        let parts = [8, 4, 4, 4, 12].map(|length| dice.letters(hex, length));
        let lines = [
            dice.letters(hex, 40),
            dice.letters(hex, 64),
            parts.join("-"),
            dice.letters(base64, 76),
            format!("sha512-{}==", dice.letters(base64, 86)),
            dice.letters(url_safe, 43),
        ];
        text.push_str(&lines.join("\n"));
    }
    leaves_alone(&text);
}

#[test]
fn words_that_begin_like_credentials_are_left_alone() {
    leaves_alone(
        "task-force risk-assessment-of-2024 sk-circle-fade-dot sk-chasing-dot-before-after-1 \
         npm_config_registry npm_lifecycle_event=test ghp_ ghp_xxxxxxxxxxxx AKIA AKIDEXAMPLE \
         eyJ eyJhbGciOiJIUzI1NiJ9 eyJhbGciOiJIUzI1NiJ9.payload xoxb-your-token glpat-your-token \
         https://example.com:8080/a@b http://user@host/ ssh://git@github.com:me/x \
         https://user:password@example.com postgres://$USER:$PASS@db postgres://u:<pw>@db \
         Authorization: Bearer <token> Authorization: Bearer $TOKEN authorization is required \
         'Authorization: Bearer YOUR_TOKEN' the Authorization header: token based \
         -----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END CERTIFICATE----- \
         -----BEGIN PUBLIC KEY-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END PUBLIC KEY----- \
         grep -r '-----BEGIN RSA PRIVATE KEY-----' . \
         -----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY----- \
         data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    );
}

/// The sources of the workspace, and what cargo unpacked beside them, as far as it is there.
#[test]
fn source_code_is_left_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<PathBuf> =
        ["journal", "actors/session", "actors/patch", "sandbox", "config", "xtask"]
            .iter()
            .map(|folder| root.join(folder))
            .collect();
    let mut bytes = 0;
    leaves_alone(&fs::read_to_string(root.join("Cargo.lock")).expect("a lock file"));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                bytes += text.len();
                leaves_alone(&text);
            }
        }
    }
    assert!(bytes > 500_000, "{bytes} bytes");
}
