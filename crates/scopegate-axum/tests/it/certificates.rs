//! Certificate-bound tokens (RFC 8705) through the layers and a real router.
//! `crates/scopegate/tests/it/certificates` tests the formats of the headers, and `examples/mtls` TLS
//! in this process.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, Version, header};
use axum::routing::{get as on_get, post as on_post};
use axum::{Extension, Router};
use scopegate_axum::{
    CertificateSource, Claims, ClientCertificates, ForwardedElement, OptionalToken, PeerCertificate,
    ProtectedResource, Rejection, RequireToken, Verifier,
};
use serde_json::{Value, json};
use testkit::{Log, NOW, Token as _, certificate_thumbprint, client_token, issuer_with_keys, listen};
use tokio::io::AsyncWriteExt as _;
use tracing::level_filters::LevelFilter;

use crate::fixture::{body_text, get, send, with_token};

/// The hash does not depend on the form of a certificate.
const CERTIFICATE: &str = "a certificate";

fn hex_hash() -> String {
    // SHA-256 of the constant.
    "81acd762140fa692a142822d2fbe4dc6f54bcaa501f68ab37e5aeed0bafe4d99".to_owned()
}

fn verifier(certificates: ClientCertificates) -> Verifier {
    Verifier::builder()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([testkit::KEY.jwk()]).client(testkit::CLIENT))
        .client_certificates(certificates)
        .build()
        .unwrap()
}

fn behind_envoy() -> Verifier {
    let source = CertificateSource::ForwardedClientCert(ForwardedElement::Only);
    verifier(ClientCertificates::accept(source).trusted_proxies(["127.0.0.1"]))
}

fn router(verifier: &Verifier) -> Router {
    let who = async |claims: Claims| claims.is_sender_constrained().to_string();
    let optional = on_get(async || "ok").layer(OptionalToken::new(verifier));
    let required = on_get(who).layer(RequireToken::new(verifier));
    Router::new().route("/orders", required).route("/optional", optional)
}

fn bound() -> String {
    client_token()
        .claim("cnf", json!({ "x5t#S256": certificate_thumbprint(CERTIFICATE.as_bytes()) }))
        .compact()
}

fn from_peer(router: Router, peer: &str) -> Router {
    router.layer(Extension(ConnectInfo::<SocketAddr>(peer.parse().unwrap())))
}

fn forwarded(mut request: Request<Body>, value: &str) -> Request<Body> {
    request.headers_mut().insert("x-forwarded-client-cert", value.parse().unwrap());
    request
}

fn outcome(response: &Response<Body>) -> (u16, &'static str) {
    let reason = response.extensions().get::<Rejection>().map_or("accepted", |one| one.reason_code());
    (response.status().as_u16(), reason)
}

#[tokio::test]
async fn header_of_trusted_proxy_proves_certificate() {
    // MT01, MT06, MT09
    let verifier = behind_envoy();
    let hash = format!("Hash={}", hex_hash());
    for path in ["/orders", "/optional"] {
        let request = || with_token(get(path), &bound());
        let trusted = from_peer(router(&verifier), "127.0.0.1:5000");
        assert_eq!(outcome(&send(&trusted, forwarded(request(), &hash)).await), (200, "accepted"));
        assert_eq!(outcome(&send(&trusted, request()).await), (401, "missing_certificate"));
        let other = format!("Hash={}", "0".repeat(64));
        let response = send(&trusted, forwarded(request(), &other)).await;
        assert_eq!(outcome(&response), (401, "wrong_certificate"));
        let response = send(&trusted, forwarded(request(), "Hash=1")).await;
        assert_eq!(outcome(&response), (400, "malformed_certificate"));
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        assert!(challenge.contains(r#"error="invalid_request""#), "{challenge}");
        assert!(body_text(response).await.contains("the header with the client certificate is malformed"));
        let stranger = from_peer(router(&verifier), "127.0.0.2:5000");
        let response = send(&stranger, forwarded(request(), &hash)).await;
        assert_eq!(outcome(&response), (401, "missing_certificate"));
    }
}

#[tokio::test]
#[cfg(feature = "test-util")]
async fn nested_layers_decode_header_once() {
    // MT08: valid, malformed, and of another certificate.
    use scopegate::http::HeaderCertificate;

    let (verifier, other) = (behind_envoy(), behind_envoy());
    let router = router(&verifier).layer(OptionalToken::new(&verifier)).layer(RequireToken::new(&other));
    let router = from_peer(router, "127.0.0.1:5000");
    let decoded = async |token: &str, header: &str| {
        let before = HeaderCertificate::decoded_in_thread();
        let outcome = outcome(&send(&router, forwarded(with_token(get("/orders"), token), header)).await);
        (outcome, HeaderCertificate::decoded_in_thread() - before)
    };
    let hash = format!("Hash={}", hex_hash());
    assert_eq!(decoded(&bound(), &hash).await, ((200, "accepted"), 1));
    assert_eq!(decoded(&bound(), &format!("Hash={}", "0".repeat(64))).await, ((401, "wrong_certificate"), 1));
    assert_eq!(decoded(&bound(), "Hash=1").await, ((400, "malformed_certificate"), 1));
    let unbound = client_token().compact();
    for header in [&*hash, "Hash=1"] {
        assert_eq!(decoded(&unbound, header).await, ((200, "accepted"), 0), "{header}");
    }
}

#[tokio::test]
async fn router_without_peer_address_is_misconfigured() {
    // MT06
    let router = router(&behind_envoy());
    let hash = format!("Hash={}", hex_hash());
    let response = send(&router, forwarded(with_token(get("/orders"), &bound()), &hash)).await;
    assert_eq!(outcome(&response), (500, "peer_address_unknown"));
    assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
    let unbound = with_token(get("/orders"), &client_token().compact());
    assert_eq!(outcome(&send(&router, unbound).await), (200, "accepted"));
    let verifier = behind_envoy();
    let call = Router::new().route("/a.B/C", on_post(async || "ok").layer(RequireToken::new(&verifier)));
    let mut request = with_token(get("/a.B/C"), &bound());
    *request.method_mut() = "POST".parse().unwrap();
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().insert(header::CONTENT_TYPE, "application/grpc".parse().unwrap());
    request.headers_mut().insert(header::TE, "trailers".parse().unwrap());
    let response = send(&call, request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "13");
}

#[tokio::test(start_paused = true)]
async fn unknown_peer_is_one_error_in_10_s() {
    // MT06: each bound token causes the event, so an attacker with a token could fill the log.
    let router = router(&behind_envoy());
    let log = Log::of_thread(LevelFilter::INFO);
    let levels = async || {
        for _ in 0..3 {
            let response = send(&router, with_token(get("/orders"), &bound())).await;
            assert_eq!(outcome(&response), (500, "peer_address_unknown"));
        }
        let text = log.take();
        let count = |level: &str| text.lines().filter(|line| line.contains(level)).count();
        (count("ERROR"), count("INFO"))
    };
    assert_eq!(levels().await, (1, 2));
    tokio::time::advance(Duration::from_millis(9_999)).await;
    assert_eq!(levels().await, (0, 3));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(levels().await, (1, 2));
}

#[tokio::test]
async fn address_of_socket_is_compared() {
    // MT06: `ConnectInfo` of a real connection
    let (listener, url) = listen().await;
    let service = router(&behind_envoy()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let address = url.strip_prefix("http://").unwrap();
    let status = async |headers: String| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let token = bound();
        let request = format!(
            "GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let response = testkit::read_request(&mut stream).await;
        response.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(format!("x-forwarded-client-cert: Hash={}\r\n", hex_hash())).await, "200");
    assert_eq!(status(String::new()).await, "401");
}

#[tokio::test]
async fn certificate_of_tls_is_read_from_extensions() {
    // MT12, MT13
    let verifier = verifier(ClientCertificates::accept(CertificateSource::Tls));
    let of = |certificate: &str| router(&verifier).layer(Extension(PeerCertificate::from_der(certificate)));
    let request = || with_token(get("/orders"), &bound());
    let response = send(&of(CERTIFICATE), request()).await;
    assert_eq!(outcome(&response), (200, "accepted"));
    assert_eq!(body_text(response).await, "true");
    assert_eq!(outcome(&send(&of("another"), request()).await), (401, "wrong_certificate"));
    let hash = format!("Hash={}", hex_hash());
    let response = send(&router(&verifier), forwarded(request(), &hash)).await;
    assert_eq!(outcome(&response), (401, "missing_certificate"));
}

#[tokio::test]
async fn verifier_without_certificates_rejects_bound_tokens() {
    let verifier = Verifier::builder()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([testkit::KEY.jwk()]).client(testkit::CLIENT))
        .build()
        .unwrap();
    let router = router(&verifier).layer(Extension(PeerCertificate::from_der(CERTIFICATE)));
    let response = send(&router, with_token(get("/orders"), &bound())).await;
    assert_eq!(outcome(&response), (401, "unacceptable"));
}

#[test]
fn metadata_names_requirement_of_certificates() {
    // MT14
    let document = |certificates: ClientCertificates| -> Value {
        let api = ProtectedResource::new("https://api.example", &verifier(certificates)).unwrap();
        serde_json::from_str(&api.metadata().document()).unwrap()
    };
    let member = "tls_client_certificate_bound_access_tokens";
    assert_eq!(document(ClientCertificates::require(CertificateSource::Tls))[member], true);
    assert!(document(ClientCertificates::accept(CertificateSource::Tls)).get(member).is_none());
}
