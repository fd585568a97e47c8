//! From the text of a script file to a checked [`Script`].

use std::sync::Arc;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Fault, Item, OnExhausted, Pacing, Pieces, Script, ScriptError, Select, Step, Usage};

/// The most steps a script may have once its repeats are counted.
const MAX_STEPS: usize = 1_000_000;

/// The longest made-up text of one item, in bytes: a slip of the pen must not eat the memory.
const MAX_TEXT: usize = 64 << 20;

#[derive(Deserialize)]
struct ScriptSpec {
    #[serde(default)]
    select: Select,
    #[serde(default)]
    on_exhausted: OnExhausted,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    chunk_deltas: usize,
    #[serde(default, deserialize_with = "millis")]
    delay_ms: Duration,
    #[serde(default)]
    steps: Vec<Value>,
    /// An older name of `steps`.
    #[serde(default)]
    turns: Vec<Value>,
}

#[derive(Deserialize)]
struct StepSpec {
    #[serde(default)]
    items: Vec<Value>,
    #[serde(default = "once")]
    repeat: usize,
    usage: Option<Usage>,
    chunk_deltas: Option<usize>,
    #[serde(default, deserialize_with = "maybe_millis")]
    delay_ms: Option<Duration>,
    #[serde(default, deserialize_with = "millis")]
    ttfb_ms: Duration,
    wait_for: Option<String>,
    fault: Option<Value>,
}

#[derive(Deserialize)]
struct PiecesSpec {
    text: Option<String>,
    #[serde(default = "once")]
    n: usize,
    #[serde(default = "one_word")]
    chars: usize,
}

#[derive(Deserialize)]
struct FunctionCallSpec {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct CustomToolCallSpec {
    name: String,
    input: String,
}

fn once() -> usize {
    1
}

fn one_word() -> usize {
    8
}

pub(super) fn script(text: &str) -> Result<Script, ScriptError> {
    let spec: ScriptSpec = serde_json::from_str(text).map_err(ScriptError::Script)?;
    let pacing = Pacing { events_per_write: spec.chunk_deltas, delay: spec.delay_ms };
    let mut steps = Vec::new();
    let specs = if spec.steps.is_empty() { spec.turns } else { spec.steps };
    for (at, value) in specs.into_iter().enumerate() {
        let (step, repeat) = step(at, value, pacing)?;
        if repeat > MAX_STEPS - steps.len() {
            let problem = format!("repeat {repeat} makes more than {MAX_STEPS} steps in all");
            return Err(ScriptError::Value { step: at, problem });
        }
        steps.extend(std::iter::repeat_n(Arc::new(step), repeat));
    }
    Ok(Script { select: spec.select, on_exhausted: spec.on_exhausted, strict: spec.strict, steps })
}

fn step(at: usize, value: Value, pacing: Pacing) -> Result<(Step, usize), ScriptError> {
    // A bare list is a step that has nothing but items.
    let value = if value.is_array() { serde_json::json!({ "items": value }) } else { value };
    let spec: StepSpec =
        serde_json::from_value(value).map_err(|source| ScriptError::Step { step: at, source })?;
    let mut items = Vec::with_capacity(spec.items.len());
    for (n, value) in spec.items.into_iter().enumerate() {
        items.push(item(value).map_err(|source| ScriptError::Item {
            step: at,
            item: n,
            source,
        })?);
    }
    let fault = match spec.fault {
        Some(Value::Object(keys)) if keys.is_empty() => None,
        Some(value) => Some(
            Fault::deserialize(value).map_err(|source| ScriptError::Fault { step: at, source })?,
        ),
        None => None,
    };
    if let Some(fault) = &fault {
        check(fault).map_err(|problem| ScriptError::Value { step: at, problem })?;
    }
    let step = Step {
        items,
        usage: spec.usage.unwrap_or_default(),
        pacing: Pacing {
            events_per_write: spec.chunk_deltas.unwrap_or(pacing.events_per_write),
            delay: spec.delay_ms.unwrap_or(pacing.delay),
        },
        ttfb: spec.ttfb_ms,
        wait_for: spec.wait_for,
        fault,
    };
    Ok((step, spec.repeat))
}

/// Refuses what the HTTP side could not send.
fn check(fault: &Fault) -> Result<(), String> {
    if let Fault::Status { code, retry_after, .. } = fault {
        if !(200..=599).contains(code) {
            return Err(format!("fault.code {code} is not a status between 200 and 599"));
        }
        if let Some(value) = retry_after {
            let sendable = match value {
                Value::Number(_) => true,
                Value::String(text) => hyper::header::HeaderValue::from_str(text).is_ok(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
            };
            if !sendable {
                return Err(format!("fault.retry_after {value} can't stand in a header"));
            }
        }
    }
    Ok(())
}

fn item(value: Value) -> Result<Item, serde_json::Error> {
    let Some(kind) = value.get("type").and_then(Value::as_str) else {
        return Err(serde_json::Error::custom("an item needs a `type`"));
    };
    Ok(match kind {
        "text" => Item::Text(pieces(value)?),
        "reasoning" => Item::Reasoning(pieces(value)?),
        "function_call" => {
            let spec = FunctionCallSpec::deserialize(value)?;
            Item::FunctionCall {
                name: spec.name,
                namespace: spec.namespace.filter(|name| !name.is_empty()),
                arguments: spec.arguments.unwrap_or_else(|| Value::Object(Default::default())),
            }
        }
        "custom_tool_call" => {
            let spec = CustomToolCallSpec::deserialize(value)?;
            Item::CustomToolCall { name: spec.name, input: spec.input }
        }
        _ => Item::Other(value),
    })
}

fn pieces(value: Value) -> Result<Pieces, serde_json::Error> {
    let spec = PiecesSpec::deserialize(value)?;
    if let Some(text) = spec.text {
        return Ok(Pieces::Given(text));
    }
    // Even an empty delta costs an event.
    if spec.n.saturating_mul(spec.chars.max(1)) > MAX_TEXT {
        let problem = format!("{} deltas of {} are over {MAX_TEXT} bytes", spec.n, spec.chars);
        return Err(serde_json::Error::custom(problem));
    }
    Ok(Pieces::Made { n: spec.n, chars: spec.chars })
}

pub(super) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
}

pub(super) fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(from)? / 1000.0).map_err(D::Error::custom)
}

fn maybe_millis<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    millis(from).map(Some)
}
