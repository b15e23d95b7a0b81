//! Signed responses of an introspection endpoint (RFC 9701): a JWT whose claim `token_introspection`
//! has the members of a plain response.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::clock::Clock;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string, strings};
use scopegate_proto::jws::CompactJws;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::checks::form;
use crate::checks::header::Header;
use crate::checks::kind::TypeRule;
use crate::checks::lifetime::Lifetime;
use crate::error::Error;
use crate::introspection::responses::failure::Failure;
use crate::introspection::responses::statement::MAX_BODY;
use crate::introspection::responses::unsigned::Unsigned;
use crate::keys::issuer_keys::IssuerKeys;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::KeyName;
use crate::token::numeric_date::NumericDate;

/// The age of the oldest `iat`, besides the leeway. A response is made for its request, so an older
/// one was replayed.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The issuer that signs responses, and the names of this API.
pub(crate) struct ResponseSigner {
    pub(crate) issuer: Arc<str>,
    pub(crate) keys: Arc<IssuerKeys>,
    pub(crate) algorithms: Box<[Algorithm]>,
    /// The client id of this API, and its audiences.
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Duration,
}

/// A response whose signature was verified. Its other claims were not read yet.
pub(crate) struct SignedResponse(CompactJws);

impl ResponseSigner {
    /// Verifies the type, the algorithm and the signature (§5, §8.1). Waits until the deadline for
    /// an unknown key.
    pub(crate) async fn verify(
        &self,
        body: &[u8],
        clock: &dyn Clock,
        deadline: Instant,
    ) -> Result<SignedResponse, Unsigned> {
        let parts = form::split_document(body, MAX_BODY)?;
        let header = Header::parse(parts.header())?;
        TypeRule::IntrospectionResponse.check(header.typ.as_deref())?;
        let algorithm = header.algorithm;
        if !self.algorithms.contains(&algorithm) {
            return Err(Unsigned::Algorithm(algorithm));
        }
        let name = KeyName { id: Box::new(header.key_id.to_owned()), algorithm };
        let key = self.keys.key_of_document(&name, clock, deadline).await.map_err(Unsigned::Key)?;
        if !key.verifying.verifies(parts.signing_input(body), parts.signature()) {
            return Err(Unsigned::BadSignature);
        }
        Ok(SignedResponse(parts))
    }

    /// Checks the claims, and returns the members of the response. Top-level claims of a plain
    /// response are ignored (§5).
    pub(crate) fn read<'r>(
        &self,
        response: &'r SignedResponse,
        now: NumericDate,
    ) -> Result<JsonObject<'r>, Failure> {
        let payload = form::read_payload(&response.0).map_err(Unsigned::Token)?;
        self.check_claims(&payload, now)?;
        let members = payload.get("token_introspection");
        let read = members.map(|members| JsonObject::from_text(members.get()).map_err(Failure::Json));
        read.unwrap_or_else(|| Err(wrong("token_introspection", "an object", None).into()))
    }

    fn check_claims(&self, payload: &JsonObject<'_>, now: NumericDate) -> Result<(), Unsigned> {
        let issuer = payload.get("iss");
        if issuer.and_then(string).as_deref() != Some(&*self.issuer) {
            return Err(wrong("iss", "exactly the issuer of the tokens", issuer));
        }
        let audience = payload.get("aud");
        let is_ours = |found: &str| self.audiences.iter().any(|ours| ours == found);
        let one = audience.and_then(string);
        let all = audience.and_then(strings).unwrap_or_default();
        if !one.iter().chain(&all).any(|found| is_ours(found)) {
            return Err(wrong("aud", "the client id or an audience of this API", audience));
        }
        // `exp` should be absent (§5). If it is there, it counts.
        let lifetime = Lifetime::read_with_optional_exp(payload)?;
        let issued_at = lifetime.issued_at.ok_or(Error::MissingClaim { claim: "iat" })?;
        lifetime.check(now, self.leeway)?;
        if now.duration_since(issued_at) > MAX_AGE + self.leeway {
            return Err(Unsigned::TooOld { issued_at, now });
        }
        Ok(())
    }
}

fn wrong(claim: &'static str, expected: &'static str, found: Option<&RawValue>) -> Unsigned {
    let found = found.map(|value| Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT));
    Unsigned::Claim { claim, expected, found }
}
