//! The status of a token, for operators.

use std::time::Duration;

use scopegate_proto::scope::Scopes;

use crate::error::Error;

/// The state of a token at one time, for a readiness probe or a dashboard. Get one from
/// [`ClientCredentials::status`](crate::ClientCredentials::status).
///
/// With the feature `serde`, it serializes as an object with the names of these methods. Durations
/// are whole seconds, with the suffix `_secs`, and the failure is its message.
#[derive(Clone, Debug)]
pub struct Status {
    pub(crate) expires_in: Option<Duration>,
    pub(crate) renews_in: Option<Duration>,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) requests_succeeded: u64,
    pub(crate) requests_failed: u64,
    pub(crate) last_failure: Option<Error>,
}

impl Status {
    /// Returns how long the cached token will be served, or `None` if there is no token.
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// Returns the time until the cached token is due for renewal. The next caller then renews it.
    pub fn renews_in(&self) -> Option<Duration> {
        self.renews_in
    }

    /// Returns the scopes of the cached token.
    pub fn scopes(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }

    /// Returns the number of requests that returned a token.
    pub fn requests_succeeded(&self) -> u64 {
        self.requests_succeeded
    }

    /// Returns the number of requests that returned no token.
    pub fn requests_failed(&self) -> u64 {
        self.requests_failed
    }

    /// Returns the error of the last request, or `None` if it succeeded.
    pub fn last_failure(&self) -> Option<&Error> {
        self.last_failure.as_ref()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;

        let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs());
        let mut object = serializer.serialize_struct("Status", 6)?;
        object.serialize_field("expires_in_secs", &seconds(self.expires_in))?;
        object.serialize_field("renews_in_secs", &seconds(self.renews_in))?;
        object.serialize_field("scopes", &self.scopes)?;
        object.serialize_field("requests_succeeded", &self.requests_succeeded)?;
        object.serialize_field("requests_failed", &self.requests_failed)?;
        object.serialize_field("last_failure", &self.last_failure.as_ref().map(ToString::to_string))?;
        object.end()
    }
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_serializes_as_object_with_seconds() {
        let mut status = Status {
            expires_in: Some(Duration::from_millis(59_900)),
            renews_in: None,
            scopes: "b a".parse().ok(),
            requests_succeeded: 1,
            requests_failed: 2,
            last_failure: None,
        };
        let mut expected = json!({
            "expires_in_secs": 59,
            "renews_in_secs": null,
            "scopes": "a b",
            "requests_succeeded": 1,
            "requests_failed": 2,
            "last_failure": null,
        });
        assert_eq!(serde_json::to_value(&status).unwrap(), expected);
        status.last_failure = Some(Error::Rejected {
            endpoint: "https://issuer.example/token".into(),
            status: 401,
            code: None,
            description: None,
        });
        expected["last_failure"] = status.last_failure().unwrap().to_string().into();
        assert_eq!(serde_json::to_value(&status).unwrap(), expected);
    }
}
