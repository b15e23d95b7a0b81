//! Minted tokens: the members of each provider, and tokens with exactly one defect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::{Algorithm, LocalIssuer, Mint, SigningKey};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;

fn parts(token: &str) -> Vec<&str> {
    token.split('.').collect()
}

fn text(part: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_str(&text(parts(token)[0])).unwrap()
}

fn claims(token: &str) -> Value {
    serde_json::from_str(&text(parts(token)[1])).unwrap()
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA).with_kid("k")
}

fn mint() -> Mint {
    Mint::cognito("https://issuer.example", "my-client")
}

/// Returns the names of the claims that differ.
fn changed(bent: &Mint, good: &Mint) -> Vec<String> {
    let (bent, good) = (bent.claims(), good.claims());
    let names = bent.keys().chain(good.keys().filter(|name| !bent.contains_key(*name)));
    names.filter(|name| bent.get(*name) != good.get(*name)).cloned().collect()
}

#[tokio::test]
async fn minted_token_has_exactly_the_members_of_cognitos() {
    // C37
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_now(NOW);
    let token = issuer.mint().sign();
    assert_eq!(header(&token), json!({ "alg": "RS256", "kid": issuer.default_pool().signing_key().kid() }));
    let mut claims = claims(&token);
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    let groups: Vec<_> = jti.as_str().unwrap().split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{jti}");
    assert_eq!(
        claims,
        json!({
            "sub": "local-reader",
            "token_use": "access",
            "scope": "https://my-api-server.org/api.read",
            "auth_time": NOW,
            "iss": issuer.issuer(),
            "exp": NOW + 3600,
            "iat": NOW,
            "version": 2,
            "client_id": "local-reader",
        })
    );
}

#[test]
fn token_minted_without_server_has_same_members() {
    // C37
    let token = mint().sign_with(&key());
    assert_eq!(header(&token), json!({ "alg": "EdDSA", "kid": "k" }));
    let expected =
        ["auth_time", "client_id", "exp", "iat", "iss", "jti", "scope", "sub", "token_use", "version"];
    assert_eq!(members(&claims(&token)), expected);
}

#[test]
fn each_minted_token_has_its_own_id() {
    assert_ne!(mint().claims()["jti"], mint().claims()["jti"]);
}

#[test]
fn mint_method_changes_only_its_own_claims() {
    let good = mint().issued_at(NOW).expires_at(NOW + 3600);
    let cases = [
        (good.clone(), &[][..]),
        (good.clone().client("other"), &["client_id", "sub"]),
        (good.clone().scope("a b"), &["scope"]),
        (good.clone().claim("aud", json!(["x"])), &["aud"]),
        (good.clone().without_claim("exp"), &["exp"]),
        (good.clone().issued_at(NOW + 1), &["auth_time", "iat"]),
        (good.clone().expires_at(NOW), &["exp"]),
        (good.clone().lifetime(60), &["exp"]),
        (good.clone().expired(), &["auth_time", "exp", "iat"]),
        (good.clone().alg("HS256").header("typ", "JWT").tampered().unsigned(), &[]),
    ];
    for (bent, expected) in cases {
        assert_eq!(changed(&bent, &good), expected);
    }
}

#[tokio::test]
async fn minted_times_count_from_the_fixed_clock() {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_now(NOW);
    let expired = issuer.mint().expired().claims();
    assert_eq!((&expired["iat"], &expired["exp"]), (&json!(NOW - 7200), &json!(NOW - 3600)));
    let short = issuer.mint().issued_at(NOW - 10).lifetime(60).claims();
    assert_eq!(short["exp"], json!(NOW + 50));
    issuer.use_system_clock();
    assert!(issuer.mint().claims()["iat"].as_u64().unwrap() > NOW);
}

#[test]
fn header_members_can_be_set_removed_and_falsified() {
    let key = key();
    let token = mint().header("typ", "at+jwt").header("crit", json!(["b64"])).sign_with(&key);
    assert_eq!(header(&token), json!({ "alg": "EdDSA", "crit": ["b64"], "kid": "k", "typ": "at+jwt" }));
    assert_eq!(header(&mint().without_header("kid").sign_with(&key)), json!({ "alg": "EdDSA" }));
    assert_eq!(header(&mint().alg("HS256").sign_with(&key))["alg"], "HS256");
    assert_eq!(header(&mint().alg(Algorithm::RS512).sign_with(&key))["alg"], "RS512");
}

#[test]
fn raw_header_and_payload_are_encoded_verbatim() {
    let header = r#"{"alg":"EdDSA","alg":"none"}"#;
    let payload = r#"{"iss": "a", "iss": "b"}"#;
    let token = mint().raw_header(header).raw_payload(payload).sign_with(&key());
    assert_eq!((text(parts(&token)[0]).as_str(), text(parts(&token)[1]).as_str()), (header, payload));
}

#[test]
fn tampered_payload_differs_only_in_its_jti() {
    let good = mint();
    let tampered = claims(&good.clone().tampered().sign_with(&key()));
    let mut restored = tampered.clone();
    restored["jti"] = good.claims()["jti"].clone();
    assert_ne!(tampered["jti"], restored["jti"]);
    assert_eq!(restored, Value::Object(good.claims()));
}

#[test]
fn unsigned_token_has_alg_none_and_empty_signature() {
    let token = mint().unsigned().sign_with(&key());
    assert_eq!(header(&token), json!({ "alg": "none", "kid": "k" }));
    assert!(token.ends_with('.') && parts(&token).len() == 3);
}

#[test]
fn forged_token_has_key_id_of_real_key() {
    let key = key();
    let token = mint().signed_by_unknown_key().sign_with(&key);
    assert_eq!(header(&token)["kid"], "k");
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    assert_ne!(URL_SAFE_NO_PAD.encode(key.sign(signing_input.as_bytes())), signature);
}

type Names = &'static [&'static str];

/// Returns a token of each provider: all its claims as documented, and the claims of client, scopes
/// and times.
fn shapes() -> Vec<(Mint, Names, Names, &'static str, Names)> {
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    vec![
        (
            Mint::auth0("example.eu.auth0.com", "c"),
            &["aud", "azp", "exp", "gty", "iat", "iss", "scope", "sub"],
            &["azp", "sub"],
            "scope",
            &["iat"],
        ),
        (
            Mint::okta("https://example.okta.com/oauth2/default", "c"),
            &["aud", "cid", "exp", "iat", "iss", "jti", "scp", "sub", "ver"],
            &["cid", "sub"],
            "scp",
            &["iat"],
        ),
        (
            Mint::entra(tenant, "c"),
            &["aud", "azp", "azpacr", "exp", "iat", "iss", "nbf", "oid", "roles", "sub", "tid", "uti", "ver"],
            &["azp", "oid", "sub"],
            "roles",
            &["iat", "nbf"],
        ),
        (
            Mint::entra_v1(tenant, "c"),
            &[
                "appid", "appidacr", "aud", "exp", "iat", "idp", "iss", "nbf", "oid", "roles", "sub", "tid",
                "uti", "ver",
            ],
            &["appid", "oid", "sub"],
            "roles",
            &["iat", "nbf"],
        ),
        (
            Mint::keycloak("https://sso.example/realms/acme", "c"),
            &[
                "acr",
                "aud",
                "azp",
                "clientAddress",
                "clientHost",
                "client_id",
                "email_verified",
                "exp",
                "iat",
                "iss",
                "jti",
                "preferred_username",
                "realm_access",
                "resource_access",
                "scope",
                "sub",
                "typ",
            ],
            &["azp", "client_id", "preferred_username", "sub"],
            "scope",
            &["iat"],
        ),
        (
            Mint::hydra("https://hydra.example/", "c"),
            &["aud", "client_id", "exp", "ext", "iat", "iss", "jti", "nbf", "scp", "sub"],
            &["client_id", "sub"],
            "scp",
            &["iat", "nbf"],
        ),
        (
            Mint::rfc9068("https://issuer.example", "c"),
            &["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"],
            &["client_id", "sub"],
            "scope",
            &["iat"],
        ),
    ]
}

#[test]
fn token_of_each_provider_has_its_members() {
    // FR-E2
    for (mint, expected, client, scope, times) in shapes() {
        let claims = claims(&mint.sign_with(&key()));
        assert_eq!(members(&claims), expected);
        assert_eq!(changed(&mint.clone().client("other"), &mint), client, "{claims}");
        assert_eq!(changed(&mint.clone().scope("a b"), &mint), [scope], "{claims}");
        assert_eq!(changed(&mint.clone().audience("other"), &mint), ["aud"], "{claims}");
        assert_eq!(changed(&mint.clone().issued_at(NOW), &mint), times, "{claims}");
        // An account always belongs to the same client.
        assert_eq!(changed(&mint.clone().client("other").client("c"), &mint), [""; 0], "{claims}");
    }
}

#[test]
fn provider_decides_type_array_and_issuer() {
    // FR-E2
    let auth0 = Mint::auth0("example.eu.auth0.com", "c").scope("a b").audience("api");
    assert_eq!(header(&auth0.sign_with(&key())), json!({ "alg": "EdDSA", "kid": "k", "typ": "JWT" }));
    assert_eq!(
        [&auth0.claims()["iss"], &auth0.claims()["sub"], &auth0.claims()["scope"], &auth0.claims()["aud"]],
        ["https://example.eu.auth0.com/", "c@clients", "a b", "api"]
    );
    let okta = Mint::okta("https://example.okta.com/oauth2/default", "c").scope("a b");
    assert_eq!(header(&okta.sign_with(&key())), json!({ "alg": "EdDSA", "kid": "k" }));
    assert_eq!(okta.claims()["scp"], json!(["a", "b"]));
    let entra = Mint::entra("72f988bf-86f1-41af-91ab-2d7cd011db47", "c").scope("");
    assert_eq!(entra.claims()["roles"], json!([]));
    assert_eq!(entra.claims()["tid"], "72f988bf-86f1-41af-91ab-2d7cd011db47");
    assert_eq!(entra.claims()["oid"], entra.claims()["sub"]);
    assert_ne!(entra.clone().client("other").claims()["oid"], entra.claims()["oid"]);
    let hydra = Mint::hydra("https://hydra.example/", "c").audience("api");
    assert_eq!(hydra.claims()["aud"], json!(["api"]));
    let rfc9068 = Mint::rfc9068("https://issuer.example", "c").sign_with(&key());
    assert_eq!(header(&rfc9068)["typ"], "at+jwt");
    let cognito = mint().audience("api");
    assert_eq!(cognito.claims()["aud"], "api");
}

#[test]
#[should_panic(expected = "use sign_with(&key)")]
fn mint_without_key_panics_naming_sign_with() {
    let _ = mint().sign();
}
