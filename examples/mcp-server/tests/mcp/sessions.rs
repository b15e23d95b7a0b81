//! MCP sessions behind our layers. The program has no sessions. With rmcp's default settings, a
//! server has sessions: it holds a stream (`GET`) open for each, and accepts a session id from any
//! caller with a valid token.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rmcp::service::{NotificationContext, Peer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use scopegate_axum::{Issuer, ProtectedResource, Verifier};
use scopegate_issuer::LocalIssuer;
use serde_json::{Value, json};
use testkit::{listen, serve_on};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use tower::Layer as _;

use crate::rig::Rig;

const SESSION: &str = "mcp-session-id";
const READ: &str = "https://my-api-server.org/api.read";

fn initialize() -> Value {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
}

fn post(http: &Client, url: &str, token: &str, message: &Value) -> RequestBuilder {
    let request = http.post(url).bearer_auth(token).header("accept", "application/json, text/event-stream");
    request.header("content-type", "application/json").body(message.to_string())
}

fn get(http: &Client, url: &str, session: &str) -> RequestBuilder {
    http.get(url).header("accept", "text/event-stream").header(SESSION, session)
}

#[tokio::test]
async fn program_has_neither_sessions_nor_streams() {
    // F14
    let rig = Rig::with_local_issuer().await;
    let token = rig.token(&rig.url, "notes/read").await;
    let begun = post(&rig.http, &rig.url, &token, &initialize()).send().await.unwrap();
    assert_eq!((begun.status(), begun.headers().get(SESSION)), (StatusCode::OK, None));
    let stream = || get(&rig.http, &rig.url, "made-up");
    assert_eq!(stream().bearer_auth(&token).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    let refused = stream().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("resource_metadata=") && challenge.contains(r#"scope="notes/read""#),
        "{challenge}"
    );
    let end = rig.http.delete(&rig.url).bearer_auth(&token).header(SESSION, "made-up");
    assert_eq!(end.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Sends the peer of each initialized client to the test.
#[derive(Clone)]
struct Handler(UnboundedSender<Peer<RoleServer>>);

impl ServerHandler for Handler {
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let _ = self.0.send(context.peer);
    }
}

/// A server with rmcp's sessions behind our layer, and two clients with valid tokens.
struct WithSessions {
    issuer: LocalIssuer,
    http: Client,
    url: String,
    peers: UnboundedReceiver<Peer<RoleServer>>,
}

impl WithSessions {
    async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().clients(["one", "two"]);
        let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
        let (listener, url) = listen().await;
        let url = format!("{url}/mcp");
        let api = ProtectedResource::new(&url, &verifier).unwrap();
        let (sender, peers) = mpsc::unbounded_channel();
        let server = StreamableHttpService::new(
            move || Ok(Handler(sender.clone())),
            Arc::new(LocalSessionManager::default()),
            StreamableHttpServerConfig::default(),
        );
        let router = Router::new().route_service("/mcp", api.require_scope(READ).layer(server));
        serve_on(listener, router);
        let http = Client::builder().no_proxy().build().unwrap();
        Self { issuer, http, url, peers }
    }

    fn token(&self, client: &str) -> String {
        self.issuer.mint().client(client).scope(READ).sign()
    }

    /// Starts a session of a client, and returns its id.
    async fn session_of(&self, client: &str) -> String {
        let token = self.token(client);
        let begun = post(&self.http, &self.url, &token, &initialize()).send().await.unwrap();
        let session = begun.headers()[SESSION].to_str().unwrap().to_owned();
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let request = post(&self.http, &self.url, &token, &initialized).header(SESSION, &session);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
        session
    }
}

/// Reads a stream until a string has arrived. Fails after [`HUNG`] or if the stream ends without
/// it.
async fn until(stream: &mut Response, wanted: &str) {
    let read = async {
        let mut read = String::new();
        while !read.contains(wanted) {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    timeout(HUNG, read).await.expect("it comes while the stream is open");
}

/// The time limit of a test that hangs. It is far longer than a slow machine needs.
const HUNG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn server_notification_passes_the_layer_at_once() {
    // F14
    let mut server = WithSessions::start().await;
    let session = server.session_of("one").await;
    let peer = server.peers.recv().await.unwrap();
    let mut stream =
        get(&server.http, &server.url, &session).bearer_auth(server.token("one")).send().await.unwrap();
    assert_eq!(
        (stream.status(), &stream.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    for _ in 0..2 {
        // The stream is still open, because the next notification arrives on it, too.
        peer.notify_tool_list_changed().await.unwrap();
        until(&mut stream, "notifications/tools/list_changed").await;
    }
}

#[tokio::test]
async fn session_id_is_no_credential() {
    // F14
    let server = WithSessions::start().await;
    let session = server.session_of("one").await;
    let stream = || get(&server.http, &server.url, &session);
    let refused = stream().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let metadata =
        format!("{}/.well-known/oauth-protected-resource/mcp", server.url.trim_end_matches("/mcp"));
    assert_eq!(
        refused.headers()["www-authenticate"].to_str().unwrap(),
        format!(r#"Bearer realm="api", resource_metadata="{metadata}", scope="{READ}""#)
    );
    for token in [server.issuer.mint().client("three").scope(READ).sign(), "not-a-token".to_owned()] {
        assert_eq!(stream().bearer_auth(token).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(stream().bearer_auth(server.token("one")).send().await.unwrap().status(), StatusCode::OK);
}

/// The reason why the program has no sessions. If rmcp binds them to a caller, this test fails, and
/// docs/guide/mcp.md must change.
#[tokio::test]
async fn rmcp_session_is_open_to_callers_with_id() {
    let mut server = WithSessions::start().await;
    let session = server.session_of("one").await;
    let ping = json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" });
    let answer = async |session: &str| {
        let request = post(&server.http, &server.url, &server.token("two"), &ping).header(SESSION, session);
        request.send().await.unwrap().status()
    };
    assert_eq!(answer(&session).await, StatusCode::OK);
    assert_eq!(answer("made-up").await, StatusCode::NOT_FOUND);
    // The second client reads a message for the first one.
    let peer = server.peers.recv().await.unwrap();
    let stream = get(&server.http, &server.url, &session).bearer_auth(server.token("two"));
    let mut stream = stream.send().await.unwrap();
    peer.notify_tool_list_changed().await.unwrap();
    until(&mut stream, "notifications/tools/list_changed").await;
}
