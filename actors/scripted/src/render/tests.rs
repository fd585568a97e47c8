use serde_json::{Value, json};

use super::*;
use crate::Script;

fn rendered(index: usize, step: Value) -> (Vec<Value>, Vec<String>) {
    let script = Script::from_json(&json!({ "steps": [step] }).to_string()).unwrap();
    let rendered = events(index, &script.steps[0]);
    let parsed = rendered.events.iter().map(|text| {
        let (head, data) = text.split_once('\n').unwrap();
        let data = data.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(head, format!("event: {}", event["type"].as_str().unwrap()));
        event
    });
    (parsed.collect(), rendered.calls)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| e["type"].as_str().unwrap().strip_prefix("response.").unwrap()).collect()
}

#[test]
fn a_message_in_pieces() {
    let (events, _) = rendered(7, json!([{ "type": "text", "n": 13, "chars": 5 }]));
    let mut expected = vec!["created", "in_progress", "output_item.added", "content_part.added"];
    expected.extend(["output_text.delta"; 13]);
    expected.extend(["output_text.done", "content_part.done", "output_item.done", "completed"]);
    assert_eq!(kinds(&events), expected);
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], n);
    }
    let deltas: Vec<&str> =
        events[4..17].iter().map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(deltas[..3], ["the q", "uick ", "brown"]);
    assert!(deltas[11].ends_with('\n') && !deltas[12].ends_with('\n'));
    let item = &events[19]["item"];
    assert_eq!((&item["id"], &item["status"]), (&"msg_000007_0".into(), &"completed".into()));
    assert_eq!(item["content"][0]["text"], deltas.concat());
    let response = &events[20]["response"];
    assert_eq!((&response["id"], &response["output"][0]), (&"resp_000007".into(), item));
    assert_eq!(events[0]["response"]["status"], "in_progress");
    assert_eq!(events[0]["response"]["usage"], Value::Null);
}

#[test]
fn reasoning_has_no_status() {
    let (events, calls) = rendered(1, json!([{ "type": "reasoning", "text": "hm" }]));
    assert_eq!(
        kinds(&events)[2..7],
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "output_item.done",
        ]
    );
    let summary = json!([{ "type": "summary_text", "text": "hm" }]);
    let item = json!({ "id": "rs_000001_0", "type": "reasoning", "summary": summary });
    assert_eq!(events[6]["item"], item);
    assert_eq!(calls, Vec::<String>::new());
}

#[test]
fn calls_have_ids_that_can_be_foretold() {
    let step = json!([
        { "type": "function_call", "name": "run", "arguments": { "cmd": "echo {i}", "login": false } },
        { "type": "function_call", "name": "run", "namespace": "ns", "arguments": "{not json" },
        { "type": "custom_tool_call", "name": "apply_patch", "input": "p{i}" },
        { "type": "web_search_call", "id": "ws_{i}", "status": "completed" },
    ]);
    let (events, calls) = rendered(12, step);
    assert_eq!(calls, ["call_000012_0", "call_000012_1", "call_000012_2"]);
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    assert_eq!(
        *done[0],
        json!({
            "id": "fc_000012_0", "type": "function_call", "status": "completed",
            "call_id": "call_000012_0", "name": "run",
            "arguments": "{\"cmd\":\"echo 12\",\"login\":false}",
        })
    );
    assert_eq!((&done[1]["arguments"], &done[1]["namespace"]), (&"{not json".into(), &"ns".into()));
    assert_eq!(
        *done[2],
        json!({
            "id": "ctc_000012_2", "type": "custom_tool_call", "status": "completed",
            "call_id": "call_000012_2", "name": "apply_patch", "input": "p12",
        })
    );
    assert_eq!(done[3]["id"], "ws_12");
    assert_eq!(
        kinds(&events)[2..6],
        [
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
        ]
    );
    assert_eq!(events[2]["item"]["arguments"], "");
}

#[test]
fn the_end_depends_on_the_fault() {
    let last = |fault: Value| {
        let (events, _) = rendered(0, json!({ "fault": fault, "usage": { "input": 7 } }));
        events.last().unwrap().clone()
    };
    let done = last(Value::Null);
    assert_eq!(done["type"], "response.completed");
    assert_eq!(done["response"]["usage"]["total_tokens"], 107);
    assert_eq!(last(json!({ "kind": "no_completed" }))["type"], "response.in_progress");
    let failed = last(json!({ "kind": "failed", "code": "c", "message": "m" }));
    assert_eq!(failed["type"], "response.failed");
    assert_eq!(failed["response"]["error"], json!({ "code": "c", "message": "m" }));
    assert_eq!(failed["response"]["status"], "failed");
    let cut = last(json!({ "kind": "incomplete", "reason": "max_output_tokens" }));
    assert_eq!(cut["type"], "response.incomplete");
    assert_eq!(cut["response"]["status"], "incomplete");
    assert_eq!(cut["response"]["incomplete_details"], json!({ "reason": "max_output_tokens" }));
    assert_eq!(cut["response"]["usage"]["input_tokens"], 7);
}

#[test]
fn a_big_stream_does_not_repeat_its_output() {
    let (events, _) = rendered(0, json!([{ "type": "text", "n": 1, "chars": 70000 }]));
    assert_eq!(events.last().unwrap()["response"]["output"], json!([]));
}
