//! An access token and its scopes.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};
use scopegate_proto::scope::Scopes;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::dpop;
use crate::dpop::binding::Binding;
use crate::dpop::nonces::{Nonce, Role};
use crate::dpop::target::Target;
use crate::error::proof::SignProofError;
use scopegate_proto::client_auth::sha256;

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
    bound: Option<Bound>,
}

/// The key of a bound token.
struct Bound {
    binding: Arc<Binding>,
    /// The hash of the token, which each proof contains.
    ath: String,
}

/// The scheme of a token in requests, and of the challenges about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750 §2.1
    Bearer,
    /// RFC 9449 §7.1
    Dpop,
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

/// The scheme, a space, then the token: one allocation for all its uses.
struct HeaderText {
    text: Zeroizing<String>,
    token_at: usize,
}

impl AccessToken {
    /// Returns `None` if the string is not a `b64token` (RFC 6750 §2.1). This keeps line breaks and
    /// spaces out of headers. With a binding, it is a token of DPoP.
    pub(crate) fn new(
        text: &str,
        scopes: TokenScopes,
        ends_at: Instant,
        binding: Option<Arc<Binding>>,
    ) -> Option<Self> {
        if !is_b64token(text) {
            return None;
        }
        let scheme = if binding.is_some() { dpop::SCHEME } else { "Bearer" };
        let bound = binding.map(|binding| Bound { binding, ath: sha256(text) });
        let text = Zeroizing::new([scheme, " ", text].concat());
        let text = Arc::new(HeaderText { text, token_at: scheme.len() + 1 });
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(Owner(Arc::clone(&text)))).ok()?;
        header.set_sensitive(true);
        Some(Self(Arc::new(Issued { text, header, scopes, ends_at, bound })))
    }

    /// Returns the token itself. An attacker who gets it can use it. Put it only into the
    /// `Authorization` header of a request, and never into a log or a URL (RFC 6750 §5.3).
    pub fn secret(&self) -> &str {
        let HeaderText { text, token_at } = &*self.0.text;
        text.get(*token_at..).unwrap_or_default()
    }

    /// Returns the value of an `Authorization` header, marked as sensitive. The token is not
    /// copied. The scheme is `Bearer`, or `DPoP` for a [bound](Self::is_sender_constrained) token.
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

    /// Returns whether the token is bound to a key (DPoP, RFC 9449). Each request with it then needs
    /// a [proof](Self::dpop_proof).
    pub fn is_sender_constrained(&self) -> bool {
        self.0.bound.is_some()
    }

    /// Returns the `DPoP` header for one request with this token (RFC 9449 §7.1), or `None` for a
    /// bearer token. [`AddToken`](crate::AddToken) does this for you.
    ///
    /// The proof is for this method and URL. It has the last [stored](Self::store_dpop_nonce) nonce
    /// of the API. Get a new one for each request, and [another one](Self::dpop_proof_after) for a
    /// retry: an API accepts a proof once, and for about a minute. Its time is the time of the
    /// [clock](crate::ClientCredentialsBuilder::clock), which must be right.
    ///
    /// ```
    /// use http::{HeaderMap, Method, Request, Uri, header::AUTHORIZATION};
    /// use scopegate_client::{AccessToken, SignProofError};
    ///
    /// fn add(token: &AccessToken, request: &mut Request<()>) -> Result<(), SignProofError> {
    ///     let proof = token.dpop_proof(request.method(), request.uri())?;
    ///     request.headers_mut().insert(AUTHORIZATION, token.header_value());
    ///     if let Some(proof) = proof {
    ///         request.headers_mut().insert("dpop", proof);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns [`SignProofError::InvalidUri`] if the URI is not an absolute `http` or `https` URI,
    /// and [`SignProofError::NoRandomness`] if the system has no randomness.
    pub fn dpop_proof(&self, method: &Method, uri: &Uri) -> Result<Option<HeaderValue>, SignProofError> {
        self.dpop_proof_with(method, uri, None)
    }

    /// Returns the `DPoP` header for the retry of a request after this response, or `None` for a
    /// bearer token.
    ///
    /// The proof has the nonce of the response. If the API gives each request its own nonce, the
    /// last [stored](Self::store_dpop_nonce) one may be that of a parallel request. If the response
    /// has no valid nonce, the proof has the last stored one.
    ///
    /// # Errors
    /// Returns an error as [`dpop_proof`](Self::dpop_proof) does.
    pub fn dpop_proof_after(
        &self,
        response: &HeaderMap,
        method: &Method,
        uri: &Uri,
    ) -> Result<Option<HeaderValue>, SignProofError> {
        self.dpop_proof_with(method, uri, Nonce::from_headers(response))
    }

    /// Returns a proof with this nonce, or else with the last one of the API.
    pub(crate) fn dpop_proof_with(
        &self,
        method: &Method,
        uri: &Uri,
        nonce: Option<Nonce>,
    ) -> Result<Option<HeaderValue>, SignProofError> {
        let Some(Bound { binding, ath }) = &self.0.bound else { return Ok(None) };
        let target = Target::of_uri(uri)?;
        let proof = binding.proof(Role::ResourceServer, method.as_str(), &target, Some(ath), nonce)?;
        Ok(Some(proof.header()))
    }

    /// Stores the `DPoP-Nonce` of a response for the next proofs to this API (RFC 9449 §8.2, §9), and
    /// returns whether there was a valid one. Call it with each response, also with status 200.
    ///
    /// If the response is a 401 with the error `use_dpop_nonce` and this returns true, repeat the
    /// request once with a [proof for the retry](Self::dpop_proof_after).
    /// [`AddToken`](crate::AddToken) does this for you. A nonce has at most 1,024 characters, and
    /// the last 64 nonces are stored.
    pub fn store_dpop_nonce(&self, uri: &Uri, response: &HeaderMap) -> bool {
        Target::of_uri(uri).is_ok_and(|target| self.store_nonce_of(&target.origin, response))
    }

    /// Stores the nonce of a response of this API.
    pub(crate) fn store_nonce_of(&self, origin: &str, headers: &HeaderMap) -> bool {
        let bound = self.0.bound.as_ref();
        bound.is_some_and(|Bound { binding, .. }| {
            binding.store_nonce(Role::ResourceServer, origin, headers).is_some()
        })
    }

    pub(crate) fn scheme(&self) -> Scheme {
        if self.is_sender_constrained() { Scheme::Dpop } else { Scheme::Bearer }
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
        self.0.text.as_bytes()
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
        AccessToken::new(text, TokenScopes::default(), Instant::now(), None)
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
