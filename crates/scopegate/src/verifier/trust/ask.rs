//! Is an issuer trusted that no configuration names? The resolvers are asked.

use std::sync::Arc;

#[cfg(feature = "fetch")]
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
#[cfg(feature = "fetch")]
use scopegate_proto::json::string;

#[cfg(feature = "fetch")]
use crate::checks::lifetime::Lifetime;
#[cfg(feature = "fetch")]
use crate::error::Error;
#[cfg(feature = "fetch")]
use crate::issuer::Issuer;
use crate::issuer::trusted::TrustedIssuer;
use crate::token::numeric_date::NumericDate;
use crate::verifier::outcome::Undecided;
#[cfg(feature = "fetch")]
use crate::verifier::outcome::{UnresolvedIssuer, WaitsFor};
use crate::verifier::trust::Trust;
#[cfg(feature = "fetch")]
use crate::verifier::trust::resolver::NameLookup;

impl Trust {
    /// Returns whether the resolver may be called for this name.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) fn may_resolve(&self, name: &str) -> bool {
        self.resolvers().any(|resolver| resolver.may_be_called(name))
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    pub(in crate::verifier) fn may_resolve(&self, _name: &str) -> bool {
        false
    }

    /// Requests the issuer that the payload names from the resolver.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) fn ask(
        &self,
        payload: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Arc<TrustedIssuer>, Undecided> {
        let unknown = || Undecided::from(self.snapshot.load().unknown_issuer(payload));
        if self.resolvers.is_empty() {
            return Err(unknown());
        }
        let Some(name) = payload.get("iss").and_then(string) else { return Err(unknown()) };
        // A token that cannot be accepted is not worth a call, whatever the leeway of its issuer is.
        Lifetime::read(payload)?.check(now, Issuer::MAX_LEEWAY)?;
        loop {
            let mut asked = self.resolvers().map(|resolver| resolver.ask(&name, now));
            // The first resolver that does not reject the name decides.
            match asked.find(|asked| !matches!(asked, NameLookup::Unknown)) {
                None | Some(NameLookup::Unknown) => return Err(unknown()),
                Some(NameLookup::Unavailable { retry_after }) => {
                    let found = Excerpt::identifier(&name);
                    return Err(Error::IssuerUnavailable { found, retry_after }.into());
                }
                Some(NameLookup::Pending(resolution)) => {
                    let found = Excerpt::identifier(&name);
                    return Err(Undecided::Waits(WaitsFor::Issuer(UnresolvedIssuer { found, resolution })));
                }
                // It has come meanwhile, and may be gone already.
                Some(NameLookup::Live) => {
                    if let Some(issuer) = self.get_named(&name, now) {
                        return Ok(issuer);
                    }
                }
            }
        }
    }

    #[cfg(not(feature = "fetch"))]
    pub(in crate::verifier) fn ask(
        &self,
        payload: &JsonObject<'_>,
        _now: NumericDate,
    ) -> Result<Arc<TrustedIssuer>, Undecided> {
        Err(self.snapshot.load().unknown_issuer(payload).into())
    }
}
