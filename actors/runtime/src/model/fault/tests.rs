use codex_event::Backend;
use serde_json::json;

use super::*;
use crate::model::tests::call;

const URL: &str = "http://h/v1/responses";

fn refusal(code: u16, body: &str) -> Refusal<'_> {
    Refusal {
        status: StatusCode::from_u16(code).unwrap(),
        retry_after: None,
        date: None,
        location: None,
        body,
        url: URL,
        previous: None,
    }
}

fn judged(code: u16, body: &str) -> (FaultKind, String) {
    let refusal = Refusal { previous: Some("resp_1"), ..refusal(code, body) };
    let fault = status(&refusal, SystemTime::UNIX_EPOCH);
    (fault.kind, fault.message)
}

#[test]
fn each_status_has_its_kind_and_words() {
    let error = |message: &str| json!({"error": {"message": message}}).to_string();
    let cases = [
        (
            401,
            error("Incorrect API key provided"),
            FaultKind::Unauthorized,
            "unexpected status 401 Unauthorized: Incorrect API key provided, url: http://h/v1/responses",
        ),
        (
            403,
            "no".into(),
            FaultKind::Unauthorized,
            "unexpected status 403 Forbidden: no, url: http://h/v1/responses",
        ),
        (400, error("bad tool"), FaultKind::BadRequest, "bad tool"),
        (400, "plain words\n".into(), FaultKind::BadRequest, "plain words"),
        (400, r#"{"detail":"why"}"#.into(), FaultKind::BadRequest, "why"),
        (400, r#"{"error":"why"}"#.into(), FaultKind::BadRequest, "why"),
        (
            400,
            String::new(),
            FaultKind::BadRequest,
            "unexpected status 400 Bad Request: , url: http://h/v1/responses",
        ),
        (
            404,
            error("The model `x` does not exist"),
            FaultKind::BadRequest,
            "unexpected status 404 Not Found: The model `x` does not exist, url: http://h/v1/responses",
        ),
        (
            307,
            String::new(),
            FaultKind::BadRequest,
            "unexpected status 307 Temporary Redirect: , url: http://h/v1/responses",
        ),
        (
            429,
            error("slow"),
            FaultKind::RateLimited,
            "exceeded retry limit, last status: 429 Too Many Requests: slow",
        ),
        (
            429,
            "".into(),
            FaultKind::RateLimited,
            "exceeded retry limit, last status: 429 Too Many Requests",
        ),
        (
            408,
            error("late"),
            FaultKind::ServerError,
            "unexpected status 408 Request Timeout: late, url: http://h/v1/responses",
        ),
        (
            502,
            "<html>\r\n<head><TITLE>502 Bad\n Gateway</title></head><body>…</body></html>".into(),
            FaultKind::ServerError,
            "unexpected status 502 Bad Gateway: 502 Bad Gateway, url: http://h/v1/responses",
        ),
        (
            502,
            "<p>no".into(),
            FaultKind::ServerError,
            "unexpected status 502 Bad Gateway: a web page, url: http://h/v1/responses",
        ),
        (
            500,
            "\u{1f}\u{fffd}\u{8}\0".into(),
            FaultKind::ServerError,
            "unexpected status 500 Internal Server Error: a body that is no text, url: http://h/v1/responses",
        ),
        (
            503,
            error("down"),
            FaultKind::ServerError,
            "unexpected status 503 Service Unavailable: down, url: http://h/v1/responses",
        ),
    ];
    for (code, body, kind, message) in cases {
        assert_eq!(judged(code, &body), (kind, message.to_owned()), "{code} {body}");
    }
}

#[test]
fn codes_say_more_than_the_status() {
    let coded = |code: Value, kind: &str, message: &str| {
        json!({"error": {"code": code, "type": kind, "message": message}}).to_string()
    };
    let full = coded(json!("context_length_exceeded"), "invalid_request_error", "too long");
    assert_eq!(judged(400, &full), (FaultKind::ContextWindow, CONTEXT_WINDOW.to_owned()));
    let local = coded(json!(400), "exceed_context_size_error", "too long");
    assert_eq!(judged(400, &local).0, FaultKind::ContextWindow);
    let spent = coded(json!("insufficient_quota"), "insufficient_quota", "You exceeded …");
    assert_eq!(judged(429, &spent), (FaultKind::Quota, QUOTA.to_owned()));
    let plan = coded(json!("usage_not_included"), "x", "upgrade");
    assert_eq!(judged(429, &plan), (FaultKind::Quota, "usage not included: upgrade".to_owned()));
}

#[test]
fn a_response_that_is_not_known_is_told_from_other_refusals() {
    let said = |error: Value| json!({ "error": error }).to_string();
    let unknown = [
        said(json!({"message": "Unsupported parameter", "param": "previous_response_id"})),
        said(json!({"message": "gone", "code": "previous_response_not_found"})),
        said(json!({"message": "Previous response with id 'resp_1' not found."})),
        r#"{"detail":"previous_response_id is not supported"}"#.to_owned(),
    ];
    for body in unknown {
        for code in [400, 404] {
            assert_eq!(judged(code, &body).0, FaultKind::PreviousResponseUnknown, "{body}");
        }
        // A request that named none can't be mended by leaving it out.
        let fault = status(&refusal(400, &body), SystemTime::UNIX_EPOCH);
        assert_eq!(fault.kind, FaultKind::BadRequest, "{body}");
    }
}

#[test]
fn a_server_may_ask_for_time() {
    let ask = |retry_after: Option<&str>, body: &str| {
        let refusal = Refusal { retry_after, ..refusal(429, body) };
        status(&refusal, SystemTime::UNIX_EPOCH).retry_after_ms
    };
    assert_eq!(ask(Some("2"), ""), Some(2000));
    assert_eq!(ask(Some(" 0.25 "), ""), Some(250));
    assert_eq!(ask(Some("0"), ""), Some(0));
    assert_eq!(ask(Some("99999999999999999999"), ""), Some(u64::MAX));
    for nonsense in ["soon", "", "-1", "NaN", "inf", "1e999", "2;3", "Wed, 99 Oct 2026"] {
        assert_eq!(ask(Some(nonsense), ""), None, "{nonsense}");
    }
    let body = r#"{"error":{"message":"Please try again in 20ms."}}"#;
    assert_eq!(ask(None, body), Some(20));
    assert_eq!(ask(Some("3"), body), Some(3000));
    assert_eq!(ask(Some("soon"), body), Some(20));
    assert_eq!(ask(None, ""), None);
}

#[test]
fn a_server_may_name_the_time() {
    let now = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
    let ask = |retry_after: &'static str, date: Option<&'static str>| {
        let refusal = Refusal { retry_after: Some(retry_after), date, ..refusal(503, "") };
        status(&refusal, now).retry_after_ms
    };
    assert_eq!(ask("Wed, 21 Oct 2026 07:28:05 GMT", None), Some(5000));
    assert_eq!(ask("Wednesday, 21-Oct-26 07:29:00 GMT", None), Some(60_000));
    assert_eq!(ask("Wed, 21 Oct 2026 07:27:00 GMT", None), Some(0), "it is over");
    // The server's own clock is what it means, however wrong ours is.
    let date = Some("Tue, 20 Oct 2026 07:00:00 GMT");
    assert_eq!(ask("Tue, 20 Oct 2026 07:00:02 GMT", date), Some(2000));
    assert_eq!(ask("Wed, 21 Oct 2026 07:28:05 GMT", Some("now")), Some(5000));
}

#[test]
fn a_redirect_says_where_to() {
    let location = Some("https://h/v2/responses".to_owned());
    let fault = status(&Refusal { location, ..refusal(308, "") }, SystemTime::UNIX_EPOCH);
    assert_eq!(fault.kind, FaultKind::BadRequest);
    assert_eq!(
        fault.message,
        "unexpected status 308 Permanent Redirect: the server redirects to \
         https://h/v2/responses, which is not followed, url: http://h/v1/responses"
    );
}

#[test]
fn what_came_instead_of_a_stream_is_said() {
    let told = |looks, body: &str| {
        let fault = no_stream(&looks, body);
        (fault.kind, fault.message)
    };
    let instead =
        |words: &str| (FaultKind::BadRequest, format!("the server answered with {words}"));
    assert_eq!(
        told(Looks::Json, r#"{"detail":"no streaming here"}"#),
        instead("JSON instead of a stream of events: no streaming here")
    );
    assert_eq!(
        told(Looks::Json, r#"{"id":"r"}"#),
        instead(r#"JSON instead of a stream of events: {"id":"r"}"#)
    );
    assert_eq!(
        told(Looks::Json, r#"{"error":{"message":"loading"}}"#),
        (FaultKind::ResponseFailed, "the response failed: loading".into())
    );
    assert_eq!(
        told(Looks::Json, r#"{"error":{"code":"invalid_prompt","message":"no"}}"#),
        (FaultKind::BadRequest, "invalid prompt: no".into())
    );
    assert_eq!(
        told(Looks::Page, "<html><title> Sign in </title>"),
        instead("a web page instead of a stream of events: Sign in")
    );
    assert_eq!(told(Looks::Page, "<html>"), instead("a web page instead of a stream of events"));
    assert_eq!(
        told(Looks::Compressed("br".into()), "…"),
        instead("a compressed body (content-encoding: br) instead of a stream of events")
    );
}

#[test]
fn times_in_words_are_read() {
    let cases = [
        ("Please try again in 1.5s. Visit …", Some(1500)),
        ("try again in 28ms", Some(28)),
        ("Try again in 3 seconds", Some(3000)),
        ("try again in 1 second.", Some(1000)),
        ("try again in 6m0s.", Some(360_000)),
        ("try again in 1h2m3.5s", Some(3_723_500)),
        ("try again in 99999999999999999999h", Some(u64::MAX)),
        ("try again in a while", None),
        ("try again in 5", None),
        ("try again in", None),
        ("try again in 1.2.3s", None),
        ("try again later", None),
    ];
    for (message, expected) in cases {
        assert_eq!(asked_pause(message), expected, "{message}");
    }
}

#[test]
fn each_code_of_a_failed_response_has_its_kind() {
    let cases = [
        ("context_length_exceeded", FaultKind::ContextWindow, CONTEXT_WINDOW),
        ("insufficient_quota", FaultKind::Quota, QUOTA),
        ("usage_not_included", FaultKind::Quota, "usage not included: m"),
        ("usage_limit_reached", FaultKind::Quota, "usage limit reached: m"),
        ("invalid_prompt", FaultKind::BadRequest, "invalid prompt: m"),
        ("previous_response_not_found", FaultKind::PreviousResponseUnknown, "m"),
        ("rate_limit_exceeded", FaultKind::RateLimited, "rate limit exceeded: m"),
        ("server_is_overloaded", FaultKind::ResponseFailed, "the server is overloaded: m"),
        ("slow_down", FaultKind::ResponseFailed, "the server is overloaded: m"),
        ("anything", FaultKind::ResponseFailed, "the response failed: m"),
    ];
    for (code, kind, message) in cases {
        let fault = failed(&json!({"code": code, "message": "m"}));
        assert_eq!((fault.kind, fault.message.as_str()), (kind, message), "{code}");
    }
    let limited = json!({"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."});
    assert_eq!(failed(&limited).retry_after_ms, Some(1500));
    assert_eq!(failed(&json!({"code": "odd"})).message, "the response failed: odd");
    assert!(failed(&Value::Null).message.contains("does not say why"));
}

#[test]
fn messages_are_short_and_hold_no_secret() {
    let mut call = call("http://h/v1", Backend::Stateless, vec![]);
    call.key = Ok(Some("sk-very-secret".into()));
    call.headers = vec![
        ("x-auth".into(), "Bearer sk-very-secret".into()),
        ("x-version".into(), "2026-01-01".into()),
    ];
    call.query = vec![("key".into(), "AIza0123456789abcdef".into())];
    let secrets = Secrets::of(&call);
    assert_eq!(
        secrets.clean("Bearer sk-very-secret sk-very-secret 2026-01-01 AIza0123456789abcdef"),
        "… … 2026-01-01 …"
    );
    // A placeholder is no secret, and taking it out would garble messages.
    call.key = Ok(Some("none".into()));
    assert_eq!(Secrets::of(&call).clean("there is none"), "there is none");
    assert_eq!(Secrets::of(&call).clean(&"é".repeat(5000)), format!("{}…", "é".repeat(1000)));
}
