//! Opaque tokens: the issuer that is asked about a token, and the claims of an active token.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::jws::Part;
use scopegate_proto::token_digest::TokenDigest;

use crate::checks::audience::IssuedFor;
#[cfg(feature = "http")]
use crate::checks::confirmation::PresentedCertificate;
use crate::checks::confirmation::{self, Presented, Scheme};
use crate::checks::course::StopAtFirst;
use crate::checks::form;
use crate::claims::{Claims, Lookups, Named};
use crate::error::Error;
use crate::introspection::calls::origin::Origin;
use crate::introspection::introspector::{Introspected, Judge};
use crate::introspection::opaque_token::OpaqueToken;
use crate::introspection::responses::judgement::{Rules, Unaccepted};
use crate::issuer::trusted::{Introspected as Tokens, TrustedIssuer};
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::introspecting::{Introspecting, Lookup, result, unavailable};
use crate::verifier::outcome::NotAccepted;

impl Verifier {
    /// Returns the issuer to ask about a token, or `None` if the token is verified as a JWT.
    ///
    /// 1. The issuer whose prefix the token has.
    /// 2. For a JWT, the issuer that its unverified `iss` names, or the issuer that is asked about
    ///    all of them. Any other JWT is verified.
    /// 3. The issuer of opaque tokens without a prefix.
    pub(super) fn opaque_issuer(&self, token: &[u8]) -> Option<Arc<TrustedIssuer>> {
        let issuers = self.trusted().snapshot();
        let opaque = issuers.opaque()?;
        if let Some(issuer) = opaque.by_prefix(token) {
            return Some(Arc::clone(issuer));
        }
        if let Ok(parts) = form::split(token)
            && JsonObject::from_slice(parts.header()).is_ok()
        {
            let payload = form::read_payload(&parts).ok();
            let name = payload.as_ref().and_then(|payload| payload.get("iss")).and_then(string);
            let named =
                name.and_then(|name| issuers.get(&name)).filter(|named| named.introspects(Tokens::AllTokens));
            let of_all = opaque.of_all_jwts().filter(|_| !self.trusted().has_resolver());
            return named.or_else(|| of_all.map(Arc::clone));
        }
        opaque.without_prefix().map(Arc::clone)
    }

    /// Returns the claims of an opaque token.
    pub(super) fn verify_opaque(
        &self,
        token: Presented<'_>,
        issuer: Arc<TrustedIssuer>,
        now: NumericDate,
    ) -> Result<Claims, NotAccepted> {
        // A request that is rejected in any case causes no call.
        #[cfg(feature = "http")]
        if token.scheme == Scheme::Bearer && self.requires_proof() {
            return Err(Error::ProofRequired.into());
        }
        #[cfg(feature = "http")]
        if self.requires_certificate()
            && matches!(token.certificate.read(), Some(PresentedCertificate::Absent))
        {
            return Err(Error::MissingCertificate.into());
        }
        match self.introspect_opaque(token.token, issuer, now) {
            // `decide` checks the bindings (RFC 8705 §3.2, RFC 9449 §6.2).
            Lookup::Decided(result) => Ok(result?),
            Lookup::Pending(introspecting) => Err(NotAccepted::Introspecting(introspecting)),
        }
    }

    /// Returns the claims of an opaque token, if they are cached. Otherwise a call begins.
    pub(super) fn introspect_opaque(
        &self,
        token: &[u8],
        issuer: Arc<TrustedIssuer>,
        now: NumericDate,
    ) -> Lookup {
        match OpaqueToken::parse(token) {
            Ok(token) => self.ask(token, Origin::Unverified, issuer, now, None),
            Err(error) => Lookup::Decided(Err(error)),
        }
    }

    /// Returns the claims of a verified JWT if its issuer is not to be asked about it, or if a
    /// cached result says that it is active. Otherwise a call begins.
    #[inline]
    pub(super) fn introspect_verified(&self, claims: Claims, now: NumericDate) -> Lookup {
        let Some(digest) = claims.introspected() else { return Lookup::Decided(Ok(claims)) };
        // A token that the application has revoked causes no call.
        if let Err(error) = self.0.hooks.check_revocation(&claims, || now) {
            return Lookup::Decided(Err(error));
        }
        let issuer = self.trusted().get_named(claims.issuer(), now);
        let issuer = issuer.filter(|issuer| issuer.introspects(Tokens::VerifiedJwts));
        let Some(issuer) = issuer else {
            // The issuer was distrusted or changed meanwhile.
            let (issuer, retry_after) = (claims.issuer().to_owned(), Duration::from_secs(1));
            return Lookup::Decided(Err(Error::IntrospectionUnavailable { issuer, retry_after }));
        };
        let token = OpaqueToken::verified(claims.token(), digest);
        self.ask(token, Origin::Verified, issuer, now, Some(&claims))
    }

    fn ask(
        &self,
        token: OpaqueToken<'_>,
        origin: Origin,
        issuer: Arc<TrustedIssuer>,
        now: NumericDate,
        jwt: Option<&Claims>,
    ) -> Lookup {
        let Some(introspection) = &issuer.introspection else {
            return Lookup::Decided(Err(unavailable(&issuer, Duration::from_secs(1))));
        };
        let judge = || -> Judge {
            let (verifier, issuer) = (self.clone(), Arc::clone(&issuer));
            match origin {
                Origin::Unverified => Box::new(move |token, digest, members, now| {
                    verifier.judge(&issuer, token, digest, members, now)
                }),
                Origin::Verified => {
                    let jwt = jwt.cloned();
                    Box::new(move |_, digest, members, now| {
                        verifier.judge_verified(&issuer, jwt.as_ref(), digest, members, now)
                    })
                }
            }
        };
        match introspection.introspector.look_up(token, origin, now, judge) {
            Introspected::Settled(outcome) => {
                Lookup::Decided(result(outcome, &issuer).map(|claims| jwt.cloned().unwrap_or(claims)))
            }
            Introspected::Pending(pending) => {
                Lookup::Pending(Box::new(Introspecting { issuer, pending, jwt: jwt.cloned() }))
            }
        }
    }

    /// Creates the claims of an active token by the rules of its issuer.
    fn judge(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
        digest: &TokenDigest,
        members: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Claims, Unaccepted> {
        let judged = rules(issuer).check(members, now)?;
        // The result counts for each request, and each one must prove the bindings.
        let scheme = if judged.is_bound { Scheme::Dpop } else { Scheme::Bearer };
        let bindings = confirmation::read(members, token.as_bytes(), scheme, self.reads_certificates())?;
        // Claims hold the digest, so the token is not kept in memory.
        Ok(self.read_claims(
            digest.as_bytes(),
            members,
            issuer,
            &judged.issued_for,
            judged.lifetime,
            None,
            bindings,
            &mut StopAtFirst,
        )?)
    }

    /// Creates the record that a verified JWT is active. It has no claims, because the claims of
    /// the JWT count.
    fn judge_verified(
        &self,
        issuer: &TrustedIssuer,
        jwt: Option<&Claims>,
        digest: &TokenDigest,
        members: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Claims, Unaccepted> {
        const NO_CLAIMS: &str = "{}";
        let claims = jwt.map_or(NO_CLAIMS, Claims::payload);
        let claims = JsonObject::from_text(claims)
            .map_err(|found| Error::InvalidJson { part: Part::Payload, found })?;
        let lifetime = rules(issuer).check_verified(members, &claims, now)?;
        let payload = JsonObject::from_text(NO_CLAIMS)
            .map_err(|found| Error::InvalidJson { part: Part::Payload, found })?;
        let granted = issuer.policy.scopes.read(&payload, None, &self.0.scopes)?;
        let issued_for = IssuedFor { audience: Vec::new(), client: None, is_service_account: false };
        let named = Named { tenant: None, subject: None, token_id: None, issued_for: &issued_for };
        let (name, lookups) = (Arc::clone(issuer.name()), Lookups::default());
        Ok(Claims::new(digest.as_bytes(), name, &named, NO_CLAIMS, granted, lifetime, lookups))
    }
}

fn rules(issuer: &TrustedIssuer) -> Rules<'_> {
    let policy = &issuer.policy;
    Rules { issuer: issuer.name(), kind: &policy.kind, audience: &policy.audience, leeway: issuer.leeway }
}
