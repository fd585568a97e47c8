//! The settings of one run: layers with provenance, resolved once into one [`Config`].
//!
//! The layers are, from weakest to strongest: built-in defaults, environment variables,
//! `$CODEX_HOME/config.toml`, each `-c key=value`, and the flags with a name of their own.
//! Nothing here writes, and nothing here looks at the process environment: it is passed in.

mod config;
mod environment;
mod error;
mod files;
mod kept;
mod keys;
mod origin;
mod overrides;
mod permissions;
mod places;
mod provider;
mod secret;
mod section;
mod tree;
mod tui;
mod warning;

pub use codex_event::{EnvironmentPolicy, GitWrites, Inherit, SandboxLevel};
pub use config::{Config, Flags, Inputs, Limit, Resources, Trust};
pub use error::ConfigError;
pub use kept::{kept_key, key_file};
pub use keys::nearest;
pub use origin::Origin;
pub use overrides::set_keys;
pub use places::{Env, find_home};
pub use provider::{KeySource, MissingKey, Provider, WireApi};
pub use secret::Secret;
pub use tree::dotted;
pub use tui::{AlternateScreen, Binding, Keymap, Notifications, Theme, Tui};
pub use warning::Warning;
