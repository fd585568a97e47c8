use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

fn buffer(text: &str, columns: usize) -> Buffer {
    let mut buffer = Buffer::default();
    buffer.set_columns(columns);
    buffer.insert(text);
    buffer
}

fn rows(text: &str, columns: usize) -> Vec<String> {
    let mut buffer = buffer(text, columns);
    let mut rows = Vec::new();
    for line in 0..buffer.lines.len() {
        for row in 0..buffer.rows(line).len() {
            let bytes = buffer.row(line, row).unwrap();
            rows.push(buffer.line(line)[bytes].to_owned());
        }
    }
    rows
}

#[test]
fn rows_break_behind_words() {
    assert_eq!(rows("to be or not", 6), ["to be ", "or not"]);
    assert_eq!(rows("incomprehensible", 6), ["incomp", "rehens", "ible"]);
    assert_eq!(rows("a incomprehensible", 6), ["a ", "incomp", "rehens", "ible"]);
    assert_eq!(rows("", 6), [""]);
    assert_eq!(rows("a\n\nb", 6), ["a", "", "b"]);
}

#[test]
fn white_space_behind_a_full_row_hangs_and_leaves_a_row_to_the_cursor() {
    assert_eq!(rows("abcdef gh", 6), ["abcdef ", "gh"]);
    assert_eq!(rows("abcdef ", 6), ["abcdef ", ""]);
    assert_eq!(rows("abcdef", 6), ["abcdef"]);
}

#[test]
fn rows_break_between_wide_characters() {
    assert_eq!(rows("日本語です", 5), ["日本", "語で", "す"]);
    assert_eq!(rows("a 日本語", 5), ["a 日", "本語"]);
    assert_eq!(rows("日本", 1), ["日", "本"]);
}

#[test]
fn moves_by_rows_keep_their_column() {
    let mut buffer = buffer("abcdef gh\nxyz", 6);
    buffer.go(Place { line: 0, byte: 5 });
    assert!(buffer.move_row(Toward::Behind));
    assert_eq!(buffer.cursor(), Place { line: 0, byte: 9 });
    assert!(buffer.move_row(Toward::Behind));
    assert_eq!(buffer.cursor(), Place { line: 1, byte: 3 });
    assert!(!buffer.move_row(Toward::Behind));
    assert!(buffer.move_row(Toward::Before));
    assert!(buffer.move_row(Toward::Before));
    assert_eq!(buffer.cursor(), Place { line: 0, byte: 5 });
    assert!(!buffer.move_row(Toward::Before));
}

#[test]
fn the_end_of_a_row_that_goes_on_is_not_its_last_place() {
    let mut buffer = buffer("abcdefghijkl\nabcdefghi", 6);
    buffer.go(Place { line: 0, byte: 12 });
    assert!(buffer.move_row(Toward::Behind));
    // Column 6 of the row below would be the first place of the next one.
    assert_eq!(buffer.cursor(), Place { line: 1, byte: 5 });
}

#[test]
fn words_are_undone_one_by_one_and_made_again() {
    let mut buffer = Buffer::default();
    for c in ["t", "o", " ", "b", "e"] {
        buffer.insert(c);
    }
    assert!(buffer.undo());
    assert_eq!(buffer.raw(), "to ");
    assert!(buffer.undo());
    assert_eq!(buffer.raw(), "");
    assert!(!buffer.undo());
    assert!(buffer.redo() && buffer.redo() && !buffer.redo());
    assert_eq!((buffer.raw().as_str(), buffer.cursor()), ("to be", Place { line: 0, byte: 5 }));
}

#[test]
fn characters_taken_back_are_undone_together() {
    let mut buffer = buffer("hello", 80);
    buffer.part();
    for _ in 0..3 {
        buffer.delete(buffer.left(buffer.cursor()), buffer.cursor());
    }
    assert_eq!(buffer.raw(), "he");
    assert!(buffer.undo());
    assert_eq!((buffer.raw().as_str(), buffer.cursor()), ("hello", Place { line: 0, byte: 5 }));
}

#[test]
fn what_can_be_undone_is_bounded() {
    let mut buffer = Buffer::default();
    let long = "x".repeat(1 << 20);
    for _ in 0..10 {
        buffer.insert(&long);
        buffer.delete(Place::default(), buffer.end());
    }
    let mut undone = 0;
    while buffer.undo() {
        undone += 1;
    }
    assert_eq!(undone, 4);
}

#[test]
fn a_chip_is_one_step_whatever_stands_beside_it() {
    let mut buffer = Buffer::default();
    buffer.insert("a");
    buffer.paste(&"line\n".repeat(11));
    buffer.insert("\u{301}b");
    let chip = Place { line: 0, byte: 1 };
    assert_eq!(buffer.right(chip), Place { line: 0, byte: 5 });
    assert_eq!(buffer.left(Place { line: 0, byte: 5 }), chip);
    assert_eq!(buffer.right(Place { line: 0, byte: 5 }), Place { line: 0, byte: 7 });
    assert_eq!(buffer.word_end(Place::default()), Place { line: 0, byte: 1 });
    assert_eq!(buffer.word_end(chip), Place { line: 0, byte: 5 });
    assert_eq!(buffer.word_begin(Place { line: 0, byte: 5 }), chip);
    assert_eq!(buffer.text(), format!("a{}\u{301}b", "line\n".repeat(11)));
}

#[test]
fn a_grapheme_that_comes_of_an_edit_is_not_cut() {
    // Two halves of a flag meet when what stands between them goes.
    let mut buffer = buffer("🇩x🇪", 80);
    buffer.delete(Place { line: 0, byte: 4 }, Place { line: 0, byte: 5 });
    assert_eq!(buffer.cursor(), Place { line: 0, byte: 8 });
}

/// What can be done to a text.
#[derive(Clone, Debug)]
enum Act {
    Insert(String),
    Left,
    Right,
    Backspace,
    Delete,
    Home,
    End,
    Up,
    Down,
    Undo,
    Columns(usize),
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "Z",
        "_",
        " ",
        "\n",
        "\t",
        ".",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{200d}",
        "👨",
        "👩\u{200d}👧",
        "🇩",
        "🇪",
        "日",
        "语",
        "각",
        "\u{1100}",
        "\u{1161}",
        "❤\u{fe0f}",
        "\u{202e}",
        "\u{600}",
    ]);
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => pieces().prop_map(Act::Insert),
        1 => Just(Act::Left),
        1 => Just(Act::Right),
        2 => Just(Act::Backspace),
        1 => Just(Act::Delete),
        1 => Just(Act::Home),
        1 => Just(Act::End),
        1 => Just(Act::Up),
        1 => Just(Act::Down),
        1 => Just(Act::Undo),
        1 => (1..12_usize).prop_map(Act::Columns),
    ]
}

/// A text as one string, and the cursor as a byte of it: slow and plain.
#[derive(Default)]
struct Plain {
    text: String,
    at: usize,
}

impl Plain {
    /// All places where a cursor may be.
    fn places(&self) -> Vec<usize> {
        let mut places = Vec::new();
        let mut begin = 0;
        for line in self.text.split('\n') {
            places.extend(line.grapheme_indices(true).map(|(at, _)| begin + at));
            places.push(begin + line.len());
            begin += line.len() + 1;
        }
        places
    }

    fn before(&self) -> usize {
        self.places().into_iter().rfind(|place| *place < self.at).unwrap_or(0)
    }

    fn behind(&self) -> usize {
        self.places().into_iter().find(|place| *place > self.at).unwrap_or(self.at)
    }

    fn exchange(&mut self, from: usize, to: usize, text: &str) {
        self.text.replace_range(from..to, text);
        let at = from + text.len();
        self.at = self.places().into_iter().find(|place| *place >= at).unwrap();
    }

    fn of(buffer: &Buffer) -> Plain {
        let at = buffer.between(Place::default(), buffer.cursor()).len();
        Plain { text: buffer.raw(), at }
    }
}

fn apply(buffer: &mut Buffer, plain: &mut Plain, act: &Act) {
    let at = buffer.cursor();
    match act {
        Act::Insert(text) => {
            buffer.insert(text);
            if !text.is_empty() {
                plain.exchange(plain.at, plain.at, text);
            }
        }
        Act::Left => {
            buffer.go(buffer.left(at));
            plain.at = plain.before();
        }
        Act::Right => {
            buffer.go(buffer.right(at));
            plain.at = plain.behind();
        }
        Act::Backspace => {
            buffer.delete(buffer.left(at), at);
            let before = plain.before();
            if before < plain.at {
                plain.exchange(before, plain.at, "");
            }
        }
        Act::Delete => {
            buffer.delete(at, buffer.right(at));
            let behind = plain.behind();
            if behind > plain.at {
                plain.exchange(plain.at, behind, "");
            }
        }
        Act::Home => {
            buffer.go(buffer.line_begin(at));
            plain.at = plain.text[..plain.at].rfind('\n').map_or(0, |end| end + 1);
        }
        Act::End => {
            buffer.go(buffer.line_end(at));
            let rest = plain.text[plain.at..].find('\n');
            plain.at = rest.map_or(plain.text.len(), |end| plain.at + end);
        }
        // Where these lead is what other tests say; here, that nothing breaks.
        Act::Up | Act::Down => {
            let toward = if matches!(act, Act::Up) { Toward::Before } else { Toward::Behind };
            let moved = buffer.move_row(toward);
            assert!(moved || buffer.cursor() == at);
            assert_eq!(buffer.raw(), plain.text);
            *plain = Plain::of(buffer);
            assert!(plain.places().contains(&plain.at));
        }
        Act::Undo => {
            buffer.undo();
            *plain = Plain::of(buffer);
            assert!(plain.places().contains(&plain.at));
        }
        Act::Columns(columns) => buffer.set_columns(*columns),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_buffer_does_what_a_plain_text_does(acts in prop::collection::vec(act(), 0..40)) {
        let (mut buffer, mut plain) = (Buffer::default(), Plain::default());
        for act in &acts {
            apply(&mut buffer, &mut plain, act);
            prop_assert_eq!(buffer.raw(), plain.text.clone(), "after {:?}", act);
            let at = buffer.between(Place::default(), buffer.cursor()).len();
            prop_assert_eq!(at, plain.at, "after {:?}", act);
        }
    }

    #[test]
    fn all_is_undone_and_made_again(acts in prop::collection::vec(act(), 0..40)) {
        let (mut buffer, mut plain) = (Buffer::default(), Plain::default());
        for act in acts.iter().filter(|act| !matches!(act, Act::Undo)) {
            apply(&mut buffer, &mut plain, act);
        }
        while buffer.undo() {}
        prop_assert_eq!(buffer.raw(), "");
        while buffer.redo() {}
        prop_assert_eq!(buffer.raw(), plain.text);
    }

    #[test]
    fn rows_hold_the_whole_text_and_leave_room_for_the_cursor(
        text in prop::collection::vec(pieces(), 0..8).prop_map(|it| it.concat()),
        columns in 1..12_usize,
    ) {
        let mut whole = buffer(&text, columns);
        let shown = rows(&text, columns);
        prop_assert_eq!(shown.concat(), text.replace('\n', ""));
        let mut place = Place::default();
        loop {
            prop_assert!(whole.column(place) <= columns, "{:?}", place);
            let next = whole.right(place);
            if next == place {
                break;
            }
            place = next;
        }
        prop_assert_eq!(whole.height(columns, usize::MAX), shown.len());
        let unknown = buffer(&text, columns + 100);
        prop_assert_eq!(unknown.height(columns, 3), shown.len().min(3));
    }

    #[test]
    fn rows_after_an_edit_are_those_of_the_text(
        text in prop::collection::vec(pieces(), 0..30).prop_map(|it| it.concat().replace('\n', " ")),
        columns in 1..12_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), act()), 1..12),
    ) {
        let mut edited = buffer(&text, columns);
        let mut plain = Plain::of(&edited);
        for (at, act) in &edits {
            edited.rows(0);
            edited.go(Place { line: 0, byte: at.index(edited.line(0).len() + 1) });
            plain.at = Plain::of(&edited).at;
            apply(&mut edited, &mut plain, act);
            let line = edited.line(0).to_owned();
            let expected = rows::starts(&line, edited.columns, &edited.chips, usize::MAX);
            prop_assert_eq!(edited.rows(0), expected, "{:?} in {:?}", act, line);
        }
    }

    #[test]
    fn the_cursor_is_among_the_rows_that_are_drawn(
        acts in prop::collection::vec((act(), 1..6_usize), 0..40),
    ) {
        let (mut buffer, mut plain) = (Buffer::default(), Plain::default());
        for (act, height) in &acts {
            apply(&mut buffer, &mut plain, act);
            let top = buffer.scroll(*height);
            let cursor = (buffer.cursor().line, buffer.row_of(buffer.cursor()));
            let mut drawn = Vec::new();
            let (mut line, mut row) = top;
            while drawn.len() < *height && buffer.row(line, row).is_some() {
                drawn.push((line, row));
                row += 1;
                if buffer.row(line, row).is_none() {
                    (line, row) = (line + 1, 0);
                }
            }
            prop_assert!(drawn.contains(&cursor), "{:?} not among {:?}", cursor, drawn);
            let all = buffer.height(buffer.columns, usize::MAX);
            prop_assert_eq!(drawn.len(), all.min(*height));
        }
    }
}
