use super::*;

fn body(text: &str) -> Result<Patch, ParseError> {
    parse(&format!("*** Begin Patch\n{text}\n*** End Patch"))
}

fn refused(text: &str) -> String {
    body(text).expect_err("not a patch").to_string()
}

fn chunks(text: &str) -> Vec<Chunk> {
    match body(&format!("*** Update File: f\n{text}")).expect("a patch").ops.remove(0) {
        FileOp::Update { chunks, .. } => chunks,
        other => panic!("{other:?}"),
    }
}

fn lines(text: &str) -> Vec<ChunkLine> {
    chunks(text).remove(0).lines
}

#[test]
fn all_sections() {
    let patch = body(
        "*** Add File: a b\n+1\n+\n*** Delete File: d\n*** Update File: u\n*** Move to: m\n\
         @@ one\n@@ two\n ctx\n-old\n+new\n*** End of File",
    );
    let chunk = Chunk {
        anchors: vec!["one".into(), "two".into()],
        lines: vec![
            ChunkLine::Context("ctx".into()),
            ChunkLine::Remove("old".into()),
            ChunkLine::Add("new".into()),
        ],
        at_end: true,
    };
    let ops = vec![
        FileOp::Add { path: "a b".into(), content: "1\n\n".into() },
        FileOp::Delete { path: "d".into() },
        FileOp::Update { path: "u".into(), move_to: Some("m".into()), chunks: vec![chunk] },
    ];
    assert_eq!(patch, Ok(Patch { ops }));
}

#[test]
fn the_envelope() {
    let inner = "*** Begin Patch\n*** Delete File: f\n*** End Patch";
    let wanted = parse(inner).expect("a patch");
    for text in [
        format!("\n\n {inner} \n\n"),
        format!("<<EOF\n{inner}\nEOF\n"),
        format!("<<'EOF'\n{inner}\nEOF"),
        format!("<<\"PATCH\"\n{inner}\nPATCH"),
        inner.replace('\n', "\r\n"),
        inner.replace("Patch", "Patch \t"),
    ] {
        assert_eq!(parse(&text).as_ref(), Ok(&wanted), "{text:?}");
    }
    for (text, error) in [
        (String::new(), ParseError::MissingBegin),
        ("words".into(), ParseError::MissingBegin),
        (format!("words\n{inner}"), ParseError::MissingBegin),
        (format!("<<'EOF\"\n{inner}\nEOF"), ParseError::MissingBegin),
        (format!("<<'EOF'\n{inner}\nEND"), ParseError::MissingBegin),
        ("*** Begin Patch".into(), ParseError::MissingEnd),
        ("*** Begin Patch\n*** Delete File: f".into(), ParseError::MissingEnd),
        (format!("{inner}\nwords"), ParseError::TextAfterEnd { line: 4 }),
        (format!("\n\n{inner}\n\nwords"), ParseError::TextAfterEnd { line: 6 }),
        (format!("{inner}\n{inner}"), ParseError::TextAfterEnd { line: 4 }),
        ("*** Begin Patch\n*** End Patch".into(), ParseError::NoFiles),
    ] {
        assert_eq!(parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn errors_name_the_line() {
    let bad = "*** Begin Patch\n*** Update File: f\n@@\n-a\nb\n*** End Patch";
    for (text, at) in [
        (bad.to_owned(), "invalid hunk at line 5, "),
        (format!("\n\n{bad}"), "invalid hunk at line 7, "),
        (format!("<<EOF\n{bad}\nEOF"), "invalid hunk at line 6, "),
    ] {
        let error = parse(&text).expect_err("b has no sign").to_string();
        assert!(error.starts_with(at), "{error}");
    }
}

#[test]
fn what_does_not_fit() {
    for (text, message) in [
        ("*** Frobnicate File: f", "'*** Frobnicate File: f' is not a valid hunk header"),
        ("*** Add File:", "names no path"),
        ("*** Delete File:   ", "names no path"),
        ("*** Add File: a\0b", "must not contain a NUL"),
        ("*** Add File: f\n+a\nb", "Unexpected line found in add file hunk: 'b'"),
        ("*** Add File: f\n+a\n\n+b", "Unexpected line found in add file hunk: ''"),
        ("*** Delete File: f\n\n*** Delete File: g", "'' is not a valid hunk header"),
        ("*** Update File: f", "line 2, Update file hunk for path 'f' is empty"),
        ("*** Update File: f\n*** Move to: ", "names no path"),
        ("*** Update File: f\n@@", "line 3, Update hunk does not contain any lines"),
        ("*** Update File: f\n@@ a\n@@\n-a", "Update hunk does not contain any lines"),
        ("*** Update File: f\n@@\n@@ a\n-a", "Update hunk does not contain any lines"),
        ("*** Update File: f\n@@\n*** End of File", "does not contain any lines"),
        ("*** Update File: f\n*** End of File", "does not contain any lines"),
        ("*** Update File: f\n-a\n*** End of File\n-b", "Expected update hunk to start with a @@"),
        ("*** Update File: f\n@@x\n-b", "Unexpected line found in update hunk: '@@x'"),
        ("*** Update File: f\n-a\n*** Move to: g", "'*** Move to: g' is not a valid hunk header"),
    ] {
        let error = refused(text);
        assert!(error.contains(message), "{text:?}: {error}");
    }
}

#[test]
fn empty_lines_are_context_inside_and_nothing_outside() {
    use ChunkLine::{Add, Context, Remove};
    let blank = || Context(String::new());
    assert_eq!(lines("@@\n a\n\n-b"), [Context("a".into()), blank(), Remove("b".into())]);
    assert_eq!(lines("\n\n@@\n-b"), [Remove("b".into())]);
    assert_eq!(lines("@@\n-b\n\n@@\n-c"), [Remove("b".into()), blank()]);
    assert_eq!(lines("@@\n+b\n\n\n@@\n-c"), [Add("b".into())]);
    assert_eq!(lines("@@\n+b\n \n@@\n-c"), [Add("b".into()), blank()]);
    assert_eq!(lines("@@\n\n+b"), [blank(), Add("b".into())]);
    assert_eq!(chunks("@@\n-a\n*** End of File\n\n \n@@\n-b").len(), 2);
}

#[test]
fn signs_are_only_the_first_character() {
    use ChunkLine::{Add, Context, Remove};
    assert_eq!(
        lines("@@\n *** End Patch\n-*** End of File\n+@@\n --\n++"),
        [
            Context("*** End Patch".into()),
            Remove("*** End of File".into()),
            Add("@@".into()),
            Context("--".into()),
            Add("+".into())
        ]
    );
}

#[test]
fn a_long_line_is_cut_in_messages() {
    let error = refused(&format!("*** Update File: f\n-a\n{}", "é".repeat(5000)));
    assert!(error.contains("é…'") && error.len() < 700, "{error}");
}
