//! One poll: a request with acknowledgements, and a response with SETs (RFC 8936 §2).

use std::fmt;

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use scopegate_proto::http::{HttpClient, HttpError};
use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::url::SecureUrl;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::fetch::authorization::{AuthorizationError, FetchAuthorization};
use crate::security_events::error::SecurityEventError;

/// How many SETs are requested at once. Held ones come again, and are requested in addition.
const MAX_EVENTS: usize = 100;

/// A response with more members is malformed.
const MAX_EVENTS_WITH_HELD: usize = 256;

/// Maximum length of a response: 256 SETs of 16 KiB with their ids, and room for white space.
const MAX_BODY: usize = 5 * 1024 * 1024;

/// Where SETs are requested.
pub(crate) struct PollEndpoint {
    pub(super) client: HttpClient,
    pub(super) url: SecureUrl,
    pub(super) authorization: Option<FetchAuthorization>,
}

/// A transmitter that is polled. Tests have one in memory.
pub(super) trait Exchange: Send + Sync + 'static {
    /// Reports results and requests SETs.
    fn poll(&self, results: &Results) -> impl Future<Output = Result<Polled, PollError>> + Send;
}

/// The results of SETs that the transmitter does not know yet.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) acknowledged: Vec<String>,
    /// The id of a rejected SET, with a code and a description.
    pub(super) rejected: Vec<(String, &'static str, &'static str)>,
    /// How many SETs of the last response are held.
    pub(super) held: usize,
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Polled {
    /// By their ids. `None` for a value that is no string.
    pub(super) sets: Vec<(String, Option<String>)>,
    pub(super) more_available: bool,
}

/// The reason why a poll failed.
#[derive(Debug)]
pub(super) enum PollError {
    Authorization(AuthorizationError),
    Http(HttpError),
    Status(StatusCode),
    Malformed(&'static str),
}

impl Results {
    pub(super) fn acknowledge(&mut self, id: String) {
        self.acknowledged.push(id);
    }

    pub(super) fn reject(&mut self, id: String, error: &SecurityEventError) {
        self.rejected.push((id, error.code(), error.description()));
    }

    pub(super) fn reject_malformed(&mut self, id: String) {
        self.rejected.push((id, "invalid_request", "the SET is not a string"));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.acknowledged.is_empty() && self.rejected.is_empty()
    }

    /// Returns the body of the request that reports them (RFC 8936 §2.2).
    fn request(&self) -> Vec<u8> {
        let errors = self
            .rejected
            .iter()
            .map(|(id, code, description)| (id.clone(), json!({ "err": code, "description": description })));
        let most = (MAX_EVENTS + self.held).min(MAX_EVENTS_WITH_HELD);
        let mut body = json!({ "maxEvents": most, "returnImmediately": true, "ack": self.acknowledged });
        let errors: Map<String, Value> = errors.collect();
        if let (false, Some(members)) = (errors.is_empty(), body.as_object_mut()) {
            members.insert("setErrs".to_owned(), errors.into());
        }
        body.to_string().into_bytes()
    }
}

impl Exchange for PollEndpoint {
    async fn poll(&self, results: &Results) -> Result<Polled, PollError> {
        let mut request = self.client.post_json(&self.url, results.request());
        request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            let value = authorization.header().await.map_err(PollError::Authorization)?;
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(PollError::Http)?;
        match response.status() {
            StatusCode::OK => Polled::parse(&response.body(MAX_BODY).await.map_err(PollError::Http)?),
            other => Err(PollError::Status(other)),
        }
    }
}

impl Polled {
    /// Reads a response (RFC 8936 §2.3).
    fn parse(body: &[u8]) -> Result<Self, PollError> {
        let response = JsonObject::from_slice(body).map_err(|_| PollError::Malformed("no JSON object"))?;
        let more_available = match response.get_non_null("moreAvailable").map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(PollError::Malformed("`moreAvailable` that is no boolean")),
        };
        let sets = response.get("sets").ok_or(PollError::Malformed("no `sets`"))?;
        let sets = JsonObject::from_text(sets.get())
            .map_err(|_| PollError::Malformed("`sets` that is no object of at most 256 members"))?;
        let set = |(id, set)| (str::to_owned(id), string(set).map(Into::into));
        Ok(Self { sets: sets.iter().map(set).collect(), more_available })
    }
}

impl fmt::Display for PollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorization(error) => fmt::Display::fmt(error, f),
            Self::Http(error) => fmt::Display::fmt(error, f),
            Self::Status(found) => write!(f, "expected status 200, found {}", found.as_u16()),
            Self::Malformed(found) => write!(f, "expected an object with `sets`, found {found}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn request_reports_results_of_the_last_poll() {
        let mut results = Results::default();
        let body = |results: &Results| serde_json::from_slice::<Value>(&results.request()).unwrap();
        assert_eq!(body(&results), json!({ "maxEvents": 100, "returnImmediately": true, "ack": [] }));
        results.acknowledge("a".to_owned());
        results.reject("b".to_owned(), &Error::MissingClaim { claim: "aud" }.into());
        results.reject_malformed("c".to_owned());
        let body = body(&results);
        assert_eq!(body["ack"], json!(["a"]));
        assert_eq!(body["setErrs"]["b"]["err"], "invalid_audience");
        assert_eq!(body["setErrs"]["c"]["err"], "invalid_request");
    }

    #[test]
    fn held_sets_leave_room_for_others() {
        for (held, expected) in [(0, 100), (50, 150), (156, 256), (256, 256)] {
            let results = Results { held, ..Results::default() };
            let body = serde_json::from_slice::<Value>(&results.request()).unwrap();
            assert_eq!(body["maxEvents"], expected);
        }
    }

    #[test]
    fn response_is_read_strictly() {
        let parse = |text: &str| Polled::parse(text.as_bytes());
        let polled = parse(r#"{"sets":{"a":"x.y.z","b":7},"moreAvailable":true,"other":1}"#).unwrap();
        let sets = vec![("a".to_owned(), Some("x.y.z".to_owned())), ("b".to_owned(), None)];
        assert_eq!(polled, Polled { sets, more_available: true });
        assert_eq!(parse(r#"{"sets":{}}"#).unwrap(), Polled { sets: Vec::new(), more_available: false });
        for text in [
            "",
            "[]",
            "{}",
            r#"{"sets":[]}"#,
            r#"{"sets":null}"#,
            r#"{"sets":{"a":"x","a":"y"}}"#,
            r#"{"sets":{},"moreAvailable":"true"}"#,
            r#"{"sets":{},"sets":{}}"#,
        ] {
            assert!(matches!(parse(text), Err(PollError::Malformed(_))), "{text}");
        }
        let many: Map<String, Value> = (0..257).map(|n| (n.to_string(), "x".into())).collect();
        assert!(parse(&json!({ "sets": many }).to_string()).is_err());
    }
}
