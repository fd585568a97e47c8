use std::cell::RefCell;
use std::collections::BTreeMap;

use codex_event::{Author, Timestamp, Usage};
use codex_view::{Prompt, Taken, TurnEnd, TurnEnding};
use proptest::prelude::*;

use super::*;

/// A cell whose text has so many words, and which ends some events after its first.
fn cell(first: u64, span: u64, words: usize, standing: Standing) -> Cell {
    let text: Vec<String> = (0..words).map(|word| format!("{first}.{word}")).collect();
    let (first, last, at) = (Seq(first), Seq(first + span), Timestamp(first));
    Cell { first, last, at, standing, body: CellBody::Message(text.join(" ")) }
}

/// What is seen of a cell by who reads no further than to some event.
fn part(whole: &Cell, end: Seq) -> Cell {
    match whole.last <= end {
        true => whole.clone(),
        false => cell(whole.first.0, end.0 - whole.first.0, 1, Standing::Open),
    }
}

/// As many columns a word as one wishes: a cell has a line for each so many words, at most two of
/// them when it is folded.
fn lines(cell: &Cell, fold: Fold, width: u16) -> Vec<Line<'static>> {
    let texts = cell.texts();
    let words: Vec<&str> = texts.iter().flat_map(|text| text.split(' ')).collect();
    let lines = words.chunks(usize::from(width.max(1))).map(|line| Line::from(line.join(" ")));
    match fold {
        Fold::Folded => lines.take(2).collect(),
        Fold::Unfolded => lines.collect(),
    }
}

/// A document beside all its cells, drawn as a whole.
struct Beside {
    document: Document,
    all: BTreeMap<Seq, Cell>,
    width: u16,
    height: u16,
    drawn: usize,
}

impl Beside {
    fn new(budget: usize) -> Beside {
        let document = Document { budget: Some(budget), ..Document::default() };
        Beside { document, all: BTreeMap::new(), width: 3, height: 5, drawn: 0 }
    }

    fn put(&mut self, cell: Cell) {
        self.all.insert(cell.first, cell.clone());
        let Cell { first, last, standing, .. } = cell;
        self.document.apply(match standing {
            // Of some, most of the text lies in a blob.
            Standing::Settled if first.0 % 3 == 0 => {
                CellChange::Partial(self::cell(first.0, last.0 - first.0, 1, standing))
            }
            Standing::Settled | Standing::Broken | Standing::Open => CellChange::Put(cell),
        });
    }

    fn look(&mut self) -> Vec<String> {
        let (width, drawn) = (self.width, &mut self.drawn);
        let mut draw = |cell: &Cell, fold: Fold| {
            *drawn += 1;
            Rc::new(lines(cell, fold, width))
        };
        texts(self.document.view(width, self.height, &mut draw))
    }

    /// Looks until all that is wanted was read.
    fn settle(&mut self) -> Vec<String> {
        for _ in 0..1000 {
            let seen = self.look();
            let Some(range) = self.document.wanted() else { return seen };
            let cells = self.all.values().filter(|it| range.contains(&it.first));
            let cells: Vec<Cell> = cells.map(|it| part(it, *range.end())).collect();
            assert!(cells.iter().any(|it| self.all[&it.first] == *it), "nothing in {range:?}");
            self.document.loaded(range, cells);
        }
        panic!("it never has enough")
    }

    fn whole(&self) -> Vec<String> {
        let each = |cell: &Cell| lines(cell, self.document.fold_of(cell.first), self.width);
        self.all.values().flat_map(|cell| texts(each(cell))).collect()
    }

    /// Gives the number of the first line in view; every line is another one.
    fn top(&self, seen: &[String]) -> usize {
        let whole = self.whole();
        let Some(first) = seen.first() else { return 0 };
        let top = whole.iter().position(|line| line == first).expect("a line of the whole");
        let end = (top + usize::from(self.height)).min(whole.len());
        assert_eq!(seen, &whole[top..end], "what is in view is a part of the whole");
        assert!(seen.len() == usize::from(self.height) || top == 0 && end == whole.len());
        top
    }

    fn last_top(&self) -> usize {
        self.whole().len().saturating_sub(usize::from(self.height))
    }
}

fn texts(lines: Vec<Line<'static>>) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

/// Something that is done to a document.
#[derive(Clone, Debug)]
enum Deed {
    Add { words: usize, span: u64, standing: Standing },
    Change { which: usize, words: usize, standing: Standing },
    Drop { which: usize },
    Scroll(Scroll),
    Resize { width: u16, height: u16 },
    Toggle { which: usize },
    FoldAll(Fold),
    Find(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let standing = prop_oneof![1 => Just(Standing::Open), 4 => Just(Standing::Settled)];
    let fold = prop_oneof![Just(Fold::Folded), Just(Fold::Unfolded)];
    prop_oneof![
        6 => (1..12usize, 0..3u64, standing.clone())
            .prop_map(|(words, span, standing)| Deed::Add { words, span, standing }),
        3 => (0..50usize, 1..12usize, standing)
            .prop_map(|(which, words, standing)| Deed::Change { which, words, standing }),
        1 => (0..50usize).prop_map(|which| Deed::Drop { which }),
        6 => (-300..300i32).prop_map(|lines| Deed::Scroll(Scroll::Lines(lines))),
        2 => (-3..3i32).prop_map(|pages| Deed::Scroll(Scroll::Pages(pages))),
        1 => Just(Deed::Scroll(Scroll::Top)),
        1 => Just(Deed::Scroll(Scroll::Bottom)),
        2 => (1..400u64).prop_map(|seq| Deed::Scroll(Scroll::To(Seq(seq)))),
        2 => (1..6u16, 1..12u16).prop_map(|(width, height)| Deed::Resize { width, height }),
        2 => (0..50usize).prop_map(|which| Deed::Toggle { which }),
        1 => fold.prop_map(Deed::FoldAll),
        1 => (0..40u64).prop_map(Deed::Find),
    ]
}

fn perform(beside: &mut Beside, deed: &Deed) {
    let open = |beside: &Beside, which: usize| {
        let open: Vec<Cell> =
            beside.all.values().filter(|it| it.standing == Standing::Open).cloned().collect();
        (!open.is_empty()).then(|| open[which % open.len()].clone())
    };
    match *deed {
        Deed::Add { words, span, standing } => {
            let first = beside.all.values().map(|it| it.last.0).max().unwrap_or(0) + 1;
            beside.put(cell(first, span, words, standing));
        }
        Deed::Change { which, words, standing } => {
            if let Some(old) = open(beside, which) {
                beside.put(cell(old.first.0, old.last.0 - old.first.0, words, standing));
            }
        }
        Deed::Drop { which } => {
            if let Some(old) = open(beside, which) {
                beside.all.remove(&old.first);
                beside.document.apply(CellChange::Gone(old.first));
            }
        }
        Deed::Scroll(scroll) => beside.document.scroll(scroll),
        Deed::Resize { width, height } => (beside.width, beside.height) = (width, height),
        Deed::Toggle { which } => {
            if let Some(first) = beside.all.keys().nth(which).copied() {
                beside.document.toggle(first);
            }
        }
        Deed::FoldAll(fold) => beside.document.fold_all(fold),
        Deed::Find(number) => beside.document.find(&format!("{number}.")),
    }
}

/// What a scroll has to lead to, in lines of the whole.
fn expected(beside: &Beside, before: usize, scroll: Scroll) -> usize {
    let last = beside.last_top() as i64;
    let by = match scroll {
        Scroll::Lines(lines) => i64::from(lines),
        Scroll::Pages(pages) => i64::from(pages) * i64::from(beside.height.max(2) - 1),
        Scroll::Top => return 0,
        Scroll::Bottom => return last as usize,
        Scroll::To(seq) => {
            let found = beside.all.keys().rev().find(|first| **first <= seq);
            let first = found.or_else(|| beside.all.keys().next()).copied();
            let each = |it: &Cell| lines(it, beside.document.fold_of(it.first), beside.width).len();
            let before = beside.all.values().take_while(|it| Some(it.first) != first);
            return (before.map(each).sum::<usize>() as i64).min(last) as usize;
        }
    };
    (before as i64 + by).clamp(0, last) as usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_in_view_is_a_part_of_the_whole(
        budget in prop_oneof![Just(0usize), Just(20_000), Just(held::BUDGET)],
        many in prop_oneof![Just(0u64), 60..200u64],
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let mut beside = Beside::new(budget);
        for number in 0..many {
            beside.put(cell(number * 2 + 1, number % 2, number as usize % 11 + 1, Standing::Settled));
        }
        let mut top = 0;
        let mut seen = beside.settle();
        if !seen.is_empty() {
            top = beside.top(&seen);
        }
        for deed in &deeds {
            let was_following = beside.document.is_following();
            perform(&mut beside, deed);
            seen = beside.settle();
            let now = beside.top(&seen);
            match deed {
                Deed::Scroll(scroll) => {
                    prop_assert_eq!(now, expected(&beside, top, *scroll), "{:?}", scroll);
                }
                _ if was_following => prop_assert_eq!(now, beside.last_top()),
                _ => {}
            }
            if beside.document.is_following() {
                prop_assert_eq!(now, beside.last_top());
            }
            if let Some(found) = beside.document.found() {
                let needle = beside.document.search.clone().expect("a search");
                let hits = beside.all.keys().filter(|first| beside.document.is_hit(**first));
                prop_assert_eq!((hits.count(), found.looked), (found.hits, beside.all.len()));
                drop(needle);
            }
            top = now;
        }
    }

    #[test]
    fn a_scroll_and_back_comes_back(
        words in prop::collection::vec(1..12usize, 20..150),
        from in 0..200i32,
        by in 1..300i32,
    ) {
        let mut beside = Beside::new(0);
        for (number, words) in words.iter().enumerate() {
            beside.put(cell(number as u64 + 1, 0, *words, Standing::Settled));
        }
        beside.document.scroll(Scroll::Top);
        beside.settle();
        beside.document.scroll(Scroll::Lines(from));
        let there = beside.settle();
        let top = beside.top(&there) as i32;
        for way in [by.min(top), -by.min(beside.last_top() as i32 - top)] {
            beside.document.scroll(Scroll::Lines(-way));
            if by % 2 == 0 {
                beside.settle();
            }
            beside.document.scroll(Scroll::Lines(way));
            prop_assert_eq!(&beside.settle(), &there);
        }
    }

    #[test]
    fn another_width_and_back_is_the_same_place(
        words in prop::collection::vec(1..12usize, 20..100),
        from in 0..100i32,
        widths in prop::collection::vec(1..8u16, 1..5),
    ) {
        let mut beside = Beside::new(20_000);
        for (number, words) in words.iter().enumerate() {
            beside.put(cell(number as u64 + 1, 0, *words, Standing::Settled));
        }
        beside.document.scroll(Scroll::Top);
        beside.settle();
        beside.document.scroll(Scroll::Lines(from));
        let there = beside.settle();
        let first = beside.document.seen[0].0;
        for width in widths {
            beside.width = width;
            let seen = beside.settle();
            let top = beside.top(&seen);
            let near = beside.document.seen[0].0;
            prop_assert!(near == first || top == beside.last_top(), "{near} for {first}");
        }
        beside.width = 3;
        prop_assert_eq!(beside.settle(), there);
    }
}

fn long(cells: u64) -> Beside {
    let mut beside = Beside::new(0);
    for number in 1..=cells {
        beside.put(cell(number, 0, 4, Standing::Settled));
    }
    beside
}

#[test]
fn little_is_drawn_and_held_of_much() {
    let mut beside = long(20_000);
    beside.settle();
    assert!(beside.drawn < 10, "{}", beside.drawn);
    assert!(beside.document.held.firsts().len() < 2 * AROUND, "{:?}", beside.document.held);
    beside.drawn = 0;
    beside.document.scroll(Scroll::To(Seq(7_000)));
    assert_eq!(beside.settle()[0], "7000.0 7000.1 7000.2");
    assert!(beside.drawn < 20, "{}", beside.drawn);
    beside.drawn = 0;
    for _ in 0..100 {
        beside.document.scroll(Scroll::Lines(-1));
        beside.settle();
    }
    assert!(beside.drawn < 200, "{}", beside.drawn);
    assert!(beside.document.held.firsts().len() < 4 * AROUND + AT_ONCE);
    beside.drawn = 0;
    beside.settle();
    assert_eq!(beside.drawn, 0, "what is in view is not drawn again");
}

#[test]
fn what_can_not_be_read_is_not_asked_for_again() {
    let mut beside = long(500);
    beside.settle();
    beside.document.scroll(Scroll::To(Seq(100)));
    beside.look();
    while let Some(range) = beside.document.wanted() {
        beside.document.loaded(range, Vec::new());
        beside.look();
    }
    assert_eq!(beside.look()[..2], [MISSING, MISSING]);
    beside.document.scroll(Scroll::Bottom);
    assert_eq!(beside.settle()[4], "500.3");
}

#[test]
fn the_end_that_was_read_first_gives_way_to_what_is_told() {
    let mut document = Document::default();
    // The first is the rest of a cell that began before.
    let preview = vec![
        cell(91, 0, 1, Standing::Settled),
        cell(93, 2, 1, Standing::Settled),
        cell(97, 3, 1, Standing::Open),
    ];
    document.loaded(Seq(90)..=Seq(100), preview);
    let mut draw = |cell: &Cell, fold: Fold| Rc::new(lines(cell, fold, 3));
    let mut look = |document: &mut Document| texts(document.view(3, 10, &mut draw));
    assert_eq!(look(&mut document), ["91.0", "93.0", "97.0"]);
    document.apply(CellChange::Put(cell(1, 0, 1, Standing::Settled)));
    document.apply(CellChange::Put(cell(80, 11, 1, Standing::Settled)));
    assert_eq!(look(&mut document), ["1.0", "80.0", "91.0", "93.0", "97.0"]);
    document.apply(CellChange::Put(cell(93, 2, 1, Standing::Settled)));
    document.apply(CellChange::Put(cell(97, 3, 1, Standing::Open)));
    document.caught_up();
    assert_eq!(look(&mut document), ["1.0", "80.0", "93.0", "97.0"]);
}

#[test]
fn a_part_of_a_cell_is_not_taken_for_it() {
    let mut beside = long(300);
    beside.put(cell(301, 9, 4, Standing::Settled));
    beside.put(cell(305, 0, 4, Standing::Settled));
    beside.settle();
    beside.document.scroll(Scroll::Top);
    beside.settle();
    assert!(beside.document.cell(Seq(301)).is_none());
    let read = vec![cell(301, 4, 1, Standing::Open), cell(305, 0, 4, Standing::Settled)];
    beside.document.scroll(Scroll::Bottom);
    beside.document.loaded(Seq(300)..=Seq(305), read);
    assert!(beside.document.cell(Seq(301)).is_none() && beside.document.cell(Seq(305)).is_some());
    assert_eq!(beside.settle().last().map(String::as_str), Some("305.3"));
    assert_eq!(beside.document.cell(Seq(301)).map(|it| it.last), Some(Seq(310)));
}

#[test]
fn a_cell_that_lacks_texts_is_read_when_it_is_near() {
    let mut document = Document::default();
    for first in 1..=200 {
        document.apply(CellChange::Partial(cell(first, 0, 1, Standing::Settled)));
    }
    let mut draw = |cell: &Cell, fold: Fold| Rc::new(lines(cell, fold, 3));
    assert_eq!(texts(document.view(3, 2, &mut draw)), ["199.0", "200.0"]);
    let range = document.wanted().expect("what is in view lacks texts");
    assert!(range.contains(&Seq(200)) && range.contains(&Seq(199)), "{range:?}");
    let cells = range.clone().start().0..=range.end().0;
    let cells = cells.map(|first| cell(first, 0, 5, Standing::Settled)).collect();
    document.loaded(range, cells);
    let seen = texts(document.view(3, 2, &mut draw));
    assert_eq!(seen, ["200.0 200.1 200.2", "200.3 200.4"]);
}

#[test]
fn words_are_found_in_what_is_not_in_memory() {
    let mut beside = long(3_000);
    beside.settle();
    beside.document.find("17.3");
    beside.settle();
    let found = beside.document.found().expect("a search");
    // 17, 117, 217, …, 2917.
    assert_eq!((found.hits, found.looked, found.of), (30, 3_000, 3_000));
    assert_eq!(beside.document.step(Toward::Older), Some(Seq(2_917)));
    assert_eq!(beside.document.step(Toward::Older), Some(Seq(2_817)));
    assert_eq!(beside.settle()[0], "2817.0 2817.1 2817.2");
    assert_eq!(beside.document.found().and_then(|it| it.current), Some(29));
    assert_eq!(beside.document.step(Toward::Newer), Some(Seq(2_917)));
    assert_eq!(beside.document.step(Toward::Newer), None);
    beside.put(cell(3_017, 0, 4, Standing::Settled));
    assert_eq!(beside.document.step(Toward::Newer), Some(Seq(3_017)));
    beside.document.find("");
    assert_eq!(beside.document.found(), None);
    assert!(beside.document.held.firsts().len() < 200, "what was searched is let go of");
}

#[test]
fn what_its_events_do_not_give_again_is_kept() {
    let mut document = Document { budget: Some(0), ..Document::default() };
    let ending = TurnEnding::Completed;
    let end = TurnEnd { ending, usage: Usage::default(), took_ms: Some(7) };
    let body = CellBody::TurnEnd(end);
    let (at, standing) = (Timestamp(0), Standing::Settled);
    document.apply(CellChange::Put(Cell { first: Seq(1), last: Seq(1), at, standing, body }));
    let said = Prompt { text: "x".into(), author: Author::Model, taken: Taken::AtOnce };
    for first in 2..200 {
        let (first, body) = (Seq(first), CellBody::Prompt(said.clone()));
        document.apply(CellChange::Put(Cell { first, last: first, at, standing, body }));
    }
    assert!(document.cell(Seq(1)).is_some() && document.cell(Seq(2)).is_none());
}

#[test]
fn rows_lead_to_their_cells() {
    let mut beside = long(10);
    beside.settle();
    // Two lines a cell, of which five are in view.
    let cells: Vec<Option<u64>> =
        (0..6).map(|row| beside.document.cell_at(row).map(|it| it.0)).collect();
    assert_eq!(cells, [Some(8), Some(9), Some(9), Some(10), Some(10), None]);
    assert_eq!(beside.document.below(), Some(0));
    beside.document.scroll(Scroll::Lines(-4));
    beside.settle();
    assert_eq!(beside.document.below(), Some(4));
    assert_eq!(beside.document.position(), (5, 10));
}

#[test]
fn the_lines_of_a_cell_that_changes_are_let_go_of_before_it_is_drawn() {
    let mut document = Document::default();
    let drawn = RefCell::new(Rc::new(Vec::new()));
    let mut times = 0;
    let mut draw = |cell: &Cell, fold: Fold| {
        times += 1;
        assert_eq!(Rc::strong_count(&drawn.borrow()), 1, "nobody else has them");
        *drawn.borrow_mut() = Rc::new(lines(cell, fold, 3));
        Rc::clone(&drawn.borrow())
    };
    for height in 1..5 {
        document.apply(CellChange::Put(cell(1, 0, 3 * height, Standing::Open)));
        let seen = document.view(3, 2, &mut draw);
        assert_eq!(seen, document.view(3, 2, &mut draw));
        assert_eq!(seen.len(), height.min(2));
    }
    assert_eq!(times, 4);
}
