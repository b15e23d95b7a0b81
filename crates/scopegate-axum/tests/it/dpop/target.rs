//! The URL that a proof names: nested routes, proxies and forwarded hosts.

use super::*;

#[tokio::test]
async fn proof_names_url_before_nesting() {
    // DP19
    let inner = || orders(&accepting());
    for router in [
        Router::new().nest("/api", Router::new().nest("/v1", inner())),
        Router::new().nest("/api/{version}", inner()),
        Router::new().nest_service("/api/v1", inner()),
        Router::new().nest_service("/api", Router::new().nest_service("/v1", inner())),
    ] {
        assert_eq!(status(&router, proven("/api/v1/orders")).await, 200);
        for path in ["/orders", "/v1/orders", "/api/orders"] {
            let inner = with_proof(get("/api/v1/orders"), &proof("GET", path));
            assert_eq!(reason(&send(&router, inner).await), "invalid_proof", "{path}");
        }
        let query = with_proof(get("/api/v1/orders?x=1"), &proof("GET", "/api/v1/orders"));
        assert_eq!(status(&router, query).await, 200);
    }
}

#[tokio::test]
async fn proof_names_prefix_that_nest_or_proxy_removes() {
    // DP19: a request for the prefix itself arrives as `/`.
    let root = |verifier: &Verifier| {
        Router::new().route("/", on_get(who).layer(RequireScope::new(verifier, "orders/read")))
    };
    let nested = Router::new().nest("/svc", root(&accepting()));
    for (path, other) in [("/svc", "/"), ("/svc", "/svc/")] {
        assert_eq!(status(&nested, with_proof(get(path), &proof("GET", path))).await, 200, "{path}");
        assert_eq!(status(&nested, with_proof(get(path), &proof("GET", other))).await, 401, "{other}");
    }
    let behind_proxy = root(&verifier(Dpop::accept().path_prefix("/svc")));
    for (path, expected) in [("/svc", 200), ("/svc/", 200), ("/", 401), ("/svc/svc", 401)] {
        let request = with_proof(get("/"), &proof("GET", path));
        assert_eq!(status(&behind_proxy, request).await, expected, "{path}");
    }
    // Both: the proxy removes the first part, and `nest` the second.
    let both = Router::new().nest("/v1", root(&verifier(Dpop::accept().path_prefix("/svc"))));
    for (path, expected) in [("/svc/v1", 200), ("/v1", 401), ("/svc", 401)] {
        let request = with_proof(get("/v1"), &proof("GET", path));
        assert_eq!(status(&both, request).await, expected, "{path}");
    }
}

#[tokio::test]
async fn forwarded_host_has_no_effect() {
    // DP18
    let router = orders(&accepting());
    for (url, expected) in [("https://api.example/orders", 200), ("https://evil.example/orders", 401)] {
        let proof = Proof::new(&CLIENT_KEY, "GET", url, &TOKEN);
        let mut request = with_proof(get("/orders"), &proof);
        for name in ["host", "x-forwarded-host"] {
            request.headers_mut().insert(name, "evil.example".parse().unwrap());
        }
        assert_eq!(status(&router, request).await, expected, "{url}");
    }
}
