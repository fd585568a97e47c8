//! `codex sessions search`.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use codex_sessions::search::{self, Found, Hit, Kind, Needle, Query};
use codex_sessions::{Entry, first_line, when};
use codex_view::{Paint, sanitize};

use super::progress::Progress;
use super::{Home, here, is_of, line, past, printed};
use crate::args::{Place, Search};
use crate::failure::{Failure, USAGE};
use crate::say;

const TITLE: usize = 60;

pub(super) fn run(home: &Home, args: &Search) -> Result<ExitCode, Failure> {
    let needle = Needle::new(&args.text).ok_or_else(|| {
        Failure::new(USAGE, "the words to look for are empty")
            .hint("codex sessions search \"cargo test\" --in commands")
    })?;
    let since = args.since.as_deref().map(|age| past("--since", age, home.now)).transpose()?;
    let query = Query { needle, kinds: kinds(&args.places), since };
    let here = args.here.then(here).transpose()?;
    let wanted = |entry: &&Entry| {
        here.as_deref().is_none_or(|here| is_of(entry, here))
            && since.is_none_or(|since| entry.active() >= since)
    };
    let sessions: Vec<&Entry> = home.catalog.entries.iter().filter(wanted).collect();
    let mut shown = Shown {
        home,
        json: args.json,
        paint: args.color.paint(&io::stdout()),
        left: args.limit,
        out: Ok(()),
    };
    let mut progress = Progress::of("searching");
    search::run(
        &home.layout,
        &sessions,
        &query,
        &mut |tick| progress.tick(tick),
        &mut |entry, found| shown.take(entry, &found),
    );
    if shown.left == 0 {
        say::aside(format_args!("the first {} are shown; --limit says how many", args.limit));
    }
    printed(shown.out)
}

fn kinds(places: &[Place]) -> Vec<Kind> {
    let all = [Place::Prompts, Place::Messages, Place::Commands, Place::Outputs, Place::Files];
    let places = if places.is_empty() { &all[..] } else { places };
    let kind = |place: &Place| match place {
        Place::Prompts => Kind::Prompt,
        Place::Messages => Kind::Message,
        Place::Commands => Kind::Command,
        Place::Outputs => Kind::Output,
        Place::Files => Kind::File,
    };
    places.iter().map(kind).collect()
}

struct Shown<'a> {
    home: &'a Home,
    json: bool,
    paint: Paint,
    left: usize,
    out: io::Result<()>,
}

impl Shown<'_> {
    fn take(&mut self, entry: &Entry, found: &Found) -> ControlFlow<()> {
        if let Some(why) = &found.unread {
            let why = sanitize::visible(why);
            say::aside(format_args!("warning: session {} is damaged: {why}", entry.id));
        }
        let hits = &found.hits[..found.hits.len().min(self.left)];
        self.left -= hits.len();
        self.out = self.print(entry, hits);
        match self.out.is_ok() && self.left > 0 {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    fn print(&self, entry: &Entry, hits: &[Hit]) -> io::Result<()> {
        if hits.is_empty() {
            return Ok(());
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        if self.json {
            hits.iter().try_for_each(|hit| line(&mut out, hit))?;
            return out.flush();
        }
        let title = first_line(entry.title(), TITLE);
        let active = when(entry.active(), self.home.now);
        writeln!(out, "{}  {active}  {title}", entry.id)?;
        for hit in hits {
            let turn = hit.turn.map_or_else(|| "-".to_owned(), |turn| turn.to_string());
            let kind = word(hit.kind);
            writeln!(out, "  {:>6}  turn {turn:<3}  {kind:<7}  {}", hit.seq.0, self.marked(hit))?;
        }
        out.flush()
    }

    fn marked(&self, hit: &Hit) -> String {
        let Hit { excerpt, found, .. } = hit;
        match self.paint {
            Paint::Plain => excerpt.clone(),
            Paint::Color => format!(
                "{}\x1b[1;31m{}\x1b[0m{}",
                &excerpt[..found.start],
                &excerpt[found.clone()],
                &excerpt[found.end..]
            ),
        }
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Prompt => "prompt",
        Kind::Message => "message",
        Kind::Command => "command",
        Kind::Output => "output",
        Kind::File => "file",
    }
}
