//! The methods of client authentication, by the bytes of the request, and against the local issuer,
//! which is an independent implementation of the RFCs.

mod assertion_source;
mod certificate;

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use scopegate_client::{
    ClientAuthError, ClientAuthentication, ClientCredentials, ConfigError, Error, PrivateKey,
    SigningAlgorithm,
};
use scopegate_issuer::{Algorithm, ClientConfig, Config, LocalIssuer, PoolConfig, SigningKey};
use serde_json::{Value, json};
use testkit::ISSUER;

use crate::recorder::{Received, Recorder, token};

const NOW: u64 = 1_750_000_000;

/// Returns the only request of this client.
async fn sent(client: ClientAuthentication) -> Received {
    let server = Recorder::start(token("t", "")).await;
    let credentials = ClientCredentials::builder(client).token_endpoint(server.endpoint()).issuer(ISSUER);
    let credentials = credentials.clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
    credentials.build().unwrap().token().await.unwrap();
    server.requests()[0].clone()
}

/// Returns the header and the claims of an assertion, and whether the signature is valid.
fn read(assertion: &str, key: &SigningKey) -> (Value, Value, bool) {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    // Ed25519 signatures are deterministic, so they can be compared.
    let good = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())) == signature;
    (decode(header), decode(claims), good)
}

fn ed25519() -> (SigningKey, PrivateKey) {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let private = PrivateKey::from_pem(&key.private_key_pem()).unwrap();
    (key, private)
}

#[tokio::test]
async fn basic_sends_header_and_nothing_in_body() {
    // E04, E05
    let request = sent(ClientAuthentication::client_secret_basic("a:b", "%+ é/=")).await;
    let encoded = request.header("authorization").unwrap().strip_prefix("Basic ").unwrap();
    assert_eq!(STANDARD.decode(encoded).unwrap(), b"a%3Ab:%25%2B+%C3%A9%2F%3D");
    assert_eq!(request.body, "grant_type=client_credentials");
}

#[tokio::test]
async fn raw_basic_sends_id_and_secret_unencoded() {
    // FR-D7
    let request = sent(ClientAuthentication::client_secret_basic_raw("a/b", "%+ é/=:")).await;
    let encoded = request.header("authorization").unwrap().strip_prefix("Basic ").unwrap();
    assert_eq!(STANDARD.decode(encoded).unwrap(), "a/b:%+ é/=:".as_bytes());
    assert_eq!(request.body, "grant_type=client_credentials");
    let colon = ClientAuthentication::client_secret_basic_raw("a:b", "s");
    let built = ClientCredentials::builder(colon).issuer(ISSUER).build();
    assert!(matches!(built, Err(ConfigError::ClientAuthentication(ClientAuthError::InvalidClientId { .. }))));
}

#[tokio::test]
async fn post_sends_secret_in_body_without_header() {
    // E04, E06
    let request = sent(ClientAuthentication::client_secret_post("a:b", "%+ é/=")).await;
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.parameter("client_id").unwrap(), "a:b");
    assert_eq!(request.parameter("client_secret").unwrap(), "%+ é/=");
}

#[tokio::test]
async fn assertion_is_signed_for_issuer_and_one_minute() {
    // E04, E20, E21, E22, E23
    let (key, private) = ed25519();
    let request = sent(ClientAuthentication::private_key_jwt("report", private.with_key_id("k1"))).await;
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.parameter("client_secret"), None);
    assert_eq!(request.parameter("client_id").unwrap(), "report");
    assert_eq!(
        request.parameter("client_assertion_type").unwrap(),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let (header, mut claims, good) = read(&request.parameter("client_assertion").unwrap(), &key);
    assert!(good);
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k1" }));
    let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert!(id.as_str().unwrap().len() >= 22);
    assert_eq!(
        claims,
        json!({ "iss": "report", "sub": "report", "aud": ISSUER, "iat": NOW, "exp": NOW + 60 })
    );
}

#[tokio::test]
async fn token_endpoint_is_audience_only_if_configured() {
    // E22
    let (key, private) = ed25519();
    let client = ClientAuthentication::private_key_jwt("report", private);
    let server = Recorder::start(token("t", "")).await;
    let without_issuer = ClientCredentials::builder(client.clone()).token_endpoint(server.endpoint());
    assert!(matches!(without_issuer.build(), Err(ConfigError::NoAssertionAudience)));
    let opted_in = ClientCredentials::builder(client).token_endpoint(server.endpoint()).issuer(ISSUER);
    let opted_in = opted_in.token_endpoint_as_assertion_audience().build().unwrap();
    opted_in.token().await.unwrap();
    let assertion = server.requests()[0].parameter("client_assertion").unwrap();
    assert_eq!(read(&assertion, &key).1["aud"], server.endpoint());
}

#[tokio::test]
async fn audience_keeps_its_spelling() {
    // E22: it is compared character by character (RFC 7523 §3)
    let (key, private) = ed25519();
    let client = ClientAuthentication::private_key_jwt("report", private);
    let server = Recorder::start(token("t", "")).await;
    let written = format!("{}/x/../token", server.url);
    let credentials =
        ClientCredentials::builder(client).token_endpoint(&written).token_endpoint_as_assertion_audience();
    credentials.build().unwrap().token().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.uri.path(), "/token");
    assert_eq!(read(&request.parameter("client_assertion").unwrap(), &key).1["aud"], written);
}

#[tokio::test]
async fn assertions_have_unique_ids() {
    // E23
    let (_, private) = ed25519();
    let client = ClientAuthentication::private_key_jwt("report", private);
    let server = Recorder::start(token("t", "")).await;
    let credentials =
        ClientCredentials::builder(client).token_endpoint(server.endpoint()).issuer(ISSUER).build().unwrap();
    for n in 0..1_000 {
        credentials.for_scopes([format!("scope{n}")]).unwrap().token().await.unwrap();
    }
    let ids: HashSet<_> = server
        .requests()
        .iter()
        .map(|request| {
            let assertion = request.parameter("client_assertion").unwrap();
            let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
            serde_json::from_slice::<Value>(&claims).unwrap()["jti"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1_000);
}

#[tokio::test]
async fn local_issuer_accepts_each_method_and_key_type() {
    // E04, E05, E20, E21, E24
    // FR-D6: PS256
    let keys = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
    let keys = keys.map(SigningKey::generate);
    let pool = PoolConfig::new("eu-west-1_Local0001").resource_server("orders", ["read"]);
    let pool = pool.client(ClientConfig::new("a:b", "%+ é/=", ["orders/read"]));
    let pool = keys.iter().fold(pool, |pool, key| {
        pool.client(ClientConfig::with_key(key.alg().to_string(), key, ["orders/read"]))
    });
    let issuer = LocalIssuer::start_with(Config::empty().pool(pool)).await.unwrap();
    let token = async |client| {
        let credentials = ClientCredentials::builder(client).issuer(issuer.issuer()).build().unwrap();
        credentials.token().await.map(|token| token.scopes().to_string())
    };
    let private = |key: &SigningKey| {
        let private = PrivateKey::from_pem(&key.private_key_pem()).unwrap();
        if key.alg() == Algorithm::PS256 { private.with_algorithm(SigningAlgorithm::Ps256) } else { private }
    };
    let mut good = vec![
        ClientAuthentication::client_secret_basic("a:b", "%+ é/="),
        ClientAuthentication::client_secret_post("a:b", "%+ é/="),
    ];
    let mut bad = vec![
        ClientAuthentication::client_secret_basic("a:b", "%+ é/"),
        ClientAuthentication::client_secret_post("a:b", "%+ é/"),
        ClientAuthentication::client_secret_post("nobody", "%+ é/="),
    ];
    for key in &keys {
        let id = key.alg().to_string();
        good.push(ClientAuthentication::private_key_jwt(&id, private(key).with_key_id(key.kid())));
        good.push(ClientAuthentication::private_key_jwt(&id, private(key)));
        bad.push(ClientAuthentication::private_key_jwt(&id, private(&SigningKey::generate(key.alg()))));
        if key.alg() == Algorithm::PS256 {
            let as_rs256 = private(key).with_algorithm(SigningAlgorithm::Rs256);
            bad.push(ClientAuthentication::private_key_jwt(&id, as_rs256));
        }
    }
    for client in good {
        assert_eq!(token(client.clone()).await.unwrap(), "orders/read", "{client:?}");
    }
    for client in bad {
        let rejected = token(client.clone()).await;
        assert!(matches!(rejected, Err(Error::Rejected { .. })), "{client:?}: {rejected:?}");
    }
}
