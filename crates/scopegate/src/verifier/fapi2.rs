//! FAPI 2.0 Security Profile (Final): does a configuration satisfy the profile for resource servers?
//!
//! The profile narrows settings, and rejects a configuration that lacks one. Requests pass the checks
//! of every verifier.

use std::time::Duration;

use crate::certificate::ClientCertificates;
use crate::config_error::ConfigError;
use crate::dpop::Dpop;
use crate::issuer::Issuer;
use crate::token::algorithm::Algorithm;

/// The algorithms of access tokens, of status lists and of proofs (§5.4.1).
const ALGORITHMS: [Algorithm; 3] = [Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// How far an `iat` or `nbf` may be in the future: 10 s must be accepted, and more than 60 s must be
/// rejected (§5.3.2.1).
const MIN_CLOCK_OFFSET: Duration = Duration::from_secs(10);
const MAX_CLOCK_OFFSET: Duration = Duration::from_secs(60);

/// The demands on each issuer of a verifier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fapi2 {
    /// Revocations apply to the tokens of all issuers.
    pub(crate) has_revocations: bool,
}

impl Fapi2 {
    /// Returns the issuer with the algorithms of the profile, if its rules satisfy the profile.
    /// `leeway` is the verifier's.
    pub(crate) fn limit(self, mut issuer: Issuer, leeway: Duration) -> Result<Issuer, ConfigError> {
        let not_fapi2 = |issuer: &Issuer, setting, expected, found| ConfigError::NotFapi2 {
            issuer: Some(issuer.identifier.clone()),
            setting,
            expected,
            found,
        };
        let accepted = limited(&issuer.policy.algorithms);
        if accepted.is_empty() {
            let found = names(&issuer.policy.algorithms);
            return Err(not_fapi2(&issuer, "algorithms", "PS256, ES256 or EdDSA", found));
        }
        issuer.policy.algorithms = accepted;
        let leeway = issuer.policy.leeway.unwrap_or(leeway);
        if !(MIN_CLOCK_OFFSET..=MAX_CLOCK_OFFSET).contains(&leeway) {
            return Err(not_fapi2(&issuer, "leeway", "10 s to 60 s", seconds(leeway)));
        }
        if !self.has_revocations && !decides_about_revocation(&issuer) {
            let expected =
                "`revocations` of the verifier, or `StatusList::required` or introspection of the issuer";
            return Err(not_fapi2(&issuer, "revocation status", expected, "none".to_owned()));
        }
        #[cfg(feature = "fetch")]
        if issuer.allows_keys_without_tls() {
            return Err(not_fapi2(&issuer, "keys", "TLS", "`allow_keys_without_tls`".to_owned()));
        }
        Ok(issuer)
    }
}

/// Returns the settings of sender-constrained tokens, with the algorithms of the profile. If there is
/// one kind of binding, it is required.
pub(crate) fn limit_bindings(
    dpop: Option<Dpop>,
    certificates: Option<ClientCertificates>,
) -> Result<(Option<Dpop>, Option<ClientCertificates>), ConfigError> {
    let not_fapi2 =
        |setting, expected, found| ConfigError::NotFapi2 { issuer: None, setting, expected, found };
    if let Some(dpop) = &dpop {
        let accepted = dpop.accepted_algorithms();
        if limited(accepted).is_empty() {
            let (setting, expected) = ("algorithms of DPoP proofs", "PS256, ES256 or EdDSA");
            return Err(not_fapi2(setting, expected, names(accepted)));
        }
        let skew = dpop.clock_skew();
        if skew < MIN_CLOCK_OFFSET {
            return Err(not_fapi2("clock skew of DPoP proofs", "10 s to 60 s", seconds(skew)));
        }
    }
    let dpop = dpop.map(|dpop| {
        let accepted = limited(dpop.accepted_algorithms());
        dpop.algorithms(accepted)
    });
    match (dpop, certificates) {
        (None, None) => {
            let expected = "`dpop` or `client_certificates`";
            Err(not_fapi2("sender-constrained tokens", expected, "neither".to_owned()))
        }
        (Some(dpop), None) => Ok((Some(dpop.required()), None)),
        (None, Some(certificates)) => Ok((None, Some(certificates.required()))),
        both => Ok(both),
    }
}

fn limited(algorithms: &[Algorithm]) -> Vec<Algorithm> {
    algorithms.iter().copied().filter(|algorithm| ALGORITHMS.contains(algorithm)).collect()
}

fn names(algorithms: &[Algorithm]) -> String {
    let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
    names.join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// Returns whether the issuer is asked about each token.
#[cfg(feature = "fetch")]
fn decides_about_revocation(issuer: &Issuer) -> bool {
    let status_list = issuer.policy.status_list.as_ref();
    issuer.is_introspected() || status_list.is_some_and(crate::status_list::StatusList::is_required)
}

/// Without an HTTP client, the issuer cannot be asked.
#[cfg(not(feature = "fetch"))]
fn decides_about_revocation(_issuer: &Issuer) -> bool {
    false
}
