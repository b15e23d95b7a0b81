//! The checks on the proof itself (RFC 9449 §4.3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::http::RejectionReason;
use scopegate::{Algorithm, DpopProofError, Error};
use serde_json::{Value, json};
use testkit::{thumbprint, token_hash};

use super::*;

/// Asserts that a proof is rejected.
#[track_caller]
fn rejected(api: &Api, request: &Request<()>) -> DpopProofError {
    let rejection = api.send(request).unwrap_err();
    assert_eq!(rejection.status(), 401);
    match rejection.reason() {
        RejectionReason::Token(Error::InvalidProof(error)) => error.clone(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn accepted(api: &Api, proof: &Proof) {
    assert_eq!(api.outcome(&proven(proof)), (200, "accepted"), "{}", proof.payload());
}

#[test]
fn proof_is_one_compact_jwt() {
    // DP07
    let api = Api::accepting();
    let signed = || proof().sign_with(&CLIENT_KEY);
    accepted(&api, &proof());
    let (with_dot, without_dot) = (format!("{}.", signed()), signed().replacen('.', "", 1));
    for wrong in [
        with_dot,
        without_dot,
        format!("{}=", signed()),
        signed().replacen('.', "=.", 1),
        format!("{} {}", &signed()[..20], &signed()[20..]),
        json!({ "payload": "e30", "signatures": [] }).to_string(),
        "x".repeat(8 * 1024),
    ] {
        assert!(matches!(rejected(&api, &with_proof(&wrong)), DpopProofError::NotAJwt { .. }), "{wrong}");
    }
    let padded = |length: usize| {
        let fill = |size: usize| proof().header("x", "x".repeat(size)).sign_with(&CLIENT_KEY);
        let short = fill(0).len();
        (0..8).map(|more| fill((length - short) * 3 / 4 + more)).find(|proof| proof.len() >= length).unwrap()
    };
    assert_eq!(api.outcome(&with_proof(&padded(8 * 1024 - 4))), (200, "accepted"));
    let too_long = rejected(&api, &with_proof(&padded(8 * 1024 + 1)));
    assert!(matches!(too_long, DpopProofError::TooLong { limit: 8_192, found: 8_193.., .. }), "{too_long}");
}

#[test]
fn each_claim_is_present_and_has_its_type() {
    // DP08
    let api = Api::accepting();
    accepted(&api, &proof().claim("more", json!({ "a": 1 })).header("more", 1));
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        let error = rejected(&api, &proven(&proof().without_claim(claim)));
        assert!(
            matches!(error, DpopProofError::MissingClaim { claim: found, .. } if found == claim),
            "{error}"
        );
        let other: Value = if claim == "iat" { "1800000000".into() } else { 1.into() };
        for value in [Value::Null, other, json!([]), json!({}), json!(true)] {
            let error = rejected(&api, &proven(&proof().claim(claim, value)));
            assert!(
                matches!(error, DpopProofError::MalformedClaim { claim: found, .. } if found == claim),
                "{error}"
            );
        }
    }
    let payload = proof().payload();
    let repeated = payload.replacen('{', r#"{"htm":"GET","#, 1);
    let error = rejected(&api, &proven(&proof().raw_payload(repeated)));
    assert!(matches!(error, DpopProofError::InvalidPayload { .. }));
    let header = proof().header_text().replacen('{', r#"{"typ":"dpop+jwt","#, 1);
    assert!(matches!(
        rejected(&api, &proven(&proof().raw_header(header))),
        DpopProofError::InvalidHeader { .. }
    ));
}

#[test]
fn type_is_exactly_dpop_jwt() {
    // DP09
    let api = Api::accepting();
    accepted(&api, &proof());
    for typ in ["JWT", "at+jwt", "application/dpop+jwt", "DPOP+JWT", "dpop", ""] {
        let error = rejected(&api, &proven(&proof().header("typ", typ)));
        assert!(matches!(error, DpopProofError::WrongType { .. }), "{typ}");
    }
    assert!(matches!(
        rejected(&api, &proven(&proof().without_header("typ"))),
        DpopProofError::WrongType { .. }
    ));
}

/// The algorithms whose proofs are short enough.
fn possible_algorithms() -> impl Iterator<Item = Algorithm> {
    let fits = |algorithm: &Algorithm| !matches!(algorithm, Algorithm::MlDsa65 | Algorithm::MlDsa87);
    Algorithm::ALL.iter().copied().filter(fits)
}

#[test]
fn ml_dsa_proof_fits_with_44_only() {
    // ML03, ML05, DP23
    for (algorithm, fits) in
        [(KeyAlgorithm::MlDsa44, true), (KeyAlgorithm::MlDsa65, false), (KeyAlgorithm::MlDsa87, false)]
    {
        let key = SigningKey::generate(algorithm);
        let token = bound_to(&key, client_token().scope(SCOPE)).compact();
        let proof = Proof::new(&key, "GET", URL, &token);
        let (valid, forged) = (proof.sign_with(&key), proof.mint().bad_signature().sign_with(&key));
        assert_eq!(valid.len() <= 8 * 1024, fits, "{algorithm}: {}", valid.len());
        let api = Api::with(Dpop::accept().algorithms(possible_algorithms()));
        let request = |proof: &str| get(&format!("DPoP {token}"), &[proof]);
        if fits {
            assert_eq!(api.outcome(&request(&valid)), (200, "accepted"));
            assert!(matches!(rejected(&api, &request(&forged)), DpopProofError::BadSignature));
            // The thumbprint contains `alg`, so a key without it is another key.
            let mut jwk = key.jwk();
            jwk.as_object_mut().unwrap().remove("alg");
            let nameless = proof.clone().header("jwk", jwk).sign_with(&key);
            assert!(matches!(rejected(&api, &request(&nameless)), DpopProofError::UnusableKey { .. }));
            let other = SigningKey::generate(algorithm);
            let of_another = Proof::new(&other, "GET", URL, &token).sign_with(&other);
            assert!(matches!(rejected(&api, &request(&of_another)), DpopProofError::OtherKey));
        } else {
            assert!(matches!(rejected(&api, &request(&valid)), DpopProofError::TooLong { .. }));
        }
    }
}

#[test]
fn algorithm_is_asymmetric_and_accepted() {
    // DP10
    for (algorithm, key) in [
        (Algorithm::ES256, KeyAlgorithm::ES256),
        (Algorithm::ES384, KeyAlgorithm::ES384),
        (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        (Algorithm::PS256, KeyAlgorithm::PS256),
        (Algorithm::RS256, KeyAlgorithm::RS256),
        (Algorithm::MlDsa44, KeyAlgorithm::MlDsa44),
    ] {
        let key = SigningKey::generate(key);
        let token = bound_to(&key, client_token().scope(SCOPE)).compact();
        let request = || {
            let proof = Proof::new(&key, "GET", URL, &token).sign_with(&key);
            get(&format!("DPoP {token}"), &[&proof])
        };
        assert_eq!(Api::with(Dpop::accept().algorithms([algorithm])).outcome(&request()), (200, "accepted"));
        let others = possible_algorithms().filter(|one| *one != algorithm);
        let error = rejected(&Api::with(Dpop::accept().algorithms(others)), &request());
        assert!(matches!(error, DpopProofError::UnacceptableAlgorithm { found, .. } if found == algorithm));
        let by_default = Api::accepting().outcome(&request());
        let is_default = ![Algorithm::RS256, Algorithm::MlDsa44].contains(&algorithm);
        assert_eq!(by_default.0 == 200, is_default, "{algorithm}");
    }
    let api = Api::with(Dpop::accept().algorithms(possible_algorithms()));
    for name in ["none", "HS256", "es256", ""] {
        let error = rejected(&api, &proven(&proof().header("alg", name)));
        assert!(matches!(error, DpopProofError::InvalidHeader { .. }), "{name}");
    }
    let unsigned = proof().mint().raw_header(proof().header("alg", "none").header_text()).unsigned();
    assert!(matches!(
        rejected(&api, &with_proof(&unsigned.sign_with(&CLIENT_KEY))),
        DpopProofError::NotAJwt { .. }
    ));
}

#[test]
fn critical_extension_is_rejected() {
    // DP11
    let api = Api::accepting();
    accepted(&api, &proof().header("b64", true));
    for proof in [
        proof().header("crit", json!(["b64"])).header("b64", true),
        proof().header("crit", json!([])),
        proof().header("b64", false),
        proof().header("enc", "A256GCM"),
    ] {
        assert!(matches!(rejected(&api, &proven(&proof)), DpopProofError::InvalidHeader { .. }));
    }
}

#[test]
fn signature_is_that_of_the_key_in_the_header() {
    // DP12
    let api = Api::accepting();
    // Names of other keys have no effect.
    accepted(
        &api,
        &proof().header("kid", "other").header("jku", "https://keys.example").header("x5c", json!(["x"])),
    );
    let flipped = proof().mint().bad_signature().sign_with(&CLIENT_KEY);
    assert!(matches!(rejected(&api, &with_proof(&flipped)), DpopProofError::BadSignature));
    let of_another_key = proof().sign_with(&OTHER_CLIENT_KEY);
    assert!(matches!(rejected(&api, &with_proof(&of_another_key)), DpopProofError::BadSignature));
    let tampered = proof().mint().tampered().sign_with(&CLIENT_KEY);
    assert!(matches!(rejected(&api, &with_proof(&tampered)), DpopProofError::BadSignature));
}

#[test]
fn key_in_the_header_is_public_and_sound() {
    // DP13
    let api = Api::accepting();
    let with_jwk = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut jwk = CLIENT_KEY.jwk();
        change(jwk.as_object_mut().unwrap());
        proven(&proof().header("jwk", jwk))
    };
    let member = |name: &'static str, value: &'static str| {
        move |jwk: &mut serde_json::Map<String, Value>| {
            jwk.insert(name.to_owned(), value.into());
        }
    };
    // The holder has signed, whatever a copied member says about the key's use.
    for (name, value) in [("x-vendor", "1"), ("use", "enc"), ("use", ""), ("key_ops", "sign")] {
        assert_eq!(api.outcome(&with_jwk(&member(name, value))), (200, "accepted"), "{name} {value}");
    }
    for operations in [json!(["sign"]), json!([]), json!(["verify", "verify"]), json!(null)] {
        let request = with_jwk(&|jwk| {
            jwk.insert("key_ops".to_owned(), operations.clone());
        });
        assert_eq!(api.outcome(&request), (200, "accepted"), "{operations}");
    }
    for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        let error = rejected(&api, &with_jwk(&member(secret, "AQAB")));
        assert!(matches!(error, DpopProofError::UnusableKey { .. }), "{secret}: {error}");
    }
    for (name, value) in [("kty", "oct"), ("kty", "RSA"), ("crv", "P-192"), ("x", "AQAB"), ("x", "A=")] {
        let error = rejected(&api, &with_jwk(&member(name, value)));
        assert!(matches!(error, DpopProofError::UnusableKey { .. }), "{name} {value}: {error}");
    }
    for jwk in [json!(null), json!("key"), json!([])] {
        let error = rejected(&api, &proven(&proof().header("jwk", jwk)));
        assert!(matches!(error, DpopProofError::UnusableKey { .. }));
    }
    assert!(matches!(
        rejected(&api, &proven(&proof().without_header("jwk"))),
        DpopProofError::UnusableKey { .. }
    ));
    // Off the curve, with a token that is bound to exactly this key.
    let mut jwk = CLIENT_KEY.jwk();
    jwk["y"] = URL_SAFE_NO_PAD.encode([1; 32]).into();
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
    let token = client_token().scope(SCOPE).claim("cnf", json!({ "jkt": token_hash(&text) })).compact();
    let proof = Proof::new(&CLIENT_KEY, "GET", URL, &token).header("jwk", jwk).sign_with(&CLIENT_KEY);
    let error = rejected(&api, &get(&format!("DPoP {token}"), &[&proof]));
    assert!(matches!(error, DpopProofError::UnusableKey { .. }), "{error}");
}

#[test]
fn algorithm_fits_the_key() {
    // DP14
    let api = Api::with(Dpop::accept().algorithms(possible_algorithms()));
    accepted(&api, &proof());
    for name in ["ES384", "RS256", "EdDSA", "PS256", "ML-DSA-44"] {
        let error = rejected(&api, &proven(&proof().header("alg", name)));
        assert!(matches!(error, DpopProofError::UnusableKey { .. }), "{name}: {error}");
    }
    let mut jwk = CLIENT_KEY.jwk();
    jwk["alg"] = "ES384".into();
    let error = rejected(&api, &proven(&proof().header("jwk", jwk.clone())));
    assert!(matches!(error, DpopProofError::UnusableKey { .. }));
    jwk.as_object_mut().unwrap().remove("alg");
    accepted(&api, &proof().header("jwk", jwk));
}

#[test]
fn method_is_compared_with_case() {
    // DP15
    let api = Api::accepting();
    let send = |method: &str, htm: &str| {
        let mut request = proven(&proof().claim("htm", htm));
        *request.method_mut() = method.parse().unwrap();
        api.outcome(&request)
    };
    for method in ["GET", "POST", "PURGE", "get"] {
        assert_eq!(send(method, method), (200, "accepted"), "{method}");
    }
    for (method, htm) in [("GET", "get"), ("GET", "POST"), ("GET", " GET"), ("GET", ""), ("HEAD", "GET")] {
        assert_eq!(send(method, htm), (401, "invalid_proof"), "{method} {htm}");
    }
}

#[test]
fn url_is_that_of_the_request() {
    // DP16, DP17, DP18
    let api = Api::accepting();
    let send = |uri: &str, htu: &str| {
        let mut request = proven(&proof().claim("htu", htu));
        *request.uri_mut() = uri.parse().unwrap();
        for name in ["host", "x-forwarded-host", "forwarded"] {
            request.headers_mut().insert(name, "evil.example".parse().unwrap());
        }
        api.outcome(&request)
    };
    for (uri, htu) in [
        ("/orders", URL),
        ("/orders", "HTTPS://API.EXAMPLE:443/%6Frders"),
        ("/orders?x=1", URL),
        ("/orders?x=1", "https://api.example/orders?y=2"),
        ("/orders", "https://api.example/orders#f"),
        ("/", ORIGIN),
        // Over HTTP/2, and through a proxy that sends the absolute form.
        ("http://inner.example/orders", URL),
    ] {
        assert_eq!(send(uri, htu), (200, "accepted"), "{uri} {htu}");
    }
    for htu in
        ["https://evil.example/orders", "http://api.example/orders", "/orders", "https://api.example/Orders"]
    {
        assert_eq!(send("/orders", htu), (401, "invalid_proof"), "{htu}");
    }
    assert_eq!(send("http://evil.example/orders", "http://evil.example/orders"), (401, "invalid_proof"));
}

#[test]
fn path_prefix_maps_public_url_to_inner_path() {
    // DP19
    let api = Api::with(Dpop::accept().path_prefix("/svc"));
    let send = |htu: &str| api.outcome(&proven(&proof().claim("htu", htu)));
    assert_eq!(send("https://api.example/svc/orders"), (200, "accepted"));
    assert_eq!(send("https://api.example/orders"), (401, "invalid_proof"));
}

#[test]
fn proof_is_accepted_within_its_window() {
    // DP20
    let api = Api::accepting();
    let later = |seconds: f64| json!(f64::from(u32::try_from(NOW).unwrap()) + seconds);
    for iat in [json!(NOW - 60), json!(NOW - 59), json!(NOW + 9), json!(NOW + 10), later(0.5)] {
        accepted(&api, &proof().claim("iat", iat));
    }
    let error = |iat: Value| rejected(&api, &proven(&proof().claim("iat", iat)));
    for late in [json!(NOW - 61), json!(-1), json!(0), later(-60.5)] {
        assert!(matches!(error(late), DpopProofError::Expired { .. }));
    }
    for early in [json!(NOW + 11), later(10.5)] {
        assert!(matches!(error(early), DpopProofError::NotYetValid { .. }));
    }
    for malformed in [json!(1e300), json!(NOW.to_string()), json!([NOW])] {
        assert!(matches!(error(malformed), DpopProofError::MalformedClaim { claim: "iat", .. }));
    }
    let wide = Dpop::accept().max_age(Duration::from_secs(300)).max_clock_skew(Duration::from_secs(60));
    let wide = Api::with(wide);
    accepted(&wide, &proof().claim("iat", NOW - 300));
    accepted(&wide, &proof().claim("iat", NOW + 60));
    assert_eq!(wide.outcome(&proven(&proof().claim("iat", NOW - 301))), (401, "invalid_proof"));
    assert_eq!(wide.outcome(&proven(&proof().claim("iat", NOW + 61))), (401, "invalid_proof"));
}

#[test]
fn hash_is_that_of_the_token() {
    // DP22
    // testkit compares its hash with the example of RFC 9449 §7.1.
    let api = Api::accepting();
    let hash = token_hash(&TOKEN);
    accepted(&api, &proof().claim("ath", &*hash));
    let bytes = URL_SAFE_NO_PAD.decode(&hash).unwrap();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    for wrong in
        [token_hash("other"), hex, format!("{hash}="), token_hash(&format!("{}\n", &*TOKEN)), String::new()]
    {
        assert!(
            matches!(rejected(&api, &proven(&proof().claim("ath", &*wrong))), DpopProofError::OtherToken),
            "{wrong}"
        );
    }
}

#[test]
fn token_is_bound_to_the_key_of_the_proof() {
    // DP23, SEP-1932
    let api = Api::accepting();
    let mut jwk = CLIENT_KEY.jwk();
    for name in ["kid", "alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    accepted(&api, &proof().header("jwk", jwk));
    let other = Proof::new(&OTHER_CLIENT_KEY, "GET", URL, &TOKEN).sign_with(&OTHER_CLIENT_KEY);
    assert!(matches!(rejected(&api, &with_proof(&other)), DpopProofError::OtherKey));
    assert_ne!(thumbprint(&CLIENT_KEY), thumbprint(&OTHER_CLIENT_KEY));
}

#[test]
fn cached_token_checks_each_proof() {
    // DP43
    let api = Api::accepting();
    accepted(&api, &proof());
    let entries = api.verifier.status().cached_tokens();
    accepted(&api, &proof());
    assert_eq!(api.verifier.status().cached_tokens(), entries);
    let other = Proof::new(&OTHER_CLIENT_KEY, "GET", URL, &TOKEN).sign_with(&OTHER_CLIENT_KEY);
    assert!(matches!(rejected(&api, &with_proof(&other)), DpopProofError::OtherKey));
    let flipped = proof().mint().bad_signature().sign_with(&CLIENT_KEY);
    assert!(matches!(rejected(&api, &with_proof(&flipped)), DpopProofError::BadSignature));
}

#[test]
fn id_has_1_to_256_bytes() {
    // DP27
    let api = Api::accepting();
    for length in [1, 256] {
        accepted(&api, &proof().claim("jti", "j".repeat(length)));
    }
    for length in [0, 257] {
        let error = rejected(&api, &proven(&proof().claim("jti", "j".repeat(length))));
        assert!(matches!(error, DpopProofError::MalformedClaim { claim: "jti", .. }), "{length}");
    }
}

#[test]
fn errors_and_debug_show_no_secret() {
    // DP45
    let api = Api::with(Dpop::accept().nonces(&scopegate::DpopNonces::from_secret([77; 32]).unwrap()));
    let secret = "secret-value";
    for proof in [
        proof().claim("jti", secret).claim("htm", "POST"),
        proof().claim("jti", secret).claim("htu", format!("https://api.example/{secret}")),
        proof().claim("jti", secret).claim("htu", format!("https://api.example/?{secret}")),
        proof().claim("nonce", secret),
        proof().claim("jti", secret.repeat(50)),
        proof().claim("ath", secret),
    ] {
        let signed = proof.sign_with(&CLIENT_KEY);
        let request = with_proof(&signed);
        let rejection = api.send(&request).unwrap_err();
        let decided = api.authorizer.authorize_request(request.method(), request.uri(), request.headers());
        let shown =
            format!("{rejection} {rejection:?} {decided:?} {:?} {:?}", api.verifier, rejection.decision());
        assert!(!shown.contains(secret), "{shown}");
        assert!(signed.split('.').chain(TOKEN.split('.')).all(|part| !shown.contains(part)), "{shown}");
    }
}
