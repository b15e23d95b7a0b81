//! The decision about one question of a gateway, without a server.
//!
//! [`decide`] uses the rules of one file. It takes no lock, does no I/O for a known key, and never reads
//! a body.

pub(crate) mod answer;
pub(crate) mod explained;
pub(crate) mod live;
mod metadata;
mod record;
pub(crate) mod rules;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri};
use scopegate::http::{
    AcceptedRequest, Authorizer, Credentials, Grant, MalformedCertificate, Problem, ProofReceipt, Rejection,
    RequestHead,
};
use scopegate::{Claims, PeerCertificate};

use crate::decide::answer::Answer;
use crate::decide::live::Live;
use crate::decide::record::Reason;
use crate::decide::rules::{Rule, Rules};
use crate::gateway::{Asked, Question, Unread};
use crate::routes::route::rule_of;
use crate::routes::table::NoRoute;

/// The header with the path that was judged, for gateways that pass it on.
const AUTH_PATH: HeaderName = HeaderName::from_static("x-auth-path");
/// The headers with the credentials of the caller.
const CREDENTIALS: &[&str] = &["authorization", "dpop"];

/// Decides about the request that a gateway asks about over HTTP. `peer` is the address of the
/// connection.
///
/// The status is the verdict: 200 accepts. Every response is complete, and no cache may store it.
pub(crate) async fn decide(live: &Live, question: &Parts, peer: IpAddr) -> Response<Bytes> {
    let document = metadata_for(&live.rules(), question, peer);
    match document {
        Some(document) => document,
        None => answer(live, Question::Http(question), peer).await.into_response(),
    }
}

/// Decides about the request of a question. The rules are the same over HTTP and over gRPC.
pub(crate) async fn answer(live: &Live, question: Question<'_>, peer: IpAddr) -> Answer {
    let arrived = Instant::now();
    let mut receipt = None;
    loop {
        let snapshot = live.snapshot().await;
        let rules = &snapshot.rules;
        let judged = judge(rules, question, peer);
        let decided = match &judged {
            Ok(Judged { asked, rule: Rule::Token(authorizer), certificate, .. }) => {
                let sent = Sent { question, asked, certificate: certificate.as_ref() };
                Some(authorize(rules, authorizer, &sent, receipt.as_ref()).await)
            }
            _ => None,
        };
        if live.is_current(&snapshot) {
            return respond(rules, question, judged, decided, Arrival { peer, at: arrived });
        }
        // The proof is recorded already, so it must count as this request's own.
        if let Some(Ok(accepted)) = &decided {
            receipt = accepted.receipt().cloned().or(receipt);
        }
    }
}

/// Returns whether a peer may ask for decisions. If it may not, the rejection is recorded. Call it before
/// a message is read.
pub(crate) fn admits(live: &Live, peer: IpAddr) -> bool {
    let is_trusted = live.rules().trusted_proxies.contain(peer);
    if !is_trusted {
        record::unjudged(&Unjudged { reason: Reason::UntrustedPeer, asked: None }, None, peer);
    }
    is_trusted
}

/// Returns the metadata of the API if a trusted peer requests it.
fn metadata_for(rules: &Rules, question: &Parts, peer: IpAddr) -> Option<Response<Bytes>> {
    if !rules.trusted_proxies.contain(peer) {
        return None;
    }
    rules.metadata.respond(question, (!rules.uses_hosts).then_some(&rules.host))
}

/// The connection and the time of a question.
#[derive(Clone, Copy)]
struct Arrival {
    peer: IpAddr,
    at: Instant,
}

/// Records the decision, and returns its answer.
fn respond(
    rules: &Rules,
    question: Question<'_>,
    judged: Result<Judged<'_>, Unjudged>,
    decided: Option<Result<AcceptedRequest, Rejection>>,
    arrival: Arrival,
) -> Answer {
    match (judged, decided) {
        (Ok(Judged { asked, rule: Rule::Token(authorizer), pattern, .. }), Some(result)) => {
            record::decided(authorizer, question.headers(), &asked, pattern, &result, arrival.at);
            let route = Arc::clone(pattern);
            match result {
                Ok(accepted) => accept(rules, &asked, route, Some(accepted)),
                Err(rejection) => {
                    let response = authorizer.response(&rejection).into_response();
                    Answer::Rejected { rejection, route, response }
                }
            }
        }
        (Ok(Judged { asked, rule: Rule::Public, pattern, .. }), _) => {
            record::public();
            accept(rules, &asked, Arc::clone(pattern), None)
        }
        // A rule that requires a token has always a result.
        (Ok(Judged { asked, .. }), None) => {
            let unjudged = Unjudged { reason: Reason::NoRule("result"), asked: Some(asked) };
            reject(&unjudged, question.sent_path(rules.gateway), arrival)
        }
        (Err(unjudged), _) => reject(&unjudged, question.sent_path(rules.gateway), arrival),
    }
}

fn reject(unjudged: &Unjudged, sent_path: Option<&[u8]>, arrival: Arrival) -> Answer {
    record::unjudged(unjudged, sent_path, arrival.peer);
    let (status, detail) = unjudged.response();
    let response = Problem::new(status, detail).into_response();
    Answer::Unjudged { reason: unjudged.reason.as_str(), response }
}

/// A request with the rule that decides.
struct Judged<'r> {
    asked: Asked,
    rule: &'r Rule,
    pattern: &'r Arc<str>,
    /// The certificate of the client, if certificates are read.
    certificate: Option<PeerCertificate>,
}

/// A request without a rule that decides.
struct Unjudged {
    reason: Reason,
    /// `None` if it is not known.
    asked: Option<Asked>,
}

fn judge<'r>(rules: &'r Rules, question: Question<'_>, peer: IpAddr) -> Result<Judged<'r>, Unjudged> {
    // Any other peer could choose the request that is judged.
    if !rules.trusted_proxies.contain(peer) {
        return Err(Unjudged { reason: Reason::UntrustedPeer, asked: None });
    }
    judge_of_gateway(rules, question)
}

/// Judges a question of a trusted peer.
fn judge_of_gateway<'r>(rules: &'r Rules, question: Question<'_>) -> Result<Judged<'r>, Unjudged> {
    let unjudged = |reason, asked| Unjudged { reason, asked };
    let read = question.read(rules.gateway, rules.uses_hosts);
    let asked = read.map_err(|unread| unjudged(Reason::Unread(unread), None))?;
    match rules.route(&asked) {
        Ok(route) => match rule_of(&route.methods, &asked.method) {
            Some(rule) => match certificate(rules, rule, question) {
                Ok(certificate) => Ok(Judged { asked, rule, pattern: &route.pattern, certificate }),
                Err(malformed) => Err(unjudged(Reason::Unread(Unread::Certificate(malformed)), Some(asked))),
            },
            None => Err(unjudged(Reason::NoRule("method"), Some(asked))),
        },
        Err(NoRoute::Ambiguous(ambiguous)) => {
            Err(unjudged(Reason::Unread(Unread::AmbiguousPath(ambiguous)), Some(asked)))
        }
        Err(NoRoute::UnknownHost) => Err(unjudged(Reason::NoRule("host"), Some(asked))),
        Err(NoRoute::UnknownPath) => Err(unjudged(Reason::NoRule("path"), Some(asked))),
    }
}

/// Returns the client certificate in a question of a trusted peer. It is read only if a token decides,
/// and if the request has one.
fn certificate(
    rules: &Rules,
    rule: &Rule,
    question: Question<'_>,
) -> Result<Option<PeerCertificate>, MalformedCertificate> {
    match (&rules.certificates, rule, Credentials::from_headers(question.headers())) {
        (Some(settings), Rule::Token(_), Credentials::Bearer(_) | Credentials::Dpop(_)) => {
            question.certificate(settings.header.as_ref())
        }
        _ => Ok(None),
    }
}

impl Unjudged {
    /// Returns the status, and the text for the caller.
    fn response(&self) -> (StatusCode, &'static str) {
        match self.reason {
            Reason::UntrustedPeer => (StatusCode::FORBIDDEN, "this peer may not ask for decisions"),
            Reason::NoRule(_) => (StatusCode::FORBIDDEN, "no rule allows this request"),
            Reason::Unread(Unread::UnknownEndpoint) => (StatusCode::NOT_FOUND, "there is no such endpoint"),
            Reason::Unread(Unread::MissingHeader(_) | Unread::MissingPart(_)) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the gateway does not send the request that it asks about",
            ),
            Reason::Unread(Unread::MalformedHeader(_) | Unread::MalformedPart(_)) => {
                (StatusCode::BAD_REQUEST, "the gateway sends a malformed request")
            }
            Reason::Unread(Unread::Certificate(_)) => {
                (StatusCode::BAD_REQUEST, "the client certificate that the gateway sends is malformed")
            }
            Reason::Unread(Unread::AmbiguousPath(_)) => {
                (StatusCode::BAD_REQUEST, "the path of the request is ambiguous")
            }
        }
    }
}

/// A request whose rule requires a token.
struct Sent<'s> {
    question: Question<'s>,
    asked: &'s Asked,
    certificate: Option<&'s PeerCertificate>,
}

async fn authorize(
    rules: &Rules,
    authorizer: &Authorizer,
    sent: &Sent<'_>,
    outer: Option<&ProofReceipt>,
) -> Result<AcceptedRequest, Rejection> {
    let Sent { question, asked, certificate } = sent;
    let mut head = RequestHead::new(question.headers());
    if let Some(certificate) = certificate {
        head = head.with_certificate(certificate);
    }
    let uri = target(rules, question.headers(), asked);
    let authorization = match &uri {
        Some(uri) => authorizer.authorize_head(head.with_target(&asked.method, uri)),
        None => authorizer.authorize_head(head),
    };
    match authorization.settle(authorizer).await? {
        Grant::Accepted(accepted) => Ok(accepted),
        Grant::Proven(proven) => proven.record_and_wait(outer).await,
    }
}

/// Returns the URI that a proof must name: the judged path after the prefix of the public URL. Only
/// requests with a proof need it.
fn target(rules: &Rules, headers: &HeaderMap, asked: &Asked) -> Option<Uri> {
    match Credentials::from_headers(headers) {
        Credentials::Dpop(_) => Uri::try_from(format!("{}{}", rules.prefix, asked.path.as_str())).ok(),
        _ => None,
    }
}

/// Returns the answer for an accepted request. It has every forwarded header, so that a gateway
/// replaces the value of its caller.
fn accept(rules: &Rules, asked: &Asked, route: Arc<str>, request: Option<AcceptedRequest>) -> Answer {
    let mut forwarded = HeaderMap::new();
    let claims: Option<&Claims> = request.as_ref().and_then(AcceptedRequest::claims);
    for (name, field) in &rules.forward {
        forwarded.insert(name, field.value(claims));
    }
    // A judged path is printable ASCII.
    if let Ok(path) = HeaderValue::from_str(asked.path.as_str()) {
        forwarded.insert(AUTH_PATH, path);
    }
    let removed = if rules.strips_credentials { CREDENTIALS } else { &[] };
    Answer::Accepted { forwarded, removed, request, route }
}

#[cfg(test)]
pub(crate) mod tests;
