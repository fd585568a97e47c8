//! What comes of keys in the other popups.

use codex_event::ApprovalPolicy;

use super::*;
use crate::host::{Access, Changes, Owner, Request, Trust};

fn slash(name: &str, rest: &str) -> Answer {
    Answer::Do(Action::Slash { name: name.to_owned(), rest: rest.to_owned() })
}

fn change(changes: Changes) -> Answer {
    Answer::Do(Action::Change(changes))
}

fn typed(text: &str) -> Popup {
    let mut popup = Popup::palette(commands());
    if let Popup::Commands(it) = &mut popup {
        it.filter(text);
    }
    popup
}

#[test]
fn the_palette_runs_and_completes_what_matches() {
    assert_eq!(press(&mut typed("/"), "enter"), slash("model", ""));
    assert_eq!(press(&mut typed("/"), "down down enter"), slash("permissions", ""));
    assert_eq!(press(&mut typed("/na"), "enter"), slash("name", ""));
    assert_eq!(press(&mut typed("/commit"), "enter"), slash("diff", ""), "by its description");
    assert_eq!(press(&mut typed("/name a b"), "enter"), slash("name", "a b"));
    assert_eq!(press(&mut typed("/mo"), "tab"), Answer::Do(Action::Put("/model ".to_owned())));
    assert_eq!(press(&mut typed("/mo"), "esc"), Answer::Close);
    assert_eq!(press(&mut typed("/mo"), "x"), Answer::Pass, "the composer has the text");
    assert_eq!(press(&mut typed("/zzz"), "enter"), Answer::Pass);
    let Popup::Commands(none) = typed("/zzz") else { panic!("a palette") };
    assert!(none.is_empty());
}

#[test]
fn a_session_is_taken_up_forked_or_shown() {
    let fork = |number| {
        let (session, draft) = (Some(session(number)), String::new());
        Answer::Do(Action::Fork { session, at: None, draft })
    };
    let take = |number| Answer::Do(Action::Take(session(number), Owner::Attach));
    assert_eq!(press(&mut filled(), "enter"), take(1));
    assert_eq!(press(&mut filled(), "down f"), fork(2));
    assert_eq!(press(&mut filled(), "down r"), Answer::Do(Action::Watch(session(2))));
    assert_eq!(press(&mut filled(), "down down enter"), Answer::Close, "it is open already");
    assert_eq!(press(&mut filled(), "/ o l d enter"), take(4));
    assert_eq!(press(&mut filled(), "/ o l d ^f"), fork(4));
    assert_eq!(press(&mut filled(), "/ o l d esc enter"), take(1));
    assert_eq!(press(&mut filled(), "/ z z z enter"), Answer::Stay);
    assert_eq!(press(&mut filled(), "esc"), Answer::Close);
    let mut popup = Popup::sessions(None, None);
    assert_eq!(press(&mut popup, "enter f r down"), Answer::Stay, "there are none yet");
    assert!(screen(&mut popup, 80, 24).contains("looking for sessions"));
}

#[test]
fn sessions_that_come_late_leave_the_selection() {
    let mut popup = filled();
    press(&mut popup, "down");
    if let Popup::Sessions(it) = &mut popup {
        let mut rows = sessions();
        rows.rotate_right(1);
        it.fill(rows, NOW);
    }
    assert_eq!(press(&mut popup, "enter"), { Answer::Do(Action::Take(session(2), Owner::Attach)) });
}

#[test]
fn a_model_comes_with_its_effort() {
    let models = ["o4-mini", "o3"].map(str::to_owned);
    let chosen = |model: &str, effort: Option<&str>| {
        let (model, effort) = (Some(model.to_owned()), effort.map(str::to_owned));
        change(Changes { model, effort, ..Changes::default() })
    };
    let popup = |effort| Popup::models(&models, "o3", effort);
    assert_eq!(press(&mut popup(None), "enter"), chosen("o3", None));
    assert_eq!(press(&mut popup(None), "up enter"), chosen("o4-mini", None));
    assert_eq!(press(&mut popup(Some("low")), "right enter"), chosen("o3", Some("medium")));
    assert_eq!(press(&mut popup(Some("low")), "left left enter"), chosen("o3", Some("minimal")));
    assert_eq!(press(&mut popup(Some("xhigh")), "right enter"), chosen("o3", Some("xhigh")));
    let mut unlisted = Popup::models(&models, "local", None);
    assert_eq!(press(&mut unlisted, "enter"), chosen("local", None));
}

#[test]
fn policies_and_access_are_changes() {
    let mut popup = Popup::approvals(ApprovalPolicy::OnRequest);
    let approval = Some(ApprovalPolicy::OnFailure);
    let expected = change(Changes { approval, ..Changes::default() });
    assert_eq!(press(&mut popup, "j enter"), expected);
    let mut popup = Popup::access(Some(Access::ReadOnly));
    let access = Some(Access::WorkspaceWrite);
    let expected = change(Changes { access, ..Changes::default() });
    assert_eq!(press(&mut popup, "down enter"), expected);
}

#[test]
fn leaving_the_sandbox_is_confirmed() {
    let mut popup = Popup::access(Some(Access::WorkspaceWrite));
    assert_eq!(press(&mut popup, "down enter"), Answer::Stay);
    assert!(screen(&mut popup, 80, 24).contains("Enter again"));
    assert_eq!(press(&mut popup, "up down enter"), Answer::Stay, "another key begins anew");
    let access = Some(Access::Full);
    assert_eq!(press(&mut popup, "enter"), change(Changes { access, ..Changes::default() }));
}

#[test]
fn themes_are_tried_and_given_back() {
    let mut popup = Popup::themes(Colours::Always(Palette::Dark));
    assert_eq!(
        press(&mut popup, "down"),
        Answer::Try(Action::Theme(Colours::Always(Palette::Light)))
    );
    assert_eq!(
        press(&mut popup, "down"),
        Answer::Try(Action::Theme(Colours::Always(Palette::Sixteen)))
    );
    assert_eq!(press(&mut popup, "up up up"), Answer::Try(Action::Theme(Colours::Auto)));
    assert_eq!(press(&mut popup, "esc"), Answer::Close);
    press(&mut popup, "down down down");
    assert_eq!(
        press(&mut popup, "enter"),
        Answer::Do(Action::Theme(Colours::Always(Palette::Sixteen)))
    );
}

#[test]
fn an_earlier_prompt_begins_a_fork_and_an_old_one_is_written_again() {
    let rows = vec![
        PromptRow { before: Some(Seq(40)), text: "second\nmore".to_owned() },
        PromptRow { before: Some(Seq(3)), text: "first".to_owned() },
    ];
    let fork = |at, draft: &str| {
        Answer::Do(Action::Fork { session: None, at: Some(Seq(at)), draft: draft.to_owned() })
    };
    assert_eq!(press(&mut Popup::prompts(rows.clone()), "enter"), fork(40, "second\nmore"));
    assert_eq!(press(&mut Popup::prompts(rows.clone()), "down enter"), fork(3, "first"));
    assert_eq!(press(&mut Popup::prompts(rows), "f i r enter"), fork(3, "first"));
    assert_eq!(press(&mut Popup::prompts(Vec::new()), "enter"), Answer::Stay);
    let mut popup = Popup::history(vec!["one".to_owned(), "two".to_owned()]);
    assert_eq!(press(&mut popup, "t w enter"), Answer::Do(Action::Put("two".to_owned())));
}

#[test]
fn pages_scroll_and_are_searched() {
    let lines = (1..=100).map(|at| ratatui::text::Line::from(format!("Line {at}."))).collect();
    let mut popup = Popup::pages("Text", lines);
    let mut at = |keys: &str, first: &str| {
        press(&mut popup, keys);
        let shown = screen(&mut popup, 40, 12);
        let top = shown.lines().nth(1).unwrap_or_default().trim().to_owned();
        assert_eq!(top, first, "{keys}\n{shown}");
    };
    at("", "Line 1.");
    at("down down up", "Line 2.");
    at("pgdn", "Line 11.");
    at("G", "Line 91.");
    at("g", "Line 1.");
    at("/ l i n e enter", "Line 1.");
    at("n", "Line 2.");
    at("/ 5 . enter", "Line 5.");
    at("n n", "Line 15.");
    at("n", "Line 25.");
    at("N", "Line 15.");
    at("/ z enter", "Line 15.");
    assert!(screen(&mut popup, 40, 12).contains("nothing more with `z`"));
    assert_eq!(press(&mut popup, "/ a esc q"), Answer::Close);
}

#[test]
fn a_pager_begins_at_the_end_and_keeps_its_place_at_another_width() {
    struct Numbers;
    impl Lines for Numbers {
        fn count(&mut self, _: u16, _: &Theme) -> usize {
            1_000_000
        }
        fn lines(
            &mut self,
            _: u16,
            _: &Theme,
            from: usize,
            most: usize,
        ) -> Vec<ratatui::text::Line<'static>> {
            (from..1_000_000).take(most).map(|at| format!("{at}").into()).collect()
        }
    }
    let mut popup = Popup::pager("Transcript", Box::new(Numbers));
    assert!(screen(&mut popup, 40, 12).contains("999999"));
    let word = |at: u32| format!("word{at:03} ");
    let text: String = (0..200).map(word).collect();
    let lines = vec![text.clone().into(), "HERE".into(), text.into()];
    let mut popup = Popup::pages("Text", lines);
    screen(&mut popup, 80, 10);
    press(&mut popup, "/");
    write(&mut popup, "here");
    press(&mut popup, "enter");
    for width in [80, 30, 120] {
        let shown = screen(&mut popup, width, 10);
        assert!(shown.lines().nth(1).is_some_and(|it| it.trim() == "HERE"), "{width}\n{shown}");
    }
}

#[test]
fn nothing_is_left_or_ended_without_a_choice() {
    let quit = Answer::Do(Action::Quit);
    assert_eq!(press(&mut Popup::leave(Leaving::Ends), "enter"), Answer::Close);
    assert_eq!(press(&mut Popup::leave(Leaving::Ends), "l"), quit);
    assert_eq!(press(&mut Popup::leave(Leaving::Detaches), "down enter"), quit);
    let take = |owner| Answer::Do(Action::Take(session(1), owner));
    assert_eq!(press(&mut Popup::take_over(session(1), 9), "enter"), Answer::Close);
    assert_eq!(press(&mut Popup::take_over(session(1), 9), "t"), take(Owner::Ask));
    assert_eq!(press(&mut Popup::end_owner(session(1), 9), "enter"), Answer::Close);
    assert_eq!(press(&mut Popup::end_owner(session(1), 9), "e"), take(Owner::End));
}

#[test]
fn the_first_run_has_its_ways() {
    let no_key = Concern::NoKey { variables: vec!["A".to_owned(), "B".to_owned()] };
    let mut popup = Popup::concern(&no_key, "openai");
    assert!(screen(&mut popup, 80, 24).contains("A and B are not set"));
    assert_eq!(press(&mut popup, "k enter"), Answer::Stay, "nothing is typed");
    write(&mut popup, "sk-1 ");
    let key = Answer::Do(Action::Request(Request::Key("sk-1".to_owned())));
    assert_eq!(press(&mut popup, "enter"), key);
    let mut popup = Popup::concern(&no_key, "openai");
    assert_eq!(press(&mut popup, "s"), Answer::Stay);
    assert!(screen(&mut popup, 80, 24).contains("[model_providers.local]"));
    assert_eq!(press(&mut popup, "g"), Answer::Close);
    let mut popup = Popup::concern(&no_key, "openai");
    assert_eq!(press(&mut popup, "d"), Answer::Stay);
    assert!(screen(&mut popup, 80, 24).contains("codex demo"));
    assert_eq!(press(&mut popup, "enter"), Answer::Do(Action::Quit));

    let concern = Concern::Untried { project: "/p\u{1b}".into(), keys: vec!["a = 1".to_owned()] };
    let project = || "/p\u{1b}".into();
    let trust = |trust| Answer::Do(Action::Request(Request::Trust { project: project(), trust }));
    let popup = || Popup::concern(&concern, "openai");
    assert!(screen(&mut popup(), 80, 24).contains("/p\\x1b has settings"));
    assert_eq!(press(&mut popup(), "enter"), trust(Trust::Untrusted));
    assert_eq!(press(&mut popup(), "t"), trust(Trust::Trusted));
    assert_eq!(press(&mut popup(), "esc"), Answer::Close);
}

#[test]
fn esc_closes_whatever_it_is_but_a_question() {
    for (name, mut popup) in each() {
        let answer = press(&mut popup, "esc");
        match popup {
            Popup::Approval(_) => assert_eq!(answer, Answer::Stay, "{name}"),
            Popup::Chooser(_)
            | Popup::Commands(_)
            | Popup::Sessions(_)
            | Popup::Reader(_)
            | Popup::Dialog(_) => assert_eq!(answer, Answer::Close, "{name}"),
        }
    }
}
