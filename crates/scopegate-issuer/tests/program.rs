//! The command-line program: its output, rejected settings, and signals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic here is the failure of the test"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scopegate-issuer"));
    for setting in ["CONFIG", "LISTEN", "ALLOW_OTHER_MACHINES", "ALLOW_HOSTS", "URL"] {
        command.env_remove(format!("SCOPEGATE_ISSUER_{setting}"));
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A program that is stopped on drop, even if a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program, and reads its output up to the line that contains `last`.
fn start(command: &mut Command, last: &str) -> (Running, String) {
    let mut running = Running(command.spawn().unwrap());
    let mut printed = String::new();
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        printed.push_str(&line);
        printed.push('\n');
        if line.contains(last) {
            return (running, printed);
        }
    }
    let mut errors = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    panic!("the program ended early: {errors}");
}

fn config_file(name: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, text).unwrap();
    file
}

const SHOP: &str = r#"
    [[pools]]
    id = "eu-west-1_Shop00001"
    resource_servers = [{ identifier = "orders", scopes = ["read"] }]
    clients = [{ id = "report's", secret = "s3cr3t-of-report", scopes = ["orders/read"] }]
"#;

fn rejected(output: &Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    assert!(output.stdout.is_empty());
    errors
}

#[tokio::test]
async fn built_in_clients_are_printed_as_curl_commands() {
    let (_running, printed) = start(program().args(["--listen", "127.0.0.1:0"]), "local-other-secret");
    let url = printed.lines().next().unwrap().rsplit_once(' ').unwrap().1;
    let issuer = format!("{url}/eu-west-1_Local0001");
    assert!(printed.contains(&format!("issuer    {issuer}\n")), "{printed}");
    assert!(printed.contains(&format!("jwks_uri  {issuer}/.well-known/jwks.json\n")), "{printed}");
    let curl = format!(
        "curl -d grant_type=client_credentials --data-urlencode 'client_id=local-reader' \
         --data-urlencode 'client_secret=local-reader-secret' {issuer}/oauth2/token\n"
    );
    assert!(printed.contains(&curl), "{printed}");
    assert_eq!(reqwest::get(format!("{issuer}/.well-known/jwks.json")).await.unwrap().status(), 200);
}

#[test]
fn secret_of_a_file_is_not_printed() {
    let file = config_file("shop.toml", SHOP);
    let (_running, printed) = start(program().env("SCOPEGATE_ISSUER_CONFIG", file), "curl");
    assert!(!printed.contains("s3cr3t-of-report"), "{printed}");
    assert!(
        printed.contains(r#"'client_id=report'\''s' --data-urlencode "client_secret=$SECRET""#),
        "{printed}"
    );
}

#[test]
fn address_other_than_loopback_is_rejected() {
    for output in [
        program().args(["--listen", "0.0.0.0:0"]).output().unwrap(),
        program().env("SCOPEGATE_ISSUER_LISTEN", "0.0.0.0:0").output().unwrap(),
    ] {
        let errors = rejected(&output);
        assert!(errors.contains("development server, not for production"), "{errors}");
    }
}

/// Starts and stops the program. Returns its output and its log.
fn start_and_end(command: &mut Command) -> (String, String) {
    let (mut running, printed) = start(command, "local-other-secret");
    running.0.kill().unwrap();
    let mut logged = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
    (printed, logged)
}

#[test]
fn other_machines_allowed_logs_a_warning() {
    // FR-E1
    const WARNING: &str = "listening on a non-loopback address, other machines can get tokens";
    let any = ["--listen", "0.0.0.0:0", "--allow-host", "issuer:9400"];
    let (printed, logged) = start_and_end(program().args(any).arg("--allow-other-machines"));
    assert!(printed.contains("issuer    http://issuer:9400/eu-west-1_Local0001\n"), "{printed}");
    assert!(printed.lines().next().unwrap().contains("Listening on http://0.0.0.0:"), "{printed}");
    let warning = logged.lines().find(|line| line.contains(WARNING)).unwrap_or_else(|| panic!("{logged}"));
    assert!(warning.contains("WARN") && warning.contains("0.0.0.0:"), "{warning}");
    let (printed, logged) = start_and_end(
        program()
            .args(["--listen", "127.0.0.1:0", "--allow-other-machines"])
            .env("SCOPEGATE_ISSUER_ALLOW_HOSTS", "one,two:1")
            .env("SCOPEGATE_ISSUER_URL", "http://three:2"),
    );
    assert!(printed.contains("issuer    http://three:2/"), "{printed}");
    assert!(!logged.contains(WARNING), "{logged}");

    let errors = rejected(&program().args(any).output().unwrap());
    assert!(errors.contains("or `allow_other_machines`, found 0.0.0.0:0"), "{errors}");
    let errors = rejected(&program().args(["--allow-host", "*"]).output().unwrap());
    assert!(
        errors.contains("`allow_hosts[0]`: expected a host name") && errors.contains("\"*\""),
        "{errors}"
    );
}

#[test]
fn address_without_port_is_rejected_in_one_line() {
    let errors = rejected(&program().args(["--listen", "localhost"]).output().unwrap());
    assert!(
        errors.contains("--listen: expected an address and a port") && errors.contains("localhost"),
        "{errors}"
    );
}

#[test]
fn invalid_file_is_rejected_without_its_secrets() {
    let misspelt = config_file("misspelt.toml", &SHOP.replace("secret =", "secrte ="));
    let errors = rejected(&program().arg("--config").arg(misspelt).output().unwrap());
    assert!(errors.contains("misspelt.toml: line 5") && errors.contains("secrte"), "{errors}");
    assert!(!errors.contains("s3cr3t"), "{errors}");

    let errors = rejected(&program().args(["--config", "no-such-file.toml"]).output().unwrap());
    assert!(errors.contains("no-such-file.toml: cannot read file"), "{errors}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_stop_with_success() {
    for signal in ["INT", "TERM"] {
        let (mut running, _) = start(program().args(["--listen", "127.0.0.1:0"]), "Listening on");
        let id = running.0.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        assert_eq!(running.0.wait().unwrap().code(), Some(0), "{signal}");
    }
}
