//! The state of an introspection endpoint, for operators.

/// The state of the introspection of an issuer's tokens. Get it from
/// [`IssuerStatus::introspection`](crate::IssuerStatus::introspection).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionStatus {
    /// The URL of the endpoint, without its query.
    pub endpoint: String,
    /// The reason why calls are suspended. `None` if they are made.
    pub suspended: Option<IntrospectionSuspended>,
    /// The number of cached results, including old results that are not evicted yet.
    pub cached_results: usize,
    /// The number of calls that run or wait for a place.
    pub calls_under_way: usize,
    /// The number of requests that wait for a call.
    pub waiting_requests: usize,
    /// The number of calls that have decided about a token.
    pub calls_succeeded: u64,
    /// The number of calls that have decided nothing.
    pub calls_failed: u64,
    /// The error of the last call with all causes. `None` if it has decided about a token.
    pub last_failure: Option<String>,
}

/// The reason why calls of an introspection endpoint are suspended, except for one in 2 s.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntrospectionSuspended {
    /// The endpoint does not respond, or not as an introspection endpoint. Requests get 503.
    Outage,
    /// The endpoint rejects the credentials of this API. Requests get 500.
    Credentials,
}
