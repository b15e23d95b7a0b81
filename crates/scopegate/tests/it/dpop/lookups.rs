//! Revocations, status lists and accepted issuers apply to bound tokens as to bearer tokens, after
//! the proof and before its use is recorded.

use scopegate::http::Grant;
use scopegate::{AcceptedIssuers, Issuer, Revocation, Revocations, StatusList};
use scopegate_issuer::Mint;
use testkit::{CLIENT, ISSUER, jwks};

use super::*;
use crate::status_list::fixture::{Reply, Server};

/// Returns the status and the reason code. Waits for a status list.
async fn outcome(authorizer: &Authorizer, request: &Request<()>) -> (u16, &'static str) {
    outcome_of(authorizer, authorizer_request(authorizer, request)).await
}

fn authorizer_request(authorizer: &Authorizer, request: &Request<()>) -> Authorization {
    authorizer.authorize_request(request.method(), request.uri(), request.headers())
}

async fn outcome_of(authorizer: &Authorizer, authorization: Authorization) -> (u16, &'static str) {
    let recorded = match authorization.settle(authorizer).await {
        Ok(Grant::Proven(proven)) => proven.record_and_wait(None).await,
        Ok(Grant::Accepted(_)) => panic!("there was no proof"),
        Err(rejection) => Err(rejection),
    };
    match recorded {
        Ok(_) => (200, "accepted"),
        Err(rejection) => (rejection.status().as_u16(), rejection.reason_code()),
    }
}

/// A request with a token that is bound to [`CLIENT_KEY`], and a fresh proof that `draft` changes.
fn request_with(token: &str, draft: impl FnOnce(Proof) -> Proof) -> Request<()> {
    let proof = draft(Proof::new(&CLIENT_KEY, "GET", URL, token)).sign_with(&CLIENT_KEY);
    get(&format!("DPoP {token}"), &[&proof])
}

fn request(token: &str) -> Request<()> {
    request_with(token, |proof| proof)
}

fn accepting() -> Dpop {
    Dpop::accept().origin(ORIGIN)
}

#[tokio::test]
async fn revoked_bound_token_is_rejected_though_cached() {
    // DP43
    let revocations = Revocations::builder().clock(|| UNIX_EPOCH + Duration::from_secs(NOW)).build();
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let verifier = testkit::builder_at(NOW).trust(issuer).dpop(accepting()).revocations(&revocations);
    let verifier = verifier.build().unwrap();
    let authorizer = Authorizer::require_scope(&verifier, SCOPE).unwrap();
    let token = bound().claim("jti", "id-1").compact();
    assert_eq!(outcome(&authorizer, &request(&token)).await, (200, "accepted"));
    assert_eq!(verifier.status().cached_tokens(), 1);

    let revocation = Revocation::token(ISSUER, "id-1");
    revocations.revoke(revocation.clone()).unwrap();
    let rejected = request(&token);
    assert_eq!(outcome(&authorizer, &rejected).await, (401, "revoked"));
    // The proof comes first.
    let wrong = request_with(&token, |proof| proof.claim("htm", "PUT"));
    assert_eq!(outcome(&authorizer, &wrong).await, (401, "invalid_proof"));
    revocations.withdraw(&revocation);
    assert_eq!(outcome(&authorizer, &rejected).await, (200, "accepted"), "its proof was not used up");
}

/// Requires a scope, a proof for a bound token, and a valid status in the server's list.
fn with_status_lists(server: &Server) -> Authorizer {
    let builder = server.builder().trust(server.issuer(StatusList::required())).dpop(accepting());
    Authorizer::require_scope(&builder.start_lazy().unwrap(), SCOPE).unwrap()
}

#[tokio::test]
async fn status_of_bound_token_is_looked_up() {
    // SL01
    let server = Server::start().await;
    server.publish(&[0, 1]);
    let authorizer = with_status_lists(&server);
    let token = |index| bound_to(&CLIENT_KEY, server.token(index).scope(SCOPE)).compact();
    let (valid, invalid) = (token(0), token(1));
    // The second round has cached tokens.
    for _ in 0..2 {
        assert_eq!(outcome(&authorizer, &request(&valid)).await, (200, "accepted"));
        assert_eq!(outcome(&authorizer, &request(&invalid)).await, (401, "invalid_status"));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn proof_is_checked_before_list_is_fetched() {
    // DP25: a thief without the key causes no request.
    let server = Server::start().await;
    server.publish(&[0]);
    let authorizer = with_status_lists(&server);
    let token = bound_to(&CLIENT_KEY, server.token(0).scope(SCOPE)).compact();
    let by_thief = Proof::new(&OTHER_CLIENT_KEY, "GET", URL, &token).sign_with(&OTHER_CLIENT_KEY);
    for (request, reason) in [
        (get(&format!("DPoP {token}"), &[&by_thief]), "invalid_proof"),
        (get(&format!("DPoP {token}"), &[]), "invalid_proof"),
        (get(&format!("Bearer {token}"), &[]), "unacceptable"),
    ] {
        assert_eq!(outcome(&authorizer, &request).await, (401, reason));
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(server.requests(), 0);
    assert_eq!(outcome(&authorizer, &request(&token)).await, (200, "accepted"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn unavailable_list_does_not_use_up_the_proof() {
    // DP25
    let server = Server::start().await;
    server.reply("1", Reply::Status(500));
    let authorizer = with_status_lists(&server);
    let request = request(&bound_to(&CLIENT_KEY, server.token(0).scope(SCOPE)).compact());
    assert_eq!(outcome(&authorizer, &request).await, (503, "status_unavailable"));
    server.publish(&[0]);
    while outcome(&authorizer, &request).await == (503, "status_unavailable") {
        testkit::pass(Duration::from_secs(1)).await;
    }
    assert_eq!(outcome(&authorizer, &request).await, (401, "proof_replayed"), "it was accepted once");
}

#[tokio::test]
async fn proof_that_expires_during_the_wait_is_rejected() {
    // DP20, DP24: otherwise it could be recorded for no time, and used again.
    for (issued_at, expected) in [(NOW, (200, "accepted")), (NOW - 59, (401, "invalid_proof"))] {
        let server = Server::start().await;
        server.publish(&[0]);
        let authorizer = with_status_lists(&server);
        let token = bound_to(&CLIENT_KEY, server.token(0).scope(SCOPE)).compact();
        let request = request_with(&token, |proof| proof.claim("iat", issued_at));
        let pending = authorizer_request(&authorizer, &request);
        assert!(matches!(pending, Authorization::Pending(_)));
        server.set_clock(2);
        assert_eq!(outcome_of(&authorizer, pending).await, expected);
    }
}

const A: &str = "https://sso.example/realms/a";
const B: &str = "https://sso.example/realms/b";

/// A verifier of two tenants, and a bound token of one of them.
fn tenants() -> (Verifier, impl Fn(&str) -> String) {
    let issuer = |name| Issuer::keycloak(name).unwrap().audience("api").jwks(jwks([KEY.jwk()]));
    let verifier = testkit::builder_at(NOW).trust(issuer(A)).trust(issuer(B)).dpop(accepting());
    let token = |iss: &str| {
        let mint = Mint::cognito(iss, CLIENT).issued_at(NOW).lifetime(600).without_claim("token_use");
        let mint = mint.without_claim("client_id").claim("aud", "api").claim("azp", CLIENT);
        bound_to(&CLIENT_KEY, mint.claim("typ", "Bearer").scope(SCOPE)).sign_with(&KEY)
    };
    (verifier.build().unwrap(), token)
}

#[tokio::test]
async fn bound_token_of_other_issuer_is_rejected() {
    let (verifier, token) = tenants();
    let all = Authorizer::require_scope(&verifier, SCOPE).unwrap();
    for accepted in [AcceptedIssuers::issuers([A]), AcceptedIssuers::tenants(["a"])] {
        let of_a = all.clone().with_issuers(accepted.clone());
        for (iss, expected) in [(A, (200, "accepted")), (B, (401, "wrong_issuer"))] {
            let token = token(iss);
            // The second round has cached tokens.
            for _ in 0..2 {
                assert_eq!(outcome(&of_a, &request(&token)).await, expected, "{iss}");
                let request = request(&token);
                let (method, uri, headers) = (request.method(), request.uri(), request.headers());
                let decided = all.authorize_request_for(method, uri, headers, accepted.clone());
                assert_eq!(outcome_of(&all, decided).await, expected, "{iss}");
            }
        }
    }
}

#[tokio::test]
async fn wrong_issuer_does_not_use_up_the_proof() {
    // DP25, DP31
    let (verifier, token) = tenants();
    let all = Authorizer::require_scope(&verifier, SCOPE).unwrap();
    let of_b = all.clone().with_issuers(AcceptedIssuers::issuers([B]));
    let request = request(&token(A));
    let rejection = send(&of_b, &request).unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (401, "wrong_issuer"));
    assert_eq!(rejection.claims().unwrap().tenant(), Some("a"));
    let response = of_b.response(&rejection);
    let first = response.headers().find(|(name, _)| *name == WWW_AUTHENTICATE).unwrap().1;
    assert!(
        first.to_str().unwrap().starts_with("DPoP ") && first.to_str().unwrap().contains("invalid_token")
    );
    assert_eq!(outcome(&all, &request).await, (200, "accepted"));
}

#[tokio::test]
async fn bound_token_of_distrusted_issuer_is_rejected_though_cached() {
    let (verifier, token) = tenants();
    let authorizer = Authorizer::require_scope(&verifier, SCOPE).unwrap();
    let token = token(A);
    assert_eq!(outcome(&authorizer, &request(&token)).await, (200, "accepted"));
    let accepted = send(&authorizer, &request(&token)).unwrap();
    assert_eq!(accepted.claims().unwrap().tenant(), Some("a"));
    assert!(verifier.distrust(A).unwrap());
    assert_eq!(outcome(&authorizer, &request(&token)).await, (401, "unknown_issuer"));
}
