//! Opaque tokens: the issuer that is asked about a token, and the claims of an active token.

use std::sync::Arc;

use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::token_digest::TokenDigest;

use crate::claims::Claims;
use crate::error::Error;
use crate::introspection::introspector::{Introspected, Judge};
use crate::introspection::judgement::{NotAccepted as Unaccepted, Rules};
use crate::introspection::opaque_token::OpaqueToken;
use crate::issuer::trusted::TrustedIssuer;
use crate::token;
use crate::token::numeric_date::NumericDate;
use crate::verifier::introspecting::{Introspecting, result};
use crate::verifier::outcome::NotAccepted;
use crate::verifier::{Verifier, read_payload};

impl Verifier {
    /// Returns the issuer to ask about a token, or `None` if the token is verified as a JWT.
    ///
    /// 1. The issuer whose prefix the token has.
    /// 2. For a JWT, the introspected issuer that its unverified `iss` names. Another JWT is
    ///    verified, unless every issuer is introspected.
    /// 3. The introspected issuer without a prefix.
    pub(super) fn opaque_issuer(&self, token: &[u8]) -> Option<Arc<TrustedIssuer>> {
        let issuers = self.trusted().snapshot();
        let introspected = issuers.introspected()?;
        if let Some(issuer) = introspected.by_prefix(token) {
            return Some(Arc::clone(issuer));
        }
        if let Ok(parts) = token::split(token)
            && JsonObject::from_slice(parts.header()).is_ok()
        {
            let payload = read_payload(&parts).ok();
            let name = payload.as_ref().and_then(|payload| payload.get("iss")).and_then(string);
            let named =
                name.and_then(|name| issuers.get(&name)).filter(|named| named.introspection.is_some());
            let has_jwt_issuers = introspected.is_only_part() || self.trusted().resolver().is_some();
            if named.is_some() || has_jwt_issuers {
                return named;
            }
        }
        introspected.without_prefix().map(Arc::clone)
    }

    /// Returns the claims of an opaque token, if they are cached. Otherwise a call begins.
    pub(super) fn introspect(
        &self,
        token: &[u8],
        issuer: Arc<TrustedIssuer>,
        now: NumericDate,
    ) -> Result<Claims, NotAccepted> {
        let token = OpaqueToken::parse(token)?;
        // It is one, by `opaque_issuer`.
        let Some(introspection) = &issuer.introspection else { return Err(Error::NotOneToken.into()) };
        let judge = || -> Judge {
            let (verifier, issuer) = (self.clone(), Arc::clone(&issuer));
            Box::new(move |digest, members, now| verifier.judge(&issuer, digest, members, now))
        };
        match introspection.introspector.look_up(token, now, judge) {
            Introspected::Settled(outcome) => Ok(result(outcome, &issuer)?),
            Introspected::Pending(pending) => {
                Err(NotAccepted::Introspecting(Box::new(Introspecting { issuer, pending })))
            }
        }
    }

    /// Creates the claims of an active token by the rules of its issuer.
    fn judge(
        &self,
        issuer: &TrustedIssuer,
        digest: &TokenDigest,
        members: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Claims, Unaccepted> {
        let policy = &issuer.policy;
        let rules = Rules {
            issuer: issuer.name(),
            kind: &policy.kind,
            audience: &policy.audience,
            leeway: issuer.leeway,
        };
        let judged = rules.check(members, now)?;
        // Claims hold the digest, so the token is not kept in memory.
        let digest = digest.as_bytes();
        Ok(self.read_claims(digest, members, issuer, &judged.issued_for, judged.lifetime, None)?)
    }
}
