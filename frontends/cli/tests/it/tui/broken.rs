//! An answer that is interrupted while it comes in.

use serde_json::json;

use super::screen::{ESC, Person, Size, in_colour, interface};
use super::story::repository;
use crate::support::{World, run, says};

const SIZE: Size = Size(100, 30);

#[test]
fn what_was_said_before_an_interrupt_stays_and_the_model_is_not_told_of_it() {
    let slow = json!({"items": [{"type": "text", "n": 4000, "chars": 8}], "chunk_deltas": 1, "delay_ms": 20});
    let world = World::playing(json!([slow, says("Another answer.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("? keys");
    person.says("tell me something");
    person.until("the quick brown fox");
    person.presses(ESC);
    person.until("interrupted by the user");
    person.until_gone("interrupt)");
    let kept = |screen: &str| {
        let before = screen.split_once("(cut off here)").map(|(before, _)| before.to_owned());
        before.is_some_and(|it| it.contains("the quick brown fox"))
    };
    let screen = person.screen();
    assert!(kept(&screen), "{screen}");
    person.says("go on");
    person.until("Another answer.");
    person.until_gone("interrupt)");
    assert!(kept(&person.screen()), "{}", person.screen());
    person.leaves();
    assert_eq!(person.end(), 0);
    world.check_journal();
    let asked = world.bodies().pop().expect("a request").to_string();
    assert!(asked.contains("go on") && !asked.contains("quick brown fox"), "{asked}");
    let replayed = run(world.program(&["replay", "--last"])).stdout;
    assert!(kept(&replayed), "{replayed}");
    for command in [
        world.program(&["replay", "--last", "--screen"]),
        world.asking_model("resume", &["--last"]),
    ] {
        let mut person = Person::start(&in_colour(command), SIZE);
        let screen = person.until("Another answer.");
        assert!(kept(&screen), "{screen}");
        person.leaves();
        assert_eq!(person.end(), 0);
    }
}
