//! The record of each decision, in the log and in the metric.

use std::net::IpAddr;
use std::time::Instant;

use http::HeaderMap;
use scopegate::http::{AcceptedRequest, Authorizer, Credentials, Rejection};
use scopegate::{Decision, Excerpt};

use crate::decide::Unjudged;
use crate::gateway::{Asked, Unread};
use crate::log_limit::LogLimit;

/// The reason why no rule decides about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    UntrustedPeer,
    Unread(Unread),
    /// The host, the path or the method has no rule.
    NoRule(&'static str),
}

impl Reason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::UntrustedPeer => "untrusted_peer",
            Self::Unread(unread) => unread.as_str(),
            Self::NoRule(_) => "no_rule",
        }
    }
}

/// Records the decision of an authorizer.
pub(super) fn decided(
    authorizer: &Authorizer,
    headers: &HeaderMap,
    asked: &Asked,
    pattern: &str,
    result: &Result<AcceptedRequest, Rejection>,
    arrived: Instant,
) {
    let decision = match (result, Credentials::from_headers(headers)) {
        (Ok(accepted), _) => Decision::accepted(accepted.claims()),
        (Err(rejection), Credentials::Bearer(token) | Credentials::Dpop(token)) => {
            rejection.decision().with_token(token.as_bytes())
        }
        (Err(rejection), _) => rejection.decision(),
    };
    let decision = decision.with_method(asked.method.as_str()).with_route(pattern);
    let decision = match &asked.host {
        Some(host) => decision.with_host(host),
        None => decision,
    };
    authorizer.record(&decision.with_elapsed(arrived.elapsed()));
}

/// Records an accepted request to a public route.
pub(super) fn public() {
    metrics::counter!("scopegate_requests_total", "decision" => "accepted", "reason" => "public")
        .increment(1);
}

/// Records a request that no rule decides about. Values of the request are excerpts.
///
/// `sent_path` is the path as the gateway has sent it, for a path that cannot be judged.
#[cold]
pub(super) fn unjudged(unjudged: &Unjudged, sent_path: Option<&[u8]>, peer: IpAddr) {
    let Unjudged { reason, asked } = unjudged;
    let code = reason.as_str();
    metrics::counter!("scopegate_requests_total", "decision" => "rejected", "reason" => code).increment(1);
    let method = asked.as_ref().map(|asked| tracing::field::display(Excerpt::new(asked.method.as_str())));
    let path = match asked {
        Some(asked) => Some(Excerpt::identifier(asked.path.as_str())),
        None => sent_path.map(|path| Excerpt::identifier(&String::from_utf8_lossy(path))),
    };
    let path = path.map(tracing::field::display);
    match *reason {
        // Any peer can cause it.
        Reason::UntrustedPeer if !UNTRUSTED.allows_one() => {
            tracing::debug!(reason = code, %peer, "question of an untrusted peer rejected");
        }
        Reason::UntrustedPeer => {
            let action = "if it is the gateway, add its address to trusted_proxies";
            tracing::warn!(reason = code, %peer, action, "question of an untrusted peer rejected");
        }
        Reason::Unread(unread @ (Unread::MissingHeader(_) | Unread::MissingPart(_))) => {
            // With hosts, a request without `Host` may cause it.
            if MISCONFIGURED.allows_one() {
                let action = "compare the gateway's configuration with the one in deploy/";
                tracing::error!(reason = code, error = %unread, %peer, action, "gateway is misconfigured");
            } else {
                tracing::debug!(reason = code, error = %unread, %peer, "gateway is misconfigured");
            }
        }
        Reason::Unread(unread) => {
            tracing::info!(reason = code, method, path, error = %unread, "request rejected without a rule");
        }
        Reason::NoRule(lacks) => {
            let host = asked.as_ref().and_then(|asked| asked.host.as_deref());
            let host = host.map(|host| tracing::field::display(Excerpt::identifier(host)));
            tracing::info!(reason = code, lacks, method, path, host, "request rejected without a rule");
        }
    }
}

static UNTRUSTED: LogLimit = LogLimit::new();
static MISCONFIGURED: LogLimit = LogLimit::new();
