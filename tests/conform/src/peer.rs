//! The peers: their commands, their versions, and one run against each.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// An API that another project protects.
pub(crate) struct Peer {
    /// The package whose version the title of the column has.
    package: &'static str,
    /// The part of the title after the version.
    setting: &'static str,
    /// The list with the version, in `tests/conform`.
    list: &'static str,
    /// The marker of `scripts/lib/installed.sh`.
    marker: &'static str,
    command: &'static [&'static str],
    /// A further variable of the environment.
    variable: (&'static str, &'static str),
}

/// The results of one peer.
pub(crate) struct Column {
    pub(crate) title: String,
    /// The checks of the JSON report, or the reason why there are none.
    pub(crate) checks: Result<Vec<Value>, String>,
}

pub(crate) const PEERS: [Peer; 4] = [
    Peer {
        package: "express-oauth2-jwt-bearer",
        setting: "",
        list: "package.json",
        marker: "node",
        command: &["node", "express.mjs"],
        variable: ("STRICT", ""),
    },
    Peer {
        package: "express-oauth2-jwt-bearer",
        setting: ", `strict`",
        list: "package.json",
        marker: "node",
        command: &["node", "express.mjs"],
        variable: ("STRICT", "1"),
    },
    Peer {
        package: "PyJWT",
        setting: " in FastAPI",
        list: "requirements.txt",
        marker: "python",
        command: &["venv/bin/python", "fastapi_pyjwt.py"],
        variable: ("PYTHONUNBUFFERED", "1"),
    },
    Peer {
        package: "jwt-authorizer",
        setting: "",
        list: "jwt-authorizer/Cargo.toml",
        marker: "cargo",
        command: &["jwt-authorizer/debug/conform-jwt-authorizer"],
        variable: ("RUST_BACKTRACE", "0"),
    },
];

impl Peer {
    /// Starts the API, and plays the checks.
    pub(crate) fn run(&self, folder: &Path, program: &Path) -> Column {
        let title = format!("{} {}{}", self.package, self.version(), self.setting);
        eprintln!("{title} …");
        Column { title, checks: self.checks(folder, program) }
    }

    fn checks(&self, folder: &Path, program: &Path) -> Result<Vec<Value>, String> {
        if !folder.join(format!("installed-{}", self.marker)).exists() {
            return Err("could not be installed".to_owned());
        }
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}/orders");
        let output = Command::new(program)
            .current_dir(folder)
            .args([
                "conform",
                "--url",
                &url,
                "--scope",
                "orders/read",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--",
            ])
            .args(self.command)
            .env("PORT", port.to_string())
            .env("NODE_ENV", "test")
            .env(self.variable.0, self.variable.1)
            .stderr(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        match report.get("stopped").and_then(Value::as_str) {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(report.get("checks").and_then(Value::as_array).cloned().unwrap_or_default()),
        }
    }

    /// Returns the version in the list: the first digits after the name.
    fn version(&self) -> String {
        let list = std::fs::read_to_string(Path::new("tests/conform").join(self.list)).unwrap_or_default();
        let of_line = |line: &str| {
            let (_, rest) = line.split_once(self.package)?;
            let version = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
            Some(version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect())
        };
        let names = |line: &&str| line.trim_start().trim_start_matches('"').starts_with(self.package);
        list.lines().find(names).and_then(of_line).unwrap_or_default()
    }
}

/// Returns a port that is free now.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
