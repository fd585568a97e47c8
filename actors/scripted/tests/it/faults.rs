use serde_json::{Value, json};

use crate::client::{Client, End};
use crate::serve;

/// A script with a step of ten events and the fault, and a whole step after it.
fn faulty(fault: Value) -> String {
    let items = json!([{ "type": "text", "n": 2 }]);
    json!({ "steps": [{ "items": items, "fault": fault }, items] }).to_string()
}

#[tokio::test]
async fn status_takes_the_place_of_the_stream() {
    let body = json!({ "error": { "message": "slow down", "code": "rate_limit_exceeded" } });
    let steps = json!([
        { "fault": { "kind": "status", "code": 429, "retry_after": 1.5, "body": body } },
        { "fault": { "kind": "status", "code": 503, "retry_after": "soon", "error_code": "x" } },
        { "fault": { "kind": "status" } },
    ]);
    let server = serve(&json!({ "steps": steps }).to_string()).await;
    let mut client = Client::connect(&server).await;
    let reply = client.ask("{}").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1.5")));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json(), body);
    let reply = client.ask("{}").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("soon")));
    let error = &reply.json()["error"];
    assert_eq!((&error["message"], &error["code"]), (&json!("mock error 503"), &json!("x")));
    let reply = client.ask("{}").await;
    assert_eq!((reply.status, reply.header("retry-after")), (500, None));
    assert_eq!(reply.json()["error"]["code"], Value::Null);
}

#[tokio::test]
async fn drop_cuts_the_body_after_so_many_events() {
    for after in [0, 3, 99] {
        let server = serve(&faulty(json!({ "kind": "drop", "after_events": after }))).await;
        let mut client = Client::connect(&server).await;
        let reply = client.ask("{}").await;
        assert_eq!((reply.status, &reply.end), (200, &End::Cut));
        assert_eq!(reply.events().len(), after.min(10), "{after}");
        // The next attempt works.
        let reply = Client::connect(&server).await.ask("{}").await;
        assert_eq!(
            (reply.last()["type"].as_str(), reply.end),
            (Some("response.completed"), End::Whole)
        );
    }
}

#[tokio::test]
async fn drop_loses_nothing_of_what_came_before() {
    // More than the socket's buffers hold, so that the server has to wait for the client.
    let items = json!([{ "type": "text", "n": 2000, "chars": 8192 }]);
    let fault = json!({ "kind": "drop", "after_events": 1500 });
    let server = serve(&json!({ "steps": [{ "items": items, "fault": fault }] }).to_string()).await;
    let reply = Client::connect(&server).await.ask("{}").await;
    assert_eq!(reply.end, End::Cut);
    assert_eq!(reply.events().len(), 1500);
}

#[tokio::test]
async fn drop_can_be_a_reset() {
    let fault = json!({ "kind": "drop", "after_events": 3, "reset": true });
    let server = serve(&faulty(fault)).await;
    let mut client = Client::connect(&server).await;
    client.send("POST", "/v1/responses", "{}").await;
    // What is unread when a reset comes may be lost, so there might be no head to read.
    let end = loop {
        let mut byte = [0];
        match client.read(&mut byte).await {
            Ok(0) => panic!("closed without a reset"),
            Ok(_) => {}
            Err(e) => break e.kind(),
        }
    };
    assert_eq!(end, std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn stall_is_silent_and_then_goes_on() {
    let server =
        serve(&faulty(json!({ "kind": "stall", "after_events": 4, "seconds": 0.02 }))).await;
    let reply = Client::connect(&server).await.ask("{}").await;
    assert_eq!((reply.events().len(), reply.chunks.len(), reply.end), (10, 2, End::Whole));
}

#[tokio::test]
async fn stall_lasts_until_the_server_stops() {
    let server =
        serve(&faulty(json!({ "kind": "stall", "after_events": 4, "seconds": 3600 }))).await;
    let mut stalled = Client::connect(&server).await;
    stalled.send("POST", "/v1/responses", "{}").await;
    // The end of the fourth event, and of the chunk it is in.
    stalled.wait_for("\"sequence_number\":3}\n\n\r\n").await;
    // Another client gets all of its answer meanwhile.
    assert_eq!(Client::connect(&server).await.ask("{}").await.end, End::Whole);
    assert!(!stalled.has_unread());
    server.shutdown().await;
    let reply = stalled.reply().await;
    assert_eq!((reply.events().len(), reply.end), (4, End::Cut));
}

#[tokio::test]
async fn malformed_is_one_broken_event_among_good_ones() {
    let server = serve(&faulty(json!({ "kind": "malformed", "after_events": 5 }))).await;
    let reply = Client::connect(&server).await.ask("{}").await;
    assert_eq!(reply.end, End::Whole);
    let broken: Vec<usize> = reply
        .data()
        .iter()
        .enumerate()
        .filter(|(_, data)| serde_json::from_str::<Value>(data).is_err())
        .map(|(n, _)| n)
        .collect();
    assert_eq!((broken, reply.data().len()), (vec![5], 11));
    assert!(reply.data()[10].contains("response.completed"));
}

#[tokio::test]
async fn streams_can_end_in_other_ways() {
    let ends = [
        (json!({ "kind": "no_completed" }), "response.output_item.done"),
        (json!({ "kind": "failed", "code": "c", "message": "m" }), "response.failed"),
        (json!({ "kind": "incomplete", "reason": "max_output_tokens" }), "response.incomplete"),
    ];
    for (fault, last) in ends {
        let server = serve(&faulty(fault)).await;
        let reply = Client::connect(&server).await.ask("{}").await;
        assert_eq!((reply.last()["type"].as_str(), reply.end), (Some(last), End::Whole));
    }
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let server = serve("{}").await;
    let mut client = Client::connect(&server).await;
    client.get("/v1/models").await;
    drop(server);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}
