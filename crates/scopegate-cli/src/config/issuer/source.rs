//! The kind of an issuer, and the preset of the library for it.

use scopegate::{ConfigError, Issuer, IssuerWithoutAudience};

use crate::config::introspection::Introspected;

/// The kind of issuer, with the value of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) jwks_uri: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Issuer,
    Cognito,
    Auth0,
    Okta,
    Entra,
    Keycloak,
    Hydra,
    Rfc9068,
    Google,
}

/// The keys of the kinds.
pub(super) const KINDS: [(&str, Kind); 9] = [
    ("issuer", Kind::Issuer),
    ("cognito", Kind::Cognito),
    ("auth0", Kind::Auth0),
    ("okta", Kind::Okta),
    ("entra", Kind::Entra),
    ("keycloak", Kind::Keycloak),
    ("hydra", Kind::Hydra),
    ("rfc9068", Kind::Rfc9068),
    ("google", Kind::Google),
];

impl Source {
    /// Returns the issuer with the introspection that replaces its verification.
    pub(super) fn issuer(
        &self,
        introspected: Option<&Introspected>,
    ) -> Result<IssuerWithoutAudience, ConfigError> {
        let introspection = introspected
            .filter(|introspected| introspected.replaces_verification())
            .map(Introspected::introspection);
        match (self.kind, introspection.transpose()?) {
            // A name that is no URL has no metadata.
            (Kind::Issuer, Some(introspection)) => Issuer::opaque(&self.value, introspection),
            (Kind::Google, Some(introspection)) => Ok(Issuer::google(introspection)),
            (_, Some(introspection)) => Ok(self.preset()?.introspected(introspection)),
            (_, None) => self.preset(),
        }
    }

    fn preset(&self) -> Result<IssuerWithoutAudience, ConfigError> {
        match (self.kind, &self.jwks_uri) {
            (Kind::Issuer, Some(jwks_uri)) => Issuer::from_jwks_uri(&self.value, jwks_uri),
            // Google has always an introspection.
            (Kind::Issuer | Kind::Google, None) | (Kind::Google, Some(_)) => {
                Issuer::from_metadata(&self.value)
            }
            (Kind::Cognito, _) => Issuer::cognito(&self.value),
            (Kind::Auth0, _) => Issuer::auth0(&self.value),
            (Kind::Okta, _) => Issuer::okta(&self.value),
            (Kind::Entra, _) => Issuer::entra(&self.value),
            (Kind::Keycloak, _) => Issuer::keycloak(&self.value),
            (Kind::Hydra, _) => Issuer::hydra(&self.value),
            (Kind::Rfc9068, _) => Issuer::rfc9068(&self.value),
        }
    }
}
