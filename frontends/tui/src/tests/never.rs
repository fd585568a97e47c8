//! What never happens, whatever is pressed and whatever comes in.

use codex_view::testing;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;

use super::Rig;
use crate::host::{Reply, Role, Topic};
use crate::update::{Focus, Input, Intent};

#[derive(Clone, Debug)]
enum Step {
    Key(KeyCode, KeyModifiers),
    Paste(String),
    Resize(u16, u16),
    Event,
    Failed(Topic),
    Ended,
    Wait(u64),
    Focus,
}

fn key() -> impl Strategy<Value = KeyCode> {
    prop_oneof![
        6 => prop::char::any().prop_filter("no control", |c| !c.is_control()).prop_map(KeyCode::Char),
        4 => "[a-z/@!? ]".prop_map(|c| KeyCode::Char(c.chars().next().unwrap_or('a'))),
        8 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Backspace, KeyCode::Up, KeyCode::Down,
            KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageUp,
            KeyCode::PageDown, KeyCode::Tab, KeyCode::BackTab, KeyCode::Delete, KeyCode::F(1),
        ]),
    ]
}

fn held() -> impl Strategy<Value = KeyModifiers> {
    prop::sample::select(vec![
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::SHIFT,
        KeyModifiers::CONTROL,
        KeyModifiers::ALT,
    ])
}

fn topic() -> impl Strategy<Value = Topic> {
    prop::sample::select(vec![Topic::Session, Topic::Sessions, Topic::Aside])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (key(), held()).prop_map(|(key, held)| Step::Key(key, held)),
        1 => ".{0,40}".prop_map(Step::Paste),
        2 => (0u16..100, 0u16..40).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        8 => Just(Step::Event),
        1 => topic().prop_map(Step::Failed),
        1 => Just(Step::Ended),
        2 => (0u64..3_000).prop_map(Step::Wait),
        1 => Just(Step::Focus),
    ]
}

fn take(rig: &mut Rig, step: &Step, events: &mut std::slice::Iter<'_, codex_event::Envelope>) {
    match step {
        Step::Key(code, held) => rig.tell(Input::Key(KeyEvent::new(*code, *held))),
        Step::Paste(text) => rig.tell(Input::Paste(text.clone())),
        Step::Resize(columns, rows) => {
            rig.tell(Input::Resize(*columns, *rows));
            let _ = rig.buffer(*columns, *rows);
        }
        Step::Event => {
            if let Some(event) = events.next() {
                rig.happen(std::slice::from_ref(event));
            }
        }
        Step::Failed(of) => {
            rig.host(Reply::Failed { of: *of, message: "no".into(), hint: "so".into() })
        }
        Step::Ended => rig.tell(Input::Ended(None)),
        Step::Wait(milliseconds) => rig.wait(*milliseconds),
        Step::Focus => rig.tell(Input::Focus(Focus::Lost)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_never_breaks(steps in prop::collection::vec(step(), 1..80), role in 0..3u8) {
        let role = match role {
            0 => Role::Owner { from: codex_event::Seq(1) },
            1 => Role::Guest { pid: 1 },
            _ => Role::Reader,
        };
        let story = testing::every_kind();
        let mut rig = Rig::new();
        rig.link(role);
        rig.tell(Input::CaughtUp);
        let mut events = story.envelopes().iter();
        for step in &steps {
            take(&mut rig, step, &mut events);
            let _ = rig.buffer(80, 24);
        }
    }

    #[test]
    fn nothing_typed_is_lost(
        words in "[a-z]{1,12}",
        steps in prop::collection::vec(
            prop_oneof![
                Just(Step::Event), Just(Step::Ended), topic().prop_map(Step::Failed), Just(Step::Focus),
                (0u64..3_000).prop_map(Step::Wait),
                (0u16..100, 0u16..40).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
                Just(Step::Key(KeyCode::Esc, KeyModifiers::NONE)),
                Just(Step::Key(KeyCode::PageUp, KeyModifiers::NONE)),
                Just(Step::Key(KeyCode::Char('t'), KeyModifiers::CONTROL)),
                Just(Step::Key(KeyCode::Char('o'), KeyModifiers::CONTROL)),
                Just(Step::Key(KeyCode::Char('l'), KeyModifiers::CONTROL)),
            ],
            0..60,
        ),
    ) {
        let story = testing::every_kind();
        let mut rig = Rig::new();
        rig.link(Role::Owner { from: codex_event::Seq(1) });
        rig.tell(Input::CaughtUp);
        rig.write(&words);
        let mut events = story.envelopes().iter();
        for step in &steps {
            take(&mut rig, step, &mut events);
        }
        prop_assert_eq!(rig.text(), words);
        let said = rig.take().iter().any(|intent| {
            matches!(intent, Intent::Ask(codex_event::Command::Submit { .. }))
        });
        prop_assert!(!said);
    }
}
