//! Credentials of the caller that the backend must not get: the lines of `deploy/` for gateways that remove
//! headers by their own configuration only, behind the real nginx and Caddy.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scopegate_issuer::LocalIssuer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Connection, Response};
use crate::serve::config;
use crate::service::{Service, path, run, write};

/// Runs `scopegate.conf` as one process without fixed paths.
const NGINX_CONF: &str = "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\n\
    http {\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
    uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\ninclude scopegate.conf;\n}\n";

/// A gateway with its files of `deploy/`.
struct Kind {
    name: &'static str,
    command: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
    /// The lines that remove the credentials, which are comments in the file.
    lines: [&'static str; 2],
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "nginx",
        command: &["/usr/sbin/nginx", "-p", ".", "-c", "nginx.conf"],
        files: &[
            ("nginx.conf", NGINX_CONF),
            ("scopegate.conf", include_str!("../../../../deploy/nginx/scopegate.conf")),
            ("untrusted-headers.conf", include_str!("../../../../deploy/nginx/untrusted-headers.conf")),
        ],
        lines: ["proxy_set_header Authorization \"\";", "proxy_set_header DPoP \"\";"],
    },
    Kind {
        name: "caddy",
        command: &["/usr/bin/caddy", "run", "--config", "Caddyfile"],
        files: &[("Caddyfile", include_str!("../../../../deploy/caddy/Caddyfile"))],
        lines: ["request_header -Authorization", "request_header -DPoP"],
    },
];

/// A running gateway, which is stopped on drop.
struct Gateway {
    child: Child,
    address: String,
}

impl Gateway {
    /// Starts a gateway. `strips` activates the lines. Returns `None` with a note if it is not installed.
    async fn start(kind: &Kind, strips: bool, service: &str, backend: &str) -> Option<Self> {
        let (program, arguments) = kind.command.split_first().unwrap();
        if !Path::new(program).is_file() {
            // Not captured by the test harness.
            let _ = writeln!(std::io::stderr(), "NOT RUN: {program} is not installed");
            return None;
        }
        let folder = path(&format!("strip-{}-{strips}", kind.name));
        std::fs::create_dir_all(&folder).unwrap();
        let port = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        for (name, text) in kind.files {
            let text = text.replace("127.0.0.1:9000", service).replace("127.0.0.1:8080", backend);
            let text =
                text.replace("127.0.0.1:8000", &address).replace("http://:8000", &format!("http://:{port}"));
            write(&folder.join(name), &if strips { activated(&text, kind) } else { text });
        }
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.env("HOME", &folder).env("XDG_DATA_HOME", &folder).env("XDG_CONFIG_HOME", &folder);
        let mut gateway = Self { child: command.spawn().unwrap(), address };
        gateway.wait(&folder).await;
        Some(gateway)
    }

    /// Waits until it accepts connections.
    async fn wait(&mut self, folder: &Path) {
        let started = Instant::now();
        while TcpStream::connect(&self.address).await.is_err() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap();
            assert!(self.child.try_wait().unwrap().is_none(), "{log}");
            assert!(started.elapsed() < Duration::from_secs(60), "{log}");
            tokio::task::yield_now().await;
        }
    }

    /// Returns the response of the backend, whose body is the head of its request.
    async fn ask(&self, token: &str) -> Response {
        let authorization = format!("Bearer {token}");
        let headers =
            [("host", "api.example"), ("authorization", &*authorization), ("dpop", "x"), ("x-kept", "1")];
        Connection::open(&self.address).await.send("GET /orders/7", &headers).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the file without the comment marks of the lines.
fn activated(text: &str, kind: &Kind) -> String {
    let uncommented = |line: &str| match line.trim_start().strip_prefix("# ") {
        Some(setting) if kind.lines.contains(&setting) => format!("{setting}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(uncommented).collect()
}

/// Starts a backend that responds with the head of each request.
async fn backend() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n")
                    && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0)
                {}
                let length = head.len();
                let start =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
                let _ = stream.write_all(&[start.as_bytes(), &head].concat()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn lines_of_deploy_remove_the_credentials() {
    let local = LocalIssuer::start().await.unwrap();
    let token = local.mint().scope("orders/read").sign();
    for kind in &KINDS {
        let text = config(local.issuer()).replace("\"nginx\"", &format!("\"{}\"", kind.name));
        let service = Service::start_ready(&format!("strip-{}", kind.name), &text).await;
        let backend = backend().await;
        for (strips, reaches) in [(false, true), (true, false)] {
            let Some(gateway) = Gateway::start(kind, strips, &service.decisions, &backend).await else {
                break;
            };
            let response = gateway.ask(&token).await;
            // The decision service has the token in both cases.
            assert_eq!(response.status, 200, "{} {}", kind.name, service.log());
            let head = response.body.to_ascii_lowercase();
            assert!(head.contains("x-kept: 1") && head.contains("x-auth-client: local-reader"), "{head}");
            for name in ["\nauthorization:", "\ndpop:"] {
                assert_eq!(head.contains(name), reaches, "{}: {head}", kind.name);
            }
        }
    }
}

#[test]
fn gateway_with_lines_of_its_own_is_a_mistake() {
    let text = format!("strip_credentials = true\n{}", config("https://issuer.example"));
    for kind in &KINDS {
        let file = path(&format!("strip-check-{}.toml", kind.name));
        write(&file, &text.replace("\"nginx\"", &format!("\"{}\"", kind.name)));
        let (code, out, error) = run(&["check", file.to_str().unwrap()]);
        assert_eq!((code, out.as_str()), (Some(64), ""));
        assert!(error.contains(".toml:1:21: expected `gateway = \"envoy\"`"), "{error}");
        // The message has the lines of the shipped file.
        for line in kind.lines {
            assert!(error.contains(line), "{line}: {error}");
            assert!(kind.files.iter().any(|(_, text)| text.contains(&format!("# {line}\n"))), "{line}");
        }
    }
}
