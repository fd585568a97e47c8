//! How fast output goes through, by size of a piece, in MB/s; `redact_figures FILE` takes a file.

use std::time::Instant;

use codex_redact::{Known, Redactor};

fn main() {
    let known = (0..20).map(|n| {
        Known::new(
            &format!("KEY_{n}"),
            &format!("s3cr3t-{n}-{:x}", 0x9E37_79B9_7F4A_7C15_u64 * (n + 1)),
        )
    });
    let began = Instant::now();
    let redactor = Redactor::new(known.flatten(), || [1; 32]);
    let made = began.elapsed();
    let text = match std::env::args().nth(1) {
        Some(file) => std::fs::read(file).expect("readable"),
        None => include_bytes!("../src/pattern.rs").to_vec(),
    };
    let text = text.repeat((100 << 20) / text.len() + 1);
    let mut lines = vec![format!("made for 20 known values in {made:?}")];
    for piece in [16, 4096, 16 << 10] {
        let text = if piece < 100 { &text[..10 << 20] } else { &text };
        let mut stream = redactor.stream();
        let began = Instant::now();
        let mut given = 0;
        for piece in text.chunks(piece) {
            given += stream.push(piece).len();
        }
        given += stream.finish().len();
        let seconds = began.elapsed().as_secs_f64();
        let speed = text.len() as f64 / seconds / 1e6;
        lines.push(format!(
            "pieces of {piece}: {} bytes, {given} given, {speed:.0} MB/s",
            text.len()
        ));
    }
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{}", lines.join("\n"));
}
