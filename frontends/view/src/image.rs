//! What stands for an image where only text can be shown: never its bytes.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::sanitize;

/// Characters of the encoded bytes that are looked at: formats say their size at their beginning.
const HEAD: usize = 64 * 1024;
/// Characters of an address or a path that are shown.
const LONGEST: usize = 200;
/// Images of one record that are told.
const MOST: usize = 20;
/// Begins an image that an address holds itself.
const EMBEDDED: &str = "data:image/";
/// Encoded bytes that are left where they are.
const FEW: usize = 64;
/// Begins the text that stands before an image that a path was given for.
const NAMED: &str = "<image name=";

/// Says what is known of an image, from its address: the address, or of one that holds the image
/// itself (`data:`) size and format.
pub fn described(address: &str) -> String {
    let Some(data) = strip_scheme(address) else { return shortened(address) };
    let (kind, encoded) = data.split_once(',').unwrap_or((data, ""));
    let (kind, coding) = kind.split_once(';').unwrap_or((kind, ""));
    let named = kind.strip_prefix("image/").unwrap_or(kind);
    match coding.ends_with("base64") {
        true => of_bytes(&head(encoded), named),
        false => shortened(format!("{coding} {named}").trim()),
    }
}

/// Takes the bytes out of the images that a text holds itself, as in
/// `data:image/png;640x480,…`, which [`described`] understands; line breaks stay as they are.
pub fn without_bytes(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(EMBEDDED) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let end = from.find(|c: char| !is_address(c)).unwrap_or(from.len());
        let (address, behind) = from.split_at(end);
        match address.split_once(";base64,").filter(|(_, bytes)| bytes.len() > FEW) {
            Some((kind, bytes)) => {
                let size = imagesize::blob_size(&head(bytes)).ok();
                let size = size.map(|size| format!(";{}x{}", size.width, size.height));
                kept.push_str(&format!("{kind}{},…", size.unwrap_or_default()));
            }
            None => kept.push_str(address),
        }
        rest = behind;
    }
    if kept.is_empty() {
        return text.into();
    }
    kept.push_str(rest);
    kept.into()
}

fn is_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | ':' | ';' | ',' | '-' | '.' | '_')
}

/// Says what stands for an image, as in `[image: PATH, 640x480 png]`.
pub fn placeholder(path: Option<&str>, known: &str) -> String {
    let known = Some(known).filter(|known| !known.is_empty());
    let parts: Vec<String> =
        path.map(shortened).into_iter().chain(known.map(str::to_owned)).collect();
    match parts.is_empty() {
        true => "[image]".to_owned(),
        false => format!("[image: {}]", parts.join(", ")),
    }
}

/// Gives what stands for the image that a model made, from the item as the provider sent it.
pub(crate) fn made(raw: &str) -> String {
    let item: Value = serde_json::from_str(raw).unwrap_or_default();
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let known = text("result").map(|result| {
        let format = text("output_format").unwrap_or_default();
        of_bytes(&head(result), format)
    });
    placeholder(Some("made by the model"), &known.unwrap_or_default())
}

/// Gives what stands for the images of a line of a rollout, one each; none where it holds none.
pub(crate) fn imported(raw: &str) -> Vec<String> {
    // Few lines have any, and those that have are long.
    if !raw.contains("_image") {
        return Vec::new();
    }
    let line: Value = serde_json::from_str(raw).unwrap_or_default();
    let item = line.get("payload").unwrap_or(&line);
    let parts = ["content", "output"].iter().find_map(|name| item.get(name)?.as_array());
    let mut path = None;
    let mut found = Vec::new();
    for part in parts.into_iter().flatten() {
        let text = |name: &str| part.get(name).and_then(Value::as_str);
        match text("type") {
            Some("input_image" | "output_image") => {
                let address = text("image_url").or_else(|| text("file_id")).unwrap_or_default();
                found.push(placeholder(path.take(), &described(address)));
            }
            Some("local_image") => found.push(placeholder(text("path"), "")),
            Some(_) | None => path = text("text").and_then(named).or(path),
        }
    }
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    found.extend((more > 0).then(|| format!("and {more} more images")));
    found
}

/// Gives the path in `<image name=[Image #1] path="PATH">`.
fn named(text: &str) -> Option<&str> {
    let (_, tag) = text.rsplit_once(NAMED)?;
    let (_, path) = tag.split_once("path=\"")?;
    path.split_once('"').map(|(path, _)| path)
}

fn strip_scheme(address: &str) -> Option<&str> {
    let scheme = address.get(..5)?;
    scheme.eq_ignore_ascii_case("data:").then(|| &address[5..])
}

/// Decodes the beginning of what is encoded, as much of it as is sound.
fn head(encoded: &str) -> Vec<u8> {
    let end = encoded.len().min(HEAD) / 4 * 4;
    let head = encoded.as_bytes().get(..end).unwrap_or_default();
    let sound = head.iter().position(|byte| !is_code(*byte)).unwrap_or(end) / 4 * 4;
    STANDARD.decode(&head[..sound]).unwrap_or_default()
}

fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Says size and format; the format as it is called where the bytes don't tell.
fn of_bytes(bytes: &[u8], called: &str) -> String {
    let size = imagesize::blob_size(bytes).ok();
    let size = size.map(|size| format!("{}x{}", size.width, size.height));
    let called = shortened(called);
    let parts = size.into_iter().chain((!called.is_empty()).then_some(called));
    parts.collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    sanitize::visible(&short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The beginning of a PNG file of this size.
    fn png(width: u32, height: u32) -> String {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        STANDARD.encode(bytes)
    }

    #[test]
    fn an_image_is_told_by_its_size_and_format() {
        let address = format!("data:image/png;base64,{}", png(640, 480));
        assert_eq!(described(&address), "640x480 png");
        assert_eq!(described("DATA:image/webp;base64,!!"), "webp");
        assert_eq!(described("data:,"), "");
        assert_eq!(described("https://example.org/a.png"), "https://example.org/a.png");
        assert_eq!(
            placeholder(Some("a\u{1b}.png"), "640x480 png"),
            "[image: a\\x1b.png, 640x480 png]"
        );
        assert_eq!(placeholder(None, ""), "[image]");
    }

    #[test]
    fn the_bytes_of_an_image_within_a_text_are_left_out() {
        let bytes = png(640, 480) + &"A".repeat(90_000);
        let text = format!("see ![a](data:image/png;base64,{bytes}) and\ndata:image/x;base64,QUFB");
        let told = "see ![a](data:image/png;640x480,…) and\ndata:image/x;base64,QUFB";
        assert_eq!(without_bytes(&text), told);
        assert_eq!(described("data:image/png;640x480,…"), "640x480 png");
        assert!(matches!(without_bytes("nothing to see"), Cow::Borrowed(_)));
    }

    #[test]
    fn images_of_a_rollout_are_found_with_their_paths() {
        let address = format!("data:image/png;base64,{}", png(3, 2));
        let content = serde_json::json!([
            {"type": "input_text", "text": "<image name=[Image #1] path=\"p.png\">"},
            {"type": "input_image", "image_url": address},
            {"type": "input_text", "text": "</image>"},
            {"type": "input_image", "image_url": "https://example.org/x"},
            {"type": "input_text", "text": "look"},
        ]);
        let line = serde_json::json!({"type": "response_item", "payload": {"content": content}});
        assert_eq!(
            imported(&line.to_string()),
            ["[image: p.png, 3x2 png]", "[image: https://example.org/x]"]
        );
        let output = serde_json::json!({"output": [{"type": "input_image", "image_url": address}]});
        assert_eq!(imported(&output.to_string()), ["[image: 3x2 png]"]);
        let many = vec![serde_json::json!({"type": "local_image", "path": "a"}); 23];
        let told = imported(&serde_json::json!({"content": many}).to_string());
        assert_eq!((told.len(), told[20].as_str()), (21, "and 3 more images"));
        assert_eq!(imported("no_image { JSON"), [""; 0]);
    }

    proptest! {
        #[test]
        fn nothing_foreign_gets_through(text in ".{0,300}", kind in "[a-z;,/:]{0,20}") {
            for address in [text.clone(), format!("data:{kind};base64,{text}")] {
                let told = described(&address);
                prop_assert!(!told.contains(sanitize::is_forbidden), "{told:?}");
                prop_assert!(told.chars().count() < 2 * LONGEST + 40);
            }
        }
    }
}
