//! Configuration files of the program `scopegate`. An input is a file in TOML. It may name
//! the files and variables of [`content`].

mod expected;

use std::sync::LazyLock;

use scopegate_cli_fuzzing::{Configuration, Message, Values};
use serde_json::Value;
use toml::Table;

use crate::schema;
use crate::text::{MISTAKE, assert_fit_for_a_log, assert_placed};
use crate::verdicts;

/// The schema that the documentation offers to editors.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/reference/scopegate.schema.json")).expect("a schema")
});

/// A secret and its private key, of which no text has a part.
const SECRET: &str = "c2VjcmV0IG9mIHRoZSBjbGllbnQ";
const KEY: &str = "BwcHBwcHBwcHBwcH";

/// Returns the contents of a file or an environment variable. All others are missing.
fn content(name: &str) -> Option<&'static str> {
    Some(match name {
        "secret" => "c2VjcmV0IG9mIHRoZSBjbGllbnQ\n",
        "nonces" => "c2VjcmV0IG9mIHRoZSBjbGllbnQ and of its nonces",
        "key" => include_str!("program_config/key.pem"),
        "certificate" => include_str!("program_config/certificate.pem"),
        "empty" => "\n",
        "tenants" => "# comment\nacme\n\nglobex\n",
        "openapi.yaml" => include_str!("program_config/openapi.yaml"),
        "mistaken.yaml" => "\n\nopenapi: 3.0.3\npaths: {\"a\\e\": [}\n",
        _ => return None,
    })
}

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let found = parse(text);
    let result = found.as_ref().map(Configuration::values);
    verdicts::count(&result);
    let again = parse(text);
    assert_eq!(result, again.as_ref().map(Configuration::values), "two results for one file");
    match found {
        Ok(configuration) => {
            let values = configuration.values();
            assert_agrees(&values, text);
            assert_fit(&configuration, &values, text);
            if let Err(error) = configuration.compile() {
                panic!("an accepted file does not start: {error}");
            }
        }
        Err(mistakes) => {
            let lines: Vec<&str> = text.split('\n').collect();
            assert_placed(&mistakes, &lines);
            mistakes.iter().for_each(|mistake| assert_without_secret(&mistake.text, text));
        }
    }
}

fn parse(text: &str) -> Result<Configuration, Vec<Message>> {
    let table = text.parse::<Table>().unwrap_or_default();
    let document = table.get("openapi").and_then(toml::Value::as_str).and_then(content);
    Configuration::parse(text, document, content)
}

/// Asserts that an accepted file is valid by the schema, and has the values of toml's reading.
fn assert_agrees(values: &Values, text: &str) {
    let table: Table = text.parse().expect("an accepted file is TOML");
    let mistake = schema::mistake(&SCHEMA, &SCHEMA, &toml::Value::Table(table.clone()));
    assert_eq!(mistake, None, "an accepted file is not valid by the schema");
    expected::assert_values(values, &table);
}

/// Asserts that each text for an operator is fit for a log, and has no secret.
fn assert_fit(configuration: &Configuration, values: &Values, text: &str) {
    let lines: Vec<&str> = text.split('\n').collect();
    if !values.unavailable.is_empty() {
        assert_placed(&values.unavailable, &lines);
    }
    for warning in configuration.warnings() {
        assert_fit_for_a_log(&warning, MISTAKE);
        assert_without_secret(&warning, text);
    }
    assert_without_secret(&configuration.debug(), text);
}

/// Asserts that no secret is shown that the file does not have itself.
fn assert_without_secret(shown: &str, text: &str) {
    for secret in [SECRET, KEY] {
        assert!(!shown.contains(secret) || text.contains(secret), "a secret: {shown}");
    }
}
