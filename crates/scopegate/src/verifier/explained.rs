//! Which checks does a token pass, and which does it fail?
//!
//! Each of the first checks needs the result of an earlier check. If a check has failed, the driver
//! runs the checks that don't need it. From the lifetime on, `run_checks` has the list.

use std::sync::Arc;

use scopegate_proto::json::JsonObject;
use scopegate_proto::jws::CompactJws;

use crate::checks::confirmation::Presented;
use crate::checks::course::CheckName;
use crate::checks::form;
use crate::checks::header::Header;
use crate::error::Error;
use crate::explain::collect::Collect;
use crate::explain::found::found;
use crate::explain::{CheckOutcome, Explanation};
use crate::issuer::trusted::{KeyLookup, TrustedIssuer};
use crate::keys::fetched::OverdueKeys;
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::outcome::{Undecided, UnknownKey};
use crate::verifier::run_checks::check_lifetime;

/// The checks that need a trusted issuer's rules.
const BY_ISSUER: [CheckName; 9] = [
    CheckName::Type,
    CheckName::Key,
    CheckName::Lifetime,
    CheckName::Signature,
    CheckName::Kind,
    CheckName::Audience,
    CheckName::Binding,
    CheckName::Identity,
    CheckName::Scopes,
];

impl Verifier {
    /// Runs the checks of [`verify`](Self::verify) on a token, and goes on after a failure.
    ///
    /// Use it for tools and support, not for requests: a hostile token costs more than if it is
    /// rejected at its first failure. It uses the keys as they are, and does not wait.
    ///
    /// The result is the result of `verify`. A valid token is counted and cached like any other. If the
    /// token's issuer is not trusted and the verifier trusts one issuer only, the remaining checks
    /// use the rules of that issuer.
    ///
    /// ```
    /// use scopegate::{CheckName, CheckOutcome, Issuer, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// # let token = local.mint().expired().client("another").sign();
    /// let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
    /// let verifier = Verifier::builder().trust(issuer).start().await?;
    ///
    /// // A token that has expired, and that was issued to another client.
    /// let explanation = verifier.explain(&token);
    /// let failed = |check: &&scopegate::Check| matches!(check.outcome, CheckOutcome::Failed(_));
    /// let failed: Vec<_> = explanation.checks().iter().filter(failed).map(|check| check.name).collect();
    /// assert_eq!(failed, [CheckName::Lifetime, CheckName::Audience]);
    /// # Ok(()) }
    /// ```
    pub fn explain(&self, token: impl AsRef<[u8]>) -> Explanation {
        let presented = Presented::alone(token.as_ref());
        let mut course = Collect::default();
        if let Err(error) = self.check_scheme(presented) {
            course.record(CheckName::Binding, CheckOutcome::Failed(error));
        }
        let parts = course.take(CheckName::Form, form::split(presented.token));
        let (mut header, mut payload) = (None, None);
        if let Some(parts) = &parts {
            header = JsonObject::from_slice(parts.header()).ok();
            payload = self.explain_parts(presented, parts, self.now(), &mut course);
        } else {
            course.skip(&[CheckName::Header, CheckName::Payload, CheckName::Issuer]);
            course.skip(&BY_ISSUER);
        }
        let result = match course.first_error() {
            Some(error) => Err(error.clone()),
            None => self.verify(presented.token),
        };
        // The last checks are about valid tokens, and run only there.
        if let (Err(error), None) = (&result, course.first_error()) {
            course.record(name_of(error), CheckOutcome::Failed(error.clone()));
        }
        let mut checks = course.into_checks();
        for check in &mut checks {
            check.found = found(check.name, header.as_ref(), payload.as_ref());
        }
        let text = |object: JsonObject<'_>| object.text().to_owned();
        Explanation { checks, header: header.map(text), payload: payload.map(text), result }
    }

    /// Runs the checks after that of the form. Returns the payload if it is JSON.
    fn explain_parts<'p>(
        &self,
        token: Presented<'_>,
        parts: &'p CompactJws,
        now: NumericDate,
        course: &mut Collect,
    ) -> Option<JsonObject<'p>> {
        let header = course.take(CheckName::Header, Header::parse(parts.header()));
        let Some(payload) = course.take(CheckName::Payload, form::read_payload(parts)) else {
            course.skip(&[CheckName::Issuer]);
            course.skip(&BY_ISSUER);
            return None;
        };
        let issuer = self.issuer_of(&payload, now).map_err(error_of);
        let Some(issuer) = course.take(CheckName::Issuer, issuer).or_else(|| self.only_issuer()) else {
            course.skip(&BY_ISSUER);
            return Some(payload);
        };
        let key = match &header {
            None => {
                course.skip(&[CheckName::Type, CheckName::Key]);
                None
            }
            Some(header) => {
                course.take(CheckName::Type, issuer.policy.check_header(header));
                let key = issuer.find_key(&header.key_id, header.algorithm, now, OverdueKeys::Use);
                let key = key.and_then(|key| match key {
                    KeyLookup::Found(key) => Ok(key),
                    KeyLookup::Missing(missing) => {
                        Err(UnknownKey { issuer: Arc::clone(&issuer), missing }.error())
                    }
                });
                course.take(CheckName::Key, key)
            }
        };
        // The errors are in the course.
        let _ = match key {
            Some(key) => self.run_checks_with_key(token, parts, &payload, &issuer, key, now, course),
            None => check_lifetime(&payload, &issuer, now, course).and_then(|lifetime| {
                course.skip(&[CheckName::Signature]);
                self.check_claims(token, &payload, &issuer, lifetime, None, course)
            }),
        };
        Some(payload)
    }

    /// Returns the trusted issuer if there is one only.
    fn only_issuer(&self) -> Option<Arc<TrustedIssuer>> {
        let issuers = self.trusted().issuers();
        let mut issuers = issuers.iter();
        issuers.next().filter(|_| issuers.next().is_none()).map(Arc::clone)
    }
}

fn error_of(undecided: Undecided) -> Error {
    match undecided {
        Undecided::Rejected(error) => error,
        Undecided::Waits(waits) => waits.error(),
    }
}

/// Returns the check that ended a verification after all checks of [`Collect`] had passed.
fn name_of(error: &Error) -> CheckName {
    match error {
        Error::NotCertificateBound | Error::SenderConstrained { .. } => CheckName::Binding,
        Error::Revoked { .. } | Error::RevocationsUnavailable { .. } => CheckName::Revocation,
        Error::InvalidStatus { .. } | Error::StatusUnavailable { .. } => CheckName::Status,
        Error::Inactive { .. }
        | Error::IntrospectionUnavailable { .. }
        | Error::IntrospectionMisconfigured { .. } => CheckName::Introspection,
        Error::MalformedClaim { claim, .. } if claim.starts_with("status") => CheckName::Status,
        Error::MalformedClaim { .. } => CheckName::Identity,
        _ => CheckName::Application,
    }
}
