//! The API's OpenAPI document, and a page to try it out. What an operation needs is not written here, nor beside its handler:
//! it is read off the layer that the operation wears. Copy this file to have the same with `utoipa`.

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

/// Where the page is, and the document that it shows.
pub(crate) const PAGE: &str = "/docs";
const DOCUMENT: &str = "/openapi.json";

/// What the document calls the way to get in.
const SCHEME: &str = "oauth2";

/// Who issues tokens to somebody who reads the document.
pub(crate) enum TokensFrom {
    /// The token endpoint of a local issuer, which has clients that everybody knows.
    Local { token_endpoint: String, client: Credentials },
    /// An issuer that says itself where its token endpoint is.
    Issuer(String),
}

/// A layer that can tell what it asks for.
pub(crate) trait Asks:
    Layer<Route, Service = Authorize<Route>> + Clone + Send + Sync + 'static
{
    /// Alternatives, any of which is enough.
    fn security(&self) -> Vec<SecurityRequirement>;

    /// How it refuses a request, beyond what every layer does.
    fn refusals(&self) -> &[(&'static str, &'static str)] {
        &[]
    }
}

/// How every layer refuses a request.
const REFUSALS: &[(&str, &str)] = &[
    ("400", "There is more than one credential, or it is not one token."),
    ("401", "There is no good access token."),
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

/// Puts a layer on operations, and what it asks for into their description.
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
            // What a handler says of its own answers stands.
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

/// The API with its document and its page.
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
    use crate::caller::WRITER;

    /// The API, and its document as anybody can read it.
    async fn start() -> (LocalIssuer, Router, Value) {
        let issuer = LocalIssuer::start().await.unwrap();
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().client(WRITER.id);
        let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
        let api = ProtectedResource::new("https://my-api-server.org", &verifier).unwrap();
        let tokens = TokensFrom::Local { token_endpoint: issuer.token_endpoint(), client: WRITER };
        let router = crate::api::router(&api, &verifier, tokens);
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

    /// The status of an answer, which the document has to mention.
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

    /// Each operation, and the sets of scopes that the document says are enough for it; `None` where it is open.
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
    async fn the_document_says_of_each_operation_what_its_layer_asks_for() {
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
    async fn the_scheme_names_the_scopes_of_the_layers_each_with_a_description() {
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
    fn an_issuer_elsewhere_is_named_by_its_metadata() {
        let scheme = security_scheme(TokensFrom::Issuer("https://issuer.example/".to_owned()), Scopes::new());
        let expected = "https://issuer.example/.well-known/openid-configuration";
        assert_eq!(serde_json::to_value(scheme).unwrap()["openIdConnectUrl"], expected);
    }

    #[test]
    fn the_lines_in_the_documentation_are_those_of_the_api() {
        let (source, page) = (include_str!("api.rs"), include_str!("../../../docs/openapi.md"));
        let (_, lines) = page.split_once("```rust\n").unwrap();
        let (lines, _) = lines.split_once(";\n```").unwrap();
        let indented = lines.replace('\n', "\n    ");
        assert!(source.contains(&indented), "docs/openapi.md and api.rs differ");
    }

    #[tokio::test]
    async fn the_page_is_there_without_a_token() {
        let (_issuer, router, _) = start().await;
        assert_eq!(status(&router, "GET", &format!("{PAGE}/"), None).await, 200);
    }
}
