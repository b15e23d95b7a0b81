//! Decisions: what was decided about a request, and why?
//!
//! The response, the log event, the metric and the observers all derive from this record.

pub(crate) mod unverified;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use crate::claims::Claims;
use crate::decision::unverified::Unverified;

/// The decision about one request.
///
/// Observers receive it, see [`VerifierBuilder::observe`](crate::VerifierBuilder::observe). It has
/// no method that returns the token, and its `Debug` leaves the token out.
///
/// # Reason codes
///
/// Codes are stable labels of metrics. No code contains a string of a token.
///
/// | code | verdict | status | meaning |
/// | --- | --- | --- | --- |
/// | `accepted` | accepted | the handler's | the token is valid and sufficient |
/// | `no_token` | accepted | the handler's | the token is optional, and the request has none |
/// | `no_credentials` | rejected | 401 | the request has no `Authorization` header |
/// | `unsupported_scheme` | rejected | 401 | the `Authorization` header has another scheme, or none |
/// | `several_headers` | rejected | 400 | the request has several `Authorization` headers |
/// | `not_one_token` | rejected | 400 | the scheme is not followed by one token |
/// | `malformed_certificate` | rejected | 400 | a token that is bound to a client certificate, and a malformed header of a trusted proxy for it |
/// | `malformed` | rejected | 401 | the token is not a signed JWT in canonical form |
/// | `unknown_issuer` | rejected | 401 | the token names no trusted issuer |
/// | `unknown_key` | rejected | 401 | the issuer publishes no such key, or several that fit |
/// | `expired` | rejected | 401 | the token is used after its `exp` |
/// | `not_yet_valid` | rejected | 401 | the token is used before its `nbf` or `iat` |
/// | `bad_signature` | rejected | 401 | the signature does not verify |
/// | `not_for_us` | rejected | 401 | the token is for another API or another client |
/// | `unacceptable` | rejected | 401 | the header or the claims do not fit an access token |
/// | `revoked` | rejected | 401 | the token was revoked |
/// | `invalid_status` | rejected | 401 | the issuer's status list has another status than valid |
/// | `inactive` | rejected | 401 | the issuer says that the opaque token is not active |
/// | `wrong_issuer` | rejected | 401 | the token is valid, and its issuer is not [accepted](crate::AcceptedIssuers) for this request |
/// | `insufficient_scope` | rejected | 403 | the token is valid and lacks a scope |
/// | `insufficient_user_authentication` | rejected | 401 | the token is valid, and its user must authenticate again (RFC 9470) |
/// | `user_required` | rejected | 403 | the token is valid and has no user, and the route requires the authentication of one |
/// | `unexpected_claims` | rejected | 403 | the token is valid, and its claims do not fit the application's type |
/// | `denied`, or a code of the application | rejected | 403 | a rule of the application denies the request |
/// | `keys_unavailable` | undecidable | 503 | the issuer's keys are unavailable |
/// | `issuer_unavailable` | undecidable | 503 | the application's function did not decide whether the issuer is trusted |
/// | `revocations_unavailable` | undecidable | 503 | a source of revocations is older than its limit |
/// | `status_unavailable` | undecidable | 503 | the token's status list is unavailable |
/// | `introspection_unavailable` | undecidable | 503 | the issuer's introspection endpoint fails |
/// | `introspection_misconfigured` | undecidable | 500 | the introspection endpoint rejects the credentials of this API |
/// | `proof_required` | rejected | 401 | a bearer token, and the verifier requires DPoP |
/// | `invalid_proof` | rejected | 401 | the DPoP proof is absent or invalid |
/// | `proof_replayed` | rejected | 401 | the DPoP proof was used before |
/// | `nonce_required` | rejected | 401 | the DPoP proof has no valid nonce |
/// | `replay_store_unavailable` | undecidable | 503 | the store of used DPoP proofs is full or unreachable |
/// | `missing_certificate` | rejected | 401 | the token is bound to a client certificate, and the request has none |
/// | `wrong_certificate` | rejected | 401 | the token is bound to another client certificate |
/// | `not_certificate_bound` | rejected | 401 | the verifier requires tokens that are bound to a client certificate |
/// | `peer_address_unknown` | undecidable | 500 | the token is bound to a client certificate, and the server does not provide the address of the peer |
#[derive(Clone, Copy)]
#[must_use = "a decision that is not recorded reaches neither log, metric nor observer"]
pub struct Decision<'a> {
    verdict: Verdict,
    reason: &'static str,
    level: Level,
    status: Option<u16>,
    claims: Option<&'a Claims>,
    error: Option<&'a (dyn std::error::Error + 'static)>,
    token: Option<&'a [u8]>,
    method: Option<&'static str>,
    route: Option<&'a str>,
    host: Option<&'a str>,
    elapsed: Option<Duration>,
}

/// The kinds of decisions.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The request is passed to the handler.
    Accepted,
    /// The request is rejected: 400, 401 or 403.
    Rejected,
    /// The token cannot be verified now: 503, or 500 if this server or its API is misconfigured.
    Undecidable,
}

/// A function that gets each decision.
pub(crate) type Observer = Arc<dyn Fn(&Decision<'_>) + Send + Sync>;

impl Verdict {
    /// Returns the verdict's name, for labels and logs: `accepted`, `rejected` or `undecidable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Undecidable => "undecidable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'a> Decision<'a> {
    /// Creates the record of an accepted request. `claims` is `None` if the token is optional and
    /// the request has none.
    pub fn accepted(claims: Option<&'a Claims>) -> Self {
        let reason = if claims.is_some() { "accepted" } else { "no_token" };
        Self { claims, ..Self::new(Verdict::Accepted, reason) }
    }

    /// Creates the record of a rejected request. The response has the same status.
    pub(crate) fn rejected(
        status: u16,
        reason: &'static str,
        level: Level,
        error: &'a (dyn std::error::Error + 'static),
        claims: Option<&'a Claims>,
    ) -> Self {
        let verdict = if status >= 500 { Verdict::Undecidable } else { Verdict::Rejected };
        Self { level, claims, error: Some(error), status: Some(status), ..Self::new(verdict, reason) }
    }

    fn new(verdict: Verdict, reason: &'static str) -> Self {
        Self {
            verdict,
            reason,
            level: Level::TRACE,
            status: None,
            claims: None,
            error: None,
            token: None,
            method: None,
            route: None,
            host: None,
            elapsed: None,
        }
    }

    /// Returns the level of the log event.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Adds the request's method. See [`method`](Self::method).
    pub fn with_method(self, method: &str) -> Self {
        Self { method: Some(standard_method(method)), ..self }
    }

    /// Adds the pattern of the route, such as `/orders/{id}`. Don't add the path: it is untrusted
    /// input of any length.
    pub fn with_route(self, route: &'a str) -> Self {
        Self { route: Some(route), ..self }
    }

    /// Adds the host of the request, without a user name. Layers add it to `wrong_issuer`, because the
    /// host may select the issuers. It is untrusted: the log shows 256 characters of it, escaped.
    pub fn with_host(self, host: &'a str) -> Self {
        Self { host: Some(host), ..self }
    }

    /// Adds the token of a rejected request, for [`unverified`](Self::unverified).
    pub fn with_token(self, token: &'a [u8]) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Adds the status of the response to an accepted request.
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Adds the time that the decision took.
    pub fn with_elapsed(self, elapsed: Duration) -> Self {
        Self { elapsed: Some(elapsed), ..self }
    }

    /// Returns the verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Returns the [reason code](Self#reason-codes).
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Returns the HTTP status of the response, or `None` if an accepted request ended without a
    /// response, for example because its caller disconnected.
    ///
    /// A gRPC call gets the matching gRPC status.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Returns the claims if the token is valid. They also belong to requests that are rejected with
    /// 403, and with 401 as `wrong_issuer` or `insufficient_user_authentication`. They belong to
    /// requests whose DPoP proof is rejected or cannot be recorded: the token may be stolen.
    pub fn claims(&self) -> Option<&'a Claims> {
        self.claims
    }

    /// Returns the reason of a rejection for the operator, or `None` if the request was accepted.
    pub fn error(&self) -> Option<&'a (dyn std::error::Error + 'static)> {
        self.error
    }

    /// Returns claims of a rejected token, which are **not verified**: an attacker can write any
    /// value. Returns `None` if the token is valid, or cannot be parsed.
    ///
    /// Each call parses the token again.
    pub fn unverified(&self) -> Option<Unverified> {
        match (self.claims, self.token) {
            (None, Some(token)) => Unverified::read(token),
            _ => None,
        }
    }

    /// Returns the request's method, if it is known: a method of RFC 9110 §9.3, `PATCH`, or
    /// `other`. Other methods are not shown, because callers can send any word as a method.
    pub fn method(&self) -> Option<&'static str> {
        self.method
    }

    /// Returns the pattern of the route, if it is known, such as `/orders/{id}`.
    pub fn route(&self) -> Option<&'a str> {
        self.route
    }

    /// Returns the host of the request as the caller sent it, if it was [added](Self::with_host). It
    /// is **not verified**, and may have any length that a header may have.
    pub fn host(&self) -> Option<&'a str> {
        self.host
    }

    /// Returns the time from the arrival of the request to the decision, or `None` if it was not
    /// measured.
    ///
    /// It includes the wait for keys, and excludes the handler.
    pub fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }
}

/// Methods are case-sensitive (RFC 9110 §9.1).
fn standard_method(method: &str) -> &'static str {
    const STANDARD: [&str; 9] =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    STANDARD.into_iter().find(|standard| *standard == method).unwrap_or("other")
}

/// Leaves out the token.
impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("verdict", &self.verdict)
            .field("reason", &self.reason)
            .field("status", &self.status)
            .field("method", &self.method)
            .field("route", &self.route)
            .field("claims", &self.claims)
            .field("error", &self.error)
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_is_a_standard_one_or_other() {
        // FR-C3
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"] {
            assert_eq!(Decision::accepted(None).with_method(method).method(), Some(method));
        }
        for method in ["get", "PROPFIND", "", &"G".repeat(8000)] {
            let decision = Decision::accepted(None).with_method(method);
            assert_eq!(decision.method(), Some("other"));
            assert!(format!("{decision:?}").contains(r#"method: Some("other")"#));
        }
    }
}
