//! Opaque tokens that are bound to a key of their client (RFC 9449 §6.2).

use scopegate::http::{Authorizer, Grant};
use scopegate::{Dpop, Verifier};
use serde_json::json;
use testkit::{Proof, thumbprint};

use super::endpoint::Endpoint;
use crate::dpop::{CLIENT_KEY, ORIGIN, OTHER_CLIENT_KEY, SCOPE, URL, get};

async fn authorizer(endpoint: &Endpoint, dpop: Option<Dpop>) -> Authorizer {
    let builder = Verifier::builder().trust(endpoint.issuer());
    let builder = match dpop {
        Some(dpop) => builder.dpop(dpop.origin(ORIGIN)),
        None => builder,
    };
    Authorizer::require_scope(&builder.start().await.unwrap(), SCOPE).unwrap()
}

/// Returns the status and the reason code of a request with these headers.
async fn outcome(authorizer: &Authorizer, authorization: &str, proofs: &[&str]) -> (u16, &'static str) {
    let request = get(authorization, proofs);
    let decided = authorizer.authorize_request(request.method(), request.uri(), request.headers());
    let recorded = match decided.settle(authorizer).await {
        Ok(Grant::Proven(proven)) => proven.record_and_wait(None).await.map(drop),
        Ok(Grant::Accepted(_)) => Ok(()),
        Err(rejection) => Err(rejection),
    };
    match recorded {
        Ok(()) => (200, "accepted"),
        Err(rejection) => (rejection.status().as_u16(), rejection.reason_code()),
    }
}

fn proof(token: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Proof::new(&CLIENT_KEY, "GET", URL, token).claim("iat", now).sign_with(&CLIENT_KEY)
}

/// Activates a token that is bound to the client's key, an unbound token, and a token that is bound
/// to a certificate.
async fn endpoint() -> Endpoint {
    let endpoint = Endpoint::start().await;
    let confirmation = json!({ "jkt": thumbprint(&CLIENT_KEY) });
    let bound = json!({ "scope": SCOPE, "token_type": "DPoP", "cnf": confirmation });
    endpoint.activate("bound", &bound);
    endpoint.activate("unbound", &json!({ "scope": SCOPE }));
    let certificate = json!({ "x5t#S256": thumbprint(&CLIENT_KEY) });
    endpoint.activate("certificate", &json!({ "scope": SCOPE, "cnf": certificate }));
    endpoint
}

#[tokio::test]
async fn bound_token_needs_a_proof_at_each_use() {
    // IN10, DP43
    let endpoint = endpoint().await;
    let authorizer = authorizer(&endpoint, Some(Dpop::accept())).await;
    // First without a proof: its rejection must not be remembered for the client.
    assert_eq!(outcome(&authorizer, "Bearer bound", &[]).await, (401, "unacceptable"));
    for _ in 0..2 {
        assert_eq!(outcome(&authorizer, "DPoP bound", &[&proof("bound")]).await, (200, "accepted"));
        assert_eq!(outcome(&authorizer, "Bearer bound", &[]).await, (401, "unacceptable"));
        let of_other_key = Proof::new(&OTHER_CLIENT_KEY, "GET", URL, "bound").sign_with(&OTHER_CLIENT_KEY);
        let stolen = outcome(&authorizer, "DPoP bound", &[&of_other_key]).await;
        assert_eq!(stolen.0, 401);
        assert_eq!(outcome(&authorizer, "DPoP bound", &[&proof("other")]).await.0, 401, "`ath`");
    }
    assert_eq!(endpoint.calls(), 1);
    assert_eq!(outcome(&authorizer, "DPoP unbound", &[&proof("unbound")]).await.0, 401);
    assert_eq!(outcome(&authorizer, "Bearer unbound", &[]).await, (200, "accepted"));
    assert_eq!(outcome(&authorizer, "Bearer certificate", &[]).await, (401, "unacceptable"));
}

#[tokio::test]
async fn bound_token_is_rejected_without_dpop() {
    // IN10
    let endpoint = endpoint().await;
    let authorizer = authorizer(&endpoint, None).await;
    assert_eq!(outcome(&authorizer, "Bearer bound", &[]).await, (401, "unacceptable"));
    assert_eq!(outcome(&authorizer, "DPoP bound", &[&proof("bound")]).await.0, 401);
    assert_eq!(outcome(&authorizer, "Bearer unbound", &[]).await, (200, "accepted"));
}

#[tokio::test]
async fn required_proof_applies_to_opaque_tokens() {
    // IN10
    let endpoint = endpoint().await;
    let authorizer = authorizer(&endpoint, Some(Dpop::require())).await;
    assert_eq!(outcome(&authorizer, "Bearer unbound", &[]).await, (401, "proof_required"));
    assert_eq!(outcome(&authorizer, "DPoP bound", &[&proof("bound")]).await, (200, "accepted"));
    assert_eq!(endpoint.calls(), 1, "a bearer token causes no call");
}
