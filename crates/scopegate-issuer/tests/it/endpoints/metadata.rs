//! Key set, metadata, and responses for unknown paths.

use scopegate_issuer::LocalIssuer;
use serde_json::{Value, json};

async fn get(url: &str) -> (u16, String, Value) {
    let response = reqwest::get(url).await.unwrap();
    let status = response.status().as_u16();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (status, content_type, response.json().await.unwrap())
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn key_set_has_exactly_the_members_of_cognitos() {
    let issuer = LocalIssuer::start().await.unwrap();
    let (status, content_type, set) = get(&issuer.jwks_uri()).await;
    assert_eq!((status, content_type.as_str()), (200, "application/json"));
    assert_eq!(members(&set), ["keys"]);
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert_eq!(members(key), ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!((&key["alg"], &key["kty"], &key["use"]), (&json!("RS256"), &json!("RSA"), &json!("sig")));
        let kid = key["kid"].as_str().unwrap();
        assert!(kid.len() == 44 && kid.ends_with('='), "{kid}");
    }
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
}

#[tokio::test]
async fn both_metadata_documents_agree() {
    // F18
    let issuer = LocalIssuer::start().await.unwrap();
    let base = issuer.issuer();
    let (status, content_type, openid) = get(&format!("{base}/.well-known/openid-configuration")).await;
    assert_eq!((status, content_type.as_str()), (200, "application/json"));
    assert_eq!(
        openid,
        json!({
            "issuer": base,
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
            "revocation_endpoint": format!("{base}/oauth2/revoke"),
            "introspection_endpoint": format!("{base}/oauth2/introspect"),
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported":
                ["https://my-api-server.org/api.read", "https://my-api-server.org/api.write"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "dpop_signing_alg_values_supported": [
                "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "ML-DSA-44",
                "Ed25519",
            ],
        })
    );

    let url = format!("{}/.well-known/oauth-authorization-server/eu-west-1_Local0001", issuer.url());
    let (status, content_type, oauth) = get(&url).await;
    assert_eq!((status, content_type.as_str()), (200, "application/json"));
    let common = [
        "authorization_endpoint",
        "dpop_signing_alg_values_supported",
        "grant_types_supported",
        "introspection_endpoint",
        "introspection_endpoint_auth_methods_supported",
        "issuer",
        "jwks_uri",
        "response_types_supported",
        "revocation_endpoint",
        "scopes_supported",
        "token_endpoint",
        "token_endpoint_auth_methods_supported",
    ];
    assert_eq!(members(&oauth), common);
    for member in common {
        assert_eq!(oauth[member], openid[member], "{member}");
    }
}

#[tokio::test]
async fn metadata_urls_are_those_of_the_handle() {
    // F18
    let issuer = LocalIssuer::start().await.unwrap();
    let pool = issuer.pool("eu-west-1_Local0002").unwrap();
    let (_, _, document) = get(&format!("{}/.well-known/openid-configuration", pool.issuer())).await;
    assert_eq!(document["issuer"], pool.issuer());
    assert_eq!(document["jwks_uri"], pool.jwks_uri());
    assert_eq!(document["token_endpoint"], pool.token_endpoint());
    assert_eq!(get(&pool.jwks_uri()).await.2, serde_json::from_str::<Value>(&pool.jwks()).unwrap());
}

#[tokio::test]
async fn authorization_endpoint_rejects_every_request() {
    // F18
    let issuer = LocalIssuer::start().await.unwrap();
    let (_, _, document) = get(&format!("{}/.well-known/openid-configuration", issuer.issuer())).await;
    let endpoint = document["authorization_endpoint"].as_str().unwrap();
    for query in
        ["", "?response_type=code&client_id=local-reader&redirect_uri=https%3A%2F%2Fclient.example%2F"]
    {
        let (status, content_type, body) = get(&format!("{endpoint}{query}")).await;
        assert_eq!((status, content_type.as_str()), (400, "application/json"), "{query}");
        assert_eq!(body["error"], "unsupported_response_type", "{query}");
    }
}

#[tokio::test]
async fn unknown_pool_or_path_returns_404_json() {
    let issuer = LocalIssuer::start().await.unwrap();
    for path in [
        "/eu-west-1_Local0009/.well-known/jwks.json",
        "/eu-west-1_Local0009/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/eu-west-1_Local0009",
        "/eu-west-1_Local0009/oauth2/authorize",
        "/.well-known/jwks.json",
        "/",
        // After decoding, these are not UTF-8.
        "/%ca/.well-known/jwks.json",
        "/%ca/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/%ca",
    ] {
        let (status, content_type, body) = get(&format!("{}{path}", issuer.url())).await;
        assert_eq!((status, content_type.as_str()), (404, "application/json"), "{path}");
        assert_eq!(body["error"], "not_found", "{path}");
    }
    for pool in ["eu-west-1_Local0009", "%ca"] {
        let unknown = format!("{}/{pool}/oauth2/token", issuer.url());
        assert_eq!(reqwest::Client::new().post(unknown).send().await.unwrap().status(), 404, "{pool}");
    }
    assert!(issuer.pool("eu-west-1_Local0009").is_none());
}
