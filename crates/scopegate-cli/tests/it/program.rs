//! Runs the program.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::json;

/// The result of a run.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) errors: String,
}

pub(crate) fn program() -> Command {
    with_clean_environment(Command::new(env!("CARGO_BIN_EXE_scopegate")))
}

/// Returns the program with this maximum number of open files.
pub(crate) fn program_with_files(limit: u32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_scopegate"));
    with_clean_environment(command)
}

fn with_clean_environment(mut command: Command) -> Command {
    for name in ["CLIENT_SECRET", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    for name in ["CONFIG", "LOG", "ISSUER_CONFIG", "ISSUER_LISTEN"] {
        command.env_remove(format!("SCOPEGATE_{name}"));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program with this standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Run {
    let mut child = command.spawn().unwrap();
    // The program may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn run(arguments: &[&str], input: &str) -> Run {
    run_with(program().args(arguments), input)
}

/// Writes a file with a name that no other test has.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, text).unwrap();
    file
}

pub(crate) const POOL: &str = "eu-west-1_Ab12Cd34E";
pub(crate) const POOL_ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
pub(crate) const CLIENT: &str = "1example23456789";

/// The time at which the tokens of [`Offline`] are issued, in seconds since 1970, and in RFC 3339.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const AT: &str = "2027-01-15T08:00:00Z";

/// Returns a valid token of the Cognito pool.
pub(crate) fn cognito_token() -> Mint {
    Mint::cognito(POOL_ISSUER, CLIENT).issued_at(NOW).lifetime(3_600)
}

/// Keys in a file, so that no network is needed.
pub(crate) struct Offline {
    key: SigningKey,
    jwks: PathBuf,
}

impl Offline {
    /// `name` names the file. No two tests may have the same.
    pub(crate) fn new(name: &str) -> Self {
        let key = SigningKey::generate(Algorithm::RS256).with_kid("key-1");
        let jwks = json!({ "keys": [key.jwk()] }).to_string();
        Self { jwks: file(&format!("{name}.jwks.json"), &jwks), key }
    }

    pub(crate) fn sign(&self, mint: &Mint) -> String {
        mint.sign_with(&self.key)
    }

    /// Explains a token for the pool and its client.
    pub(crate) fn explain(&self, mint: &Mint, more: &[&str]) -> Run {
        self.explain_for(&["--cognito", POOL, "--client", CLIENT], &self.sign(mint), more)
    }

    pub(crate) fn explain_for(&self, trusted: &[&str], input: &str, more: &[&str]) -> Run {
        let mut command = program();
        command.arg("explain").args(trusted).arg("--jwks").arg(&self.jwks);
        if !more.contains(&"--at") {
            command.args(["--at", AT]);
        }
        run_with(command.args(more), input)
    }
}
