//! What is said of files of rules and of grants.

use super::*;

#[test]
fn rules() {
    let of_path = || fails::<RuleError>(USAGE, "/srv/thing");
    each!(RuleError:
        RuleError::Wrong { .. } => RuleError::Wrong {
            path: path(), line: 3, column: 7, message: "the string is never closed".into(),
            excerpt: "  3 | f(a = \"\n            ^".into(), hint: "close it with a quote".into(),
        }, fails(USAGE, "/srv/thing:3:7: the string");
        RuleError::Read { .. } => RuleError::Read { path: path(), source: refused() }, of_path();
        RuleError::NotAFile { .. } => RuleError::NotAFile { path: path(), found: "a folder" },
            fails(USAGE, "/srv/thing is a folder");
        RuleError::Exposed { .. } => RuleError::Exposed { path: path(), mode: 0o666 },
            fails(USAGE, "mode 666");
        RuleError::Write { .. } => RuleError::Write { path: path(), source: refused() }, of_path();
    );
}
