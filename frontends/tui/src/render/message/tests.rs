use proptest::prelude::*;

use super::*;
use crate::render::testing::{dark, drawable, foreign, plain};

/// What a model would write.
const TYPICAL: &str = "\
# What I found

The **tests** fail since `Store::open` waits for [the lock](src/lock.rs):
it never ends.

1. First look at `a`:
   ```rust
   fn a() {
       b();
   }
   ```
2. Then there is

   another paragraph with a footnote[^1].
   - nested
   - list

| file | lines |
|:-----|------:|
| a.rs | 12 |
| b.rs | 1200 |

> quoted, see [docs]
lazily

---

```sh
cargo test # all
```

[docs]: https://example.org/docs

[^1]: Which says more.

Done.
";

fn grown(text: &str, width: u16) -> Result<(), TestCaseError> {
    let theme = dark();
    let mut stream = Stream::default();
    let ends = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
    for at in ends {
        let so_far = &text[..at];
        let whole = lines(so_far, Standing::Open, &theme, width);
        let grown = stream.message(so_far, Standing::Open, &theme, width);
        prop_assert_eq!(plain(&grown), plain(&whole), "after {:?}", so_far);
        prop_assert_eq!(&*grown, &whole);
    }
    let whole = lines(text, Standing::Settled, &theme, width);
    let lines = stream.message(text, Standing::Settled, &theme, width);
    prop_assert_eq!(&*lines, &whole);
    // Code at the top is put line by line, in ways of its own where it is ill-formed.
    let is_code = |line: &str| ["```", "~~~"].iter().any(|it| line.trim_start().starts_with(it));
    if !clean(text).lines().any(is_code) {
        prop_assert_eq!(plain(&lines), plain(&straight(text, width)), "of {:?}", text);
        prop_assert_eq!(&*lines, &straight(text, width));
    }
    Ok(())
}

/// What [`lines`] gives, without anything that is kept.
fn straight(text: &str, width: u16) -> Vec<Line<'static>> {
    let mut lines = markdown::lines(&clean(text), &dark(), width - inset(width));
    for line in lines.iter_mut().filter(|line| inset(width) > 0 && !line.spans.is_empty()) {
        line.spans.insert(0, Span::raw("  "));
    }
    lines.push(Line::default());
    lines
}

#[test]
fn a_message_that_grows_looks_as_if_it_had_come_at_once() {
    grown(TYPICAL, 40).expect("the same at every point");
}

#[test]
fn only_the_last_block_is_done_anew() {
    let theme = dark();
    let mut stream = Stream::default();
    stream.message("one\n\ntwo\n\nthree\n", Standing::Open, &theme, 40);
    assert_eq!((stream.kept, &*stream.source), (3, "one\n\ntwo\n\n"));
    stream.message("another", Standing::Open, &theme, 40);
    assert_eq!((stream.kept, &*stream.source), (0, ""), "not what was there before");
}

#[test]
fn of_a_block_of_code_only_the_last_line_is_done_anew() {
    let theme = dark();
    let mut stream = Stream::default();
    let text = "a\n\n```rust\nlet a = 1;\n[b]: c\nlet";
    let told = plain(&stream.message(text, Standing::Open, &theme, 40));
    assert_eq!(told, "  a\n\n    let a = 1;\n    [b]: c\n    let\n");
    assert_eq!((stream.kept, stream.source.len(), &*stream.definitions), (4, text.len() - 3, ""));
    let told = plain(&stream.message(&format!("{text} d;\n```\n[b]"), Standing::Open, &theme, 40));
    assert_eq!(told, "  a\n\n    let a = 1;\n    [b]: c\n    let d;\n\n  [b]\n");
}

#[test]
fn code_is_moved_as_far_to_the_left_as_its_fence_stands_off() {
    for text in [" ```\n\t**", "   ```\n \ta\n  b\n", "  ```\n  \ta", "  ```\n\t\ta", " ```\n \n a"]
    {
        let told = plain(&lines(text, Standing::Settled, &dark(), 40)).replace("\n  ", "\n");
        let markdown = plain(&whole(text, &dark(), 38));
        assert_eq!(
            told.strip_prefix("  ").unwrap_or(&told).trim_end(),
            markdown.trim_end(),
            "{text:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_message_is_the_markdown_that_it_is(text in foreign(), width in 30..60_u16) {
        let theme = dark();
        let told = plain(&lines(&text, Standing::Settled, &theme, width)).replace("\n  ", "\n");
        // Empty lines at the end of code that is not closed are shown, or not.
        let told = told.strip_prefix("  ").unwrap_or(&told).trim_end().to_owned();
        let markdown = plain(&whole(&text, &theme, width - 2)).trim_end().to_owned();
        prop_assert_eq!(told, markdown);
    }
}

#[test]
fn addresses_are_no_part_of_code_that_is_not_closed() {
    let told = plain(&whole("[a]: /b\n\ntext\n\n```\n[c]", &dark(), 40));
    assert_eq!(told, "text\n\n  [c]");
    let told = plain(&whole("[a]: /b\n\n<!-- [a]\n\n[c]", &dark(), 40));
    assert_eq!(told, "<!-- [a]\n\n[c]");
}

#[test]
fn what_may_turn_out_otherwise_is_held_back() {
    let theme = dark();
    let told = |text| plain(&lines(text, Standing::Open, &theme, 40));
    assert_eq!(told("text\n--"), told("text\n"));
    assert_eq!(told("text\n\n``"), told("text\n"));
    assert_eq!(told("text\n\n| a | b"), told("text\n"));
    assert_ne!(told("text\n\n- a"), told("text\n"));
}

#[test]
fn an_address_that_comes_later_is_known_before() {
    let theme = dark();
    let mut stream = Stream::default();
    let text = "see [docs]\n\nmore\n\n[docs]: https://example.org\n";
    for end in [20, text.len()] {
        stream.message(&text[..end], Standing::Open, &theme, 60);
    }
    let told = plain(&stream.message(text, Standing::Settled, &theme, 60));
    assert_eq!(told, "  see docs (https://example.org)\n\n  more\n");
}

#[test]
fn the_lines_of_what_is_over_are_never_copied() {
    let theme = dark();
    let mut stream = Stream::default();
    let text = "one\n\n- two\n\n```\nthree\n```\n\nfour".repeat(10);
    let mut place = None;
    for end in 0..text.len() {
        let lines = stream.message(&text[..end], Standing::Open, &theme, 40);
        let now = Rc::as_ptr(&lines);
        assert!(end < 2 || place == Some(now), "copied at {end}");
        place = Some(now);
    }
}

#[test]
fn a_list_that_grows_keeps_the_items_that_are_over() {
    for (item, apart) in [("- an item\n", ""), ("1. an item\n", "\n"), ("* a\n  - b\n", "")] {
        let theme = dark();
        let text = format!("{item}{apart}").repeat(100);
        let mut stream = Stream::default();
        stream.message(&text, Standing::Open, &theme, 40);
        let rest = text.len() - stream.source.len();
        assert!(rest <= 2 * item.len(), "{rest} bytes of {text}");
    }
}

#[test]
fn a_list_with_an_address_in_it_looks_as_if_it_had_come_at_once() {
    // What is right below an address begins no list and no code, as it would by itself.
    for text in
        ["- \n[a]: /b\n2. a\n\n1. a\n", "- <b>\n[a]: /b\n10. a\n1. a\n", "-\n[a]: /b\n    c"]
    {
        for width in [1, 3, 20, 40] {
            grown(text, width).expect("the same at every point");
        }
    }
    let told = plain(&whole("x\n\n[a]: /b\n    c\n\n1. d", &dark(), 40));
    assert_eq!(told, "x\n\nc\n\n1. d");
}

#[test]
fn a_long_message_and_a_long_line_are_cut() {
    let theme = dark();
    let line = "x".repeat(10_000_000);
    let told = plain(&lines(&line, Standing::Settled, &theme, 80));
    assert!(told.trim_end().ends_with("… 8.9 MB more"), "{}", &told[told.len() - 100..]);
    let told = plain(&lines(&format!("{}\n\nb", &line[..100_000]), Standing::Settled, &theme, 80));
    assert!(told.contains(" … 67.2 kB more") && told.ends_with("\n  b\n"));
    assert!(told.len() < 40_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_message_that_grows_looks_as_if_it_had_come_at_once(text in foreign(), width in 1..60_u16) {
        grown(&text, width)?;
    }
}

proptest! {
    #[test]
    fn any_message_can_be_drawn(text in foreign(), width in prop_oneof![1..5_u16, 1..100_u16]) {
        let theme = dark();
        drawable(&lines(&text, Standing::Settled, &theme, width), width)?;
        drawable(&lines(&text, Standing::Open, &theme, width), width)?;
        drawable(&whole(&text, &theme, width), width)?;
    }
}

/// Text that is lists more than anything else, with all that can stand in one.
fn listed() -> impl Strategy<Value = String> {
    const BEGINS: [&str; 16] = [
        "- ", "- ", "- ", "* ", "1. ", "2. ", "7) ", " - ", "  - ", "   - ", "    - ", "\t",
        "> - ", "", "  ", "10. ",
    ];
    const TEXTS: [&str; 22] = [
        "a",
        "word word word",
        "",
        "",
        "```",
        "~~~ rust",
        "> b",
        "- c",
        "1. d",
        "[a]",
        "| a | b |",
        "|---|---|",
        "<b>",
        "<!-- e",
        "***",
        "---",
        "===",
        "# f",
        "[x] g",
        "*h",
        "[^1]: i",
        "[a]: /b",
    ];
    const ENDS: [&str; 5] = ["\n", "\n", "\n", "\n\n", "\n \n"];
    let line = (
        prop::sample::select(BEGINS.to_vec()),
        prop::sample::select(TEXTS.to_vec()),
        prop::sample::select(ENDS.to_vec()),
    );
    let line = line.prop_map(|(begin, text, end)| format!("{begin}{text}{end}"));
    // One at the end is known to all before it.
    let ends = prop::sample::select(vec!["", "\n[a]: /b\n"]);
    (prop::collection::vec(line, 0..14), ends).prop_map(|(lines, end)| lines.concat() + end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_list_that_grows_looks_as_if_it_had_come_at_once(text in listed(), width in 1..60_u16) {
        grown(&text, width)?;
    }
}
