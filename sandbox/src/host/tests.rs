use super::*;

#[test]
fn the_probe_is_stable_and_survives_a_round_trip() {
    let host = ask();
    assert_eq!(ask(), host);
    assert_eq!(probe(), host);
    let json = serde_json::to_string(&host).expect("encodes");
    assert_eq!(serde_json::from_str::<Host>(&json).expect("decodes"), host);
}

#[test]
fn a_host_can_only_be_lowered() {
    let host = probe();
    assert_eq!(host.clone().lowered(None, Availability::AsFound), host);
    assert_eq!(host.clone().lowered(Some(u8::MAX), Availability::AsFound), host);
    let bare = host.lowered(Some(0), Availability::Absent);
    assert_eq!((bare.landlock_abi, bare.namespaces), (0, Namespaces::ABSENT));
    assert!(!bare.namespaces.are_complete());
}
