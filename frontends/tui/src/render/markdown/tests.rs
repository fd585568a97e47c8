use super::*;
use crate::render::testing::{dark, plain, styled};

const ALL: &str = "\
# A heading of some *weight*

## Another one

A paragraph with **strong**, *slanted*, ~~gone~~ and `code` text, which is long enough to be broken at any width,
and goes on behind a line break; see [the docs](https://example.org/docs), <https://example.org> and
[https://example.org](https://example.org), ![a chart](out/chart.png) and ![](b.png). An entity: &lt;b&gt; &copy;<br>a break.

- one
- two, which is so long that it has to go on below its own first word and not below its bullet
  - nested
    1. deeper

       with a paragraph
    2. still
- [x] done
- [ ] open
-

10. ten
11. eleven

* loose

* list

> A quotation that is long enough to be broken at forty columns.
>
> > nested
>
> - in it

```rust
fn main() {
\tlet x = \"日本語\"; // a remark that goes on and on, far beyond what there is room for in a line
}
```

    indented code
      as it is

| Name | Size | What it is for, in so many words that it has to be broken |
|:-----|-----:|:---:|
| `a` | 1 | short |
| **日本語** | 12,345 | something longer, which is put into more than one line |

***

<div align=\"center\">
  <b>raw</b>
</div>

Text<sup>1</sup> with a note[^note].

[^note]: The note, which is also long enough to be broken somewhere, at the latest at forty columns.
";

#[test]
fn markdown_at_forty_columns() {
    insta::assert_snapshot!(plain(&lines(ALL, &dark(), 40)));
}

#[test]
fn markdown_at_eighty_columns() {
    insta::assert_snapshot!(plain(&lines(ALL, &dark(), 80)));
}

#[test]
fn markdown_at_a_hundred_and_twenty_columns() {
    insta::assert_snapshot!(plain(&lines(ALL, &dark(), 120)));
}

#[test]
fn markdown_with_its_styles() {
    insta::assert_snapshot!(styled(&lines(ALL, &dark(), 80), &dark()));
}

#[test]
fn a_table_without_room_is_told_row_by_row() {
    let table =
        "| Name | Size | For |\n|---|---|---|\n| alpha | 12 | reading |\n| beta | 7 | writing |\n";
    insta::assert_snapshot!(plain(&lines(table, &dark(), 18)), @r"
    Name: alpha
    Size: 12
    For: reading
    ─
    Name: beta
    Size: 7
    For: writing
    ");
}

#[test]
fn what_is_not_finished_is_shown_as_far_as_it_is() {
    let cases = [
        ("```rust\nfn a", "  fn a"),
        ("a **b", "a **b"),
        ("| a | b |\n|---|---|\n| c", "a  b\n─  ─\nc"),
        ("- a\n- ", "• a\n•"),
        ("> a\n>", "│ a"),
        ("a\\", "a\\"),
        ("[a](b", "[a](b"),
    ];
    for (source, shown) in cases {
        assert_eq!(plain(&lines(source, &dark(), 40)), shown, "{source:?}");
    }
}

#[test]
fn blocks_are_the_whole_text() {
    let texts = [
        "",
        "\n\n",
        "a\n\nb",
        "    code\n\nb\n- c\n\n  d\n# e\n",
        "[a]: b\n\nc [a]\n\n[d]: e\n",
        "\n  a\n***\nb",
    ];
    for text in texts.into_iter().chain([ALL]) {
        let joined: String = blocks(text).into_iter().map(|block| &text[block]).collect();
        assert_eq!(joined, text);
    }
    assert_eq!(blocks("a\n\n    code\n- b\n"), [0..3, 3..12, 12..16]);
}

#[test]
fn what_is_nested_beyond_reason_is_still_shown() {
    let deep = format!("{}deep", "> ".repeat(5000));
    let told = plain(&lines(&deep, &dark(), 40));
    assert!(told.ends_with("│ deep"), "{told:?}");
    let deep = format!("{}deep", "- ".repeat(5000));
    assert!(plain(&lines(&deep, &dark(), 40)).ends_with("deep"));
}
