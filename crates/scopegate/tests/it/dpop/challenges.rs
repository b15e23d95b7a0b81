//! The challenges for callers with and without proofs (RFC 9449 §7.1).

use super::*;

const BEARER: &str = r#"Bearer realm="api", scope="orders/read""#;
const DPOP: &str = r#"DPoP realm="api", algs="ES256 EdDSA", scope="orders/read""#;

fn api(dpop: Dpop) -> Api {
    use scopegate::Algorithm::{ES256, EdDSA};
    Api::with(dpop.algorithms([ES256, EdDSA]))
}

#[test]
fn challenges_name_schemes_and_algorithms() {
    // D22, DP30, DP31
    let without = Request::get("/orders").body(()).unwrap();
    assert_eq!(api(Dpop::accept()).challenges(&without), [BEARER, DPOP]);
    assert_eq!(api(Dpop::require()).challenges(&without), [DPOP]);
    let basic = get("Basic dTpw", &[]);
    assert_eq!(api(Dpop::accept()).challenges(&basic), [BEARER, DPOP]);
    let template = api(Dpop::require()).response(&without);
    assert_eq!(template.detail(), "an access token with a DPoP proof is needed");
    // Also if a handler behind an optional token has raised the rejection.
    for (dpop, expected) in [
        (Dpop::require(), "an access token with a DPoP proof is needed"),
        (Dpop::accept(), "a bearer token is needed"),
    ] {
        let template = api(dpop).authorizer.response(&Rejection::no_credentials());
        assert_eq!(template.detail(), expected);
    }
}

#[test]
fn error_is_in_the_challenge_of_the_request() {
    // DP31, DP32
    let api = api(Dpop::accept());
    let token = bound().expired().compact();
    let proof_of = |token: &str| Proof::new(&CLIENT_KEY, "GET", URL, token).sign_with(&CLIENT_KEY);
    let expired = get(&format!("DPoP {token}"), &[&proof_of(&token)]);
    let [first, second] = api.challenges(&expired).try_into().unwrap();
    assert!(first.starts_with(DPOP) && first.contains(r#"error="invalid_token""#), "{first}");
    assert_eq!(second, BEARER);

    let bearer = get(&format!("Bearer {}", client_token().expired().compact()), &[]);
    let [first, second] = api.challenges(&bearer).try_into().unwrap();
    assert!(first.starts_with(BEARER) && first.contains(r#"error="invalid_token""#), "{first}");
    assert_eq!(second, DPOP);

    let [first, second] = api.challenges(&proven(&proof().claim("htm", "POST"))).try_into().unwrap();
    assert!(first.starts_with(DPOP) && first.contains(r#"error="invalid_dpop_proof""#), "{first}");
    assert_eq!(second, BEARER);
}

#[test]
fn missing_scope_is_403_in_the_scheme_of_the_request() {
    // DP32, SU08
    let api = api(Dpop::accept());
    let token = bound_to(&CLIENT_KEY, client_token().scope("orders/write")).compact();
    let proof = Proof::new(&CLIENT_KEY, "GET", URL, &token).sign_with(&CLIENT_KEY);
    let request = get(&format!("DPoP {token}"), &[&proof]);
    assert_eq!(api.outcome(&request), (403, "insufficient_scope"));
    let [challenge] = api.challenges(&request).try_into().unwrap();
    assert!(
        challenge.starts_with(DPOP) && challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );
    let bearer = get(&format!("Bearer {}", client_token().scope("orders/write").compact()), &[]);
    let [challenge] = api.challenges(&bearer).try_into().unwrap();
    assert!(challenge.starts_with(BEARER), "{challenge}");
}

#[test]
fn texts_without_token_name_no_single_scheme() {
    // An API may accept both schemes, or only proofs.
    for api in [Api::accepting(), Api::requiring()] {
        let text = |request: &Request<()>| api.send(request).unwrap_err().to_string();
        assert_eq!(text(&Request::get("/orders").body(()).unwrap()), "no access token");
        let expected = "expected a supported scheme and a token, found another scheme or none";
        assert_eq!(text(&get("Basic YTpi", &[])), expected);
    }
}
