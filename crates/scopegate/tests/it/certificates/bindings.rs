//! The certificate in the token, and the certificate of the request.

use std::sync::{Arc, Mutex};

use http::header::WWW_AUTHENTICATE;
use http::{Method, Uri};
use scopegate::http::Credentials;
use scopegate::{Dpop, Error};
use scopegate_issuer::{Algorithm as KeyAlgorithm, LocalIssuer, SigningKey};
use serde_json::Value;
use testkit::{Proof, builder_trusting, thumbprint};

use super::*;

#[test]
fn bound_token_needs_its_certificate() {
    // MT01, MT05: the certificate is self-signed and has expired.
    let verifier = with_tls();
    let token = bound_to_certificate(&CERTIFICATE).compact();
    for _fresh_and_cached in 0..2 {
        let sent = Sent::new(&token);
        let claims = sent.clone().over_tls(&CERTIFICATE).decided(&verifier).unwrap().unwrap();
        assert!(claims.is_sender_constrained());
        assert_eq!(sent.clone().over_tls(&OTHER).outcome(&verifier), (401, "wrong_certificate"));
        assert_eq!(sent.outcome(&verifier), (401, "missing_certificate"));
        // Without a request, there is no certificate.
        assert!(matches!(verifier.verify(&token), Err(Error::SenderConstrained { .. })));
        let headers = &sent.headers;
        let Authorization::Ready(Err(rejection)) = Authorizer::require_token(&verifier).authorize(headers)
        else {
            panic!("the certificate is not read")
        };
        assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (401, "unacceptable"));
    }
}

#[tokio::test]
async fn certificate_is_compared_after_a_wait() {
    // MT01: the first fetch of the keys has not ended.
    let local = LocalIssuer::start().await.unwrap();
    let cnf = json!({ "x5t#S256": CERTIFICATE.thumbprint() });
    let token = local.mint().claim("cnf", cnf).sign();
    for (certificate, expected) in [
        (Some(&*CERTIFICATE), "accepted"),
        (Some(&*OTHER), "wrong_certificate"),
        (None, "missing_certificate"),
    ] {
        let certificates = ClientCertificates::accept(CertificateSource::Tls);
        let verifier = builder_trusting(&local).client_certificates(certificates).start_lazy().unwrap();
        let authorizer = Authorizer::require_token(&verifier);
        let mut sent = Sent::new(&token);
        sent.certificate = certificate.map(ClientCertificate::of_tls);
        let authorization = authorizer.authorize_head(sent.head());
        assert!(matches!(authorization, Authorization::Pending(_)));
        let outcome = match authorization.settle(&authorizer).await {
            Ok(_) => "accepted",
            Err(rejection) => rejection.reason_code(),
        };
        assert_eq!(outcome, expected);
    }
}

#[test]
fn wrong_certificate_is_never_cached() {
    // MT01: the first request has the wrong certificate.
    let verifier = with_tls();
    let sent = Sent::new(&bound_to_certificate(&CERTIFICATE).compact());
    assert_eq!(sent.clone().over_tls(&OTHER).outcome(&verifier), (401, "wrong_certificate"));
    assert_eq!(verifier.status().cached_tokens(), 0);
    assert_eq!(sent.clone().over_tls(&CERTIFICATE).outcome(&verifier), (200, "accepted"));
    assert_eq!(verifier.status().cached_tokens(), 1);
    assert_eq!(sent.over_tls(&OTHER).outcome(&verifier), (401, "wrong_certificate"));
}

#[test]
fn rejection_has_challenge_of_invalid_token() {
    // MT01, RFC 8705 §3
    let verifier = with_tls();
    let authorizer = Authorizer::require_token(&verifier);
    let sent = Sent::new(&bound_to_certificate(&CERTIFICATE).compact()).over_tls(&OTHER);
    let response = authorizer.response(&sent.decided(&verifier).unwrap_err()).into_response();
    let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains(r#"error="invalid_token""#),
        "{challenge}"
    );
}

#[test]
fn verifier_without_certificates_rejects_bound_token() {
    let verifier = builder().build().unwrap();
    let sent = Sent::new(&bound_to_certificate(&CERTIFICATE).compact()).over_tls(&CERTIFICATE);
    assert_eq!(sent.outcome(&verifier), (401, "unacceptable"));
    assert_eq!(Sent::new(&unbound()).over_tls(&CERTIFICATE).outcome(&verifier), (200, "accepted"));
}

#[test]
fn confirmation_must_be_one_canonical_thumbprint() {
    // MT02
    let verifier = with_tls();
    let thumbprint = CERTIFICATE.thumbprint();
    let outcome = |cnf: Value| {
        let token = client_token().claim("cnf", cnf).compact();
        Sent::new(&token).over_tls(&CERTIFICATE).outcome(&verifier)
    };
    assert_eq!(outcome(json!({ "x5t#S256": thumbprint, "vendor": 1 })), (200, "accepted"));
    for member in [
        json!(thumbprint[..42]),
        json!(format!("{thumbprint}=")),
        json!(standard_base64(&[0xff; 32])),
        json!(CERTIFICATE.hex_hash()),
        json!(""),
        json!(1),
        json!(null),
        json!([thumbprint]),
    ] {
        let cnf = json!({ "x5t#S256": member });
        assert_eq!(outcome(cnf.clone()), (401, "unacceptable"), "{cnf}");
    }
    for cnf in [json!({ "x5t#S256": thumbprint, "kid": "1" }), json!("x5t#S256"), json!(null)] {
        assert_eq!(outcome(cnf.clone()), (401, "unacceptable"), "{cnf}");
    }
}

#[test]
fn unbound_token_needs_no_certificate_unless_required() {
    // MT04
    let accepting = with_tls();
    assert_eq!(Sent::new(&unbound()).outcome(&accepting), (200, "accepted"));
    assert_eq!(Sent::new(&unbound()).over_tls(&OTHER).outcome(&accepting), (200, "accepted"));
    let requiring = ClientCertificates::require(CertificateSource::Tls);
    let requiring = builder().client_certificates(requiring).build().unwrap();
    for cnf in [None, Some(json!({})), Some(json!({ "vendor": 1 }))] {
        let token = match cnf {
            Some(cnf) => client_token().claim("cnf", cnf),
            None => client_token(),
        };
        let sent = Sent::new(&token.compact());
        assert_eq!(sent.outcome(&requiring), (401, "not_certificate_bound"));
        assert_eq!(sent.over_tls(&CERTIFICATE).outcome(&requiring), (401, "not_certificate_bound"));
    }
    assert!(matches!(requiring.verify(unbound()), Err(Error::NotCertificateBound)));
    let bound = Sent::new(&bound_to_certificate(&CERTIFICATE).compact());
    assert_eq!(bound.clone().over_tls(&CERTIFICATE).outcome(&requiring), (200, "accepted"));
    assert_eq!(bound.outcome(&requiring), (401, "missing_certificate"));
}

#[test]
fn both_bindings_must_be_proven() {
    // MT03, G01
    let certificates = ClientCertificates::accept(CertificateSource::Tls);
    let dpop = Dpop::accept().origin("https://api.example");
    let verifier = builder().client_certificates(certificates).dpop(dpop).build().unwrap();
    let authorizer = Authorizer::require_token(&verifier);
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let cnf = json!({ "jkt": thumbprint(&key), "x5t#S256": CERTIFICATE.thumbprint() });
    let token = client_token().claim("cnf", cnf).compact();
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let outcome = |scheme: &str, has_proof: bool, certificate: Option<&ClientCertificate>| {
        let mut sent = Sent::new(&token);
        sent.headers.insert(AUTHORIZATION, format!("{scheme} {token}").parse().unwrap());
        if has_proof {
            let proof = Proof::new(&key, "GET", "https://api.example/orders", &token);
            sent = sent.header("dpop", &proof.sign_with(&key));
        }
        sent.certificate = certificate.map(ClientCertificate::of_tls);
        match authorizer.authorize_head(sent.head().with_target(&method, &uri)) {
            Authorization::Proven(proven) => {
                assert!(proven.claims().is_sender_constrained());
                "proven"
            }
            Authorization::Ready(Err(rejection)) => rejection.reason_code(),
            other => panic!("{other:?}"),
        }
    };
    for _fresh_and_cached in 0..2 {
        assert_eq!(outcome("DPoP", true, Some(&CERTIFICATE)), "proven");
        assert_eq!(outcome("DPoP", true, None), "missing_certificate");
        assert_eq!(outcome("DPoP", true, Some(&OTHER)), "wrong_certificate");
        assert_eq!(outcome("DPoP", false, Some(&CERTIFICATE)), "invalid_proof");
        assert_eq!(outcome("Bearer", true, Some(&CERTIFICATE)), "unacceptable");
    }
    // A token without a key under the scheme of a key.
    let token = bound_to_certificate(&CERTIFICATE).compact();
    let mut sent = Sent::new(&token).over_tls(&CERTIFICATE);
    sent.headers.insert(AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
    let decided = authorizer.authorize_head(sent.head().with_target(&method, &uri));
    let Authorization::Ready(Err(rejection)) = decided else { panic!("it has no key") };
    assert_eq!(rejection.reason_code(), "unacceptable");
    // Without the target, no proof is checked.
    let decided = authorizer.authorize_head(sent.head());
    let Authorization::Ready(Err(rejection)) = decided else { panic!("it has no target") };
    assert_eq!(rejection.reason_code(), "unsupported_scheme");
    assert!(matches!(Credentials::from_headers(&sent.headers), Credentials::Dpop(_)));
}

#[test]
fn record_of_stolen_token_names_its_client() {
    // MT01, MT04, RV06: fresh and cached.
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&recorded);
    let certificates = ClientCertificates::require(CertificateSource::Tls);
    let verifier = builder().client_certificates(certificates).observe(move |decision| {
        let client = decision.claims().and_then(Claims::client_id).map(str::to_owned);
        seen.lock().unwrap().push((decision.reason(), client));
    });
    let verifier = verifier.build().unwrap();
    let authorizer = Authorizer::require_token(&verifier);
    let bound = Sent::new(&bound_to_certificate(&CERTIFICATE).compact());
    for _fresh_and_cached in 0..2 {
        for (sent, reason) in [
            (bound.clone(), "missing_certificate"),
            (bound.clone().over_tls(&OTHER), "wrong_certificate"),
            (Sent::new(&unbound()).over_tls(&OTHER), "not_certificate_bound"),
        ] {
            authorizer.record(&sent.decided(&verifier).unwrap_err().decision());
            let expected = (reason, Some(CLIENT.to_owned()));
            assert_eq!(recorded.lock().unwrap().pop(), Some(expected));
        }
    }
    // The claims of a forged token are not verified.
    let forged = Sent::new(&bound_to_certificate(&CERTIFICATE).bad_signature().compact());
    authorizer.record(&forged.decided(&verifier).unwrap_err().decision());
    assert_eq!(recorded.lock().unwrap().pop(), Some(("bad_signature", None)));
}

#[test]
fn certificate_is_not_shown() {
    let certificate = CERTIFICATE.of_tls();
    let sent = Sent::new(&bound_to_certificate(&CERTIFICATE).compact()).over_tls(&OTHER);
    let rejection = sent.decided(&with_tls()).unwrap_err();
    assert_eq!(format!("{certificate:?}"), "PeerCertificate { .. }");
    // As text, as hexadecimal digits, and as the bytes of an array.
    let forms = |certificate: &ClientCertificate| {
        let bytes = format!("{:?}", &certificate.hash()[..4]);
        [certificate.thumbprint(), certificate.hex_hash(), bytes.trim_matches(['[', ']']).to_owned()]
    };
    assert!(format!("{:?}", CERTIFICATE.hash()).contains(&forms(&CERTIFICATE)[2]));
    let claims = sent.clone().over_tls(&CERTIFICATE).decided(&with_tls()).unwrap();
    for shown in [
        format!("{certificate:?}"),
        format!("{rejection:?}"),
        rejection.to_string(),
        format!("{:?}", sent.head()),
        format!("{claims:?}"),
        format!("{:?}", with_tls()),
    ] {
        for form in [forms(&CERTIFICATE), forms(&OTHER)].concat() {
            assert!(!shown.contains(&form), "{shown}");
        }
    }
}
