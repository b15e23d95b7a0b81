//! Valid tokens of known issuers, and the settings that trust each issuer. The shapes follow the
//! issuers' documentation. Hosts, ids and keys are invented.

use scopegate::{Algorithm, Issuer};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use serde_json::{Value, json};

use super::draft::{Draft, Members, quoted};

/// The time at which all tokens are verified: 2025-06-15T15:06:40Z.
pub(crate) const NOW: u64 = 1_750_000_000;
pub(crate) const LEEWAY: u64 = 30;
pub(crate) const AUDIENCE: &str = "https://api.example/orders";
pub(crate) const CLIENT: &str = "1example23456789";
pub(crate) const POOL: &str = "eu-west-1_Ab12Cd34E";

/// The provider of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Cognito,
    Rfc9068,
    Keycloak,
    Auth0,
    Entra,
    Okta,
}

/// An issuer, its keys, and the form of its tokens.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) profile: Profile,
    pub(crate) identifier: &'static str,
    /// The signing key.
    pub(crate) key: SigningKey,
    /// A second published key of the same algorithm.
    pub(crate) sibling: Option<SigningKey>,
    /// A published key of another algorithm, which only Keycloak may use.
    pub(crate) other: SigningKey,
    /// A key of the same algorithm that is never published.
    pub(crate) unpublished: SigningKey,
}

impl Shape {
    pub(crate) fn all() -> Vec<Self> {
        use Profile::{Auth0, Cognito, Entra, Keycloak, Okta, Rfc9068};
        let cognito = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
        vec![
            Self::new("cognito-rs256", Cognito, cognito, KeyAlgorithm::RS256),
            Self::new("rfc9068-rs256", Rfc9068, "https://rs256.example", KeyAlgorithm::RS256),
            Self::new("rfc9068-ps256", Rfc9068, "https://ps256.example/", KeyAlgorithm::PS256),
            Self::new("rfc9068-es256", Rfc9068, "https://es256.example/a/b", KeyAlgorithm::ES256),
            Self::new("rfc9068-es384", Rfc9068, "https://es384.example:8443/a", KeyAlgorithm::ES384),
            Self::new("rfc9068-eddsa", Rfc9068, "https://eddsa.example/a%C3%A9", KeyAlgorithm::EdDSA),
            Self::new("keycloak-rs256", Keycloak, "https://keycloak.example/realms/one", KeyAlgorithm::RS256),
            Self::new("auth0-rs256", Auth0, "https://tenant.auth0.example/", KeyAlgorithm::RS256),
            Self::new("entra-rs256", Entra, "https://entra.example/1f0c/v2.0", KeyAlgorithm::RS256),
            Self::new("okta-rs256", Okta, "https://okta.example/oauth2/default", KeyAlgorithm::RS256),
        ]
    }

    fn new(name: &'static str, profile: Profile, identifier: &'static str, alg: KeyAlgorithm) -> Self {
        let key = |alg, kid: &str| SigningKey::generate(alg).with_kid(format!("{name}-{kid}+/="));
        let other = if alg == KeyAlgorithm::ES256 { KeyAlgorithm::RS256 } else { KeyAlgorithm::ES256 };
        Self {
            name,
            profile,
            identifier,
            key: key(alg, "key"),
            // One of the issuers publishes only one key for its algorithm.
            sibling: (alg != KeyAlgorithm::EdDSA).then(|| key(alg, "sibling")),
            other: key(other, "other"),
            unpublished: key(alg, "unpublished"),
        }
    }

    /// Returns the issuer's key set.
    pub(crate) fn jwks(&self) -> Value {
        let published = [Some(&self.key), self.sibling.as_ref(), Some(&self.other)];
        let mut keys: Vec<Value> = published.into_iter().flatten().map(SigningKey::jwk).collect();
        if self.profile == Profile::Okta {
            // `alg` is optional in a JWK. Without it, only the configuration restricts the algorithm.
            for key in &mut keys {
                key.as_object_mut().unwrap().remove("alg");
            }
        }
        json!({ "keys": keys })
    }

    /// Returns the names of the accepted algorithms.
    pub(crate) fn algorithms(&self) -> Vec<String> {
        let other = (self.profile == Profile::Keycloak).then(|| self.other.alg());
        [Some(self.key.alg()), other].into_iter().flatten().map(|alg| alg.to_string()).collect()
    }

    /// Returns the settings of a verifier that trusts the issuer.
    pub(crate) fn issuer(&self) -> Issuer {
        let jwks = self.jwks().to_string();
        let algorithms = self.algorithms();
        let algorithms = algorithms.iter().map(|name| name.parse::<Algorithm>().unwrap());
        if self.profile == Profile::Cognito {
            return Issuer::cognito(POOL).unwrap().client(CLIENT).jwks(&jwks);
        }
        let issuer = Issuer::from_jwks(self.identifier, &jwks).unwrap();
        let issuer = issuer.audience(AUDIENCE).algorithms(algorithms);
        match self.profile {
            Profile::Rfc9068 => issuer.require_at_jwt(),
            Profile::Auth0 => issuer.permissions_as_scopes(),
            Profile::Entra => issuer.roles_as_scopes(),
            Profile::Cognito | Profile::Keycloak | Profile::Okta => issuer,
        }
    }

    /// Returns the content of a valid token.
    pub(crate) fn draft(&self) -> Draft {
        Draft { header: Members::new(&self.header()), claims: Members::new(&self.claims()) }
    }

    fn header(&self) -> Vec<(&'static str, String)> {
        let (kid, alg) = (("kid", quoted(self.key.kid())), ("alg", quoted(&self.key.alg().to_string())));
        match self.profile {
            Profile::Cognito | Profile::Okta => vec![kid, alg],
            Profile::Rfc9068 => vec![("typ", quoted("at+jwt")), alg, kid],
            Profile::Keycloak | Profile::Auth0 => vec![alg, ("typ", quoted("JWT")), kid],
            Profile::Entra => {
                vec![("typ", quoted("JWT")), alg, ("x5t", quoted("aGFzaCBvZiBhIGNlcnRpZmljYXRl")), kid]
            }
        }
    }

    fn claims(&self) -> Vec<(&'static str, String)> {
        let iss = ("iss", quoted(self.identifier));
        let (iat, exp) = (("iat", (NOW - 60).to_string()), ("exp", (NOW + 3540).to_string()));
        let jti = ("jti", quoted("8f2c0c9e-6a51-4b62-9d0e-3c1d8b9a7f10"));
        let (aud, client) = (("aud", quoted(AUDIENCE)), quoted(CLIENT));
        let scope = ("scope", quoted("orders/read orders/write"));
        match self.profile {
            Profile::Cognito => vec![
                ("sub", client.clone()),
                ("token_use", quoted("access")),
                ("scope", quoted("https://my-api-server.org/api.read")),
                ("auth_time", (NOW - 60).to_string()),
                iss,
                exp,
                iat,
                ("version", "2".to_owned()),
                jti,
                ("client_id", client),
            ],
            Profile::Rfc9068 => {
                vec![iss, aud, exp, iat, jti, ("sub", client.clone()), ("client_id", client), scope]
            }
            Profile::Keycloak => vec![
                exp,
                iat,
                jti,
                iss,
                ("aud", format!("[{},\"account\"]", quoted(AUDIENCE))),
                ("sub", quoted("b5f0f3c0-52f4-4c7b-8d2f-1a2b3c4d5e6f")),
                ("typ", quoted("Bearer")),
                ("azp", client.clone()),
                ("acr", quoted("1")),
                ("realm_access", r#"{"roles":["offline_access","uma_authorization"]}"#.to_owned()),
                ("resource_access", r#"{"account":{"roles":["view-profile"]}}"#.to_owned()),
                scope,
                ("clientHost", quoted("10.0.0.1")),
                ("email_verified", "false".to_owned()),
                ("preferred_username", quoted("service-account-orders")),
                ("client_id", client),
            ],
            Profile::Auth0 => vec![
                iss,
                ("sub", quoted(&format!("{CLIENT}@clients"))),
                aud,
                iat,
                exp,
                scope,
                ("gty", quoted("client-credentials")),
                ("azp", client),
                ("permissions", r#"["orders/read"]"#.to_owned()),
            ],
            Profile::Entra => vec![
                aud,
                iss,
                iat,
                ("nbf", (NOW - 60).to_string()),
                exp,
                ("aio", quoted("E2ZgYDgZ")),
                ("appid", client.clone()),
                ("azp", client),
                ("azpacr", quoted("1")),
                ("oid", quoted("0e1d2c3b-4a59-4687-8796-a5b4c3d2e1f0")),
                ("roles", r#"["orders/read"]"#.to_owned()),
                ("sub", quoted("0e1d2c3b-4a59-4687-8796-a5b4c3d2e1f0")),
                ("tid", quoted("1f0c")),
                ("ver", quoted("2.0")),
            ],
            Profile::Okta => vec![
                ("ver", "1".to_owned()),
                jti,
                iss,
                aud,
                iat,
                exp,
                ("cid", client.clone()),
                ("scp", r#"["orders/read"]"#.to_owned()),
                ("sub", client),
            ],
        }
    }
}
