//! Microsoft Entra ID for APIs that several tenants use: one issuer with a name for each tenant.

use scopegate_proto::url::redacted;

use crate::config_error::ConfigError;
use crate::issuer::policy::Tenancy;
use crate::issuer::presets::entra::{LOGIN, V2_HOSTS, entra, sts_of};
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::tenants::Tenants;
use crate::tenants::template::NameTemplate;

impl Issuer {
    /// Creates the issuer for many tenants of Microsoft Entra ID, for a multi-tenant API whose access
    /// tokens have version 2.
    ///
    /// All tenants share one key set, one background task and these rules. A tenant takes the memory
    /// of its entry in the list. Use it for an API that is registered with the account type
    /// *multiple organizations*. For an API of one tenant, use [`entra`](Self::entra).
    ///
    /// ```
    /// use scopegate::{Issuer, TenantList, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), scopegate::ConfigError> {
    /// let tenants = TenantList::new(["72f988bf-86f1-41af-91ab-2d7cd011db47"])?;
    /// let issuer = Issuer::entra_multi_tenant(&tenants).audience("6e74172b-be56-4843-9ff4-e66a39bb12e3");
    /// let verifier = Verifier::builder().trust(issuer).start_lazy()?;
    ///
    /// // While the verifier runs, cached tokens included:
    /// tenants.add("8eaef023-2b34-4da1-9baa-8bc8c9d6a490")?;
    /// tenants.remove("72f988bf-86f1-41af-91ab-2d7cd011db47");
    /// # Ok(()) }
    /// ```
    ///
    /// # Checks
    /// The checks of [`entra`](Self::entra), with these differences:
    ///
    /// 1. `iss` is exactly `https://login.microsoftonline.com/TENANT/v2.0`. `TENANT` is a GUID in
    ///    lower case, so `common`, `organizations` and other spellings are rejected.
    /// 2. The tenant is trusted now: it is in the [`TenantList`](crate::TenantList), or another rule
    ///    of [`Tenants`] accepts it. The rule is applied before a key is looked up, and at each use
    ///    of a cached token.
    /// 3. The key belongs to the tenant. Keys are fetched from
    ///    `https://login.microsoftonline.com/common/discovery/v2.0/keys`. A key there names its
    ///    issuer: the template `https://login.microsoftonline.com/{tenantid}/v2.0` for all tenants,
    ///    or one tenant's name. Only tokens of that tenant can use such a key.
    /// 4. `tid` is present and is the tenant in `iss`.
    ///
    /// [`Claims::issuer`](crate::Claims::issuer) is the name of the tenant's issuer, and
    /// [`Claims::tenant`](crate::Claims::tenant) the tenant.
    ///
    /// # Names
    /// The name of this issuer is the template,
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`. [`Verifier::issuers`](crate::Verifier::issuers),
    /// [`Status`](crate::Status), errors about keys, and metrics have it.
    /// [`Verifier::distrust`](crate::Verifier::distrust) ends the trust in all tenants by it, and in
    /// one tenant by the tenant's name. No token can have it as `iss`. Metadata of the API leaves it
    /// out.
    ///
    /// If a tenant is also trusted by its own name, for example with [`entra`](Self::entra), the
    /// rules of that issuer apply to its tokens, whatever the list says. A
    /// [resolver](crate::VerifierBuilder::trust_dynamic) is never called for a name of this form.
    ///
    /// # At Entra
    /// As for [`entra`](Self::entra). An administrator of each tenant consents to the API, which
    /// creates its *enterprise application* there. Until then, the tenant's applications get no
    /// tokens.
    pub fn entra_multi_tenant(tenants: impl Into<Tenants>) -> IssuerWithoutAudience {
        v2(LOGIN, tenants.into())
    }

    /// Creates the issuer for many tenants in a national cloud, for an API whose access tokens have
    /// version 2.
    ///
    /// It applies the checks of [`entra_multi_tenant`](Self::entra_multi_tenant) with the host:
    /// `login.microsoftonline.us` (US Government) or `login.partner.microsoftonline.cn` (China).
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if the host is another one. Each tenant of External ID
    /// has a host of its own: trust an [`entra_at`](Self::entra_at) for each.
    pub fn entra_multi_tenant_at(
        host: &str,
        tenants: impl Into<Tenants>,
    ) -> Result<IssuerWithoutAudience, ConfigError> {
        if V2_HOSTS.contains(&host) {
            return Ok(v2(host, tenants.into()));
        }
        Err(ConfigError::InvalidName {
            setting: "host",
            expected: "login.microsoftonline.com, login.microsoftonline.us or login.partner.microsoftonline.cn",
            found: redacted(host),
        })
    }

    /// Creates the issuer for many tenants of Microsoft Entra ID, for a multi-tenant API whose access
    /// tokens have version 1.
    ///
    /// It applies the checks of [`entra_multi_tenant`](Self::entra_multi_tenant) with the names of
    /// [`entra_v1`](Self::entra_v1). Its own name is `https://sts.windows.net/{tenantid}/`, and keys
    /// are fetched from `https://login.microsoftonline.com/common/discovery/keys`. To accept both
    /// versions, trust both issuers with the same list.
    pub fn entra_v1_multi_tenant(tenants: impl Into<Tenants>) -> IssuerWithoutAudience {
        v1(LOGIN, "sts.windows.net", tenants.into())
    }

    /// Creates the issuer for many tenants in a national cloud, for an API whose access tokens have
    /// version 1.
    ///
    /// It has the hosts and the names of [`entra_v1_at`](Self::entra_v1_at). The tenants of the US
    /// Government have the names of the public cloud, so one verifier cannot trust both: the second
    /// one is [`ConfigError::DuplicateIssuer`], in the builder and in
    /// [`Verifier::trust`](crate::Verifier::trust).
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if the host is another one.
    pub fn entra_v1_multi_tenant_at(
        host: &str,
        tenants: impl Into<Tenants>,
    ) -> Result<IssuerWithoutAudience, ConfigError> {
        Ok(v1(host, sts_of(host)?, tenants.into()))
    }
}

fn v2(host: &str, tenants: Tenants) -> IssuerWithoutAudience {
    let jwks_uri = format!("https://{host}/common/discovery/v2.0/keys");
    many(vec![NameTemplate::new(format!("https://{host}/"), "/v2.0")], &jwks_uri, "2.0", "azp", tenants)
}

fn v1(host: &str, sts: &str, tenants: Tenants) -> IssuerWithoutAudience {
    let jwks_uri = format!("https://{host}/common/discovery/keys");
    let templates = vec![
        NameTemplate::new(format!("https://{sts}/"), "/"),
        NameTemplate::new(format!("https://{host}/"), "/v2.0"),
    ];
    many(templates, &jwks_uri, "1.0", "appid", tenants)
}

fn many(
    templates: Vec<NameTemplate>,
    jwks_uri: &str,
    version: &'static str,
    client_claim: &'static str,
    tenants: Tenants,
) -> IssuerWithoutAudience {
    let names = templates.iter().map(NameTemplate::written).collect();
    let mut draft = entra(Tenancy::Many(templates.into()), names, jwks_uri, version, client_claim);
    draft.0.policy.tenants = Some(tenants);
    draft
}
