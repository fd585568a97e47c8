use super::*;

fn value(text: &str) -> Result<Value, Wrong> {
    let mut calls = parse(&format!("f({text})"))?;
    Ok(calls.remove(0).arguments.remove(0).value.value)
}

fn text(written: &str) -> Result<String, String> {
    match value(written) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(other) => Err(format!("{other:?}")),
        Err(wrong) => Err(wrong.message),
    }
}

#[test]
fn every_form_of_a_string_is_read() {
    for (written, meant) in [
        (r#""a b""#, "a b"),
        (r"'a b'", "a b"),
        (r#"'say "hi"'"#, "say \"hi\""),
        (r#""é€𝄞""#, "é€𝄞"),
        (r#""""#, ""),
        (r#"'\\ \' \" \n \r \t'"#, "\\ ' \" \n \r \t"),
        (r#""\a\b\f\v""#, "\u{7}\u{8}\u{c}\u{b}"),
        (r#""\0\101\x41\u00e9\U0001d11e""#, "\0AAé𝄞"),
        ("\"a\\\nb\"", "ab"),
        ("\"a\\\r\nb\"", "ab"),
        (r#"r"\d\n""#, r"\d\n"),
        (r#"r"a\"b""#, r#"a\"b"#),
        ("\"\"\"two\nlines with \"quotes\" \"\"\"", "two\nlines with \"quotes\" "),
        ("'''it's'''", "it's"),
        ("r'''\\\n'''", "\\\n"),
    ] {
        assert_eq!(text(written), Ok(meant.to_owned()), "{written}");
    }
    for (written, wrong) in [
        (r#""\q""#, "`\\q` begins no character"),
        (r#""\xff""#, "`\\x` begins no character"),
        (r#""\x4""#, "`\\x` begins no character"),
        (r#""\u12""#, "`\\u` begins no character"),
        (r#""\ud800""#, "`\\u` begins no character"),
        (r#""\400""#, "`\\4` begins no character"),
        (r#"b"x""#, "strings with `b` before them are not read here"),
        (r#"f"{x}""#, "strings with `f` before them are not read here"),
        ("\"a\nb\"", "the string is never closed"),
        ("'''a''", "the string is never closed"),
    ] {
        assert_eq!(text(written), Err(wrong.to_owned()), "{written}");
    }
}

#[test]
fn a_file_is_a_list_of_calls() {
    let file = "\u{feff}\"\"\"What this is for.\"\"\"\r\n\
                # a comment\n\
                one(\n    a = [\"x\", ['y', 'z',],], # why\n\n    b = None,\n)\n\
                two(1, True, False, \"s\"); three()\n";
    let calls = parse(file).expect("calls");
    let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert_eq!(&file[calls[2].span.clone()], "three()");
    let [a, b] = &calls[0].arguments[..] else { panic!("{calls:?}") };
    assert_eq!(a.name.as_ref().map(|it| it.0.as_str()), Some("a"));
    assert_eq!(b.value.value, Value::None);
    let Value::List(words) = &a.value.value else { panic!("{a:?}") };
    assert!(matches!(&words[1].value, Value::List(choice) if choice.len() == 2));
    let kinds: Vec<&str> = calls[1].arguments.iter().map(|it| it.value.value.kind()).collect();
    assert_eq!(kinds, ["a number", "a truth value", "a truth value", "a string"]);
    for empty in ["", "\n", "# nothing", ";;\n", "  \t\r\n"] {
        assert_eq!(parse(empty), Ok(Vec::new()), "{empty:?}");
    }
}

#[test]
fn what_is_not_read_is_refused_at_its_place() {
    for (file, place, message) in [
        ("f(", 1, "the bracket `(` is never closed"),
        ("f(x = [\"a\"", 6, "the bracket `[` is never closed"),
        ("f(x = [\"a\")", 10, "unexpected `)`: `]` is wanted here"),
        ("f(\"a\" \"b\")", 6, "a comma or `)` is wanted here"),
        ("f(\"a\" + \"b\")", 6, "`+` is not read here"),
        ("f(x = y)", 6, "`y` is not a value that is read here"),
        ("f(x = (\"a\",))", 6, "only strings, lists, numbers, True, False and None are read here"),
        ("f(x = -1)", 6, "unexpected `-`: a value is wanted here"),
        ("f(x = 1_0)", 6, "`1_0` is not a number that is read here"),
        (
            "f(x = 99999999999999999999)",
            6,
            "`99999999999999999999` is not a number that is read here",
        ),
        ("f(x = 1, x = 2)", 9, "`x` stands twice in f(...)"),
        ("f(x = 1, 2)", 9, "an argument without a name stands behind one with a name"),
        ("f() g()", 4, "unexpected `g`: the line ought to end here"),
        ("x = [1]", 0, "`x` is a variable"),
        ("x", 0, "`x` has no arguments"),
        ("f\n()", 0, "`f` has no arguments"),
        ("load(\"a\", \"b\")", 0, "`load` is not read here"),
        ("for x in []: f()", 0, "`for` is not read here"),
        ("f(,)", 2, "unexpected `,`: a value is wanted here"),
        (")", 0, "unexpected `)`: a call is wanted here"),
        ("f(\"a\\", 2, "the string is never closed"),
        ("f(x =", 1, "the bracket `(` is never closed"),
    ] {
        let wrong = parse(file).expect_err(file);
        assert_eq!((wrong.at, wrong.message.as_str()), (place, message), "{file}");
        assert!(!wrong.hint.is_empty(), "{file}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("f({}{})", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(DEEPEST)).is_ok());
    let wrong = parse(&nested(100_000)).expect_err("too deep");
    assert_eq!((wrong.at, wrong.message.as_str()), (2 + DEEPEST, "lists nest too deep"));
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_refused(text in "[f(),=\\[\\]'\"rb\\\\nxuU0-9# \n\r;é+]{0,40}") {
        if let Err(wrong) = parse(&text) {
            proptest::prop_assert!(text.is_char_boundary(wrong.at), "{text:?} at {}", wrong.at);
        }
    }

    #[test]
    fn any_text_survives_being_written_and_read(word in "\\PC*|[\u{0}-\u{ff}]*") {
        let written = crate::grants::quoted(&word);
        proptest::prop_assert!(!written.contains('\n'));
        proptest::prop_assert_eq!(text(&written), Ok(word));
    }
}
