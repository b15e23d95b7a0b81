//! The scheme, the token and the number of headers.

use http::header::AUTHORIZATION;
use scopegate::Error;
use scopegate::http::{Authorization, Authorizer, RejectionReason};
use serde_json::json;
use testkit::{Token as _, bound_to, client_token, thumbprint};

use super::*;

fn unbound() -> String {
    client_token().scope(SCOPE).compact()
}

#[test]
fn bound_token_needs_scheme_dpop_and_proof() {
    // DP01, SEP-1932
    let api = Api::accepting();
    let proof = || proof().sign_with(&CLIENT_KEY);
    assert_eq!(api.outcome(&with_proof(&proof())), (200, "accepted"));
    for proofs in [&[][..], &[&*proof()]] {
        let request = get(&format!("Bearer {}", &*TOKEN), proofs);
        let rejection = api.send(&request).unwrap_err();
        assert!(matches!(
            rejection.reason(),
            RejectionReason::Token(Error::SenderConstrained { binding: "jkt", .. })
        ));
        assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (401, "unacceptable"));
        assert!(api.challenges(&request)[0].contains(r#"error="invalid_token""#));
    }
    // The cached token as well.
    assert_eq!(api.outcome(&get(&format!("Bearer {}", &*TOKEN), &[])), (401, "unacceptable"));
    assert!(api.verifier.verify(&*TOKEN).is_err());
}

#[test]
fn scheme_is_read_without_case() {
    // DP02
    let api = Api::accepting();
    for scheme in ["DPoP ", "dpop ", "DPOP  "] {
        let request = get(&format!("{scheme}{}", &*TOKEN), &[&proof().sign_with(&CLIENT_KEY)]);
        assert_eq!(api.outcome(&request), (200, "accepted"), "{scheme}");
    }
    for authorization in ["DPoP", "DPoP a b", "DPoP a,b", &format!("DPoP {} b", &*TOKEN)] {
        let request = get(authorization, &[&proof().sign_with(&CLIENT_KEY)]);
        assert_eq!(api.outcome(&request), (400, "not_one_token"), "{authorization}");
    }
}

#[test]
fn unbound_token_under_dpop_is_rejected() {
    // DP03
    let api = Api::accepting();
    let of = |token: &str| {
        let proof = Proof::new(&CLIENT_KEY, "GET", URL, token).sign_with(&CLIENT_KEY);
        get(&format!("DPoP {token}"), &[&proof])
    };
    assert_eq!(api.outcome(&of(&bound().compact())), (200, "accepted"));
    for cnf in [None, Some(json!({})), Some(json!({ "vendor": 1 }))] {
        let token = match cnf {
            Some(cnf) => client_token().scope(SCOPE).claim("cnf", cnf),
            None => client_token().scope(SCOPE),
        };
        let rejection = api.send(&of(&token.compact())).unwrap_err();
        assert!(matches!(rejection.reason(), RejectionReason::Token(Error::NotSenderConstrained)));
        assert_eq!(rejection.status(), 401);
        assert!(api.challenges(&of(&token.compact()))[0].starts_with("DPoP "));
    }
}

#[test]
fn confirmation_must_be_one_canonical_thumbprint() {
    // DP23, MT03
    let api = Api::accepting();
    let jkt = thumbprint(&CLIENT_KEY);
    for cnf in [
        json!({ "jkt": format!("{jkt}=") }),
        json!({ "jkt": &jkt[..42] }),
        json!({ "jkt": "" }),
        json!({ "jkt": 1 }),
        json!({ "jkt": null }),
        json!({ "jkt": [jkt] }),
        json!({ "jkt": jkt, "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!("jkt"),
        json!(null),
    ] {
        let token = client_token().scope(SCOPE).claim("cnf", cnf.clone()).compact();
        let proof = Proof::new(&CLIENT_KEY, "GET", URL, &token).sign_with(&CLIENT_KEY);
        assert_eq!(api.outcome(&get(&format!("DPoP {token}"), &[&proof])), (401, "unacceptable"), "{cnf}");
    }
    let token = client_token().scope(SCOPE).claim("cnf", json!({ "jkt": jkt, "vendor": 1 })).compact();
    let proof = Proof::new(&CLIENT_KEY, "GET", URL, &token).sign_with(&CLIENT_KEY);
    assert_eq!(api.outcome(&get(&format!("DPoP {token}"), &[&proof])), (200, "accepted"));
}

#[test]
fn bearer_token_is_accepted_unless_proofs_are_required() {
    // DP04
    let bearer = |proofs: &[&str]| get(&format!("Bearer {}", unbound()), proofs);
    let accepting = Api::accepting();
    assert!(accepts_bearer(&accepting, &bearer(&[])));
    assert!(accepts_bearer(&accepting, &bearer(&["stray"])));
    let requiring = Api::requiring();
    assert_eq!(requiring.outcome(&bearer(&[])), (401, "proof_required"));
    let [challenge] = requiring.challenges(&bearer(&[])).try_into().unwrap();
    assert!(challenge.starts_with("DPoP ") && !challenge.contains("error="), "{challenge}");
    assert_eq!(requiring.response(&bearer(&[])).detail(), "an access token with a DPoP proof is needed");
    assert_eq!(requiring.outcome(&proven(&proof())), (200, "accepted"));
    assert!(matches!(requiring.verifier.verify(unbound()), Err(Error::ProofRequired)));
    // Also where a token is optional.
    let optional = Authorizer::optional_token(&requiring.verifier);
    assert_eq!(send(&optional, &bearer(&[])).unwrap_err().reason_code(), "proof_required");
}

#[test]
fn two_authorization_headers_are_rejected() {
    // DP05
    let api = Api::accepting();
    let mut request = proven(&proof());
    request.headers_mut().append(AUTHORIZATION, format!("Bearer {}", &*TOKEN).parse().unwrap());
    assert_eq!(api.outcome(&request), (400, "several_headers"));
    let challenges = api.challenges(&request);
    assert_eq!(challenges.len(), 2);
    assert!(challenges.iter().all(|one| one.contains(r#"error="invalid_request""#)), "{challenges:?}");
}

#[test]
fn exactly_one_dpop_header_is_accepted() {
    // DP06
    let api = Api::accepting();
    let authorization = format!("DPoP {}", &*TOKEN);
    let proof = || proof().sign_with(&CLIENT_KEY);
    assert_eq!(api.outcome(&get(&authorization, &[&proof()])), (200, "accepted"));
    let (one, other) = (proof(), proof());
    for proofs in [&[&*one, &*other][..], &[&format!("{one}, {other}")], &[], &[""]] {
        let request = get(&authorization, proofs);
        assert_eq!(api.outcome(&request), (401, "invalid_proof"), "{}", proofs.len());
        assert!(api.challenges(&request)[0].contains(r#"error="invalid_dpop_proof""#));
    }
    assert_eq!(api.outcome(&get(&authorization, &[&one])), (200, "accepted"), "it was not used up");
}

#[test]
fn scheme_dpop_without_settings_is_unsupported() {
    let verifier = testkit::verifier_for_client([KEY.jwk()]);
    let authorizer = Authorizer::require_token(&verifier);
    let rejection = send(&authorizer, &proven(&proof())).unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (401, "unsupported_scheme"));
    assert!(verifier.verify(bound_to(&CLIENT_KEY, client_token()).compact()).is_err());
}

#[test]
fn decision_by_headers_alone_rejects_bound_tokens() {
    // Without the method and the URL, a proof cannot be checked.
    let api = Api::accepting();
    for authorizer in [&api.authorizer, &Authorizer::optional_token(&api.verifier)] {
        let decided = authorizer.authorize(proven(&proof()).headers());
        assert!(matches!(decided, Authorization::Ready(Err(rejection)) if rejection.status() == 401));
    }
}
