//! Nonces of the API (RFC 9449 §9).

use scopegate::DpopNonces;

use super::*;

fn with_nonces(dpop: Dpop) -> (Api, DpopNonces) {
    let nonces = DpopNonces::new();
    (Api::with(dpop.nonces(&nonces)), nonces)
}

/// Returns the nonce of the response to a rejected request.
fn nonce(api: &Api, request: &Request<()>) -> Option<String> {
    let template = api.response(request);
    let mut nonces = template.headers().filter(|(name, _)| *name == "dpop-nonce");
    let nonce = nonces.next().map(|(_, value)| value.to_str().unwrap().to_owned());
    assert!(nonces.next().is_none(), "there is one nonce");
    nonce
}

#[test]
fn proof_without_nonce_gets_one_and_retry_passes() {
    // DP33
    let (api, _) = with_nonces(Dpop::accept());
    let request = proven(&proof());
    assert_eq!(api.outcome(&request), (401, "nonce_required"));
    assert!(api.challenges(&request)[0].contains(r#"error="use_dpop_nonce""#));
    let nonce = nonce(&api, &request).unwrap();
    assert!(nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
    assert_eq!(api.outcome(&proven(&proof().claim("nonce", nonce))), (200, "accepted"));
    // Without nonces, the claim has no effect, and no response has one.
    let without = Api::accepting();
    assert_eq!(without.outcome(&proven(&proof().claim("nonce", "any"))), (200, "accepted"));
    assert_eq!(self::nonce(&without, &proven(&proof().claim("ath", "x"))), None);
}

#[test]
fn only_nonce_of_this_api_is_accepted() {
    // DP34
    let (api, nonces) = with_nonces(Dpop::accept());
    let (other, _) = with_nonces(Dpop::accept());
    let of_another_api = nonce(&other, &proven(&proof())).unwrap();
    let valid = nonce(&api, &proven(&proof())).unwrap();
    for wrong in ["", "garbage", &of_another_api] {
        let request = proven(&proof().claim("nonce", wrong));
        assert_eq!(api.outcome(&request), (401, "nonce_required"), "{wrong}");
        assert!(nonce(&api, &request).is_some());
    }
    assert_eq!(api.outcome(&proven(&proof().claim("nonce", 1))), (401, "invalid_proof"));
    assert_eq!(api.outcome(&proven(&proof().claim("nonce", &*valid))), (200, "accepted"));
    // Two rotations ago (DP36), and older than its life.
    nonces.rotate_to([1; 32]).unwrap();
    assert_eq!(api.outcome(&proven(&proof().claim("nonce", &*valid))), (200, "accepted"));
    nonces.rotate_to([2; 32]).unwrap();
    assert_eq!(api.outcome(&proven(&proof().claim("nonce", &*valid))), (401, "nonce_required"));
    let valid = nonce(&api, &proven(&proof())).unwrap();
    let late = proven(&proof().claim("nonce", valid).claim("iat", NOW + 301));
    assert_eq!(api.at(301).outcome(&late), (401, "nonce_required"));
}

#[test]
fn nonce_does_not_replace_check_of_age() {
    // DP20: RFC 9449 §4.3 (11) lets a server choose. A used proof is stored by its `iat`.
    let (api, _) = with_nonces(Dpop::accept());
    let nonce = nonce(&api, &proven(&proof())).unwrap();
    let issued_at = |seconds: u64| proven(&proof().claim("nonce", &*nonce).claim("iat", seconds));
    for (accepted, rejected) in [(NOW - 59, NOW - 61), (NOW + 9, NOW + 11)] {
        assert_eq!(api.outcome(&issued_at(accepted)), (200, "accepted"));
        assert_eq!(api.outcome(&issued_at(rejected)), (401, "invalid_proof"));
    }
}

#[test]
fn nonce_lives_for_half_to_whole_lifetime() {
    // DP34: 2.5 to 5 min by default. It was created 100 s after the begin of a slice.
    let (api, _) = with_nonces(Dpop::accept());
    let into_slice = NOW % 150;
    let created = 150 - into_slice + 100;
    let valid = nonce(api.at(created), &proven(&proof())).unwrap();
    let used = |age: u64| {
        let now = created + age;
        let request = proven(&proof().claim("nonce", &*valid).claim("iat", NOW + now));
        api.at(now).outcome(&request)
    };
    assert_eq!(used(150), (200, "accepted"));
    assert_eq!(used(199), (200, "accepted"));
    assert_eq!(used(200), (401, "nonce_required"));
}

#[test]
fn response_to_old_nonce_has_the_next_one() {
    // DP35
    let (api, _) = with_nonces(Dpop::accept());
    let valid = nonce(&api, &proven(&proof())).unwrap();
    let headers = |seconds: u64| {
        let request = proven(&proof().claim("nonce", &*valid).claim("iat", NOW + seconds));
        let mut headers = HeaderMap::new();
        api.at(seconds).send(&request).unwrap().add_headers(&mut headers);
        headers
    };
    assert!(headers(0).is_empty());
    let old = headers(200);
    assert_eq!((old.len(), &old["cache-control"]), (2, &"no-store".parse().unwrap()));
    let next = old["dpop-nonce"].to_str().unwrap();
    assert_ne!(next, valid);
    let request = proven(&proof().claim("nonce", next).claim("iat", NOW + 200));
    assert!(api.send(&request).unwrap().next_nonce().is_none());
}

#[test]
fn rejection_for_other_reason_has_a_nonce() {
    // DP37
    let (api, _) = with_nonces(Dpop::accept());
    let request = proven(&proof().claim("ath", "wrong"));
    assert_eq!(api.outcome(&request), (401, "invalid_proof"));
    assert!(nonce(&api, &request).is_some());
    let expired = bound().expired().compact();
    let of_expired = Proof::new(&CLIENT_KEY, "GET", URL, &expired).sign_with(&CLIENT_KEY);
    assert!(nonce(&api, &get(&format!("DPoP {expired}"), &[&of_expired])).is_some());
}

#[test]
fn bearer_caller_gets_no_nonce() {
    // DP38
    let (api, _) = with_nonces(Dpop::accept());
    let expired = client_token().expired().compact();
    assert_eq!(nonce(&api, &get(&format!("Bearer {expired}"), &[])), None);
    assert_eq!(nonce(&api, &get("Basic dTpw", &[])), None);
    assert_eq!(nonce(&api, &get("Bearer a b", &[])), None);
}

#[test]
fn request_without_nonce_does_not_use_up_its_proof() {
    // DP33: the nonce is checked before the proof is recorded.
    let (api, _) = with_nonces(Dpop::accept());
    let nonce = nonce(&api, &proven(&proof().claim("jti", "same"))).unwrap();
    assert_eq!(api.outcome(&proven(&proof().claim("jti", "same").claim("nonce", nonce))), (200, "accepted"));
}
