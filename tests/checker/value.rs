//! YAML and JSON read into one tree. Scalars of YAML are kept as written: `12.10` stays a slot ten and
//! a MAC address stays a MAC address; whoever asks says what it should be.

use saphyr::{Yaml, YamlLoader};
use saphyr_parser::Parser;
use serde_json::{Map, Value};

/// The first document of a YAML text.
pub fn from_yaml(text: &str) -> Result<Value, String> {
    let mut loader = YamlLoader::<Yaml>::default();
    loader.early_parse(false);
    let mut parser = Parser::new_from_str(text);
    parser.load(&mut loader, true).map_err(|e| e.to_string())?;
    if let Some(error) = loader.error() {
        return Err(error.to_string());
    }
    let documents = loader.into_documents();
    Ok(documents.first().map_or(Value::Null, convert))
}

/// A JSON text.
pub fn from_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// A scalar as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A scalar as an integer.
pub fn integer(value: &Value) -> Option<i64> {
    let text = text(value)?;
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A scalar as true or false; absent is false.
pub fn flag(value: &Value) -> bool {
    text(value).is_some_and(|text| text == "true")
}

/// A list of integers; a scalar counts as a list of one.
pub fn integers(value: &Value) -> Vec<i64> {
    match value {
        Value::Array(items) => items.iter().filter_map(integer).collect(),
        Value::Null => Vec::new(),
        other => integer(other).into_iter().collect(),
    }
}

/// A list of texts; a scalar counts as a list of one.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        Value::Null => Vec::new(),
        other => text(other).into_iter().collect(),
    }
}

/// A length of time with its unit (`10ms`, `250us`, `1s`, `500ns`), in nanoseconds.
pub fn nanoseconds(value: &Value) -> Option<u64> {
    let text = text(value)?;
    let text = text.trim();
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim() {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale).round() as u64)
}

fn convert(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Representation(text, ..) if text.is_empty() || text == "~" || text == "null" => {
            Value::Null
        }
        Yaml::Representation(text, ..) => Value::String(text.to_string()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(convert).collect()),
        Yaml::Mapping(entries) => Value::Object(entries.iter().map(entry).collect::<Map<_, _>>()),
        Yaml::Tagged(_, inner) => convert(inner),
        _ => Value::Null,
    }
}

fn entry((key, value): (&Yaml, &Yaml)) -> (String, Value) {
    let key = text(&convert(key)).unwrap_or_default();
    (key, convert(value))
}
