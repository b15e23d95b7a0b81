//! The constructors of tokens in the form of each provider.

use super::Mint;
use super::shape::Shape;
use crate::clock;

/// Tokens in the form of other providers than Cognito, for resource servers that trust one of them. Each is a
/// machine-to-machine token, valid for the default lifetime of the provider, for the audience
/// `https://my-api-server.org` and with the scope `https://my-api-server.org/api.read`.
///
/// [`audience`](Self::audience), [`scope`](Self::scope), [`client`](Self::client) and
/// [`issued_at`](Self::issued_at) write the claims that the provider writes. They have no key: sign them with
/// [`sign_with`](Self::sign_with), for instance with the [key of a pool](crate::Pool::signing_key), whose JWKS endpoint the
/// resource server then asks.
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
    /// A token of an Auth0 tenant, by its domain. `azp` names the client.
    pub fn auth0(domain: &str, client_id: &str) -> Self {
        Self::of(Shape::Auth0, &format!("https://{domain}/"), client_id)
    }

    /// A token of an Okta custom authorization server, such as `https://example.okta.com/oauth2/default`. `cid` names the
    /// client, and `scp` is an array of the scopes.
    pub fn okta(issuer: &str, client_id: &str) -> Self {
        Self::of(Shape::Okta, issuer, client_id)
    }

    /// A token of version 2 of a Microsoft Entra ID tenant, by its id. `azp` names the client, and `roles` is an array of
    /// the scopes: the app roles that the client has.
    pub fn entra(tenant_id: &str, client_id: &str) -> Self {
        let issuer = format!("https://login.microsoftonline.com/{tenant_id}/v2.0");
        Self::of(Shape::Entra, &issuer, client_id)
    }

    /// A token of version 1 of a Microsoft Entra ID tenant. `appid` names the client.
    pub fn entra_v1(tenant_id: &str, client_id: &str) -> Self {
        Self::of(Shape::EntraV1, &format!("https://sts.windows.net/{tenant_id}/"), client_id)
    }

    /// A token of the service account of a client of Keycloak, by the URL of the realm, such as
    /// `https://sso.example/realms/acme`. `azp` and `client_id` name the client.
    pub fn keycloak(realm: &str, client_id: &str) -> Self {
        Self::of(Shape::Keycloak, realm, client_id)
    }

    /// A token of Ory Hydra, such as `https://hydra.example/`. `scp` is an array of the scopes.
    pub fn hydra(issuer: &str, client_id: &str) -> Self {
        Self::of(Shape::Hydra, issuer, client_id)
    }

    /// A token after RFC 9068: `typ` is `at+jwt`, and each claim of §2.2 is there.
    pub fn rfc9068(issuer: &str, client_id: &str) -> Self {
        Self::of(Shape::Rfc9068, issuer, client_id)
    }

    fn of(shape: Shape, issuer: &str, client_id: &str) -> Self {
        Self::starting_at(clock::system_now(), shape, issuer, client_id)
    }
}
