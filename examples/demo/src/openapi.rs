//! The API's OpenAPI document, and a page to try it out.
//!
//! The scopes of an operation are taken from its layer, so they are not written twice. You can copy
//! this file for an API of yours with `utoipa`.

use axum::Router;
use axum::routing::Route;
use scopegate_axum::{Authorize, ProtectedResource, RequireScope, RequireToken, Scope};
use tower_layer::Layer;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ClientCredentials, Flow, OAuth2, OpenIdConnect, Scopes, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};
use utoipa_swagger_ui::{SwaggerUi, oauth};

use crate::caller::Credentials;

/// The paths of the page and of the document that it shows.
pub(crate) const PAGE: &str = "/docs";
const DOCUMENT: &str = "/openapi.json";

/// The name of the security scheme in the document.
const SCHEME: &str = "oauth2";

/// The source of tokens for readers of the document.
#[derive(Clone)]
pub(crate) enum TokensFrom {
    /// The token endpoint of a local issuer, and the credentials of a client.
    Local { token_endpoint: String, client: Credentials },
    /// An issuer whose metadata has its token endpoint.
    Issuer(String),
}

/// A layer whose requirements can be written into the document.
pub(crate) trait Asks:
    Layer<Route, Service = Authorize<Route>> + Clone + Send + Sync + 'static
{
    /// Returns alternative requirements. A request must meet one of them.
    fn security(&self) -> Vec<SecurityRequirement>;

    /// Returns the rejections of this layer in addition to [`REFUSALS`].
    fn refusals(&self) -> &[(&'static str, &'static str)] {
        &[]
    }
}

/// The rejections of every layer.
const REFUSALS: &[(&str, &str)] = &[
    ("400", "The request has a malformed credential, or more than one."),
    ("401", "The access token is missing or invalid."),
    ("503", "Access tokens cannot be verified at the moment."),
];

impl Asks for RequireScope {
    fn security(&self) -> Vec<SecurityRequirement> {
        let alternatives = self.requirement().minimal_sets().into_iter();
        alternatives
            .map(|scopes| SecurityRequirement::new(SCHEME, scopes.into_iter().map(Scope::as_str)))
            .collect()
    }

    fn refusals(&self) -> &[(&'static str, &'static str)] {
        &[("403", "The access token lacks a scope.")]
    }
}

impl Asks for RequireToken {
    fn security(&self) -> Vec<SecurityRequirement> {
        vec![SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, [])]
    }
}

/// Adds a layer to operations, and its requirements to their description.
pub(crate) fn guarded<S, L>(operations: UtoipaMethodRouter<S>, layer: L) -> UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    L: Asks,
{
    let (security, refusals) = (layer.security(), [REFUSALS, layer.refusals()].concat());
    let (schemas, mut paths, methods) = operations.layer(layer);
    for operation in paths.paths.values_mut().flat_map(operations_of) {
        operation.security = Some(security.clone());
        for (status, description) in &refusals {
            // Descriptions of the handler's own responses are not replaced.
            let response = || ResponseBuilder::new().description(*description).build().into();
            operation.responses.responses.entry((*status).to_owned()).or_insert_with(response);
        }
    }
    (schemas, paths, methods)
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

/// Returns the router of the API with its document and its page.
pub(crate) fn with_page(
    operations: OpenApiRouter,
    api: &ProtectedResource,
    tokens: TokensFrom,
    describe: fn(&str) -> &'static str,
) -> Router {
    let (router, mut document) = operations.split_for_parts();
    let mut page = SwaggerUi::new(PAGE);
    if let TokensFrom::Local { client, .. } = &tokens {
        page = page.oauth(oauth::Config::new().client_id(client.id).client_secret(client.secret));
    }
    let scopes = api.scopes();
    let scopes = scopes.iter().map(|scope| (scope.as_str(), describe(scope.as_str()))).collect();
    let scheme = security_scheme(tokens, scopes);
    document.components.get_or_insert_with(Components::new).add_security_scheme(SCHEME, scheme);
    router.merge(page.url(DOCUMENT, document))
}

fn security_scheme(tokens: TokensFrom, scopes: Scopes) -> SecurityScheme {
    match tokens {
        TokensFrom::Local { token_endpoint, .. } => {
            let flow = Flow::ClientCredentials(ClientCredentials::new(token_endpoint, scopes));
            SecurityScheme::OAuth2(OAuth2::new([flow]))
        }
        TokensFrom::Issuer(issuer) => {
            let metadata = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
            SecurityScheme::OpenIdConnect(OpenIdConnect::new(metadata))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use axum::body::Body;
    use axum::http::{Request, header};
    use scopegate_axum::{Issuer, Verifier};
    use scopegate_issuer::LocalIssuer;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;
    use crate::api::WRITE;
    use crate::caller::WRITER;

    /// Starts the API, and fetches its document without a token.
    async fn start() -> (LocalIssuer, Router, Value) {
        let issuer = LocalIssuer::start().await.unwrap();
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().client(WRITER.id);
        let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
        let api = ProtectedResource::new("https://my-api-server.org", &verifier).unwrap();
        let tokens = TokensFrom::Local { token_endpoint: issuer.token_endpoint(), client: WRITER };
        let write = api.require_scope(WRITE);
        let router = crate::api::router(&api, write, &verifier, tokens);
        let request = Request::get(DOCUMENT).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (issuer, router, serde_json::from_slice(&bytes).unwrap())
    }

    async fn status(router: &Router, method: &str, path: &str, token: Option<&str>) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = Body::from(r#"{"item":"tea","quantity":1}"#);
        router.clone().oneshot(request.body(body).unwrap()).await.unwrap().status().as_u16()
    }

    type Alternatives = Vec<Vec<String>>;

    /// Returns the status of a response, which must be in the document.
    async fn documented(
        document: &Value,
        router: &Router,
        operation: (&str, &str),
        token: Option<&str>,
    ) -> u16 {
        let (method, path) = operation;
        let status = status(router, method, path, token).await;
        let responses = &document["paths"][path][method.to_lowercase()]["responses"];
        assert!(
            responses.get(status.to_string()).is_some(),
            "{status} of {method} {path} is not in {responses}"
        );
        status
    }

    /// Returns each operation with its alternative sets of scopes in the document, or with `None`
    /// if it needs no token.
    fn operations(document: &Value) -> Vec<(String, String, Option<Alternatives>)> {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let security: Option<Vec<BTreeMap<String, Vec<String>>>> =
                    serde_json::from_value(operation["security"].clone()).unwrap();
                let alternatives =
                    security.map(|any| any.into_iter().map(|mut one| one.remove(SCHEME).unwrap()).collect());
                operations.push((method.to_uppercase(), path.clone(), alternatives));
            }
        }
        operations
    }

    #[tokio::test]
    async fn document_has_requirements_of_each_layer() {
        let (issuer, router, document) = start().await;
        let mut open = Vec::new();
        for (method, path, alternatives) in operations(&document) {
            let answer = async |token: Option<String>| {
                documented(&document, &router, (&method, &path), token.as_deref()).await
            };
            let without = answer(None).await;
            let Some(alternatives) = alternatives else {
                assert_eq!(without, 200, "{method} {path}");
                open.push(path.clone());
                continue;
            };
            assert_eq!(without, 401, "{method} {path}");
            assert_eq!(answer(Some("two tokens".to_owned())).await, 400, "{method} {path}");
            for scopes in alternatives {
                let mint = issuer.mint().client(WRITER.id);
                let enough = answer(Some(mint.clone().scope(&scopes.join(" ")).sign())).await;
                assert!((200..300).contains(&enough), "{method} {path} with {scopes:?}: {enough}");
                for left_out in &scopes {
                    let fewer: Vec<_> = scopes.iter().filter(|scope| *scope != left_out).cloned().collect();
                    let token = mint.clone().scope(&fewer.join(" ")).sign();
                    assert_eq!(answer(Some(token)).await, 403, "{method} {path}");
                }
                let responses = &document["paths"][&path][method.to_lowercase()]["responses"];
                assert_eq!(responses.get("403").is_some(), !scopes.is_empty(), "{method} {path}");
            }
        }
        assert_eq!(open, ["/health"], "nothing else is open");
    }

    #[tokio::test]
    async fn scheme_describes_scopes_of_all_layers() {
        let (issuer, router, document) = start().await;
        let flow = &document["components"]["securitySchemes"][SCHEME]["flows"]["clientCredentials"];
        assert_eq!(flow["tokenUrl"], issuer.token_endpoint());
        let scopes = flow["scopes"].as_object().unwrap();
        let required: BTreeSet<String> = operations(&document)
            .into_iter()
            .flat_map(|(_, _, any)| any.into_iter().flatten().flatten())
            .collect();
        assert_eq!(scopes.keys().cloned().collect::<BTreeSet<_>>(), required);
        assert!(scopes.values().all(|description| description != ""));

        let path = "/.well-known/oauth-protected-resource";
        let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let metadata: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(metadata["scopes_supported"], json!(required), "both documents say the same");
    }

    #[test]
    fn configured_issuer_is_described_by_metadata_url() {
        let scheme = security_scheme(TokensFrom::Issuer("https://issuer.example/".to_owned()), Scopes::new());
        let expected = "https://issuer.example/.well-known/openid-configuration";
        assert_eq!(serde_json::to_value(scheme).unwrap()["openIdConnectUrl"], expected);
    }

    #[test]
    fn lines_in_documentation_are_in_api() {
        let (source, page) = (include_str!("api.rs"), include_str!("../../../docs/guide/openapi.md"));
        let (_, lines) = page.split_once("```rs\n").unwrap();
        let (lines, _) = lines.split_once(";\n```").unwrap();
        let indented = lines.replace('\n', "\n    ");
        assert!(source.contains(&indented), "docs/guide/openapi.md and api.rs differ");
    }

    #[tokio::test]
    async fn page_needs_no_token() {
        let (_issuer, router, _) = start().await;
        assert_eq!(status(&router, "GET", &format!("{PAGE}/"), None).await, 200);
    }
}
