//! Debian's Apache with `mod_oauth2`, as a proxy before an API that judges nothing itself.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::api::client;
use crate::installed::Installed;
use crate::outcome::{Trouble, ensure};
use crate::process::Process;
use crate::servers::OidcProvider;

pub(super) struct Apache {
    pub(super) url: String,
    /// Killed on drop. Its children end with it.
    _process: Process,
    api: JoinHandle<std::io::Result<()>>,
}

impl Apache {
    pub(super) async fn start(installed: &Installed, provider: &OidcProvider) -> Result<Self, Trouble> {
        let folder = installed.folder.join("apache");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let behind = listener.local_addr()?;
        let router = Router::new().route("/orders", get(async || "orders"));
        let api = tokio::spawn(async move { axum::serve(listener, router).await });
        let port = free_port().await?;
        std::fs::write(folder.join("apache.conf"), settings(&folder, port, behind, provider.jwks_uri()))?;
        let conf = folder.join("apache.conf").display().to_string();
        // One process, so that nothing of it is left behind.
        let process = Process::start("apache2", ["-X", "-f", &conf], &folder, "apache.err")?;
        let started = Self { url: format!("http://127.0.0.1:{port}"), _process: process, api };
        let (http, deadline) = (client()?, Instant::now() + Duration::from_secs(20));
        while http.get(format!("{}/orders", started.url)).send().await.is_err() {
            ensure!(Instant::now() < deadline, "apache2 has not started in time");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(started)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        self.api.abort();
    }
}

fn settings(folder: &std::path::Path, port: u16, behind: std::net::SocketAddr, jwks_uri: &str) -> String {
    let modules = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "oauth2"];
    let modules =
        modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"));
    format!(
        "ServerName 127.0.0.1\nListen 127.0.0.1:{port}\n{}\n\
         PidFile {folder}/apache.pid\nDefaultRuntimeDir {folder}\nErrorLog {folder}/error.log\n\
         User www-data\nGroup www-data\nLogLevel oauth2:debug\n\
         ProxyPass /orders http://{behind}/orders\n\
         <Location /orders>\n\
         AuthType oauth2\n\
         OAuth2AcceptTokenIn header name=Authorization&type=DPoP\n\
         OAuth2TokenVerify jwks_uri {jwks_uri} type=dpop\n\
         Require valid-user\n\
         </Location>\n",
        modules.join("\n"),
        folder = folder.display(),
    )
}

/// Returns a free port outside of the range for outgoing connections.
async fn free_port() -> Result<u16, Trouble> {
    for port in 24_693..24_793 {
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return Ok(port);
        }
    }
    Err(Trouble::failed("no port is free for apache2"))
}
