//! Issuers without a preset: where do their keys come from?

#[cfg(feature = "jsonwebtoken")]
mod jwk_set;
mod pem;

use scopegate_proto::url::FetchUrl;

use crate::checks::kind::ForeignClaims;
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::{address, only_compared};
use crate::issuer::{Issuer, IssuerWithoutAudience};

impl Issuer {
    /// Creates an issuer whose JWKS has a known URL.
    ///
    /// `issuer` is compared with the `iss` of tokens character by character. Write a final slash if
    /// and only if the issuer does. The name need not be a URL: FusionAuth writes `acme.com`, AD FS
    /// `http://fs.example.com/adfs/services/trust`. `jwks_uri` may be on another host.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let ad_fs = Issuer::from_jwks_uri(
    ///     "http://fs.example.com/adfs/services/trust",
    ///     "https://fs.example.com/adfs/discovery/keys",
    /// )?;
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// - Returns [`ConfigError::InvalidName`] if `issuer` is not a `StringOrURI` (RFC 7519 §2) of
    ///   up to 2,048 bytes.
    /// - Returns [`ConfigError::InvalidUrl`] if `jwks_uri` is not an `https` or `http` URL without
    ///   fragment and user name.
    ///
    /// If `jwks_uri` is `http` and not on a loopback address, starting the verifier fails with
    /// `InvalidUrl` too. To accept it, call `allow_keys_without_tls`.
    pub fn from_jwks_uri(issuer: &str, jwks_uri: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        FetchUrl::parse_allowing_http(jwks_uri)
            .map_err(|error| ConfigError::invalid_url("jwks_uri", error))?;
        let keys = KeyConfig::JwksUri(jwks_uri.to_owned());
        Ok(IssuerWithoutAudience::without_preset(only_compared(issuer)?, keys))
    }

    /// Creates an issuer whose metadata has the URL of its keys (RFC 8414, OpenID Connect
    /// Discovery).
    ///
    /// Use it if there is no preset for the provider. If the issuer can write tokens that follow
    /// RFC 9068, prefer the stricter [`rfc9068`](Self::rfc9068).
    ///
    /// `issuer` is compared with the `iss` of tokens, and with the `issuer` of the metadata,
    /// character by character. Write a final slash if and only if the issuer does. The metadata is
    /// fetched when the verifier starts, after a failure, and again after a day. Three URLs are
    /// tried in this order; for `https://h/t1` they are
    /// 1. `https://h/.well-known/oauth-authorization-server/t1` (RFC 8414 §3.1),
    /// 2. `https://h/t1/.well-known/openid-configuration` (OpenID Connect Discovery §4),
    /// 3. `https://h/.well-known/openid-configuration/t1` (RFC 8414 §5).
    ///
    /// Only the URL of the keys is read from the metadata. The accepted algorithms come from
    /// [`algorithms`](Self::algorithms), even if the issuer lists others.
    ///
    /// # Checks
    /// The defaults of the table at [`Issuer`]. At the issuer, give the API a name that its tokens
    /// have in `aud`. Also make ID tokens differ from access tokens. The best difference is a `typ`
    /// of `at+jwt`, with [`require_at_jwt`](Self::require_at_jwt) here. The least is another `aud`.
    ///
    /// ```json
    /// {
    ///   "iss": "https://issuer.example/",
    ///   "sub": "order-importer",
    ///   "aud": "https://my-api-server.org",
    ///   "exp": 1800003600,
    ///   "client_id": "order-importer",
    ///   "scope": "orders.read"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The final slash differs. | [`ConfigError::KeysNotFetched`]: the `issuer` of the metadata has another value |
    /// | The token is for another API. | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | The issuer writes no `aud`. | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | Two of the claims `client_id`, `azp`, `appid`, `cid` differ. | [`MalformedClaim`](crate::Error::MalformedClaim): choose one with [`client_claim`](Self::client_claim) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::from_metadata("https://issuer.example/")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if `issuer` is not an `https` or `http` URL without
    /// query, fragment and user name (RFC 8414 §2).
    ///
    /// If metadata is fetched from an `http` URL that is not on a loopback address, starting the
    /// verifier fails with the same error. To accept it, call `allow_keys_without_tls`.
    pub fn from_metadata(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let keys = KeyConfig::Discovery(address(issuer)?);
        Ok(IssuerWithoutAudience::without_preset(issuer.to_owned(), keys))
    }

    /// Creates an issuer with a static JWKS (RFC 7517 §5), which is never fetched.
    ///
    /// Use it for tests, for machines without a network, and for keys that are distributed by other
    /// means. To withdraw a key, build another verifier.
    ///
    /// # Errors
    /// - Returns [`ConfigError::InvalidName`] as [`from_jwks_uri`](Self::from_jwks_uri) does.
    /// - Returns [`ConfigError::InvalidKeySet`] if no key of the set can verify a token.
    pub fn from_jwks(issuer: &str, jwks: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = only_compared(issuer)?;
        let keys = KeyConfig::from_json(&identifier, jwks)?;
        Ok(IssuerWithoutAudience::without_preset(identifier, keys))
    }

    /// Sets the URL that the keys are fetched from, for instance a private endpoint. Tokens must
    /// still name the issuer.
    ///
    /// If it is not an `https` URL without fragment and user name, starting the verifier fails with
    /// [`ConfigError::InvalidUrl`]. `http` is accepted on a loopback address, and elsewhere with
    /// `allow_keys_without_tls`.
    pub fn jwks_uri(mut self, jwks_uri: impl Into<String>) -> Self {
        self.keys = KeyConfig::JwksUri(jwks_uri.into());
        self
    }

    /// Sets a static JWKS, as JSON, so that no keys are fetched. It does for a preset what
    /// [`from_jwks`](Self::from_jwks) does without one.
    ///
    /// If none of its keys can verify a token, building the verifier fails with
    /// [`ConfigError::InvalidKeySet`].
    pub fn jwks(mut self, jwks: impl Into<String>) -> Self {
        self.keys = KeyConfig::Static(jwks.into(), None);
        self
    }
}

impl IssuerWithoutAudience {
    /// Returns an issuer without a preset. Its tokens are checked for more marks of other kinds.
    pub(super) fn without_preset(identifier: String, keys: KeyConfig) -> Self {
        let mut draft = Self::new(identifier, keys);
        draft.0.policy.kind.foreign = ForeignClaims::All;
        draft
    }
}
