//! The events of API Gateway: format 2.0 of HTTP APIs, and `REQUEST` and `TOKEN` of REST APIs.

use std::fmt;

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequest, ApiGatewayCustomAuthorizerRequestTypeRequest,
    ApiGatewayV2CustomAuthorizerV2Request,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use scopegate::Decision;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The description of a request that API Gateway sends to an authorizer.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct Event {
    /// The request's headers. A `TOKEN` event has `Authorization` only.
    pub headers: HeaderMap,
    /// The kind of API, which determines the form of the response.
    pub api: Api,
    method: Option<String>,
    route: Option<String>,
}

/// A kind of API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Api {
    /// An HTTP API, with format 2.0 and simple responses.
    Http,
    /// A REST API, or an HTTP API with format 1.0. The response is an IAM policy for the method.
    Rest {
        /// The ARN of the method.
        method_arn: String,
    },
}

/// An event that is not for an authorizer. The message contains no part of it, because it may be a
/// token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnexpectedEvent {
    expected: &'static str,
}

impl Event {
    /// Adds the method and the pattern of the route.
    pub fn describe<'a>(&'a self, mut decision: Decision<'a>) -> Decision<'a> {
        if let Some(method) = &self.method {
            decision = decision.with_method(method);
        }
        match &self.route {
            Some(route) => decision.with_route(route),
            None => decision,
        }
    }
}

impl TryFrom<Value> for Event {
    type Error = UnexpectedEvent;

    fn try_from(event: Value) -> Result<Self, UnexpectedEvent> {
        let member = |name: &str| event.get(name).and_then(Value::as_str);
        match (member("type"), member("version")) {
            (Some("REQUEST"), Some("2.0")) => Ok(http_api(read(event, "fields of format 2.0")?)),
            (Some("REQUEST"), _) => rest_request(read(event, "fields of a REQUEST event")?),
            (Some("TOKEN"), _) => rest_token(read(event, "fields of a TOKEN event")?),
            _ => Err(UnexpectedEvent { expected: "an authorizer's event of the type REQUEST or TOKEN" }),
        }
    }
}

fn read<T: DeserializeOwned>(event: Value, expected: &'static str) -> Result<T, UnexpectedEvent> {
    serde_json::from_value(event).map_err(|_| UnexpectedEvent { expected })
}

fn http_api(event: ApiGatewayV2CustomAuthorizerV2Request) -> Event {
    // `GET /orders/{id}`, or `$default`.
    let route = event.route_key.map(|key| match key.split_once(' ') {
        Some((_, route)) => route.to_owned(),
        None => key,
    });
    let method = event.request_context.http.method;
    // Several headers with one name are joined by commas, so two tokens are rejected.
    Event { headers: event.headers, api: Api::Http, method: Some(method.to_string()), route }
}

fn rest_request(event: ApiGatewayCustomAuthorizerRequestTypeRequest) -> Result<Event, UnexpectedEvent> {
    // `headers` has only the last of several headers with one name.
    let headers =
        if event.multi_value_headers.is_empty() { event.headers } else { event.multi_value_headers };
    let api = rest(event.method_arn)?;
    Ok(Event {
        headers,
        api,
        method: event.http_method.map(|method| method.to_string()),
        route: event.resource,
    })
}

fn rest_token(event: ApiGatewayCustomAuthorizerRequest) -> Result<Event, UnexpectedEvent> {
    let mut headers = HeaderMap::new();
    if let Some(token) = event.authorization_token {
        let token = HeaderValue::try_from(token);
        let token = token.map_err(|_| UnexpectedEvent { expected: "a header in authorizationToken" })?;
        headers.insert(AUTHORIZATION, token);
    }
    Ok(Event { headers, api: rest(event.method_arn)?, method: None, route: None })
}

fn rest(method_arn: Option<String>) -> Result<Api, UnexpectedEvent> {
    let method_arn = method_arn.ok_or(UnexpectedEvent { expected: "methodArn" })?;
    Ok(Api::Rest { method_arn })
}

/// Omits the headers, because they contain the token.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, method, route, .. } = self;
        let mut event = f.debug_struct("Event");
        event.field("api", api).field("method", method).field("route", route).finish_non_exhaustive()
    }
}

impl fmt::Display for UnexpectedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found something else", self.expected)
    }
}

impl std::error::Error for UnexpectedEvent {}
