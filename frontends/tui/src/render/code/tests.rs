use proptest::prelude::*;

use super::*;
use crate::render::testing::{dark, foreign};

fn told(highlighter: &mut Highlighter, line: &str) -> Vec<(String, &'static str)> {
    let theme = dark();
    let syntax = &theme.syntax;
    let names = [
        ("keyword", syntax.keyword),
        ("string", syntax.string),
        ("constant", syntax.constant),
        ("comment", syntax.comment),
        ("function", syntax.function),
        ("kind", syntax.kind),
        ("variable", syntax.variable),
        ("plain", theme.text),
    ];
    let name =
        |style: Style| names.iter().find(|(_, known)| *known == style).map_or("?", |it| it.0);
    let spans = highlighter.line(line, &theme);
    spans.into_iter().map(|span| (span.content.trim().to_owned(), name(span.style))).collect()
}

/// Holds the parts of a line that are not plain against those expected, as `part:text`.
fn check(language: &str, line: &str, expected: &[&str]) {
    let told = told(&mut Highlighter::language(language), line);
    let parts: Vec<String> = told
        .into_iter()
        .filter(|(_, part)| *part != "plain")
        .map(|(text, part)| format!("{part}:{text}"))
        .collect();
    assert_eq!(parts, expected, "{language}: {line}");
}

#[test]
fn the_parts_of_code_are_told_apart() {
    check(
        "rust",
        "let x: &'a str = f('\\n', 1.5e-3..2); // why",
        &[
            "keyword:let",
            "kind:'a",
            "kind:str",
            "function:f",
            "string:'\\n'",
            "constant:1.5e-3",
            "constant:2",
            "comment:// why",
        ],
    );
    check(
        "rs",
        "vec![r#\"a\"b\"#, \"c\\\"d\", 'x', MAX_LEN]",
        &[
            "function:vec",
            "string:r#\"a\"b\"#",
            "string:\"c\\\"d\"",
            "string:'x'",
            "constant:MAX_LEN",
        ],
    );
    check("python", "@cached\u{20}", &["function:@cached"]);
    check(
        "py",
        "def f(a): return None # why",
        &["keyword:def", "function:f", "keyword:return", "constant:None", "comment:# why"],
    );
    check(
        "tsx",
        "const a: Array<string> = `b` as any;",
        &["keyword:const", "kind:Array", "kind:string", "string:`b`", "keyword:as", "kind:any"],
    );
    check(
        "c++",
        "#include <a.h> /* b */ int f()",
        &["keyword:#include", "comment:/* b */", "kind:int", "function:f"],
    );
    check(
        "json",
        "{\"a\": [1, \"b\", true]}",
        &["variable:\"a\"", "constant:1", "string:\"b\"", "constant:true"],
    );
    check("yaml", "- a-b: \"c\" # why", &["variable:a-b", "string:\"c\"", "comment:# why"]);
    check("toml", "edition = '2024'", &["variable:edition", "string:'2024'"]);
    check(
        "sql",
        "SELECT count(*) FROM t WHERE a = 'b' -- why",
        &[
            "keyword:SELECT",
            "function:count",
            "keyword:FROM",
            "keyword:WHERE",
            "string:'b'",
            "comment:-- why",
        ],
    );
    check(
        "html",
        "<a href=\"b\" c>d</a><!-- e",
        &[
            "kind:<a",
            "variable:href",
            "string:\"b\"",
            "variable:c",
            "kind:>",
            "kind:</a>",
            "comment:<!-- e",
        ],
    );
    check(
        "sh",
        "ls -la | wc # why",
        &["function:ls", "variable:-la", "keyword:|", "function:wc", "comment:# why"],
    );
}

#[test]
fn remarks_and_texts_go_on_in_the_next_line() {
    let mut rust = Highlighter::language("rust");
    told(&mut rust, "/* a /* b */");
    assert_eq!(
        told(&mut rust, "fn */ fn"),
        [("fn */".into(), "comment"), ("".into(), "plain"), ("fn".into(), "keyword")]
    );
    let mut python = Highlighter::language("python");
    told(&mut python, "a = \"\"\"b");
    assert_eq!(
        told(&mut python, "c\"\"\" if"),
        [("c\"\"\"".into(), "string"), ("".into(), "plain"), ("if".into(), "keyword")]
    );
    let mut python = Highlighter::language("python");
    told(&mut python, "a = 'not closed");
    assert_eq!(told(&mut python, "if"), [("if".into(), "keyword")]);
}

#[test]
fn what_is_not_known_or_too_much_is_plain() {
    let fine = |how: &How| !matches!(how, How::Plain);
    for name in ["", "no such language", "text"] {
        assert!(!fine(&Highlighter::language(name).how), "{name}");
    }
    assert!(fine(&Highlighter::language("Makefile").how));
    let mut long = Highlighter::language("rust");
    let line = format!("fn {}", "x".repeat(LONGEST_LINE));
    assert_eq!(long.line(&line, &dark()).len(), 1);
    assert!(!fine(&long.how), "nothing is known of what follows");
}

proptest! {
    #[test]
    fn every_character_stays(text in foreign(), language in prop::sample::select(vec![
        "rust", "python", "js", "html", "sql", "lua", "toml", "bash", "diff", "php", "hs", "none",
    ])) {
        let mut highlighter = Highlighter::language(language);
        for line in text.split('\n') {
            let spans = highlighter.line(line, &dark());
            prop_assert_eq!(spans.iter().map(|span| &*span.content).collect::<String>(), line);
        }
    }
}
