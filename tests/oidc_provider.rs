//! Does a real provider know our clients, by each method, and does our verifier take its tokens? Run by
//! `scripts/interop-client`, which starts the provider and says where it is.
#![allow(clippy::print_stderr, reason = "it says when it does not run")]

use std::time::Duration;

use scopegate_axum::{Issuer, Verifier};
use scopegate_client::{ClientAuthentication, ClientCredentials, Error, PrivateKey};
use serde_json::Value;

use crate::api::READ;

const API: &str = "https://my-api-server.org";
const SECRET: &str = "a secret: %+/=&~";

#[tokio::test]
async fn a_real_provider_knows_our_clients_by_each_method() {
    // E04, E05, E20, E21, E22, E24, F03, F04
    let Ok(issuer) = std::env::var("SCOPEGATE_OIDC_PROVIDER") else {
        eprintln!("not run: SCOPEGATE_OIDC_PROVIDER is not set; scripts/interop-client sets it");
        return;
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let keys: Value = http.get(format!("{issuer}/client-keys")).send().await.unwrap().json().await.unwrap();
    let private = |alg: &str| PrivateKey::from_pem(keys[alg].as_str().unwrap()).unwrap();
    let trusted = Issuer::discover(&issuer).unwrap().audience(API);
    let verifier = Verifier::builder().trust(trusted).start().await.unwrap();

    let mut clients = vec![
        ("by basic", ClientAuthentication::client_secret_basic("by basic", SECRET)),
        ("by-post", ClientAuthentication::client_secret_post("by-post", SECRET)),
    ];
    for (id, alg) in [("by-RS256", "RS256"), ("by-ES256", "ES256"), ("by-EdDSA", "EdDSA")] {
        let key = private(alg).with_key_id(format!("key-{alg}"));
        clients.push((id, ClientAuthentication::private_key_jwt(id, key)));
    }
    for (id, client) in clients {
        let credentials = ClientCredentials::discover(&issuer, client).with_scope(READ).with_resource(API);
        let credentials = credentials.build().unwrap();
        let token = credentials.token().await.unwrap_or_else(|error| panic!("{id}: {error:?}"));
        let claims = verifier.verify(token.expose()).unwrap();
        assert_eq!(claims.client_id(), Some(id));
        assert!(claims.scopes().contains(READ));
        assert!(token.usable_for() > Duration::from_secs(3_500));
        assert_eq!(credentials.token().await.unwrap().expose(), token.expose());
    }

    // A scope that it does not know it drops without a word, and that is told. E12
    let client = ClientAuthentication::client_secret_post("by-post", SECRET);
    let narrower = ClientCredentials::discover(&issuer, client).with_scopes([READ, "unknown"]);
    let token = narrower.with_resource(API).build().unwrap().token().await.unwrap();
    assert_eq!((token.scopes().to_string().as_str(), token.missing_scopes().len()), (READ, 1));

    // Wrong in one thing each. E14
    for client in [
        ClientAuthentication::client_secret_basic("by basic", "wrong"),
        ClientAuthentication::client_secret_post("by-post", "wrong"),
        ClientAuthentication::private_key_jwt("by-ES256", private("RS256")),
    ] {
        let credentials = ClientCredentials::discover(&issuer, client).build().unwrap();
        match credentials.token().await {
            Err(Error::Refused { code: Some(code), .. }) => assert_eq!(code.as_str(), "invalid_client"),
            other => panic!("{other:?}"),
        }
    }
}
