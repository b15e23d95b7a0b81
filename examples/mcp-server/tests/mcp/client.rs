//! An MCP client in one of several languages. Each client runs the same steps: it connects, lists
//! the tools, and calls `whoami`, `write_note` and `read_notes`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::rmcp_client;

/// The credentials that a client starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Knows<'a> {
    Credentials {
        id: &'a str,
        secret: &'a str,
        scope: Option<&'a str>,
    },
    /// A token, without credentials for another one.
    Token(&'a str),
}

pub(crate) enum Client {
    Rust,
    /// A script: its program, its file, and the folder of both.
    Script {
        name: &'static str,
        program: PathBuf,
        file: PathBuf,
    },
}

/// The result of a client: its response in each step, and the error that ended it.
#[derive(Debug, Default)]
pub(crate) struct Went {
    pub(crate) steps: Vec<(String, String)>,
    pub(crate) error: Option<(String, String)>,
}

#[derive(Deserialize)]
struct Told {
    step: String,
    ok: Option<String>,
    error: Option<String>,
}

impl Client {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Script { name, .. } => name,
        }
    }

    pub(crate) async fn run(&self, url: &str, issuer: &str, knows: Knows<'_>) -> Went {
        match self {
            Self::Rust => rmcp_client::run(url, knows).await,
            Self::Script { program, file, .. } => {
                let mut command = Command::new(program);
                command.arg(file).env("MCP_URL", url).env("MCP_ISSUER", issuer);
                match knows {
                    Knows::Token(token) => command.env("MCP_TOKEN", token),
                    Knows::Credentials { id, secret, scope } => {
                        command.env("MCP_CLIENT_ID", id).env("MCP_CLIENT_SECRET", secret);
                        command.envs(scope.map(|scope| ("MCP_SCOPE", scope)))
                    }
                };
                // A client also reports its errors on standard output.
                command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
                let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
                let output = output.expect("the client hangs").unwrap();
                assert!(output.status.success(), "{} ended with {}", self.name(), output.status);
                let mut went = Went::default();
                for line in String::from_utf8(output.stdout).unwrap().lines() {
                    let told: Told = serde_json::from_str(line).unwrap();
                    went.steps.extend(told.ok.map(|ok| (told.step.clone(), ok)));
                    went.error = told.error.map(|error| (told.step, error));
                }
                went
            }
        }
    }
}
