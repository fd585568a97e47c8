//! Writes the JSON Schemas of the events and of the protocol into a folder: `cargo xtask schema`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    std::fs::create_dir_all(&folder)?;
    for (name, schema) in codex_event::schema::all() {
        let text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::other)?;
        std::fs::write(folder.join(name), text + "\n")?;
    }
    Ok(())
}
