//! Amazon Cognito user pools.

use super::key_config::KeyConfig;
use super::{Issuer, IssuerWithoutAudience};
use crate::checks::audience::MissingAudience;
use crate::checks::kind::{ClaimRule, Expect};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::error::config::ConfigError;
use crate::issuer::name::identifier;
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// An Amazon Cognito user pool.
    ///
    /// Reach for it when callers are app clients with the `client_credentials` grant, or apps in which the pool's users
    /// have signed in.
    ///
    /// # What is checked
    /// 1. `alg` is RS256, the only algorithm that Cognito uses;
    /// 2. `iss` is `https://cognito-idp.REGION.amazonaws.com/POOL`; the region, and with it the domain of the
    ///    partition (`amazonaws.com.cn`, `amazonaws.eu`), is taken from the pool's id;
    /// 3. `token_use` is `access`, so an ID token is refused;
    /// 4. `client_id` is one of the clients: such a token normally has no `aud`;
    /// 5. `aud`, where the pool binds tokens to a resource, is one of the audiences; if none was configured, a token
    ///    with `aud` is refused. With an audience and no clients, `aud` has to be there.
    ///
    /// Scopes are those of `scope`. The client is that of `client_id`, whatever a Lambda function of the pool may write
    /// into `azp` or `cid`.
    ///
    /// # At Cognito
    /// 1. Register the API as a *resource server* of the pool, with scopes. A scope of a token is the resource server's
    ///    identifier, a slash, and the scope's name: `https://my-api-server.org/api.read`.
    /// 2. Make an app client with a secret for each calling system, with the `client_credentials` grant only, and attach
    ///    the scopes that it may use.
    /// 3. Name the app clients here.
    ///
    /// Such a client's token, with `kid` and `alg` in its header and nothing else:
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
    /// # Two names for one pool, and replicas
    /// A pool's *issuer configuration* decides which name it writes into tokens. Each name is an issuer of its own, with
    /// keys at an address of its own, and is trusted only when it is listed:
    ///
    /// | issuer configuration | `iss` | trusted by |
    /// | --- | --- | --- |
    /// | `ORIGINAL`, the default | `https://cognito-idp.REGION.amazonaws.com/POOL` | `cognito` |
    /// | `UPDATED` | `https://issuer-cognito-idp.REGION.amazonaws.com/POOL`, in every region that the pool is replicated to | [`cognito_updated`](Self::cognito_updated) |
    /// | `ORIGINAL`, a replica | as the first, with the replica's region | [`cognito_replica`](Self::cognito_replica) |
    ///
    /// # Common mistakes
    ///
    /// | mistake | heard |
    /// | --- | --- |
    /// | the ID token is sent instead of the access token | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `token_use` is `id` |
    /// | an audience is configured and no client, and the pool binds nothing to it | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | the caller asks for a resource (RFC 8707), and no audience is configured | [`WrongAudience`](crate::Error::WrongAudience), nothing expected |
    /// | the token is of another pool, or the pool was switched to `UPDATED` | [`UnknownIssuer`](crate::Error::UnknownIssuer), with the name that was found |
    /// | the app client is not listed | [`WrongClient`](crate::Error::WrongClient), with its id |
    /// | a route asks for `api.read` instead of `https://my-api-server.org/api.read` | [`InsufficientScope`](crate::Error::InsufficientScope) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::cognito("eu-west-1_Ab12Cd34E")?.clients(["1example23456789", "2example23456789"]);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::InvalidPoolId`] unless the id is a region, an underscore, and letters and digits.
    pub fn cognito(user_pool_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let region = region_of(user_pool_id)?;
        Self::cognito_at(&format!("https://cognito-idp.{region}.{}/{user_pool_id}", domain_of(region)))
    }

    /// An Amazon Cognito user pool whose issuer configuration is `UPDATED`, as AWS recommends for pools that are
    /// replicated: in every region it writes `https://issuer-cognito-idp.REGION.amazonaws.com/POOL`, with the pool's first
    /// region. Checked is what [`cognito`](Self::cognito) checks.
    ///
    /// When a pool is switched, the tokens that it has issued keep the old name until they expire. To take both:
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
    /// A pool that has not been switched answers 403 where the keys of the new name will be. So
    /// [`start`](crate::VerifierBuilder::start) would fail, and
    /// [`start_lazy`](crate::VerifierBuilder::start_lazy) does not: it goes on asking.
    ///
    /// # Errors
    /// As for [`cognito`](Self::cognito).
    pub fn cognito_updated(user_pool_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let region = region_of(user_pool_id)?;
        Self::cognito_at(&format!("https://issuer-cognito-idp.{region}.{}/{user_pool_id}", domain_of(region)))
    }

    /// A replica of an Amazon Cognito user pool in another region, where the pool's issuer configuration is `ORIGINAL`: its
    /// tokens name the region that issued them. Trust the pool itself beside it. Checked is what [`cognito`](Self::cognito)
    /// checks. Pools with `UPDATED` need no such thing.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let replica = Issuer::cognito_replica("eu-west-1_Ab12Cd34E", "eu-central-1")?.client("1example23456789");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`cognito`](Self::cognito), and [`ConfigError::InvalidName`] unless `region` is the name of a region.
    pub fn cognito_replica(user_pool_id: &str, region: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        region_of(user_pool_id)?;
        if !is_region(region) {
            let expected = "an AWS region like eu-central-1";
            return Err(ConfigError::InvalidName { setting: "region", expected, found: region.to_owned() });
        }
        Self::cognito_at(&format!("https://cognito-idp.{region}.{}/{user_pool_id}", domain_of(region)))
    }

    /// A server that issues tokens like Cognito's under a name of its own: the local issuer of
    /// `scopegate-issuer`, an emulator. Its keys are at `ISSUER/.well-known/jwks.json`. Checked is what
    /// [`cognito`](Self::cognito) checks.
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] unless it is an `https` URL without query, fragment and final slash. `http` is accepted
    /// as for [`from_metadata`](Self::from_metadata).
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

fn region_of(user_pool_id: &str) -> Result<&str, ConfigError> {
    match user_pool_id.rsplit_once('_') {
        Some((region, name))
            if is_region(region)
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            Ok(region)
        }
        _ => Err(ConfigError::InvalidPoolId { found: user_pool_id.to_owned() }),
    }
}

fn is_region(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').count() >= 3 && text.split('-').all(is_word)
}

/// Each partition of AWS has a domain of its own; `aws` and `aws-us-gov` share one.
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
    fn a_pool_id_tells_the_issuer_in_every_partition() {
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
    fn a_replica_has_the_region_that_was_said_and_the_id_of_its_pool() {
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
    fn a_final_slash_which_no_token_has_is_refused() {
        // C32
        assert!(Issuer::cognito_at("https://issuer.example/pool").is_ok());
        assert!(Issuer::cognito_at("https://issuer.example/pool/").is_err());
    }

    #[test]
    fn what_is_not_a_pool_id_is_refused() {
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
