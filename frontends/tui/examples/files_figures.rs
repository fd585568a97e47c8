//! Prints how long a search for files takes: `files_figures [FOLDER]`. Without a folder, one with
//! 100,000 files in 1,000 folders is made for it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use codex_tui::files::Finder;
use codex_tui::update::Progress;

fn main() -> io::Result<()> {
    let made = tempfile::tempdir()?;
    let root = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => {
            make(made.path())?;
            made.path().to_owned()
        }
    };
    let (sender, found) = sync_channel(4_096);
    let finder = Finder::new(root, move |matches| drop(sender.send(matches)));
    let mut out = io::stdout().lock();
    writeln!(out, "query           first ms   all ms    seen   best")?;
    for query in ["", "m", "mo", "module42", "dir7/file9", "zzzzzz", ".git", "file"] {
        let begun = Instant::now();
        finder.find(query.to_owned());
        let mut first: Option<Duration> = None;
        loop {
            let Ok(matches) = found.recv() else { return Ok(()) };
            if matches.query != query {
                continue;
            }
            first.get_or_insert(begun.elapsed());
            if matches.progress == Progress::Done {
                let (first, all) = (first.unwrap_or_default(), begun.elapsed());
                let best = matches.paths.first().map_or("", String::as_str);
                let (first, all) = (first.as_secs_f64() * 1e3, all.as_secs_f64() * 1e3);
                let seen = matches.seen;
                writeln!(out, "{query:<15} {first:>8.1} {all:>8.1} {seen:>7}   {best}")?;
                break;
            }
        }
    }
    Ok(())
}

/// Makes 100,000 files. Most are links to others, which is faster; a file has no more than 65,000.
fn make(root: &Path) -> io::Result<()> {
    for folder in 0..1_000 {
        let one = root.join(format!("one{}.rs", folder % 20));
        if folder < 20 {
            fs::write(&one, "")?;
        }
        let path = root.join(format!("part{}/dir{folder}", folder % 20));
        fs::create_dir_all(&path)?;
        for file in 0..100 {
            let name = if file % 2 == 0 { "module" } else { "file" };
            fs::hard_link(&one, path.join(format!("{name}{file}_{folder}.rs")))?;
        }
    }
    Ok(())
}
