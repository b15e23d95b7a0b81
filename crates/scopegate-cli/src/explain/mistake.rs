//! The likely mistake behind a rejection, in one sentence.
//!
//! It is a guess from usual mistakes. The error is the fact, and is shown beside it.

mod issuer;

use std::time::Duration;

use scopegate::{Error, Excerpt, Explanation, NumericDate};
use serde_json::Value;

use crate::explain::at::At;
use crate::explain::input::Token;
use crate::explain::settings::Settings;

/// A token that expired, or that becomes valid, within this time is more likely a matter of clocks
/// and caches than of a forgotten token.
const NEAR: u64 = 300;

/// Returns the likely mistake, if the error is a usual one.
pub(super) fn likely(
    error: &Error,
    explanation: &Explanation,
    settings: &Settings<'_>,
    token: &Token,
    now: At,
) -> Option<String> {
    if token.is_broken {
        return Some(
            "The token has line breaks or spaces inside: it was copied from several lines.".to_owned(),
        );
    }
    let json =
        |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let (header, claims) = (json(explanation.header()), json(explanation.payload()));
    if let Some(kind) = other_kind(&claims, error) {
        return Some(kind.to_owned());
    }
    match error {
        Error::NotThreeParts { .. } if token.is_opaque() => Some(
            "This is an opaque token, which only its issuer can read: use introspection (RFC 7662), or have the \
             issuer write JWTs."
                .to_owned(),
        ),
        Error::NotThreeParts { .. } => Some("A part of the token was lost when it was copied.".to_owned()),
        Error::NotBase64Url { .. } => {
            Some("The token was cut, or characters were changed or added when it was copied.".to_owned())
        }
        Error::Encrypted => Some("The issuer encrypts its tokens: configure signed access tokens there.".to_owned()),
        Error::UnacceptableAlgorithm { found, .. } => Some(algorithm(found, settings)),
        Error::UnknownIssuer { expected, .. } => {
            issuer::mistake(expected.first()?, claims.get("iss").and_then(Value::as_str))
        }
        Error::UnknownKey { skipped: Some(_), .. } => {
            Some("The issuer publishes this key, but not for signatures of access tokens.".to_owned())
        }
        Error::UnknownKey { .. } => Some(unknown_key(&claims, now)),
        Error::KeysUnavailable { .. } => Some(
            "The issuer's keys could not be fetched. Run `scopegate doctor` with the URL of the issuer.".to_owned(),
        ),
        Error::Expired { expired_at, now, .. } => Some(expired(*expired_at, *now)),
        Error::NotYetValid { valid_from, now, .. } => Some(format!(
            "The clock of this machine is behind that of the issuer, or the token is for later: it becomes valid in {}.",
            span(*now, *valid_from)
        )),
        Error::BadSignature { .. } => Some(bad_signature(&header)),
        Error::WrongAudience { .. } | Error::MissingClaim { claim: "aud", .. } => audience(settings, &claims),
        Error::WrongClient { found, .. } => Some(match found {
            Some(found) => {
                format!("The token was issued to the client {found}, which {} does not list.", settings.clients)
            }
            None => "The token names no client. Its issuer may use another claim for it.".to_owned(),
        }),
        Error::SenderConstrained { binding: "jkt", .. } => {
            Some("The token is for DPoP: its client must send a proof, and the API must accept DPoP.".to_owned())
        }
        Error::SenderConstrained { .. } => Some(
            "The token is bound to a key or a client certificate, so it is no bearer token.".to_owned(),
        ),
        Error::InsufficientScope { .. } => Some(
            "The client did not request the scope, or the issuer did not grant it: request a new token with it."
                .to_owned(),
        ),
        _ => None,
    }
}

/// Returns the mistake if the token is of another kind than an access token.
fn other_kind(claims: &Value, error: &Error) -> Option<&'static str> {
    // An ID token also has another audience. A rejection for other reasons is not about its kind.
    let is_about_claims = matches!(
        error,
        Error::NotAnAccessToken { .. }
            | Error::WrongType { .. }
            | Error::WrongAudience { .. }
            | Error::WrongClient { .. }
            | Error::WrongClaim { .. }
    );
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    if !is_about_claims {
        return None;
    }
    let marks = ["nonce", "at_hash", "c_hash", "s_hash"];
    if text("token_use") == Some("id")
        || text("typ") == Some("ID")
        || marks.iter().any(|mark| claims.get(mark).is_some())
    {
        return Some(
            "An ID token was sent instead of an access token: send the `access_token` of the token response.",
        );
    }
    if matches!(text("typ"), Some("Refresh" | "Offline")) {
        return Some("A refresh token was sent: only the issuer takes it. Send the access token.");
    }
    claims.get("events").map(|_| "A security event or a logout token was sent instead of an access token.")
}

fn algorithm(found: &Excerpt, settings: &Settings<'_>) -> String {
    match found.as_str() {
        "HS256" | "HS384" | "HS512" => format!(
            "The token is signed with a shared secret ({}): configure an asymmetric algorithm at the issuer, such as \
             RS256.",
            found.as_str()
        ),
        "none" | "None" => "The token is not signed.".to_owned(),
        _ => format!("The issuer signs with an algorithm that is not accepted{}.", settings.algorithms),
    }
}

fn unknown_key(claims: &Value, now: At) -> String {
    let issued_at = claims.get("iat").and_then(Value::as_f64);
    let age = issued_at.map(|issued_at| NumericDate::from(now.time()).as_secs_f64() - issued_at);
    match age {
        Some(age) if (0.0..600.0).contains(&age) => {
            "The issuer published its new key late, or another issuer signed the token under this name."
                .to_owned()
        }
        _ => "The issuer has rotated its keys since it signed the token: request a new token.".to_owned(),
    }
}

fn expired(expired_at: NumericDate, now: NumericDate) -> String {
    let late = span(expired_at, now);
    if seconds(expired_at, now) <= NEAR {
        return format!(
            "The token expired {late} ago: the client used it to the end of its life, or the clocks differ. Request a \
             new token earlier."
        );
    }
    format!("The token expired {late} ago: request a new one. Its client may cache tokens for too long.")
}

fn bad_signature(header: &Value) -> String {
    let kid = header.get("kid").and_then(Value::as_str);
    match kid {
        Some(_) => {
            "The token was changed after it was signed, or another issuer uses the same key id.".to_owned()
        }
        None => "The token was changed after it was signed, or an older key has signed it: it names no key."
            .to_owned(),
    }
}

fn audience(settings: &Settings<'_>, claims: &Value) -> Option<String> {
    let Settings { clients, audiences, .. } = settings;
    let is_cognito = settings.is_cognito
        || claims.get("iss").and_then(Value::as_str).is_some_and(|iss| iss.contains("cognito-idp."));
    let found: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if is_cognito && found.is_empty() {
        let client = claims.get("client_id").and_then(Value::as_str).map(Excerpt::new);
        let client = client.map_or_else(String::new, |client| format!(" (here {client})"));
        return Some(format!(
            "Access tokens of Amazon Cognito have no `aud`: use {clients} with the app client{client} instead of \
             {audiences}."
        ));
    }
    let expected: Vec<&str> = settings.expected.iter().map(String::as_str).collect();
    let bare = |name: &str| name.trim_end_matches('/').trim_start_matches("api://").to_ascii_lowercase();
    let near = expected.iter().find_map(|expected| {
        let found = found.iter().find(|found| bare(found) == bare(expected))?;
        Some((*expected, *found))
    });
    if let Some((expected, found)) = near {
        let difference = if expected.trim_end_matches('/') == found.trim_end_matches('/') {
            "a trailing slash"
        } else if expected.eq_ignore_ascii_case(found) {
            "upper and lower case"
        } else {
            "the prefix `api://`"
        };
        return Some(format!("The audiences differ in {difference} only: write it as the issuer does."));
    }
    if expected.is_empty() && !found.is_empty() {
        let found = Excerpt::new(found.first()?);
        return Some(format!("The token is for the audience {found}: use {audiences} if that is this API."));
    }
    if found.is_empty() {
        return Some(format!("The issuer wrote no audience: register the API there, or use {clients}."));
    }
    Some("The token was issued for another API: request one for this API.".to_owned())
}

fn seconds(from: NumericDate, to: NumericDate) -> u64 {
    u64::try_from(to.as_secs().saturating_sub(from.as_secs())).unwrap_or(0)
}

/// Returns the time between two dates, in the largest unit of which there are two.
fn span(from: NumericDate, to: NumericDate) -> String {
    let span = Duration::from_secs(seconds(from, to)).as_secs();
    match span {
        0..120 => format!("{span} s"),
        120..7_200 => format!("{} min", span / 60),
        7_200..172_800 => format!("{} h", span / 3_600),
        _ => format!("{} days", span / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn time_is_shown_in_two_units_at_least() {
        let at = |seconds| NumericDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
        for (seconds, expected) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_200, "2 h"),
            (172_800, "2 days"),
            (999_999, "11 days"),
        ] {
            assert_eq!(span(at(1_000), at(1_000 + seconds)), expected);
        }
        assert_eq!(span(at(10), at(5)), "0 s");
    }
}
