//! The authorizer's responses: simple ones for HTTP APIs, IAM policies for REST APIs, and errors.

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerResponse,
    ApiGatewayV2CustomAuthorizerSimpleResponse,
};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use http::StatusCode;
use lambda_runtime::Diagnostic;
use scopegate::http::Rejection;
use scopegate::{Claims, Principal, Scope};
use serde::{Deserialize, Serialize};

use crate::authorizer::event::{Api, Event};

/// The response of the authorizer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// For an HTTP API with format 2.0.
    Simple(ApiGatewayV2CustomAuthorizerSimpleResponse<Context>),
    /// For a REST API.
    Policy(ApiGatewayCustomAuthorizerResponse<Context>),
}

/// The context for the function behind the gateway and for the access log. It holds strings,
/// because a REST API accepts no lists. It never holds the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The [reason code](scopegate::Decision#reason-codes), for the access log.
    pub reason: String,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The subject. It is unique within its issuer only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The token's scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl Context {
    fn new(reason: &str, claims: Option<&Claims>) -> Self {
        let Some(claims) = claims else { return Self { reason: reason.to_owned(), ..Self::default() } };
        let scopes: Vec<&str> = claims.scopes().iter().map(Scope::as_str).collect();
        Self {
            reason: reason.to_owned(),
            client_id: claims.client_id().map(str::to_owned),
            subject: claims.subject().map(str::to_owned),
            scope: Some(scopes.join(" ")),
        }
    }
}

impl Response {
    /// Returns the response for an accepted request.
    pub fn accepted(event: &Event, claims: &Claims) -> Self {
        Self::new(event, IamPolicyEffect::Allow, Context::new("accepted", Some(claims)), Some(claims))
    }

    /// Returns the response for a rejected request. The gateway writes the caller's response:
    ///
    /// | rejection | HTTP API | REST API |
    /// | --- | --- | --- |
    /// | 400, 401: no valid token | `isAuthorized: false`: 403 | the error `Unauthorized`: 401 |
    /// | 403: the token is valid and not sufficient | `isAuthorized: false`: 403 | a policy that denies: 403 |
    /// | 503: the issuer's keys are unavailable | another error: 500 | another error: 500 |
    ///
    /// # Errors
    /// Returns the errors in the table.
    pub fn rejected(event: &Event, rejection: &Rejection) -> Result<Self, Diagnostic> {
        match (rejection.status(), &event.api) {
            // An error instead of a decision, because the token may be valid.
            (StatusCode::SERVICE_UNAVAILABLE, _) => Err(error("KeysUnavailable", rejection.body_text())),
            (StatusCode::FORBIDDEN, _) | (_, Api::Http) => {
                let claims = rejection.claims();
                let context = Context::new(rejection.reason_code(), claims);
                Ok(Self::new(event, IamPolicyEffect::Deny, context, claims))
            }
            // The gateway compares the message.
            (_, Api::Rest { .. }) => Err(error("Unauthorized", "Unauthorized")),
        }
    }

    fn new(event: &Event, effect: IamPolicyEffect, context: Context, claims: Option<&Claims>) -> Self {
        match &event.api {
            Api::Http => {
                let mut response = ApiGatewayV2CustomAuthorizerSimpleResponse::default();
                response.is_authorized = effect == IamPolicyEffect::Allow;
                response.context = context;
                Self::Simple(response)
            }
            Api::Rest { method_arn } => {
                let mut response = ApiGatewayCustomAuthorizerResponse::default();
                response.principal_id = Some(principal(claims).to_owned());
                response.policy_document = policy(effect, method_arn);
                response.context = context;
                Self::Policy(response)
            }
        }
    }
}

/// A policy for this one method, because the decision is about this one request.
fn policy(effect: IamPolicyEffect, method_arn: &str) -> ApiGatewayCustomAuthorizerPolicy {
    let mut statement = IamPolicyStatement::default();
    statement.effect = effect;
    statement.action = vec!["execute-api:Invoke".to_owned()];
    statement.resource = vec![method_arn.to_owned()];
    let mut policy = ApiGatewayCustomAuthorizerPolicy::default();
    policy.version = Some("2012-10-17".to_owned());
    policy.statement = vec![statement];
    policy
}

fn principal(claims: Option<&Claims>) -> &str {
    match claims.map(Claims::principal) {
        Some(Principal::Client { id, .. } | Principal::Subject { id, .. }) => id,
        _ => "unnamed",
    }
}

fn error(kind: &str, message: &str) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message.to_owned() }
}
