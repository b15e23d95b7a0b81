//! Valid and invalid client assertions (`private_key_jwt`, RFC 7523 §3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::{Algorithm, ClientConfig, Config, LocalIssuer, PoolConfig, SigningKey};
use serde_json::{Value, json};

const NOW: u64 = 1_750_000_000;
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn issuer(key: &SigningKey) -> LocalIssuer {
    let pool = PoolConfig::new("eu-west-1_Local0001")
        .resource_server("orders", ["read"])
        .client(ClientConfig::with_key("signer", key, ["orders/read"]))
        .client(ClientConfig::new("other", "other-secret", ["orders/read"]));
    let issuer = LocalIssuer::start_with(Config::empty().pool(pool)).await.unwrap();
    issuer.set_now(NOW);
    issuer
}

fn claims(issuer: &LocalIssuer) -> Value {
    json!({ "iss": "signer", "sub": "signer", "aud": issuer.issuer(), "exp": NOW + 60, "jti": "1" })
}

fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
}

async fn answer(issuer: &LocalIssuer, form: &[(&str, &str)]) -> (u16, Value) {
    let grant = [("grant_type", "client_credentials")];
    let form = [&grant[..], form].concat();
    let request = reqwest::Client::new().post(issuer.token_endpoint()).form(&form);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"].clone())
}

async fn with_assertion(issuer: &LocalIssuer, assertion: &str) -> (u16, Value) {
    answer(issuer, &[("client_assertion_type", TYPE), ("client_assertion", assertion)]).await
}

fn granted() -> (u16, Value) {
    (200, Value::Null)
}

fn rejected(error: &str) -> (u16, Value) {
    (400, json!(error))
}

#[tokio::test]
async fn assertion_of_each_algorithm_is_accepted_once() {
    for alg in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::MlDsa87] {
        let key = SigningKey::generate(alg);
        let issuer = issuer(&key).await;
        let assertion = sign(&key, &json!({ "alg": alg.to_string() }), &claims(&issuer));
        assert_eq!(with_assertion(&issuer, &assertion).await, granted(), "{alg}");
        assert_eq!(with_assertion(&issuer, &assertion).await, rejected("invalid_client"), "{alg}: again");
    }
}

#[tokio::test]
async fn only_ed25519_is_accepted_under_two_names() {
    // RFC 9864 §2.2
    for (alg, name, expected) in [
        (Algorithm::EdDSA, "Ed25519", granted()),
        (Algorithm::EdDSA, "ed25519", rejected("invalid_client")),
        (Algorithm::EdDSA, "Ed448", rejected("invalid_client")),
        (Algorithm::ES256, "Ed25519", rejected("invalid_client")),
        (Algorithm::ES256, "EdDSA", rejected("invalid_client")),
    ] {
        let key = SigningKey::generate(alg);
        let issuer = issuer(&key).await;
        let assertion = sign(&key, &json!({ "alg": name }), &claims(&issuer));
        assert_eq!(with_assertion(&issuer, &assertion).await, expected, "{alg} as {name}");
    }
}

#[tokio::test]
async fn assertion_with_one_wrong_part_is_rejected() {
    let key = SigningKey::generate(Algorithm::EdDSA).with_kid("k");
    let issuer = issuer(&key).await;
    let header = json!({ "alg": "EdDSA", "kid": "k" });
    let endpoint = issuer.token_endpoint();
    for (claim, value, expected) in [
        ("aud", json!(issuer.issuer()), granted()),
        ("aud", json!(endpoint), granted()),
        ("aud", json!("https://elsewhere.example"), rejected("invalid_client")),
        ("aud", json!([issuer.issuer()]), rejected("invalid_client")),
        ("aud", Value::Null, rejected("invalid_client")),
        ("iss", json!("other"), rejected("invalid_client")),
        ("sub", json!("other"), rejected("invalid_client")),
        ("sub", Value::Null, rejected("invalid_request")),
        ("exp", json!(NOW + 1), granted()),
        ("exp", json!(NOW), rejected("invalid_client")),
        ("exp", json!(NOW + 3_600), granted()),
        ("exp", json!(NOW + 3_601), rejected("invalid_client")),
        ("exp", json!("soon"), rejected("invalid_client")),
        ("jti", Value::Null, rejected("invalid_client")),
    ] {
        let mut claims = claims(&issuer);
        claims["jti"] = json!(format!("{claim}={value}"));
        claims[claim] = value.clone();
        assert_eq!(
            with_assertion(&issuer, &sign(&key, &header, &claims)).await,
            expected,
            "{claim}: {value}"
        );
    }
    for header in [json!({ "alg": "ES256" }), json!({}), json!({ "alg": "EdDSA", "kid": "another" })] {
        let assertion = sign(&key, &header, &claims(&issuer));
        assert_eq!(with_assertion(&issuer, &assertion).await, rejected("invalid_client"), "{header}");
    }
    let forged = sign(&SigningKey::generate(Algorithm::EdDSA), &header, &claims(&issuer));
    assert_eq!(with_assertion(&issuer, &forged).await, rejected("invalid_client"));
}

#[tokio::test]
async fn assertion_with_second_method_is_rejected() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let issuer = issuer(&key).await;
    let fresh = |id: &str| {
        let mut claims = claims(&issuer);
        claims["jti"] = json!(id);
        sign(&key, &json!({ "alg": "EdDSA" }), &claims)
    };
    let form = |assertion: &str, further: &[(&'static str, &'static str)]| {
        let form = [("client_assertion", assertion.to_owned())];
        let further = further.iter().map(|(name, value)| (*name, (*value).to_owned()));
        form.into_iter().chain(further).collect::<Vec<_>>()
    };
    for (id, further, expected) in [
        ("1", &[("client_assertion_type", TYPE)][..], granted()),
        ("2", &[("client_assertion_type", TYPE), ("client_id", "signer")], granted()),
        ("3", &[("client_assertion_type", TYPE), ("client_id", "other")], rejected("invalid_client")),
        ("4", &[("client_assertion_type", TYPE), ("client_secret", "x")], rejected("invalid_request")),
        ("5", &[("client_assertion_type", "jwt")], rejected("invalid_request")),
        ("6", &[], rejected("invalid_request")),
    ] {
        let form = form(&fresh(id), further);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(answer(&issuer, &form).await, expected, "{further:?}");
    }
    // The client has no secret, so an empty one is wrong.
    let request = reqwest::Client::new().post(issuer.token_endpoint()).basic_auth("signer", Some(""));
    let response = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(response.status(), 401);
    // A client with a secret has no key.
    let mut claims = claims(&issuer);
    (claims["iss"], claims["sub"]) = (json!("other"), json!("other"));
    let assertion = sign(&key, &json!({ "alg": "EdDSA" }), &claims);
    assert_eq!(with_assertion(&issuer, &assertion).await, rejected("invalid_client"));
}

#[tokio::test]
async fn client_with_key_adds_method_to_metadata() {
    let issuer = issuer(&SigningKey::generate(Algorithm::EdDSA)).await;
    let url = format!("{}/.well-known/openid-configuration", issuer.issuer());
    let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!(["client_secret_basic", "client_secret_post", "private_key_jwt"])
    );
}
