//! The kind of a token: an access token, and for bearers. One issuer signs several kinds with the
//! same keys, so signature and dates do not tell them apart (RFC 8725 §2.8).

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

use crate::error::Error;

/// Accepted values of the header's `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeRule {
    /// `at+jwt`, `JWT`, or absent. Most issuers do not write RFC 9068's type yet.
    AccessTokenOrUntyped,
    /// `at+jwt` (RFC 9068 §4).
    AccessToken,
    /// `secevent+jwt`: no access token, but a security event token (RFC 8417 §2.3).
    SecurityEvent,
    /// `statuslist+jwt`, for a status list and never for a token.
    #[cfg(feature = "fetch")]
    StatusList,
    /// `token-introspection+jwt`, for an introspection response and never for a token (RFC 9701 §5).
    #[cfg(feature = "fetch")]
    IntrospectionResponse,
}

impl TypeRule {
    /// Compares media types without case, and with an optional `application/` (RFC 7515 §4.1.9).
    pub(crate) fn check(self, typ: Option<&str>) -> Result<(), Error> {
        let is = |name: &str| typ.is_some_and(|typ| without_prefix(typ).eq_ignore_ascii_case(name));
        let (accepted, expected) = match self {
            Self::AccessToken => (is("at+jwt"), "at+jwt"),
            Self::SecurityEvent => (is("secevent+jwt"), "secevent+jwt"),
            #[cfg(feature = "fetch")]
            Self::StatusList => (is("statuslist+jwt"), "statuslist+jwt"),
            #[cfg(feature = "fetch")]
            Self::IntrospectionResponse => (is("token-introspection+jwt"), "token-introspection+jwt"),
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

/// Rules for the claims that show the kind of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenKind {
    pub(crate) nonce: NonceRule,
    pub(crate) foreign: ForeignClaims,
    /// Marks of this issuer's access tokens, in addition to the rules for all issuers.
    pub(crate) rules: Vec<ClaimRule>,
    /// Rules that the configuration adds.
    pub(crate) required: Vec<RequiredClaim>,
}

/// A rule about a claim of an issuer's access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimRule {
    pub(crate) claim: &'static str,
    pub(crate) expect: Expect,
}

/// The expected value of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Exactly this string. The issuer's tokens of other kinds have another.
    Equals(&'static str),
    /// Present: the issuer's ID tokens do not name the client by this claim. Its type is checked
    /// where the client is read.
    ClientId,
    /// Present, as a specification requires. Its type is checked where the claim is read.
    Present,
    /// Exactly this string, or absent.
    EqualsIfPresent(String),
    /// Exactly the tenant that `iss` names.
    Tenant,
}

/// A configured rule about a claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequiredClaim {
    pub(crate) claim: String,
    pub(crate) rule: ClaimValue,
}

/// The configured value of a claim. `null` counts as absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClaimValue {
    Present,
    Absent,
    Equals(String),
    EqualsIfPresent(String),
}

/// The set of claims that mark a token as no access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignClaims {
    /// Hashes of ID tokens, and events.
    Common,
    /// Also the marks of other documents that an issuer signs, because nothing is known about the
    /// issuer's tokens.
    All,
}

/// Marks of other documents that an issuer signs, with the specification of each. Access tokens
/// have none of them.
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

/// Claims that may hold a credential, a hash of one, or a proof of the token's requester. Errors
/// show only the type of their values.
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

/// Whether a `nonce` marks an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceRule {
    Refused,
    /// Set by `allow_nonce`, or by a preset that checks another mark.
    Accepted,
}

/// Values that Keycloak writes into a claim `typ` of tokens that grant no access.
const FOREIGN_TYP_CLAIMS: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];

impl TokenKind {
    /// `tenant` is the tenant in the name of the issuer, if it has one.
    pub(crate) fn check(&self, payload: &JsonObject<'_>, tenant: Option<&str>) -> Result<(), Error> {
        // A claim of Cognito. No other issuer is known to give it another meaning.
        if let Some(token_use) = payload.get_non_null("token_use")
            && string(token_use).as_deref() != Some("access")
        {
            return Err(not_access("token_use", "access", Some(token_use)));
        }
        self.check_marks(payload, tenant)
    }

    /// Checks all marks except for `token_use`.
    pub(crate) fn check_marks(&self, payload: &JsonObject<'_>, tenant: Option<&str>) -> Result<(), Error> {
        // An ID token informs a client about a sign-in. It grants its holder no access.
        let nonce = match self.nonce {
            NonceRule::Refused => payload.get_non_null("nonce"),
            NonceRule::Accepted => None,
        };
        // Hashes of ID tokens (OpenID Connect Core §3.1.3.6, §3.3.2.11; the state hash of FAPI).
        // `events` is in logout tokens and security event tokens (RFC 8417 §2.2).
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
        self.rules.iter().try_for_each(|ClaimRule { claim, expect }| expect.check(claim, payload, tenant))?;
        self.required.iter().try_for_each(|required| required.check(payload))
    }
}

impl Expect {
    fn check(
        &self,
        claim: &'static str,
        payload: &JsonObject<'_>,
        tenant: Option<&str>,
    ) -> Result<(), Error> {
        let value = payload.get_non_null(claim);
        let text = value.and_then(string);
        // An empty name counts as absent.
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
            Self::Tenant if tenant.is_none() || text.as_deref() != tenant => Err(Error::WrongClaim {
                claim: claim.into(),
                expected: tenant.map_or_else(|| "a tenant".to_owned(), str::to_owned),
                found: excerpt(claim, value),
            }),
            Self::Equals(_) | Self::ClientId | Self::Present | Self::EqualsIfPresent(_) | Self::Tenant => {
                Ok(())
            }
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
        // The rule is about the claim's presence. Hide its value, which may be a credential.
        let is_hidden = matches!(self.rule, ClaimValue::Absent);
        let found = if is_hidden { value.map(Excerpt::type_of_json) } else { excerpt(&self.claim, value) };
        Err(Error::WrongClaim { claim, expected, found })
    }
}

fn is(value: Option<&RawValue>, expected: &str) -> bool {
    value.and_then(string).is_some_and(|text| text == expected)
}

/// The claim must be absent, so only the type of its value is shown.
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
    fn type_is_compared_without_case_and_prefix() {
        // C14, C15
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "application/AT+jwt", "Application/at+jwt"] {
            assert!(TypeRule::AccessToken.check(Some(typ)).is_ok(), "{typ}");
            assert!(TypeRule::AccessTokenOrUntyped.check(Some(typ)).is_ok(), "{typ}");
        }
    }

    #[test]
    fn security_event_has_its_own_type() {
        // RV06
        for typ in ["secevent+jwt", "application/secevent+jwt", "SecEvent+JWT"] {
            assert!(TypeRule::SecurityEvent.check(Some(typ)).is_ok(), "{typ}");
        }
        let others = [None, Some("JWT"), Some("at+jwt"), Some("logout+jwt"), Some("secevent"), Some("")];
        for typ in others.into_iter().chain([Some("secevent+jwt "), Some("x/secevent+jwt")]) {
            assert!(TypeRule::SecurityEvent.check(typ).is_err(), "{typ:?}");
        }
    }

    #[test]
    fn untyped_token_is_accepted_unless_type_is_required() {
        // C14, C16
        for typ in [None, Some("JWT"), Some("jwt"), Some("application/jwt")] {
            assert!(TypeRule::AccessTokenOrUntyped.check(typ).is_ok(), "{typ:?}");
            assert!(TypeRule::AccessToken.check(typ).is_err(), "{typ:?}");
        }
    }

    #[test]
    fn every_other_type_is_rejected() {
        // C14, C16
        let types = ["", "at+jwt ", "id_token+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE"];
        for typ in types.into_iter().chain(["token-introspection+jwt", "application/", "x/at+jwt", "at"]) {
            assert!(TypeRule::AccessToken.check(Some(typ)).is_err(), "{typ}");
            assert!(TypeRule::AccessTokenOrUntyped.check(Some(typ)).is_err(), "{typ}");
        }
    }
}
