use super::*;
use crate::{FileOp, parse};

fn edited(file: &[u8], body: &str) -> Result<Vec<u8>, Mismatch> {
    let text = format!("*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch");
    match parse(&text).expect("a patch").ops.remove(0) {
        FileOp::Update { chunks, .. } => edit(file, &chunks).map(|edited| edited.bytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_and_bytes() {
    for (file, body, wanted) in [
        ("a\nb\n", "@@\n-a\n+A", "A\nb\n"),
        ("a\nb", "@@\n-a\n+A", "A\nb\n"),
        ("a\r\nb", "@@\n b\n+c", "a\r\nb\r\nc\r\n"),
        ("", "@@\n+a", "a\n"),
        ("a\n", "@@\n-a", ""),
        ("a  \nb\n", "@@\n a\n-b\n+B", "a  \nB\n"),
        ("x\nx\n", "@@\n-x\n+y", "y\nx\n"),
        ("x\nx\n", "@@\n-x\n+y\n*** End of File", "x\ny\n"),
        ("a\nb\n", "@@\n+c\n@@\n-a\n@@\n+d", "b\nc\nd\n"),
        ("a\nb\n", "@@ a\n+c\n@@\n-b\n+B", "a\nc\nB\n"),
        ("a\n", "@@\n a\n\n+b", "a\n\nb\n"),
        ("a\n", "@@\n-a\n+b\n\n", "b\n"),
        ("a\n\n", "@@\n-a\n+b\n\n", "b\n\n"),
        ("", "@@\n-\n+a", "a\n"),
        ("", "@@\n-\n+a\n*** End of File", "a\n"),
        ("a\r", "@@\n-a\n+b", "b\r"),
        ("a\rb", "@@\n a\n-b\n+c\n+d", "a\rc\rd\r"),
        ("a\r\rb\r", "@@\n a\n\n-b\n+c", "a\r\rc\r"),
        ("a\rb\nc\n", "@@\n b\n-c\n+d", "a\rb\nd\r"),
        ("a\rb\nc\n", "@@\n-c\n+d", "a\rb\nd\n"),
        ("a\rb\nc\n", "@@\n a\rb\n-c\n+d", "a\rb\nd\n"),
        ("a\r\nb\rc\r\n", "@@\n-c\n+d", "a\r\nb\rd\r\n"),
        ("\u{FEFF}", "@@\n+a", "\u{FEFF}a\n"),
        ("\u{FEFF}a\n", "@@\n+\u{FEFF}b\n a", "\u{FEFF}b\na\n"),
        ("\u{FEFF}a\n", "@@\n-\u{FEFF}a\n+b\n*** End of File", "b\n"),
        ("a\n\u{FEFF}b\n", "@@\n-\u{FEFF}b", "a\n"),
    ] {
        let found = edited(file.as_bytes(), body).map(|bytes| String::from_utf8(bytes).ok());
        assert_eq!(found, Ok(Some(wanted.to_owned())), "{file:?} with {body:?}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let anchor = |text: &str| Err(Mismatch::Anchor(text.to_owned()));
    let lines = |text: &str| Err(Mismatch::Lines(text.to_owned()));
    for (file, body, wanted) in [
        ("a\n", "@@ z\n-a", anchor("z")),
        ("a\nb\n", "@@ a\n@@ a\n-b", anchor("a")),
        ("a\n", "@@ a\n-a", lines("a")),
        ("a\nb\n", "@@\n a\n-c\n+d", lines("a\nc")),
        ("a\nb\n", "@@\n-a\n*** End of File", lines("a")),
        ("a\n", "@@\n-a\n@@\n-a", lines("a")),
        ("a\n", "@@\n-a\n@@\n-a\n*** End of File", lines("a")),
        ("a\n", "@@\n-\n+b", lines("")),
        ("", "@@\n-a", lines("a")),
    ] {
        assert_eq!(edited(file.as_bytes(), body), wanted, "{file:?} with {body:?}");
    }
}

#[test]
fn untouched_bytes_stay_whatever_they_are() {
    let file = b"\xff\xfe\r\n\0\x0c\nb\rc\nd";
    assert_eq!(edited(file, "@@\n-d\n+D"), Ok(b"\xff\xfe\r\n\0\x0c\nb\rc\nD\r\n".to_vec()));
}

#[test]
fn it_is_known_where_each_chunk_begins() {
    for (file, body, begins) in [
        ("a\nb\nc\nd\n", "@@\n b\n-c\n+C", &[2][..]),
        ("a\nb\nc\nd\n", "@@\n-a\n+A\n+AA\n@@\n-d\n+D", &[1, 4]),
        ("a\nb\nc\n", "@@ b\n+new", &[3]),
        ("a\nb\n", "@@\n+end", &[3]),
        ("", "@@\n+first", &[1]),
    ] {
        let text = format!("*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch");
        let FileOp::Update { chunks, .. } = parse(&text).expect("a patch").ops.remove(0) else {
            panic!("no update: {body:?}")
        };
        let edited = edit(file.as_bytes(), &chunks).expect("it fits");
        assert_eq!(edited.begins, begins, "{body:?}");
    }
}
