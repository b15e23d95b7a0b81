//! One of the apps on a loopback address, for `scripts/bench-http`: `server NAME SECONDS`.
//!
//! Prints its address and a valid token. It ends when its standard input is closed, or after this
//! number of seconds. If keys rotate, it then prints the number of fetches. The main thread serves
//! all requests.
#![forbid(unsafe_code)]

use std::io::Read as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::{env, io};

use scopegate_bench_peers::{App, Authority, Rotating, all};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

const ROTATING: &str = "scopegate-rotating";

fn main() {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    let served = runtime();
    let (ended, end) = oneshot::channel::<()>();
    thread::spawn(move || {
        wait_for_end(Duration::from_secs(seconds));
        drop(ended);
    });
    if name == ROTATING {
        let rotating = served.block_on(Rotating::start());
        served.block_on(serve(rotating.app(), &rotating.token, end));
        println!("fetches {}", rotating.fetches());
        return;
    }
    let Some(maker) = all().iter().find(|maker| maker.name == name) else {
        eprintln!(
            "there is no {name}; there are {ROTATING}, {}",
            all().iter().map(|maker| maker.name).collect::<Vec<_>>().join(", ")
        );
        std::process::exit(2);
    };
    let authority = served.block_on(Authority::start());
    let app = served.block_on((maker.make)(authority.clone()));
    served.block_on(serve(app, &authority.sign(&authority.mint()), end));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn serve(app: App, token: &str, end: oneshot::Receiver<()>) {
    app.ready(token).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback socket");
    println!("http://{}/orders {token}", listener.local_addr().expect("an address"));
    tokio::select! {
        result = app.serve(listener) => result.expect("it serves"),
        _ = end => {}
    }
}

/// Waits until standard input is closed, or until `longest` has passed.
fn wait_for_end(longest: Duration) {
    let (sender, end) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    let _ = end.recv_timeout(longest);
}
