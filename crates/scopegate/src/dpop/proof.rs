//! The checks on one proof (RFC 9449 §4.3).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::jws::CompactJws;

use crate::checks::header::Header;
use crate::dpop::binding::Binding;
use crate::dpop::error::DpopProofError;
use crate::dpop::nonce::{DpopNonces, NonceAge};
use crate::dpop::replay::UsedProof;
use crate::dpop::target::{Target, Url};
use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

/// Maximum length of a proof in bytes. A proof with an RSA key of 4,096 bits has some 2 KiB.
pub(crate) const MAX_LENGTH: usize = 8 * 1024;

/// Maximum length of a `jti` in bytes.
const MAX_ID_LENGTH: usize = 256;

const TYPE: &str = "dpop+jwt";

/// The `DPoP` header of a request, its method and its path. Nothing is checked yet.
#[derive(Clone)]
pub(crate) struct PresentedProof {
    pub(crate) proof: Result<Box<[u8]>, DpopProofError>,
    pub(crate) method: Box<str>,
    pub(crate) path: Box<str>,
    /// The origin of the request's own resource, in normal form. `None` for the origin of the settings.
    pub(crate) origin: Option<Arc<str>>,
}

/// Shows neither the proof nor the path.
impl fmt::Debug for PresentedProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedProof").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The rules about proofs.
pub(crate) struct ProofRules {
    pub(crate) target: Target,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) max_age: Duration,
    pub(crate) max_clock_skew: Duration,
    /// With the lifetime of nonces.
    pub(crate) nonces: Option<(DpopNonces, Duration)>,
}

/// A proof that passed every check, except that it may have been used before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedProof {
    pub(crate) used: UsedProof,
    /// The response must contain the next nonce.
    pub(crate) needs_nonce: bool,
}

impl ProofRules {
    /// Checks a proof for a verified token. The signature comes last, because it costs most.
    pub(crate) fn check(
        &self,
        presented: &PresentedProof,
        binding: &Binding,
        now: NumericDate,
    ) -> Result<CheckedProof, DpopProofError> {
        let proof = presented.proof.as_ref().map_err(Clone::clone)?;
        let parts =
            CompactJws::split(proof, MAX_LENGTH).map_err(|found| DpopProofError::NotAJwt { found })?;
        let invalid = |reason: String| DpopProofError::InvalidHeader { reason };
        let object = JsonObject::from_slice(parts.header())
            .map_err(|found| invalid(format!("the header is {found}")))?;
        let header = Header::read(&object).map_err(|error| invalid(error.to_string()))?;
        // Exactly this spelling: RFC 9449 §4.2 gives the value, and every client writes it.
        if header.typ.as_deref() != Some(TYPE) {
            return Err(DpopProofError::WrongType { found: header.typ.as_deref().map(Excerpt::new) });
        }
        if !self.algorithms.contains(&header.algorithm) {
            let (expected, found) = (self.algorithms.clone(), header.algorithm);
            return Err(DpopProofError::UnacceptableAlgorithm { expected, found });
        }
        let jwk = object
            .get("jwk")
            .ok_or_else(|| DpopProofError::UnusableKey { reason: "is absent".to_owned() })?;
        let payload = JsonObject::from_slice(parts.payload())
            .map_err(|found| DpopProofError::InvalidPayload { found })?;
        let id = text(&payload, "jti")?;
        if !(1..=MAX_ID_LENGTH).contains(&id.len()) {
            return Err(DpopProofError::MalformedClaim { claim: "jti", expected: "1 to 256 bytes" });
        }
        self.check_request(&payload, presented)?;
        let issued_at = self.check_age(&payload, now)?;
        if text(&payload, "ath")? != binding.token_hash() {
            return Err(DpopProofError::OtherToken);
        }
        let nonce = payload.get("nonce").map(|_| text(&payload, "nonce")).transpose()?;
        let key = binding.key(jwk, header.algorithm)?;
        let age = self.check_nonce(nonce.as_deref(), now)?;
        let prepared = key.prepare()?;
        if !prepared.verifying.verifies(parts.signing_input(proof), parts.signature()) {
            return Err(DpopProofError::BadSignature);
        }
        binding.keep(&key, prepared);
        let used = UsedProof::new(binding.thumbprint(), &id, issued_at, self.max_age, now);
        Ok(CheckedProof { used, needs_nonce: age == NonceAge::Old })
    }

    fn check_request(
        &self,
        payload: &JsonObject<'_>,
        presented: &PresentedProof,
    ) -> Result<(), DpopProofError> {
        let method = text(payload, "htm")?;
        // RFC 9110 §9.1: methods are case-sensitive.
        if *method != *presented.method {
            return Err(DpopProofError::OtherMethod { found: Excerpt::new(&method) });
        }
        let written = text(payload, "htu")?;
        let malformed = DpopProofError::MalformedClaim { claim: "htu", expected: "an absolute URL" };
        let url = Url::normalized(&written).ok_or(malformed)?;
        let origin = presented.origin.as_deref().unwrap_or(self.target.origin());
        if !self.target.is_url_of(origin, &presented.path, &url) {
            let (expected, found) = (origin.to_owned(), Excerpt::new(url.origin()));
            return Err(DpopProofError::OtherUrl { expected, found });
        }
        Ok(())
    }

    fn check_age(&self, payload: &JsonObject<'_>, now: NumericDate) -> Result<NumericDate, DpopProofError> {
        let value = payload.get("iat").ok_or(DpopProofError::MissingClaim { claim: "iat" })?;
        let malformed =
            DpopProofError::MalformedClaim { claim: "iat", expected: "a number of seconds since 1970" };
        let issued_at = NumericDate::parse(value).ok_or(malformed)?;
        if issued_at < now.minus(self.max_age) {
            return Err(DpopProofError::Expired { issued_at, now });
        }
        if issued_at > now.plus(self.max_clock_skew) {
            return Err(DpopProofError::NotYetValid { issued_at, now });
        }
        Ok(issued_at)
    }

    fn check_nonce(&self, nonce: Option<&str>, now: NumericDate) -> Result<NonceAge, DpopProofError> {
        match (&self.nonces, nonce) {
            (None, _) => Ok(NonceAge::Current),
            (Some((nonces, lifetime)), Some(nonce)) => nonces.check(nonce, now, *lifetime),
            (Some(_), None) => Err(DpopProofError::MissingNonce),
        }
    }

    /// Returns the nonce for a response, if nonces are required.
    pub(crate) fn nonce(&self, now: NumericDate) -> Option<String> {
        self.nonces.as_ref().map(|(nonces, lifetime)| nonces.current(now, *lifetime))
    }
}

/// Reads a claim that must be a string.
fn text<'a>(payload: &JsonObject<'a>, claim: &'static str) -> Result<Cow<'a, str>, DpopProofError> {
    let value = payload.get(claim).ok_or(DpopProofError::MissingClaim { claim })?;
    string(value).ok_or(DpopProofError::MalformedClaim { claim, expected: "a string" })
}
