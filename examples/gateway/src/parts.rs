//! The parts of the story: issuer, decision service, backend and gateway.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scopegate_issuer::LocalIssuer;
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::process::{Process, find};

const RULES: &str = include_str!("../scopegate.toml");
const BACKEND: &str = include_str!("../backend.py");

/// The gateway that the caller of the program wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// The first installed gateway.
    First,
    Nginx,
    Caddy,
    None,
}

/// A gateway with its files of deploy/.
struct Kind {
    name: &'static str,
    arguments: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
}

const NGINX: Kind = Kind {
    name: "nginx",
    arguments: &["-p", ".", "-c", "nginx.conf", "-e", "nginx.log"],
    files: &[
        (
            "nginx.conf",
            // One process, with all files in this folder.
            "daemon off; master_process off; pid nginx.pid; error_log stderr; events {}
             http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                    uwsgi_temp_path uwsgi; scgi_temp_path scgi; include scopegate.conf; }",
        ),
        ("scopegate.conf", include_str!("../../../deploy/nginx/scopegate.conf")),
        ("untrusted-headers.conf", include_str!("../../../deploy/nginx/untrusted-headers.conf")),
    ],
};

const CADDY: Kind = Kind {
    name: "caddy",
    arguments: &["run", "--config", "Caddyfile"],
    files: &[("Caddyfile", include_str!("../../../deploy/caddy/Caddyfile"))],
};

/// The running parts. Their processes and files are gone on drop.
pub(crate) struct Parts {
    pub(crate) issuer: LocalIssuer,
    /// The URL of the decision service.
    pub(crate) decisions: String,
    /// The URL of the gateway. `None` if there is none.
    pub(crate) gateway: Option<String>,
    /// The part of the story that differs between machines.
    pub(crate) introduction: String,
    /// The service, the backend and the gateway.
    service: Option<Process>,
    others: Vec<Process>,
    folder: Folder,
}

/// A folder of the system for temporary files. It is removed on drop.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Parts {
    pub(crate) async fn start(wanted: Wanted, scopegate: &Path) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("scopegate-gateway-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let folder = Folder(folder);
        let (python, program) = (find("python3"), installed(wanted));
        let introduction =
            introduction(wanted, program.as_ref().map(|(kind, _)| kind.name), python.is_some());
        let gateway = python.as_ref().zip(program);
        let issuer = LocalIssuer::start().await?;
        let rules = RULES.replace("https://issuer.example", issuer.issuer()).replace(":9000", ":0");
        let setting = gateway.as_ref().map_or("nginx", |(_, (kind, _))| kind.name);
        std::fs::write(folder.0.join("scopegate.toml"), rules.replace("\"nginx\"", &format!("{setting:?}")))?;
        let arguments = ["serve", "--config", "scopegate.toml"];
        let mut service = Process::start(scopegate, arguments, &folder.0)?;
        let decisions = service.first_line("decisions on ").await?;
        let service = Some(service);
        let mut parts =
            Self { issuer, decisions, gateway: None, introduction, service, others: Vec::new(), folder };
        if let Some((python, (kind, program))) = gateway {
            parts.start_backend_and_gateway(python, kind, &program).await?;
        }
        Ok(parts)
    }

    async fn start_backend_and_gateway(
        &mut self,
        python: &Path,
        kind: &Kind,
        program: &Path,
    ) -> Result<(), Failure> {
        let folder = &self.folder.0;
        std::fs::write(folder.join("backend.py"), BACKEND)?;
        let mut backend = Process::start(python, ["backend.py", "0"], folder)?;
        let backend_url = backend.first_line("backend on ").await?;
        self.others.push(backend);
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let port = |url: &str| format!(":{}", url.rsplit(':').next().unwrap_or_default());
        for (name, text) in kind.files {
            let text = text.replace(":8000", &port(&address)).replace(":8080", &port(&backend_url));
            std::fs::write(folder.join(name), text.replace(":9000", &port(&self.decisions)))?;
        }
        let mut gateway = Process::start(program, kind.arguments, folder)?;
        while TcpStream::connect(&address).await.is_err() {
            if gateway.has_ended() {
                return Err(Failure::new(format!("{} has not started: {}", kind.name, gateway.log())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.others.push(gateway);
        self.gateway = Some(format!("http://{address}"));
        Ok(())
    }

    /// Returns the programs with their ids.
    pub(crate) fn processes(&self) -> impl Iterator<Item = String> {
        self.service.iter().chain(&self.others).map(Process::title)
    }

    /// Changes the rules of the running service.
    pub(crate) fn change_rules(&self, from: &str, to: &str) -> Result<(), Failure> {
        let file = self.folder.0.join("scopegate.toml");
        let rules = std::fs::read_to_string(&file)?;
        // A rename, so that the service reads the whole file.
        let new = self.folder.0.join("new.toml");
        std::fs::write(&new, rules.replace(from, to))?;
        Ok(std::fs::rename(new, file)?)
    }

    pub(crate) async fn stop_service(&mut self) -> Result<(), Failure> {
        match self.service.take() {
            Some(service) => service.stop().await,
            None => Ok(()),
        }
    }

    /// Stops everything, and waits until all processes have ended.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.stop_service().await?;
        for process in self.others.drain(..) {
            process.stop().await?;
        }
        Ok(())
    }
}

/// Returns the sentence about the gateway: `installed` is the wanted one, if it is installed.
fn introduction(wanted: Wanted, installed: Option<&str>, has_python: bool) -> String {
    const DIRECTLY: &str = "The story asks the decision service directly";
    match (wanted, installed, has_python) {
        (Wanted::None, _, _) => format!("{DIRECTLY}, as you wish."),
        (Wanted::First, None, _) => format!("{DIRECTLY}, because neither nginx nor caddy is installed."),
        (Wanted::Nginx, None, _) => format!("{DIRECTLY}, because nginx is not installed."),
        (Wanted::Caddy, None, _) => format!("{DIRECTLY}, because caddy is not installed."),
        (_, Some(name), false) => {
            format!("{DIRECTLY}. {name} is installed, but python3 is not, so there is no backend.")
        }
        (_, Some(name), true) => format!("Callers use {name}, with its configuration of deploy/."),
    }
}

/// Returns the wanted gateway with the path of its program, if it is installed.
fn installed(wanted: Wanted) -> Option<(&'static Kind, PathBuf)> {
    let kinds: &[&Kind] = match wanted {
        Wanted::First => &[&NGINX, &CADDY],
        Wanted::Nginx => &[&NGINX],
        Wanted::Caddy => &[&CADDY],
        Wanted::None => &[],
    };
    kinds.iter().find_map(|kind| Some((*kind, find(kind.name)?)))
}

#[test]
fn introduction_names_what_is_missing() {
    for (wanted, installed, has_python, expected) in [
        (Wanted::First, Some("nginx"), true, "Callers use nginx"),
        (Wanted::First, Some("caddy"), true, "Callers use caddy"),
        (Wanted::First, Some("nginx"), false, "but python3 is not"),
        (Wanted::First, None, true, "neither nginx nor caddy is installed"),
        (Wanted::Nginx, None, true, "nginx is not installed"),
        (Wanted::Caddy, None, false, "caddy is not installed"),
        (Wanted::None, None, true, "as you wish"),
    ] {
        let text = introduction(wanted, installed, has_python);
        assert!(text.contains(expected), "{text}");
    }
}
