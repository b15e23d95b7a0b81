//! A token that is bound to a key (DPoP, RFC 9449), and requests with it. Token and key are the same
//! in each run.

use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};
use scopegate::http::{Authorization, Authorizer, Rejection};
use scopegate::{Dpop, Issuer, Verifier};
use serde_json::json;

use crate::signer::Signer;
use crate::trust::NOW;

const ISSUER: &str = "https://issuer.example";
const CLIENT: &str = "1example23456789";

/// The origin of the API.
pub(crate) const ORIGIN: &str = "https://api.example";

pub(crate) struct BoundToken {
    /// The key of the client.
    pub(crate) key: Signer,
    /// The hash of the token, as proofs name it.
    pub(crate) hash: String,
    jwks: String,
    authorization: HeaderValue,
}

pub(crate) static TOKEN: LazyLock<BoundToken> = LazyLock::new(|| {
    let (issuer, key) = (Signer::new(9), Signer::new(7));
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": issuer.x() }] }).to_string();
    // RFC 7638 §3.2, RFC 8037 §2: the required members, in alphabetical order.
    let required = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, key.x());
    let payload = json!({
        "iss": ISSUER, "client_id": CLIENT, "exp": NOW + 100_000, "cnf": { "jkt": sha256(&required) },
    });
    let token = issuer.sign(br#"{"alg":"EdDSA"}"#, payload.to_string().as_bytes());
    let authorization = HeaderValue::try_from(format!("DPoP {token}")).expect("a token is ASCII");
    BoundToken { key, hash: sha256(&token), jwks, authorization }
});

fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

impl BoundToken {
    /// Returns the header of a proof, with its members in alphabetical order.
    pub(crate) fn proof_header(&self) -> String {
        let jwk = json!({ "crv": "Ed25519", "kty": "OKP", "x": self.key.x() });
        json!({ "alg": "EdDSA", "jwk": jwk, "typ": "dpop+jwt" }).to_string()
    }

    /// Returns an authorizer with these settings, whose clock shows this number of seconds.
    pub(crate) fn authorizer(&self, dpop: Dpop, now: impl Fn() -> u64 + Send + Sync + 'static) -> Authorizer {
        let issuer = Issuer::from_jwks(ISSUER, &self.jwks).expect("it is a key set").client(CLIENT);
        let clock = move || UNIX_EPOCH + std::time::Duration::from_secs(now());
        let verifier = Verifier::builder()
            .trust(issuer)
            .dpop(dpop.origin(ORIGIN))
            .clock(clock)
            .cache_capacity(4)
            .build();
        Authorizer::require_token(&verifier.expect("the configuration is complete"))
    }

    /// Sends a request with these proofs.
    pub(crate) fn send(
        &self,
        authorizer: &Authorizer,
        (method, uri): (&Method, &Uri),
        proofs: &[HeaderValue],
    ) -> Outcome {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        for proof in proofs {
            headers.append("dpop", proof.clone());
        }
        match authorizer.authorize_request(method, uri, &headers) {
            Authorization::Proven(proven) => Outcome::Proven(Box::new(proven)),
            Authorization::Ready(Err(rejection)) => Outcome::Rejected(rejection),
            other => panic!("the keys are static, and the token is bound: {other:?}"),
        }
    }
}

/// The decision about a request, before its proof is recorded.
#[derive(Debug)]
pub(crate) enum Outcome {
    Proven(Box<scopegate::http::ProvenRequest>),
    Rejected(Rejection),
}
