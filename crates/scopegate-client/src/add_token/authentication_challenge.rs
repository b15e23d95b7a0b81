//! A response by which an API requires that the user authenticates again (RFC 9470 §3).

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use scopegate_proto::challenge::{Challenge, all_challenges};

/// The requirements of an API about the authentication of a user (RFC 9470 §3).
///
/// Read it from a response of `401`. Add its values to the next authorization request (§4), so that the
/// user authenticates as the API requires. [`AddToken`](crate::AddToken) returns such a response
/// without a second attempt, because a client cannot authenticate for a user.
///
/// ```
/// use std::time::Duration;
///
/// use http::{HeaderMap, StatusCode};
/// use scopegate_client::AuthenticationChallenge;
///
/// let mut headers = HeaderMap::new();
/// let challenge = r#"Bearer acr_values="urn:a urn:b", max_age=300, error="insufficient_user_authentication""#;
/// headers.insert("www-authenticate", challenge.parse()?);
///
/// let required = AuthenticationChallenge::from_response(StatusCode::UNAUTHORIZED, &headers);
/// let required = required.expect("the API requires it");
/// assert_eq!(required.acr_values().collect::<Vec<_>>(), ["urn:a", "urn:b"]);
/// assert_eq!(required.max_age(), Some(Duration::from_secs(300)));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationChallenge {
    acr_values: String,
    max_age: Option<Duration>,
    scope: String,
}

/// The schemes of access tokens (RFC 6750 §3, RFC 9449 §7.1).
const SCHEMES: [&str; 2] = ["bearer", "dpop"];

impl AuthenticationChallenge {
    /// Reads the challenge with `error="insufficient_user_authentication"`. The values come from the
    /// API, and are not verified.
    ///
    /// Returns `None` if the status is not 401, if there is no such challenge or more than one, or if
    /// `max_age` is not a number of seconds.
    pub fn from_response(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        if status != StatusCode::UNAUTHORIZED {
            return None;
        }
        let mut challenges = all_challenges(headers).filter(requires_authentication);
        let (challenge, None) = (challenges.next()?, challenges.next()) else { return None };
        let text = |name| challenge.parameter(name).unwrap_or_default().to_owned();
        let max_age = challenge.parameter("max_age").map(seconds);
        Some(Self {
            acr_values: text("acr_values"),
            max_age: max_age.map_or(Some(None), |age| age.map(Some))?,
            scope: text("scope"),
        })
    }

    /// Returns the accepted authentication contexts (`acr_values`), the preferred one first. The
    /// iterator is empty if the API accepts any.
    pub fn acr_values(&self) -> impl Iterator<Item = &str> {
        self.acr_values.split(' ').filter(|value| !value.is_empty())
    }

    /// Returns the maximum time since the user authenticated, or `None` if the API accepts any.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Returns the scopes that the request requires, separated by spaces. It is empty if the API does
    /// not name them.
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

fn requires_authentication(challenge: &Challenge<'_>) -> bool {
    SCHEMES.iter().any(|scheme| challenge.is_of(scheme))
        && challenge.parameter("error") == Some("insufficient_user_authentication")
}

/// Reads digits only: `parse` would accept a sign.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    fn read(status: u16, fields: &[&str]) -> Option<AuthenticationChallenge> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(field).unwrap());
        }
        AuthenticationChallenge::from_response(StatusCode::from_u16(status).unwrap(), &headers)
    }

    const ERROR: &str = r#"error="insufficient_user_authentication""#;

    #[test]
    fn challenge_names_its_requirements() {
        // SU01, SU02, SU03
        let all = format!(r#"Bearer realm="api", scope="a b", acr_values="x y", max_age=300, {ERROR}"#);
        let found = read(401, &[&all]).unwrap();
        assert_eq!(found.acr_values().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((found.max_age(), found.scope()), (Some(Duration::from_secs(300)), "a b"));
        let quoted = read(401, &[&format!(r#"Bearer max_age="300", {ERROR}"#)]).unwrap();
        assert_eq!((quoted.max_age(), quoted.acr_values().count()), (Some(Duration::from_secs(300)), 0));
        assert_eq!(read(401, &[&format!("Bearer {ERROR}")]).unwrap().max_age(), None);
    }

    #[test]
    fn challenge_of_proof_is_read_too() {
        // SU08
        let proof = format!(r#"DPoP algs="ES256", acr_values="x", {ERROR}"#);
        let found = read(401, &[&proof, r#"Bearer realm="api""#]).unwrap();
        assert_eq!(found.acr_values().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn other_responses_have_no_requirement() {
        // SU01, SU02
        let valid = format!(r#"Bearer acr_values="x", {ERROR}"#);
        assert!(read(401, &[&valid]).is_some());
        for status in [200, 400, 403, 503] {
            assert!(read(status, &[&valid]).is_none(), "{status}");
        }
        for fields in [
            vec![],
            vec![r#"Bearer error="invalid_token", acr_values="x""#.to_owned()],
            vec![format!(r#"Basic acr_values="x", {ERROR}"#)],
            vec![valid.clone(), valid.clone()],
        ] {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            assert!(read(401, &fields).is_none(), "{fields:?}");
        }
        for age in ["-1", "+1", "1.5", "x", "\"\"", "99999999999999999999"] {
            assert!(read(401, &[&format!("Bearer max_age={age}, {ERROR}")]).is_none(), "{age}");
        }
    }
}
