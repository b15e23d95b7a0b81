//! The form in which each provider writes a machine-to-machine token.
//!
//! It follows the providers' documentation. A test compares it with the presets of the `scopegate`
//! crate.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::{encode, random_uuid, uuid};

/// A provider's format of claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Cognito,
    Auth0,
    Okta,
    Entra,
    EntraV1,
    Keycloak,
    Hydra,
    Rfc9068,
}

impl Shape {
    /// Returns the claims of a token that is valid for the provider's default lifetime.
    pub(super) fn claims(self, issuer: &str, client_id: &str, now: u64) -> Map<String, Value> {
        let times = self.issue_times().iter().map(|name| (*name, json!(now)));
        let expiry = ("exp", json!(now.saturating_add(self.lifetime_secs())));
        let own = self.own_claims(issuer).into_iter().chain(self.client(client_id)).chain(times);
        let claims = own.chain([("iss", json!(issuer)), expiry, self.scope(DEFAULT_SCOPE)]);
        let claims = claims.chain((self != Self::Cognito).then(|| ("aud", self.audience(DEFAULT_AUDIENCE))));
        claims.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns the claims that depend neither on the client nor on scopes, audience and times.
    fn own_claims(self, issuer: &str) -> Vec<(&'static str, Value)> {
        match self {
            Self::Cognito => {
                vec![("token_use", json!("access")), ("version", json!(2)), ("jti", json!(random_uuid()))]
            }
            Self::Auth0 => vec![("gty", json!("client-credentials"))],
            Self::Okta => vec![("ver", json!(1)), ("jti", json!(format!("AT.{}", random_text())))],
            Self::Entra => entra(issuer, "azpacr", "2.0").to_vec(),
            Self::EntraV1 => {
                entra(issuer, "appidacr", "1.0").into_iter().chain([("idp", json!(issuer))]).collect()
            }
            Self::Keycloak => vec![
                ("jti", json!(format!("trrtcc:{}", random_uuid()))),
                ("typ", json!("Bearer")),
                ("acr", json!("1")),
                ("realm_access", json!({ "roles": ["offline_access", "uma_authorization"] })),
                ("resource_access", json!({ "account": { "roles": ["manage-account"] } })),
                ("email_verified", json!(false)),
                // RFC 5737: an address for documentation.
                ("clientHost", json!("192.0.2.7")),
                ("clientAddress", json!("192.0.2.7")),
            ],
            Self::Hydra => vec![("ext", json!({})), ("jti", json!(random_uuid()))],
            Self::Rfc9068 => vec![("jti", json!(random_uuid()))],
        }
    }

    /// Returns the claims that name the client.
    pub(super) fn client(self, id: &str) -> Vec<(&'static str, Value)> {
        match self {
            Self::Cognito | Self::Hydra | Self::Rfc9068 => vec![("sub", json!(id)), ("client_id", json!(id))],
            Self::Auth0 => vec![("sub", json!(format!("{id}@clients"))), ("azp", json!(id))],
            Self::Okta => vec![("sub", json!(id)), ("cid", json!(id))],
            Self::Entra | Self::EntraV1 => {
                let claim = if self == Self::Entra { "azp" } else { "appid" };
                vec![(claim, json!(id)), ("sub", json!(account(id))), ("oid", json!(account(id)))]
            }
            Self::Keycloak => vec![
                ("azp", json!(id)),
                ("client_id", json!(id)),
                ("sub", json!(account(id))),
                ("preferred_username", json!(format!("service-account-{id}"))),
            ],
        }
    }

    /// Returns the claim of scopes, which are given separated by spaces.
    pub(super) fn scope(self, scope: &str) -> (&'static str, Value) {
        let each = || scope.split(' ').filter(|scope| !scope.is_empty()).collect::<Vec<_>>();
        match self {
            Self::Cognito | Self::Auth0 | Self::Keycloak | Self::Rfc9068 => ("scope", json!(scope)),
            Self::Okta | Self::Hydra => ("scp", json!(each())),
            // An application's own token has app roles and no `scp`.
            Self::Entra | Self::EntraV1 => ("roles", json!(each())),
        }
    }

    /// Returns the value of `aud`.
    pub(super) fn audience(self, audience: &str) -> Value {
        match self {
            Self::Keycloak => json!([audience, "account"]),
            Self::Hydra => json!([audience]),
            _ => json!(audience),
        }
    }

    /// Returns the claims that are the time of issue.
    pub(super) fn issue_times(self) -> &'static [&'static str] {
        match self {
            Self::Cognito => &["iat", "auth_time"],
            Self::Entra | Self::EntraV1 | Self::Hydra => &["iat", "nbf"],
            Self::Auth0 | Self::Okta | Self::Keycloak | Self::Rfc9068 => &["iat"],
        }
    }

    /// Returns the `typ` of the header.
    pub(super) fn typ(self) -> Option<&'static str> {
        match self {
            Self::Cognito | Self::Okta => None,
            Self::Auth0 | Self::Entra | Self::EntraV1 | Self::Keycloak | Self::Hydra => Some("JWT"),
            Self::Rfc9068 => Some("at+jwt"),
        }
    }

    fn lifetime_secs(self) -> u64 {
        match self {
            Self::Auth0 => 86_400,
            Self::Entra | Self::EntraV1 => 3900,
            Self::Keycloak => 300,
            Self::Cognito | Self::Okta | Self::Hydra | Self::Rfc9068 => 3600,
        }
    }
}

fn entra(issuer: &str, strength: &'static str, version: &str) -> [(&'static str, Value); 4] {
    // `https://HOST/TENANT/…`
    let tenant = issuer.split('/').nth(3).unwrap_or_default();
    [(strength, json!("1")), ("tid", json!(tenant)), ("uti", json!(random_text())), ("ver", json!(version))]
}

/// Returns the account id of a client, derived from its client id.
fn account(client_id: &str) -> String {
    let mut first = [0; 16];
    let hash = digest(&SHA256, client_id.as_bytes());
    first.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    uuid(u128::from_be_bytes(first))
}

/// Returns 22 characters of base64url. Not secret.
fn random_text() -> String {
    encode(fastrand::u128(..).to_be_bytes())
}

const DEFAULT_SCOPE: &str = "https://my-api-server.org/api.read";
const DEFAULT_AUDIENCE: &str = "https://my-api-server.org";
