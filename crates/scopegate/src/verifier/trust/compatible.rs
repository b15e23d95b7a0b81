//! Which issuers can be trusted at the same time?

use std::collections::HashSet;

use crate::config_error::ConfigError;
use crate::issuer::Issuer;
#[cfg(feature = "fetch")]
use crate::issuer::opaque::{Marks, check_marks};
use crate::verifier::trust::member::Member;

/// Checks the rules of each issuer, and those between them, before a verifier runs.
pub(in crate::verifier) fn check_all(issuers: &[Issuer]) -> Result<(), ConfigError> {
    let (mut names, mut unnamed) = (HashSet::new(), None);
    for issuer in issuers {
        issuer.check()?;
        if issuer.policy.accepts_missing_iss
            && let Some(earlier) = unnamed.replace(&issuer.identifier)
        {
            return Err(two_unnamed(earlier, &issuer.identifier));
        }
        if !names.insert(&issuer.identifier) {
            return Err(ConfigError::DuplicateIssuer { issuer: issuer.identifier.clone() });
        }
    }
    #[cfg(feature = "fetch")]
    check_marks(issuers.iter().filter(|issuer| issuer.is_opaque()).map(Marks::of_configured))?;
    Ok(())
}

/// Checks that an issuer can be trusted beside the others. It replaces the issuer with its name.
pub(super) fn check_beside(member: &Member, members: &[Member]) -> Result<(), ConfigError> {
    let name = &member.issuer.identifier;
    if member.issuer.policy.accepts_missing_iss
        && let Some(other) = members
            .iter()
            .find(|other| other.issuer.policy.accepts_missing_iss && other.issuer.identifier != *name)
    {
        return Err(two_unnamed(&other.issuer.identifier, name));
    }
    #[cfg(feature = "fetch")]
    if member.issuer.is_opaque() {
        let others = members.iter().map(|other| &other.issuer);
        let others = others.filter(|other| other.is_opaque());
        let others = others.filter(|other| other.identifier != *name);
        let introspected = others.chain([&member.issuer]);
        check_marks(introspected.map(|issuer| Marks::of_trusted(issuer)))?;
    }
    // In version 1 of Entra, two clouds have one form of names, and different keys.
    let templates = |member: &Member| member.issuer.policy.tenancy.templates().to_vec();
    if let Some(other) = members.iter().find(|other| other.issuer.identifier == *name)
        && templates(other) != templates(member)
    {
        return Err(ConfigError::DuplicateIssuer { issuer: name.to_string() });
    }
    Ok(())
}

/// Returns the error for two issuers of tokens without `iss`.
fn two_unnamed(one: &str, other: &str) -> ConfigError {
    ConfigError::OutOfRange {
        setting: "allow_missing_iss",
        expected: "at most one issuer of tokens without `iss`",
        found: format!("{one} and {other}"),
    }
}
