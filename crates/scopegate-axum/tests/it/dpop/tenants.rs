//! Tenants, each with an origin of its own.

use super::*;

#[test]
fn resource_has_the_origin_of_proofs() {
    // DP18, DP39
    let verifier = accepting();
    assert!(ProtectedResource::new("https://api.example/v1", &verifier).is_ok());
    let other = ProtectedResource::new("https://a.example/v1", &verifier);
    assert!(matches!(other, Err(ConfigError::OutOfRange { .. })), "{other:?}");
}

/// Returns an API with two tenants, which have a host each.
fn orders_of_tenants(verifier: &Verifier) -> Router {
    let tenant = |identifier: &str| {
        let servers = AuthorizationServers::new(verifier, [testkit::ISSUER]).unwrap();
        TenantResource::new(identifier, servers).unwrap()
    };
    let (a, b) = (tenant("https://a.example/v1"), tenant("https://b.example:8443"));
    let api =
        ProtectedResource::new(ORIGIN, verifier).unwrap().with_tenant_for(move |request| match request_host(
            request,
        )
        .as_deref()
        {
            Some("a.example") => Some(a.clone()),
            Some("b.example") => Some(b.clone()),
            _ => None,
        });
    let any = api.require_scope("orders/read");
    let without_tenant = any.clone().with_issuers_for(|_| AcceptedIssuers::issuers([testkit::ISSUER]));
    Router::new().route("/orders", on_get(who).layer(any)).route("/all", on_get(who).layer(without_tenant))
}

fn at_host(host: &str, path: &str, url: &str) -> Request<Body> {
    let mut request = with_proof(get(path), &Proof::new(&CLIENT_KEY, "GET", url, &TOKEN));
    request.headers_mut().insert(header::HOST, host.parse().unwrap());
    request
}

#[tokio::test]
async fn proof_names_origin_of_the_tenant() {
    // DP16, DP18
    let router = orders_of_tenants(&accepting());
    for (host, path, url, expected) in [
        ("a.example", "/orders", "https://a.example/orders", 200),
        ("a.example", "/orders", "https://b.example:8443/orders", 401),
        ("a.example", "/orders", "https://api.example/orders", 401),
        ("b.example", "/orders", "https://b.example:8443/orders", 200),
        ("b.example", "/orders", "https://b.example/orders", 401),
        ("b.example", "/orders", "https://a.example/orders", 401),
        // Without a tenant, the origin of the settings counts.
        ("c.example", "/all", "https://api.example/all", 200),
        ("c.example", "/all", "https://c.example/all", 401),
        ("c.example", "/all", "https://a.example/all", 401),
        ("c.example", "/orders", "https://api.example/orders", 401),
    ] {
        let response = send(&router, at_host(host, path, url)).await;
        assert_eq!(response.status(), expected, "{host} {url}");
        let expected = match (expected, path, host) {
            (200, ..) => None,
            // The proof is valid, and no issuer is.
            (_, "/orders", "c.example") => Some("wrong_issuer"),
            _ => Some("invalid_proof"),
        };
        let found = response.extensions().get::<Rejection>().map(Rejection::reason_code);
        assert_eq!(found, expected, "{host} {url}");
    }
    let mut forwarded = at_host("b.example", "/orders", "https://a.example/orders");
    forwarded.headers_mut().insert("x-forwarded-host", "a.example".parse().unwrap());
    assert_eq!(status(&router, forwarded).await, 401);
}

#[tokio::test]
async fn proof_of_one_tenant_is_invalid_at_another() {
    // DP25: before and after its use.
    let router = orders_of_tenants(&accepting());
    let of_a = at_host("a.example", "/orders", "https://a.example/orders");
    let at_b = || {
        let mut request = again(&of_a);
        request.headers_mut().insert(header::HOST, "b.example".parse().unwrap());
        request
    };
    assert_eq!(reason(&send(&router, at_b()).await), "invalid_proof");
    assert_eq!(status(&router, again(&of_a)).await, 200);
    assert_eq!(reason(&send(&router, at_b()).await), "invalid_proof");
    assert_eq!(reason(&send(&router, again(&of_a)).await), "proof_replayed");
}

#[tokio::test]
async fn proof_of_wrong_host_is_not_used_up() {
    // DP25: the token's issuer is not accepted for the request.
    let by_host = |request: &Parts| match request_host(request).as_deref() {
        Some("a.example") => AcceptedIssuers::issuers([testkit::ISSUER]),
        _ => AcceptedIssuers::none(),
    };
    let layer = RequireScope::new(&accepting(), "orders/read").with_issuers_for(by_host);
    let router = Router::new().route("/orders", on_get(who).layer(layer));
    let at = |host: &str, request: &Request<Body>| {
        let mut request = again(request);
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        request
    };
    // The second round has a cached token.
    for _ in 0..2 {
        let request = proven("/orders");
        let rejected = send(&router, at("b.example", &request)).await;
        assert_eq!((rejected.status().as_u16(), reason(&rejected)), (401, "wrong_issuer"));
        assert_eq!(status(&router, at("a.example", &request)).await, 200);
        let replayed = send(&router, at("a.example", &request)).await;
        assert_eq!((replayed.status().as_u16(), reason(&replayed)), (401, "proof_replayed"));
    }
    // A bearer token as well.
    let layer = RequireToken::new(&accepting()).with_issuers(AcceptedIssuers::none());
    let router = Router::new().route("/orders", on_get(who).layer(layer));
    let bearer = client_token().scope("orders/read").compact();
    assert_eq!(reason(&send(&router, with_token(get("/orders"), &bearer)).await), "wrong_issuer");
}
