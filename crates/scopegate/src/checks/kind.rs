//! What kind of token it is: an access token, and one that its bearer may use. Signatures and dates say
//! nothing about that, and one issuer signs several kinds with the same keys (RFC 8725 §2.8).

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

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
    pub(crate) foreign: ForeignClaims,
    /// What this issuer's access tokens can be told by, beyond what is asked of every token.
    pub(crate) rules: Vec<ClaimRule>,
    /// What the configuration asks of them in addition.
    pub(crate) required: Vec<RequiredClaim>,
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

/// A claim that the configuration makes a rule about.
#[derive(Clone, Debug)]
pub(crate) struct RequiredClaim {
    pub(crate) claim: String,
    pub(crate) rule: ClaimValue,
}

/// What a claim must be by configuration. `null` is absent.
#[derive(Clone, Debug)]
pub(crate) enum ClaimValue {
    Present,
    Absent,
    Equals(String),
    EqualsIfPresent(String),
}

/// Which claims are marks of a token that is no access token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ForeignClaims {
    /// Hashes of ID tokens, and events.
    Common,
    /// Also the marks of other documents that an issuer signs: nothing is known about the issuer's tokens.
    All,
}

/// Marks of other documents that an issuer signs, by the specification that defines them. Access tokens have none of
/// them.
const FOREIGN_CLAIMS: [&str; 7] = [
    // JARM §2.1, §2.3: the response of an authorization endpoint
    "code",
    "response",
    "id_token",
    "access_token",
    // RFC 9701 §5: an introspection response
    "token_introspection",
    // CIBA Core §7.3: hashes in ID tokens
    "urn:openid:params:jwt:claim:auth_req_id",
    "urn:openid:params:jwt:claim:rt_hash",
];

/// Claims that may hold a credential, a hash of one, or a value that proves who asked for the token. Errors say only
/// which type of value was found.
const CREDENTIAL_CLAIMS: [&str; 13] = [
    "access_token",
    "at_hash",
    "auth_req_id",
    "c_hash",
    "code",
    "id_token",
    "nonce",
    "refresh_token",
    "response",
    "s_hash",
    "token_introspection",
    "urn:openid:params:jwt:claim:auth_req_id",
    "urn:openid:params:jwt:claim:rt_hash",
];

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
        if let Some(token_use) = payload.get_non_null("token_use")
            && string(token_use).as_deref() != Some("access")
        {
            return Err(not_access("token_use", "access", Some(token_use)));
        }
        // An ID token tells a client who signed in; whoever holds one was not thereby granted anything here.
        let nonce = match self.nonce {
            NonceRule::Refused => payload.get_non_null("nonce"),
            NonceRule::Accepted => None,
        };
        // Hashes of ID tokens (OpenID Connect Core §3.1.3.6, §3.3.2.11; the state hash of FAPI), and the events of logout
        // and security event tokens (RFC 8417 §2.2).
        let foreign = [
            ("at_hash", payload.get_non_null("at_hash")),
            ("c_hash", payload.get_non_null("c_hash")),
            ("s_hash", payload.get_non_null("s_hash")),
            ("events", payload.get_non_null("events")),
            ("nonce", nonce),
        ];
        if let Some((claim, Some(value))) = foreign.into_iter().find(|(_, value)| value.is_some()) {
            return Err(mark_of_another(claim, value));
        }
        if let ForeignClaims::All = self.foreign
            && let Some((claim, value)) =
                FOREIGN_CLAIMS.into_iter().find_map(|claim| Some((claim, payload.get_non_null(claim)?)))
        {
            return Err(mark_of_another(claim, value));
        }
        if let Some(typ) = payload.get("typ")
            && string(typ).is_some_and(|typ| FOREIGN_TYP_CLAIMS.contains(&typ.as_ref()))
        {
            return Err(not_access("typ", "that of an access token", Some(typ)));
        }
        self.rules.iter().try_for_each(|ClaimRule { claim, expect }| expect.check(claim, payload))?;
        self.required.iter().try_for_each(|required| required.check(payload))
    }
}

impl Expect {
    fn check(&self, claim: &'static str, payload: &JsonObject<'_>) -> Result<(), Error> {
        let value = payload.get_non_null(claim);
        let text = value.and_then(string);
        // An empty name is no name.
        let is_missing = value.is_none() || text.as_deref() == Some("");
        match self {
            Self::Equals(expected) if text.as_deref() != Some(*expected) => {
                Err(not_access(claim, expected, value))
            }
            Self::ClientId if is_missing => Err(not_access(claim, "the client's id", value)),
            Self::Present if is_missing => Err(Error::MissingClaim { claim }),
            Self::EqualsIfPresent(expected) if value.is_some() && text.as_deref() != Some(expected) => {
                let found = excerpt(claim, value);
                Err(Error::WrongClaim { claim: claim.into(), expected: expected.clone(), found })
            }
            Self::Equals(_) | Self::ClientId | Self::Present | Self::EqualsIfPresent(_) => Ok(()),
        }
    }
}

impl RequiredClaim {
    fn check(&self, payload: &JsonObject<'_>) -> Result<(), Error> {
        let value = payload.get_non_null(&self.claim);
        let (accepted, expected) = match &self.rule {
            ClaimValue::Present => (value.is_some(), "present"),
            ClaimValue::Absent => (value.is_none(), "absent"),
            ClaimValue::Equals(expected) => (is(value, expected), expected.as_str()),
            ClaimValue::EqualsIfPresent(expected) => {
                (value.is_none() || is(value, expected), expected.as_str())
            }
        };
        if accepted {
            return Ok(());
        }
        let (claim, expected) = (self.claim.clone().into(), expected.to_owned());
        // The rule is about the claim and not about its value, which may be a credential.
        let is_hidden = matches!(self.rule, ClaimValue::Absent);
        let found = if is_hidden { value.map(Excerpt::type_of_json) } else { excerpt(&self.claim, value) };
        Err(Error::WrongClaim { claim, expected, found })
    }
}

fn is(value: Option<&RawValue>, expected: &str) -> bool {
    value.and_then(string).is_some_and(|text| text == expected)
}

/// The claim must not be there, so its value says nothing more. Only the type is shown.
fn mark_of_another(claim: &'static str, found: &RawValue) -> Error {
    Error::NotAnAccessToken { claim, expected: "absent", found: Some(Excerpt::type_of_json(found)) }
}

fn not_access(claim: &'static str, expected: &'static str, found: Option<&RawValue>) -> Error {
    Error::NotAnAccessToken { claim, expected, found: excerpt(claim, found) }
}

fn excerpt(claim: &str, found: Option<&RawValue>) -> Option<Excerpt> {
    if CREDENTIAL_CLAIMS.contains(&claim) {
        return found.map(Excerpt::type_of_json);
    }
    found.map(|value| Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT))
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
