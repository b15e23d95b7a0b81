//! Makes the proofs that have a defect.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Proof;
use super::defect::DpopDefect;
use crate::clock::system_now;
use crate::keys::algorithm::Algorithm;
use crate::keys::public_key::sha256;
use crate::keys::signing_key::SigningKey;

impl Proof {
    /// Returns a proof that has the defect. The defects of requests and tokens leave it valid.
    pub(super) fn sign_broken(self, defect: DpopDefect) -> String {
        let other_key = || SigningKey::generate(self.key.alg());
        let now = system_now();
        match defect {
            DpopDefect::TwoParts => self.signing_input(),
            DpopDefect::FourParts => format!("{}.e30", self.sign()),
            DpopDefect::PaddedSignature => format!("{}=", self.sign()),
            DpopDefect::JsonSerialization => {
                let proof = self.sign();
                let mut parts = proof.split('.');
                let mut next = || parts.next().unwrap_or_default();
                json!({ "protected": next(), "payload": next(), "signature": next() }).to_string()
            }
            DpopDefect::NoType => self.without_header("typ").sign(),
            DpopDefect::OtherType => self.header("typ", "JWT").sign(),
            DpopDefect::NoAlgorithm => self.without_header("alg").sign(),
            DpopDefect::Unsigned => format!("{}.", self.header("alg", "none").signing_input()),
            DpopDefect::Hmac => {
                let secret = Value::Object(self.jwk()).to_string();
                let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                let signing_input = self.header("alg", "HS256").signing_input();
                let tag = hmac::sign(&secret, signing_input.as_bytes());
                format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(tag))
            }
            DpopDefect::OtherAlgorithm => {
                let is_ec = matches!(self.key.alg(), Algorithm::ES256 | Algorithm::ES384);
                self.header("alg", if is_ec { "EdDSA" } else { "ES256" }).sign()
            }
            DpopDefect::CriticalExtension => self.header("crit", json!(["exp"])).header("exp", 1).sign(),
            DpopDefect::NoKey => self.without_header("jwk").sign(),
            DpopDefect::KeyAsString => {
                let thumbprint = self.key.thumbprint();
                self.header("jwk", thumbprint).sign()
            }
            DpopDefect::PrivateKey => {
                let mut jwk = self.jwk();
                jwk.insert("d".to_owned(), sha256(b"a private key").into());
                self.header("jwk", jwk).sign()
            }
            DpopDefect::SymmetricKey => {
                self.header("jwk", json!({ "kty": "oct", "k": sha256(b"a secret") })).sign()
            }
            DpopDefect::RepeatedHeader => {
                let header = first_member_twice(&self.header_text(), r#""typ":"dpop+jwt""#);
                self.raw_header(header).sign()
            }
            DpopDefect::RepeatedKeyMember => {
                let kty = format!("\"kty\":{}", self.jwk().get("kty").unwrap_or(&Value::Null));
                let header = self.header_text().replacen(&kty, &format!("{kty},{kty}"), 1);
                self.raw_header(header).sign()
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
            DpopDefect::OtherKey => Self { key: other_key(), ..self }.sign(),
            DpopDefect::PayloadNotAnObject => {
                let payload = format!("[{}]", self.payload_text());
                self.raw_payload(payload).sign()
            }
            DpopDefect::RepeatedClaim => {
                let htm = format!("\"htm\":{}", json!(self.method));
                let payload = first_member_twice(&self.payload_text(), &htm);
                self.raw_payload(payload).sign()
            }
            DpopDefect::NoId => self.without_claim("jti").sign(),
            DpopDefect::NumericId => self.claim("jti", 7).sign(),
            DpopDefect::EmptyId => self.claim("jti", "").sign(),
            DpopDefect::NoMethod => self.without_claim("htm").sign(),
            DpopDefect::OtherMethod => {
                let other = if self.method == "POST" { "GET" } else { "POST" };
                self.claim("htm", other).sign()
            }
            DpopDefect::LowerCaseMethod => {
                let method = self.method.to_ascii_lowercase();
                self.claim("htm", method).sign()
            }
            DpopDefect::NoUrl => self.without_claim("htu").sign(),
            DpopDefect::RelativeUrl
            | DpopDefect::OtherScheme
            | DpopDefect::OtherHost
            | DpopDefect::OtherPort
            | DpopDefect::UserName
            | DpopDefect::OtherPath => {
                let url = other_url(&self.url, defect);
                self.claim("htu", url).sign()
            }
            DpopDefect::NoTime => self.without_claim("iat").sign(),
            DpopDefect::TimeAsString => self.claim("iat", now.to_string()).sign(),
            DpopDefect::Expired => self.claim("iat", now.saturating_sub(3600)).sign(),
            DpopDefect::FromFuture => self.claim("iat", now.saturating_add(3600)).sign(),
            DpopDefect::NegativeTime => self.claim("iat", -1).sign(),
            DpopDefect::NoTokenHash => self.without_claim("ath").sign(),
            DpopDefect::OtherTokenHash => self.token("another token").sign(),
            DpopDefect::PaddedTokenHash => {
                let hash = self.claims.get("ath").cloned().flatten();
                let hash = hash.as_ref().and_then(Value::as_str).unwrap_or_default();
                let padded = format!("{hash}=");
                self.claim("ath", padded).sign()
            }
            DpopDefect::NoNonce => self.without_claim("nonce").sign(),
            DpopDefect::UnknownNonce => self.claim("nonce", sha256(b"unknown")).sign(),
            DpopDefect::NoProof
            | DpopDefect::TwoProofs
            | DpopDefect::ListOfProofs
            | DpopDefect::Replay
            | DpopDefect::BearerScheme
            | DpopDefect::BearerWithoutProof
            | DpopDefect::UnboundToken
            | DpopDefect::NullConfirmation
            | DpopDefect::ConfirmationAsString
            | DpopDefect::EmptyConfirmation
            | DpopDefect::UnknownBinding
            | DpopDefect::BothBindings
            | DpopDefect::RepeatedThumbprint
            | DpopDefect::ThumbprintAsNumber
            | DpopDefect::ThumbprintAsArray
            | DpopDefect::ShortThumbprint
            | DpopDefect::PaddedThumbprint
            | DpopDefect::NonCanonicalThumbprint => self.sign(),
        }
    }
}

/// Returns a URL that differs in one part.
fn other_url(url: &str, defect: DpopDefect) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    match defect {
        DpopDefect::RelativeUrl => format!("/{}", path.trim_start_matches('/')),
        DpopDefect::OtherScheme => {
            let other = if scheme == "https" { "http" } else { "https" };
            format!("{other}://{rest}")
        }
        DpopDefect::OtherHost => format!("{scheme}://other.example{path}"),
        // RFC 863: no service has the port 9.
        DpopDefect::OtherPort => format!("{scheme}://{host}:9{path}"),
        DpopDefect::UserName => format!("{scheme}://user@{rest}"),
        _ => format!("{}/other", url.trim_end_matches('/')),
    }
}

/// Repeats a member of a JSON object at its start.
fn first_member_twice(object: &str, member: &str) -> String {
    object.replacen('{', &format!("{{{member},"), 1)
}
