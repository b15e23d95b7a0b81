//! Microsoft Entra ID (once Azure AD), one tenant of it.

use scopegate_proto::url::{SecureUrl, redacted};

use super::key_config::KeyConfig;
use super::{Issuer, IssuerWithoutAudience};
use crate::checks::audience::{MissingAudience, ServiceAccountRule};
use crate::checks::kind::{ClaimRule, Expect};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::error::config::ConfigError;
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// A tenant of Microsoft Entra ID, for an API whose access tokens have version 2.
    ///
    /// Reach for it when the API is registered in that tenant with `requestedAccessTokenVersion` 2. That setting of the
    /// *API* decides, and not the address that the caller asks: for an API without it see [`entra_v1`](Self::entra_v1).
    ///
    /// # What is checked
    /// 1. `alg` is RS256;
    /// 2. `iss` is `https://login.microsoftonline.com/TENANT/v2.0`; keys are those of that tenant;
    /// 3. `ver` is `2.0`, and `tid`, where it is there, is the tenant;
    /// 4. `azp` names the client; an ID token has none, so it is refused, also where the API is an application that users
    ///    sign in to, and has one id for both;
    /// 5. `aud` holds one of the audiences: the API's *application id*, a GUID;
    /// 6. `azp` is one of the clients, if any are listed.
    ///
    /// Scopes are those of `scp`, which is what a user has let the client do. Only a token without `scp` is one that an
    /// application has for itself, and then its `roles` are its scopes. What the *roles of a user* are worth is left to the
    /// application, which finds them in the claims, or to [`roles_as_scopes`](Self::roles_as_scopes), which counts
    /// roles always. [`scopes_from`](Self::scopes_from) with `roles`, a prefix or a map keeps to the tokens of applications. In an application's own token `oid` and `sub` are the same, and in a user's they are not: by that
    /// [`Claims::principal`](crate::Claims::principal) tells them apart.
    ///
    /// # At Entra
    /// 1. Register the API, and set `requestedAccessTokenVersion` to 2 in its manifest (`accessTokenAcceptedVersion` in a
    ///    manifest of the older format). Its *application (client) id* is the audience.
    /// 2. Add *app roles* for applications, and *scopes* for what users may allow; here, both are scopes.
    /// 3. Register each calling system, and grant it app roles, with an administrator's consent. The caller asks for the scope
    ///    `APPLICATION-ID-URI/.default`.
    /// 4. Every application of the tenant gets tokens for the API, without roles, unless *assignment required* is set. So
    ///    ask for a scope on every route, or list clients.
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
    /// | mistake | heard |
    /// | --- | --- |
    /// | the API's tokens have version 1 | [`UnknownIssuer`](crate::Error::UnknownIssuer) with `https://sts.windows.net/TENANT/` |
    /// | the token is for Microsoft Graph | the same: Graph's tokens have version 1, and nobody else can verify them |
    /// | the token is of another tenant | `UnknownIssuer` with that tenant's name |
    /// | the audience is the application id URI, `api://…` | [`WrongAudience`](crate::Error::WrongAudience) with the GUID |
    /// | the ID token is sent | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `nonce`, or the lack of `azp` |
    /// | an app role was not granted, or lacks an administrator's consent | [`InsufficientScope`](crate::Error::InsufficientScope), nothing granted |
    /// | the API signs with keys of its own (claims mapping) | [`UnknownKey`](crate::Error::UnknownKey): give [`jwks_uri`](Self::jwks_uri) the address of the keys with `?appid=` |
    /// | the tenant is `common`, `organizations` or a domain | [`ConfigError::InvalidName`] |
    ///
    /// An API for several tenants lists them: one `Issuer` each. For External ID and national clouds use
    /// [`entra_at`](Self::entra_at).
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::entra("72f988bf-86f1-41af-91ab-2d7cd011db47")?
    ///     .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::InvalidName`] unless the tenant is told by its id, a GUID.
    pub fn entra(tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        Self::entra_at(LOGIN, tenant_id)
    }

    /// A tenant of Microsoft Entra External ID or of a national cloud, for an API whose access tokens have version 2.
    ///
    /// Checked is what [`entra`](Self::entra) checks. `iss` is `https://HOST/TENANT/v2.0`, and keys are at
    /// `https://HOST/TENANT/discovery/v2.0/keys`:
    ///
    /// | cloud | host |
    /// | --- | --- |
    /// | External ID | `TENANT.ciamlogin.com`; tokens have the tenant's id there, also if users sign in at a name |
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
    /// [`ConfigError::InvalidName`] if the host is not a domain name in lower case, or the tenant is not a GUID.
    pub fn entra_at(host: &str, tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let (host, tenant) = (host_name(host)?, tenant(tenant_id)?);
        let jwks_uri = format!("https://{host}/{tenant}/discovery/v2.0/keys");
        let names = [format!("https://{host}/{tenant}/v2.0"), format!("https://{host}/{TEMPLATE}/v2.0")];
        Ok(entra(&tenant, names.to_vec(), &jwks_uri, "2.0", "azp"))
    }

    /// A tenant of Microsoft Entra ID, for an API whose access tokens have version 1: the one that an API has unless
    /// `requestedAccessTokenVersion` says otherwise.
    ///
    /// Checked is what [`entra`](Self::entra) checks, with the names of version 1: `iss` is
    /// `https://sts.windows.net/TENANT/`, `ver` is `1.0`, the client is that of `appid`. `aud` is what the caller asked for,
    /// which may be the application id URI, with or without a final slash, or the application id: list those that are in use.
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
    /// | mistake | heard |
    /// | --- | --- |
    /// | the API's tokens have version 2 | [`UnknownIssuer`](crate::Error::UnknownIssuer) with `https://login.microsoftonline.com/TENANT/v2.0` |
    /// | the token is for Microsoft Graph | [`BadSignature`](crate::Error::BadSignature): what Microsoft signs for itself has a `nonce` in the header, which is not what was signed |
    /// | the token is for another API | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | the token is of another tenant, the ID token is sent, a role is missing, the tenant is `common` | as for [`entra`](Self::entra) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::entra_v1("72f988bf-86f1-41af-91ab-2d7cd011db47")?
    ///     .audiences(["api://my-api", "6e74172b-be56-4843-9ff4-e66a39bb12e3"]);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`entra`](Self::entra).
    pub fn entra_v1(tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        Self::entra_v1_at(LOGIN, tenant_id)
    }

    /// A tenant in a national cloud, for an API whose access tokens have version 1.
    ///
    /// Checked is what [`entra_v1`](Self::entra_v1) checks. `iss` is `https://sts.windows.net/TENANT/` for the host
    /// `login.microsoftonline.us`, and `https://sts.chinacloudapi.cn/TENANT/` for `login.partner.microsoftonline.cn` and
    /// `login.chinacloudapi.cn`. Keys are at `https://HOST/common/discovery/keys`.
    ///
    /// # Errors
    /// [`ConfigError::InvalidName`] if the host is another one, or the tenant is not a GUID.
    pub fn entra_v1_at(host: &str, tenant_id: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let sts = match host {
            LOGIN | "login.microsoftonline.us" => "sts.windows.net",
            "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => "sts.chinacloudapi.cn",
            _ => {
                return Err(ConfigError::InvalidName {
                    setting: "host",
                    expected: "login.microsoftonline.com, login.microsoftonline.us, login.partner.microsoftonline.cn or \
                               login.chinacloudapi.cn",
                    found: redacted(host),
                });
            }
        };
        let tenant = tenant(tenant_id)?;
        // What the metadata of every tenant says: version 1 has one set of keys for all of them, which may name the
        // issuer of either version.
        let jwks_uri = format!("https://{host}/common/discovery/keys");
        let names = [
            format!("https://{sts}/{tenant}/"),
            format!("https://{sts}/{TEMPLATE}/"),
            format!("https://{host}/{tenant}/v2.0"),
            format!("https://{host}/{TEMPLATE}/v2.0"),
        ];
        Ok(entra(&tenant, names.to_vec(), &jwks_uri, "1.0", "appid"))
    }
}

const LOGIN: &str = "login.microsoftonline.com";

/// Stands for the id of any tenant in the `issuer` of keys that all tenants share.
const TEMPLATE: &str = "{tenantid}";

/// `names` are those that a key may have as its issuer; the first is that of tokens.
fn entra(
    tenant: &str,
    names: Vec<String>,
    jwks_uri: &str,
    version: &'static str,
    client_claim: &'static str,
) -> IssuerWithoutAudience {
    let identifier = names.first().cloned().unwrap_or_default();
    let mut draft = IssuerWithoutAudience::new(identifier, KeyConfig::JwksUri(jwks_uri.to_owned()));
    let policy = &mut draft.0.policy;
    policy.key_issuers = names;
    policy.algorithms = vec![Algorithm::RS256];
    policy.kind.rules = vec![
        ClaimRule { claim: "ver", expect: Expect::EqualsIfPresent(version.to_owned()) },
        ClaimRule { claim: "tid", expect: Expect::EqualsIfPresent(tenant.to_owned()) },
        ClaimRule { claim: client_claim, expect: Expect::ClientId },
    ];
    policy.scopes =
        ScopeClaims(vec![ScopeSource::text("scp"), ScopeSource::array("roles").with_claim_absent("scp")]);
    policy.audience.missing_audience = MissingAudience::NeverIssued;
    policy.audience.client_claims = vec![client_claim.into()];
    policy.audience.is_service_account = ServiceAccountRule::RepeatedSubject("oid".into());
    draft
}

/// A domain name, in the one spelling that is compared.
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

/// A GUID, which tokens have in lower case.
fn tenant(id: &str) -> Result<String, ConfigError> {
    let groups: Vec<&str> = id.split('-').collect();
    let is_guid = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_guid {
        return Ok(id.to_ascii_lowercase());
    }
    Err(ConfigError::InvalidName {
        setting: "tenant",
        expected: "the id of one tenant, a GUID, because tokens name the tenant that issued them by it, and never \
                   common, organizations, consumers or a domain",
        found: redacted(id),
    })
}
