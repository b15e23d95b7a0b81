//! The dynamic metadata: the verdict and the caller, for the access log and for later filters.

use std::collections::HashMap;

use scopegate::Claims;
use scopegate::http::AcceptedRequest;

use crate::decide::answer::Answer;
use crate::grpc::messages::{Kind, ListValue, Struct, Value};

/// Returns the metadata of an answer. It has no token. It has claims if the token is verified, also if
/// the request is rejected.
pub(super) fn of(answer: &Answer) -> Struct {
    let (verdict, reason, route, claims) = match answer {
        Answer::Accepted { request: None, route, .. } => ("accepted", "public", Some(route), None),
        Answer::Accepted { request: Some(request), route, .. } => {
            ("accepted", "accepted", Some(route), AcceptedRequest::claims(request))
        }
        Answer::Rejected { rejection, route, .. } => {
            let verdict = if rejection.status().is_server_error() { "undecidable" } else { "rejected" };
            (verdict, rejection.reason_code(), Some(route), rejection.claims())
        }
        Answer::Unjudged { reason, response } => {
            let verdict = if response.status().is_server_error() { "undecidable" } else { "rejected" };
            (verdict, *reason, None, None)
        }
    };
    let mut fields = HashMap::new();
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), text(value));
        }
    };
    add("verdict", Some(verdict));
    add("reason", Some(reason));
    add("route", route.map(AsRef::as_ref));
    add("client_id", claims.and_then(Claims::client_id));
    add("sub", claims.and_then(Claims::subject));
    add("iss", claims.map(Claims::issuer));
    if let Some(claims) = claims {
        let values = claims.scopes().iter().map(|scope| text(scope.as_ref())).collect();
        fields.insert("scopes".to_owned(), Value { kind: Some(Kind::List(ListValue { values })) });
    }
    Struct { fields }
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::Text(text.to_owned())) }
}
