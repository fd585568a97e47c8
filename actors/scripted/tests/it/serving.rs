use std::time::{Duration, Instant};

use codex_scripted::server::MAX_CONNECTIONS;
use serde_json::json;

use crate::client::{Client, End};
use crate::{folder, serve};

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = serve(
        r#"{"steps":[[{"type":"text","text":"step {i}"}],
                     [{"type":"function_call","name":"run","arguments":{"n":"{i}"}}]]}"#,
    )
    .await;
    assert_eq!(server.base_url(), format!("http://127.0.0.1:{}/v1", server.addr().port()));
    let mut client = Client::connect(&server).await;
    let first = client.ask(r#"{"input":"hi"}"#).await;
    assert_eq!((first.status, &first.end), (200, &End::Whole));
    assert_eq!(first.header("content-type"), Some("text/event-stream"));
    assert_eq!(first.header("transfer-encoding"), Some("chunked"));
    let response = first.last()["response"].clone();
    assert_eq!(
        (&response["id"], &response["status"]),
        (&json!("resp_000000"), &json!("completed"))
    );
    assert_eq!(response["output"][0]["id"], "msg_000000_0");
    assert_eq!(response["output"][0]["content"][0]["text"], "step 0");
    let second = client.ask("{}").await.last()["response"].clone();
    assert_eq!(second["id"], "resp_000001");
    assert_eq!(second["output"][0]["call_id"], "call_000001_0");
    assert_eq!(second["output"][0]["arguments"], r#"{"n":"1"}"#);
    let models = client.get("/v1/models").await;
    assert_eq!((models.status, &models.json()["data"][0]["id"]), (200, &json!("mock-model")));
}

#[tokio::test]
async fn everything_else_is_not_found_and_uses_no_step() {
    let server = serve("{}").await;
    let mut client = Client::connect(&server).await;
    for (method, path) in [
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/responses"),
        ("POST", "/responses"),
        ("POST", "/v1/models"),
    ] {
        client.send(method, path, "{}").await;
        let reply = client.reply().await;
        assert_eq!(reply.status, 404, "{method} {path}");
        assert_eq!(reply.json()["error"]["message"], format!("not found: {method} {path}"));
    }
    assert_eq!(client.ask("{}").await.last()["response"]["id"], "resp_000000");
}

#[tokio::test]
async fn requests_are_recorded() {
    let server = serve("{}").await;
    let file = folder("requests").join("log.jsonl");
    server.log_to(&file).unwrap();
    let mut client = Client::connect(&server).await;
    client.get("/v1/models?a=b").await;
    client.ask(r#"{"x":1}"#).await;
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method.as_str(), requests[0].step), ("GET", None));
    assert_eq!(requests[0].path, "/v1/models?a=b");
    assert_eq!((requests[1].body.as_str(), requests[1].step), (r#"{"x":1}"#, Some(0)));
    assert_eq!(requests[1].header("authorization"), Some("Bearer k"));
    let lines = std::fs::read_to_string(file).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&last["i"], &last["step"], &last["body"]["x"]), (&json!(1), &json!(0), &json!(1)));
}

#[tokio::test]
async fn input_selects_the_step() {
    let server = serve(
        r#"{"select":"input","steps":[[{"type":"text","text":"none"}],[{"type":"text","text":"one"}]]}"#,
    )
    .await;
    let mut client = Client::connect(&server).await;
    let text = |reply: crate::client::Reply| {
        reply.last()["response"]["output"][0]["content"][0]["text"].clone()
    };
    let one = r#"{"input":[{"type":"function_call_output","call_id":"c","output":""}]}"#;
    assert_eq!(text(client.ask(one).await), "one");
    assert_eq!(text(client.ask(r#"{"input":[]}"#).await), "none");
    assert_eq!(server.requests()[0].step, Some(1));
}

#[tokio::test]
async fn strict_refuses_as_the_api_does() {
    let server =
        serve(r#"{"strict":true,"steps":[[{"type":"function_call","name":"f"}],[]]}"#).await;
    let mut client = Client::connect(&server).await;
    client.ask("{}").await;
    let reply = client.ask(r#"{"previous_response_id":"resp_elsewhere"}"#).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let error = &reply.json()["error"];
    assert_eq!(error["code"], "previous_response_not_found");
    assert_eq!(error["param"], "previous_response_id");
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().unwrap().contains("previous_response_id"), "{error}");
    let reply = client.ask(r#"{"previous_response_id":"resp_000000"}"#).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["error"]["message"],
        "No tool output found for function call call_000000_0."
    );
    let answered = json!({
        "previous_response_id": "resp_000000",
        "input": [{ "type": "function_call_output", "call_id": "call_000000_0", "output": "" }],
    });
    let reply = client.ask(&answered.to_string()).await;
    assert_eq!(reply.last()["response"]["id"], "resp_000001");
    let steps: Vec<Option<usize>> = server.requests().iter().map(|r| r.step).collect();
    assert_eq!(steps, [Some(0), None, None, Some(1)]);
}

#[tokio::test]
async fn a_response_is_held_until_the_file_exists() {
    let file = folder("wait_for").join("go-0");
    let name = file.to_str().unwrap().replace("go-0", "go-{i}");
    let server = serve(&json!({ "steps": [{ "wait_for": name }, {}] }).to_string()).await;
    let mut held = Client::connect(&server).await;
    held.send("POST", "/v1/responses", "{}").await;
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    // Another client gets its answer meanwhile.
    assert_eq!(Client::connect(&server).await.ask("{}").await.status, 200);
    assert!(!held.has_unread());
    std::fs::write(file, "").unwrap();
    assert_eq!(held.reply().await.last()["response"]["id"], "resp_000000");
}

#[tokio::test]
async fn writes_follow_the_pacing() {
    let server = serve(
        r#"{"chunk_deltas":1,"steps":[
            [{"type":"text","n":5}],
            {"items":[{"type":"text","n":5}],"chunk_deltas":4},
            {"items":[{"type":"text","n":5}],"chunk_deltas":0},
            {"items":[{"type":"text","n":5}],"fault":{"kind":"slow","ms_between":2}},
            {"ttfb_ms":30}]}"#,
    )
    .await;
    let mut client = Client::connect(&server).await;
    let each = client.ask("{}").await;
    assert_eq!((each.events().len(), each.chunks.len()), (13, 13));
    assert_eq!(client.ask("{}").await.chunks.len(), 4);
    assert_eq!(client.ask("{}").await.chunks.len(), 1);
    let begin = Instant::now();
    let slow = client.ask("{}").await;
    assert_eq!((slow.chunks.len(), slow.end), (13, End::Whole));
    assert!(begin.elapsed() >= Duration::from_millis(26), "{:?}", begin.elapsed());
    let begin = Instant::now();
    client.ask("{}").await;
    assert!(begin.elapsed() >= Duration::from_millis(30), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let server = serve("{}").await;
    let mut clients = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut client = Client::connect(&server).await;
        client.get("/v1/models").await;
        clients.push(client);
    }
    let mut further = Client::connect(&server).await;
    further.send("GET", "/v1/models", "").await;
    clients[0].get("/v1/models").await;
    assert_eq!(server.requests().len(), MAX_CONNECTIONS + 1);
    assert!(!further.has_unread());
    clients.pop();
    assert_eq!(further.reply().await.status, 200);
}
