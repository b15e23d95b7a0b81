//! Opaque tokens that are bound to a key of their client (RFC 9449 §6.2), or to a client certificate (RFC 8705
//! §3.2).

use scopegate::http::{Authorizer, Grant, RequestHead};
use scopegate::{CertificateSource, ClientCertificates, Dpop, PeerCertificate, Verifier};
use serde_json::json;
use testkit::{Proof, thumbprint};

use super::endpoint::Endpoint;
use crate::certificates::{CERTIFICATE, OTHER};
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
    let certificate = json!({ "x5t#S256": CERTIFICATE.thumbprint() });
    endpoint.activate("certificate", &json!({ "scope": SCOPE, "cnf": certificate }));
    let both = json!({ "jkt": thumbprint(&CLIENT_KEY), "x5t#S256": CERTIFICATE.thumbprint() });
    endpoint.activate("both", &json!({ "scope": SCOPE, "token_type": "DPoP", "cnf": both }));
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

/// Returns the status and the reason code of a request over TLS.
async fn over_tls(
    authorizer: &Authorizer,
    authorization: &str,
    proofs: &[&str],
    certificate: Option<&PeerCertificate>,
) -> (u16, &'static str) {
    let request = get(authorization, proofs);
    let mut head = RequestHead::new(request.headers()).with_target(request.method(), request.uri());
    if let Some(certificate) = certificate {
        head = head.with_certificate(certificate);
    }
    let recorded = match authorizer.authorize_head(head).settle(authorizer).await {
        Ok(Grant::Proven(proven)) => proven.record_and_wait(None).await.map(drop),
        Ok(Grant::Accepted(_)) => Ok(()),
        Err(rejection) => Err(rejection),
    };
    match recorded {
        Ok(()) => (200, "accepted"),
        Err(rejection) => (rejection.status().as_u16(), rejection.reason_code()),
    }
}

#[tokio::test]
async fn opaque_token_needs_its_certificate_at_each_use() {
    // MT15, MT01, MT03
    let endpoint = endpoint().await;
    let certificates = ClientCertificates::accept(CertificateSource::Tls);
    let builder = Verifier::builder().trust(endpoint.issuer()).dpop(Dpop::accept().origin(ORIGIN));
    let verifier = builder.client_certificates(certificates).start().await.unwrap();
    let authorizer = Authorizer::require_scope(&verifier, SCOPE).unwrap();
    let [own, other] = [CERTIFICATE.of_tls(), OTHER.of_tls()];
    let token = "Bearer certificate";
    // First without it: its rejection must not be remembered for the client.
    assert_eq!(over_tls(&authorizer, token, &[], None).await, (401, "missing_certificate"));
    for _called_and_cached in 0..2 {
        assert_eq!(over_tls(&authorizer, token, &[], Some(&own)).await, (200, "accepted"));
        assert_eq!(over_tls(&authorizer, token, &[], Some(&other)).await, (401, "wrong_certificate"));
        assert_eq!(over_tls(&authorizer, token, &[], None).await, (401, "missing_certificate"));
    }
    assert_eq!(endpoint.calls(), 1);
    // First with a proof only.
    assert_eq!(
        over_tls(&authorizer, "DPoP both", &[&proof("both")], None).await,
        (401, "missing_certificate")
    );
    for _called_and_cached in 0..2 {
        let wrong = over_tls(&authorizer, "DPoP both", &[&proof("both")], Some(&other)).await;
        assert_eq!(wrong, (401, "wrong_certificate"));
        let both = over_tls(&authorizer, "DPoP both", &[&proof("both")], Some(&own)).await;
        assert_eq!(both, (200, "accepted"));
        assert_eq!(over_tls(&authorizer, "DPoP both", &[], Some(&own)).await.0, 401);
        assert_eq!(over_tls(&authorizer, "Bearer both", &[], Some(&own)).await, (401, "unacceptable"));
    }
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn required_certificate_applies_to_opaque_tokens() {
    // MT15, MT04
    let endpoint = endpoint().await;
    let certificates = ClientCertificates::require(CertificateSource::Tls);
    let builder = Verifier::builder().trust(endpoint.issuer()).client_certificates(certificates);
    let authorizer = Authorizer::require_scope(&builder.start().await.unwrap(), SCOPE).unwrap();
    let own = CERTIFICATE.of_tls();
    assert_eq!(over_tls(&authorizer, "Bearer certificate", &[], Some(&own)).await, (200, "accepted"));
    let unbound = over_tls(&authorizer, "Bearer unbound", &[], Some(&own)).await;
    assert_eq!(unbound, (401, "not_certificate_bound"));
    for token in ["Bearer certificate", "Bearer unbound", "Bearer invented"] {
        assert_eq!(over_tls(&authorizer, token, &[], None).await, (401, "missing_certificate"));
    }
    assert_eq!(endpoint.calls(), 2, "a request without a certificate causes no call");
}
