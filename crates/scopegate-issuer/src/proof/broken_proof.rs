//! Makes the proofs that have a defect.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::DpopProof;
use super::defect::DpopDefect;
use crate::clock::system_now;
use crate::keys::algorithm::Algorithm;
use crate::keys::public_key::sha256;
use crate::keys::signing_key::SigningKey;

impl DpopProof {
    /// Returns a proof that has the defect. The defects of requests and tokens leave it valid.
    pub(super) fn sign_broken(self, defect: DpopDefect) -> String {
        if let Some(proof) = self.with_broken_form(defect) {
            return proof;
        }
        match self.with_broken_header(defect) {
            Some(proof) => proof.sign(),
            None => self.with_broken_claims(defect).sign(),
        }
    }

    /// Returns the proof with a defect of its parts or its signature.
    fn with_broken_form(&self, defect: DpopDefect) -> Option<String> {
        let other_key = || SigningKey::generate(self.key.alg());
        Some(match defect {
            DpopDefect::TwoParts => self.signing_input(),
            DpopDefect::FourParts => format!("{}.e30", self.sign()),
            DpopDefect::PaddedSignature => format!("{}=", self.sign()),
            DpopDefect::JsonSerialization => {
                let proof = self.sign();
                let mut parts = proof.split('.');
                let mut next = || parts.next().unwrap_or_default();
                json!({ "protected": next(), "payload": next(), "signature": next() }).to_string()
            }
            DpopDefect::Unsigned => format!("{}.", self.clone().header("alg", "none").signing_input()),
            DpopDefect::Hmac => {
                let secret = Value::Object(self.jwk()).to_string();
                let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                let signing_input = self.clone().header("alg", "HS256").signing_input();
                let tag = hmac::sign(&secret, signing_input.as_bytes());
                format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(tag))
            }
            DpopDefect::BadSignature => {
                let signing_input = self.signing_input();
                let mut signature = self.key.sign(signing_input.as_bytes());
                if let Some(last) = signature.last_mut() {
                    *last ^= 1;
                }
                format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
            }
            DpopDefect::SignedByOtherKey => self.sign_with(&other_key()),
            DpopDefect::OtherKey => Self { key: other_key(), ..self.clone() }.sign(),
            _ => return None,
        })
    }

    /// Returns the proof with a defect of its header.
    fn with_broken_header(&self, defect: DpopDefect) -> Option<Self> {
        let proof = self.clone();
        Some(match defect {
            DpopDefect::NoType => proof.without_header("typ"),
            DpopDefect::OtherType => proof.header("typ", "JWT"),
            DpopDefect::NoAlgorithm => proof.without_header("alg"),
            DpopDefect::OtherAlgorithm => {
                let is_ec = matches!(self.key.alg(), Algorithm::ES256 | Algorithm::ES384);
                proof.header("alg", if is_ec { "EdDSA" } else { "ES256" })
            }
            DpopDefect::CriticalExtension => proof.header("crit", json!(["exp"])).header("exp", 1),
            DpopDefect::NoKey => proof.without_header("jwk"),
            DpopDefect::KeyAsString => proof.header("jwk", self.key.thumbprint()),
            DpopDefect::PrivateKey => {
                let mut jwk = self.jwk();
                jwk.insert("d".to_owned(), sha256(b"a private key").into());
                proof.header("jwk", jwk)
            }
            DpopDefect::SymmetricKey => {
                proof.header("jwk", json!({ "kty": "oct", "k": sha256(b"a secret") }))
            }
            DpopDefect::RepeatedHeader => proof.raw_header(twice(&self.header_text(), r#""typ":"dpop+jwt""#)),
            DpopDefect::RepeatedKeyMember => {
                let kty = format!("\"kty\":{}", self.jwk().get("kty").unwrap_or(&Value::Null));
                proof.raw_header(twice(&self.header_text(), &kty))
            }
            _ => return None,
        })
    }

    /// Returns the proof with a defect of its claims.
    fn with_broken_claims(self, defect: DpopDefect) -> Self {
        let now = system_now();
        match defect {
            DpopDefect::PayloadNotAnObject => {
                let payload = format!("[{}]", self.payload_text());
                self.raw_payload(payload)
            }
            DpopDefect::RepeatedClaim => {
                let payload = twice(&self.payload_text(), &format!("\"htm\":{}", json!(self.method)));
                self.raw_payload(payload)
            }
            DpopDefect::NoId => self.without_claim("jti"),
            DpopDefect::NumericId => self.claim("jti", 7),
            DpopDefect::EmptyId => self.claim("jti", ""),
            DpopDefect::NoMethod => self.without_claim("htm"),
            DpopDefect::OtherMethod => {
                let other = if self.method == "POST" { "GET" } else { "POST" };
                self.claim("htm", other)
            }
            DpopDefect::LowerCaseMethod => {
                let method = self.method.to_ascii_lowercase();
                self.claim("htm", method)
            }
            DpopDefect::NoUrl => self.without_claim("htu"),
            DpopDefect::NoTime => self.without_claim("iat"),
            DpopDefect::TimeAsString => self.claim("iat", now.to_string()),
            DpopDefect::Expired => self.claim("iat", now.saturating_sub(3600)),
            DpopDefect::FromFuture => self.claim("iat", now.saturating_add(3600)),
            DpopDefect::NegativeTime => self.claim("iat", -1),
            DpopDefect::NoTokenHash => self.without_claim("ath"),
            DpopDefect::OtherTokenHash => self.token("another token"),
            DpopDefect::PaddedTokenHash => {
                let hash = self.claims.get("ath").and_then(Option::as_ref).and_then(Value::as_str);
                let padded = format!("{}=", hash.unwrap_or_default());
                self.claim("ath", padded)
            }
            DpopDefect::NoNonce => self.without_claim("nonce"),
            DpopDefect::UnknownNonce => self.claim("nonce", sha256(b"unknown")),
            defect => match other_url(&self.url, defect) {
                Some(url) => self.claim("htu", url),
                None => self,
            },
        }
    }
}

/// Returns a URL that differs in one part.
fn other_url(url: &str, defect: DpopDefect) -> Option<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    Some(match defect {
        DpopDefect::RelativeUrl => format!("/{}", path.trim_start_matches('/')),
        DpopDefect::OtherScheme => {
            let other = if scheme == "https" { "http" } else { "https" };
            format!("{other}://{rest}")
        }
        DpopDefect::OtherHost => format!("{scheme}://other.example{path}"),
        // RFC 863: no API has the port 9.
        DpopDefect::OtherPort => format!("{scheme}://{host}:9{path}"),
        DpopDefect::UserName => format!("{scheme}://user@{rest}"),
        DpopDefect::OtherPath => format!("{}/other", url.trim_end_matches('/')),
        _ => return None,
    })
}

/// Repeats a member in JSON.
fn twice(json: &str, member: &str) -> String {
    json.replacen(member, &format!("{member},{member}"), 1)
}
