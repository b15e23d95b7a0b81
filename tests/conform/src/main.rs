//! Runs `scopegate conform` against each peer, and writes or compares docs/generated/conform.md.
//! `scripts/conform` starts it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod page;
mod peer;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use crate::peer::PEERS;

const PAGE: &str = "docs/generated/conform.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, program, write) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder, program] => (folder, program, false),
        [folder, program, "--write"] => (folder, program, true),
        _ => return failed("expected FOLDER PROGRAM [--write]"),
    };
    let columns: Vec<_> = PEERS.iter().map(|peer| peer.run(Path::new(folder), Path::new(program))).collect();
    let text = page::text(&columns);
    println!("{text}");
    if write {
        return match fs::write(PAGE, text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&format!("{PAGE}: {error}")),
        };
    }
    match fs::read_to_string(PAGE) {
        Ok(page) if page == text => ExitCode::SUCCESS,
        Ok(_) => failed(&format!("{PAGE} differs: scripts/conform --write renews it")),
        Err(error) => failed(&format!("{PAGE}: {error}")),
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("conform-peers: {reason}");
    ExitCode::FAILURE
}
