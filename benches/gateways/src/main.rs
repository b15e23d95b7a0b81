//! The programs beside `scopegate serve`, for `scripts/bench-gateways` and `scripts/limits program`:
//!
//! - `issuers COUNT` serves issuers below one address. It prints the address, a valid token of each
//!   of the first ten, and the JWKS.
//! - `http` and `grpc` are peers without decisions. Each prints its address.
//! - `load URL SECONDS AT-A-TIME PATHS` asks over gRPC. It reads the token from standard input.
//!
//! Issuers and peers end when their standard input is closed.
#![forbid(unsafe_code)]

mod issuers;
mod peer;
mod load;

// The messages of the program itself.
#[path = "../../../crates/scopegate-cli/src/grpc/messages.rs"]
mod messages;

use std::io::Read as _;
use std::{env, io, thread};

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["issuers", count] => until_end(issuers::serve(number(count))),
        ["http"] => until_end(peer::http()),
        ["grpc"] => until_end(peer::grpc()),
        ["load", url, seconds, at_a_time, paths] => {
            let mut token = String::new();
            io::stdin().read_to_string(&mut token).expect("a token on standard input");
            let load =
                load::Load { url, token: token.trim(), seconds: number(seconds), paths: number(paths) };
            println!("{}", runtime().block_on(load.run(number(at_a_time))));
        }
        _ => {
            eprintln!("expected `issuers COUNT`, `http`, `grpc` or `load URL SECONDS AT-A-TIME PATHS`");
            std::process::exit(2);
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("expected a number, found {text:?}"))
}

/// Has as many threads as processors, like the runtime of the program.
fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// Binds a free port of the loopback address, and returns it with its URL.
async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

/// Runs a server until standard input is closed.
fn until_end(server: impl Future<Output = ()>) {
    let (ended, end) = oneshot::channel::<()>();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    runtime().block_on(async {
        tokio::select! {
            () = server => {}
            _ = end => {}
        }
    });
}
