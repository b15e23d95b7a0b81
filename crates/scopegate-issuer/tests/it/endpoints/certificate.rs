//! Certificate-bound tokens (RFC 8705 §3).

use scopegate_issuer::{Certificate, ClientConfig, Config, LocalIssuer, PoolConfig};
use serde_json::{Value, json};

use crate::independent;

const DER: [u8; 5] = [0x30, 3, 2, 1, 7];

async fn issuer(certificate: Option<Certificate>) -> LocalIssuer {
    let client = ClientConfig::new("c", "c-secret", ["api/read"]);
    let client = match certificate {
        Some(certificate) => client.certificate(certificate),
        None => client,
    };
    let pool = PoolConfig::new("eu_1").resource_server("api", ["read"]).client(client);
    LocalIssuer::start_with(Config::empty().pool(pool)).await.unwrap()
}

async fn metadata(local: &LocalIssuer) -> Value {
    let url = format!("{}/.well-known/openid-configuration", local.issuer());
    serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn token_of_client_with_certificate_has_its_hash() {
    // RFC 8705 §3.1
    let certificate = Certificate::from_der(DER).unwrap();
    for (configured, expected) in
        [(Some(certificate.clone()), json!({ "x5t#S256": certificate.thumbprint() })), (None, Value::Null)]
    {
        let local = issuer(configured.clone()).await;
        let request = reqwest::Client::new().post(local.token_endpoint()).basic_auth("c", Some("c-secret"));
        let response = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        // RFC 8705 has no token type of its own.
        assert_eq!(body["token_type"], "Bearer");
        let token = independent::verify(body["access_token"].as_str().unwrap(), &local.jwks()).unwrap();
        assert_eq!(token.claims.get("cnf").cloned().unwrap_or_default(), expected);
        assert_eq!(local.mint().claims().get("cnf").cloned().unwrap_or_default(), expected);
        // RFC 8705 §3.3
        let announced = metadata(&local).await.get("tls_client_certificate_bound_access_tokens").cloned();
        assert_eq!(announced, configured.map(|_| json!(true)));
    }
}
