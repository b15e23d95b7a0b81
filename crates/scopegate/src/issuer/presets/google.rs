//! Access tokens of Google, which are introspected.

use crate::introspection::Introspection;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::{Issuer, IssuerWithoutAudience};

/// The name of Google in its ID tokens and metadata. Responses of `tokeninfo` do not name it.
const GOOGLE: &str = "https://accounts.google.com";

impl Issuer {
    /// Creates the issuer for Google's access tokens, which Google's endpoint `tokeninfo` is asked
    /// about.
    ///
    /// # Checks
    /// 1. The endpoint knows the token. It responds to an unknown, expired or revoked token with
    ///    400 and `invalid_token`.
    /// 2. `exp` is in the future.
    /// 3. `aud` is one of the audiences. It is the id of the client that has requested the token,
    ///    and not an API: tokens that this client gets for other APIs are accepted too.
    ///
    /// The client is read from `azp`, and scopes from `scope`. `sub` is the account, if the token
    /// has the scope `openid`, `email` or `profile`.
    ///
    /// ```
    /// use scopegate::{Introspection, Issuer};
    ///
    /// let tokeninfo = Introspection::by_tokeninfo("https://oauth2.googleapis.com/tokeninfo")?;
    /// let issuer = Issuer::google(tokeninfo).audience("407408718192.apps.googleusercontent.com");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Starting the verifier fails as for [`opaque`](Self::opaque).
    pub fn google(introspection: Introspection) -> IssuerWithoutAudience {
        let draft = IssuerWithoutAudience::without_preset(GOOGLE.to_owned(), KeyConfig::None);
        let mut draft = draft.introspected(introspection);
        draft.0.policy.audience.client_claims = vec!["azp".into()];
        draft
    }
}
