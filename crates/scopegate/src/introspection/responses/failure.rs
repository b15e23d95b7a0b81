//! Failures of an introspection: the reason why it is unknown whether a token is active.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use scopegate_proto::client_auth::AssertionError;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::http::HttpError;
use scopegate_proto::json::JsonError;

use crate::error::Error;
use crate::fetch::authorization::AuthorizationError;
use crate::introspection::calls::circuit::{Cause, Evidence, whole_seconds};
use crate::introspection::responses::outcome::Outcome;
use crate::introspection::responses::unsigned::Unsigned;

/// Maximum of a server's `Retry-After`, so that a misconfigured server cannot turn callers away for
/// a day.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) enum Failure {
    Http(HttpError),
    /// The time limit of the call has passed.
    TooSlow(Duration),
    /// The source of the API's credentials has returned none within the time limit of the call.
    SlowCredentials(Duration),
    /// The call had no place among the others within this time, so it was not made.
    NoPlace(Duration),
    /// Calls were suspended while this one waited for a place.
    Suspended,
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    /// The endpoint rejects the credentials of this API (RFC 7662 §2.3).
    BadCredentials {
        status: StatusCode,
        code: Option<Excerpt>,
    },
    /// Expected and found.
    ContentType(&'static str, Option<Excerpt>),
    /// The body has a content encoding, such as that of a proxy.
    Encoded(Option<Excerpt>),
    /// The response is not signed as required.
    Unsigned(Unsigned),
    Json(JsonError),
    /// `active` is not a boolean (RFC 7662 §2.2). The field is what stands there.
    Active(Option<Excerpt>),
    /// Another member of the response is malformed.
    Member(Error),
    NoAssertion(AssertionError),
    NoAuthorization(AuthorizationError),
    Panicked(Excerpt),
    /// The runtime of the call has ended.
    Ended,
}

impl From<Unsigned> for Failure {
    fn from(unsigned: Unsigned) -> Self {
        Self::Unsigned(unsigned)
    }
}

impl Failure {
    /// Returns the evidence that the circuit breaker counts. If the response may concern one token
    /// only, such tokens must not keep others out.
    pub(crate) fn evidence(&self) -> Evidence {
        match self {
            Self::BadCredentials { .. } => Evidence::Fails(Cause::Credentials),
            Self::NoAssertion(error) if !error.is_transient() => Evidence::Fails(Cause::Credentials),
            Self::NoAuthorization(error) if !error.is_transient() => Evidence::Fails(Cause::Credentials),
            Self::NoPlace(_) | Self::Suspended => Evidence::None,
            Self::Status { status, .. } if is_about_request(*status) => Evidence::Undecided,
            Self::Http(HttpError::TooLarge { .. }) | Self::Member(_) => Evidence::Undecided,
            Self::Unsigned(unsigned) if unsigned.may_be_about_token() => Evidence::Undecided,
            Self::Json(JsonError::NotUtf8 | JsonError::RepeatedName | JsonError::TooManyMembers) => {
                Evidence::Undecided
            }
            _ => Evidence::Fails(Cause::Outage),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.evidence() {
            Evidence::Fails(Cause::Credentials) => Outcome::Misconfigured,
            _ => Outcome::Undecided { retry_after: self.retry_after() },
        }
    }

    /// Returns the time that the server asks for, while the circuit is open too.
    pub(crate) fn requested_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after: Some(requested), .. } => Some((*requested).min(MAX_RETRY_AFTER)),
            _ => None,
        }
    }

    fn retry_after(&self) -> Duration {
        whole_seconds(self.requested_wait().unwrap_or_default())
    }
}

/// Returns whether a status may be about one request, and not about the endpoint or its load. A
/// firewall responds with 403 to requests that it takes for attacks.
fn is_about_request(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::NOT_FOUND | StatusCode::GONE)
        && !matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::TOO_MANY_REQUESTS)
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |found: &Option<Excerpt>| found.as_ref().map_or("none".to_owned(), Excerpt::to_string);
        match self {
            Self::Http(error) => fmt::Display::fmt(error, f),
            Self::TooSlow(limit) => write!(f, "no response within {} s", limit.as_secs_f64()),
            Self::SlowCredentials(limit) => {
                write!(f, "no credentials of this API within {} s", limit.as_secs_f64())
            }
            Self::NoPlace(limit) => write!(f, "too many calls at once for {} s", limit.as_secs_f64()),
            Self::Suspended => f.write_str("calls are suspended"),
            Self::Status { status, .. } => write!(f, "expected status 200, found {}", status.as_u16()),
            Self::BadCredentials { status, code } => {
                let status = status.as_u16();
                write!(
                    f,
                    "the credentials of this API are rejected: status {status}, error {}",
                    or_none(code)
                )
            }
            Self::ContentType(expected, found) => {
                write!(f, "expected the content type {expected}, found {}", or_none(found))
            }
            Self::Encoded(found) => write!(f, "expected no content encoding, found {}", or_none(found)),
            Self::Unsigned(unsigned) => fmt::Display::fmt(unsigned, f),
            Self::Json(found) => write!(f, "the response is {found}"),
            Self::Active(found) => {
                write!(f, "expected `active` to be true or false, found {}", or_none(found))
            }
            Self::Member(error) => fmt::Display::fmt(error, f),
            Self::NoAssertion(error) => fmt::Display::fmt(error, f),
            Self::NoAuthorization(error) => fmt::Display::fmt(error, f),
            Self::Panicked(message) => write!(f, "the introspection panicked: {message}"),
            Self::Ended => f.write_str("the runtime of the introspection has ended"),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Http(error) => error.source(),
            Self::NoAssertion(error) => error.source(),
            Self::NoAuthorization(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use scopegate_proto::jws::Part;

    use super::*;
    use crate::fetch::authorization::FileError;

    fn status(code: u16, seconds: Option<u64>) -> Failure {
        let status = StatusCode::from_u16(code).unwrap();
        Failure::Status { status, retry_after: seconds.map(Duration::from_secs) }
    }

    fn retry_after(failure: &Failure) -> Option<u64> {
        match failure.outcome() {
            Outcome::Undecided { retry_after } => Some(retry_after.as_secs()),
            _ => None,
        }
    }

    #[test]
    fn servers_retry_after_is_passed_on_within_bounds() {
        // IN06
        for (seconds, expected) in [(None, 1), (Some(0), 1), (Some(7), 7), (Some(60), 60), (Some(61), 60)] {
            assert_eq!(retry_after(&status(503, seconds)), Some(expected), "{seconds:?}");
        }
        assert_eq!(retry_after(&Failure::ContentType("application/json", None)), Some(1));
    }

    #[test]
    fn only_failures_of_endpoint_count_as_outage() {
        // IN15
        for code in [302, 404, 405, 408, 410, 429, 500, 502, 503, 504] {
            assert_eq!(status(code, None).evidence(), Evidence::Fails(Cause::Outage), "{code}");
        }
        for code in [400, 403, 411, 413, 414, 415, 422] {
            assert_eq!(status(code, None).evidence(), Evidence::Undecided, "{code}");
        }
        let member = Failure::Member(Error::MissingClaim { claim: "aud" });
        let json =
            [JsonError::RepeatedName, JsonError::NotUtf8, JsonError::TooManyMembers].map(Failure::Json);
        for of_token in json.into_iter().chain([member]) {
            assert_eq!(of_token.evidence(), Evidence::Undecided, "{of_token}");
        }
        for outage in [Failure::Json(JsonError::NotJson), Failure::Active(None), Failure::Ended] {
            assert_eq!(outage.evidence(), Evidence::Fails(Cause::Outage), "{outage}");
        }
        let of_another_api = Unsigned::Claim { claim: "aud", expected: "ours", found: None };
        let of_another_issuer = Unsigned::Claim { claim: "iss", expected: "ours", found: None };
        let found = JsonError::RepeatedName;
        let payload = Unsigned::Token(Error::InvalidJson { part: Part::Payload, found });
        let header = Unsigned::Token(Error::InvalidJson { part: Part::Header, found });
        for of_token in [of_another_api, payload].map(Failure::Unsigned) {
            assert_eq!(of_token.evidence(), Evidence::Undecided, "{of_token}");
        }
        for outage in [of_another_issuer, header, Unsigned::BadSignature].map(Failure::Unsigned) {
            assert_eq!(outage.evidence(), Evidence::Fails(Cause::Outage), "{outage}");
        }
        for not_made in [Failure::NoPlace(Duration::from_secs(2)), Failure::Suspended] {
            assert_eq!(not_made.evidence(), Evidence::None, "{not_made}");
        }
    }

    #[test]
    fn rejected_credentials_are_misconfiguration() {
        // IN05
        let failures = [
            Failure::BadCredentials { status: StatusCode::UNAUTHORIZED, code: None },
            Failure::NoAssertion(AssertionError::TooLong),
            Failure::NoAuthorization(AuthorizationError::File {
                path: "/run/token".into(),
                cause: FileError::NotOneWord,
            }),
        ];
        for failure in failures {
            assert_eq!(failure.evidence(), Evidence::Fails(Cause::Credentials));
            assert!(matches!(failure.outcome(), Outcome::Misconfigured), "{failure}");
        }
        let timeout = Failure::NoAssertion(AssertionError::Timeout);
        assert_eq!(timeout.evidence(), Evidence::Fails(Cause::Outage));
    }
}
