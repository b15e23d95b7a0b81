pub(crate) mod certificates;
mod credentials;
mod explained;
mod hosts;
mod proofs;
mod users;

use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Waker};

use http::Request;
use scopegate::Verifier;
use testkit::{CLIENT, ISSUER, KEY, NOW, OTHER_KEY, bound_to, builder_at, cognito_issuer, cognito_token};

use super::*;
use crate::config::beside::Beside;
use crate::config::settings::Config;

pub(crate) const PROXY: &str = "127.0.0.1";

const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Settings for the issuers of `testkit`, which have static keys.
pub(crate) fn config(change: impl Fn(String) -> String) -> Config {
    let text = format!(
        r#"
listen = "127.0.0.1:0"
public_url = "https://api.example"
gateway = "traefik"
trusted_proxies = ["127.0.0.1"]
[[issuer]]
issuer = "{ISSUER}"
jwks_uri = "https://issuer.example/keys"
clients = ["{CLIENT}"]
[[route]]
path = "/orders/{{id}}"
GET = "orders/read"
POST = {{ all = ["orders/read", "orders/write"] }}
OPTIONS = "public"
[[route]]
path = "/me"
GET = "authenticated"
[[route]]
path = "/orders/mine"
GET = "orders/mine"
[[route]]
path = "/users/@me"
GET = "orders/admin"
[[route]]
path = "/users/{{id}}"
GET = "public"
[forward]
"X-Auth-Client" = "client_id"
"X-Auth-Scope" = "scope"
"X-Auth-Tenant" = "tenant"
"#
    );
    Config::parse_with(&change(text), None, &Beside::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(crate) fn live(config: &Config, verifier: Verifier) -> Live {
    let rules = Rules::compile(config, &verifier).unwrap();
    Live::new(verifier, rules)
}

/// Decides by a file, with static keys and its own settings for bound tokens.
pub(crate) fn live_of(config: &Config) -> Live {
    let mut builder = builder_at(NOW).trust(cognito_issuer());
    if let Some(started) = config.start_dpop().unwrap() {
        builder = builder.dpop(started.dpop);
    }
    if let Some(certificates) = &config.certificates {
        builder = builder.client_certificates(certificates.settings());
    }
    live(config, builder.build().unwrap())
}

pub(crate) fn service() -> Live {
    live(&config(|text| text), testkit::cognito_verifier())
}

/// A question of Traefik.
fn question(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get("/decide");
    request = request.header("x-forwarded-method", method).header("x-forwarded-uri", target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn ask(live: &Live, question: &Parts) -> Response<Bytes> {
    decide(live, question, PROXY.parse().unwrap()).await
}

async fn status(live: &Live, method: &str, target: &str, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let question = question(method, target, &[("authorization", &authorization)]);
    ask(live, &question).await.status().as_u16()
}

pub(crate) fn token(scope: &str) -> String {
    cognito_token().scope(scope).sign_with(&KEY)
}

#[tokio::test]
async fn route_and_method_decide() {
    // FW01, FW15
    let (live, read) = (service(), token("orders/read"));
    for (method, target, expected) in [
        ("GET", "/orders/7", 200),
        ("HEAD", "/orders/7?x=/../", 200),
        ("POST", "/orders/7", 403),
        ("OPTIONS", "/orders/7", 200),
        ("DELETE", "/orders/7", 403),
        ("get", "/orders/7", 403),
        ("OPTIONS", "/me", 403),
        ("GET", "/me", 200),
        // The most specific path alone decides.
        ("GET", "/orders/mine", 403),
        ("POST", "/orders/mine", 403),
        ("GET", "/orders", 403),
        ("GET", "/ORDERS/7", 403),
        ("GET", "/unknown", 403),
        ("GET", "/users/@me", 403),
        ("GET", "/users/%40me", 400),
        ("GET", "/users/a%40b", 200),
        ("GET", "/orders/../orders/7", 400),
        ("GET", "//orders/7", 400),
    ] {
        assert_eq!(status(&live, method, target, &read).await, expected, "{method} {target}");
    }
    let both = token("orders/read orders/write");
    assert_eq!(status(&live, "POST", "/orders/7", &both).await, 200);
}

#[tokio::test]
async fn rejection_has_challenge_and_is_not_stored() {
    let live = service();
    let metadata = r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#;
    for (token, status, expected) in [
        (None, 401, r#"scope="orders/read""#),
        (Some(token("x")), 403, r#"error="insufficient_scope""#),
        (
            Some(cognito_token().scope("orders/read").expired().sign_with(&KEY)),
            401,
            r#"error="invalid_token""#,
        ),
        (Some(cognito_token().scope("orders/read").sign_with(&OTHER_KEY)), 401, r#"error="invalid_token""#),
    ] {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let response = ask(&live, &question("GET", "/orders/7", &headers)).await;
        assert_eq!(response.status(), status);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(expected) && challenge.contains(metadata), "{challenge}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!response.headers().contains_key("x-auth-client"));
    }
    let response = ask(&live, &question("GET", "/unknown", &[])).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["cache-control"]),
        (403, &HeaderValue::from_static("no-store"))
    );
}

#[tokio::test]
async fn forwarded_headers_are_always_set() {
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read x")));
    let spoofed =
        [("authorization", bearer.as_str()), ("x-auth-client", "spoof"), ("x-auth-tenant", "spoof")];
    let response = ask(&live, &question("GET", "/orders/caf%c3%a9?page=2", &spoofed)).await;
    let headers = response.headers();
    assert_eq!(
        (response.status().as_u16(), &headers["x-auth-client"]),
        (200, &HeaderValue::from_static(CLIENT))
    );
    assert_eq!(headers["x-auth-scope"], "orders/read x");
    assert_eq!(headers["x-auth-tenant"], "");
    assert_eq!(headers["x-auth-path"], "/orders/caf%C3%A9");
    assert_eq!(headers["cache-control"], "no-store");
    // A public route reads no token.
    let response = ask(&live, &question("OPTIONS", "/orders/7", &spoofed)).await;
    for name in ["x-auth-client", "x-auth-scope", "x-auth-tenant"] {
        assert_eq!(response.headers()[name], "", "{name}");
    }
    let invalid = question("OPTIONS", "/orders/7", &[("authorization", "Bearer x.y.z")]);
    assert_eq!(ask(&live, &invalid).await.status(), 200);
}

#[tokio::test]
async fn challenge_names_metadata_that_is_served() {
    let live = service();
    let (mut request, ()) = Request::get(METADATA).body(()).unwrap().into_parts();
    let response = ask(&live, &request).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &HeaderValue::from_static("application/json"))
    );
    let document = String::from_utf8(response.into_body().to_vec()).unwrap();
    for member in [
        r#""resource":"https://api.example""#,
        &format!(r#""authorization_servers":["{ISSUER}"]"#),
        r#""scopes_supported":["orders/admin","orders/mine","orders/read","orders/write"]"#,
    ] {
        assert!(document.contains(member), "{document}");
    }
    request.method = http::Method::POST;
    assert_eq!(ask(&live, &request).await.status(), 405);
    assert_eq!(decide(&live, &request, "127.0.0.2".parse().unwrap()).await.status(), 403);
}

#[tokio::test]
async fn question_of_untrusted_peer_is_rejected() {
    // FW04
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read")));
    let question = question("GET", "/orders/7", &[("authorization", &bearer)]);
    for (peer, expected) in [(PROXY, 200), ("::ffff:127.0.0.1", 200), ("127.0.0.2", 403), ("::1", 403)] {
        let peer: IpAddr = peer.parse().unwrap();
        assert_eq!(decide(&live, &question, peer).await.status(), expected, "{peer}");
    }
    // Nothing is read: not even the endpoint.
    let (elsewhere, ()) = Request::get("/x").body(()).unwrap().into_parts();
    assert_eq!(decide(&live, &elsewhere, "127.0.0.2".parse().unwrap()).await.status(), 403);
    assert_eq!(ask(&live, &elsewhere).await.status(), 404);
}

#[tokio::test]
async fn missing_or_repeated_gateway_header_is_error() {
    // FW04
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read")));
    let mut missing = question("GET", "/orders/7", &[("authorization", &bearer)]);
    missing.headers.remove("x-forwarded-method");
    assert_eq!(ask(&live, &missing).await.status(), 500);
    let twice = question("GET", "/orders/7", &[("authorization", &bearer), ("x-forwarded-method", "GET")]);
    assert_eq!(ask(&live, &twice).await.status(), 400);
    let twice = question("GET", "/orders/7", &[("authorization", &bearer), ("authorization", &bearer)]);
    assert_eq!(ask(&live, &twice).await.status(), 400);
}

#[tokio::test]
async fn bound_token_without_dpop_setting_is_rejected() {
    let live = service();
    let token = bound_to(&OTHER_KEY, cognito_token().scope("orders/read")).sign_with(&KEY);
    assert_eq!(status(&live, "GET", "/orders/7", &token).await, 401);
}

#[tokio::test]
async fn decision_during_change_of_issuers_is_repeated() {
    // FW10
    let live = service();
    let before = live.snapshot().await;
    let waited = live.change_issuers(|| {
        assert!(!live.is_current(&before));
        live.replace(
            Rules::compile(&config(|text| text.replace("\"orders/read\"", "\"x\"")), &live.verifier).unwrap(),
        );
        pin!(live.snapshot()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    });
    assert!(waited && !live.is_current(&before));
    assert!(live.is_current(&live.snapshot().await));
    assert_eq!(status(&live, "GET", "/orders/7", &token("orders/read")).await, 403);
    assert_eq!(status(&live, "GET", "/orders/7", &token("x")).await, 200);
}
