//! The official Rust client. Unlike the other clients, it leaves two things to the application: the
//! discovery of an issuer, and the request for a missing scope.

use std::error::Error;
use std::sync::Arc;

use rmcp::ServiceExt as _;
use rmcp::model::{CallToolRequestParams, ContentBlock};
use rmcp::service::{RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthorizationManager, ClientCredentialsConfig, WWWAuthenticateParams,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use testkit::with_causes;
use tokio::sync::Mutex;

use crate::client::{Knows, Went};

type Failure = Box<dyn Error + Send + Sync>;
type Connected = RunningService<RoleClient, ()>;

pub(crate) async fn run(url: &str, knows: Knows<'_>) -> Went {
    let mut went = Went::default();
    let mut step = "connect";
    if let Err(error) = play(url, knows, &mut step, &mut went).await {
        went.error = Some((step.to_owned(), with_causes(&*error)));
    }
    went
}

async fn play(url: &str, knows: Knows<'_>, step: &mut &'static str, went: &mut Went) -> Result<(), Failure> {
    let (client, authorized) = match knows {
        Knows::Token(token) => {
            let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token);
            (().serve(StreamableHttpClientTransport::from_config(config)).await?, None)
        }
        Knows::Credentials { id, secret, scope } => {
            let authorized = Authorized::after_a_refusal(url, id, secret, scope).await?;
            (authorized.connect(url).await?, Some(authorized))
        }
    };
    let mut went = |step: &str, ok: String| went.steps.push((step.to_owned(), ok));
    went(step, String::new());

    *step = "list";
    let tools = client.list_tools(None).await?.tools;
    let mut names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    names.sort_unstable();
    went(step, names.join(" "));

    *step = "whoami";
    went(step, call(&client, CallToolRequestParams::new("whoami")).await?);

    *step = "write_note";
    let text = serde_json::json!({ "text": "from Rust" }).as_object().cloned().unwrap_or_default();
    let note = || CallToolRequestParams::new("write_note").with_arguments(text.clone());
    let written = match (call(&client, note()).await, authorized) {
        (Err(error), Some(authorized)) => {
            let challenge = error.auth_challenge().map(str::to_owned);
            let challenge = challenge.ok_or(error)?;
            authorized.step_up(url, &challenge).await?;
            call(&client, note()).await?
        }
        (written, _) => written?,
    };
    went(step, written);

    *step = "read_notes";
    went(step, call(&client, CallToolRequestParams::new("read_notes")).await?);
    client.cancel().await?;
    Ok(())
}

async fn call(client: &Connected, tool: CallToolRequestParams) -> Result<String, ServiceError> {
    let result = client.call_tool(tool).await?;
    Ok(result.content.iter().filter_map(ContentBlock::as_text).map(|text| text.text.as_str()).collect())
}

/// A client with a token, and the means to get another one.
struct Authorized {
    client: AuthClient<reqwest::Client>,
    id: String,
    secret: String,
}

impl Authorized {
    /// Sends a request without a token, and follows the challenge.
    async fn after_a_refusal(
        url: &str,
        id: &str,
        secret: &str,
        scope: Option<&str>,
    ) -> Result<Self, Failure> {
        let Err(refused) = ().serve(StreamableHttpClientTransport::from_uri(url)).await else {
            return Err("the server takes clients without a token".into());
        };
        let challenge = refused.auth_challenge().map(str::to_owned);
        let challenge = challenge.ok_or(refused)?;
        let mut manager = AuthorizationManager::new(url).await?;
        let found = manager.resolve_metadata_from_challenge(Some(&challenge)).await?;
        manager.set_metadata(found.metadata);
        let scopes = match scope {
            Some(scope) => scope.split(' ').map(str::to_owned).collect(),
            None => manager.select_initial_scopes(&[]).await,
        };
        let config = credentials(url, id, secret, scopes);
        manager.validate_client_credentials_metadata(&config)?;
        manager.configure_client_credentials(&config)?;
        manager.exchange_client_credentials(&config).await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { client: AuthClient::new(http, manager), id: id.to_owned(), secret: secret.to_owned() })
    }

    async fn connect(&self, url: &str) -> Result<Connected, Failure> {
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let transport = StreamableHttpClientTransport::with_client(self.client.clone(), config);
        Ok(().serve(transport).await?)
    }

    /// Requests a token with the scopes in the challenge, in addition to the current ones.
    async fn step_up(&self, url: &str, challenge: &str) -> Result<(), Failure> {
        let challenge = WWWAuthenticateParams::parse(challenge, &url.parse()?);
        if !challenge.is_insufficient_scope() {
            return Err("the server wants something else than a scope".into());
        }
        let manager: &Arc<Mutex<AuthorizationManager>> = &self.client.auth_manager;
        let manager = manager.lock().await;
        let scopes = manager.select_scopes(challenge.scope.as_deref(), &[]);
        manager.exchange_client_credentials(&credentials(url, &self.id, &self.secret, scopes)).await?;
        Ok(())
    }
}

fn credentials(url: &str, id: &str, secret: &str, scopes: Vec<String>) -> ClientCredentialsConfig {
    ClientCredentialsConfig::ClientSecret {
        client_id: id.to_owned(),
        client_secret: secret.to_owned(),
        scopes,
        resource: Some(url.to_owned()),
    }
}
