//! What can an attacker cause over sockets who invents key ids: how long is a valid new key
//! rejected, how many 5xx and fetches are there, and how much CPU time does a request take?
//!
//! It measures and asserts no time: `scripts/limits attacker` prints the table of
//! docs/reference/limits.md. The bounds are tests of the state machine, in virtual time
//! (`crates/scopegate/src/keys/refresh/schedule/tests/attacker.rs`).
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use reqwest::Client;
use scopegate_axum::{Issuer, RequireToken, Verifier};
use scopegate_issuer::{LocalIssuer, Pool};
use testkit::listen;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, sleep_until};

use crate::flood::of_no_key;

/// The attack begins so long before the issuer signs with its new key.
const EARLIER: Duration = Duration::from_secs(8);
/// The issuer publishes the key so long after that.
const LATE: Duration = Duration::from_secs(1);
const CALLER_PACE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy)]
enum Attack {
    None,
    Once,
    /// Requests with invented key ids.
    Every(Duration),
    /// Requests with a valid token, for comparison.
    ValidEvery(Duration),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes and measures time; run by hand, with scripts/limits attacker"]
async fn attacker_effects_over_sockets_are_measured() {
    let (second, flood) = (Duration::from_secs(1), Duration::from_millis(1));
    let rows = [
        ("nothing", Attack::None, Duration::ZERO),
        ("1,000 valid requests a second", Attack::ValidEvery(flood), Duration::ZERO),
        ("one request, when the key is used", Attack::Once, Duration::ZERO),
        ("one a second, from then on", Attack::Every(second), Duration::ZERO),
        ("1,000 a second, from then on", Attack::Every(flood), Duration::ZERO),
        ("one request, 8 s before", Attack::Once, EARLIER),
        ("one a second, from 8 s before", Attack::Every(second), EARLIER),
        ("1,000 a second, from 8 s before", Attack::Every(flood), EARLIER),
    ];
    println!(
        "LIMITS | attacker | requests | new key rejected for | longest wait of a caller | 5xx | fetches | CPU |"
    );
    println!("LIMITS | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut quiet = 0.0;
    for (name, attack, earlier) in rows {
        let run = if earlier.is_zero() { Duration::from_secs(10) } else { Duration::from_secs(30) };
        let seen = measure(attack, earlier, run).await;
        let cpu = seen.cpu.as_secs_f64() / run.as_secs_f64();
        if let Attack::None = attack {
            quiet = cpu;
        }
        // Of too few requests, the share cannot be told from the callers' own.
        let of_one = match seen.requests {
            1_000.. => {
                format!("{:.0} µs", (cpu - quiet) * run.as_secs_f64() * 1e6 / f64::from(seen.requests))
            }
            _ => String::new(),
        };
        println!(
            "LIMITS | {name} | {} | {:.1} s | {:.2} s | {} | {} | {of_one} |",
            seen.requests,
            seen.rejected_for.as_secs_f64(),
            seen.longest.as_secs_f64(),
            seen.unavailable,
            seen.fetches
        );
    }
}

/// What came of one attack.
struct Seen {
    requests: u32,
    rejected_for: Duration,
    longest: Duration,
    unavailable: usize,
    fetches: u64,
    cpu: Duration,
}

async fn measure(attack: Attack, earlier: Duration, run: Duration) -> Seen {
    let local = LocalIssuer::start().await.unwrap();
    let pool = local.pools().next().unwrap().clone();
    let api = Api::start(&pool);
    let (old, before) = (pool.mint().sign(), (pool.jwks_fetches(), api.cpu()));
    let began = Instant::now();
    let end = began + run;
    let of_old = calls(&api, old.clone(), end);
    let start = || attack.start(&api, old.clone(), end);
    let earlier_attacker = (!earlier.is_zero()).then(start);
    sleep_until((began + earlier).into()).await;
    // This takes the time of making a key. The issuer signs with the key from its return on.
    pool.publish_after(LATE);
    let attacker = earlier_attacker.unwrap_or_else(start);
    let of_new = calls(&api, pool.mint().sign(), end);
    let (responses, of_old, of_new) = (attacker.await.unwrap(), of_old.await.unwrap(), of_new.await.unwrap());
    let is_5xx = |status: &u16| *status >= 500;
    let callers = || of_old.iter().chain(&of_new);
    Seen {
        requests: u32::try_from(responses.len()).unwrap(),
        rejected_for: of_new
            .iter()
            .filter(|call| call.status == 401)
            .map(|call| call.at)
            .max()
            .unwrap_or_default(),
        longest: callers().map(|call| call.took).max().unwrap(),
        unavailable: responses.iter().filter(|status| is_5xx(status)).count()
            + callers().filter(|call| is_5xx(&call.status)).count(),
        fetches: pool.jwks_fetches() - before.0,
        cpu: api.cpu().saturating_sub(before.1),
    }
}

/// An API on a thread of its own, whose CPU time the kernel counts.
struct Api {
    url: String,
    thread: PathBuf,
}

impl Api {
    fn start(pool: &Pool) -> Self {
        let issuer = Issuer::cognito_at(pool.issuer()).unwrap().client(pool.clients()[0].id());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
                let router = Router::new().route("/", get(async || "ok").layer(RequireToken::new(&verifier)));
                let (listener, url) = listen().await;
                // Linux only. Elsewhere the column is empty.
                let thread = fs::read_link("/proc/thread-self").unwrap_or_default();
                sender.send(Self { url, thread: PathBuf::from("/proc").join(thread) }).unwrap();
                axum::serve(listener, router).await
            })
        });
        receiver.recv().unwrap()
    }

    fn cpu(&self) -> Duration {
        let counted = fs::read_to_string(self.thread.join("schedstat")).unwrap_or_default();
        Duration::from_nanos(counted.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0))
    }
}

impl Attack {
    /// Returns the status of each of its responses.
    fn start(self, api: &Api, token: String, end: Instant) -> JoinHandle<Vec<u16>> {
        let (client, url, began) = (Client::new(), api.url.clone(), Instant::now());
        tokio::spawn(async move {
            let pace = match self {
                Self::None => return Vec::new(),
                Self::Once => end - began,
                Self::Every(pace) | Self::ValidEvery(pace) => pace,
            };
            let mut requests = JoinSet::new();
            for n in 0_u32.. {
                let at = began + pace * n;
                if at >= end {
                    break;
                }
                sleep_until(at.into()).await;
                let token = match self {
                    Self::ValidEvery(_) => token.clone(),
                    _ => of_no_key(&token, usize::try_from(n).unwrap()),
                };
                let (client, url) = (client.clone(), url.clone());
                requests.spawn(async move { status(&client, &url, &token).await });
            }
            requests.join_all().await
        })
    }
}

/// One call of a caller.
struct Call {
    status: u16,
    /// Since the first one.
    at: Duration,
    took: Duration,
}

/// Calls with one token, each at its time, whether or not the earlier ones have a response.
fn calls(api: &Api, token: String, end: Instant) -> JoinHandle<Vec<Call>> {
    let (client, url, began) = (Client::new(), api.url.clone(), Instant::now());
    tokio::spawn(async move {
        let mut calls = JoinSet::new();
        while Instant::now() < end {
            let (client, url, token) = (client.clone(), url.clone(), token.clone());
            calls.spawn(async move {
                let asked = Instant::now();
                let status = status(&client, &url, &token).await;
                Call { status, at: asked - began, took: asked.elapsed() }
            });
            sleep(CALLER_PACE).await;
        }
        calls.join_all().await
    })
}

async fn status(client: &Client, url: &str, token: &str) -> u16 {
    client.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
}
