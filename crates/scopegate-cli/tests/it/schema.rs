//! Has the JSON Schema for editors the keys and values that the program reads?

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::service::{path, run, write};

const VALID: &str = r#"
listen = "127.0.0.1:9000"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1"]
dpop = "off"
[[issuer]]
cognito = "eu-west-1_Ab12Cd34E"
clients = ["1example23456789"]
status_list = "optional"
[issuer.introspection]
tokens = "after_jwt"
uri = "https://issuer.example/introspect"
auth_method = "client_secret_post"
client_id = "api"
client_secret_env = "PATH"
responses = "plain"
[[route]]
path = "/orders/{id}"
GET = "orders/read"
[forward]
X-Auth-Client = "client_id"
[revocations]
file = "revoked.jsonl"
"#;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/reference/scopegate.schema.json")).unwrap()
}

/// Returns the error of the file with one change.
fn error(from: &str, to: &str) -> String {
    // Tests run at the same time.
    static FILES: AtomicUsize = AtomicUsize::new(0);
    assert_eq!(VALID.matches(from).count(), 1, "{from}");
    let file = path(&format!("schema-{}.toml", FILES.fetch_add(1, Ordering::Relaxed)));
    write(&file, &VALID.replace(from, to));
    run(&["check", file.to_str().unwrap()]).2
}

/// Returns the names that an error expects, between these quotes.
fn expected(error: &str, quote: char) -> BTreeSet<String> {
    let expected = error.split("expected ").nth(1).unwrap_or_else(|| panic!("{error}"));
    let expected = expected.split(", found").next().unwrap();
    expected.split(quote).skip(1).step_by(2).map(str::to_owned).collect()
}

fn keys(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn values(schema: &Value) -> BTreeSet<String> {
    schema["enum"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn schema_has_the_keys_of_the_program() {
    let (schema, unknown) = (schema(), "unknown = 1\n");
    let top = error("listen =", &format!("{unknown}listen ="));
    assert_eq!(keys(&schema), expected(&top, '`'));
    let properties = &schema["properties"];
    let issuer = error("cognito =", &format!("{unknown}cognito ="));
    assert_eq!(keys(&properties["issuer"]["items"]), expected(&issuer, '`'));
    let introspection = error("tokens =", &format!("{unknown}tokens ="));
    assert_eq!(
        keys(&properties["issuer"]["items"]["properties"]["introspection"]),
        expected(&introspection, '`')
    );
    let revocations = error("file =", &format!("{unknown}file ="));
    assert_eq!(keys(&properties["revocations"]), expected(&revocations, '`'));
    // A route has these keys and methods.
    let route = error("path =", &format!("{unknown}path ="));
    let names = ["path", "host"].map(str::to_owned);
    assert_eq!(keys(&properties["route"]["items"]), names.clone().into());
    assert!(expected(&route, '`').is_superset(&names.into()), "{route}");
    let rules = schema["definitions"]["rule"]["oneOf"].as_array().unwrap();
    let rule = error("GET = \"orders/read\"", "GET = { unknown = 1, acr = [\"a\"] }");
    let known: BTreeSet<String> = rules[1..].iter().flat_map(keys).collect();
    assert_eq!(known, expected(&rule, '`'));
    let kinds = error("cognito = \"eu-west-1_Ab12Cd34E\"", "");
    let listed = properties["issuer"]["items"]["oneOf"].as_array().unwrap().iter();
    let listed: BTreeSet<String> =
        listed.map(|one| one["required"][0].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, expected(&kinds, '`'));
}

#[test]
fn schema_has_the_values_of_the_program() {
    let properties = &schema()["properties"];
    assert_eq!(values(&properties["gateway"]), expected(&error("\"nginx\"", "\"x\""), '`'));
    assert_eq!(values(&properties["dpop"]), expected(&error("\"off\"", "\"x\""), '"'));
    let issuer = &properties["issuer"]["items"]["properties"];
    assert_eq!(values(&issuer["status_list"]), expected(&error("\"optional\"", "\"x\""), '"'));
    let introspection = &issuer["introspection"]["properties"];
    assert_eq!(values(&introspection["tokens"]), expected(&error("\"after_jwt\"", "\"x\""), '`'));
    let method = error("\"client_secret_post\"", "\"x\"");
    assert_eq!(values(&introspection["auth_method"]), expected(&method, '`'));
    assert_eq!(values(&introspection["responses"]), expected(&error("\"plain\"", "\"x\""), '"'));
    for (key, quote) in [("dpop_nonce", '"'), ("certificate_binding", '"'), ("certificate_header", '`')] {
        let found = error("dpop =", &format!("{key} = \"x\"\ndpop ="));
        let found = found.lines().find(|line| line.ends_with("found \"x\"")).unwrap();
        assert_eq!(values(&properties[key]), expected(found, quote), "{key}");
    }
    let forward = &properties["forward"]["additionalProperties"];
    assert_eq!(values(forward), expected(&error("\"client_id\"", "\"x\""), '`'));
}

#[test]
fn required_keys_of_schema_are_required() {
    for key in schema()["required"].as_array().unwrap() {
        let key = key.as_str().unwrap();
        let line = VALID.lines().find(|line| line.starts_with(&format!("{key} ="))).map(str::to_owned);
        let message = match line {
            Some(line) => error(&line, ""),
            None => {
                error("[[issuer]]\ncognito = \"eu-west-1_Ab12Cd34E\"\nclients = [\"1example23456789\"]\n", "")
            }
        };
        assert!(
            message.contains(&format!("`{key}`")) || message.contains("`[[issuer]]`"),
            "{key}: {message}"
        );
    }
    let route = "[[route]]\npath = \"/orders/{id}\"\nGET = \"orders/read\"\n";
    assert!(error(route, "").contains("expected at least one table `[[route]]`"));
}
