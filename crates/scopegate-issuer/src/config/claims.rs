//! The additional claims of a client in a configuration file.

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

/// Claims that the issuer writes into each token itself, from its clock, its name, the client and
/// the request.
pub(crate) const WRITTEN_BY_ISSUER: [&str; 11] =
    ["sub", "token_use", "scope", "auth_time", "iss", "exp", "iat", "version", "jti", "client_id", "cnf"];

/// Reads a table. Rejects values that JSON does not have: dates, and numbers that are not finite.
pub(super) fn from_toml<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let table = toml::Table::deserialize(deserializer)?;
    let claim = |(name, value)| match json(value) {
        Ok(value) => Ok((name, value)),
        Err(found) => {
            let expected = "expected a string, a finite number, a boolean, an array or a table";
            Err(de::Error::custom(format_args!("claim `{name}`: {expected}, found {found}")))
        }
    };
    table.into_iter().map(claim).collect()
}

fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Float(number) => {
            Value::Number(serde_json::Number::from_f64(number).ok_or_else(|| number.to_string())?)
        }
        toml::Value::Datetime(_) => return Err("a date".to_owned()),
        toml::Value::Array(values) => Value::Array(values.into_iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => {
            let member = |(name, value)| json(value).map(|value| (name, value));
            Value::Object(table.into_iter().map(member).collect::<Result<_, _>>()?)
        }
    })
}
