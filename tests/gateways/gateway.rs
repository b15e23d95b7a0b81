//! The gateways, each with its configuration of deploy/.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::caller::Call;
use crate::process::Process;
use crate::service::{Issuers, Service};
use crate::trouble::{Trouble, ensure};

/// The ports in the files of deploy/: of the gateway, the decision service and the backend.
const SHIPPED: [&str; 3] = ["8000", "9000", "8080"];

/// A kind of gateway.
pub(crate) struct Kind {
    /// The value of `gateway` in the file of the decision service.
    pub(crate) name: &'static str,
    /// The command that prints the version.
    version: &'static [&'static str],
    /// The command that starts it in its folder.
    start: &'static [&'static str],
    /// The files of deploy/ by the name that the command uses.
    files: &'static [(&'static str, &'static str)],
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
        version: &["nginx", "-v"],
        start: &["nginx", "-p", ".", "-c", "nginx.conf"],
        files: &[
            ("nginx.conf", NGINX_CONF),
            ("scopegate.conf", include_str!("../../deploy/nginx/scopegate.conf")),
        ],
    },
    Kind {
        name: "caddy",
        version: &["caddy", "version"],
        start: &["caddy", "run", "--config", "Caddyfile"],
        files: &[("Caddyfile", include_str!("../../deploy/caddy/Caddyfile"))],
    },
    Kind {
        name: "traefik",
        version: &["traefik", "version"],
        start: &["traefik", "--configFile=traefik.yaml"],
        files: &[
            ("traefik.yaml", include_str!("../../deploy/traefik/traefik.yaml")),
            ("scopegate.yaml", include_str!("../../deploy/traefik/scopegate.yaml")),
        ],
    },
    Kind {
        name: "envoy",
        version: &["envoy", "--version"],
        start: &["envoy", "-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1"],
        files: &[("envoy.yaml", include_str!("../../deploy/envoy/envoy.yaml"))],
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
    pub(crate) service: Service,
    _process: Process,
}

/// The folder of installed programs, and ours.
pub(crate) struct Programs {
    pub(crate) installed: PathBuf,
    pub(crate) scopegate: PathBuf,
}

/// The time limit for a gateway to start.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

impl Gateway {
    pub(crate) async fn start(
        kind: &Kind,
        programs: &Programs,
        issuers: &Issuers,
        backend: &str,
    ) -> Result<Self, Trouble> {
        let folder = programs.installed.join(format!("run-{}", kind.name));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let service = Service::start(&programs.scopegate, issuers, kind.name, &folder).await?;
        let address = free_address()?;
        for (name, text) in kind.files {
            std::fs::write(folder.join(name), with_ports(text, [&address, &service.address, backend]))?;
        }
        let (program, arguments) =
            kind.start.split_first().ok_or_else(|| Trouble("no command".to_owned()))?;
        let program =
            find(program, &programs.installed).ok_or_else(|| Trouble("not installed".to_owned()))?;
        let mut process = Process::start(&program, arguments, &folder, kind.name)?;
        let ready = Call::get("/files/ready", Some(&issuers.tokens.reader));
        let started = tokio::time::Instant::now();
        while !ready.send(&address).await.is_ok_and(|response| response.status == 200) {
            ensure!(
                started.elapsed() < PATIENCE && !process.has_ended(),
                "{} has not started: its output is in {}",
                kind.name,
                folder.display()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(Self { address, service, _process: process })
    }
}

/// Returns a loopback address whose port is free.
fn free_address() -> Result<String, Trouble> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Returns a file with other ports. Envoy has them in `port_value`.
fn with_ports(text: &str, addresses: [&str; 3]) -> String {
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
        let changed = with_ports(&all, ["a:1", "b:2", "c:3"]);
        for (port, shipped) in ["1", "2", "3"].into_iter().zip(SHIPPED) {
            assert!(all.contains(shipped) && !changed.contains(shipped), "{}: {shipped}", kind.name);
            assert!(
                changed.contains(&format!(":{port}")) || changed.contains(&format!(": {port} ")),
                "{port}"
            );
        }
    }
}
