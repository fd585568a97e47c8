use codex_event::Timestamp;

use super::*;
use crate::options::Palette;
use crate::render::Fold;
use crate::theme::Theme;

#[test]
fn times_are_short() {
    let cases = [
        (0, "0ms", "0s"),
        (847, "847ms", "0s"),
        (1_250, "1.2s", "1s"),
        (10_900, "10s", "10s"),
        (61_000, "1m 01s", "1m 01s"),
        (7_260_000, "2h 01m", "2h 01m"),
    ];
    for (ms, took, runs) in cases {
        assert_eq!((&*duration(ms), &*running(ms)), (took, runs));
    }
}

#[test]
fn numbers_are_short() {
    let told = [999, 1_234, 99_999, 123_456, 1_250_000].map(tokens);
    assert_eq!(told, ["999", "1.2k", "99.9k", "123k", "1.2M"]);
    assert_eq!([12, 12_345, 9_900_000].map(bytes), ["12 B", "12.3 kB", "9.9 MB"]);
    assert_eq!([count(1, "line"), count(2, "line")], ["1 line", "2 lines"]);
}

#[test]
fn paths_are_short() {
    let theme = Theme::of(Palette::Plain);
    let look = Look {
        theme: &theme,
        fold: Fold::Folded,
        now: Timestamp(0),
        cwd: "/home/ann/ws",
        unfold: "",
        home: Some("/home/ann"),
    };
    let cases = [
        ("/home/ann/ws/src/a.rs", "src/a.rs"),
        ("/home/ann/ws", "."),
        ("/home/ann/wsx/a", "~/wsx/a"),
        ("/home/ann", "~"),
        ("/home/anna", "/home/anna"),
        ("/etc/ho\x1b[1msts", "/etc/ho\\x1b[1msts"),
        ("src/a.rs", "src/a.rs"),
    ];
    for (given, shown) in cases {
        assert_eq!(path(given, &look), shown);
    }
    let root = Look { cwd: "/", home: Some("/"), ..look };
    assert_eq!(path("/etc/hosts", &root), "/etc/hosts");
}
