//! A reading of JSON Schema that is large enough for `docs/reference/scopegate.schema.json`.

use serde_json::{Map, Value};
use toml::Value as Toml;

/// Returns why a value is not valid by a schema. `root` has the definitions.
pub(crate) fn mistake(root: &Value, schema: &Value, value: &Toml) -> Option<String> {
    let members = schema.as_object().expect("a schema is an object");
    members.iter().find_map(|(keyword, rule)| {
        let is_broken = broken(root, members, keyword, rule, value)?;
        Some(format!("{keyword}: {is_broken}"))
    })
}

fn is_valid(root: &Value, schema: &Value, value: &Toml) -> bool {
    mistake(root, schema, value).is_none()
}

/// Returns why a value breaks the rule of a keyword. An unknown keyword must not be ignored.
fn broken(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    rule: &Value,
    value: &Toml,
) -> Option<String> {
    let unless = |is_kept: bool| (!is_kept).then(|| format!("{value}"));
    let valid = |schema: &Value| is_valid(root, schema, value);
    match keyword {
        "$schema" | "title" | "description" | "definitions" | "default" | "examples" => None,
        "$ref" => {
            let pointer = text(rule).strip_prefix('#').expect("a reference in the file");
            mistake(root, root.pointer(pointer).expect("a definition"), value)
        }
        "type" => unless(is_type(text(rule), value)),
        "enum" => unless(list(rule).iter().any(|one| one.as_str() == value.as_str())),
        "anyOf" => unless(list(rule).iter().any(valid)),
        "oneOf" => unless(list(rule).iter().filter(|schema| valid(schema)).count() == 1),
        "not" => unless(!valid(rule)),
        "if" => {
            let branch = schema.get(if valid(rule) { "then" } else { "else" });
            branch.and_then(|branch| mistake(root, branch, value))
        }
        "then" | "else" => None,
        "minimum" => unless(number(value).is_none_or(|found| found >= bound(rule))),
        "maximum" => unless(number(value).is_none_or(|found| found <= bound(rule))),
        "minLength" => unless(value.as_str().is_none_or(|text| text.chars().count() >= size(rule))),
        "maxLength" => unless(value.as_str().is_none_or(|text| text.chars().count() <= size(rule))),
        "items" => value.as_array()?.iter().find_map(|item| mistake(root, rule, item)),
        "minItems" => unless(value.as_array()?.len() >= size(rule)),
        "maxItems" => unless(value.as_array()?.len() <= size(rule)),
        "uniqueItems" => {
            let items = value.as_array()?;
            unless(items.iter().enumerate().all(|(at, item)| !items[..at].contains(item)))
        }
        "minProperties" => unless(value.as_table()?.len() >= size(rule)),
        "maxProperties" => unless(value.as_table()?.len() <= size(rule)),
        "required" => {
            let table = value.as_table()?;
            list(rule).iter().map(text).find(|key| !table.contains_key(*key)).map(str::to_owned)
        }
        "dependencies" => {
            let table = value.as_table()?;
            let rules =
                rule.as_object().expect("an object").iter().filter(|(key, _)| table.contains_key(*key));
            rules
                .flat_map(|(_, needed)| list(needed))
                .map(text)
                .find(|key| !table.contains_key(*key))
                .map(str::to_owned)
        }
        "properties" | "patternProperties" | "additionalProperties" => {
            let rules = value.as_table()?.iter().filter_map(|(key, value)| {
                let (found, rule) = rule_of(schema, key)?;
                (found == keyword).then_some((key, rule, value))
            });
            rules.into_iter().find_map(|(key, rule, value)| match rule {
                Value::Bool(is_allowed) => (!is_allowed).then(|| key.clone()),
                rule => mistake(root, rule, value).map(|reason| format!("{key}: {reason}")),
            })
        }
        other => panic!("an unknown keyword: {other}"),
    }
}

/// Returns the keyword and the rule for a key of a table.
fn rule_of<'s>(schema: &'s Map<String, Value>, key: &str) -> Option<(&'static str, &'s Value)> {
    if let Some(rule) = schema.get("properties").and_then(|properties| properties.get(key)) {
        return Some(("properties", rule));
    }
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    for (pattern, rule) in patterns.into_iter().flatten() {
        assert_eq!(pattern, "^[A-Z-]{1,32}$", "an unknown pattern");
        if (1..=32).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        {
            return Some(("patternProperties", rule));
        }
    }
    schema.get("additionalProperties").map(|rule| ("additionalProperties", rule))
}

fn is_type(name: &str, value: &Toml) -> bool {
    match name {
        "string" => value.is_str(),
        "array" => value.is_array(),
        "object" => value.is_table(),
        "integer" => value.is_integer(),
        "number" => value.is_integer() || value.is_float(),
        other => panic!("an unknown type: {other}"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "no bound is as large")]
fn number(value: &Toml) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

fn text(rule: &Value) -> &str {
    rule.as_str().expect("a string")
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().expect("an array")
}

fn bound(rule: &Value) -> f64 {
    rule.as_f64().expect("a number")
}

fn size(rule: &Value) -> usize {
    rule.as_u64().and_then(|size| size.try_into().ok()).expect("a size")
}
