//! Numbers in words.

use codex_event::Usage;

pub(super) fn duration(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    match seconds {
        0 => format!("{rest}ms"),
        1..60 => format!("{seconds}.{:02}s", rest / 10),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

pub(super) fn tokens(usage: &Usage) -> String {
    let Usage { input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens, .. } =
        *usage;
    format!(
        "{} in ({} cached), {} out ({} reasoning)",
        grouped(input_tokens),
        grouped(cached_input_tokens),
        grouped(output_tokens),
        grouped(reasoning_output_tokens)
    )
}

/// Writes a number with a comma after each three digits, counted from its end.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
