//! Tenants of Microsoft Entra ID, formerly Azure AD.

use scopegate_proto::url::{SecureUrl, redacted};

use crate::checks::audience::{MissingAudience, ServiceAccountRule};
use crate::checks::kind::{ClaimRule, Expect};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::policy::Tenancy;
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::tenants::id::entra_tenant;
use crate::tenants::template::PLACEHOLDER as TEMPLATE;
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// Creates the issuer for a tenant of Microsoft Entra ID, for an API whose access tokens have
    /// version 2.
    ///
    /// Use it for an API that is registered in that tenant with `requestedAccessTokenVersion` 2.
    /// The *API's* registration decides, and the URL that the caller uses does not. For an API
    /// without this setting, use [`entra_v1`](Self::entra_v1).
    ///
    /// # Checks
    /// 1. `alg` is RS256.
    /// 2. `iss` is `https://login.microsoftonline.com/TENANT/v2.0`. Keys are the tenant's.
    /// 3. `ver` is `2.0` and `tid` is the tenant, if they are present.
    /// 4. `azp` names the client. ID tokens have none, so they are rejected. This holds even if
    ///    users sign in to the same application, whose id is then an audience too.
    /// 5. `aud` contains one of the audiences: the API's *application id*, a GUID.
    /// 6. If clients are listed, `azp` is one of them.
    ///
    /// A token with `scp` grants the scopes that a user has allowed, and its scopes are read from
    /// `scp`. A token without `scp` is an application's own, and its `roles` are its scopes. *Roles
    /// of a user* grant nothing by default: the application finds them in the claims. To count
    /// roles in every token, call [`roles_as_scopes`](Self::roles_as_scopes). A
    /// [`scopes_from`](Self::scopes_from) with `roles` and a prefix or a map still applies to
    /// applications only.
    ///
    /// In an application's own token `oid` and `sub` are equal, and in a user's token they differ.
    /// [`Claims::principal`](crate::Claims::principal) compares them.
    ///
    /// # At Entra
    /// 1. Register the API, and set `requestedAccessTokenVersion` to 2 in its manifest
    ///    (`accessTokenAcceptedVersion` in a manifest of the older format). Its *application
    ///    (client) id* is the audience.
    /// 2. Add *app roles* for applications, and *scopes* for users. Both are scopes here.
    /// 3. Register each calling system. Grant it app roles, with an administrator's consent. The
    ///    caller requests the scope `APPLICATION-ID-URI/.default`.
    /// 4. Require a scope on every route, or list clients. Every application of the tenant gets
    ///    tokens for the API, unless *assignment required* is set. Such a token has no roles.
    ///
    /// ```json
    /// {
    ///   "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    ///   "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
    ///   "iat": 1800000000,
    ///   "nbf": 1800000000,
    ///   "exp": 1800003900,
    ///   "azp": "11112222-bbbb-3333-cccc-4444dddd5555",
    ///   "azpacr": "1",
    ///   "oid": "aaaa0000-bb11-2222-33cc-444444dddddd",
    ///   "roles": ["Orders.Read.All"],
    ///   "sub": "aaaa0000-bb11-2222-33cc-444444dddddd",
    ///   "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47",
    ///   "uti": "AbCdEfGhIjKlMnOpQrStUv",
    ///   "ver": "2.0"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The API's tokens have version 1. | [`UnknownIssuer`](crate::Error::UnknownIssuer) with `https://sts.windows.net/TENANT/` |
    /// | The token is for Microsoft Graph. | the same: Graph's tokens have version 1, and only Graph can verify them |
    /// | The token is from another tenant. | `UnknownIssuer` with that tenant's name |
    /// | The audience is the application id URI, `api://…`. | [`WrongAudience`](crate::Error::WrongAudience) with the GUID |
    /// | The ID token is sent. | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `nonce` is present or `azp` is absent |
    /// | An app role is not granted, or lacks an administrator's consent. | [`InsufficientScope`](crate::Error::InsufficientScope) with nothing granted |
    /// | The API signs with keys of its own (claims mapping). | [`UnknownKey`](crate::Error::UnknownKey): set [`jwks_uri`](Self::jwks_uri) to the URL of the keys with `?appid=` |
    /// | The tenant is `common`, `organizations` or a domain. | [`ConfigError::InvalidName`] |
    ///
    /// For an API of several tenants, use [`entra_multi_tenant`](Self::entra_multi_tenant). For External ID and national
    /// clouds, use [`entra_at`](Self::entra_at).
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::entra("72f988bf-86f1-41af-91ab-2d7cd011db47")?
    ///     .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if `tenant_id` is not a GUID.
    pub fn entra(tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        Self::entra_at(LOGIN, tenant_id)
    }

    /// Creates the issuer for a tenant of Microsoft Entra External ID or of a national cloud, for
    /// an API whose access tokens have version 2.
    ///
    /// It applies the checks of [`entra`](Self::entra). `iss` is `https://HOST/TENANT/v2.0`, and
    /// keys are fetched from `https://HOST/TENANT/discovery/v2.0/keys`:
    ///
    /// | Cloud | Host |
    /// | --- | --- |
    /// | External ID | `TENANT.ciamlogin.com`, with the tenant's id; tokens have the id even if users sign in at a name |
    /// | US Government | `login.microsoftonline.us` |
    /// | China (21Vianet) | `login.partner.microsoftonline.cn` |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    /// let external_id = Issuer::entra_at(&format!("{tenant}.ciamlogin.com"), tenant)?
    ///     .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if the host is not a domain name in lower case, or the
    /// tenant is not a GUID.
    pub fn entra_at(host: &str, tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let (host, tenant) = (host_name(host)?, entra_tenant(tenant_id)?);
        let jwks_uri = format!("https://{host}/{tenant}/discovery/v2.0/keys");
        let names = [format!("https://{host}/{tenant}/v2.0"), format!("https://{host}/{TEMPLATE}/v2.0")];
        Ok(entra(Tenancy::One(tenant.into()), names.to_vec(), &jwks_uri, "2.0", "azp"))
    }

    /// Creates the issuer for a tenant of Microsoft Entra ID, for an API whose access tokens have
    /// version 1.
    ///
    /// Version 1 is the default of an API without `requestedAccessTokenVersion`. It applies the
    /// checks of [`entra`](Self::entra) with the names of version 1:
    ///
    /// - `iss` is `https://sts.windows.net/TENANT/`.
    /// - `ver` is `1.0`.
    /// - `appid` names the client.
    /// - `aud` is the name that the caller has requested. It may be the application id, or the
    ///   application id URI with or without a final slash. List all that are in use.
    ///
    /// ```json
    /// {
    ///   "aud": "api://my-api",
    ///   "iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
    ///   "iat": 1800000000,
    ///   "nbf": 1800000000,
    ///   "exp": 1800003900,
    ///   "appid": "11112222-bbbb-3333-cccc-4444dddd5555",
    ///   "appidacr": "1",
    ///   "idp": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
    ///   "oid": "aaaa0000-bb11-2222-33cc-444444dddddd",
    ///   "roles": ["Orders.Read.All"],
    ///   "sub": "aaaa0000-bb11-2222-33cc-444444dddddd",
    ///   "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47",
    ///   "uti": "AbCdEfGhIjKlMnOpQrStUv",
    ///   "ver": "1.0"
    /// }
    /// ```
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The API's tokens have version 2. | [`UnknownIssuer`](crate::Error::UnknownIssuer) with `https://login.microsoftonline.com/TENANT/v2.0` |
    /// | The token is for Microsoft Graph. | [`BadSignature`](crate::Error::BadSignature): in tokens for its own APIs, Microsoft changes the header's `nonce` after signing |
    /// | The token is for another API. | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | The token is from another tenant, the ID token is sent, a role is missing, the tenant is `common`. | as for [`entra`](Self::entra) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::entra_v1("72f988bf-86f1-41af-91ab-2d7cd011db47")?
    ///     .audiences(["api://my-api", "6e74172b-be56-4843-9ff4-e66a39bb12e3"]);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`entra`](Self::entra).
    pub fn entra_v1(tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        Self::entra_v1_at(LOGIN, tenant_id)
    }

    /// Creates the issuer for a tenant in a national cloud, for an API whose access tokens have
    /// version 1.
    ///
    /// It applies the checks of [`entra_v1`](Self::entra_v1). Keys are fetched from
    /// `https://HOST/common/discovery/keys`.
    ///
    /// | Host | `iss` |
    /// | --- | --- |
    /// | `login.microsoftonline.us` | `https://sts.windows.net/TENANT/` |
    /// | `login.partner.microsoftonline.cn`, `login.chinacloudapi.cn` | `https://sts.chinacloudapi.cn/TENANT/` |
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if the host is another one, or the tenant is not a
    /// GUID.
    pub fn entra_v1_at(host: &str, tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let (sts, tenant) = (sts_of(host)?, entra_tenant(tenant_id)?);
        // The metadata of every tenant has this URL. In version 1, all tenants share one key set,
        // whose keys may name the issuer of either version.
        let jwks_uri = format!("https://{host}/common/discovery/keys");
        let names = [
            format!("https://{sts}/{tenant}/"),
            format!("https://{sts}/{TEMPLATE}/"),
            format!("https://{host}/{tenant}/v2.0"),
            format!("https://{host}/{TEMPLATE}/v2.0"),
        ];
        Ok(entra(Tenancy::One(tenant.into()), names.to_vec(), &jwks_uri, "1.0", "appid"))
    }
}

pub(super) const LOGIN: &str = "login.microsoftonline.com";

/// The hosts that serve all tenants of a cloud.
pub(super) const V2_HOSTS: [&str; 3] =
    [LOGIN, "login.microsoftonline.us", "login.partner.microsoftonline.cn"];

/// Returns the host in the `iss` of tokens of version 1.
pub(super) fn sts_of(host: &str) -> Result<&'static str, ConfigError> {
    match host {
        LOGIN | "login.microsoftonline.us" => Ok("sts.windows.net"),
        "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => Ok("sts.chinacloudapi.cn"),
        _ => Err(ConfigError::InvalidName {
            setting: "host",
            expected: "login.microsoftonline.com, login.microsoftonline.us, login.partner.microsoftonline.cn or \
                       login.chinacloudapi.cn",
            found: redacted(host),
        }),
    }
}

/// Returns an issuer whose keys may have any of `names` as their `issuer`. The first name is the
/// `iss` of tokens, or its form.
pub(super) fn entra(
    tenancy: Tenancy,
    names: Vec<String>,
    jwks_uri: &str,
    version: &'static str,
    client_claim: &'static str,
) -> IssuerWithoutAudience {
    let identifier = names.first().cloned().unwrap_or_default();
    let mut draft = IssuerWithoutAudience::new(identifier, KeyConfig::JwksUri(jwks_uri.to_owned()));
    let tid = match &tenancy {
        Tenancy::One(tenant) => Expect::EqualsIfPresent(tenant.as_ref().into()),
        Tenancy::Many(_) | Tenancy::Unknown => Expect::Tenant,
    };
    let policy = &mut draft.0.policy;
    policy.tenancy = tenancy;
    policy.key_issuers = names;
    policy.algorithms = vec![Algorithm::RS256];
    policy.kind.rules = vec![
        ClaimRule { claim: "ver", expect: Expect::EqualsIfPresent(version.to_owned()) },
        ClaimRule { claim: "tid", expect: tid },
        ClaimRule { claim: client_claim, expect: Expect::ClientId },
    ];
    policy.scopes =
        ScopeClaims(vec![ScopeSource::text("scp"), ScopeSource::array("roles").with_claim_absent("scp")]);
    policy.audience.missing_audience = MissingAudience::NeverIssued;
    policy.audience.client_claims = vec![client_claim.into()];
    policy.audience.is_service_account = ServiceAccountRule::RepeatedSubject("oid".into());
    draft
}

/// Returns the host if it is a domain name in the form that is compared.
fn host_name(host: &str) -> Result<&str, ConfigError> {
    let url = SecureUrl::parse(&format!("https://{host}/")).ok();
    if url.is_some_and(|url| host.contains('.') && url.url().host_str() == Some(host)) {
        return Ok(host);
    }
    Err(ConfigError::InvalidName {
        setting: "host",
        expected: "a domain name in lower case like login.microsoftonline.us, without https:// and slash",
        found: redacted(host),
    })
}
