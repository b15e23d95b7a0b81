//! Challenges, nonces and the responses of gRPC calls.

use super::*;

#[tokio::test]
async fn handler_rejection_has_challenge_of_caller() {
    // DP32, SU08
    async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
        claims.require("orders/approve")?;
        Ok("approved")
    }
    let layer = RequireScope::new(&accepting(), "orders/read");
    let router = Router::new().route("/orders", on_get(approve).layer(layer));
    let response = send(&router, proven("/orders")).await;
    assert_eq!((response.status().as_u16(), reason(&response)), (403, "insufficient_scope"));
    let [challenge] = challenges(&response).try_into().unwrap();
    assert!(challenge.starts_with("DPoP ") && challenge.contains("orders/approve"), "{challenge}");
    let bearer = client_token().scope("orders/read").compact();
    let response = send(&router, with_token(get("/orders"), &bearer)).await;
    let [challenge] = challenges(&response).try_into().unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
}

#[tokio::test]
async fn optional_token_with_proof_must_be_valid() {
    let layer = OptionalToken::new(&accepting());
    let router = Router::new().route("/orders", on_get(async || "orders").layer(layer));
    assert_eq!(status(&router, get("/orders")).await, 200);
    assert_eq!(status(&router, proven("/orders")).await, 200);
    assert_eq!(status(&router, with_proof(get("/orders"), &proof("POST", "/orders"))).await, 401);
    assert_eq!(status(&router, with_token(get("/orders"), &TOKEN)).await, 401);
}

#[tokio::test]
async fn response_renews_nonce_of_earlier_slice() {
    // DP33, DP35, DP37
    let now = Arc::new(AtomicU64::new(NOW));
    let verifier = verifier_at(Dpop::accept().nonces(&DpopNonces::new()), Arc::clone(&now));
    let router = orders(&verifier);
    let rejected = send(&router, proven("/orders")).await;
    assert_eq!((rejected.status().as_u16(), reason(&rejected)), (401, "nonce_required"));
    assert_eq!(header_text(&rejected, &header::CACHE_CONTROL), Some("no-store"));
    assert!(challenges(&rejected)[0].contains("use_dpop_nonce"));
    let nonce = header_text(&rejected, &NONCE).unwrap().to_owned();
    let with_nonce = |nonce: &str, iat: u64| {
        with_proof(get("/orders"), &proof("GET", "/orders").claim("nonce", nonce).claim("iat", iat))
    };
    let accepted = send(&router, with_nonce(&nonce, NOW)).await;
    assert_eq!(accepted.status(), 200);
    assert_eq!(header_text(&accepted, &NONCE), None);
    now.store(NOW + 200, Ordering::Relaxed);
    let accepted = send(&router, with_nonce(&nonce, NOW + 200)).await;
    assert_eq!(accepted.status(), 200);
    let next = header_text(&accepted, &NONCE).unwrap();
    assert_eq!(header_text(&accepted, &header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(status(&router, with_nonce(next, NOW + 200)).await, 200);
    // DP38
    let bearer =
        send(&router, with_token(get("/orders"), &client_token().scope("orders/read").compact())).await;
    assert_eq!((bearer.status().as_u16(), header_text(&bearer, &NONCE)), (200, None));
    let bearer = send(&router, with_token(get("/orders"), "a.b.c")).await;
    assert_eq!((bearer.status().as_u16(), header_text(&bearer, &NONCE)), (401, None));
}

#[tokio::test]
async fn grpc_call_has_method_and_path_in_its_proof() {
    // DP41
    let layer = RequireScope::new(&accepting(), "orders/read");
    let router = Router::new().route("/shop.Orders/List", on_post(who).layer(layer));
    let call = || {
        Request::post("/shop.Orders/List")
            .version(Version::HTTP_2)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Body::empty())
            .unwrap()
    };
    let accepted = send(&router, with_proof(call(), &proof("POST", "/shop.Orders/List"))).await;
    assert!(!accepted.headers().contains_key("grpc-status"));
    for proof in [proof("GET", "/shop.Orders/List"), proof("POST", "/shop.Orders/Create")] {
        let rejected = send(&router, with_proof(call(), &proof)).await;
        assert_eq!(
            (rejected.status().as_u16(), &rejected.headers()["grpc-status"]),
            (200, &"16".parse().unwrap())
        );
        assert_eq!(challenges(&rejected).len(), 2);
    }
}

#[tokio::test]
async fn step_up_challenge_is_in_the_scheme_of_the_caller() {
    // SU08
    let token = |auth_time: u64| {
        let draft = client_token().scope("orders/read").claim("sub", "user-1").claim("auth_time", auth_time);
        bound_to(&CLIENT_KEY, draft).compact()
    };
    let request = |token: &str, proof: &Proof| {
        let mut request = with_proof(get("/orders"), proof);
        request.headers_mut().insert(header::AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
        request
    };
    let now = Arc::new(AtomicU64::new(NOW));
    let router = |dpop: Dpop| {
        let verifier = verifier_at(dpop, Arc::clone(&now));
        let layer = RequireScope::new(&verifier, "orders/read").with_max_auth_age(Duration::from_secs(300));
        Router::new().route("/orders", on_get(who).layer(layer))
    };
    let old = token(NOW - 301);
    for (dpop, others) in [(Dpop::accept(), 1), (Dpop::require(), 0)] {
        let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &old);
        let response = send(&router(dpop), request(&old, &proof)).await;
        assert_eq!(
            (response.status().as_u16(), reason(&response)),
            (401, "insufficient_user_authentication")
        );
        let [first, rest @ ..] = &*challenges(&response) else { panic!("no challenge") };
        assert!(first.starts_with("DPoP ") && first.contains("max_age=300, error="), "{first}");
        assert_eq!(rest.len(), others);
        assert!(rest.iter().all(|other| !other.contains("error") && !other.contains("max_age")), "{rest:?}");
    }
    // The rejected request has not used up its proof: it is accepted once the requirement is met.
    let router = router(Dpop::accept());
    let recent = token(NOW + 1);
    let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &recent).claim("iat", NOW + 302);
    now.store(NOW + 302, Ordering::Relaxed);
    assert_eq!(reason(&send(&router, request(&recent, &proof)).await), "insufficient_user_authentication");
    now.store(NOW + 301, Ordering::Relaxed);
    assert_eq!(status(&router, request(&recent, &proof)).await, 200);
}
