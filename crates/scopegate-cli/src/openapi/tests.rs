use http::Method;
use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = r#"openapi: 3.0.3
info: { title: Orders, version: "1" }
servers:
  - url: https://api.example/v1
  - url: https://{stage}.example/v1/
security:
  - oauth: [orders/read]
paths:
  x-note: ignored
  /orders/{order-id}:
    parameters: [{ name: order-id, in: path }]
    get: { summary: One order }
    post:
      security:
        - oauth: [orders/read, orders/write]
        - oidc: [admin]
    delete:
      security:
        - bearer: []
  /health:
    get:
      security: []
    head:
      security: [{}]
  /empty: {}
components:
  securitySchemes:
    oauth: { type: oauth2 }
    oidc: { type: openIdConnect }
    bearer: { type: http, scheme: Bearer }
    key: { type: apiKey }
    basic: { type: http, scheme: basic }
    tls: { type: mutualTLS }
    other: { $ref: "other.yaml" }
"#;

/// Returns the mistakes of the document with one change.
fn mistakes(from: &str, to: &str) -> Vec<String> {
    assert_eq!(DOCUMENT.matches(from).count(), 1, "{from}");
    mistakes_of(&DOCUMENT.replace(from, to))
}

fn mistakes_of(text: &str) -> Vec<String> {
    match read(text, "") {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

fn shown(text: &str, prefix: &str) -> Vec<String> {
    let operations = read(text, prefix).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let lines = operations.iter().flat_map(|Operations { path, methods, .. }| {
        let line = |(method, access): &(Method, Access)| match access {
            Access::Public => format!("{method} {path}: public"),
            Access::Authenticated => format!("{method} {path}: authenticated"),
            Access::Scopes(required) => format!("{method} {path}: {required}"),
            // A document has no such requirement.
            Access::User { .. } => panic!("{access:?}"),
        };
        let lines: Vec<String> = methods.iter().map(line).collect();
        if lines.is_empty() { vec![format!("{path}: none")] } else { lines }
    });
    lines.collect()
}

#[test]
fn paths_methods_and_scopes_are_read() {
    // FW17
    let expected = [
        "GET /v1/orders/{order_id}: orders/read",
        "POST /v1/orders/{order_id}: any of (all of (orders/read, orders/write), admin)",
        "DELETE /v1/orders/{order_id}: authenticated",
        "GET /v1/health: public",
        "HEAD /v1/health: public",
        "/v1/empty: none",
    ];
    assert_eq!(shown(DOCUMENT, ""), expected);
    // The gateway removes the prefix of the public URL.
    let below = expected.map(|line| line.replace("/v1", ""));
    assert_eq!(shown(DOCUMENT, "/v1"), below);
    assert_eq!(shown(&DOCUMENT.replace("3.0.3", "3.1.1"), ""), expected);
}

#[test]
fn json_is_read_like_yaml() {
    let json = "{\n\t\"openapi\": \"3.1.0\",\n\t\"paths\": {\n\t\t\"\\/orders\": {\"get\": {\"security\": [{\"a\": [\"x\"]}]}}\n\t},\n\
                \t\"components\": {\"securitySchemes\": {\"a\": {\"type\": \"oauth2\"}}}\n}\n";
    assert_eq!(shown(json, ""), ["GET /orders: x"]);
    let mistaken = json.replace("oauth2", "apiKey");
    assert!(mistakes_of(&mistaken)[0].starts_with("4:"), "{:?}", mistakes_of(&mistaken));
}

#[test]
fn operation_without_any_security_is_a_mistake() {
    // FW17
    let found = mistakes("security:\n  - oauth: [orders/read]\n", "");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("10:5: expected `security` here or in the document"), "{found:?}");
}

#[test]
fn security_that_cannot_be_enforced_is_a_mistake() {
    // FW17
    for (from, to, expected) in [
        ("- bearer: []", "- { bearer: [], oauth: [a] }", "19:11: expected one scheme: two schemes"),
        (
            "- bearer: []",
            "- key: []",
            "19:11: expected a scheme of type `oauth2`, `openIdConnect`, or `http` with `bearer`, found the type \"apiKey\"",
        ),
        ("- bearer: []", "- basic: []", "found `http` with \"basic\""),
        ("- bearer: []", "- tls: []", "found the type \"mutualTLS\""),
        ("- bearer: []", "- other: []", "found a `$ref`"),
        ("- bearer: []", "- oauht: []", "found \"oauht\", which is not declared"),
        ("- bearer: []", "- bearer: [role]", "expected no roles"),
        ("- bearer: []", "- bearer: a", "expected a list of at most 64 scopes, found a string"),
        ("- bearer: []", "- oauth: [\"a b\"]", "19:19: expected a scope"),
        ("- bearer: []", "- oauth: [[a]]", "expected a scope, found a list"),
        ("- bearer: []", "- bearer", "expected a security requirement, found a string"),
        ("security: [{}]", "security: [{}, { bearer: [] }]", "expected a scheme: optional security"),
        ("security: []", "security:", "expected a list of security requirements, found nothing"),
        ("security: []", "security: {}", "expected a list of security requirements, found a map"),
    ] {
        let found = mistakes(from, to);
        assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:?}");
    }
}

#[test]
fn path_that_cannot_be_enforced_is_a_mistake() {
    // FW17
    for (from, to, expected) in [
        ("/health:\n", "health:\n", "20:3: expected a path with a slash, found \"health\""),
        ("/health:\n", "/health.{format}:\n", "expected a parameter as a whole segment"),
        ("/health:\n", "/a//b:\n", "the path has two slashes in a row"),
        ("/health:\n", "/{}:\n", "expected a parameter as a whole segment"),
        (
            "/empty: {}",
            "/empty: { $ref: \"a.yaml\" }",
            "25:13: expected a method in lower case, found `$ref`",
        ),
        ("/empty: {}", "/empty: { GET: {} }", "found `GET`"),
        ("/empty: {}", "/empty: { query: {} }", "found `query`"),
        ("/empty: {}", "/empty: { servers: [] }", "found `servers`"),
        ("/empty: {}", "/empty: { get: { servers: [] } }", "expected no `servers`, which cannot be enforced"),
        ("/empty: {}", "/empty: []", "expected a map of operations, found a list"),
        ("/empty: {}", "/empty: { get: [] }", "expected an operation, found a list"),
        ("/empty: {}", "/empty: { <<: { get: {} } }", "found a merge key"),
        ("/empty: {}", "/health: {}", "25:3: expected each key once, found \"/health\" again"),
        ("https://api.example/v1", "https://api.example/v2", "expected servers with the same path"),
        (
            "https://api.example/v1",
            "https://api.example/{version}",
            "expected a server whose path begins with",
        ),
        ("https://api.example/v1", "v1", "expected a server whose path begins with"),
        ("openapi: 3.0.3", "swagger: \"2.0\"", "expected `openapi` to be 3.0 or 3.1, found none"),
        ("openapi: 3.0.3", "openapi: 3.2.0", "found \"3.2.0\""),
    ] {
        let found = mistakes(from, to);
        assert!(!found.is_empty() && found.iter().any(|found| found.contains(expected)), "{to}: {found:?}");
    }
    let found = read(DOCUMENT, "/v").unwrap_err();
    assert!(found[0].to_string().contains("path begins with \"/v\" as in `public_url`"), "{found:?}");
    // A name with a star is a parameter, not a catch-all.
    assert_eq!(shown(&DOCUMENT.replace("/empty", "/{*empty}"), "").last().unwrap(), "/v1/{_empty}: none");
}

#[test]
fn growth_of_document_is_bounded() {
    let laughs = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n";
    assert_eq!(mistakes_of(laughs), ["2:8: expected the value itself, found an alias"]);
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(mistakes_of(&deep(100))[0].contains("expected `openapi`"));
    assert!(mistakes_of(&deep(101))[0].contains("expected at most 100 levels"));
    assert!(!mistakes_of(&deep(100_000)).is_empty());
    let many = |nodes: usize| mistakes_of(&format!("[{}]", vec!["a"; nodes - 1].join(",")));
    assert!(many(yaml::MAX_NODES)[0].contains("expected `openapi`"));
    assert!(many(yaml::MAX_NODES + 1)[0].contains("expected at most 1000000 keys and values"));
    let long = |length: usize| format!("{DOCUMENT}#{}", "x".repeat(length - DOCUMENT.len() - 1));
    assert!(read(&long(MAX_DOCUMENT), "").is_ok());
    assert!(mistakes_of(&long(MAX_DOCUMENT + 1))[0].contains("expected at most 8388608 bytes"));
    let scopes = |number: usize| vec!["a"; number].join(", ");
    assert!(mistakes("[orders/read]", &format!("[{}]", scopes(64))).is_empty());
    assert_eq!(mistakes("[orders/read]", &format!("[{}]", scopes(65))).len(), 1);
    let alternatives = |number: usize| format!("security: [{}]", vec!["{ bearer: [] }"; number].join(", "));
    assert!(mistakes("security: []", &alternatives(64)).is_empty());
    assert_eq!(mistakes("security: []", &alternatives(65)).len(), 1);
    assert_eq!(
        mistakes(
            "/empty: {}",
            &format!("/empty: {{ {} }}", (0..60).map(|n| format!("a{n}: 1")).collect::<Vec<_>>().join(", "))
        )
        .len(),
        50
    );
}

#[test]
fn text_that_is_no_document_is_a_mistake() {
    for (text, expected) in [
        ("", "1:1: expected a document, found none"),
        ("a", "1:1: expected `openapi`"),
        ("a: [", ""),
        ("a: 1\n---\nb: 1", "expected one document, found another one"),
        ("? [a]\n: b", "expected a string as key"),
        ("a: !!binary b", "expected a value without a tag"),
    ] {
        let found = mistakes_of(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text:?} {found:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}", cut in 0..DOCUMENT.len()) {
        let _ = read(&text, "");
        let _ = read(&format!("{}{text}", DOCUMENT.get(..cut).unwrap_or_default()), "");
    }
}

#[test]
fn control_characters_of_keys_are_escaped() {
    let found = mistakes("    delete:", "    \"get\\e\":").concat();
    assert!(found.contains("found `get\\u{1b}`"), "{found}");
}

#[test]
fn place_of_mistake_is_in_the_document() {
    for (text, place) in [
        ("[[", "1:3: "),
        ("a: [b", "1:6: "),
        ("a:\n  \u{e9}: {", "2:7: "),
        ("\n?\n?\n ", "4:2: "),
        // A `\r\n` is one line break, and a `\r` is one, too.
        ("\r\n?\r\n?\r\n ", "4:2: "),
        ("\r?\r?\r ", "4:2: "),
        // In a directive, the parser counts bytes.
        ("%\u{2028}\0", "1:4: "),
        ("%\u{85}\u{85}\u{85}\u{85}", "1:6: "),
    ] {
        assert!(mistakes_of(text)[0].starts_with(place), "{text:?}: {:?}", mistakes_of(text));
    }
}

/// Characters that begin, end or break the parts of a document.
const PARTS: &str = "[\\[\\]{}:?,&*!|>'\"%#@` a\t\r\n\u{0}\u{85}\u{2028}\u{e9}\u{feff}-]{0,16}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn no_place_is_beyond_its_line(text in PARTS) {
        let with_one_break = text.replace("\r\n", "\n");
        let lines: Vec<&str> = with_one_break.split(['\n', '\r']).collect();
        for Mistake { place: Place { line, column }, .. } in read(&text, "").err().into_iter().flatten() {
            prop_assert!((1..=lines.len()).contains(&line), "{line} of {}", lines.len());
            let length = lines[line - 1].chars().count();
            prop_assert!((1..=length + 1).contains(&column), "{line}:{column}, {length} characters");
        }
    }
}
