//! `explain --config FILE --request "GET /orders/7"`: which rule decides, and which answer has the caller?

use scopegate_issuer::LocalIssuer;
use serde_json::Value;

use crate::client::Connection;
use crate::program::{CLIENT, NOW, Offline, POOL, Run, cognito_token, file, run};
use crate::service::Service;

fn config() -> String {
    format!(
        r#"listen = "127.0.0.1:9000"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1"]

[[issuer]]
cognito = "{POOL}"
clients = ["{CLIENT}"]

[[route]]
path = "/orders/{{id}}"
GET = "orders/read"
POST = {{ all = ["orders/read", "orders/write"] }}
PATCH = {{ any = ["orders/write", "orders/admin"] }}

[[route]]
path = "/health"
GET = "public"

[forward]
"X-Auth-Client" = "client_id"
"#
    )
}

/// Explains requests with the keys of a file.
struct Explained {
    offline: Offline,
    file: String,
}

impl Explained {
    fn new(name: &str, text: &str) -> Self {
        let file = file(&format!("{name}.toml"), text);
        Self { offline: Offline::new(name), file: file.to_str().unwrap().to_owned() }
    }

    fn explain(&self, request: &str, input: &str, more: &[&str]) -> Run {
        let flags = ["--config", &self.file, "--request", request];
        self.offline.explain_for(&flags, input, more)
    }
}

fn line<'a>(run: &'a Run, start: &str) -> &'a str {
    let found = run.out.lines().find_map(|line| line.strip_prefix(start));
    found.unwrap_or_else(|| panic!("no {start}: {}{}", run.out, run.errors)).trim()
}

#[test]
fn rule_scopes_and_answer_are_shown() {
    let service = Explained::new("request-rule", &config());
    let token = service.offline.sign(&cognito_token().scope("orders/read"));
    let accepted = service.explain("GET /orders/7?page=2", &token, &[]);
    assert_eq!(accepted.code, 0, "{}{}", accepted.out, accepted.errors);
    assert!(accepted.out.starts_with("VALID at "), "{}", accepted.out);
    assert_eq!(line(&accepted, "Request "), "GET /orders/7?page=2 at api.example");
    assert_eq!(line(&accepted, "Rule "), "/orders/{id}: orders/read");
    assert_eq!(line(&accepted, "Answer "), "200 OK");
    assert_eq!(line(&accepted, "         x-auth-client:"), CLIENT);
    assert!(!accepted.out.contains("Missing"), "{}", accepted.out);

    let rejected = service.explain("POST /orders/7", &token, &[]);
    assert_eq!(rejected.code, 1, "{}", rejected.out);
    assert!(rejected.out.starts_with("REJECTED with 403 (insufficient_scope)"), "{}", rejected.out);
    assert_eq!(line(&rejected, "Rule "), "/orders/{id}: all of (orders/read, orders/write)");
    assert_eq!(line(&rejected, "Missing "), "orders/write");
    assert_eq!(line(&rejected, "Answer "), "403 Forbidden");
    let challenge = line(&rejected, "         www-authenticate:");
    assert!(
        challenge.contains("scope=\"orders/read orders/write\", error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert_eq!(
        line(&service.explain("PATCH /orders/7", &token, &[]), "Missing "),
        "orders/write, or orders/admin"
    );
}

#[test]
fn request_without_token_needs_no_input() {
    let service = Explained::new("request-public", &config());
    let public = service.explain("GET /health", "", &[]);
    assert_eq!(public.code, 0, "{}{}", public.out, public.errors);
    assert!(public.out.starts_with("ACCEPTED without a token at "), "{}", public.out);
    assert_eq!(line(&public, "Rule "), "/health: public");
    for (request, status, code, rule) in [
        (
            "DELETE /orders/7",
            "403 Forbidden",
            "no_rule",
            "none, because no route has the method; the route is /orders/{id}",
        ),
        ("GET /unknown", "403 Forbidden", "no_rule", "none, because no route has the path"),
        (
            "GET /orders/../7",
            "400 Bad Request",
            "ambiguous_path",
            "none, because the request is rejected before: the path has a dot segment",
        ),
    ] {
        let run = service.explain(request, "", &[]);
        assert_eq!(run.code, 1, "{request}");
        assert!(run.out.contains(&format!("({code})")), "{}", run.out);
        assert_eq!((line(&run, "Answer "), line(&run, "Rule ")), (status, rule));
    }
    // A rule with a token reads one.
    assert_eq!(service.explain("GET /orders/7", "", &[]).code, 64);
}

#[test]
fn rejected_token_has_its_challenge() {
    let service = Explained::new("request-token", &config());
    let token = service.offline.sign(&cognito_token().expires_at(NOW - 60).client("another"));
    let run = service.explain("GET /orders/7", &token, &[]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.starts_with("REJECTED with 401 (expired)"), "{}", run.out);
    assert!(line(&run, "         www-authenticate:").contains("error=\"invalid_token\""), "{}", run.out);
    assert!(run.out.contains("would also fail: expected a client such as"), "{}", run.out);
    let other = service.offline.sign(&cognito_token().client("another"));
    let run = service.explain("GET /orders/7", &other, &[]);
    assert!(run.out.contains("which `clients` does not"), "{}", run.out);
}

#[test]
fn host_selects_route_and_issuer() {
    let text = format!(
        "{}\n[[route]]\nhost = \"b.example\"\npath = \"/orders/{{id}}\"\nGET = \"authenticated\"\n",
        config().split("[forward]").next().unwrap(),
    );
    let service = Explained::new("request-host", &text);
    let token = service.offline.sign(&cognito_token().scope("orders/read"));
    let own = service.explain("GET /orders/7", &token, &[]);
    assert_eq!((own.code, line(&own, "Rule ")), (0, "/orders/{id}: orders/read"), "{}", own.out);
    // The issuer is for api.example only.
    let other = service.explain("GET /orders/7", &token, &["--host", "b.example"]);
    assert_eq!((other.code, line(&other, "Rule ")), (1, "/orders/{id}: any valid token"), "{}", other.out);
    assert!(other.out.starts_with("REJECTED with 401 ("), "{}", other.out);
    assert!(other.out.contains("✗ required  FAILED: "), "{}", other.out);
    let unknown = service.explain("GET /orders/7", "", &["--host", "c.example"]);
    assert_eq!((unknown.code, line(&unknown, "Rule ")), (1, "none, because no route has the host"));
}

#[test]
fn bearer_token_where_proofs_are_required_is_rejected() {
    let text = config().replace("[[issuer]]", "dpop = \"require\"\n[[issuer]]");
    let service = Explained::new("request-dpop", &text);
    let token = service.offline.sign(&cognito_token().scope("orders/read"));
    let run = service.explain("GET /orders/7", &token, &[]);
    assert_eq!((run.code, line(&run, "Answer ")), (1, "401 Unauthorized"), "{}", run.out);
    assert!(line(&run, "         www-authenticate:").starts_with("DPoP "), "{}", run.out);
    assert!(run.out.starts_with("REJECTED with 401 (proof_required)"), "{}", run.out);
}

#[test]
fn required_authentication_of_user_is_shown() {
    let rule =
        "GET = { any = [\"orders/read\", \"x\"], acr = [\"urn:mfa\", \"gold\"], max_auth_age_secs = 300 }";
    let service = Explained::new("request-user", &config().replace("GET = \"orders/read\"", rule));
    let token = |acr: &str| {
        let token = cognito_token().scope("orders/read").claim("sub", "user-1");
        service.offline.sign(&token.claim("acr", acr).claim("auth_time", NOW - 300))
    };
    let accepted = service.explain("GET /orders/7", &token("gold"), &[]);
    let expected = "/orders/{id}: any of (orders/read, x), of a user with acr urn:mfa or gold \
                    who has authenticated in the last 300 s";
    assert_eq!((accepted.code, line(&accepted, "Rule ")), (0, expected), "{}", accepted.out);
    let rejected = service.explain("GET /orders/7", &token("pwd"), &[]);
    assert_eq!((rejected.code, line(&rejected, "Answer ")), (1, "401 Unauthorized"), "{}", rejected.out);
    let challenge = line(&rejected, "         www-authenticate:");
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
}

#[test]
fn json_has_decision() {
    let service = Explained::new("request-json", &config());
    let token = service.offline.sign(&cognito_token().scope("orders/read"));
    let report = |request: &str| -> Value {
        serde_json::from_str(&service.explain(request, &token, &["--json"]).out).unwrap()
    };
    let rejected = report("PATCH /orders/7");
    assert_eq!(
        (&rejected["verdict"], &rejected["error"]["code"]),
        (&"rejected".into(), &"insufficient_scope".into())
    );
    let decision = &rejected["decision"];
    assert_eq!(decision["request"]["target"], "/orders/7");
    assert_eq!(
        (&decision["route"], &decision["rule"]),
        (&"/orders/{id}".into(), &"/orders/{id}: any of (orders/write, orders/admin)".into())
    );
    assert_eq!(decision["missing_scopes"], serde_json::json!([["orders/write"], ["orders/admin"]]));
    assert_eq!(decision["answer"]["status"], 403);
    let headers = decision["answer"]["headers"].as_array().unwrap();
    assert!(headers.iter().any(|header| header["name"] == "www-authenticate"), "{headers:?}");
    let public = report("GET /health");
    assert_eq!(
        (&public["verdict"], &public["checks"], &public["claims"]),
        (&"valid".into(), &serde_json::json!([]), &Value::Null)
    );
}

#[test]
fn forwarded_personal_data_is_masked() {
    let text = config().replace("\"client_id\"", "\"sub\"");
    let service = Explained::new("request-masked", &text);
    let token = service.offline.sign(&cognito_token().scope("orders/read").claim("sub", "ann@shop.example"));
    for more in [&[][..], &["--json"]] {
        assert!(!service.explain("GET /orders/7", &token, more).out.contains("ann@"));
        let shown = service.explain("GET /orders/7", &token, &[more, &["--show"]].concat());
        assert!(shown.out.matches("ann@").count() > 1, "{}", shown.out);
    }
}

#[test]
fn wrong_file_and_request_are_usage_errors() {
    let service = Explained::new("request-usage", &config());
    for (request, more) in [
        ("/orders/7", &[][..]),
        ("GET ", &[]),
        ("GET /a /b", &[]),
        ("G\u{e9}T /a", &[]),
        ("GET /orders/7", &["--client", CLIENT]),
        ("GET /orders/7", &["--cognito", POOL]),
        ("GET /orders/7", &["--scope", "a"]),
        ("GET /orders/7", &["--algorithms", "RS256"]),
    ] {
        let run = service.explain(request, "a.b.c", more);
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{request} {more:?}: {}", run.errors);
    }
    for arguments in [
        &["explain", "--config", &service.file][..],
        &["explain", "--cognito", POOL, "--client", CLIENT, "--request", "GET /"],
        &["explain", "--cognito", POOL, "--client", CLIENT, "--host", "a.example"],
        &["explain", "--config", "no-such-file.toml", "--request", "GET /"],
    ] {
        assert_eq!(run(arguments, "a.b.c").code, 64, "{arguments:?}");
    }
    let wrong = Explained::new("request-wrong", &config().replace("gateway", "gatway"));
    let run = wrong.explain("GET /health", "", &[]);
    assert!(run.code == 64 && run.errors.contains(":1:1: expected the key `gateway`"), "{}", run.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_is_that_of_the_service() {
    let local = LocalIssuer::start().await.unwrap();
    let down = LocalIssuer::start().await.unwrap();
    let (issuer, other) = (local.issuer(), down.issuer().to_owned());
    down.shut_down().await;
    let text = format!(
        "listen = \"127.0.0.1:0\"\nlisten_admin = \"127.0.0.1:0\"\npublic_url = \"https://api.example/shop\"\n\
         gateway = \"nginx\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [[issuer]]\nissuer = \"{other}\"\nclients = [\"local-reader\"]\n\
         [[issuer]]\nissuer = \"{issuer}\"\nclients = [\"local-reader\"]\n\
         [[route]]\npath = \"/orders/{{id}}\"\nGET = \"orders/read\"\n"
    );
    let service = Service::start("request-service", &text);
    let mut gateway = Connection::open(&service.decisions).await;
    for (token, code) in [
        (local.mint().scope("orders/read").sign(), 0),
        (local.mint().scope("x").sign(), 1),
        (local.mint().expired().sign(), 1),
        (local.mint().claim("iss", other.clone()).sign(), 2),
    ] {
        let flags = ["explain", "--json", "--request", "GET /orders/7", "--config"];
        let run = run(&[&flags[..], &[service.file.to_str().unwrap()]].concat(), &token);
        assert_eq!(run.code, code, "{}{}", run.out, run.errors);
        let report: Value = serde_json::from_str(&run.out).unwrap();
        let answer = &report["decision"]["answer"];
        let decided = gateway.ask("GET", "/orders/7", Some(&token)).await;
        assert_eq!(answer["status"], decided.status, "{answer} {decided:?}");
        let headers = answer["headers"].as_array().unwrap();
        let challenge = headers.iter().find(|header| header["name"] == "www-authenticate");
        let challenge = challenge.map(|header| header["value"].as_str().unwrap());
        assert_eq!(challenge, decided.header("www-authenticate"));
        assert_eq!(answer["body"], decided.body);
    }
}
