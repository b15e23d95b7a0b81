//! Many requests at once: with one token, and with invented tokens.

use std::time::{Duration, Instant};

use scopegate_axum::{Error, Verifier};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep_until;

use super::api::Api;

const INVENTED: u32 = 10_000;
/// The default budget for unseen tokens: a burst, and a rate per second.
const BUDGET: (u64, u64) = (300, 100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_first_requests_cause_one_call() {
    // IN14
    let api = Api::start(Duration::from_secs(10)).await;
    let token = api.opaque.opaque_token(&api.opaque.mint());
    let mut requests = JoinSet::new();
    for _ in 0..1_000 {
        let (verifier, token) = (api.verifier.clone(), token.clone());
        requests.spawn(async move { verifier.verify_or_refresh(&token).await.is_ok() });
    }
    assert!(requests.join_all().await.into_iter().all(|is_accepted| is_accepted));
    assert_eq!(api.opaque.introspection_requests(), 1);
    println!("LIMITS 1,000 first requests with one token · 1 call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_tokens_cause_bounded_calls() {
    // IN12, IN13
    let api = Api::start(Duration::from_secs(10)).await;
    let token = api.opaque.opaque_token(&api.opaque.mint());
    assert_eq!(api.status(&token).await, 200);
    let quiet = valid_requests(&api, &token).await;
    let before = api.opaque.introspection_requests();
    let begin = Instant::now();
    let verifier = api.verifier.clone();
    let flood = spawn_blocking(move || on_this_thread(invented_requests(verifier)));
    let (attacked, flood) = tokio::join!(valid_requests(&api, &token), flood);
    let (seconds, calls) = (begin.elapsed().as_secs_f64(), api.opaque.introspection_requests() - before);
    let ((rejected, unavailable), cpu) = flood.unwrap();
    assert_eq!(rejected + unavailable, INVENTED);
    // Renewals of the valid token need no budget.
    let whole_seconds = Duration::from_secs_f64(seconds).as_secs() + 1;
    assert!(calls <= BUDGET.0 + BUDGET.1 * whole_seconds + whole_seconds, "{calls} calls in {seconds:.1} s");
    assert!(calls >= BUDGET.0 / 2, "{calls} calls are no flood");
    println!(
        "LIMITS {INVENTED} invented tokens in {seconds:.1} s · {calls} calls · {rejected} × 401 · {unavailable} × 503 · {:.1} µs of CPU time each",
        cpu.as_secs_f64() * 1e6 / f64::from(INVENTED)
    );
    let quantile = |times: &[Duration], part: usize| times[times.len() * part / 100];
    for (name, times) in [("without flood", &quiet), ("with flood", &attacked)] {
        let (median, last) = (quantile(times, 50), quantile(times, 99));
        println!("LIMITS valid requests {name} · {} · median {median:.2?} · p99 {last:.2?}", times.len());
    }
}

/// Sends invented tokens for a second. Returns the number of rejections, and of tokens without
/// budget.
async fn invented_requests(verifier: Verifier) -> (u32, u32) {
    let (begin, mut requests) = (Instant::now(), JoinSet::new());
    for n in 0..INVENTED {
        sleep_until((begin + Duration::from_micros(100) * n).into()).await;
        let verifier = verifier.clone();
        requests.spawn(async move { verifier.verify_or_refresh(format!("invented-{n}")).await });
    }
    let (mut rejected, mut unavailable) = (0, 0);
    for result in requests.join_all().await {
        match result {
            Err(Error::Inactive { .. }) => rejected += 1,
            Err(Error::IntrospectionUnavailable { .. }) => unavailable += 1,
            other => panic!("an invented token is not accepted: {other:?}"),
        }
    }
    (rejected, unavailable)
}

/// Runs a future to its end on this thread. Returns its result, and the CPU time of the thread as Linux
/// counts it.
fn on_this_thread<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let counted = || {
        let counted = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Duration::from_nanos(counted.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0))
    };
    let before = counted();
    let result = Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    (result, counted().saturating_sub(before))
}

/// Sends requests with a valid token over a socket for a second. Returns their sorted times.
async fn valid_requests(api: &Api, token: &str) -> Vec<Duration> {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < Duration::from_secs(1) {
        let sent = Instant::now();
        assert_eq!(api.status(token).await, 200);
        times.push(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times.sort();
    times
}
