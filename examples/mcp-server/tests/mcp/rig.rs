//! The program under test and an issuer on free ports, and a record of the requests to both.

use std::io::{self, BufRead as _, BufReader, PipeReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver};

/// Time limit for a program to start or respond. It is far longer than necessary, so only a program
/// that hangs exceeds it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) url: String,
    pub(crate) issuer: String,
    pub(crate) http: reqwest::Client,
    log: Log,
    _running: Vec<Running>,
}

impl Rig {
    /// Starts the server with its local issuer.
    pub(crate) async fn with_local_issuer() -> Self {
        Self::start(None, None).await
    }

    /// Starts the server with its local issuer, and with a resource that is not its address.
    pub(crate) async fn named(resource: &str) -> Self {
        Self::start(None, Some(resource)).await
    }

    /// Starts the server with oidc-provider as its issuer. `installed` is the folder of the
    /// script's packages.
    pub(crate) async fn with_oidc_provider(installed: &Path) -> Self {
        Self::start(Some(installed), None).await
    }

    async fn start(provider: Option<&Path>, resource: Option<&str>) -> Self {
        let (mut log, end) = Log::new().unwrap();
        let mut running = Vec::new();
        let mut server = Command::new(env!("CARGO_BIN_EXE_mcp-server"));
        server
            .args(["--listen", "127.0.0.1:0"])
            .env_remove("ISSUER")
            .env_remove("RESOURCE")
            .env_remove("LISTEN");
        if let Some(installed) = provider {
            let mut node = Command::new("node");
            node.arg(installed.join("provider.mjs")).stdout(end.try_clone().unwrap()).stderr(Stdio::null());
            running.push(Running::start(&mut node));
            server.args(["--issuer", &log.after("ready ").await]);
        }
        server.args(resource.iter().flat_map(|resource| ["--resource", resource]));
        server.env("RUST_LOG", "info,scopegate_issuer=debug");
        server.stdout(end.try_clone().unwrap()).stderr(end);
        running.push(Running::start(&mut server));
        // Closes this process's copy of the write end, so that the log ends with the programs.
        drop(server);
        let url = format!("http://{}/mcp", log.after("listening   ").await);
        let issuer = log.after("issuer      ").await;
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut rig = Self { url, issuer, http, log, _running: running };
        // Skips the requests of the server itself.
        rig.seen().await;
        rig
    }

    /// Returns the requests to the server and its issuer since the last call, in the order of the
    /// responses. Example: `401 resource issuer token 200`.
    ///
    /// - A number is the status of a response of the MCP endpoint.
    /// - `resource` is the protected-resource metadata.
    /// - `issuer` is the authorization server metadata.
    /// - `token` is the token endpoint.
    /// - A status other than 200 follows its word.
    ///
    /// Clients try to open a stream (`GET`) at any time and get 405, so this request is skipped.
    pub(crate) async fn seen(&mut self) -> String {
        const MARK: &str = "/mark";
        let origin = self.url.strip_suffix("/mcp").unwrap();
        assert_eq!(self.http.get(format!("{origin}{MARK}")).send().await.unwrap().status(), 404);
        let mut seen = Vec::new();
        loop {
            let line = self.log.line().await;
            let Some((_, answer)) = line.split_once("response sent ") else { continue };
            let value =
                |name: &str| answer.split(' ').find_map(|field| field.strip_prefix(name)).unwrap_or_default();
            let (method, path, status) = (value("method="), value("path="), value("status="));
            let what = match path {
                MARK => return seen.join(" "),
                "/mcp" if method == "GET" && status == "405" => continue,
                "/mcp" => {
                    seen.push(status.to_owned());
                    continue;
                }
                "/.well-known/oauth-protected-resource/mcp" => "resource",
                path if path.starts_with("/.well-known/oauth-authorization-server") => "issuer",
                path if path.ends_with("/token") => "token",
                other => other,
            };
            seen.push(if status == "200" { what.to_owned() } else { format!("{what}={status}") });
        }
    }

    /// Requests a token of `local-agent` for a server with a scope.
    pub(crate) async fn token(&self, resource: &str, scope: &str) -> String {
        let metadata: serde_json::Value = self.get(&metadata_of(&self.issuer)).await;
        let form = [("grant_type", "client_credentials"), ("scope", scope), ("resource", resource)];
        let request = self.http.post(metadata["token_endpoint"].as_str().unwrap()).form(&form);
        let answer = request.basic_auth("local-agent", Some("local-agent-secret")).send().await.unwrap();
        let answer: serde_json::Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn get(&self, url: &str) -> serde_json::Value {
        self.http.get(url).send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}

/// Returns the metadata URL of an issuer. RFC 8414 §3.1: the well-known part is between host and
/// path.
fn metadata_of(issuer: &str) -> String {
    let path = issuer.match_indices('/').nth(2).map_or(issuer.len(), |(at, _)| at);
    let (origin, path) = issuer.split_at(path);
    format!("{origin}/.well-known/oauth-authorization-server{path}")
}

/// The output of the programs by line. They share one pipe, so their lines are in the order of
/// writing.
struct Log(UnboundedReceiver<String>);

impl Log {
    fn new() -> io::Result<(Self, io::PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let (sender, lines) = mpsc::unbounded_channel();
        // The thread ends with the programs.
        thread::spawn(move || {
            let reader: BufReader<PipeReader> = BufReader::new(reader);
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok((Self(lines), writer))
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("a program hangs");
        line.expect("a program has ended")
    }

    async fn after(&mut self, beginning: &str) -> String {
        loop {
            if let Some(rest) = self.line().await.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }
}

/// A program that is killed on drop.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        if let Err(error) = ended {
            let _ = writeln!(io::stderr(), "a program could not be ended: {error}");
        }
    }
}
