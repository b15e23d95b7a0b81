//! An access token and its scopes.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use scopegate_proto::scope::Scopes;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// An access token.
///
/// Cloning is cheap. `Debug` does not show the token, and its memory is zeroized when its last
/// clone and its last [header](Self::header_value) are dropped. Use it for one request, and get the
/// current token for the next.
#[derive(Clone)]
pub struct AccessToken(Arc<Issued>);

struct Issued {
    text: Arc<HeaderText>,
    header: HeaderValue,
    scopes: TokenScopes,
    ends_at: Instant,
}

/// The scopes of a token.
#[derive(Default)]
pub(crate) struct TokenScopes {
    pub(crate) granted: Scopes,
    /// The requested scopes that were not granted.
    pub(crate) missing: Scopes,
    /// The issuer stated the granted scopes in a form that cannot be read.
    pub(crate) are_unknown: bool,
}

/// `Bearer `, then the token: one allocation for all its uses.
struct HeaderText(Zeroizing<String>);

const SCHEME: &str = "Bearer ";

impl AccessToken {
    /// Returns `None` if the string is not a `b64token` (RFC 6750 §2.1). This keeps line breaks and
    /// spaces out of headers.
    pub(crate) fn new(text: &str, scopes: TokenScopes, ends_at: Instant) -> Option<Self> {
        if !is_b64token(text) {
            return None;
        }
        let text = Arc::new(HeaderText(Zeroizing::new([SCHEME, text].concat())));
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(Owner(Arc::clone(&text)))).ok()?;
        header.set_sensitive(true);
        Some(Self(Arc::new(Issued { text, header, scopes, ends_at })))
    }

    /// Returns the token itself. An attacker who gets it can use it. Put it only into the
    /// `Authorization` header of a request, and never into a log or a URL (RFC 6750 §5.3).
    pub fn secret(&self) -> &str {
        self.0.text.0.get(SCHEME.len()..).unwrap_or_default()
    }

    /// Returns the value of an `Authorization` header, marked as sensitive. The token is not
    /// copied.
    pub fn header_value(&self) -> HeaderValue {
        self.0.header.clone()
    }

    /// Returns the granted scopes. If the issuer did not state them (RFC 6749 §5.1), or stated them
    /// in an [unreadable](Self::has_unknown_scopes) form, these are the requested scopes.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes.granted
    }

    /// Returns the requested scopes that were not granted (RFC 6749 §3.3). APIs will reject calls
    /// that require them.
    pub fn missing_scopes(&self) -> &Scopes {
        &self.0.scopes.missing
    }

    /// Returns whether the issuer stated the granted scopes in a form that cannot be read. The
    /// token may then have others than the requested [`scopes`](Self::scopes).
    pub fn has_unknown_scopes(&self) -> bool {
        self.0.scopes.are_unknown
    }

    /// Returns how long the token will be served, which ends up to 10 s before the token expires.
    pub fn expires_in(&self) -> Duration {
        self.0.ends_at.saturating_duration_since(Instant::now())
    }

    /// Returns whether both are clones of one token.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn id(&self) -> TokenId {
        TokenId(Arc::downgrade(&self.0))
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("scopes", &self.0.scopes.granted)
            .field("missing_scopes", &self.0.scopes.missing)
            .finish_non_exhaustive()
    }
}

/// The identity of a token. It does not keep the token in memory.
pub(crate) struct TokenId(Weak<Issued>);

impl TokenId {
    pub(crate) fn is_of(&self, token: &AccessToken) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&token.0))
    }
}

/// Keeps the string alive while a header points to it.
struct Owner(Arc<HeaderText>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.0.as_bytes()
    }
}

/// Returns whether the string is `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Option<AccessToken> {
        AccessToken::new(text, TokenScopes::default(), Instant::now())
    }

    #[test]
    fn debug_hides_token_and_header_is_sensitive() {
        // D18
        let token = token("ey.J0-._~+/==").unwrap();
        assert_eq!(token.secret(), "ey.J0-._~+/==");
        assert_eq!(token.header_value(), "Bearer ey.J0-._~+/==");
        assert!(token.header_value().is_sensitive());
        assert!(!format!("{token:?} {:?}", token.header_value()).contains("ey.J0"));
    }

    #[test]
    fn string_outside_b64token_grammar_is_rejected() {
        // E08
        for text in ["", "=", "a b", "a\r\nX: y", "a=b", "a\"", "a,b", "\u{e9}", "Bearer a"] {
            assert!(token(text).is_none(), "{text:?}");
        }
    }
}
