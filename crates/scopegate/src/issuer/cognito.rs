//! Amazon Cognito user pools.

use super::{Issuer, IssuerWithoutAudience, KeysFrom};
use crate::address::{Address, issuer_identifier};
use crate::recipients::WithoutAudience;
use crate::scope_claims::ScopeClaim;
use crate::token_kind::TokenUseRule;
use crate::{Algorithm, ConfigError};

impl Issuer {
    /// An Amazon Cognito user pool.
    ///
    /// Reach for it when callers are app clients with the `client_credentials` grant. Register the API as a
    /// *resource server* of the pool, attach its scopes to each app client, and name the app clients here. A
    /// scope is the resource server's identifier, a slash, and the scope's name:
    /// `https://my-api-server.org/api.read`.
    ///
    /// Such a token has no `aud` and no `typ`. What is checked instead:
    /// 1. `alg` is RS256, the only algorithm that Cognito uses;
    /// 2. `iss` is `https://cognito-idp.REGION.amazonaws.com/POOL`; the region, and with it the domain of the
    ///    partition (`amazonaws.com.cn`, `amazonaws.eu`), is taken from the pool's id;
    /// 3. `token_use` is `access`, so an ID token is refused;
    /// 4. `client_id` is one of the clients;
    /// 5. `aud`, where the pool binds tokens to a resource, is one of the audiences; if none was configured, a token
    ///    with `aud` is refused.
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
        let invalid = || ConfigError::InvalidPoolId { found: user_pool_id.to_owned() };
        let (region, name) = user_pool_id.rsplit_once('_').ok_or_else(invalid)?;
        let is_region = region.split('-').count() >= 3
            && region.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        if !is_region || name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(invalid());
        }
        let domain = match region {
            _ if region.starts_with("cn-") => "amazonaws.com.cn",
            _ if region.starts_with("eusc-") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        Self::cognito_at(&format!("https://cognito-idp.{region}.{domain}/{user_pool_id}"))
    }

    /// A server that issues tokens like Cognito's under a name of its own: the local issuer of
    /// `scopegate-issuer`, an emulator. Its keys are at `ISSUER/.well-known/jwks.json`. Checked is what
    /// [`cognito`](Self::cognito) checks.
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] unless it is an `https` URL (`http` on a loopback address) without query, fragment and
    /// final slash.
    pub fn cognito_at(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = issuer_identifier(issuer)?;
        if identifier.ends_with('/') {
            let expected = "no final slash, as Cognito's tokens have none";
            return Err(ConfigError::InvalidUrl { setting: "issuer", expected, found: identifier });
        }
        let jwks_uri = format!("{identifier}/.well-known/jwks.json");
        let address = Address::parse("jwks_uri", &jwks_uri)?;
        let mut draft = IssuerWithoutAudience::new(identifier, KeysFrom::Address(address));
        let policy = &mut draft.0.policy;
        policy.algorithms = vec![Algorithm::RS256];
        policy.kind.token_use = TokenUseRule::Required;
        policy.scopes.standard = &[ScopeClaim::Text("scope")];
        policy.recipients.without_audience = WithoutAudience::AcceptedUnderAClientRule;
        policy.recipients.client_claims = &["client_id"];
        Ok(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_tells_the_issuer_in_every_partition() {
        // C32, C33
        for (pool, issuer) in [
            ("eu-west-1_Ab12Cd34E", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E"),
            ("us-gov-west-1_a", "https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_a"),
            ("cn-north-1_A", "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A"),
            ("eusc-de-east-1_A", "https://cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_A"),
        ] {
            let issuer_of_pool = Issuer::cognito(pool).unwrap().client("c");
            assert_eq!(issuer_of_pool.identifier, issuer);
            let KeysFrom::Address(address) = issuer_of_pool.keys else { panic!("keys are fetched") };
            assert_eq!(address.url.as_str(), format!("{issuer}/.well-known/jwks.json"));
        }
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
        }
        for pool in
            ["eu-west-1_A.b", "evil.example/eu-west-1_A", "eu-west-1_A#", "eu west-1-a_A", "eu-west-1_Ä"]
        {
            assert!(matches!(Issuer::cognito(pool), Err(ConfigError::InvalidPoolId { .. })), "{pool}");
        }
    }
}
