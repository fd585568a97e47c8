//! The user's editor, which has the terminal for itself while it runs.

use std::io::{Read, Seek, SeekFrom, Write};
use std::process::Command;

/// Lets the user edit a text; the terminal must have been given back before.
///
/// The text stands in a file that only the user can read, and that is gone afterwards. `editor` is a
/// command line as `VISUAL` and `EDITOR` hold one, so a shell reads it.
pub(crate) fn edit(editor: &str, text: &str) -> Result<String, String> {
    let told = |error: std::io::Error| format!("the editor can't be given the text: {error}");
    let mut file =
        tempfile::Builder::new().prefix("codex-").suffix(".md").tempfile().map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)?;
    file.flush().map_err(told)?;
    let status = Command::new("/bin/sh")
        .arg("-c")
        // A Ctrl-C in the editor reaches the shell too, which has to outlive it.
        .arg(format!("trap : INT; {editor} \"$1\""))
        .arg("sh")
        .arg(file.path())
        .status()
        .map_err(|error| format!("`{editor}` can't be run: {error}"))?;
    if !status.success() {
        return Err(format!("`{editor}` ended with {status}; the text is as it was"));
    }
    // Many editors write a new file in the place of the old one.
    let mut edited = String::new();
    let read = match std::fs::File::open(file.path()) {
        Ok(mut anew) => anew.read_to_string(&mut edited),
        Err(_) => file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut edited)),
    };
    read.map_err(|error| format!("what `{editor}` wrote can't be read: {error}"))?;
    Ok(edited.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::edit;

    #[test]
    fn the_editor_is_a_command_line_and_its_text_comes_back() {
        let edited = edit("sed -i s/one/two/", "one\nthree").expect("edited");
        assert_eq!(edited, "two\nthree");
    }

    #[test]
    fn an_editor_that_fails_leaves_the_text_alone() {
        let failed = edit("false", "one").expect_err("a failure");
        assert!(failed.contains("false") && failed.contains("as it was"), "{failed}");
    }
}
