use super::*;

fn read(text: &str) -> Script {
    Script::from_json(text).unwrap()
}

fn refused(text: &str) -> String {
    Script::from_json(text).unwrap_err().to_string()
}

#[test]
fn a_list_is_a_step_and_an_empty_script_is_one_too() {
    let script = read(r#"{"steps":[[{"type":"text","text":"hi"}]]}"#);
    assert_eq!(script.steps[0].items, [Item::Text(Pieces::Given("hi".into()))]);
    assert_eq!((script.select, script.on_exhausted), (Select::Count, OnExhausted::RepeatLast));
    assert!(!script.strict);
    assert_eq!(read("{}").steps.len(), 0);
    assert_eq!(read(r#"{"turns":[[]]}"#).steps.len(), 1);
}

#[test]
fn repeats_are_counted_out() {
    let script = read(r#"{"steps":[{"repeat":3},{"repeat":0},{}]}"#);
    assert_eq!(script.steps.len(), 4);
}

#[test]
fn a_step_overrides_the_pacing_of_the_script() {
    let script = read(
        r#"{"chunk_deltas":2,"delay_ms":1.5,"steps":[{},{"chunk_deltas":0,"delay_ms":0,"ttfb_ms":7}]}"#,
    );
    let pacing = Pacing { events_per_write: 2, delay: Duration::from_micros(1500) };
    assert_eq!(script.steps[0].pacing, pacing);
    assert_eq!(script.steps[1].pacing, Pacing::default());
    assert_eq!(script.steps[1].ttfb, Duration::from_millis(7));
}

#[test]
fn usage_is_filled_up_with_what_is_usual() {
    let script = read(r#"{"steps":[{},{"usage":{"input":5,"cached":4}}]}"#);
    assert_eq!(script.steps[0].usage, Usage { input: 1000, output: 100, cached: 0, reasoning: 0 });
    assert_eq!(script.steps[1].usage, Usage { input: 5, output: 100, cached: 4, reasoning: 0 });
}

#[test]
fn every_fault_has_its_defaults() {
    let fault = |text: &str| {
        let script = read(&format!(r#"{{"steps":[{{"fault":{text}}}]}}"#));
        script.steps[0].fault.clone()
    };
    assert_eq!(fault("null"), None);
    assert_eq!(fault("{}"), None);
    let status = Fault::Status { code: 500, retry_after: None, body: None, error_code: None };
    assert_eq!(fault(r#"{"kind":"status"}"#), Some(status));
    assert_eq!(
        fault(r#"{"kind":"drop","after_events":3}"#),
        Some(Fault::Drop { after_events: 3, reset: false })
    );
    assert_eq!(
        fault(r#"{"kind":"stall","after_events":3}"#),
        Some(Fault::Stall { after_events: 3, pause: Duration::from_secs(30) })
    );
    assert_eq!(
        fault(r#"{"kind":"malformed","after_events":0}"#),
        Some(Fault::Malformed { after_events: 0 })
    );
    assert_eq!(fault(r#"{"kind":"no_completed"}"#), Some(Fault::NoCompleted));
    let failed = Fault::Failed { code: "server_error".into(), message: "mock failure".into() };
    assert_eq!(fault(r#"{"kind":"failed"}"#), Some(failed));
    assert_eq!(
        fault(r#"{"kind":"incomplete"}"#),
        Some(Fault::Incomplete { reason: "max_output_tokens".into() })
    );
    assert_eq!(
        fault(r#"{"kind":"slow","ms_between":2}"#),
        Some(Fault::Slow { between: Duration::from_millis(2) })
    );
}

#[test]
fn errors_name_the_step_and_the_item() {
    assert!(refused("{").starts_with("script: EOF"));
    assert!(refused(r#"{"select":"dice"}"#).contains("unknown variant `dice`"));
    assert_eq!(
        refused(r#"{"steps":[[],{"repeat":"x"}]}"#),
        "script: steps[1]: invalid type: string \"x\", expected usize"
    );
    assert_eq!(
        refused(r#"{"steps":[[],[{"type":"text"},{"type":"function_call"}]]}"#),
        "script: steps[1].items[1]: missing field `name`"
    );
    assert_eq!(
        refused(r#"{"steps":[[{"text":"x"}]]}"#),
        "script: steps[0].items[0]: an item needs a `type`"
    );
    assert!(
        refused(r#"{"steps":[[],{"fault":{"kind":"explode"}}]}"#)
            .starts_with("script: steps[1].fault: unknown variant `explode`")
    );
    assert_eq!(
        refused(r#"{"steps":[{"fault":{"kind":"drop"}}]}"#),
        "script: steps[0].fault: missing field `after_events`"
    );
    assert_eq!(
        refused(r#"{"steps":[{"fault":{"kind":"status","code":99}}]}"#),
        "script: steps[0]: fault.code 99 is not a status between 200 and 599"
    );
    assert_eq!(
        refused(r#"{"steps":[{"fault":{"kind":"status","retry_after":"a\nb"}}]}"#),
        "script: steps[0]: fault.retry_after \"a\\nb\" can't stand in a header"
    );
    assert!(refused(r#"{"steps":[{"ttfb_ms":-1}]}"#).starts_with("script: steps[0]: "));
}

#[test]
fn a_slip_of_the_pen_does_not_eat_the_memory() {
    assert!(refused(r#"{"steps":[{},{"repeat":2000000}]}"#).starts_with("script: steps[1]: "));
    let many = r#"{"steps":[[{"type":"text","n":100000000,"chars":0}]]}"#;
    assert!(refused(many).starts_with("script: steps[0].items[0]: "));
}
