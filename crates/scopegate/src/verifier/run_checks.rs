//! Is a token valid that is not cached? The checks run in the documented order.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use scopegate_proto::jws::CompactJws;
#[cfg(feature = "fetch")]
use scopegate_proto::token_digest::KeptDigest;

use crate::cache::key_ref::KeyRef;
use crate::checks::audience::IssuedFor;
#[cfg(feature = "http")]
use crate::checks::confirmation::Scheme;
use crate::checks::confirmation::{self, Bindings, Presented};
use crate::checks::course::{CheckName, Course, StopAtFirst};
use crate::checks::form;
use crate::checks::header::Header;
use crate::checks::identity;
use crate::checks::lifetime::Lifetime;
#[cfg(feature = "fetch")]
use crate::claims::ByIssuer;
use crate::claims::{Claims, Lookups, Named};
use crate::error::Error;
#[cfg(feature = "fetch")]
use crate::issuer::trusted::Introspected;
use crate::issuer::trusted::{KeyLookup, TrustedIssuer};
use crate::keys::fetched::OverdueKeys;
use crate::revocation::checked::{NamesRead, RevocableNames};
use crate::scope::granted::GrantedScopesBuilder;
#[cfg(feature = "fetch")]
use crate::status_list::token_status::TokenStatus;
use crate::tenants;
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::decide::check_bindings;
use crate::verifier::outcome::{NotAccepted, Undecided, UnknownKey};

/// The time until the next attempt, if the application's rule for tenants has panicked.
const UNDECIDED_TENANT_PAUSE: Duration = Duration::from_secs(2);

impl Verifier {
    pub(super) fn verify_uncached(
        &self,
        token: Presented<'_>,
        now: NumericDate,
        overdue: OverdueKeys,
    ) -> Result<Claims, NotAccepted> {
        self.check_scheme(token)?;
        let parts = form::split(token.token)?;
        match self.run_checks(token, &parts, now, overdue) {
            Ok(claims) => self.looked_up(claims, token, now),
            Err(Undecided::Rejected(error)) => Err(NotAccepted::Rejected(error)),
            Err(Undecided::Waits(waits)) => Err(NotAccepted::Waits(waits, parts)),
        }
    }

    /// Rejects a bearer token if the verifier requires a proof. Bearer tokens are not cached then.
    #[inline]
    #[cfg_attr(
        not(feature = "http"),
        allow(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "it is the same call with the feature"
        )
    )]
    pub(super) fn check_scheme(&self, token: Presented<'_>) -> Result<(), Error> {
        #[cfg(feature = "http")]
        if token.scheme == Scheme::Bearer && self.requires_proof() {
            return Err(Error::ProofRequired);
        }
        #[cfg(not(feature = "http"))]
        let _ = token;
        Ok(())
    }

    /// Runs the checks on a token that was split before.
    pub(super) fn verify_parts(
        &self,
        token: Presented<'_>,
        parts: &CompactJws,
        overdue: OverdueKeys,
    ) -> Result<Claims, Undecided> {
        self.run_checks(token, parts, self.now(), overdue)
    }

    /// Runs the checks in the order that [`verify`](Self::verify) documents. The first four find
    /// the key.
    fn run_checks(
        &self,
        token: Presented<'_>,
        parts: &CompactJws,
        now: NumericDate,
        overdue: OverdueKeys,
    ) -> Result<Claims, Undecided> {
        let header = Header::parse(parts.header())?;
        let payload = form::read_payload(parts)?;
        loop {
            let issuer = self.issuer_of(&payload, now)?;
            issuer.policy.check_header(&header)?;
            let key = match issuer.find_key(&header.key_id, header.algorithm, now, overdue)? {
                KeyLookup::Found(key) => key,
                KeyLookup::Missing(missing) => return Err(UnknownKey { issuer, missing }.into()),
            };
            match self.run_checks_with_key(token, parts, &payload, &issuer, key, now, &mut StopAtFirst) {
                // Its rules were replaced meanwhile.
                Err(Error::UnknownIssuer { .. }) if self.trusted().get(&payload, now).is_some() => {}
                result => return Ok(result?),
            }
        }
    }

    /// Returns the issuer that the payload names, if it is trusted now. Otherwise requests it from
    /// the resolver.
    pub(super) fn issuer_of(
        &self,
        payload: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Arc<TrustedIssuer>, Undecided> {
        let issuer = match self.trusted().get(payload, now) {
            Some(issuer) => issuer,
            None => self.trusted().ask(payload, now)?,
        };
        match issuer.trusts_tenant() {
            Ok(true) => Ok(issuer),
            Ok(false) => Err(self.trusted().snapshot().unknown_issuer(payload).into()),
            Err(tenants::RulePanicked) => {
                let found = Excerpt::identifier(issuer.name());
                Err(Error::IssuerUnavailable { found, retry_after: UNDECIDED_TENANT_PAUSE }.into())
            }
        }
    }

    /// Runs the checks from the fifth on, with the token's key.
    #[allow(clippy::too_many_arguments, reason = "each is a fact about the token that was found before")]
    pub(super) fn run_checks_with_key(
        &self,
        token: Presented<'_>,
        parts: &CompactJws,
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        key: KeyRef,
        now: NumericDate,
        course: &mut impl Course,
    ) -> Result<Claims, Error> {
        // Before the signature: an expired token is rejected without the cost of a signature check.
        let lifetime = check_lifetime(payload, issuer, now, course)?;
        course.pass(CheckName::Signature, issuer.check_signature(&key, token.token, parts), || ())?;
        // From here on every byte of the payload is verified, including the claims read above.
        let key_id = key.key.id.as_deref();
        let claims = self.check_claims(token, payload, issuer, lifetime, key_id, course)?;
        // It may have been distrusted since it was found.
        if !issuer.keys.standing().accepts(now) {
            return Err(self.trusted().snapshot().unknown_issuer(payload));
        }
        // A stolen token takes no place in the cache.
        if check_bindings(&claims, token.scheme, token.certificate).is_ok() {
            self.cache(&claims, key, issuer.leeway, token.scheme);
        }
        Ok(claims)
    }

    /// Runs the checks after that of the signature.
    pub(super) fn check_claims(
        &self,
        token: Presented<'_>,
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        lifetime: Lifetime,
        key_id: Option<&str>,
        course: &mut impl Course,
    ) -> Result<Claims, Error> {
        let policy = &issuer.policy;
        // The kind comes first: an ID token has another audience too, and its kind is the clearer error.
        let kind = policy.kind.check(payload, issuer.tenant_id().map(AsRef::as_ref));
        course.pass(CheckName::Kind, kind, || ())?;
        let issued_for =
            course.pass(CheckName::Audience, policy.audience.check(payload), IssuedFor::unknown)?;
        // Each request proves them, and `decide` checks that: its record has the claims.
        let reads_certificate = token.certificate.is_accepted();
        let bindings = confirmation::read(payload, token.token, token.scheme, reads_certificate);
        let bindings = course.pass(CheckName::Binding, bindings, || None)?;
        self.read_claims(token.token, payload, issuer, &issued_for, lifetime, key_id, bindings, course)
    }

    /// Reads the remaining claims of a token that is for this API. The claims hold `kept` as the token.
    #[allow(clippy::too_many_arguments, reason = "each is a fact about the token that was found before")]
    pub(super) fn read_claims(
        &self,
        kept: &[u8],
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        issued_for: &IssuedFor<'_>,
        lifetime: Lifetime,
        key_id: Option<&str>,
        bindings: Option<Box<Bindings>>,
        course: &mut impl Course,
    ) -> Result<Claims, Error> {
        if self.0.hooks.requires_binding && bindings.is_none() {
            course.pass(CheckName::Binding, Err(Error::NotSenderConstrained), || ())?;
        }
        #[cfg(feature = "http")]
        let bindings = {
            let mut bindings = bindings;
            if self.requires_certificate() {
                Bindings::require_certificate(&mut bindings);
            }
            bindings
        };
        let subject = course.pass(CheckName::Identity, identity::optional_name(payload, "sub"), || None)?;
        let token_id = course.pass(CheckName::Identity, identity::optional_name(payload, "jti"), || None)?;
        if token_id.is_none() && self.0.hooks.requires_token_id {
            course.pass(CheckName::Identity, Err(Error::MissingClaim { claim: "jti" }), || ())?;
        }
        let granted =
            issuer.policy.scopes.read(payload, issuer.policy.scope_limit.as_deref(), &self.0.scopes);
        let granted = course
            .pass(CheckName::Scopes, granted, || GrantedScopesBuilder::default().intern(&self.0.scopes))?;
        // No claims exist of a token that has failed a check.
        course.settle()?;
        let revocable = match &self.0.hooks.revocations {
            None => None,
            Some(revocations) => {
                let names = NamesRead {
                    issuer: issuer.name(),
                    token_id: token_id.as_deref(),
                    subject: subject.as_deref(),
                    client: issued_for.client.as_deref(),
                    key_id,
                    issued_at: lifetime.issued_at,
                };
                Some(Box::new(RevocableNames::new(revocations.store(), &names, payload)?))
            }
        };
        #[cfg(feature = "fetch")]
        let by_issuer = by_issuer(issuer, payload)?;
        Ok(Claims::new(
            kept,
            Arc::clone(issuer.name()),
            &Named {
                tenant: issuer.tenant_id(),
                subject: subject.as_deref(),
                token_id: token_id.as_deref(),
                issued_for,
            },
            payload.text(),
            granted,
            lifetime,
            Lookups {
                revocable,
                #[cfg(feature = "fetch")]
                by_issuer,
                bindings,
            },
        ))
    }
}

/// Prepares the look-ups at the issuer, if it decides at each use.
#[cfg(feature = "fetch")]
fn by_issuer(issuer: &TrustedIssuer, payload: &JsonObject<'_>) -> Result<Option<Box<ByIssuer>>, Error> {
    let status = match &issuer.status_lists {
        None => None,
        Some(lists) => TokenStatus::read(lists, payload)?,
    };
    let introspected = issuer.introspects(Introspected::VerifiedJwts).then(KeptDigest::default);
    let decides = status.is_some() || introspected.is_some();
    Ok(decides.then(|| Box::new(ByIssuer { status, introspected })))
}

/// Checks the token's lifetime at this time.
pub(super) fn check_lifetime(
    payload: &JsonObject<'_>,
    issuer: &TrustedIssuer,
    now: NumericDate,
    course: &mut impl Course,
) -> Result<Lifetime, Error> {
    let lifetime = Lifetime::read(payload).and_then(|lifetime| {
        lifetime.check(now, issuer.leeway)?;
        Ok(lifetime)
    });
    course.pass(CheckName::Lifetime, lifetime, || Lifetime::ENDED)
}
