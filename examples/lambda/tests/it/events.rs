//! The events that API Gateway sends.

use serde_json::{Value, json};

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef/prod/GET/orders";

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Returns a request to an HTTP API, in format 2.0.
pub(crate) fn request(method: &str, path: &str, authorization: Option<&str>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers(authorization),
        "requestContext": context(method, path),
        "isBase64Encoded": false,
    })
}

/// Returns an authorizer event of an HTTP API, in format 2.0.
pub(crate) fn http_question(authorization: Option<&str>) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": ARN,
        "routeKey": "GET /orders",
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": headers(authorization),
        "requestContext": context("GET", "/orders"),
    })
}

/// Returns an event of a REST API with an authorizer of the type `REQUEST`.
pub(crate) fn rest_question(authorization: &[&str]) -> Value {
    let last: Option<&str> = authorization.last().copied();
    let mut all = json!({ "Host": ["api.example"] });
    if !authorization.is_empty() {
        all["Authorization"] = json!(authorization);
    }
    json!({
        "type": "REQUEST",
        "methodArn": ARN,
        "resource": "/orders",
        "path": "/orders",
        "httpMethod": "GET",
        "headers": headers(last),
        "multiValueHeaders": all,
        "requestContext": { "path": "/prod/orders", "stage": "prod", "httpMethod": "GET" },
    })
}

/// Returns an event of a REST API with an authorizer of the type `TOKEN`.
pub(crate) fn token_question(authorization: &str) -> Value {
    json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": authorization })
}

/// Returns a policy for the method of these events.
pub(crate) fn policy(effect: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Action": ["execute-api:Invoke"], "Effect": effect, "Resource": [ARN] }],
    })
}

fn headers(authorization: Option<&str>) -> Value {
    let mut headers = json!({ "host": "api.example" });
    if let Some(authorization) = authorization {
        headers["authorization"] = json!(authorization);
    }
    headers
}

fn context(method: &str, path: &str) -> Value {
    json!({
        "accountId": "123456789012",
        "apiId": "abcdef",
        "domainName": "abcdef.execute-api.eu-west-1.amazonaws.com",
        "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
        "routeKey": "$default",
        "stage": "$default",
        "timeEpoch": 1_700_000_000_000_u64,
    })
}
