//! Amazon Cognito user pools.

use crate::checks::audience::MissingAudience;
use crate::checks::kind::{ClaimRule, Expect};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::identifier;
use crate::issuer::policy::Tenancy;
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::tenants::id::{is_region, region_of_pool};
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// Creates the issuer for an Amazon Cognito user pool.
    ///
    /// Use it for app clients with the `client_credentials` grant, and for apps in which the pool's
    /// users sign in.
    ///
    /// # Checks
    /// 1. `alg` is RS256, the only algorithm that Cognito uses.
    /// 2. `iss` is `https://cognito-idp.REGION.amazonaws.com/POOL`. The region is taken from the
    ///    pool's id, and so is the domain of the partition (`amazonaws.com.cn`, `amazonaws.eu`).
    /// 3. `token_use` is `access`, so ID tokens are rejected.
    /// 4. `client_id` is one of the clients. Such a token normally has no `aud`.
    /// 5. If the pool binds tokens to a resource, `aud` is one of the audiences. If no audience is
    ///    configured, a token with `aud` is rejected. If an audience and no client is configured,
    ///    `aud` must be present.
    ///
    /// Scopes are read from `scope`. The client is read from `client_id` only, because a Lambda
    /// function of the pool may write `azp` or `cid`.
    ///
    /// # At Cognito
    /// 1. Register the API as a *resource server* of the pool, with scopes. A scope in a token is
    ///    the resource server's identifier, a slash and the scope's name:
    ///    `https://my-api-server.org/api.read`.
    /// 2. Create an app client with a secret for each calling system. Give it the
    ///    `client_credentials` grant only, and the scopes that it may use.
    /// 3. List the app clients with [`clients`](IssuerWithoutAudience::clients).
    ///
    /// A token of such a client; its header has `kid` and `alg` only:
    ///
    /// ```json
    /// {
    ///   "sub": "1example23456789",
    ///   "token_use": "access",
    ///   "scope": "https://my-api-server.org/api.read",
    ///   "auth_time": 1800000000,
    ///   "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E",
    ///   "exp": 1800003600,
    ///   "iat": 1800000000,
    ///   "version": 2,
    ///   "jti": "9f0b0e5c-6c1e-4d53-8f5e-0d9a4c1f7b21",
    ///   "client_id": "1example23456789"
    /// }
    /// ```
    ///
    /// # Issuer names and replicas
    /// A pool's *issuer configuration* decides which name is in `iss`. Each name is an issuer of
    /// its own, with its own JWKS URL. It is trusted only if it is listed:
    ///
    /// | Issuer configuration | `iss` | Trusted with |
    /// | --- | --- | --- |
    /// | `ORIGINAL`, the default | `https://cognito-idp.REGION.amazonaws.com/POOL` | `cognito` |
    /// | `UPDATED` | `https://issuer-cognito-idp.REGION.amazonaws.com/POOL`, in every region that the pool is replicated to | [`cognito_updated`](Self::cognito_updated) |
    /// | `ORIGINAL`, a replica | as the first, with the replica's region | [`cognito_replica`](Self::cognito_replica) |
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The ID token is sent. | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `token_use` is `id` |
    /// | An audience and no client is configured, and the pool binds no tokens to it. | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | The caller requests a resource (RFC 8707), and no audience is configured. | [`WrongAudience`](crate::Error::WrongAudience) with nothing expected |
    /// | The token is from another pool, or the pool was switched to `UPDATED`. | [`UnknownIssuer`](crate::Error::UnknownIssuer) with the name that was found |
    /// | The app client is not listed. | [`WrongClient`](crate::Error::WrongClient) with its id |
    /// | A route requires `api.read` instead of `https://my-api-server.org/api.read`. | [`InsufficientScope`](crate::Error::InsufficientScope) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::cognito("eu-west-1_Ab12Cd34E")?.clients(["1example23456789", "2example23456789"]);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidPoolId`] if the id is not a region, an underscore, and letters
    /// and digits.
    pub fn cognito(user_pool_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let region = region_of(user_pool_id)?;
        pool(&format!("https://cognito-idp.{region}.{}/{user_pool_id}", domain_of(region)), user_pool_id)
    }

    /// Creates the issuer for an Amazon Cognito user pool whose issuer configuration is `UPDATED`,
    /// which AWS recommends for replicated pools.
    ///
    /// In every region, such a pool writes `https://issuer-cognito-idp.REGION.amazonaws.com/POOL`,
    /// with the pool's first region. It applies the checks of [`cognito`](Self::cognito).
    ///
    /// When a pool is switched, tokens that it has issued keep the old name until they expire. To
    /// accept both:
    ///
    /// ```
    /// # use scopegate::{Issuer, Verifier};
    /// # fn both() -> Result<(), scopegate::ConfigError> {
    /// let (pool, clients) = ("eu-west-1_Ab12Cd34E", ["1example23456789"]);
    /// let verifier = Verifier::builder()
    ///     .trust(Issuer::cognito(pool)?.clients(clients))
    ///     .trust(Issuer::cognito_updated(pool)?.clients(clients))
    ///     .start_lazy()?;
    /// # Ok(()) }
    /// ```
    ///
    /// A pool that is not switched yet responds with 403 at the JWKS URL of the new name. Then
    /// [`start`](crate::VerifierBuilder::start) fails.
    /// [`start_lazy`](crate::VerifierBuilder::start_lazy) succeeds and keeps retrying.
    ///
    /// # Errors
    /// The errors of [`cognito`](Self::cognito).
    pub fn cognito_updated(user_pool_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let region = region_of(user_pool_id)?;
        pool(
            &format!("https://issuer-cognito-idp.{region}.{}/{user_pool_id}", domain_of(region)),
            user_pool_id,
        )
    }

    /// Creates the issuer for the replica of an Amazon Cognito user pool in another region, if the
    /// pool's issuer configuration is `ORIGINAL`.
    ///
    /// It applies the checks of [`cognito`](Self::cognito). Tokens of such a pool name the region
    /// that issued them, so trust the pool itself too. Pools with `UPDATED` do not need it.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let replica = Issuer::cognito_replica("eu-west-1_Ab12Cd34E", "eu-central-1")?.client("1example23456789");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`cognito`](Self::cognito), and [`ConfigError::InvalidName`] if
    /// `region` is not the name of a region.
    pub fn cognito_replica(user_pool_id: &str, region: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        region_of(user_pool_id)?;
        if !is_region(region) {
            let expected = "an AWS region like eu-central-1";
            return Err(ConfigError::InvalidName { setting: "region", expected, found: region.to_owned() });
        }
        pool(&format!("https://cognito-idp.{region}.{}/{user_pool_id}", domain_of(region)), user_pool_id)
    }

    /// Creates the issuer for a server that issues tokens like Cognito's under its own name, such
    /// as an emulator or the local issuer of `scopegate-issuer`.
    ///
    /// It applies the checks of [`cognito`](Self::cognito). Keys are fetched from
    /// `ISSUER/.well-known/jwks.json`.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if `issuer` is not an `https` URL without query,
    /// fragment and final slash. `http` is accepted as for [`from_metadata`](Self::from_metadata).
    pub fn cognito_at(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = identifier(issuer)?;
        if identifier.ends_with('/') {
            let expected = "no final slash, as Cognito's tokens have none";
            return Err(ConfigError::InvalidUrl { setting: "issuer", expected, found: identifier });
        }
        let jwks_uri = format!("{identifier}/.well-known/jwks.json");
        let keys = KeyConfig::derived(&identifier, jwks_uri);
        let mut draft = IssuerWithoutAudience::new(identifier, keys);
        let policy = &mut draft.0.policy;
        policy.algorithms = vec![Algorithm::RS256];
        policy.kind.rules = vec![ClaimRule { claim: "token_use", expect: Expect::Equals("access") }];
        policy.scopes = ScopeClaims(vec![ScopeSource::text("scope")]);
        policy.audience.missing_audience = MissingAudience::AcceptedUnderAClientRule;
        policy.audience.client_claims = vec!["client_id".into()];
        Ok(draft)
    }
}

/// Returns the issuer of one pool under one of its names.
fn pool(issuer: &str, pool_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
    let mut draft = Issuer::cognito_at(issuer)?;
    draft.0.policy.tenancy = Tenancy::One(pool_id.into());
    Ok(draft)
}

fn region_of(user_pool_id: &str) -> Result<&str, ConfigError> {
    region_of_pool(user_pool_id).ok_or_else(|| ConfigError::InvalidPoolId { found: user_pool_id.to_owned() })
}

/// Returns the domain of the region's AWS partition. `aws` and `aws-us-gov` share one.
fn domain_of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_id_determines_issuer_in_every_partition() {
        // C32, C33
        for (pool, region, domain) in [
            ("eu-west-1_Ab12Cd34E", "eu-west-1", "amazonaws.com"),
            ("us-gov-west-1_a", "us-gov-west-1", "amazonaws.com"),
            ("cn-north-1_A", "cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1_A", "eusc-de-east-1", "amazonaws.eu"),
        ] {
            for (draft, service) in [
                (Issuer::cognito(pool), "cognito-idp"),
                (Issuer::cognito_updated(pool), "issuer-cognito-idp"),
                (Issuer::cognito_replica(pool, region), "cognito-idp"),
            ] {
                let issuer = draft.unwrap().client("c");
                assert_eq!(issuer.identifier, format!("https://{service}.{region}.{domain}/{pool}"));
                let KeyConfig::Derived { jwks_uri, .. } = &issuer.keys else { panic!("keys are fetched") };
                assert_eq!(*jwks_uri, format!("{}/.well-known/jwks.json", issuer.identifier));
            }
        }
    }

    #[test]
    fn replica_has_given_region_and_pool_id() {
        // C32
        let replica = Issuer::cognito_replica("us-east-1_A", "us-west-2").unwrap().client("c");
        assert_eq!(replica.identifier, "https://cognito-idp.us-west-2.amazonaws.com/us-east-1_A");
        for region in ["", "us", "us-west", "US-WEST-2", "us-west-2/", "us-west-2.evil.example"] {
            let error = Issuer::cognito_replica("us-east-1_A", region).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("region: expected an AWS region like eu-central-1, found {region:?}")
            );
        }
        assert!(matches!(
            Issuer::cognito_replica("us-east-1", "us-west-2"),
            Err(ConfigError::InvalidPoolId { .. })
        ));
    }

    #[test]
    fn final_slash_is_rejected() {
        // C32
        assert!(Issuer::cognito_at("https://issuer.example/pool").is_ok());
        assert!(Issuer::cognito_at("https://issuer.example/pool/").is_err());
    }

    #[test]
    fn invalid_pool_ids_are_rejected() {
        // C33
        let with_path = "eu-west-1_A/../b";
        for pool in ["", "_", "eu-west-1", "eu-west-1_", "_A", "eu_A", "EU-WEST-1_A", "a--1_A", with_path] {
            assert!(matches!(Issuer::cognito(pool), Err(ConfigError::InvalidPoolId { .. })), "{pool}");
            assert!(
                matches!(Issuer::cognito_updated(pool), Err(ConfigError::InvalidPoolId { .. })),
                "{pool}"
            );
        }
        for pool in
            ["eu-west-1_A.b", "evil.example/eu-west-1_A", "eu-west-1_A#", "eu west-1-a_A", "eu-west-1_Ä"]
        {
            assert!(matches!(Issuer::cognito(pool), Err(ConfigError::InvalidPoolId { .. })), "{pool}");
        }
    }
}
