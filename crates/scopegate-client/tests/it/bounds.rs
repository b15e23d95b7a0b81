//! The documented maximum length of a response.

use scopegate_client::{ClientAuthentication, ClientCredentials};
use scopegate_issuer::{Fault, LocalIssuer};

fn credentials(issuer: &LocalIssuer) -> ClientCredentials {
    let client = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
    ClientCredentials::builder(client).token_endpoint(issuer.token_endpoint()).build().unwrap()
}

#[tokio::test]
async fn response_over_64_kib_is_rejected() {
    // FR-E4
    let issuer = LocalIssuer::start().await.unwrap();
    let response = r#"{"access_token":"token","token_type":"Bearer","expires_in":3600}"#;
    for (length, accepted) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        issuer.set_token_fault(Fault::Body(format!("{response}{}", " ".repeat(length - response.len()))));
        let token = credentials(&issuer).token().await;
        assert_eq!(token.is_ok(), accepted, "{length}: {token:?}");
    }
}
