//! The audience and the client of a token, checked by the issuer's configuration.

use std::borrow::Cow;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string, strings};

use crate::checks::identity::optional_name;
use crate::error::Error;

/// The rules about the audience and the client of one issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AudiencePolicy {
    pub(crate) audiences: AllowList,
    pub(crate) clients: AllowList,
    pub(crate) missing_audience: MissingAudience,
    /// How to treat an `aud` without members.
    pub(crate) empty_audience: EmptyAudience,
    /// The claims that may name the client.
    pub(crate) client_claims: Vec<Cow<'static, str>>,
    /// The claim to name in the error if the token names no client. `None`: a client is optional.
    pub(crate) required_client: Option<&'static str>,
    /// How to recognize a client that acts for itself if `sub` is not its id.
    pub(crate) is_service_account: ServiceAccountRule,
}

/// The accepted values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowList {
    /// Not configured, so the other of the two rules decides.
    NotConfigured,
    OneOf(Vec<String>),
    /// Set by `allow_any_client` or `allow_any_audience`, whose names state the risk.
    Any,
}

impl AllowList {
    /// Adds values to the list. A list replaces `Any`.
    pub(crate) fn extend<I>(&mut self, more: I)
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let listed = match self {
            Self::OneOf(values) => std::mem::take(values),
            Self::NotConfigured | Self::Any => Vec::new(),
        };
        *self = Self::OneOf(listed.into_iter().chain(more.into_iter().map(Into::into)).collect());
    }
}

/// How to treat a token without `aud` if an audience is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingAudience {
    Refused,
    /// Cognito's client-credentials tokens have no `aud` unless the pool binds them to a resource,
    /// so a client rule is sufficient.
    AcceptedUnderAClientRule,
    /// Rejected. Every token of this issuer has an `aud`, so a rule about clients alone would
    /// accept none.
    NeverIssued,
}

/// How to treat a token whose `aud` is an empty array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmptyAudience {
    /// The token is for no API.
    Reject,
    /// This issuer writes an empty array if there is no audience.
    TreatAsMissing,
}

/// The mark of a token that a client has for itself and not for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceAccountRule {
    /// Only `sub`, which is then the client's id.
    Subject,
    /// Also this claim, if it repeats `sub`: the client has an account of its own.
    RepeatedSubject(Cow<'static, str>),
    /// Also this claim, if it repeats the client's id.
    RepeatedClient(Cow<'static, str>),
}

/// The claims for the client's id of RFC 9068 §2.2, OpenID Connect, Entra ID v1 and Okta.
pub(crate) const ANY_CLIENT_CLAIM: [&str; 4] = ["client_id", "azp", "appid", "cid"];

/// The audience and the client that a token names.
pub(crate) struct IssuedFor<'a> {
    pub(crate) audience: Vec<Cow<'a, str>>,
    pub(crate) client: Option<Cow<'a, str>>,
    /// A claim other than `sub` shows that the client acts for itself.
    pub(crate) is_service_account: bool,
}

impl IssuedFor<'_> {
    /// Returns the value in place of a rejected audience or client.
    pub(crate) fn unknown() -> Self {
        Self { audience: Vec::new(), client: None, is_service_account: false }
    }
}

impl AudiencePolicy {
    pub(crate) fn check<'a>(&self, payload: &JsonObject<'a>) -> Result<IssuedFor<'a>, Error> {
        let audience = self.audience(payload)?;
        self.check_audience(audience.as_deref())?;
        let client = self.client(payload)?;
        if let (Some(claim), None) = (self.required_client, &client) {
            return Err(Error::NotAnAccessToken { claim, expected: "the client's id", found: None });
        }
        self.check_client(client.as_deref())?;
        let is_service_account = self.is_service_account.is_told(payload, client.as_deref());
        Ok(IssuedFor { audience: audience.unwrap_or_default(), client, is_service_account })
    }

    /// Checks the members of a response about a verified token, if they are stated. The client is
    /// named by `client_id` (RFC 7662 §2.2), whatever claim the tokens of the issuer have.
    #[cfg(feature = "fetch")]
    pub(crate) fn check_stated(&self, members: &JsonObject<'_>) -> Result<(), Error> {
        if let Some(audience) = self.audience(members)? {
            self.check_audience(Some(&audience))?;
        }
        match optional_name(members, "client_id")? {
            Some(client) => self.check_client(Some(&client)),
            None => Ok(()),
        }
    }

    fn check_audience(&self, found: Option<&[Cow<'_, str>]>) -> Result<(), Error> {
        let expected = match (&self.audiences, found) {
            (AllowList::Any, _) | (AllowList::NotConfigured, None) => return Ok(()),
            (AllowList::OneOf(allowed), Some(found))
                if found.iter().any(|one| allowed.iter().any(|allowed| allowed == one)) =>
            {
                return Ok(());
            }
            (AllowList::OneOf(_), None) => {
                return match (self.missing_audience, &self.clients) {
                    (MissingAudience::AcceptedUnderAClientRule, AllowList::OneOf(_)) => Ok(()),
                    _ => Err(Error::MissingClaim { claim: "aud" }),
                };
            }
            (AllowList::OneOf(allowed), Some(_)) => shown(allowed).cloned().collect(),
            // RFC 7519 §4.1.3: reject a token with an audience, because none is known to include
            // this API.
            (AllowList::NotConfigured, Some(_)) => Vec::new(),
        };
        let found = shown(found.unwrap_or_default()).map(|one| Excerpt::identifier(one)).collect();
        Err(Error::WrongAudience { expected, found })
    }

    fn check_client(&self, found: Option<&str>) -> Result<(), Error> {
        match (&self.clients, found) {
            (AllowList::Any | AllowList::NotConfigured, _) => Ok(()),
            (AllowList::OneOf(allowed), Some(found)) if allowed.iter().any(|allowed| allowed == found) => {
                Ok(())
            }
            (AllowList::OneOf(allowed), found) => {
                let expected = shown(allowed).cloned().collect();
                Err(Error::WrongClient { expected, found: found.map(Excerpt::identifier) })
            }
        }
    }

    /// Returns the client that the claims name. If several claims name one, they must agree.
    /// Otherwise an attacker who controls one claim could name a listed client.
    fn client<'a>(&self, payload: &JsonObject<'a>) -> Result<Option<Cow<'a, str>>, Error> {
        let mut client: Option<Cow<'a, str>> = None;
        for claim in &self.client_claims {
            let Some(named) = optional_name(payload, claim)? else { continue };
            match &client {
                Some(before) if *before != named => {
                    return Err(Error::MalformedClaim {
                        claim: claim.clone(),
                        expected: "the client that another claim names",
                        found: Some(Excerpt::identifier(&named)),
                    });
                }
                _ => client = Some(named),
            }
        }
        Ok(client)
    }

    fn audience<'a>(&self, payload: &JsonObject<'a>) -> Result<Option<Vec<Cow<'a, str>>>, Error> {
        let audience = audience(payload)?;
        Ok(match self.empty_audience {
            EmptyAudience::Reject => audience,
            EmptyAudience::TreatAsMissing => audience.filter(|audience| !audience.is_empty()),
        })
    }
}

impl ServiceAccountRule {
    fn is_told(&self, payload: &JsonObject<'_>, client: Option<&str>) -> bool {
        let claim = |name: &str| optional_name(payload, name).ok().flatten();
        match self {
            Self::Subject => false,
            Self::RepeatedSubject(name) => claim(name).is_some_and(|value| claim("sub") == Some(value)),
            Self::RepeatedClient(name) => claim(name).is_some_and(|value| client == Some(value.as_ref())),
        }
    }
}

/// Returns the values that an error names. The number is limited, because each rejection is logged:
/// a token may have thousands of audiences, and a configuration may list hundreds.
fn shown<T>(list: &[T]) -> impl Iterator<Item = &T> {
    list.iter().take(3)
}

/// Reads `aud`: a string or an array of strings (RFC 7519 §4.1.3).
fn audience<'a>(payload: &JsonObject<'a>) -> Result<Option<Vec<Cow<'a, str>>>, Error> {
    let Some(value) = payload.get("aud") else { return Ok(None) };
    match string(value).map(|one| vec![one]).or_else(|| strings(value)) {
        Some(audience) => Ok(Some(audience)),
        None => Err(Error::MalformedClaim {
            claim: "aud".into(),
            expected: "a string or an array of strings",
            found: Some(Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT)),
        }),
    }
}
