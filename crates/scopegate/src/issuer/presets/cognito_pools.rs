//! Amazon Cognito user pools of many tenants: an issuer for each pool, found by the name in its
//! tokens.

use std::future::ready;
use std::sync::Arc;

use scopegate_proto::url::redacted;

use crate::config_error::ConfigError;
use crate::issuer::issuers::Issuers;
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::tenants::Tenants;
use crate::tenants::id::{is_region, region_of_pool};

impl Issuers {
    /// Creates issuers for the Amazon Cognito user pools of your tenants. Pass them to
    /// [`VerifierBuilder::trust_dynamic`](crate::VerifierBuilder::trust_dynamic).
    ///
    /// ```
    /// use scopegate::{Issuers, TenantList, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), scopegate::ConfigError> {
    /// let pools = TenantList::new(["eu-west-1_Ab12Cd34E"])?;
    /// let issuers = Issuers::cognito_pools(&pools, ["eu-west-1", "eu-central-1"], |pool_id, pool| {
    ///     // The app clients of this pool, from memory.
    ///     # let _ = pool_id;
    ///     pool.client("1example23456789")
    /// })?;
    /// let verifier = Verifier::builder().trust_dynamic(issuers.max_issuers(5_000)).start().await?;
    ///
    /// pools.add("eu-central-1_Fg56Hi78J")?; // a tenant has signed up
    /// # Ok(()) }
    /// ```
    ///
    /// A pool becomes an issuer when its first token arrives:
    ///
    /// 1. `iss` is exactly the name that [`Issuer::cognito`] or [`Issuer::cognito_updated`] gives the
    ///    pool in it. Region and pool id have an exact form, and the region is one of `regions`.
    /// 2. The rule for tenants accepts the pool's id.
    /// 3. `rules` returns the issuer with its audiences and clients. It gets the pool's id, and must
    ///    not block. It must return the issuer that it gets.
    ///
    /// The first two points are decided on the request's thread. Tokens of other pools cause no fetch
    /// and no task. The rule for tenants is asked again at each use of a token, even if the token is
    /// cached. Other rules of a pool take effect within the [lifetime](Self::lifetime), or after
    /// [`Verifier::distrust`](crate::Verifier::distrust) with the issuer's name.
    ///
    /// A pool has its own keys, which one background task fetches. The bounds and the settings of
    /// [`Issuers`] apply, as for a resolver. Replicas ([`Issuer::cognito_replica`]) are not included.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if a region does not have the form of an AWS region, or
    /// if there is none.
    pub fn cognito_pools<I>(
        tenants: impl Into<Tenants>,
        regions: I,
        rules: impl Fn(&str, IssuerWithoutAudience) -> Issuer + Send + Sync + 'static,
    ) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let regions: Arc<[String]> = regions.into_iter().map(Into::into).collect();
        let invalid = regions.iter().map(String::as_str).find(|region| !is_region(region));
        if let Some(found) = invalid.or(regions.is_empty().then_some("")) {
            let (setting, expected) = ("region", "an AWS region like eu-central-1");
            return Err(ConfigError::InvalidName { setting, expected, found: redacted(found) });
        }
        let tenants = tenants.into();
        let (form, of_pool) = (tenants.clone(), Arc::clone(&regions));
        let resolver = Self::resolver(move |iss| {
            let Some((pool_id, draft)) = pool_of(iss, &regions) else { return ready(Ok(None)) };
            // The rule may have changed since the request.
            ready(tenants.trust(pool_id).map(|is_trusted| {
                is_trusted.then(|| {
                    let mut issuer = rules(pool_id, draft);
                    issuer.policy.tenants = Some(tenants.clone());
                    issuer
                })
            }))
        });
        Ok(resolver.with_form(move |iss| match pool_of(iss, &of_pool) {
            Some((pool_id, _)) => form.trust(pool_id),
            None => Ok(false),
        }))
    }
}

/// Returns the pool that has this name in one of the regions, and its issuer.
fn pool_of<'n>(name: &'n str, regions: &[String]) -> Option<(&'n str, IssuerWithoutAudience)> {
    let (_, pool_id) = name.rsplit_once('/')?;
    let region = region_of_pool(pool_id)?;
    regions.iter().find(|listed| *listed == region)?;
    let names = [Issuer::cognito(pool_id), Issuer::cognito_updated(pool_id)];
    let draft = names.into_iter().flatten().find(|draft| draft.0.identifier == name)?;
    Some((pool_id, draft))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_pool_is_exact() {
        let regions = ["eu-west-1".to_owned(), "cn-north-1".to_owned()];
        let pool_of = |name: &str| pool_of(name, &regions).map(|(pool_id, _)| pool_id.to_owned());
        for (name, pool) in [
            ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E", "eu-west-1_Ab12Cd34E"),
            ("https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E", "eu-west-1_Ab12Cd34E"),
            ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A", "cn-north-1_A"),
        ] {
            assert_eq!(pool_of(name).as_deref(), Some(pool), "{name}");
        }
        for name in [
            "",
            "eu-west-1_A",
            "https://evil.example/eu-west-1_A",
            "https://cognito-idp.eu-west-1.amazonaws.com.evil.example/eu-west-1_A",
            "https://cognito-idp.eu-west-1.amazonaws.com/x/eu-west-1_A",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A/",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A?x=/eu-west-1_A",
            "http://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A",
            "https://COGNITO-IDP.eu-west-1.amazonaws.com/eu-west-1_A",
            // A replica, and a region that is not listed.
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-central-1_A",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-west-1_A",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_A",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A%2f",
        ] {
            assert_eq!(pool_of(name), None, "{name}");
        }
    }
}
