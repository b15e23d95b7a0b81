//! Certificate headers of proxies, sent to a verifier whose token is bound to a certificate.
//!
//! The first byte of an input is the source: `c` is `Client-Cert`, `f` and `l` are
//! `X-Forwarded-Client-Cert` with one or several elements, `p` is PEM. The rest is the header.

mod reading;

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use scopegate::http::{Authorization, Authorizer, RequestHead};
use scopegate::{CertificateSource, ClientCertificates, ForwardedElement, Issuer, Verifier};
use serde_json::json;

use crate::signer::Signer;
use crate::verdicts;

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const CLIENT: &str = "1example23456789";

/// An element in DER that stands for a certificate, so that an input can be written by hand:
/// `MAMCAQU=`.
const CERTIFICATE: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x05];

struct Setting {
    /// The authorizers of the sources, in the order `c`, `f`, `l`, `p`.
    authorizers: [(Authorizer, HeaderName); 4],
    authorization: HeaderValue,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let signer = Signer::new(9);
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": signer.x() }] }).to_string();
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &CERTIFICATE));
    let payload = json!({
        "iss": ISSUER, "client_id": CLIENT, "exp": NOW + 60, "cnf": { "x5t#S256": thumbprint },
    });
    let token = signer.sign(br#"{"alg":"EdDSA"}"#, payload.to_string().as_bytes());
    let of = |source: CertificateSource, name: &'static str| {
        let issuer = Issuer::from_jwks(ISSUER, &jwks).expect("it is a key set").client(CLIENT);
        let certificates = ClientCertificates::accept(source).trusted_proxies(["10.0.0.0/8"]);
        let builder = Verifier::builder().trust(issuer).client_certificates(certificates);
        let verifier = builder.clock(|| UNIX_EPOCH + Duration::from_secs(NOW)).build();
        let verifier = verifier.expect("the configuration is complete");
        (Authorizer::require_token(&verifier), HeaderName::from_static(name))
    };
    let forwarded = |element| of(CertificateSource::ForwardedClientCert(element), "x-forwarded-client-cert");
    Setting {
        authorizers: [
            of(CertificateSource::ClientCert, "client-cert"),
            forwarded(ForwardedElement::Only),
            forwarded(ForwardedElement::Last),
            of(CertificateSource::EscapedPem(HeaderName::from_static("pem")), "pem"),
        ],
        authorization: HeaderValue::try_from(format!("Bearer {token}")).expect("a token is ASCII"),
    }
});

pub fn check(input: &[u8]) {
    let Some((source, text)) = input.split_first() else { return };
    let Some(place) = b"cflp".iter().position(|one| one == source) else { return };
    let Ok(value) = HeaderValue::from_bytes(text) else { return };
    let (authorizer, name) = &SETTING.authorizers[place];
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, SETTING.authorization.clone());
    headers.insert(name, value);
    let outcome = outcome(authorizer, &headers, [10, 0, 0, 5]);
    verdicts::count(&format_args!("{outcome}"));
    assert_eq!(outcome_of_stranger(authorizer, &headers), "missing_certificate");
    let expected = match reading::hash(*source, text) {
        Some(hash) if hash == digest(&SHA256, &CERTIFICATE).as_ref() => "accepted",
        Some(_) => "wrong_certificate",
        None => "malformed_certificate",
    };
    assert_eq!(outcome, expected, "the second reading of the header differs");
}

fn outcome_of_stranger(authorizer: &Authorizer, headers: &HeaderMap) -> &'static str {
    outcome(authorizer, headers, [192, 0, 2, 1])
}

fn outcome(authorizer: &Authorizer, headers: &HeaderMap, peer: [u8; 4]) -> &'static str {
    match authorizer.authorize_head(RequestHead::new(headers).with_peer_address(peer.into())) {
        Authorization::Ready(Ok(_)) => "accepted",
        Authorization::Ready(Err(rejection)) => rejection.reason_code(),
        other => panic!("the keys are static: {other:?}"),
    }
}
