//! Valid tokens, which tests change and sign.

use scopegate_issuer::Mint;

use crate::keys::KEY;
use crate::names::{AUDIENCE, CLIENT, ISSUER, NOW};

/// Returns an access token as a Cognito user pool issues it, valid at [`NOW`].
pub fn cognito_token() -> Mint {
    Mint::cognito(ISSUER, CLIENT).issued_at(NOW).lifetime(3_600)
}

/// Returns an access token with a client and without an audience, valid at [`NOW`].
pub fn client_token() -> Mint {
    cognito_token().without_claim("token_use")
}

/// Returns an access token as RFC 9068 defines it, for [`AUDIENCE`], valid at [`NOW`].
pub fn rfc9068_token() -> Mint {
    client_token().header("typ", "at+jwt").claim("aud", AUDIENCE)
}

/// Returns the value of an `Authorization` header that carries a token.
pub fn bearer(token: &(impl Token + ?Sized)) -> String {
    format!("Bearer {}", token.compact())
}

/// A token that can be sent.
pub trait Token {
    /// Returns the compact serialization.
    fn compact(&self) -> String;
}

impl Token for str {
    fn compact(&self) -> String {
        self.to_owned()
    }
}

impl Token for String {
    fn compact(&self) -> String {
        self.clone()
    }
}

/// Signs with [`KEY`].
impl Token for Mint {
    fn compact(&self) -> String {
        self.sign_with(&KEY)
    }
}

impl<T: Token + ?Sized> Token for &T {
    fn compact(&self) -> String {
        T::compact(self)
    }
}

/// Asserts that a verifier rejects a token, and that the error matches a pattern. Also compares its
/// message, if you pass one.
///
/// ```
/// use testkit::assert_rejected;
///
/// struct Verifier;
/// impl Verifier {
///     fn verify(&self, token: &str) -> Result<(), String> {
///         Err(format!("invalid: {token}"))
///     }
/// }
///
/// assert_rejected!(Verifier, "token", String { .. });
/// assert_rejected!(Verifier, "token", String { .. }, "invalid: token");
/// ```
#[macro_export]
macro_rules! assert_rejected {
    ($verifier:expr, $token:expr, $pattern:pat $(, $message:expr)? $(,)?) => {{
        let token = $crate::Token::compact(&$token);
        let error = $verifier.verify(&token).expect_err("the token was accepted");
        assert!(matches!(error, $pattern), "{error:?}");
        $(assert_eq!(error.to_string(), $message);)?
    }};
}
