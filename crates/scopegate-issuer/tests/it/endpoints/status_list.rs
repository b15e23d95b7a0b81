//! The status list of a pool. The expected values come from
//! draft-ietf-oauth-status-list-20 §5.1 and §8.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::ZlibDecoder;
use scopegate_issuer::LocalIssuer;
use serde_json::{Value, json};

use crate::independent::verify;

/// Fetches the list, and verifies it with the published key of access tokens.
async fn fetch(local: &LocalIssuer) -> (Option<String>, Value) {
    let response = reqwest::get(local.status_list_uri()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/statuslist+jwt");
    let list = response.text().await.unwrap();
    let key_set = json!({ "keys": [local.signing_key().jwk()] }).to_string();
    let list = verify(&list, &key_set).unwrap();
    (list.header.typ, list.claims)
}

fn statuses(payload: &Value) -> Vec<u8> {
    let compressed = URL_SAFE_NO_PAD.decode(payload["status_list"]["lst"].as_str().unwrap()).unwrap();
    let mut statuses = Vec::new();
    ZlibDecoder::new(&*compressed).read_to_end(&mut statuses).unwrap();
    statuses
}

#[tokio::test]
async fn status_list_has_the_statuses_that_were_set() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_now(1_800_000_000);
    let (typ, payload) = fetch(&local).await;
    assert_eq!(typ.as_deref(), Some("statuslist+jwt"));
    let expected = json!([local.status_list_uri(), 1_800_000_000, 300, 8]);
    let found = json!([payload["sub"], payload["iat"], payload["ttl"], payload["status_list"]["bits"]]);
    assert_eq!(found, expected);
    assert_eq!(statuses(&payload), vec![0; 1_024]);

    local.set_status(7, 1);
    local.set_status(2_000, 2);
    local.set_status_list_ttl(60);
    let (_, payload) = fetch(&local).await;
    let statuses = statuses(&payload);
    let set: Vec<_> = statuses.iter().enumerate().filter(|(_, status)| **status != 0).collect();
    assert_eq!((statuses.len(), set), (2_001, vec![(7, &1), (2_000, &2)]));
    assert_eq!(payload["ttl"], 60);
    assert_eq!(local.status_list_fetches(), 2);
}

#[tokio::test]
async fn minted_token_names_the_list_of_its_pool() {
    let local = LocalIssuer::start().await.unwrap();
    let claims = local.mint().status_index(7).claims();
    assert_eq!(claims["status"], json!({ "status_list": { "idx": 7, "uri": local.status_list_uri() } }));
    assert!(!local.mint().claims().contains_key("status"));
}
