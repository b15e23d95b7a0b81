//! Token revocation (RFC 7009).

use scopegate_issuer::{ClientConfig, LocalIssuer, Pool};
use serde_json::Value;

async fn revoke(pool: &Pool, client: &ClientConfig, secret: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/oauth2/revoke", pool.issuer()));
    let response = request.basic_auth(client.id(), Some(secret)).form(form).send().await.unwrap();
    let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
    (status, if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() })
}

#[tokio::test]
async fn client_revokes_its_own_token() {
    let local = LocalIssuer::start().await.unwrap();
    let client = local.client("reader").unwrap();
    let token = local.mint().client(client.id()).claim("jti", "id-1").sign();
    // A wrong hint changes nothing (RFC 7009 §2.1).
    let form = [("token", token.as_str()), ("token_type_hint", "refresh_token")];
    assert_eq!(revoke(&local, client, client.secret(), &form).await, (200, Value::Null));
    assert_eq!(local.revoked_token_ids(), ["id-1"]);
    // An older key of the issuer.
    local.rotate();
    let form = [("token", token.as_str())];
    assert_eq!(revoke(&local, client, client.secret(), &form).await.0, 200);
    assert_eq!(local.revoked_token_ids(), ["id-1"]);
}

#[tokio::test]
async fn invalid_token_is_no_error() {
    // RFC 7009 §2.2
    let local = LocalIssuer::start().await.unwrap();
    let client = local.client("reader").unwrap();
    let own = || local.mint().client(client.id());
    let foreign = own().signed_by_unknown_key().sign();
    for token in ["unknown", "a.b.c", &foreign, &own().bad_signature().sign()] {
        assert_eq!(revoke(&local, client, client.secret(), &[("token", token)]).await, (200, Value::Null));
    }
    assert!(local.revoked_token_ids().is_empty());
}

#[tokio::test]
async fn other_requests_are_rejected() {
    let local = LocalIssuer::start().await.unwrap();
    let (reader, writer) = (local.client("reader").unwrap(), local.client("writer").unwrap());
    let token = local.mint().client(writer.id()).sign();
    let id_token = local.mint().client(reader.id()).claim("token_use", "id").sign();
    for (secret, form, status, error) in [
        (reader.secret(), vec![("token", token.as_str())], 400, "invalid_grant"),
        (reader.secret(), vec![("token", id_token.as_str())], 400, "unsupported_token_type"),
        (reader.secret(), vec![], 400, "invalid_request"),
        ("wrong", vec![("token", token.as_str())], 401, "invalid_client"),
    ] {
        let (found, body) = revoke(&local, reader, secret, &form).await;
        assert_eq!((found, body["error"].as_str()), (status, Some(error)));
    }
    assert!(local.revoked_token_ids().is_empty());
    assert_eq!(revoke(&local, writer, writer.secret(), &[("token", &token)]).await.0, 200);
    assert_eq!(local.revoked_token_ids().len(), 1);
}

#[tokio::test]
async fn expired_token_leaves_the_list() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_now(1_800_000_000);
    let client = local.client("reader").unwrap();
    let token = local.mint().client(client.id()).claim("jti", "id-1").lifetime(10).sign();
    revoke(&local, client, client.secret(), &[("token", &token)]).await;
    // Verifiers with a leeway accept it for longer.
    local.set_now(1_800_000_609);
    assert_eq!(local.revoked_token_ids(), ["id-1"]);
    local.set_now(1_800_000_610);
    assert!(local.revoked_token_ids().is_empty());
}
