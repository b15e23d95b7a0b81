//! Signed responses of an introspection endpoint (RFC 9701).

use std::time::Duration;

use scopegate::{
    ClientAuthentication, ConfigError, Error, FetchAuthorization, Introspection, Issuer, Verifier,
};
use scopegate_issuer::{Algorithm, LocalIssuer, Mint, SigningKey};
use serde_json::{Value, json};
use testkit::LOCAL_CLIENT;

/// The secret of the local client.
const LOCAL_SECRET: &str = "local-reader-secret";

fn introspection(local: &LocalIssuer) -> Introspection {
    let client = ClientAuthentication::client_secret_basic(LOCAL_CLIENT, LOCAL_SECRET);
    Introspection::by_client(&local.introspection_endpoint(), client).unwrap()
}

fn signed(local: &LocalIssuer) -> Introspection {
    introspection(local).signed_responses()
}

fn opaque(local: &LocalIssuer, introspection: Introspection) -> Issuer {
    Issuer::opaque(local.issuer(), introspection).unwrap().client(LOCAL_CLIENT)
}

async fn verifier(issuer: Issuer) -> Verifier {
    Verifier::builder().trust(issuer).start().await.unwrap()
}

/// Returns the status for a new token, if signed responses have this defect.
async fn status_with(change: impl Fn(Mint) -> Mint + Send + Sync + 'static) -> u16 {
    let local = LocalIssuer::start().await.unwrap();
    local.set_signed_introspection(change);
    let verifier = verifier(opaque(&local, signed(&local))).await;
    match verifier.verify_or_refresh(local.opaque_token(&local.mint())).await {
        Ok(_) => 200,
        Err(error) => error.kind().status(),
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn signed_response_decides_about_a_token() {
    // JR01, JR05: only the claims in `token_introspection` count.
    let local = LocalIssuer::start().await.unwrap();
    local.set_signed_introspection(|mint| {
        mint.claim("scope", "top").claim("sub", "top").claim("active", true)
    });
    let verifier = verifier(opaque(&local, signed(&local))).await;
    let token = local.opaque_token(&local.mint().scope("orders/read"));
    let claims = verifier.verify_or_refresh(&token).await.unwrap();
    assert_eq!(claims.client_id(), Some(LOCAL_CLIENT));
    assert!(claims.has_scope("orders/read") && !claims.has_scope("top"));
    assert_ne!(claims.subject(), Some("top"));
    assert!(claims.claim::<bool>("token_introspection").unwrap().is_none());
    assert!(verifier.verify(&token).is_ok(), "it is cached");
    let unknown = verifier.verify_or_refresh("unknown").await;
    assert!(matches!(unknown, Err(Error::Inactive { .. })), "a top-level `active` is ignored");
}

#[tokio::test]
async fn type_is_that_of_an_introspection_response() {
    // JR02
    assert_eq!(status_with(|mint| mint).await, 200);
    assert_eq!(status_with(|mint| mint.header("typ", "application/token-introspection+jwt")).await, 200);
    for typ in ["JWT", "at+jwt", "statuslist+jwt"] {
        assert_eq!(status_with(move |mint| mint.header("typ", typ)).await, 503, "{typ}");
    }
    assert_eq!(status_with(|mint| mint.without_header("typ")).await, 503);
}

#[tokio::test]
async fn issuer_audience_and_time_are_checked() {
    // JR03
    assert_eq!(status_with(|mint| mint.claim("aud", json!(["other", LOCAL_CLIENT]))).await, 200);
    assert_eq!(status_with(|mint| mint.claim("aud", "other-api")).await, 503);
    assert_eq!(status_with(|mint| mint.claim("aud", json!([]))).await, 503);
    assert_eq!(status_with(|mint| mint.claim("aud", json!([LOCAL_CLIENT, 1]))).await, 503);
    assert_eq!(status_with(|mint| mint.without_claim("aud")).await, 503);
    assert_eq!(status_with(|mint| mint.claim("iss", "https://other.example")).await, 503);
    assert_eq!(status_with(|mint| mint.without_claim("iss")).await, 503);
    assert_eq!(status_with(|mint| mint.without_claim("iat")).await, 503);
    assert_eq!(status_with(|mint| mint.claim("iat", "now")).await, 503);
    assert_eq!(status_with(|mint| mint.claim("iat", now() - 80)).await, 200, "60 s, and 30 s leeway");
    assert_eq!(status_with(|mint| mint.claim("iat", now() - 100)).await, 503);
    assert_eq!(status_with(|mint| mint.claim("iat", now() + 20)).await, 200);
    assert_eq!(status_with(|mint| mint.claim("iat", now() + 40)).await, 503);
}

#[tokio::test]
async fn expiry_is_optional_and_counts() {
    // JR04
    assert_eq!(status_with(|mint| mint.claim("exp", now() + 60)).await, 200);
    assert_eq!(status_with(|mint| mint.claim("exp", now() - 70)).await, 503);
    assert_eq!(status_with(|mint| mint.claim("exp", "never")).await, 503);
}

#[tokio::test]
async fn members_are_an_object_with_a_decision() {
    // JR05
    let only = |members: Value| move |mint: Mint| mint.claim("token_introspection", members.clone());
    assert_eq!(status_with(only(json!({ "active": false }))).await, 401);
    assert_eq!(status_with(only(json!({ "active": "true" }))).await, 503);
    assert_eq!(status_with(only(json!({}))).await, 503);
    assert_eq!(status_with(only(json!("active"))).await, 503);
    assert_eq!(
        status_with(|mint| mint.without_claim("token_introspection").claim("active", true)).await,
        503
    );
}

#[tokio::test]
async fn signature_is_verified_with_a_key_of_the_issuer() {
    // JR07
    assert_eq!(status_with(Mint::bad_signature).await, 503);
    assert_eq!(status_with(Mint::tampered).await, 503);
    assert_eq!(status_with(Mint::unsigned).await, 503);
    assert_eq!(status_with(Mint::signed_by_unknown_key).await, 503);
    assert_eq!(status_with(|mint| mint.alg("HS256")).await, 503);
    assert_eq!(status_with(|mint| mint.header("crit", json!(["x"]))).await, 503);
}

#[tokio::test]
async fn algorithm_is_one_of_the_issuer() {
    // JR07
    let local = LocalIssuer::start().await.unwrap();
    let token = local.opaque_token(&local.mint());
    for (algorithm, is_accepted) in
        [(scopegate::Algorithm::RS256, true), (scopegate::Algorithm::ES256, false)]
    {
        let verifier = verifier(opaque(&local, signed(&local)).algorithms([algorithm])).await;
        let result = verifier.verify_or_refresh(&token).await;
        assert_eq!(result.is_ok(), is_accepted, "{algorithm}");
    }
}

#[tokio::test]
async fn unknown_key_is_fetched() {
    // JR07
    let local = LocalIssuer::start().await.unwrap();
    let verifier = verifier(opaque(&local, signed(&local))).await;
    assert!(verifier.verify_or_refresh(local.opaque_token(&local.mint())).await.is_ok());
    local.rotate();
    assert!(verifier.verify_or_refresh(local.opaque_token(&local.mint())).await.is_ok());
}

#[tokio::test]
async fn format_of_the_response_is_the_required_one() {
    // JR01
    let local = LocalIssuer::start().await.unwrap();
    let token = local.opaque_token(&local.mint());
    local.set_introspection_fault(scopegate_issuer::Fault::Body(json!({ "active": true }).to_string()));
    let signed_only = verifier(opaque(&local, signed(&local))).await;
    let error = signed_only.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::IntrospectionUnavailable { .. }), "{error}");

    let jwt = local.mint().sign();
    let content_type = (http::header::CONTENT_TYPE, "application/token-introspection+jwt");
    let endpoint = axum::Router::new().fallback(move || async move { ([content_type], jwt) });
    let client = ClientAuthentication::client_secret_basic(LOCAL_CLIENT, LOCAL_SECRET);
    let plain_only = Introspection::by_client(&testkit::serve(endpoint).await, client).unwrap();
    let error = verifier(opaque(&local, plain_only)).await.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::IntrospectionUnavailable { .. }), "{error}");
}

#[tokio::test]
async fn signed_response_is_no_access_token() {
    // JR06
    let local = LocalIssuer::start().await.unwrap();
    let response = local
        .mint()
        .header("typ", "token-introspection+jwt")
        .claim("token_introspection", json!({ "active": true }));
    let issuer = Issuer::from_jwks_uri(local.issuer(), &local.jwks_uri()).unwrap().client(LOCAL_CLIENT);
    let verifier = verifier(issuer.and_introspect(signed(&local))).await;
    let error = verifier.verify_or_refresh(response.sign()).await.unwrap_err();
    assert!(matches!(error, Error::WrongType { .. }) && error.kind().status() == 401, "{error}");
    let untyped = verifier.verify_or_refresh(response.without_header("typ").sign()).await.unwrap_err();
    assert!(matches!(untyped, Error::NotAnAccessToken { .. }), "{untyped}");
    assert_eq!(local.introspection_requests(), 0);
    assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());

    // The keys of responses verify no token of an issuer of opaque tokens.
    let opaque = Verifier::builder().trust(opaque(&local, signed(&local))).start().await.unwrap();
    assert!(opaque.verify_or_refresh(local.opaque_token(&local.mint())).await.is_ok());
    let error = opaque.verify_or_refresh(local.mint().sign()).await.unwrap_err();
    assert_eq!(error.kind().status(), 401, "{error}");
}

#[tokio::test]
async fn response_keys_have_another_url() {
    // JR07
    let local = LocalIssuer::start().await.unwrap();
    let key = SigningKey::generate(Algorithm::ES256);
    let jwks = json!({ "keys": [key.jwk()] }).to_string();
    let content_type = (http::header::CONTENT_TYPE, "application/json");
    let jwks = axum::Router::new().fallback(move || async move { ([content_type], jwks) });
    let url = testkit::serve(jwks).await;
    let verifier = verifier(opaque(&local, introspection(&local).response_keys(url))).await;
    let token = local.opaque_token(&local.mint());
    assert!(verifier.verify_or_refresh(&token).await.is_err(), "the key of another issuer");
    let other =
        Verifier::builder().trust(opaque(&local, introspection(&local).response_keys(local.jwks_uri())));
    assert!(other.start().await.unwrap().verify_or_refresh(&token).await.is_ok());
}

#[tokio::test]
async fn contradicting_settings_are_configuration_errors() {
    let local = LocalIssuer::start().await.unwrap();
    let build = |issuer| Verifier::builder().trust(issuer).start_lazy().map(drop);
    let invalid = |result: Result<(), ConfigError>, expected: &str| {
        let Err(ConfigError::OutOfRange { setting, .. }) = result else { panic!("{expected}: {result:?}") };
        assert_eq!(setting, expected);
    };
    let jwts = Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    assert!(build(jwts.clone().and_introspect(signed(&local))).is_ok());
    invalid(
        build(jwts.and_introspect(introspection(&local).response_keys(local.jwks_uri()))),
        "response_keys",
    );

    let bearer = || FetchAuthorization::bearer_file("/run/token");
    let by_token = Introspection::by_authorization(&local.introspection_endpoint(), bearer()).unwrap();
    let unnamed = Issuer::opaque(local.issuer(), by_token.signed_responses()).unwrap();
    invalid(build(unnamed.clone().client("c")), "signed_responses");
    assert!(build(unnamed.audience("api")).is_ok());

    let algorithms = [scopegate::Algorithm::RS256];
    invalid(build(opaque(&local, introspection(&local)).algorithms(algorithms)), "algorithms");
    let url = "http://keys.example/jwks";
    let result = build(opaque(&local, introspection(&local).response_keys(url)));
    assert!(matches!(result, Err(ConfigError::InvalidUrl { .. })), "{result:?}");
    let no_url = Issuer::opaque("acme", signed(&local)).unwrap().client("c");
    assert!(matches!(build(no_url), Err(ConfigError::InvalidUrl { .. })));
}

#[tokio::test]
async fn missing_key_is_awaited_within_the_time_limit() {
    // JR07, IN15
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(scopegate_issuer::Fault::Delay(Duration::from_secs(60)));
    let issuer = opaque(&local, signed(&local).timeout(Duration::from_millis(300)));
    let verifier = Verifier::builder().trust(issuer).start_lazy().unwrap();
    let begun = std::time::Instant::now();
    let error = verifier.verify_or_refresh(local.opaque_token(&local.mint())).await.unwrap_err();
    assert!(matches!(error, Error::IntrospectionUnavailable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}
