//! `jq`: filters that take values apart, and no others.

use super::{Call, Rule};
use crate::options::Options;

pub(super) const TABLE: &[(&str, Rule)] = &[("jq", Rule::Own(jq))];

/// Without those that load filters (`-f`, `-L`) or further files.
const OPTIONS: Options = Options::flags("CMSacejnrs").long(
    "ascii-output color-output compact-output exit-status join-output monochrome-output null-input \
     raw-output raw-output0 slurp sort-keys tab",
).pattern(&[]);

/// Functions that only look at their input and end. `env`, `input_filename`, `include`, `repeat`,
/// `range`, `limit` and `def` are among those that are not here.
const FUNCTIONS: &[&str] = &[
    "add",
    "all",
    "and",
    "any",
    "arrays",
    "ascii_downcase",
    "ascii_upcase",
    "booleans",
    "contains",
    "del",
    "elif",
    "else",
    "empty",
    "end",
    "endswith",
    "explode",
    "false",
    "first",
    "flatten",
    "floor",
    "from_entries",
    "fromjson",
    "group_by",
    "has",
    "if",
    "implode",
    "index",
    "inside",
    "isvalid",
    "iterables",
    "join",
    "keys",
    "keys_unsorted",
    "last",
    "leaf_paths",
    "length",
    "ltrimstr",
    "map",
    "map_values",
    "max",
    "max_by",
    "min",
    "min_by",
    "not",
    "null",
    "nulls",
    "numbers",
    "objects",
    "or",
    "paths",
    "reverse",
    "rindex",
    "rtrimstr",
    "scalars",
    "select",
    "sort",
    "sort_by",
    "split",
    "startswith",
    "strings",
    "test",
    "then",
    "to_entries",
    "tojson",
    "tonumber",
    "tostring",
    "transpose",
    "true",
    "type",
    "unique",
    "unique_by",
    "values",
    "with_entries",
];

fn jq(call: &Call<'_>) -> Result<(), String> {
    OPTIONS.check(call.arguments, call.places)?;
    let texts = call.texts();
    if texts.contains(&"--") {
        return Err("`--` is not known to only look".to_owned());
    }
    let filter = texts.iter().find(|text| !text.starts_with('-') || text.len() == 1);
    match filter {
        Some(filter) => only_looks(filter),
        None if matches!(texts[..], ["--version" | "--help"]) => Ok(()),
        None => Err("it has no filter".to_owned()),
    }
}

/// Reads a filter word by word; none of its words may reach outside of the input.
fn only_looks(filter: &str) -> Result<(), String> {
    let mut rest = filter;
    while let Some(char) = rest.chars().next() {
        let name_end = |from: &str| {
            let end = from.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_'));
            end.unwrap_or(from.len())
        };
        rest = match char {
            '.' if rest.starts_with("..") => &rest[2..],
            '.' => {
                let field = &rest[1..];
                &field[name_end(field)..]
            }
            '"' => {
                let inner = &rest[1..];
                let end = inner.find(['"', '\\']);
                match end {
                    Some(end) if inner[end..].starts_with('"') => &inner[end + 1..],
                    _ => return Err("a string of its filter is not plain".to_owned()),
                }
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let (name, after) = rest.split_at(name_end(rest));
                if !FUNCTIONS.contains(&name) {
                    return Err(format!("`{name}` in its filter is not known to only look"));
                }
                after
            }
            ' '
            | '\n'
            | '\t'
            | '0'..='9'
            | '['
            | ']'
            | '{'
            | '}'
            | '('
            | ')'
            | ','
            | '|'
            | '?'
            | '='
            | '<'
            | '>'
            | '!'
            | '+'
            | '-'
            | '/' => &rest[1..],
            ':' if !rest.starts_with("::") => &rest[1..],
            other => return Err(format!("`{other}` in its filter is not known to only look")),
        };
    }
    Ok(())
}
