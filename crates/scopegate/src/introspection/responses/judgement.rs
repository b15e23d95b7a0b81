//! The judgement about an active token: the rules of its issuer for the members of the response.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};

use crate::checks::audience::{AudiencePolicy, IssuedFor};
use crate::checks::confirmation;
use crate::checks::identity::optional_name;
use crate::checks::kind::TokenKind;
use crate::checks::lifetime::Lifetime;
use crate::error::Error;
use crate::token::numeric_date::NumericDate;

/// The rules of an issuer that concern members of the response.
pub(crate) struct Rules<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) kind: &'a TokenKind,
    pub(crate) audience: &'a AudiencePolicy,
    pub(crate) leeway: Duration,
}

/// The members that the rules have read.
pub(crate) struct Judged<'a> {
    pub(crate) issued_for: IssuedFor<'a>,
    pub(crate) lifetime: Lifetime,
    /// Each request needs a proof of the key.
    pub(crate) is_bound: bool,
}

/// The reason why an active token is not accepted.
#[derive(Debug)]
pub(crate) enum Unaccepted {
    /// The token breaks a rule.
    Rejected(Error),
    /// The response is malformed, so nothing follows for the token.
    Malformed(Error),
}

impl From<Error> for Unaccepted {
    fn from(error: Error) -> Self {
        match error {
            Error::MalformedClaim { .. } => Self::Malformed(error),
            error => Self::Rejected(error),
        }
    }
}

impl Rules<'_> {
    /// Checks the members of an active token.
    pub(crate) fn check<'m>(
        &self,
        members: &JsonObject<'m>,
        now: NumericDate,
    ) -> Result<Judged<'m>, Unaccepted> {
        let lifetime = self.lifetime(members, now)?;
        self.check_issuer(members)?;
        let token_type = check_type(members)?;
        check_use(members)?;
        self.kind.check_marks(members, None)?;
        let is_bound = is_bound(members, token_type)?;
        let issued_for = self.audience.check(members)?;
        Ok(Judged { issued_for, lifetime, is_bound })
    }

    /// Checks the members of an active JWT that was verified. Its own claims satisfy the rules, so
    /// members are judged if they are stated. `claims` is the payload of the JWT, with its binding.
    pub(crate) fn check_verified(
        &self,
        members: &JsonObject<'_>,
        claims: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Lifetime, Unaccepted> {
        let lifetime = self.lifetime(members, now)?;
        self.check_issuer(members)?;
        let token_type = check_type(members)?;
        check_use(members)?;
        is_bound(members, TokenType::Bearer)?;
        confirmation::check_same(members, claims)?;
        is_bound(claims, token_type)?;
        self.audience.check_stated(members)?;
        Ok(lifetime)
    }

    /// RFC 7662 §2.2: `exp`, `nbf` and `iat` are optional.
    fn lifetime(&self, members: &JsonObject<'_>, now: NumericDate) -> Result<Lifetime, Error> {
        let mut lifetime = Lifetime::read_with_optional_exp(members)?;
        if !members.contains("exp") {
            lifetime.expires_at = NumericDate::LATEST;
        }
        lifetime.check(now, self.leeway)?;
        Ok(lifetime)
    }

    /// RFC 7662 §2.2: `iss` is optional.
    fn check_issuer(&self, members: &JsonObject<'_>) -> Result<(), Error> {
        let Some(value) = members.get("iss") else { return Ok(()) };
        let Some(found) = string(value) else {
            return Err(malformed("iss", "a string", Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT)));
        };
        if found == self.issuer {
            return Ok(());
        }
        let (expected, found) = (self.issuer.to_owned(), Some(Excerpt::identifier(&found)));
        Err(Error::WrongClaim { claim: "iss".into(), expected, found })
    }
}

/// The type of a token, which is the scheme in which it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenType {
    Bearer,
    Dpop,
}

/// Reads `token_type` (RFC 7662 §2.2, RFC 9449 §6.2). Types are compared without case (RFC 6749
/// §5.1). A refresh token may be active too, and is no access token.
fn check_type(members: &JsonObject<'_>) -> Result<TokenType, Error> {
    match optional_name(members, "token_type")? {
        None => Ok(TokenType::Bearer),
        Some(found) if found.eq_ignore_ascii_case("Bearer") => Ok(TokenType::Bearer),
        Some(found) if found.eq_ignore_ascii_case("DPoP") => Ok(TokenType::Dpop),
        Some(found) => Err(Error::NotAnAccessToken {
            claim: "token_type",
            expected: "Bearer, DPoP or absent",
            found: Some(Excerpt::new(&found)),
        }),
    }
}

/// Reads `token_use` of Cognito (`access`) and Ory Hydra (`access_token`).
fn check_use(members: &JsonObject<'_>) -> Result<(), Error> {
    match optional_name(members, "token_use")? {
        None => Ok(()),
        Some(found) if found == "access" || found == "access_token" => Ok(()),
        Some(found) => Err(Error::NotAnAccessToken {
            claim: "token_use",
            expected: "access, access_token or absent",
            found: Some(Excerpt::new(&found)),
        }),
    }
}

/// Returns whether the token is bound to a key of DPoP (RFC 9449 §6.2). Claims are read with this
/// binding. A token of type `DPoP` without one is rejected.
fn is_bound(members: &JsonObject<'_>, token_type: TokenType) -> Result<bool, Error> {
    let confirmation = match members.get("cnf") {
        Some(value) => match JsonObject::from_text(value.get()) {
            Ok(confirmation) => Some(confirmation),
            Err(_) => return Err(malformed("cnf", "an object", Excerpt::type_of_json(value))),
        },
        None => None,
    };
    match (token_type, confirmation.is_some_and(|confirmation| confirmation.contains("jkt"))) {
        (TokenType::Dpop, false) => Err(Error::SenderConstrained { binding: "token_type" }),
        (TokenType::Bearer | TokenType::Dpop, is_bound) => Ok(is_bound),
    }
}

fn malformed(claim: &'static str, expected: &'static str, found: Excerpt) -> Error {
    Error::MalformedClaim { claim: claim.into(), expected, found: Some(found) }
}

#[cfg(test)]
mod tests;
