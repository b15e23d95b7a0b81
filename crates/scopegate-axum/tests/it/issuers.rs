//! The issuers that a route or a host accepts: a token of tenant A is rejected at tenant B's host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, header};
use axum::routing::get as on_get;
use scopegate_axum::{
    AcceptedIssuers, AuthorizationServers, Claims, Issuer, OptionalToken, ProtectedResource, Rejection,
    RequireScope, RequireToken, Verifier, request_host,
};
use scopegate_issuer::{LocalIssuer, Mint};
use testkit::{CLIENT, KEY, Log, jwks};
use tracing::level_filters::LevelFilter;

use crate::fixture::{get, header_text, send, status, with_token};

const A: &str = "https://login.a.example";
const B: &str = "https://login.b.example";

async fn ok() -> &'static str {
    "ok"
}

fn issuer(name: &str) -> Issuer {
    Issuer::from_jwks(name, &jwks([KEY.jwk()])).unwrap().client(CLIENT)
}

fn verifier() -> Verifier {
    Verifier::builder().trust(issuer(A)).trust(issuer(B)).build().unwrap()
}

fn token_with(iss: &str, scope: &str) -> String {
    Mint::cognito(iss, CLIENT).without_claim("token_use").scope(scope).sign_with(&KEY)
}

fn token(iss: &str) -> String {
    token_with(iss, "read")
}

/// Each tenant has a host.
fn by_host(request: &Parts) -> AcceptedIssuers {
    match request_host(request).as_deref() {
        Some("a.example") => AcceptedIssuers::issuers([A]),
        Some("b.example") => AcceptedIssuers::issuers([B]),
        _ => AcceptedIssuers::none(),
    }
}

fn at(host: &str) -> Request<Body> {
    Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn token_of_a_is_rejected_at_host_of_b() {
    let verifier = verifier();
    let layer = RequireScope::new(&verifier, "read").with_issuers_for(by_host);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    let (of_a, of_b) = (token(A), token(B));
    // The second round has cached tokens.
    for _ in 0..2 {
        for (host, token, expected) in [
            ("a.example", &of_a, 200),
            ("A.example:8443", &of_a, 200),
            ("b.example", &of_b, 200),
            ("b.example", &of_a, 401),
            ("a.example", &of_b, 401),
            ("c.example", &of_a, 401),
            ("a.example.b.example", &of_a, 401),
        ] {
            assert_eq!(status(&router, with_token(at(host), token)).await, expected, "{host}");
        }
        // No host.
        assert_eq!(status(&router, with_token(get("/"), &of_a)).await, 401);
    }
    assert_eq!(verifier.status().cached_tokens(), 2);
}

#[tokio::test]
async fn forwarded_host_selects_nothing() {
    let layer = RequireToken::new(&verifier()).with_issuers_for(by_host);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    for (name, value) in [("x-forwarded-host", "a.example"), ("forwarded", "host=a.example")] {
        let mut request = at("b.example");
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(status(&router, with_token(request, &token(A))).await, 401, "{name}");
    }
    let mut two = at("b.example");
    two.headers_mut().append(header::HOST, "a.example".parse().unwrap());
    assert_eq!(status(&router, with_token(two, &token(A))).await, 401);
    // HTTP/2 and absolute targets have the host in the URI.
    for (host, expected) in [("a.example", 200), ("b.example", 401)] {
        let request = Request::get(format!("http://{host}/")).body(Body::empty()).unwrap();
        assert_eq!(status(&router, with_token(request, &token(A))).await, expected);
        let mut differs = Request::get("http://a.example/").body(Body::empty()).unwrap();
        differs.headers_mut().insert(header::HOST, host.parse().unwrap());
        assert_eq!(status(&router, with_token(differs, &token(A))).await, expected);
    }
}

#[tokio::test]
async fn rejection_is_401_with_its_own_reason() {
    let log = Log::of_thread(LevelFilter::INFO);
    let decisions = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&decisions);
    let verifier = Verifier::builder()
        .trust(issuer(A))
        .trust(issuer(B))
        .observe(move |decision| {
            let issuer = decision.claims().map(|claims| claims.issuer().to_owned());
            seen.lock().unwrap().push((decision.reason(), decision.status(), issuer));
        })
        .build()
        .unwrap();
    let layer = RequireScope::new(&verifier, "read").with_issuers_for(by_host);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    // The issuer is checked before the scopes.
    for scope in ["read", "write"] {
        let response = send(&router, with_token(at("b.example"), &token_with(A, scope))).await;
        assert_eq!(response.status(), 401);
        let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.reason_code(), "wrong_issuer");
        assert_eq!(rejection.claims().map(scopegate::Claims::issuer), Some(A));
    }
    let expected = ("wrong_issuer", Some(401), Some(A.to_owned()));
    assert_eq!(*decisions.lock().unwrap(), [expected.clone(), expected]);
    let text = log.take();
    assert!(text.contains("wrong_issuer") && text.contains(r#"host="b.example""#), "{text}");
    assert!(
        text.contains(&format!("expected a token of the issuer {B} for this request, found {A}")),
        "{text}"
    );
}

#[tokio::test]
async fn host_in_log_is_bounded_and_escaped() {
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let layer = RequireScope::new(&verifier(), "read").with_issuers_for(by_host);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    let with_host = |host: &[u8]| {
        let host = HeaderValue::from_bytes(host).unwrap();
        Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap()
    };
    let logged = async |request: Request<Body>, token: &str| {
        assert_eq!(status(&router, with_token(request, token)).await, 401);
        log.take()
    };
    let unknown = logged(with_host(b"c.example:80"), &token(A)).await;
    assert!(unknown.contains(r#"host="c.example:80""#), "{unknown}");
    assert!(unknown.contains(&format!("this request accepts no issuer, found a token of {A}")), "{unknown}");
    let cut = logged(with_host(&[b'x'; 4_000]), &token(A)).await;
    assert!(cut.contains(&format!("host=\"{}\"…", "x".repeat(256))) && cut.len() < 1_500, "{cut}");
    let quoted = logged(with_host(b"a\" reason=\"accepted\t"), &token(A)).await;
    assert!(quoted.contains(r#"host="a\" reason=\"accepted\t""#), "{quoted}");
    let password = logged(with_host(b"user:s3cret@b.example"), &token(A)).await;
    assert!(password.contains(r#"host="b.example""#) && !password.contains("s3cret"), "{password}");
    let target = Request::get("http://user:s3cret@b.example/").body(Body::empty()).unwrap();
    let target = logged(target, &token(A)).await;
    assert!(target.contains(r#"host="b.example""#) && !target.contains("s3cret"), "{target}");
    let bytes = logged(with_host(b"\xff"), &token(A)).await;
    assert!(!bytes.contains("host="), "{bytes}");
    // Other rejections do not depend on the host.
    let expired = logged(with_host(b"b.example"), "a.b.c").await;
    assert!(!expired.contains("host="), "{expired}");
}

#[tokio::test]
async fn fixed_issuers_and_selected_issuers_both_apply() {
    let verifier = verifier();
    let only_b = RequireToken::new(&verifier).with_issuers(AcceptedIssuers::issuers([B]));
    let both = only_b.clone().with_issuers_for(by_host);
    let router = Router::new()
        .route("/", on_get(ok).layer(both))
        .route("/partner", on_get(ok).layer(only_b))
        .route("/none", on_get(ok).layer(RequireToken::new(&verifier).with_issuers(AcceptedIssuers::none())));
    assert_eq!(status(&router, with_token(get("/partner"), &token(B))).await, 200);
    assert_eq!(status(&router, with_token(get("/partner"), &token(A))).await, 401);
    assert_eq!(status(&router, with_token(get("/none"), &token(A))).await, 401);
    assert_eq!(status(&router, with_token(at("b.example"), &token(B))).await, 200);
    assert_eq!(status(&router, with_token(at("a.example"), &token(A))).await, 401);
    assert_eq!(status(&router, with_token(at("a.example"), &token(B))).await, 401);
}

#[tokio::test]
async fn request_without_token_is_anonymous_at_any_host() {
    let layer = OptionalToken::new(&verifier()).with_issuers_for(by_host);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    assert_eq!(status(&router, at("c.example")).await, 200);
    assert_eq!(status(&router, with_token(at("a.example"), &token(A))).await, 200);
    assert_eq!(status(&router, with_token(at("c.example"), &token(A))).await, 401);
}

#[tokio::test]
async fn issuer_is_checked_after_waiting_for_key() {
    let (a, b) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let trusted = |local: &LocalIssuer| Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(trusted(&a)).trust(trusted(&b)).start().await.unwrap();
    let accepted = AcceptedIssuers::issuers([b.issuer()]);
    let layer = RequireToken::new(&verifier).with_issuers_for(move |_| accepted.clone());
    let router = Router::new().route("/", on_get(ok).layer(layer));
    a.rotate();
    b.rotate();
    assert_eq!(status(&router, with_token(get("/"), &a.mint().sign())).await, 401);
    assert_eq!(status(&router, with_token(get("/"), &b.mint().sign())).await, 200);
    assert_eq!((a.jwks_fetches(), b.jwks_fetches()), (2, 2));
}

#[tokio::test]
async fn grpc_call_at_wrong_host_is_unauthenticated() {
    let layer = RequireToken::new(&verifier()).with_issuers_for(by_host);
    let router = Router::new().route("/", axum::routing::post(ok).layer(layer));
    for (host, code) in [("b.example", None), ("a.example", Some("16"))] {
        let request =
            Request::post(format!("http://{host}/")).header(header::CONTENT_TYPE, "application/grpc");
        let request = request.header(header::TE, "trailers").version(http::Version::HTTP_2);
        let response = send(&router, with_token(request.body(Body::empty()).unwrap(), &token(B))).await;
        let found = response.headers().get("grpc-status").map(|code| code.to_str().unwrap());
        assert_eq!((found, response.status().as_u16()), (code, 200), "{host}");
    }
}

#[tokio::test]
async fn handler_rejects_token_of_other_tenant() {
    let tenants = HashMap::from([("a", A), ("b", B)]);
    let handler = async move |axum::extract::Path(tenant): axum::extract::Path<String>, claims: Claims| {
        let issuers = AcceptedIssuers::issuers(tenants.get(&*tenant).copied());
        claims.require_issuer(&issuers)?;
        Ok::<_, Rejection>("ok")
    };
    let layer = RequireToken::new(&verifier());
    let router = Router::new().route("/{tenant}", on_get(handler).layer(layer));
    for (path, expected) in [("/a", 200), ("/b", 401), ("/c", 401)] {
        let response = send(&router, with_token(get(path), &token(A))).await;
        assert_eq!(response.status(), expected, "{path}");
        if expected == 401 {
            let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
            assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
            let rejection = response.extensions().get::<Rejection>().unwrap();
            assert_eq!((rejection.reason_code(), rejection.claims().is_some()), ("wrong_issuer", true));
        }
    }
}

#[tokio::test]
async fn api_accepts_the_issuers_that_it_lists() {
    let verifier = verifier();
    let servers = AuthorizationServers::new(&verifier, [B]).unwrap();
    let issuers = AcceptedIssuers::from(&servers);
    let api = ProtectedResource::new("https://b.example", &verifier).unwrap();
    let api = api.with_authorization_servers(servers);
    let layer = api.require_scope("read").with_issuers(issuers);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    assert!(api.metadata().document().contains(&format!(r#""authorization_servers":["{B}"]"#)));
    assert_eq!(status(&router, with_token(get("/"), &token(B))).await, 200);
    let response = send(&router, with_token(get("/"), &token(A))).await;
    let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
    assert_eq!(response.status(), 401);
    assert!(challenge.contains("resource_metadata"), "{challenge}");
}
