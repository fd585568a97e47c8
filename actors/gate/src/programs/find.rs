//! Programs that walk a tree.

use super::Call;
use super::Rule::{self, Options as Told};
use crate::options::Options;

pub(super) const TABLE: &[(&str, Rule)] = &[
    ("find", Rule::Own(find)),
    ("fd", FD),
    ("fdfind", FD),
    // `-o` writes, `-R` runs itself with `-o`; `--fromfile`, `--infofile` and `--gitfile` read names.
    ("tree", Told(Options::flags("aACcdDfFghiJnNpqQrsStuUvxX").valued("ILP").long(
        "charset= device dirsfirst du filelimit= filesfirst gitignore ignore-case inodes matchdirs metafirst \
         nolinks noreport prune si sort= timefmt=",
    ))),
];

/// Without `-x`, `-X` and `-l` (run programs), `--ignore-file` and `--base-directory`.
const FD: Rule = Told(Options::flags("01FHILagipqsu").valued("ESdejt").long(
    "absolute-path case-sensitive changed-before= changed-within= color= exclude= extension= \
     fixed-strings follow full-path glob hidden ignore-case max-depth= max-results= min-depth= \
     no-follow no-hidden no-ignore no-ignore-parent no-ignore-vcs one-file-system print0 prune quiet regex \
     size= strip-cwd-prefix threads= type= unrestricted",
).pattern(&[]));

/// Tests and actions of `find` that take nothing.
const ALONE: &[&str] = &[
    "!",
    "(",
    ")",
    ",",
    "-a",
    "-and",
    "-daystart",
    "-depth",
    "-empty",
    "-executable",
    "-false",
    "-follow",
    "-ignore_readdir_race",
    "-ls",
    "-mount",
    "-noignore_readdir_race",
    "-nogroup",
    "-noleaf",
    "-not",
    "-nouser",
    "-nowarn",
    "-o",
    "-or",
    "-print",
    "-print0",
    "-prune",
    "-quit",
    "-readable",
    "-true",
    "-warn",
    "-writable",
    "-xdev",
];

/// Tests of `find` that take one value which names no file.
const VALUED: &[&str] = &[
    "-amin",
    "-atime",
    "-cmin",
    "-ctime",
    "-fstype",
    "-gid",
    "-group",
    "-ilname",
    "-iname",
    "-inum",
    "-ipath",
    "-iregex",
    "-iwholename",
    "-links",
    "-lname",
    "-maxdepth",
    "-mindepth",
    "-mmin",
    "-mtime",
    "-name",
    "-path",
    "-perm",
    "-printf",
    "-regex",
    "-regextype",
    "-size",
    "-type",
    "-uid",
    "-used",
    "-user",
    "-wholename",
    "-xtype",
];

/// Tests of `find` that take one file.
const FILES: &[&str] = &["-anewer", "-cnewer", "-newer", "-samefile"];

/// Start points first, then tests; the actions that run, delete or write are not in the lists above.
fn find(call: &Call<'_>) -> Result<(), String> {
    let texts = call.texts();
    let mut rest = &texts[..];
    while let [option @ ("-H" | "-L" | "-P" | "-O0" | "-O1" | "-O2" | "-O3"), after @ ..] = rest {
        let _: &&str = option;
        rest = after;
    }
    while let [start, after @ ..] = rest {
        if start.starts_with('-') || matches!(*start, "!" | "(" | ")" | ",") {
            break;
        }
        call.places.check(start)?;
        rest = after;
    }
    while let [test, after @ ..] = rest {
        rest = after;
        if ALONE.contains(test) {
            continue;
        }
        let file = FILES.contains(test);
        if !file && !VALUED.contains(test) {
            return Err(format!("`{test}` is not known to only look"));
        }
        let [value, after @ ..] = rest else { return Err(format!("`{test}` lacks its value")) };
        if value.strip_prefix('-').is_some_and(|it| !it.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(format!("the value of `{test}` looks like an option"));
        }
        if file {
            call.places.check(value)?;
        }
        rest = after;
    }
    Ok(())
}
