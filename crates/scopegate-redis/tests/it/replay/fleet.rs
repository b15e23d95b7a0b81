//! Two processes, each an HTTP server with a verifier and a connection of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use scopegate::http::{Authorizer, Grant};
use scopegate_redis::{Redis, RedisReplayStore};
use testkit::{KEY, bearer, client_token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::replay::{SCOPE, TOKEN, api, proof};
use crate::server::{Server, server};

const REDIS: &str = "SCOPEGATE_TEST_REDIS";
const ISSUER_KEY: &str = "SCOPEGATE_TEST_ISSUER_KEY";
const LISTENS: &str = "listens on ";

/// A process with an HTTP server, which ends with this value.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(server: &Server) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "replay::fleet::http_server", "--ignored", "--nocapture"]);
        command.env(REDIS, server.address().to_string()).env(ISSUER_KEY, KEY.jwk().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut addresses = lines.filter_map(|line| Some(line.split_once(LISTENS)?.1.to_owned()));
        let address = addresses.next().expect("the process has ended").parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program of [`Process`].
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that other tests start"]
async fn http_server() {
    let (Ok(redis), Ok(key)) = (std::env::var(REDIS), std::env::var(ISSUER_KEY)) else { return };
    let redis = Redis::new(&format!("redis://{redis}")).unwrap();
    // A busy machine may be slow.
    let builder = RedisReplayStore::builder(&redis).timeout(Duration::from_millis(900));
    let store = builder.connect().await.unwrap();
    let api = Arc::new(api(store, serde_json::from_str(&key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{LISTENS}{}", listener.local_addr().unwrap());
    let router = Router::new().route("/orders", get(orders)).with_state(api);
    let served = tokio::spawn(async move { axum::serve(listener, router).await });
    // The end of the process that has started this one.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    served.abort();
}

async fn orders(State(api): State<Arc<Authorizer>>, request: Request) -> Response {
    let decided = api.authorize_request(request.method(), request.uri(), request.headers());
    let accepted = match decided.settle(&api).await {
        Ok(Grant::Proven(proven)) => proven.record_and_wait(None).await.map(|_| ()),
        Ok(Grant::Accepted(_)) => Ok(()),
        Err(rejection) => Err(rejection),
    };
    match accepted {
        Ok(()) => StatusCode::OK.into_response(),
        Err(rejection) => api.response(&rejection).into_response().map(Body::from),
    }
}

/// Sends a request, and returns the response.
async fn respond(address: SocketAddr, headers: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /orders HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n{headers}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.to_ascii_lowercase()
}

async fn respond_to_proof(address: SocketAddr, proof: &str) -> String {
    respond(address, format!("authorization: DPoP {}\r\ndpop: {proof}", *TOKEN)).await
}

fn has_status(response: &str, status: &str) -> bool {
    response.starts_with(&format!("http/1.1 {status} "))
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_replays_to_two_processes_have_one_winner() {
    // DP24
    let server = server!();
    let processes = [Process::start(&server), Process::start(&server)];
    for _ in 0..10 {
        let replayed = proof();
        let requests = (0..100).map(|request| {
            let (address, proof) = (processes[request % 2].address, replayed.clone());
            tokio::spawn(async move { respond_to_proof(address, &proof).await })
        });
        let (mut accepted, mut rejected) = (0, 0);
        for request in requests.collect::<Vec<_>>() {
            let response = request.await.unwrap();
            accepted += usize::from(has_status(&response, "200"));
            rejected += usize::from(
                has_status(&response, "401") && response.contains(r#"error="invalid_dpop_proof""#),
            );
        }
        assert_eq!((accepted, rejected), (1, 99));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_is_503_for_proofs_only() {
    // DP28
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let processes = [Process::start(&server), Process::start(&server)];
    let used = proof();
    assert!(has_status(&respond_to_proof(processes[0].address, &used).await, "200"));
    // Requests are under way when the server dies.
    let addresses = processes.each_ref().map(|process| process.address);
    let requests: Vec<_> = (0..100)
        .map(|request| tokio::spawn(async move { respond_to_proof(addresses[request % 2], &proof()).await }))
        .collect();
    server.kill();
    for request in requests {
        let response = request.await.unwrap();
        assert!(has_status(&response, "200") || has_status(&response, "503"), "{response}");
    }
    for address in addresses {
        let response = respond_to_proof(address, &proof()).await;
        assert!(has_status(&response, "503"), "{response}");
        assert!(response.contains("\r\nretry-after: 1\r\n"), "{response}");
        assert!(!response.contains("www-authenticate"), "{response}");
        let token = bearer(&client_token().scope(SCOPE));
        let response = respond(address, format!("authorization: {token}")).await;
        assert!(has_status(&response, "200"), "{response}");
    }
    server.restart().await;
    let begun = Instant::now();
    for address in addresses {
        while !has_status(&respond_to_proof(address, &proof()).await, "200") {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not recover");
        }
        // The append-only file has the proofs of before.
        let response = respond_to_proof(address, &used).await;
        assert!(has_status(&response, "401"), "{response}");
    }
}
