use super::*;
use crate::options::Palette;

fn told(highlighter: &mut Highlighter, line: &str) -> Vec<(String, &'static str)> {
    let theme = Theme::of(Palette::Dark);
    let syntax = &theme.syntax;
    let names = [
        ("keyword", syntax.keyword),
        ("string", syntax.string),
        ("constant", syntax.constant),
        ("comment", syntax.comment),
        ("function", syntax.function),
        ("kind", syntax.kind),
        ("plain", theme.text),
    ];
    let name =
        |style: Style| names.iter().find(|(_, known)| *known == style).map_or("?", |it| it.0);
    let spans = highlighter.line(line, &theme);
    spans.into_iter().map(|span| (span.content.trim().to_owned(), name(span.style))).collect()
}

fn has(told: &[(String, &'static str)], word: &str, part: &str) -> bool {
    told.iter().any(|(text, found)| text.contains(word) && *found == part)
}

#[test]
fn the_parts_of_code_are_told_apart() {
    let cases = [
        (
            "rust",
            "pub fn main() { let x = \"a\"; } // why",
            [("fn", "keyword"), ("main", "function"), ("\"a\"", "string"), ("// why", "comment")],
        ),
        (
            "python",
            "def f(): return 1 # why",
            [("def", "keyword"), ("f", "function"), ("1", "constant"), ("# why", "comment")],
        ),
        (
            "ts",
            "function f() { return 'a' } // why",
            [("function", "keyword"), ("f", "function"), ("'a'", "string"), ("// why", "comment")],
        ),
        (
            "sh",
            "if true; then echo \"a\"; fi # why",
            [("if", "keyword"), ("echo", "function"), ("\"a\"", "string"), ("# why", "comment")],
        ),
        (
            "go",
            "func f() string { return \"a\" } // why",
            [("func", "keyword"), ("f", "function"), ("\"a\"", "string"), ("// why", "comment")],
        ),
        (
            "c++",
            "static int f() { return 1; } // why",
            [("static", "keyword"), ("f", "function"), ("1", "constant"), ("// why", "comment")],
        ),
        (
            "java",
            "class A { int f() { return 1; } } // why",
            [("class", "keyword"), ("A", "kind"), ("1", "constant"), ("// why", "comment")],
        ),
        (
            "yaml",
            "- a: \"b\" # why",
            [("\"b\"", "string"), ("# why", "comment"), ("a", "kind"), ("# why", "comment")],
        ),
    ];
    for (language, line, parts) in cases {
        let told = told(&mut Highlighter::language(language), line);
        for (word, part) in parts {
            assert!(has(&told, word, part), "{language}: {word} is no {part} in {told:?}");
        }
    }
}

#[test]
fn a_remark_goes_on_in_the_next_line() {
    let mut rust = Highlighter::file("src/a.rs");
    assert!(has(&told(&mut rust, "/* a"), "/* a", "comment"));
    assert!(has(&told(&mut rust, "fn */ fn"), "fn */", "comment"));
}

#[test]
fn what_is_not_known_is_plain() {
    for name in ["", "no such language", "text"] {
        assert!(Highlighter::language(name).is_plain(), "{name}");
    }
    assert!(Highlighter::file("a/b.d/README").is_plain());
    assert!(!Highlighter::file("a/Makefile").is_plain());
}

#[test]
fn too_much_is_plain() {
    let mut long = Highlighter::language("rust");
    let line = format!("fn {}", "x".repeat(LONGEST_LINE));
    assert_eq!(long.line(&line, &Theme::of(Palette::Dark)).len(), 1);
    assert!(long.is_plain(), "nothing is known of what follows");
    let mut many = Highlighter::language("rust");
    for _ in 0..MOST_LINES {
        assert!(has(&told(&mut many, "fn"), "fn", "keyword"));
    }
    assert!(has(&told(&mut many, "fn"), "fn", "plain"));
}
