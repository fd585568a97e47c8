//! The model server that a run talks to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::places::filled;
use crate::section::{Found, Section};
use crate::{ConfigError, Env, Origin, Secret, Warning};

/// Retry counts above this are taken for a mistake, as Codex does.
const RETRY_LIMIT: u32 = 100;

/// The provider that `model_provider` names, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Key of its table in `model_providers`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Address that `/responses` is appended to, without a slash at its end.
    pub base_url: String,
    /// Protocol it speaks.
    pub wire_api: WireApi,
    /// Where its key comes from. The key itself is looked up with [`Provider::key`].
    pub key_source: KeySource,
    /// How to get a key, shown when there is none.
    pub key_instructions: Option<String>,
    /// Parameters appended to each address.
    pub query_params: BTreeMap<String, Secret>,
    /// Headers sent with each request.
    pub http_headers: BTreeMap<String, Secret>,
    /// Headers sent with each request, by the environment variable that holds the value.
    pub env_http_headers: BTreeMap<String, String>,
    /// How often a request that fails before its stream opens is sent again, silently.
    pub request_max_retries: u32,
    /// How often a stream that breaks is asked for again.
    pub stream_max_retries: u32,
    /// Silence after which a stream counts as dead.
    pub stream_idle_timeout: Duration,
    /// Whether the server keeps responses, so that `previous_response_id` works.
    pub response_storage: bool,
    token: Option<Secret>,
}

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireApi {
    /// `POST /responses` with server-sent events.
    Responses,
}

/// Where a provider's key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The provider takes no key.
    None,
    /// The first of these environment variables that is not blank.
    Env(Vec<String>),
    /// `experimental_bearer_token` in the settings.
    Inline,
}

/// The environment variable with the provider's key is not set, or blank.
///
/// The message ends with how to get a key, where the provider says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Missing environment variable: `{name}`.{}{}",
    if instructions.is_some() { " " } else { "" },
    instructions.as_deref().unwrap_or_default()
)]
pub struct MissingKey {
    /// The variable.
    pub name: String,
    /// How to get a key.
    pub instructions: Option<String>,
}

impl Provider {
    /// Looks up the key; `None` when the provider takes none.
    ///
    /// # Errors
    ///
    /// [`MissingKey`] when the provider takes a key and no variable holds one. It names the last
    /// of several variables, which is the one that the provider's own pages name.
    pub fn key(&self, env: &Env<'_>) -> Result<Option<Secret>, MissingKey> {
        match &self.key_source {
            KeySource::None => Ok(None),
            KeySource::Inline => Ok(self.token.clone()),
            KeySource::Env(names) => match names.iter().find_map(|name| filled(env, name)) {
                Some(key) => Ok(Some(Secret::new(key.trim()))),
                None => Err(MissingKey {
                    name: names.last().cloned().unwrap_or_default(),
                    instructions: self.key_instructions.clone(),
                }),
            },
        }
    }

    /// Lists the extra headers of each request; variables that are not set make none.
    pub fn headers(&self, env: &Env<'_>) -> BTreeMap<String, Secret> {
        let mut headers = self.http_headers.clone();
        for (header, variable) in &self.env_http_headers {
            if let Some(value) = filled(env, variable) {
                headers.insert(header.clone(), Secret::new(value));
            }
        }
        headers
    }
}

/// Variables that hold a key for OpenAI, the first one that is set counts. They serve no other
/// provider, unless it says `requires_openai_auth`: a key must not reach a server by accident.
const OPENAI_KEYS: [&str; 2] = ["CODEX_API_KEY", "OPENAI_API_KEY"];

struct BuiltIn {
    id: &'static str,
    name: &'static str,
    base_url: &'static str,
    keys: &'static [&'static str],
    instructions: Option<&'static str>,
    response_storage: bool,
}

const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        id: "openai",
        name: "OpenAI",
        base_url: "https://api.openai.com/v1",
        keys: &OPENAI_KEYS,
        instructions: Some("Create a key at https://platform.openai.com/api-keys."),
        response_storage: true,
    },
    BuiltIn {
        id: "ollama",
        name: "Ollama",
        base_url: "http://localhost:11434/v1",
        keys: &[],
        instructions: None,
        response_storage: false,
    },
    BuiltIn {
        id: "lmstudio",
        name: "LM Studio",
        base_url: "http://localhost:1234/v1",
        keys: &[],
        instructions: None,
        response_storage: false,
    },
];

/// One `[model_providers.ID]` as written.
struct Written<'a> {
    name: Option<Found<'a, &'a str>>,
    base_url: Option<Found<'a, &'a str>>,
    wire_api: Option<Found<'a, &'a str>>,
    env_key: Option<Found<'a, &'a str>>,
    env_key_instructions: Option<Found<'a, &'a str>>,
    token: Option<Found<'a, &'a str>>,
    query_params: BTreeMap<String, String>,
    http_headers: BTreeMap<String, String>,
    env_http_headers: BTreeMap<String, String>,
    request_max_retries: Option<Found<'a, u64>>,
    stream_max_retries: Option<Found<'a, u64>>,
    stream_idle_timeout_ms: Option<Found<'a, u64>>,
    response_storage: Option<Found<'a, bool>>,
    requires_openai_auth: bool,
}

impl<'a> Written<'a> {
    fn read(table: &Section<'a>) -> Result<Written<'a>, ConfigError> {
        Ok(Written {
            name: table.filled("name")?,
            base_url: table.filled("base_url")?,
            wire_api: table.string("wire_api")?,
            env_key: table.filled("env_key")?,
            env_key_instructions: table.string("env_key_instructions")?,
            token: table.filled("experimental_bearer_token")?,
            query_params: table.string_map("query_params")?,
            http_headers: table.string_map("http_headers")?,
            env_http_headers: table.string_map("env_http_headers")?,
            request_max_retries: table.count("request_max_retries")?,
            stream_max_retries: table.count("stream_max_retries")?,
            stream_idle_timeout_ms: table.count("stream_idle_timeout_ms")?,
            response_storage: table.boolean("response_storage")?,
            requires_openai_auth: table
                .boolean("requires_openai_auth")?
                .is_some_and(|found| found.value),
        })
    }
}

/// Resolves the chosen provider; the other tables are only checked for their types, so that one
/// with a protocol of tomorrow stops nobody who does not use it.
pub(crate) fn resolve(
    root: &Section<'_>,
    env: &Env<'_>,
    warnings: &mut Vec<Warning>,
    origins: &mut BTreeMap<String, Origin>,
) -> Result<Provider, ConfigError> {
    let chosen = root.filled("model_provider")?;
    let id = chosen.map_or("openai", |found| found.value);
    let built_in = BUILT_IN.iter().find(|provider| provider.id == id);

    let tables = root.section("model_providers")?;
    for (other, _) in tables.entries() {
        Written::read(&tables.section(other)?)?;
    }
    let (table, table_at) = match (tables.node(id), built_in) {
        (Some(node), _) => (tables.section(id)?, Some(&node.key_origin)),
        (None, Some(_)) => (tables.section(id)?, None),
        (None, None) => {
            let mut known: Vec<String> = BUILT_IN.iter().map(|it| it.id.to_owned()).collect();
            known.extend(tables.entries().map(|(id, _)| id.to_owned()));
            known.sort();
            known.dedup();
            let origin = chosen.map(|found| found.origin.clone());
            let origin = origin.expect("an id without a table or built-in was set by somebody");
            return Err(ConfigError::UnknownProvider { id: id.to_owned(), origin, known });
        }
    };
    let written = Written::read(&table)?;
    let mut resolver = Resolver { table: &table, env, warnings, origins };

    let wire_api = match written.wire_api {
        None => WireApi::Responses,
        Some(found) => resolver.wire_api(found)?,
    };
    let base_url = match (resolver.base_url(root, id, written.base_url)?, built_in, table_at) {
        (Some(url), _, _) => url,
        (None, Some(built_in), _) => built_in.base_url.to_owned(),
        (None, None, Some(origin)) => {
            return Err(ConfigError::NoBaseUrl { id: id.to_owned(), origin: origin.clone() });
        }
        (None, None, None) => unreachable!("refused above as an unknown provider"),
    };
    let own_keys: &[&str] = match (written.requires_openai_auth, built_in) {
        (true, _) => &OPENAI_KEYS,
        (false, Some(built_in)) => built_in.keys,
        (false, None) => &[],
    };
    let key_source = match (written.env_key, written.token, own_keys) {
        (Some(key), _, [first, ..]) => KeySource::Env(vec![(*first).into(), key.value.to_owned()]),
        (Some(key), _, []) => KeySource::Env(vec![key.value.to_owned()]),
        (None, Some(_), _) => KeySource::Inline,
        (None, None, []) => KeySource::None,
        (None, None, keys) => KeySource::Env(keys.iter().map(|key| (*key).to_owned()).collect()),
    };
    let own_instructions = built_in.filter(|_| written.env_key.is_none());
    let request_max_retries =
        resolver.retries("request_max_retries", written.request_max_retries, 4)?;
    let stream_max_retries =
        resolver.retries("stream_max_retries", written.stream_max_retries, 5)?;
    let idle = resolver.idle_ms(written.stream_idle_timeout_ms)?;

    Ok(Provider {
        id: id.to_owned(),
        name: written
            .name
            .map(|found| found.value)
            .or(built_in.map(|it| it.name))
            .unwrap_or(id)
            .to_owned(),
        base_url,
        wire_api,
        key_source,
        key_instructions: written
            .env_key_instructions
            .map(|found| found.value)
            .or(own_instructions.and_then(|it| it.instructions))
            .map(str::to_owned),
        query_params: secrets(written.query_params),
        http_headers: secrets(written.http_headers),
        env_http_headers: written.env_http_headers,
        request_max_retries,
        stream_max_retries,
        stream_idle_timeout: Duration::from_millis(idle),
        response_storage: written
            .response_storage
            .map_or(built_in.is_none_or(|it| it.response_storage), |found| found.value),
        token: written.token.map(|found| Secret::new(found.value)),
    })
}

fn secrets(map: BTreeMap<String, String>) -> BTreeMap<String, Secret> {
    map.into_iter().map(|(key, value)| (key, Secret::new(value))).collect()
}

/// Fills in what the chosen table leaves open, and notes who did.
struct Resolver<'r> {
    table: &'r Section<'r>,
    env: &'r Env<'r>,
    warnings: &'r mut Vec<Warning>,
    origins: &'r mut BTreeMap<String, Origin>,
}

impl Resolver<'_> {
    fn wire_api(&self, found: Found<'_, &str>) -> Result<WireApi, ConfigError> {
        let (key, origin) = (self.table.path_of("wire_api"), found.origin.clone());
        match found.value {
            "responses" => Ok(WireApi::Responses),
            "chat" => Err(ConfigError::ChatWire { key, origin }),
            other => Err(ConfigError::UnknownValue {
                key,
                origin,
                value: other.to_owned(),
                allowed: vec!["responses"],
            }),
        }
    }

    /// Finds the address that somebody set. For `openai` that may also be `openai_base_url`,
    /// `$OPENAI_BASE_URL`, or the older `$OPENAI_API_BASE`, which comes without `/v1`.
    fn base_url(
        &mut self,
        root: &Section<'_>,
        id: &str,
        written: Option<Found<'_, &str>>,
    ) -> Result<Option<String>, ConfigError> {
        let own_key = self.table.path_of("base_url");
        if let Some(found) = written {
            return web_address(found.value, &own_key, found.origin).map(Some);
        }
        if id != "openai" {
            return Ok(None);
        }
        if let Some(found) = root.filled("openai_base_url")? {
            return web_address(found.value, "openai_base_url", found.origin).map(Some);
        }
        for (name, suffix) in [("OPENAI_BASE_URL", ""), ("OPENAI_API_BASE", "/v1")] {
            if let Some(value) = filled(self.env, name) {
                let origin = Origin::Environment(name);
                let mut url = web_address(value.trim(), name, &origin)?;
                if !url.ends_with(suffix) {
                    url.push_str(suffix);
                }
                self.origins.insert(own_key, origin);
                return Ok(Some(url));
            }
        }
        Ok(None)
    }

    /// Reads a number from the table, else from the seed's variable `OPENAI_<KEY>`.
    fn number(
        &mut self,
        key: &str,
        written: Option<Found<'_, u64>>,
        default: u64,
    ) -> Result<(u64, Option<Origin>), ConfigError> {
        if let Some(found) = written {
            return Ok((found.value, Some(found.origin.clone())));
        }
        let name = match key {
            "request_max_retries" => "OPENAI_REQUEST_MAX_RETRIES",
            "stream_max_retries" => "OPENAI_STREAM_MAX_RETRIES",
            _ => "OPENAI_STREAM_IDLE_TIMEOUT_MS",
        };
        let Some(value) = filled(self.env, name) else { return Ok((default, None)) };
        let number = value
            .trim()
            .parse()
            .map_err(|_| ConfigError::EnvironmentNumber { name, value: value.clone() })?;
        self.origins.insert(self.table.path_of(key), Origin::Environment(name));
        Ok((number, Some(Origin::Environment(name))))
    }

    /// Reads the silence a stream may keep. None at all would end every stream, so 0 is refused
    /// and does not mean "for ever".
    fn idle_ms(&mut self, written: Option<Found<'_, u64>>) -> Result<u64, ConfigError> {
        let (key, expected) = ("stream_idle_timeout_ms", "an integer of 1 or more");
        match self.number(key, written, 300_000)? {
            (0, Some(origin)) => Err(ConfigError::WrongType {
                key: self.table.path_of(key),
                origin,
                expected,
                found: "0",
            }),
            (number, _) => Ok(number),
        }
    }

    fn retries(
        &mut self,
        key: &str,
        written: Option<Found<'_, u64>>,
        default: u64,
    ) -> Result<u32, ConfigError> {
        let (number, origin) = self.number(key, written, default)?;
        match (u32::try_from(number), origin) {
            (Ok(number), _) if number <= RETRY_LIMIT => Ok(number),
            (_, origin) => {
                self.warnings.extend(origin.map(|origin| Warning::Capped {
                    key: self.table.path_of(key),
                    origin,
                    limit: RETRY_LIMIT,
                }));
                Ok(RETRY_LIMIT)
            }
        }
    }
}

fn web_address(url: &str, key: &str, origin: &Origin) -> Result<String, ConfigError> {
    let web = |scheme: &str| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && url.len() > scheme.len()
    };
    if web("https://") || web("http://") {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(ConfigError::BadUrl { key: key.to_owned(), origin: origin.clone() })
    }
}
