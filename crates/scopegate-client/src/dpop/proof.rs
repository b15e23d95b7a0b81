//! One proof (RFC 9449 §4.2): a JWT that is signed for one request.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use scopegate_proto::base64url;
use scopegate_proto::client_auth::random_bytes;
use serde_json::json;

use crate::dpop::key::ProofKey;
use crate::dpop::nonces::Nonce;
use crate::error::proof::SignProofError;

/// The request that a proof is for.
pub(crate) struct ProvenRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) htu: &'a str,
    /// The hash of the token. A token request has none.
    pub(crate) ath: Option<&'a str>,
    pub(crate) nonce: Option<&'a Nonce>,
}

/// A signed proof. It is used for one request.
pub(crate) struct Proof {
    pub(crate) text: String,
    pub(crate) id: String,
    /// The nonce of the server, which it may quote.
    pub(crate) nonce: Option<Nonce>,
}

impl Proof {
    /// Signs a new proof. Its `jti` has 128 random bits, so no two proofs share one.
    pub(crate) fn sign(
        key: &ProofKey,
        request: &ProvenRequest<'_>,
        now: SystemTime,
    ) -> Result<Self, SignProofError> {
        let id = base64url::encode(random_bytes().ok_or(SignProofError::NoRandomness)?);
        let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut claims = json!({ "jti": id, "htm": request.method, "htu": request.htu, "iat": issued_at });
        if let Some(members) = claims.as_object_mut() {
            let nonce = request.nonce.map(|nonce| ("nonce", nonce.as_str()));
            let further = request.ath.map(|ath| ("ath", ath)).into_iter().chain(nonce);
            members.extend(further.map(|(name, value)| (name.to_owned(), value.into())));
        }
        let text = key.sign(&claims).ok_or(SignProofError::NoRandomness)?;
        Ok(Self { text, id, nonce: request.nonce.cloned() })
    }

    /// Returns the value of the `DPoP` header, which is marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        // A compact JWS has letters, digits, `-`, `_` and dots only, so it is always a value.
        let mut header = HeaderValue::from_str(&self.text).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}
