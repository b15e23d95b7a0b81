//! What kind of token it is: an access token, and one that its bearer may use. Signatures and dates say
//! nothing about that, and one issuer signs several kinds with the same keys (RFC 8725 §2.8).

use std::borrow::Cow;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};

use crate::error::Error;

/// What the header's `typ` may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TypeRule {
    /// `at+jwt`, `JWT`, or absent. Most issuers do not write RFC 9068's type yet.
    AccessTokenOrUntyped,
    /// RFC 9068 §4.
    AccessToken,
}

impl TypeRule {
    /// Media types are compared without case, and with `application/` understood (RFC 7515 §4.1.9).
    pub(crate) fn check(self, typ: Option<&str>) -> Result<(), Error> {
        let is = |name: &str| typ.is_some_and(|typ| without_prefix(typ).eq_ignore_ascii_case(name));
        let (accepted, expected) = match self {
            Self::AccessToken => (is("at+jwt"), "at+jwt"),
            Self::AccessTokenOrUntyped => {
                (typ.is_none() || is("at+jwt") || is("JWT"), "at+jwt, JWT or absent")
            }
        };
        if accepted { Ok(()) } else { Err(Error::WrongType { expected, found: typ.map(Excerpt::new) }) }
    }
}

fn without_prefix(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

/// What the claims must say about the kind of the token.
#[derive(Clone, Debug)]
pub(crate) struct TokenKind {
    pub(crate) nonce: NonceRule,
    /// What this issuer's access tokens can be told by, beyond what is asked of every token.
    pub(crate) rules: Vec<ClaimRule>,
}

/// A claim that an issuer's access tokens have, and what it must be.
#[derive(Clone, Debug)]
pub(crate) struct ClaimRule {
    pub(crate) claim: &'static str,
    pub(crate) expect: Expect,
}

/// What a claim must be.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// Exactly this; the issuer's tokens of other kinds say something else.
    Equals(&'static str),
    /// There: the issuer's ID tokens do not name the client by this claim. Its type is checked where the client is read.
    ClientId,
    /// There, because a specification says so. Its type is checked where it is read.
    Present,
    /// Exactly this, if it is there.
    EqualsIfPresent(String),
}

/// Whether a `nonce` makes a token an ID token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NonceRule {
    Refused,
    /// The configuration names what it gives up: `allow_nonce`.
    Accepted,
}

/// What Keycloak writes into a claim `typ` of tokens that grant no access.
const FOREIGN_TYP_CLAIMS: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];

impl TokenKind {
    pub(crate) fn check(&self, payload: &JsonObject<'_>) -> Result<(), Error> {
        // Cognito's claim, and nobody else gives it another meaning.
        if let Some(token_use) = payload.get("token_use").map(string)
            && token_use.as_deref() != Some("access")
        {
            return Err(not_access("token_use", "access", token_use));
        }
        // An ID token tells a client who signed in; whoever holds one was not thereby granted anything here.
        let nonce = match self.nonce {
            NonceRule::Refused => payload.get("nonce"),
            NonceRule::Accepted => None,
        };
        // Hashes of ID tokens (OpenID Connect Core §3.1.3.6, §3.3.2.11; the state hash of FAPI), and the events of logout
        // and security event tokens (RFC 8417 §2.2).
        let foreign = [
            ("at_hash", payload.get("at_hash")),
            ("c_hash", payload.get("c_hash")),
            ("s_hash", payload.get("s_hash")),
            ("events", payload.get("events")),
            ("nonce", nonce),
        ];
        if let Some((claim, Some(value))) = foreign.into_iter().find(|(_, value)| value.is_some()) {
            return Err(not_access(claim, "absent", string(value)));
        }
        match payload.get("typ").and_then(string) {
            Some(typ) if FOREIGN_TYP_CLAIMS.contains(&typ.as_ref()) => {
                return Err(not_access("typ", "that of an access token", Some(typ)));
            }
            _ => {}
        }
        self.rules.iter().try_for_each(|ClaimRule { claim, expect }| expect.check(claim, payload))
    }
}

impl Expect {
    fn check(&self, claim: &'static str, payload: &JsonObject<'_>) -> Result<(), Error> {
        let value = payload.get(claim);
        let text = value.and_then(string);
        match self {
            Self::Equals(expected) if text.as_deref() != Some(*expected) => {
                Err(not_access(claim, expected, text))
            }
            Self::ClientId if value.is_none() => Err(not_access(claim, "the client's id", None)),
            Self::Present if value.is_none() => Err(Error::MissingClaim { claim }),
            Self::EqualsIfPresent(expected) if value.is_some() && text.as_deref() != Some(expected) => {
                let found = text.map(|text| Excerpt::new(&text));
                Err(Error::WrongClaim { claim, expected: expected.clone(), found })
            }
            Self::Equals(_) | Self::ClientId | Self::Present | Self::EqualsIfPresent(_) => Ok(()),
        }
    }
}

fn not_access(claim: &'static str, expected: &'static str, found: Option<Cow<'_, str>>) -> Error {
    Error::NotAnAccessToken { claim, expected, found: found.map(|found| Excerpt::new(&found)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_compared_without_case_and_prefix() {
        // C14, C15
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "application/AT+jwt", "Application/at+jwt"] {
            assert!(TypeRule::AccessToken.check(Some(typ)).is_ok(), "{typ}");
            assert!(TypeRule::AccessTokenOrUntyped.check(Some(typ)).is_ok(), "{typ}");
        }
    }

    #[test]
    fn an_untyped_token_is_accepted_unless_the_type_is_required() {
        // C14, C16
        for typ in [None, Some("JWT"), Some("jwt"), Some("application/jwt")] {
            assert!(TypeRule::AccessTokenOrUntyped.check(typ).is_ok(), "{typ:?}");
            assert!(TypeRule::AccessToken.check(typ).is_err(), "{typ:?}");
        }
    }

    #[test]
    fn every_other_type_is_refused() {
        // C14, C16
        let types = ["", "at+jwt ", "id_token+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE"];
        for typ in types.into_iter().chain(["token-introspection+jwt", "application/", "x/at+jwt", "at"]) {
            assert!(TypeRule::AccessToken.check(Some(typ)).is_err(), "{typ}");
            assert!(TypeRule::AccessTokenOrUntyped.check(Some(typ)).is_err(), "{typ}");
        }
    }
}
