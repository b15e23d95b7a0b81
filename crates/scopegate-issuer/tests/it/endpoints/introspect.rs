//! Opaque tokens and their introspection (RFC 7662).

use reqwest::{RequestBuilder, Response};
use scopegate_issuer::{
    Algorithm, ClientConfig, Config, DpopProof, Fault, LocalIssuer, PoolConfig, SigningKey,
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

/// Starts an issuer with the client `c`, whose tokens are opaque, and the API `api`.
async fn issuer() -> LocalIssuer {
    let pool = PoolConfig::new("eu_1")
        .resource_server("api", ["read"])
        .client(ClientConfig::new("c", "c-secret", ["api/read"]).opaque_tokens().claim("tenant", "acme"))
        .client(ClientConfig::new("api", "api-secret", ["api/read"]));
    let local = LocalIssuer::start_with(Config::empty().pool(pool)).await.unwrap();
    local.set_now(NOW);
    local
}

fn post(url: &str, client: &str) -> RequestBuilder {
    reqwest::Client::new().post(url).basic_auth(client, Some(format!("{client}-secret")))
}

async fn json(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

async fn granted(local: &LocalIssuer, form: &[(&str, &str)], proof: Option<String>) -> Value {
    let form = [&[("grant_type", "client_credentials")], form].concat();
    let request = post(&local.token_endpoint(), "c").form(&form);
    let request = proof.into_iter().fold(request, |request, proof| request.header("dpop", proof));
    json(request.send().await.unwrap()).await
}

async fn introspect(local: &LocalIssuer, token: &str) -> Value {
    let form = [("token", token), ("token_type_hint", "access_token")];
    let response = post(&local.introspection_endpoint(), "api").form(&form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    json(response).await
}

#[tokio::test]
async fn opaque_token_is_introspected_with_its_claims() {
    // RFC 7662 §2.2
    let local = issuer().await;
    let granted = granted(&local, &[("resource", "api")], None).await;
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!((token.len(), token.contains('.')), (43, false));
    assert_eq!(granted["token_type"], "Bearer");
    let mut found = introspect(&local, token).await;
    assert!(found.as_object_mut().unwrap().remove("jti").unwrap().is_string());
    assert_eq!(
        found,
        json!({
            "active": true,
            "scope": "api/read",
            "client_id": "c",
            "token_type": "Bearer",
            "exp": NOW + 3600,
            "iat": NOW,
            "sub": "c",
            "aud": "api",
            "iss": local.issuer(),
            "tenant": "acme",
            "token_use": "access",
            "auth_time": NOW,
            "version": 2,
        })
    );
}

#[tokio::test]
async fn bound_opaque_token_has_its_confirmation() {
    // RFC 9449 §6.2
    let local = issuer().await;
    let key = SigningKey::generate(Algorithm::ES256);
    let proof = DpopProof::new(&key, "POST", &local.token_endpoint()).issued_at(NOW).sign();
    let granted = granted(&local, &[], Some(proof)).await;
    assert_eq!(granted["token_type"], "DPoP");
    let found = introspect(&local, granted["access_token"].as_str().unwrap()).await;
    assert_eq!(found["token_type"], "DPoP");
    assert_eq!(found["cnf"], json!({ "jkt": key.thumbprint() }));
}

#[tokio::test]
async fn inactive_token_has_no_other_member() {
    // RFC 7662 §2.2
    let local = issuer().await;
    let valid = local.opaque_token(&local.mint());
    let jwt = local.mint().sign();
    for token in [&valid, &jwt] {
        assert_eq!(introspect(&local, token).await["active"], true);
    }
    let mint = || local.mint();
    for (name, token) in [
        ("unknown", "x".repeat(43)),
        ("prefix", valid.chars().take(42).collect()),
        ("expired", local.opaque_token(&mint().expires_at(NOW))),
        ("not yet valid", local.opaque_token(&mint().claim("nbf", NOW + 1))),
        ("expired JWT", mint().expires_at(NOW).sign()),
        ("forged JWT", mint().signed_by_unknown_key().sign()),
        ("JWT of another issuer", mint().claim("iss", "other").sign()),
        ("ID token", mint().claim("token_use", "id").sign()),
    ] {
        assert_eq!(introspect(&local, &token).await, json!({ "active": false }), "{name}");
    }
    for token in
        [local.opaque_token(&mint().expires_at(NOW + 1).claim("nbf", NOW)), mint().lifetime(1).sign()]
    {
        assert_eq!(introspect(&local, &token).await["active"], true);
        local.set_now(NOW + 1);
        assert_eq!(introspect(&local, &token).await, json!({ "active": false }));
        local.set_now(NOW);
    }
}

#[tokio::test]
async fn revoked_token_is_inactive() {
    let local = issuer().await;
    let revoke = format!("{}/oauth2/revoke", local.issuer());
    for token in [local.opaque_token(&local.mint()), local.mint().sign()] {
        // RFC 7009 §2.1: only its own client may revoke a token.
        let other = post(&revoke, "api").form(&[("token", &token)]).send().await.unwrap();
        assert_eq!(
            (other.status().as_u16(), json(other).await["error"].as_str()),
            (400, Some("invalid_grant"))
        );
        assert_eq!(introspect(&local, &token).await["active"], true);
        assert_eq!(post(&revoke, "c").form(&[("token", &token)]).send().await.unwrap().status(), 200);
        assert_eq!(introspect(&local, &token).await, json!({ "active": false }));
    }
    assert_eq!(local.revoked_token_ids().len(), 2);
}

#[tokio::test]
async fn introspection_requires_a_client_and_a_token() {
    // RFC 7662 §2.3
    let local = issuer().await;
    let url = local.introspection_endpoint();
    let token = local.opaque_token(&local.mint());
    let form = |extra: &[(&'static str, &'static str)]| {
        let token = [("token".to_owned(), token.clone())].into_iter();
        token.chain(extra.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))).collect::<Vec<_>>()
    };
    let client = reqwest::Client::new();
    for (name, request, status, error) in [
        ("none", client.post(&url).form(&form(&[])), 401, "invalid_client"),
        ("wrong", client.post(&url).basic_auth("api", Some("x")).form(&form(&[])), 401, "invalid_client"),
        (
            "wrong in the body",
            client.post(&url).form(&form(&[("client_id", "api"), ("client_secret", "x")])),
            401,
            "invalid_client",
        ),
        ("no token", post(&url, "api").form(&[("a", "b")]), 400, "invalid_request"),
        (
            "token in the URL",
            post(&format!("{url}?token={token}"), "api").form(&[("a", "b")]),
            400,
            "invalid_request",
        ),
        ("not a form", post(&url, "api").body(format!("token={token}")), 400, "invalid_request"),
    ] {
        let response = request.send().await.unwrap();
        let challenge = response.headers().contains_key("www-authenticate");
        assert_eq!((response.status().as_u16(), challenge), (status, status == 401), "{name}");
        let body = json(response).await;
        assert_eq!((body["error"].as_str(), body.get("active")), (Some(error), None), "{name}");
    }
    let in_body = form(&[("client_id", "api"), ("client_secret", "api-secret")]);
    assert_eq!(json(client.post(&url).form(&in_body).send().await.unwrap()).await["active"], true);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 405);
    assert_eq!(local.introspection_requests(), 7);
}

#[tokio::test]
async fn introspection_fails_on_demand() {
    let local = issuer().await;
    let token = local.opaque_token(&local.mint());
    let status = async || {
        let request = post(&local.introspection_endpoint(), "api").form(&[("token", &token)]);
        request.send().await.unwrap().status().as_u16()
    };
    local.fail_next_introspection(1, Fault::RetryAfter { status: 429, seconds: 7 });
    assert_eq!((status().await, status().await), (429, 200));
    local.set_introspection_fault(Fault::Status(503));
    assert_eq!((status().await, status().await), (503, 503));
    local.clear_introspection_fault();
    assert_eq!(status().await, 200);
    local.fail_next_introspection(1, Fault::Body(r#"{"active":"true"}"#.to_owned()));
    assert_eq!(introspect_body(&local, &token).await, r#"{"active":"true"}"#);
    assert_eq!(local.introspection_requests(), 6);
    // The other endpoints have their own faults.
    local.set_introspection_fault(Fault::Status(503));
    assert_eq!(reqwest::get(local.jwks_uri()).await.unwrap().status(), 200);
    assert_eq!((local.jwks_fetches(), local.token_requests()), (1, 0));
}

async fn introspect_body(local: &LocalIssuer, token: &str) -> String {
    let request = post(&local.introspection_endpoint(), "api").form(&[("token", token)]);
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn full_store_of_opaque_tokens_is_503() {
    let local = issuer().await;
    let mint = local.mint();
    for _ in 0..10_000 {
        let _ = local.opaque_token(&mint);
    }
    let request = || post(&local.token_endpoint(), "c").form(&[("grant_type", "client_credentials")]);
    let full = request().send().await.unwrap();
    assert_eq!(full.status(), 503);
    assert_eq!(json(full).await["error"], "temporarily_unavailable");
    local.set_now(NOW + 3600);
    assert_eq!(request().send().await.unwrap().status(), 200);
}
