//! `openapi`: the routes of a document, in a file beside the configuration.

use std::time::{Duration, Instant};

use scopegate_issuer::LocalIssuer;

use crate::client::Connection;
use crate::service::{Service, path, run, write};

const DOCUMENT: &str = "openapi: 3.1.0
paths:
  /orders/{id}:
    get: { security: [{ oauth: [orders/read] }] }
  /health:
    get: { security: [] }
components: { securitySchemes: { oauth: { type: oauth2 } } }
";

fn config(issuer: &str, document: &str) -> String {
    format!(
        r#"listen = "127.0.0.1:0"
listen_admin = "127.0.0.1:0"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1"]
openapi = "{document}"
[[issuer]]
issuer = "{issuer}"
clients = ["local-reader"]
"#
    )
}

/// Writes both files, and checks the configuration.
fn check(name: &str, document: Option<&str>, routes: &str) -> (Option<i32>, String, String) {
    let names = [format!("{name}.toml"), format!("{name}.yaml")];
    if let Some(document) = document {
        write(&path(&names[1]), document);
    }
    let file = path(&names[0]);
    write(&file, &format!("{}{routes}", config("https://issuer.example", &names[1])));
    let (code, out, error) = run(&["check", file.to_str().unwrap()]);
    (code, out, error.replace(&format!("{}:", file.display()), ""))
}

#[test]
fn mistake_in_document_has_its_place() {
    // FW17
    let (code, out, error) = check("openapi-valid", Some(DOCUMENT), "");
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.ends_with("valid: 2 routes, 1 issuers\n"), "{out}");
    let mistaken = DOCUMENT.replace("oauth2", "apiKey");
    let (code, _, error) = check("openapi-mistake", Some(&mistaken), "");
    assert_eq!(code, Some(64));
    let expected = "6:11: openapi-mistake.yaml:4:25: expected a scheme of type `oauth2`";
    assert!(error.starts_with(expected), "{error}");
    let (code, _, error) = check("openapi-missing", None, "");
    assert_eq!(code, Some(64));
    assert!(error.starts_with("6:11: openapi-missing.yaml: cannot read file: "), "{error}");
}

#[test]
fn second_rule_for_a_path_is_a_mistake() {
    let other = "[[route]]\npath = \"/other\"\nGET = \"public\"\n";
    assert_eq!(check("openapi-other", Some(DOCUMENT), other).0, Some(0));
    let same = other.replace("/other", "/orders/{number}");
    let (code, _, error) = check("openapi-same", Some(DOCUMENT), &same);
    assert_eq!(code, Some(64));
    assert!(error.starts_with("11:8: expected another path than that of an earlier route"), "{error}");
    let twice = DOCUMENT.replace("  /health:", "  /orders/{n}:");
    let (code, _, error) = check("openapi-twice", Some(&twice), "");
    assert_eq!(code, Some(64));
    assert!(error.contains("openapi-twice.yaml:5:3: expected another path"), "{error}");
}

#[test]
fn number_of_paths_is_bounded() {
    let paths = |number: usize| {
        let paths: Vec<String> = (0..number).map(|n| format!("  /p{n}: {{}}\n")).collect();
        format!("openapi: 3.1.0\npaths:\n{}", paths.concat())
    };
    assert_eq!(check("openapi-most", Some(&paths(10_000)), "").0, Some(0));
    let (code, _, error) = check("openapi-more", Some(&paths(10_001)), "");
    assert_eq!(code, Some(64));
    assert!(error.contains("openapi-more.yaml:10003:3: expected at most 10000 paths"), "{error}");
    let route = "[[route]]\npath = \"/other\"\nGET = \"public\"\n";
    let (code, _, error) = check("openapi-sum", Some(&paths(10_000)), route);
    assert!(code == Some(64) && error.contains("expected at most 10000 routes in all"), "{error}");
}

#[test]
fn example_is_valid() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/openapi.toml");
    let (code, out, error) = run(&["check", example]);
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "valid: 3 routes, 1 issuers\n", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_document_is_applied() {
    // FW10, FW17
    let local = LocalIssuer::start().await.unwrap();
    let document = path("openapi-served.yaml");
    write(&document, DOCUMENT);
    let service =
        Service::start_ready("openapi-served", &config(local.issuer(), "openapi-served.yaml")).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let (read, other) = (local.mint().scope("orders/read").sign(), local.mint().scope("x").sign());
    for (method, uri, token, status) in [
        ("GET", "/orders/7", Some(&read), 200),
        ("GET", "/orders/7", Some(&other), 403),
        ("GET", "/orders/7", None, 401),
        ("POST", "/orders/7", Some(&read), 403),
        ("GET", "/health", None, 200),
        ("GET", "/unknown", Some(&read), 403),
    ] {
        let response = gateway.ask(method, uri, token.map(String::as_str)).await;
        assert_eq!(response.status, status, "{method} {uri}");
    }
    write(&document, &DOCUMENT.replace("orders/read", "x"));
    let started = Instant::now();
    while gateway.ask("GET", "/orders/7", Some(&other)).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", service.log());
        tokio::task::yield_now().await;
    }
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&read)).await.status, 403);
}
