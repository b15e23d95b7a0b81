//! Secrets and tokens in `Debug` output and in the log.

use scopegate_issuer::{Algorithm, Config, DpopProof, Fault, LocalIssuer, SigningKey};
use serde_json::Value;
use testkit::Log;
use tracing::level_filters::LevelFilter;

#[tokio::test]
async fn debug_shows_neither_secret_nor_key() {
    let config = Config::default();
    let issuer = LocalIssuer::start_with(config.clone()).await.unwrap();
    let pool = issuer.default_pool();
    let shown = format!(
        "{config:#?} {issuer:#?} {pool:#?} {:#?} {:#?} {:#?}",
        pool.clients(),
        pool.mint(),
        pool.signing_key()
    );
    assert!(!shown.contains("-secret"), "{shown}");
    assert!(shown.contains("[redacted]") && shown.contains("local-reader"), "{shown}");
    // The 256 bytes of a modulus or a private exponent would be far longer than any other word.
    assert!(!shown.split_whitespace().any(|word| word.len() > 200), "{shown}");
}

#[tokio::test]
async fn log_has_reasons_but_neither_secret_nor_token() {
    // A current-thread runtime serves requests on this thread.
    let log = Log::of_thread(LevelFilter::TRACE);

    let issuer = LocalIssuer::start().await.unwrap();
    let grant = ("grant_type", "client_credentials");
    let post = || reqwest::Client::new().post(issuer.token_endpoint());
    let granted = post().basic_auth("local-reader", Some("local-reader-secret")).form(&[grant]);
    let answer: Value = granted.send().await.unwrap().json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    // A wrong secret, a secret in place of the id, and a secret in an unusual place.
    post().basic_auth("local-reader", Some("wr0ng-hush")).form(&[grant]).send().await.unwrap();
    post().form(&[grant, ("client_id", "hush-as-id"), ("client_secret", "hush")]).send().await.unwrap();
    post().header("authorization", "Basic hush").form(&[grant]).send().await.unwrap();
    post().basic_auth("local-reader", Some("local-reader-secret")).body("hush=hush").send().await.unwrap();
    // A valid proof and its replay, and an opaque token.
    let proof = DpopProof::new(&SigningKey::generate(Algorithm::ES256), "POST", &issuer.token_endpoint());
    let proof = proof.claim("jti", "hush-jti").sign();
    for _ in 0..2 {
        let request = post().basic_auth("local-reader", Some("local-reader-secret")).header("dpop", &proof);
        request.form(&[grant]).send().await.unwrap();
    }
    let opaque = issuer.opaque_token(&issuer.mint());
    let introspect = reqwest::Client::new().post(issuer.introspection_endpoint());
    let introspect = introspect.basic_auth("local-reader", Some("local-reader-secret"));
    introspect.form(&[("token", &opaque)]).send().await.unwrap();
    issuer.set_fault(Fault::Reset);
    reqwest::get(issuer.jwks_uri()).await.unwrap_err();

    let text = log.text();
    let ours: String = text.lines().filter(|line| line.contains("scopegate_issuer")).collect();
    assert!(ours.contains("token issued") && ours.contains("reader"), "{text}");
    assert!(ours.contains("WrongBasicCredentials") && ours.contains("a fault"), "{text}");
    let signature = token.rsplit('.').next().unwrap();
    assert!(ours.contains("InvalidDpopProof"), "{text}");
    for secret in ["hush", "-secret", &token, signature, &proof, &opaque] {
        assert!(!text.contains(secret), "{text}");
    }
}
