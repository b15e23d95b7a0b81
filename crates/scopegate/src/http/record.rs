//! Records decisions in the log, in the metric and with the observers.

use scopegate_proto::excerpt::Excerpt;
use tracing::Level;
use tracing::field::{DisplayValue, display};
use tracing::level_filters::LevelFilter;

use crate::claims::Claims;
use crate::decision::unverified::Unverified;
use crate::decision::{Decision, Verdict};
use crate::error::Error;
use crate::http::authorizer::Authorizer;
use crate::http::rejection::{Rejection, RejectionReason};
use crate::telemetry::metrics;

impl Authorizer {
    /// Records the decision about one request.
    ///
    /// Call it once for each request, accepted or rejected. The layers of `scopegate-axum` do.
    ///
    /// - Logs a rejection with `tracing`, as one event with fields. The level is `ERROR` if the server
    ///   is misconfigured (500), and `INFO` if that was logged within the last 10 s. It is `WARN` if the token cannot be decided (503), or if its claims do
    ///   not fit the application's type. It is `DEBUG` for a request without credentials, and otherwise
    ///   `INFO`. Accepted requests are not logged.
    /// - Counts `scopegate_requests_total`, with the feature `metrics`.
    /// - Passes the decision to the [observers](crate::VerifierBuilder::observe) of the verifier.
    ///
    /// ```
    /// use http::Request;
    /// use scopegate::Decision;
    /// use scopegate::http::{AcceptedRequest, Authorizer, Credentials, Rejection};
    ///
    /// async fn decide(
    ///     authorizer: &Authorizer,
    ///     request: &Request<()>,
    /// ) -> Result<AcceptedRequest, Rejection> {
    ///     let (method, headers) = (request.method(), request.headers());
    ///     let result = authorizer.authorize_or_refresh(method, request.uri(), headers).await;
    ///     let decision = match (&result, Credentials::from_headers(headers)) {
    ///         (Ok(accepted), _) => Decision::accepted(accepted.claims()),
    ///         (Err(rejection), Credentials::Bearer(token)) => rejection.decision().with_token(token.as_bytes()),
    ///         (Err(rejection), _) => rejection.decision(),
    ///     };
    ///     authorizer.record(&decision.with_method(method.as_str()).with_route("/orders"));
    ///     result
    /// }
    /// # let _ = decide;
    /// ```
    pub fn record(&self, decision: &Decision<'_>) {
        if decision.verdict() != Verdict::Accepted {
            log(decision, self.log_level(decision));
        }
        metrics::decided(decision.verdict().as_str(), decision.reason());
        self.verifier().observe(decision);
    }

    /// Returns the level of the log event. The error of a misconfigured server is logged at `ERROR`
    /// once in 10 s, because each request with a bound token causes it.
    fn log_level(&self, decision: &Decision<'_>) -> Level {
        let level = decision.level();
        let limit = self.verifier.certificates().map(|policy| &policy.unknown_peer_log);
        if level == Level::ERROR && limit.is_some_and(|limit| !limit.allows_one()) {
            return Level::INFO;
        }
        level
    }

    /// Returns whether an observer or the metric receives the decision about an accepted request.
    /// If not, it need not be [recorded](Self::record). The value never changes.
    pub fn records_accepted(&self) -> bool {
        cfg!(feature = "metrics") || self.is_observed()
    }

    /// Returns whether an observer, the metric or the log receives the decision about this
    /// rejection. If not, it need not be [recorded](Self::record).
    pub fn records_rejection(&self, rejection: &Rejection) -> bool {
        rejection.level() <= LevelFilter::current() || self.records_accepted()
    }

    /// Returns whether the verifier has [observers](crate::VerifierBuilder::observe). Only they
    /// receive the [time](Decision::elapsed) that a decision took.
    pub fn is_observed(&self) -> bool {
        self.verifier().is_observed()
    }
}

impl Rejection {
    /// Returns the level of the log event.
    fn level(&self) -> Level {
        match self.reason() {
            RejectionReason::NoCredentials => Level::DEBUG,
            RejectionReason::Token(error) if error.kind().status() == 500 => Level::ERROR,
            // A new reason for 503 is the operator's too.
            RejectionReason::Token(error) if error.kind().status() == 503 => Level::WARN,
            RejectionReason::Token(Error::UnexpectedClaims { .. }) => Level::WARN,
            _ => Level::INFO,
        }
    }

    /// Returns the record of the decision, for [`Authorizer::record`].
    pub fn decision(&self) -> Decision<'_> {
        let status = self.status().as_u16();
        Decision::rejected(status, self.reason_code(), self.level(), self, self.claims())
    }
}

/// The fields of a log event that come from a token.
#[derive(Default)]
struct Caller {
    issuer: Shown,
    client_id: Shown,
    subject: Shown,
    jti: Shown,
}

/// A value for the log. Long values are truncated, and all are escaped.
type Shown = Option<DisplayValue<Excerpt>>;

impl Caller {
    fn verified(claims: Option<&Claims>) -> Self {
        let Some(claims) = claims else { return Self::default() };
        let shown = |text: Option<&str>| text.map(Excerpt::new).map(display);
        Self {
            issuer: shown(Some(claims.issuer())),
            client_id: shown(claims.client_id()),
            subject: shown(claims.subject()),
            jti: shown(claims.token_id()),
        }
    }

    fn unverified(unverified: Option<Unverified>) -> Self {
        let Some(unverified) = unverified else { return Self::default() };
        Self {
            issuer: unverified.issuer.map(display),
            client_id: unverified.client_id.map(display),
            subject: unverified.subject.map(display),
            jti: unverified.token_id.map(display),
        }
    }
}

#[cold]
fn log(decision: &Decision<'_>, level: Level) {
    match level {
        Level::ERROR => log_at_error(decision),
        Level::WARN => log_at_warn(decision),
        Level::DEBUG => log_at_debug(decision),
        _ => log_at_info(decision),
    }
}

/// Writes the event. The level of an event is a constant, so there is one function for each.
macro_rules! log_function {
    ($name:ident, $level:ident) => {
        fn $name(decision: &Decision<'_>) {
            // A rejected token is read again only if the log is enabled.
            if !tracing::enabled!(Level::$level) {
                return;
            }
            let caller = Caller::verified(decision.claims());
            let unverified = Caller::unverified(decision.unverified());
            tracing::event!(
                Level::$level,
                reason = decision.reason(),
                status = decision.status(),
                method = decision.method().map(display),
                route = decision.route(),
                host = decision.host().map(Excerpt::identifier).map(display),
                issuer = caller.issuer,
                client_id = caller.client_id,
                subject = caller.subject,
                jti = caller.jti,
                unverified_issuer = unverified.issuer,
                unverified_client_id = unverified.client_id,
                unverified_subject = unverified.subject,
                unverified_jti = unverified.jti,
                error = decision.error().map(display),
                "request rejected"
            );
        }
    };
}

log_function!(log_at_error, ERROR);
log_function!(log_at_warn, WARN);
log_function!(log_at_info, INFO);
log_function!(log_at_debug, DEBUG);
