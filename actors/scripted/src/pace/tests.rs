use super::*;

fn events(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("<{i}>")).collect()
}

fn write(text: &str) -> Act {
    Act::Write(Bytes::copy_from_slice(text.as_bytes()))
}

const PLAIN: Pacing = Pacing { events_per_write: 0, delay: Duration::ZERO };

#[test]
fn small_streams_are_one_write() {
    assert_eq!(acts(&events(3), PLAIN, None), [write("<0><1><2>")]);
    assert_eq!(acts(&[], PLAIN, None), []);
}

#[test]
fn big_streams_are_cut_at_64_kib() {
    let delay = Duration::from_millis(3);
    let big = vec!["x".repeat(40 << 10); 3];
    let acts = acts(&big, Pacing { events_per_write: 0, delay }, None);
    let sizes: Vec<Option<usize>> = acts
        .iter()
        .map(|act| match act {
            Act::Write(bytes) => Some(bytes.len()),
            Act::Pause(time) => {
                assert_eq!(*time, delay);
                None
            }
            Act::Flush | Act::Break(_) => panic!("{act:?}"),
        })
        .collect();
    assert_eq!(sizes, [Some(80 << 10), None, Some(40 << 10)]);
}

#[test]
fn writes_can_be_counted_in_events() {
    let delay = Duration::from_millis(3);
    let pause = Act::Pause(delay);
    assert_eq!(
        acts(&events(3), Pacing { events_per_write: 2, delay }, None),
        [write("<0><1>"), Act::Flush, pause.clone(), write("<2>"), Act::Flush, pause.clone()]
    );
    assert_eq!(
        acts(&events(2), PLAIN, Some(&Fault::Slow { between: delay })),
        [write("<0>"), Act::Flush, pause.clone(), write("<1>"), Act::Flush, pause]
    );
}

#[test]
fn faults_strike_after_so_many_events() {
    let fault = Fault::Drop { after_events: 2, reset: false };
    assert_eq!(
        acts(&events(3), PLAIN, Some(&fault)),
        [write("<0><1>"), Act::Flush, Act::Break(Close::Fin)]
    );
    let fault = Fault::Drop { after_events: 9, reset: true };
    assert_eq!(
        acts(&events(1), PLAIN, Some(&fault)),
        [write("<0>"), Act::Flush, Act::Break(Close::Reset)]
    );
    let pause = Duration::from_secs(2);
    let fault = Fault::Stall { after_events: 1, pause };
    assert_eq!(
        acts(&events(2), PLAIN, Some(&fault)),
        [write("<0>"), Act::Flush, Act::Pause(pause), write("<1>")]
    );
    let fault = Fault::Malformed { after_events: 1 };
    assert_eq!(
        acts(&events(2), PLAIN, Some(&fault)),
        [write("<0>"), write(BROKEN_EVENT), write("<1>")]
    );
}
