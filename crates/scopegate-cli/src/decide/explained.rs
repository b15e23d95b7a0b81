//! A decision with its reasons, for operators.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use scopegate::http::RejectionReason;
use scopegate::{Claims, Error};

use crate::decide::record::Reason;
use crate::decide::rules::{Rule, Rules};
use crate::decide::{Arrival, Judged, Sent, authorize, judge_of_gateway, respond};
use crate::gateway::Question;

/// A decision with its reasons.
pub(crate) struct Explained {
    /// The path of the route that decides. `None` if there is none.
    pub(crate) pattern: Option<String>,
    /// The stable code of the reason, as in the metric.
    pub(crate) code: &'static str,
    /// The reason why no rule decides. `None` if a rule decides.
    pub(crate) lacks: Option<String>,
    /// The error of the token.
    pub(crate) error: Option<Error>,
    /// The claims of the token of an accepted request.
    pub(crate) claims: Option<Claims>,
    pub(crate) response: Response<Bytes>,
}

/// Returns whether a token decides about the question of a gateway.
pub(crate) fn needs_token(rules: &Rules, question: &Parts) -> bool {
    matches!(judge_of_gateway(rules, Question::Http(question)), Ok(Judged { rule: Rule::Token(_), .. }))
}

/// Decides about the question of a trusted gateway, as [`decide`](super::decide) does for these rules.
pub(crate) async fn explain(rules: &Rules, question: &Parts) -> Explained {
    let question = Question::Http(question);
    let judged = judge_of_gateway(rules, question);
    let decided = match &judged {
        Ok(Judged { asked, rule: Rule::Token(authorizer), certificate, .. }) => {
            let sent = Sent { question, asked, certificate: certificate.as_ref() };
            Some(authorize(rules, authorizer, &sent, None).await)
        }
        _ => None,
    };
    let (pattern, code, lacks) = match &judged {
        Ok(Judged { rule: Rule::Public, pattern, .. }) => (Some(&***pattern), "public", None),
        Ok(Judged { pattern, .. }) => (Some(&***pattern), "accepted", None),
        Err(unjudged) => {
            let asked = unjudged.asked.as_ref();
            let route = asked.and_then(|asked| rules.route(asked).ok()).map(|route| &*route.pattern);
            (route, unjudged.reason.as_str(), Some(lacking(unjudged.reason)))
        }
    };
    let pattern = pattern.map(str::to_owned);
    let rejection = decided.as_ref().and_then(|decided| decided.as_ref().err());
    let code = rejection.map_or(code, |rejection| rejection.reason_code());
    let error = rejection.and_then(|rejection| match rejection.reason() {
        RejectionReason::Token(error) => Some(error.clone()),
        _ => None,
    });
    let accepted = decided.as_ref().and_then(|decided| decided.as_ref().ok());
    let claims = accepted.and_then(|accepted| accepted.claims().cloned());
    // The peer is only in the log of rejected peers.
    let arrival = Arrival { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), at: Instant::now() };
    let response = respond(rules, question, judged, decided, arrival).into_response();
    Explained { pattern, code, lacks, error, claims, response }
}

fn lacking(reason: Reason) -> String {
    match reason {
        Reason::NoRule(what) => format!("none, because no route has the {what}"),
        Reason::Unread(unread) => format!("none, because the request is rejected before: {unread}"),
        Reason::UntrustedPeer => "none, because the peer is not trusted".to_owned(),
    }
}
