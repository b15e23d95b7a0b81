//! The gateways, each with its configuration of deploy/.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::caller::Call;
use crate::process::Process;
use crate::service::{Issuers, Service};
use crate::tap::Tap;
use crate::tls::Identity;
use crate::trouble::{Trouble, ensure};
use crate::variant::Variant;

/// The ports in the files of deploy/: of the gateway, the backend, and the decision service over HTTP and
/// gRPC.
const SHIPPED: [&str; 4] = ["8000", "8080", "9000", GRPC_PORT];
const GRPC_PORT: &str = "9001";

/// A kind of gateway.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The value of `gateway` in the file of the decision service.
    setting: &'static str,
    /// The value of `certificate_header` in this file. Over gRPC, no header may be read.
    certificate_header: &'static str,
    /// The command that prints the version.
    version: &'static [&'static str],
    /// The command that starts it in its folder.
    start: &'static [&'static str],
    /// The files of deploy/ by the name that the command uses.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

/// Includes the configuration in a `nginx.conf` that runs as one process without a fixed path.
const NGINX_CONF: &str = "daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include scopegate.conf;
}
";

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "nginx",
        setting: "nginx",
        certificate_header: "ssl-client-cert",
        version: &["nginx", "-v"],
        start: &["nginx", "-p", ".", "-c", "nginx.conf"],
        files: &[
            ("nginx.conf", NGINX_CONF),
            ("scopegate.conf", include_str!("../../deploy/nginx/scopegate.conf")),
            ("untrusted-headers.conf", include_str!("../../deploy/nginx/untrusted-headers.conf")),
        ],
    },
    Kind {
        name: "caddy",
        setting: "caddy",
        certificate_header: "client-cert",
        version: &["caddy", "version"],
        start: &["caddy", "run", "--config", "Caddyfile"],
        files: &[("Caddyfile", include_str!("../../deploy/caddy/Caddyfile"))],
    },
    Kind {
        name: "traefik",
        setting: "traefik",
        certificate_header: "client-cert",
        version: &["traefik", "version"],
        start: &["traefik", "--configFile=traefik.yaml"],
        files: &[
            ("traefik.yaml", include_str!("../../deploy/traefik/traefik.yaml")),
            ("scopegate.yaml", include_str!("../../deploy/traefik/scopegate.yaml")),
        ],
    },
    Kind {
        name: "envoy",
        setting: "envoy",
        certificate_header: "x-forwarded-client-cert",
        version: &["envoy", "--version"],
        start: &["envoy", "-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1"],
        files: &[("envoy.yaml", include_str!("../../deploy/envoy/envoy.yaml"))],
    },
    Kind {
        name: "envoy, gRPC",
        setting: "envoy",
        certificate_header: "x-forwarded-client-cert",
        version: &["envoy", "--version"],
        start: &["envoy", "-c", "grpc.yaml", "--disable-hot-restart", "--concurrency", "1"],
        files: &[("grpc.yaml", include_str!("../../deploy/envoy/grpc.yaml"))],
    },
];

impl Kind {
    /// Returns the version. `None` if the program is not installed.
    pub(crate) fn version(&self, installed: &Path) -> Option<String> {
        let (program, arguments) = self.version.split_first()?;
        let output = Command::new(find(program, installed)?).args(arguments).output().ok()?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.concat();
        let mut words = text.split(|one: char| one.is_whitespace() || matches!(one, '/' | 'v'));
        let is_version =
            |word: &&str| word.split('.').count() == 3 && word.starts_with(|one: char| one.is_ascii_digit());
        words.find(is_version).map(str::to_owned)
    }
}

/// Returns the path of a program in the folder of installed ones, or on the `PATH`.
fn find(program: &str, installed: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin"].map(PathBuf::from);
    let folders =
        std::iter::once(installed.join("venv/bin")).chain(std::env::split_paths(&path)).chain(system);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A running gateway, with the decision service behind it.
pub(crate) struct Gateway {
    pub(crate) address: String,
    service: Service,
    /// The connections to the service, over HTTP and gRPC.
    taps: Vec<Tap>,
    process: Process,
    folder: PathBuf,
}

/// The programs and servers that each gateway needs.
pub(crate) struct Setup {
    /// The folder of installed programs.
    pub(crate) installed: PathBuf,
    pub(crate) scopegate: PathBuf,
    pub(crate) issuers: Issuers,
    /// The certificate of the gateways.
    pub(crate) server: Identity,
    /// The address of the backend.
    pub(crate) backend: String,
}

/// The time limit for a gateway to start.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

impl Gateway {
    /// Starts it with its files.
    pub(crate) async fn start(kind: &Kind, setup: &Setup, variant: Variant) -> Result<Self, Trouble> {
        let name = format!("run-{}{}", kind.name.replace(", ", "-"), variant.name);
        let folder = setup.installed.join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let settings = variant.settings.replace("HEADER", kind.certificate_header);
        let config = setup.issuers.config(kind.setting, &settings);
        let service = Service::start(&setup.scopegate, &config, &folder).await?;
        let (http, grpc) = (Tap::start(&service.address).await?, Tap::start(&service.grpc).await?);
        let address = free_address()?;
        for (name, text) in kind.files {
            let ports = [&address, &setup.backend, &http.address, &grpc.address];
            std::fs::write(folder.join(name), with_ports(&variant.of(text), ports.map(String::as_str)))?;
        }
        setup.server.write(&folder)?;
        let (program, arguments) =
            kind.start.split_first().ok_or_else(|| Trouble("no command".to_owned()))?;
        let program = find(program, &setup.installed).ok_or_else(|| Trouble("not installed".to_owned()))?;
        let process = Process::start(&program, arguments, &folder, "gateway")?;
        let mut gateway = Self { address, service, taps: vec![http, grpc], process, folder };
        gateway.wait(setup, variant).await?;
        Ok(gateway)
    }

    /// Waits until it passes on requests.
    async fn wait(&mut self, setup: &Setup, variant: Variant) -> Result<(), Trouble> {
        let (started, tls) = (tokio::time::Instant::now(), setup.server.connector(None)?);
        loop {
            let ready = Call::get("/public/ready", None);
            let response = if variant.has_tls {
                ready.send_over(&tls, &self.address).await
            } else {
                ready.send(&self.address).await
            };
            if response.is_ok_and(|response| response.seen().is_some()) {
                return Ok(());
            }
            let is_starting = started.elapsed() < PATIENCE && !self.process.has_ended();
            ensure!(is_starting, "it has not started: its output is in {}", self.folder.display());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Replaces the key of nonces, and waits until the service uses it.
    pub(crate) async fn replace_nonce_key(&self) -> Result<(), Trouble> {
        self.service.replace_nonce_key(&self.folder).await
    }

    /// Stops the decision service. Further connections to it are refused.
    pub(crate) async fn stop_service(&mut self) -> Result<(), Trouble> {
        self.taps.clear();
        self.service.stop().await
    }

    /// Lets the decision service respond to no further question.
    pub(crate) fn silence_service(&self) {
        self.taps.iter().for_each(Tap::silence);
    }

    /// Forgets the recorded bytes.
    pub(crate) fn forget(&self) {
        self.taps.iter().for_each(Tap::clear);
    }

    /// Returns whether the service has got this text since [`Self::forget`].
    pub(crate) fn service_got(&self, text: &str) -> bool {
        self.taps.iter().any(|tap| tap.has(text))
    }
}

/// Returns a loopback address whose port is free.
fn free_address() -> Result<String, Trouble> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Returns a file with other ports. Envoy has them in `port_value`.
fn with_ports(text: &str, addresses: [&str; 4]) -> String {
    let mut text = text.to_owned();
    for (shipped, address) in SHIPPED.iter().zip(addresses) {
        let port = address.rsplit(':').next().unwrap_or_default();
        for before in [":", "port_value: "] {
            text = text.replace(&format!("{before}{shipped}"), &format!("{before}{port}"));
        }
    }
    text
}

#[test]
fn shipped_files_have_all_ports() {
    for kind in KINDS {
        let all: String = kind.files.iter().map(|(_, text)| *text).collect();
        let changed = with_ports(&all, ["a:1", "b:2", "c:3", "d:4"]);
        for (port, shipped) in ["1", "2", "3", "4"].into_iter().zip(SHIPPED) {
            let is_used = shipped != GRPC_PORT || kind.name.ends_with("gRPC");
            assert_eq!(all.contains(shipped), is_used, "{}: {shipped}", kind.name);
            assert!(!changed.contains(shipped), "{}: {shipped}", kind.name);
            let [of_host, of_envoy] = [format!(":{port}"), format!(": {port} ")];
            assert_eq!(changed.contains(&of_host) || changed.contains(&of_envoy), is_used, "{port}");
        }
    }
}
