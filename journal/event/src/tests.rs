use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn session() -> SessionId {
    SessionId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

fn envelope(seq: u64, body: Body) -> Envelope {
    Envelope {
        session: session(),
        seq: Seq(seq),
        epoch: Epoch(1),
        at: Timestamp(1_700_000_000_000),
        mono: Millis(12),
        author: Author::User("exec".into()),
        cause: None,
        turn: Some(TurnId(1)),
        body,
    }
}

fn started(input: &str) -> Body {
    Body::Known(Event::TurnStarted { input: input.into() })
}

#[test]
fn the_wire_form_is_one_flat_object_in_a_fixed_order() {
    let json = String::from_utf8(envelope(3, started("hi")).to_json()).expect("JSON is text");
    assert_eq!(
        json,
        r#"{"session":"01900000-0000-7000-8000-000000000001","seq":3,"epoch":1,"at":1700000000000,"mono":12,"author":"user:exec","cause":null,"turn":1,"kind":"turn_started","v":1,"body":{"input":"hi"}}"#
    );
    assert_eq!(Envelope::from_json(json.as_bytes()).expect("decodes"), envelope(3, started("hi")));
}

#[test]
fn a_foreign_body_survives_byte_for_byte() {
    let json = r#"{"session":"01900000-0000-7000-8000-000000000001","seq":3,"epoch":1,"at":1,"mono":0,"author":"supervisor","cause":null,"turn":null,"kind":"moon_landed","v":7,"body":{ "b": 1.50,  "a":[1e3] }}"#;
    let read = Envelope::from_json(json.as_bytes()).expect("decodes");
    assert_eq!(read.kind(), "moon_landed");
    assert!(read.event().is_none());
    assert_eq!(read.to_json(), json.as_bytes());
}

#[test]
fn a_known_kind_with_an_unknown_body_is_foreign_not_fatal() {
    let json = r#"{"session":"01900000-0000-7000-8000-000000000001","seq":3,"epoch":1,"at":1,"mono":0,"author":"model","cause":null,"turn":null,"kind":"turn_started","v":1,"body":{"text":"renamed"}}"#;
    let read = Envelope::from_json(json.as_bytes()).expect("decodes");
    assert!(matches!(read.body, Body::Foreign { .. }));
    assert_eq!(read.to_json(), json.as_bytes());
}

#[test]
fn an_event_in_another_form_is_the_same_event() {
    let own = r#"{"session":"01900000-0000-7000-8000-000000000001","seq":3,"epoch":1,"at":1700000000000,"mono":12,"author":"user:exec","cause":null,"turn":1,"kind":"turn_started","v":1,"body":{"input":"hi"}}"#;
    let kind = r#""kind":"turn_started","#;
    let forms = [
        own.replace(kind, "").replace("}}", &format!("}},{}}}", kind.trim_end_matches(','))),
        own.replace(kind, r#""kind":"turn\u005fstarted","#),
        own.replace(kind, &format!(r#""later":[{{}}],{kind}"#)),
        own.replace("}}", r#"},"later":1}"#),
        own.replace(r#""cause":null,"#, ""),
        own.replace(',', " ,\n"),
    ];
    for form in &forms {
        assert_ne!(form, own);
        let read = Envelope::from_json(form.as_bytes()).expect(form);
        assert_eq!(read, envelope(3, started("hi")), "{form}");
    }
    for broken in [own.replace(kind, ""), own.replace(kind, &kind.repeat(2)), format!("{own}}}")] {
        assert!(Envelope::from_json(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn a_large_value_moves_out_and_comes_back() {
    let text = "x".repeat(SPILL_ABOVE + 1);
    let mut spilled = envelope(1, started(&text));
    let blobs = spilled.spill();
    let [(digest, bytes)] = &blobs[..] else { panic!("one blob, not {}", blobs.len()) };
    assert_eq!(*digest, Digest::of(text.as_bytes()));
    assert_eq!(spilled.blobs(), [(*digest, bytes.len() as u64)]);
    assert!(spilled.to_json().len() < 400);

    let mut read = Envelope::from_json(&spilled.to_json()).expect("decodes");
    assert_eq!(read.hydrate(|_| None), [*digest]);
    assert!(read.hydrate(|wanted| (wanted == digest).then(|| bytes.clone())).is_empty());
    assert_eq!(read, envelope(1, started(&text)));
}

#[test]
fn a_small_value_stays() {
    let mut small = envelope(1, started("short"));
    assert!(small.spill().is_empty());
    assert_eq!(small, envelope(1, started("short")));
}

#[test]
fn output_keeps_bytes_that_are_not_text() {
    for bytes in [&b"plain\n"[..], &[0xff, 0x00, 0x80], b"\xc3\xa9"] {
        let body = Body::Known(Event::ToolOutput {
            call: CallId(1),
            attempt: 1,
            stream: OutputStream::Stdout,
            skipped: 0,
            bytes: OutputBytes(bytes.to_vec()),
        });
        let there = envelope(1, body);
        assert_eq!(Envelope::from_json(&there.to_json()).expect("decodes"), there);
    }
}

#[test]
fn the_chain_begins_with_the_session() {
    let other = SessionId::new(Uuid::from_u128(1));
    assert_ne!(genesis(&session()), genesis(&other));
    let first = Record::seal(envelope(1, started("a")), genesis(&session()));
    let second = Record::seal(envelope(2, started("b")), first.hash);
    assert_eq!(second.prev, first.hash);
    assert_eq!(Record::open(&second.frame).expect("good"), second);
}

#[test]
fn a_frame_cut_short_or_of_another_kind_is_refused() {
    let record = Record::seal(envelope(1, started("a")), genesis(&session()));
    assert!(matches!(Record::open(&record.frame[..20]), Err(FrameError::Short)));
    assert!(matches!(
        Record::open(&record.frame[..record.frame.len() - 1]),
        Err(FrameError::Short)
    ));
    assert!(matches!(Record::open(b"something else"), Err(FrameError::NoMagic)));
    let mut later = record.frame.clone();
    later[8] = 9;
    assert!(matches!(Record::open(&later), Err(FrameError::Format(9))));
}

proptest! {
    #[test]
    fn every_flipped_bit_is_noticed(input in ".{0,40}", bit in any::<prop::sample::Index>()) {
        let record = Record::seal(envelope(9, started(&input)), genesis(&session()));
        let mut damaged = record.frame.clone();
        let bit = bit.index(damaged.len() * 8);
        damaged[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Record::open(&damaged).is_err());
    }

    #[test]
    fn any_text_survives(input in any::<String>()) {
        let there = envelope(9, started(&input));
        prop_assert_eq!(Envelope::from_json(&there.to_json()).expect("decodes"), there);
    }

    #[test]
    fn a_heading_is_read_from_what_is_an_event_and_from_nothing_else(
        input in ".{0,20}",
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut json = envelope(9, started(&input)).to_json();
        let at = at.index(json.len());
        for bytes in [json.clone(), json[..at].to_vec(), { json[at] = byte; json }] {
            match (Heading::from_json(&bytes), Envelope::from_json(&bytes)) {
                (Ok(Heading { session, seq, epoch, version }), Ok(event)) => {
                    prop_assert_eq!((session, seq, epoch), (event.session, event.seq, event.epoch));
                    prop_assert!(event.event().is_none() || version == SCHEMA_VERSION);
                }
                (Err(_), Err(_)) => {}
                (heading, event) => prop_assert!(false, "{:?} of {:?}", heading, event),
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut framed = MAGIC.to_vec();
        framed.extend_from_slice(&bytes);
        let _ = Record::open(&framed);
        prop_assert!(Record::open(&bytes).is_err());
    }
}

#[test]
fn each_line_of_the_protocol_says_what_it_is() {
    let lines = [
        (
            Request::Hello { protocol: 1, frontend: "tui".into() },
            r#"{"hello":{"protocol":1,"frontend":"tui"}}"#,
        ),
        (Request::Subscribe { from: Seq(1) }, r#"{"subscribe":{"from":1}}"#),
        (
            Request::Submit { id: 7, command: Command::Submit { input: "hi".into() } },
            r#"{"submit":{"id":7,"command":{"command":"submit","input":"hi"}}}"#,
        ),
        (Request::HandOver { id: 8 }, r#"{"hand_over":{"id":8}}"#),
    ];
    for (request, line) in lines {
        assert_eq!(serde_json::to_string(&request).expect("encodes"), line);
        assert_eq!(serde_json::from_str::<Request>(line).expect("decodes"), request);
    }
}

#[test]
fn an_event_passes_through_the_protocol_byte_for_byte() {
    let json = r#"{"seq":3,"kind":"moon_landed","v":7,"body":{ "b": 1.50,  "a":[1e3] }}"#;
    let line = format!(r#"{{"record":{json}}}"#);
    let notice: Notice = serde_json::from_str(&line).expect("decodes");
    let Notice::Record(raw) = &notice else { panic!("{notice:?} is no record") };
    assert_eq!(raw.get(), json);
    assert_eq!(serde_json::to_string(&notice).expect("encodes"), line);
}

#[test]
fn every_answer_to_a_wish_travels_as_a_line() {
    let rejections = [
        Rejection::NotOpen,
        Rejection::AlreadyOpen,
        Rejection::Closed,
        Rejection::NoTurn,
        Rejection::TurnRunning,
        Rejection::EmptyInput,
        Rejection::BadName,
        Rejection::NoSuchReview(CallId(7)),
        Rejection::Stale,
    ];
    let refusals = rejections.into_iter().map(Refusal::Rejected);
    for reason in refusals.chain([Refusal::OwnerOnly, Refusal::Stranger]) {
        let line = serde_json::to_string(&Notice::Refused { id: 3, reason: reason.clone() });
        let back = serde_json::from_str(&line.expect("json")).expect("json");
        assert!(matches!(back, Notice::Refused { id: 3, reason: again } if again == reason));
    }
    let wish = Command::SettleReview {
        call: CallId(7),
        verdict: Verdict::Denied { reason: "no".into() },
        scope: Scope::Once,
    };
    let request = Request::Submit { id: 1, command: wish };
    let line = serde_json::to_string(&request).expect("json");
    assert_eq!(serde_json::from_str::<Request>(&line).expect("json"), request);
}
