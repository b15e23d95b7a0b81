//! Two instances with runtimes of their own, and one publication.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Instance, Server, revocation, server, token};

const ROUNDS: usize = 100;

/// Follows on a runtime of its own, and sends the time at which each token is rejected first.
fn instance(server: &Server, begun: Instant) -> (mpsc::Receiver<()>, mpsc::Receiver<Duration>) {
    let shared = server.shared();
    let (ready, is_ready) = mpsc::channel();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let instance = Instance::following(&shared).await;
            ready.send(()).unwrap();
            for round in 0..ROUNDS {
                let token = token(&format!("round-{round}"));
                while instance.verifier.verify(&token).is_ok() {
                    tokio::time::sleep(Duration::from_micros(100)).await;
                }
                if sender.send(begun.elapsed()).is_err() {
                    return;
                }
            }
        });
    });
    (is_ready, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_publication_is_effective_in_all_instances() {
    let server = server!();
    let begun = Instant::now();
    let instances = [instance(&server, begun), instance(&server, begun)];
    for (ready, _) in &instances {
        ready.recv().unwrap();
    }
    let shared = server.shared();
    let mut delays = Vec::new();
    for round in 0..ROUNDS {
        let published = begun.elapsed();
        shared.publish(&revocation(&format!("round-{round}"))).await.unwrap();
        let rejected = |receiver: &mpsc::Receiver<Duration>| {
            receiver.recv_timeout(Duration::from_secs(30)).expect("the token is accepted")
        };
        let last = instances.iter().map(|(_, receiver)| rejected(receiver)).max().unwrap();
        delays.push(last.saturating_sub(published));
    }
    delays.sort_unstable();
    println!("publication to rejection by both instances: p50 {:?}, p99 {:?}", delays[49], delays[98]);
    // Milliseconds on a machine with nothing else to do.
    assert!(delays[49] < Duration::from_secs(1), "{delays:?}");
}
