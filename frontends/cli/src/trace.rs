//! The program's own log: a file, never the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::secrets;

/// Writes a log to `$CODEX_HOME/log/codex.log` when `RUST_LOG` asks for one.
///
/// Secrets are taken out of it. Nothing is recovered from it, and without `RUST_LOG` no file is touched.
pub(crate) fn install() {
    let Ok(filter) = EnvFilter::try_from_default_env() else { return };
    let cwd = std::env::current_dir().unwrap_or_default();
    let Ok(home) = codex_config::find_home(&|name| std::env::var(name).ok(), &cwd) else { return };
    let folder = home.join("log");
    if std::fs::create_dir_all(&folder).is_err() {
        return;
    }
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).mode(0o600).open(folder.join("codex.log"));
    if let Ok(file) = opened {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(Mutex::new(Clean(file)))
            .init();
    }
}

/// Takes secrets out of what is written; an event is written at once.
struct Clean(File);

impl Write for Clean {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(secrets::clean(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
