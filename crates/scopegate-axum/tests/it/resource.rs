//! The metadata of an API (RFC 9728), and implied scopes in routes, challenges and metadata. Row
//! ids (F08, …) refer to docs/generated/conformance.md.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::routing::get as on_get;
use scopegate_axum::{
    AuthorizationServers, ConfigError, Issuer, ProtectedResource, Requirement, Scope, Verifier, all_of,
    any_of,
};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, KEY, jwks};

use crate::fixture::{body_text, get, header_text, send, status, token, trusted, verifier, with_token};

const ORDERS: &str = "https://api.example/orders";
const ORDERS_METADATA: &str = "https://api.example/.well-known/oauth-protected-resource/orders";

async fn ok() -> &'static str {
    "ok"
}

/// An API with a layer of each kind.
fn orders() -> Router {
    let api = ProtectedResource::new(ORDERS, &verifier()).unwrap();
    Router::new()
        .route("/read", on_get(ok).layer(api.require_scope("orders/read")))
        .route("/write", on_get(ok).layer(api.require_scope(all_of(["orders/write", "orders/read"]))))
        .route("/either", on_get(ok).layer(api.require_scope(any_of(["orders/read", "orders/admin"]))))
        .route("/token", on_get(ok).layer(api.require_token()))
        .route("/accept", on_get(ok).layer(api.optional_token()))
        .route_service(api.metadata_path(), api.metadata())
}

async fn document(router: &Router, path: &str) -> Value {
    let response = send(router, get(path)).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(header_text(&response, &header::CONTENT_TYPE), Some("application/json"));
    assert_eq!(header_text(&response, &header::CACHE_CONTROL), Some("public, max-age=3600"));
    serde_json::from_str(&body_text(response).await).unwrap()
}

const PATH: &str = "/.well-known/oauth-protected-resource/orders";

#[tokio::test]
async fn metadata_lists_issuers_and_scopes_of_layers() {
    // F08, F12
    let expected = json!({
        "resource": ORDERS,
        "authorization_servers": [ISSUER],
        // Without orders/admin, which is an alternative to orders/read.
        "scopes_supported": ["orders/read", "orders/write"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document(&orders(), PATH).await, expected);
}

#[tokio::test]
async fn later_layer_is_in_the_metadata() {
    // F12
    let api = ProtectedResource::new(ORDERS, &verifier()).unwrap();
    let router = Router::new().route_service(api.metadata_path(), api.metadata());
    let api = api.with_name("Orders").with_documentation("https://docs.example/orders");
    let before = document(&router, PATH).await;
    // F09: a list without values is left out.
    assert_eq!(before.get("scopes_supported"), None);
    let _layer = api.try_require_scope("orders/read").unwrap();
    assert!(api.try_require_scope("not a scope").is_err());
    assert_eq!(document(&router, PATH).await["scopes_supported"], json!(["orders/read"]));
    assert_eq!(api.scopes().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["orders/read"]);

    let named: Value = serde_json::from_str(&api.metadata().document()).unwrap();
    assert_eq!(named["resource_name"], "Orders");
    assert_eq!(named["resource_documentation"], "https://docs.example/orders");
}

#[tokio::test]
async fn authorization_servers_keep_the_configured_order() {
    // F12
    let other = "https://a.example/a-longer-name";
    let jwks = jwks([KEY.jwk()]);
    let second = Issuer::from_jwks(other, &jwks).unwrap().audience(ORDERS);
    let last = Issuer::from_jwks("https://b.example", &jwks).unwrap().audience(ORDERS);
    let verifier = Verifier::builder().trust(trusted()).trust(second).trust(last).build().unwrap();
    let api = ProtectedResource::new(ORDERS, &verifier).unwrap();
    let document: Value = serde_json::from_str(&api.metadata().document()).unwrap();
    assert_eq!(document["authorization_servers"], json!([ISSUER, other, "https://b.example"]));
}

/// Trusts three issuers.
fn three_issuers() -> Verifier {
    let jwks = jwks([KEY.jwk()]);
    let issuer = |name| Issuer::from_jwks(name, &jwks).unwrap().audience(ORDERS);
    let builder = Verifier::builder().trust(trusted());
    builder.trust(issuer("https://a.example")).trust(issuer("https://b.example/")).build().unwrap()
}

#[tokio::test]
async fn selected_authorization_servers_are_in_their_order() {
    // F12
    let verifier = three_issuers();
    let all = ProtectedResource::new(ORDERS, &verifier).unwrap();
    let servers = |names: &[&str]| AuthorizationServers::new(&verifier, names).unwrap();
    let some = all.clone().with_authorization_servers(servers(&["https://b.example/", ISSUER]));
    let router = |api: &ProtectedResource| {
        let route = on_get(ok).layer(api.require_scope("orders/read"));
        Router::new().route("/read", route).route_service(api.metadata_path(), api.metadata())
    };
    let document_of = async |api| document(&router(api), PATH).await["authorization_servers"].clone();
    assert_eq!(document_of(&some).await, json!(["https://b.example/", ISSUER]));
    // The earlier clone still lists all. The last call replaces the selection.
    assert_eq!(document_of(&all).await, json!([ISSUER, "https://a.example", "https://b.example/"]));
    let one = some.clone().with_authorization_servers(servers(&["https://a.example"]));
    assert_eq!(document_of(&one).await, json!(["https://a.example"]));
    // Tokens of the other trusted issuers are still accepted.
    assert_eq!(status(&router(&one), with_token(get("/read"), &token("orders/read"))).await, StatusCode::OK);
}

#[tokio::test]
async fn issuer_without_url_name_is_no_authorization_server() {
    // FR-B4
    let jwks = jwks([KEY.jwk()]);
    let other = |name| Issuer::from_jwks(name, &jwks).unwrap().client(CLIENT);
    let names = ["acme.com", "http://fs.example.com/adfs/services/trust", "https://a.example/?tenant=1"];
    let builder = names.into_iter().fold(Verifier::builder(), |builder, name| builder.trust(other(name)));
    let verifier = builder.trust(trusted()).build().unwrap();
    let api = ProtectedResource::new(ORDERS, &verifier).unwrap();
    let router = Router::new().route_service(api.metadata_path(), api.metadata());
    assert_eq!(document(&router, PATH).await["authorization_servers"], json!([ISSUER]));
    assert!(AuthorizationServers::new(&verifier, [ISSUER]).is_ok());
    for name in names {
        let error = AuthorizationServers::new(&verifier, [ISSUER, name]).unwrap_err();
        assert!(
            matches!(error, ConfigError::InvalidUrl { setting: "authorization server", .. }),
            "{error:?}"
        );
    }
    // Without such an issuer, the member is left out (RFC 9728 §3.2).
    let nameless = Verifier::builder().trust(other("acme.com")).build().unwrap();
    let api = ProtectedResource::new(ORDERS, &nameless).unwrap();
    let router = Router::new().route_service(api.metadata_path(), api.metadata());
    assert_eq!(document(&router, PATH).await.get("authorization_servers"), None);
}

#[test]
fn untrusted_authorization_server_is_a_config_error() {
    // F12
    let verifier = three_issuers();
    let rejected = |names: &[&str]| AuthorizationServers::new(&verifier, names).unwrap_err();
    for name in ["https://evil.example", "https://a.example/", "https://b.example", "HTTPS://a.example", ""] {
        let error = rejected(&[ISSUER, name]);
        assert!(matches!(&error, ConfigError::UntrustedIssuer { found, .. } if found == name), "{error}");
        assert_eq!(error.to_string(), format!("expected an issuer that the verifier trusts, found {name:?}"));
    }
    let error = rejected(&["https://a.example", ISSUER, "https://a.example"]);
    assert!(
        matches!(&error, ConfigError::RepeatedIssuer { issuer, .. } if issuer == "https://a.example"),
        "{error}"
    );
    assert_eq!(error.to_string(), "expected each issuer once, found https://a.example again");
    let error = rejected(&[]);
    assert!(matches!(error, ConfigError::EmptyIssuerList), "{error}");
    assert_eq!(error.to_string(), "expected at least one of the trusted issuers, found none");
    let names = ["https://a.example", ISSUER, "https://b.example/"];
    assert!(AuthorizationServers::new(&verifier, names).is_ok());
}

#[test]
#[should_panic(expected = "expected authorization servers of the API's own verifier")]
fn authorization_servers_of_another_verifier_panic() {
    // F12
    let servers = AuthorizationServers::new(&three_issuers(), ["https://a.example"]).unwrap();
    let _ = ProtectedResource::new(ORDERS, &verifier()).unwrap().with_authorization_servers(servers);
}

#[tokio::test]
async fn metadata_supports_only_get_and_head() {
    // F09
    let router = orders();
    let request = |method| Request::builder().method(method).uri(PATH).body(Body::empty()).unwrap();
    let head = send(&router, request(Method::HEAD)).await;
    assert_eq!(
        (head.status().as_u16(), header_text(&head, &header::CONTENT_TYPE)),
        (200, Some("application/json"))
    );
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let rejected = send(&router, request(method)).await;
        assert_eq!(
            (rejected.status().as_u16(), header_text(&rejected, &header::ALLOW)),
            (405, Some("GET, HEAD"))
        );
    }
}

#[tokio::test]
async fn every_challenge_has_the_metadata_url() {
    // F11, F15
    let router = orders();
    let challenge = async |request| {
        let response = send(&router, request).await;
        let challenge = header_text(&response, &header::WWW_AUTHENTICATE).map(str::to_owned);
        (response.status().as_u16(), challenge.unwrap_or_default())
    };
    let start = format!(r#"Bearer realm="api", resource_metadata="{ORDERS_METADATA}""#);
    let expected = |status: u16, rest: &str| (status, format!("{start}{rest}"));

    let rejected = challenge(get("/read")).await;
    assert_eq!(rejected, expected(401, r#", scope="orders/read""#));
    let rejected = challenge(get("/token")).await;
    assert_eq!(rejected, expected(401, ""));
    let not_valid = r#"error="invalid_token", error_description="the access token has expired, or is not valid for this API""#;
    for (path, scope) in [("/read", r#", scope="orders/read""#), ("/token", ""), ("/accept", "")] {
        let rejected = challenge(with_token(get(path), "a.b.c")).await;
        assert_eq!(rejected, expected(401, &format!("{scope}, {not_valid}")), "{path}");
    }
    let rejected = challenge(with_token(get("/write"), &token("orders/write"))).await;
    let lacking =
        r#"error="insufficient_scope", error_description="the access token lacks a scope that is needed""#;
    assert_eq!(rejected, expected(403, &format!(r#", scope="orders/write orders/read", {lacking}"#)));
    let rejected = challenge(with_token(get("/read"), "two tokens")).await;
    let malformed = r#"error="invalid_request", error_description="expected one Authorization header with one bearer token""#;
    assert_eq!(rejected, expected(400, &format!(", {malformed}")));
    // The response to a valid token has no challenge.
    assert_eq!(challenge(with_token(get("/read"), &token("orders/read"))).await, (200, String::new()));
}

#[tokio::test]
async fn host_headers_change_no_challenge_or_metadata() {
    // F13
    let router = orders();
    let request = |path: &str| {
        let request = Request::get(format!("http://evil.example{path}")).header("host", "evil.example");
        let request = request.header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "http");
        request.header("forwarded", "host=evil.example;proto=http").body(Body::empty()).unwrap()
    };
    let response = send(&router, request("/read")).await;
    let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap().to_owned();
    assert!(challenge.contains(&format!(r#"resource_metadata="{ORDERS_METADATA}""#)), "{challenge}");
    let misled: Value = serde_json::from_str(&body_text(send(&router, request(PATH)).await).await).unwrap();
    assert_eq!(misled, document(&router, PATH).await);
}

#[tokio::test]
async fn apis_of_one_host_have_own_documents() {
    // F10
    let verifier = verifier();
    let mut router = Router::new();
    for tenant in ["one", "two"] {
        let api = ProtectedResource::new(&format!("https://api.example/{tenant}"), &verifier).unwrap();
        let layer = api.require_scope(format!("{tenant}/read").parse::<Requirement>().unwrap());
        router = router
            .route(&format!("/{tenant}"), on_get(ok).layer(layer))
            .route_service(api.metadata_path(), api.metadata());
    }
    for tenant in ["one", "two"] {
        let response = send(&router, get(&format!("/{tenant}"))).await;
        let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
        let path = format!("/.well-known/oauth-protected-resource/{tenant}");
        assert!(
            challenge.contains(&format!(r#"resource_metadata="https://api.example{path}""#)),
            "{challenge}"
        );
        let document = document(&router, &path).await;
        assert_eq!(document["resource"], format!("https://api.example/{tenant}"));
        assert_eq!(document["scopes_supported"], json!([format!("{tenant}/read")]));
    }
    assert_eq!(status(&router, get("/.well-known/oauth-protected-resource")).await, StatusCode::NOT_FOUND);
}

#[test]
fn resource_identifier_is_https_url_without_fragment() {
    // F07
    let verifier = verifier();
    for identifier in [ORDERS, "https://api.example", "http://127.0.0.1:8080/mcp"] {
        assert_eq!(ProtectedResource::new(identifier, &verifier).unwrap().identifier().as_str(), identifier);
    }
    for identifier in ["http://api.example/orders", "https://api.example/orders#f", "orders", ""] {
        let error = ProtectedResource::new(identifier, &verifier).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { .. }), "{identifier}: {error}");
    }
}

#[test]
fn offline_access_is_no_scope_of_an_api() {
    // F17
    let api = ProtectedResource::new(ORDERS, &verifier()).unwrap();
    let error = api.try_require_scope(all_of(["orders/read", "offline_access"])).unwrap_err();
    assert!(matches!(error, ConfigError::ReservedScope { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        r#"expected scopes of an API, found "offline_access", which is for an issuer"#
    );
    assert!(api.try_require_scope(all_of(["orders/read", "offline_access2"])).is_ok());
    let document: Value = serde_json::from_str(&api.metadata().document()).unwrap();
    assert_eq!(document["scopes_supported"], json!(["offline_access2", "orders/read"]));
}

#[test]
fn metadata_has_at_most_256_scopes() {
    let api = ProtectedResource::new(ORDERS, &verifier()).unwrap();
    for tenant in 0..300 {
        let _layer = api
            .try_require_scope(any_of(
                [format!("{tenant}/read"), format!("{tenant}/admin")]
                    .map(|scope| scope.parse::<Scope>().unwrap()),
            ))
            .unwrap();
    }
    assert_eq!(api.scopes().len(), 256);
    let document: Value = serde_json::from_str(&api.metadata().document()).unwrap();
    assert_eq!(document["scopes_supported"].as_array().unwrap().len(), 256);
}

#[tokio::test]
async fn metadata_behind_layer_or_nested_is_unreachable() {
    // F08: the mistakes that the documentation warns of, and the correct router.
    let api = ProtectedResource::new("https://api.example/v1", &verifier()).unwrap();
    let routes = || Router::new().route("/orders", on_get(ok).layer(api.require_scope("orders/read")));
    let path = api.metadata_path();
    let behind = routes().route_service(path, api.metadata()).layer(api.require_token());
    assert_eq!(status(&behind, get(path)).await, StatusCode::UNAUTHORIZED);
    let nested = Router::new().nest("/v1", routes().route_service(path, api.metadata()));
    assert_eq!(status(&nested, get(path)).await, StatusCode::NOT_FOUND);

    let right = Router::new().nest("/v1", routes().layer(api.require_token()));
    let right = right.route_service(path, api.metadata());
    assert_eq!(status(&right, get("/v1/orders")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&right, get(path)).await, StatusCode::OK);
}

#[test]
fn realm_of_api_applies_to_its_layers() {
    let api = ProtectedResource::new(ORDERS, &verifier()).unwrap().with_realm("orders");
    for layer in [format!("{:?}", api.require_token()), format!("{:?}", api.require_scope("orders/read"))] {
        assert!(layer.contains(r#"realm: "orders""#), "{layer}");
    }
    assert!(format!("{:?}", api.require_token().with_realm("admin")).contains(r#"realm: "admin""#));
    assert!(format!("{api:?}").contains(ORDERS));
}

/// Routes of a verifier with the implied scopes `admin` → `write` → `read`.
fn hierarchical() -> (Router, ProtectedResource) {
    let verifier = Verifier::builder()
        .trust(trusted())
        .implied_scopes("write", ["read"])
        .implied_scopes("admin", ["write"])
        .build()
        .unwrap();
    let api = ProtectedResource::new(ORDERS, &verifier).unwrap();
    let router = Router::new()
        .route("/read", on_get(ok).layer(api.require_scope("read")))
        .route("/write", on_get(ok).layer(api.require_scope(all_of(["read", "write"]))))
        .route("/admin", on_get(ok).layer(api.require_scope("admin")))
        .route("/audit", on_get(ok).layer(api.require_scope(all_of(["audit", "read"]))));
    (router, api)
}

#[tokio::test]
async fn scope_grants_only_what_it_implies() {
    // F16
    let (router, _) = hierarchical();
    for (scopes, open) in [
        ("admin", "/read /write /admin"),
        ("write", "/read /write"),
        ("read", "/read"),
        ("audit read", "/read /audit"),
        ("audit admin", "/read /write /admin /audit"),
        ("administrator", ""),
        ("Admin", ""),
    ] {
        for path in ["/read", "/write", "/admin", "/audit"] {
            let expected = if open.split(' ').any(|one| one == path) { 200 } else { 403 };
            let status = status(&router, with_token(get(path), &token(scopes))).await;
            assert_eq!(status.as_u16(), expected, "{scopes} at {path}");
        }
    }
}

#[tokio::test]
async fn challenge_omits_implied_scopes() {
    // F16
    let (router, api) = hierarchical();
    for (path, scope) in
        [("/read", "read"), ("/write", "write"), ("/admin", "admin"), ("/audit", "audit read")]
    {
        let response = send(&router, get(path)).await;
        let challenge = header_text(&response, &header::WWW_AUTHENTICATE).unwrap();
        assert!(challenge.ends_with(&format!(r#", scope="{scope}""#)), "{path}: {challenge}");
        // The scopes of a challenge are sufficient.
        assert_eq!(status(&router, with_token(get(path), &token(scope))).await, StatusCode::OK, "{path}");
    }
    let document: Value = serde_json::from_str(&api.metadata().document()).unwrap();
    assert_eq!(document["scopes_supported"], json!(["admin", "audit", "read", "write"]));
}

#[test]
fn implied_scopes_are_in_the_claims() {
    // F16
    let verifier =
        Verifier::builder().trust(trusted()).implied_scopes("write", ["read", "list"]).build().unwrap();
    let claims = verifier.verify(token("write other write")).unwrap();
    assert_eq!(claims.scopes().to_string(), "list other read write");
    assert_eq!(claims.claim::<String>("scope").unwrap().as_deref(), Some("write other write"));
    assert!(claims.require("list").is_ok());
    assert!(claims.require("lists").is_err());
    assert_eq!(claims.client_id(), Some(CLIENT));
}

#[test]
fn circular_implied_scopes_are_a_config_error() {
    // F16
    let circle = |last| {
        let builder = Verifier::builder().trust(trusted()).implied_scopes("a", ["b"]);
        builder.implied_scopes("b", [last]).build()
    };
    assert!(circle("c").is_ok());
    let error = circle("a").unwrap_err();
    assert!(matches!(&error, ConfigError::ScopeImpliesItself { .. }), "{error}");
    assert_eq!(error.to_string(), r#"scope "a" implies itself, expected implied scopes without a circle"#);
    let not_a_scope = Verifier::builder().trust(trusted()).implied_scopes("a", ["b c"]).build();
    assert!(matches!(not_a_scope.unwrap_err(), ConfigError::InvalidScope { .. }));
}
