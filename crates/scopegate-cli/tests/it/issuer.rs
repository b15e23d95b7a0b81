//! Does `issuer` serve the local issuer?

use std::io::{BufRead as _, BufReader};
use std::process::Child;

use crate::program::{program, run, run_with};

/// A program that is stopped on drop, even if a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn local_issuer_serves_tokens_that_are_valid() {
    let mut running = Running(program().args(["issuer", "--listen", "127.0.0.1:0"]).spawn().unwrap());
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let issuer = lines
        .map(Result::unwrap)
        .find_map(|line| Some(line.strip_prefix("issuer ")?.trim().to_owned()))
        .unwrap();
    let mut command = program();
    command.args(["token", "--issuer", &issuer, "--client", "local-reader"]);
    let token = run_with(command.env("CLIENT_SECRET", "local-reader-secret"), "");
    assert_eq!(token.code, 0, "{}", token.errors);
    let explained = run(&["explain", "--issuer", &issuer, "--client", "local-reader"], &token.out);
    assert_eq!(explained.code, 0, "{}", explained.out);
}

#[test]
fn invalid_setting_is_a_usage_error() {
    for arguments in [["issuer", "--listen", "localhost"], ["issuer", "--config", "no-such-file.toml"]] {
        let run = run(&arguments, "");
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{}", run.errors);
        assert!(run.errors.starts_with("scopegate: "), "{}", run.errors);
    }
}
