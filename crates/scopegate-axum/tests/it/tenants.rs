//! Does each tenant of a resolver have metadata, challenges and issuers of its own?

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::get as on_get;
use scopegate_axum::{
    AcceptedIssuers, AuthorizationServers, Claims, ConfigError, Issuer, Issuers, ProtectedResource,
    Rejection, TenantResource, Verifier, request_host,
};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{CLIENT, KEY, jwks};

use crate::fixture::{body_text, header_text, send, status, with_token};

const A: &str = "https://login.tenants.example/a";
const B: &str = "https://login.tenants.example/b";
const PATH: &str = "/.well-known/oauth-protected-resource/v1";

fn issuer(name: &str) -> Issuer {
    Issuer::from_jwks(name, &jwks([KEY.jwk()])).unwrap().client(CLIENT)
}

fn token(iss: &str) -> String {
    Mint::cognito(iss, CLIENT).without_claim("token_use").scope("read").sign_with(&KEY)
}

/// Returns a verifier whose resolver knows A and B, and the number of its calls.
fn verifier() -> (Verifier, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let issuers = Issuers::resolver(move |iss| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, ConfigError>([A, B].contains(&iss).then(|| issuer(iss))))
    });
    let issuers = issuers.filter(|iss| iss.starts_with("https://login.tenants.example/"));
    let builder = Verifier::builder().trust(issuer("https://login.example")).trust_dynamic(issuers);
    (builder.start_lazy().unwrap(), calls)
}

fn resource(verifier: &Verifier, host: &str, issuer: &str) -> TenantResource {
    let servers = AuthorizationServers::of_resolver(verifier, [issuer]).unwrap();
    TenantResource::new(&format!("https://{host}/v1"), servers).unwrap()
}

async fn ok() -> &'static str {
    "ok"
}

async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
    claims.require("approve")?;
    Ok("approved")
}

/// Returns the routes of an API whose tenants have a host each.
fn router(verifier: &Verifier) -> Router {
    let resources = HashMap::from([
        ("a.example", resource(verifier, "a.example", A)),
        ("b.example", resource(verifier, "b.example", B)),
    ]);
    let api = ProtectedResource::new("https://api.example/v1", verifier).unwrap().with_name("Orders");
    let api = api.with_tenant_for(move |request| resources.get(&*request_host(request)?).cloned());
    let any_of_a = AcceptedIssuers::issuers([A]);
    Router::new()
        .route("/read", on_get(ok).layer(api.require_scope("read")))
        .route("/token", on_get(ok).layer(api.require_token()))
        .route("/optional", on_get(ok).layer(api.optional_token()))
        .route("/approve", on_get(approve).layer(api.require_scope("read")))
        .route("/other", on_get(ok).layer(api.require_token().with_issuers_for(move |_| any_of_a.clone())))
        .route_service(api.metadata_path(), api.metadata())
}

fn at(host: &str, path: &str) -> Request<Body> {
    Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap()
}

fn challenge_of(host: &str) -> String {
    format!(r#"resource_metadata="https://{host}{PATH}""#)
}

#[tokio::test]
async fn metadata_names_server_of_the_tenant() {
    // F12
    let (verifier, calls) = verifier();
    let router = router(&verifier);
    for (host, expected) in [("a.example", A), ("A.EXAMPLE:8443", A), ("b.example", B)] {
        let response = send(&router, at(host, PATH)).await;
        assert_eq!(response.status(), 200, "{host}");
        let document: Value = serde_json::from_str(&body_text(response).await).unwrap();
        let name = host.split(':').next().unwrap().to_lowercase();
        let expected = json!({
            "resource": format!("https://{name}/v1"),
            "authorization_servers": [expected],
            "scopes_supported": ["read"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Orders",
        });
        assert_eq!(document, expected, "{host}");
    }
    for host in ["c.example", "api.example", "a.example.evil.example", "a.example@b.example"] {
        let response = send(&router, at(host, PATH)).await;
        assert_eq!(response.status(), 404, "{host}");
        assert!(!body_text(response).await.contains("login."), "{host}");
    }
    let mut forwarded = at("b.example", PATH);
    forwarded.headers_mut().insert("x-forwarded-host", "a.example".parse().unwrap());
    let document = body_text(send(&router, forwarded).await).await;
    assert!(document.contains(B) && !document.contains(A), "{document}");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "metadata causes no call");
}

#[tokio::test]
async fn challenge_has_metadata_url_of_the_tenant() {
    // F11
    let (verifier, _) = verifier();
    let router = router(&verifier);
    for (host, other) in [("a.example", "b.example"), ("b.example", "a.example")] {
        let issuer = if host == "a.example" { A } else { B };
        for (request, expected) in [
            (at(host, "/read"), 401),
            (at(host, "/token"), 401),
            (with_token(at(host, "/optional"), "a.b.c"), 401),
            // The handler rejects it.
            (with_token(at(host, "/approve"), &token(issuer)), 403),
        ] {
            let path = request.uri().clone();
            let response = send(&router, request).await;
            let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
            assert_eq!(response.status(), expected, "{host} {path}");
            assert!(challenge.contains(&challenge_of(host)) && !challenge.contains(other), "{challenge}");
        }
    }
    let response = send(&router, at("c.example", "/read")).await;
    let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
    assert!(challenge.contains(&challenge_of("api.example")), "{challenge}");
}

#[tokio::test]
async fn request_accepts_issuers_of_its_tenant() {
    let (verifier, _) = verifier();
    let router = router(&verifier);
    // The second round has cached tokens.
    for _ in 0..2 {
        for path in ["/read", "/token", "/optional"] {
            for (host, iss, expected) in [
                ("a.example", A, 200),
                ("b.example", B, 200),
                ("a.example", B, 401),
                ("b.example", A, 401),
                ("c.example", A, 401),
                ("a.example", "https://login.example", 401),
            ] {
                let request = with_token(at(host, path), &token(iss));
                assert_eq!(status(&router, request).await, expected, "{host} {iss} {path}");
            }
        }
    }
    // The layer's own function replaces the issuers.
    for (host, iss, expected) in [("b.example", A, 200), ("b.example", B, 401)] {
        assert_eq!(status(&router, with_token(at(host, "/other"), &token(iss))).await, expected, "{iss}");
    }
}

#[tokio::test]
async fn server_must_be_possible_for_the_resolver() {
    // F12
    let (verifier, calls) = verifier();
    for name in [A, "https://login.tenants.example/new", "https://login.example"] {
        let servers = AuthorizationServers::of_resolver(&verifier, [name]).unwrap();
        assert_eq!(servers.issuers().collect::<Vec<_>>(), [name]);
        assert_eq!(AuthorizationServers::new(&verifier, [name]).is_ok(), name == "https://login.example");
    }
    for name in ["https://evil.example/a", "https://login.tenants.example", "https://login.example/", ""] {
        let error = AuthorizationServers::of_resolver(&verifier, [name]).unwrap_err();
        assert!(matches!(error, ConfigError::UntrustedIssuer { .. }), "{name}: {error}");
    }
    let query = AuthorizationServers::of_resolver(&verifier, ["https://login.tenants.example/?a"]);
    assert!(matches!(query, Err(ConfigError::InvalidUrl { .. })), "{query:?}");
    let twice = AuthorizationServers::of_resolver(&verifier, [A, A]);
    assert!(matches!(twice, Err(ConfigError::RepeatedIssuer { .. })), "{twice:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    // Without a resolver, only trusted issuers are possible.
    let fixed = Verifier::builder().trust(issuer(A)).build().unwrap();
    assert!(AuthorizationServers::of_resolver(&fixed, [A]).is_ok());
    assert!(AuthorizationServers::of_resolver(&fixed, [B]).is_err());
    let servers = AuthorizationServers::of_resolver(&fixed, [A]).unwrap();
    assert!(matches!(TenantResource::new("a.example", servers), Err(ConfigError::InvalidUrl { .. })));
}

#[tokio::test]
async fn servers_of_another_verifier_are_no_tenant() {
    let ((ours, _), (other, _)) = (verifier(), verifier());
    for (of, expected) in [(&ours, 200), (&other, 404)] {
        let resource = resource(of, "a.example", A);
        let api = ProtectedResource::new("https://api.example/v1", &ours).unwrap();
        let api = api.with_tenant_for(move |_| Some(resource.clone()));
        let router = Router::new()
            .route("/token", on_get(ok).layer(api.require_token()))
            .route_service(api.metadata_path(), api.metadata());
        assert_eq!(status(&router, at("a.example", PATH)).await, expected);
        let accepted = status(&router, with_token(at("a.example", "/token"), &token(A))).await;
        assert_eq!(accepted.is_success(), expected == 200);
    }
}
