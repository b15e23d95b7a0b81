//! The constructors of tokens in the form of each provider.

use super::Mint;
use super::shape::Shape;
use crate::clock;

/// Machine-to-machine tokens in the form of other providers than Cognito.
///
/// Default audience: `https://my-api-server.org`. Default scope:
/// `https://my-api-server.org/api.read`. Default lifetime: that of the provider.
///
/// [`audience`](Self::audience), [`scope`](Self::scope), [`client`](Self::client) and
/// [`issued_at`](Self::issued_at) set the provider's own claims. These tokens have no key, so sign
/// them with [`sign_with`](Self::sign_with). For example, use the [key of a
/// pool](crate::Pool::signing_key), and configure the resource server with its JWKS endpoint.
///
/// ```
/// use scopegate_issuer::{LocalIssuer, Mint};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let keys = LocalIssuer::start().await?;
/// let token = Mint::auth0("example.eu.auth0.com", "order-importer")
///     .audience("https://orders.example")
///     .scope("read:orders")
///     .sign_with(&keys.signing_key());
/// // … for a verifier that trusts `example.eu.auth0.com` with the keys at `keys.jwks_uri()`.
/// # let _ = token; Ok(()) }
/// ```
impl Mint {
    /// Creates a token of the Auth0 tenant with this domain. `azp` is the client id.
    pub fn auth0(domain: &str, client_id: &str) -> Self {
        Self::of(Shape::Auth0, &format!("https://{domain}/"), client_id)
    }

    /// Creates a token of an Okta custom authorization server, such as
    /// `https://example.okta.com/oauth2/default`. `cid` is the client id, and `scp` is an array of
    /// scopes.
    pub fn okta(issuer: &str, client_id: &str) -> Self {
        Self::of(Shape::Okta, issuer, client_id)
    }

    /// Creates a version 2 token of the Microsoft Entra ID tenant with this id. `azp` is the client
    /// id. The scopes become the array `roles`, which holds the client's app roles.
    pub fn entra(tenant_id: &str, client_id: &str) -> Self {
        let issuer = format!("https://login.microsoftonline.com/{tenant_id}/v2.0");
        Self::of(Shape::Entra, &issuer, client_id)
    }

    /// Creates a version 1 token of a Microsoft Entra ID tenant. `appid` is the client id.
    pub fn entra_v1(tenant_id: &str, client_id: &str) -> Self {
        Self::of(Shape::EntraV1, &format!("https://sts.windows.net/{tenant_id}/"), client_id)
    }

    /// Creates a token of a Keycloak client's service account. `realm` is the URL of the realm,
    /// such as `https://sso.example/realms/acme`. `azp` and `client_id` are the client id.
    pub fn keycloak(realm: &str, client_id: &str) -> Self {
        Self::of(Shape::Keycloak, realm, client_id)
    }

    /// Creates a token of an Ory Hydra server, such as `https://hydra.example/`. `scp` is an array
    /// of scopes.
    pub fn hydra(issuer: &str, client_id: &str) -> Self {
        Self::of(Shape::Hydra, issuer, client_id)
    }

    /// Creates a token in the form of RFC 9068: `typ` is `at+jwt`, and it has each claim of §2.2.
    pub fn rfc9068(issuer: &str, client_id: &str) -> Self {
        Self::of(Shape::Rfc9068, issuer, client_id)
    }

    fn of(shape: Shape, issuer: &str, client_id: &str) -> Self {
        Self::starting_at(clock::system_now(), shape, issuer, client_id)
    }
}
