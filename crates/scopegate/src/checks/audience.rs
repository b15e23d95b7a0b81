//! For whom a token must have been issued: the audience and the client. Both rules come from configuration.

use std::borrow::Cow;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string, strings};

use crate::checks::identity::optional_name;
use crate::error::Error;

/// The rules that one issuer's tokens are held to.
#[derive(Clone, Debug)]
pub(crate) struct AudiencePolicy {
    pub(crate) audiences: AllowList,
    pub(crate) clients: AllowList,
    pub(crate) missing_audience: MissingAudience,
    /// What an `aud` of no members is worth.
    pub(crate) empty_audience: EmptyAudience,
    /// The claims that may name the client.
    pub(crate) client_claims: Vec<Cow<'static, str>>,
    /// The claim that an error names if no client is named, and one has to be.
    pub(crate) required_client: Option<&'static str>,
    /// How a client that acts for itself is told, where `sub` is not its id.
    pub(crate) is_service_account: ServiceAccountRule,
}

/// Which values are accepted.
#[derive(Clone, Debug)]
pub(crate) enum AllowList {
    /// Nothing was said, so the other of the two rules has to decide.
    NotConfigured,
    OneOf(Vec<String>),
    /// The configuration names what it gives up: `allow_any_client`, `allow_any_audience`.
    Any,
}

impl AllowList {
    /// Lists more values. What was listed stays; a waiver gives way to the list.
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

/// What a token without `aud` is worth when an audience is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MissingAudience {
    Refused,
    /// Cognito's client-credentials tokens have no `aud` unless the pool binds them to a resource, so a rule
    /// about clients may stand in for it.
    AcceptedUnderAClientRule,
    /// Refused, and this issuer writes no such token, so a rule about clients alone would accept nothing.
    NeverIssued,
}

/// What a token is worth whose `aud` is an empty array.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EmptyAudience {
    /// It is for nobody.
    Reject,
    /// This issuer writes it where others leave `aud` out.
    TreatAsMissing,
}

/// What tells that a client acts for itself and not for a user.
#[derive(Clone, Debug)]
pub(crate) enum ServiceAccountRule {
    /// Nothing but `sub`, which then is the client's id.
    Subject,
    /// Also this claim: it repeats `sub`, the client's own account.
    RepeatedSubject(Cow<'static, str>),
    /// Also this claim: it repeats the client's id.
    RepeatedClient(Cow<'static, str>),
}

/// Where RFC 9068 §2.2, OpenID Connect, Entra ID v1 and Okta put the client's id.
pub(crate) const ANY_CLIENT_CLAIM: [&str; 4] = ["client_id", "azp", "appid", "cid"];

/// Whom a token names.
pub(crate) struct IssuedFor<'a> {
    pub(crate) audience: Vec<Cow<'a, str>>,
    pub(crate) client: Option<Cow<'a, str>>,
    /// Something else than `sub` says that the client acts for itself.
    pub(crate) is_service_account: bool,
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
            // RFC 7519 §4.1.3: an audience that we do not know ourselves to be in is not ours.
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

    /// The client that the claims name. Where several name one, they have to agree, or the listed client could be the
    /// one that somebody else made the issuer write.
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

/// What an error names of a list: a token may be for thousands, a configuration may list hundreds, and all that goes to a
/// log at each refusal.
fn shown<T>(list: &[T]) -> impl Iterator<Item = &T> {
    list.iter().take(3)
}

/// A string or an array of strings (RFC 7519 §4.1.3).
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
