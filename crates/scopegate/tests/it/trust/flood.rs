//! What can attackers cause who invent issuers, or name real ones without having their tokens?

use std::time::Duration;

use scopegate::{Error, Verifier};
use scopegate_issuer::Mint;
use testkit::{CLIENT, poll_once};
use tokio::time::{Instant, sleep};

use super::fixture::{Tenants, accepts, key, status, tenant, token};

/// Unsigned tokens of invented issuers, made quickly.
struct Forger {
    header: String,
    payload: String,
}

impl Forger {
    fn new() -> Self {
        let token = Mint::cognito("NAME", CLIENT).without_claim("token_use").sign_with(key());
        let mut parts = token.split('.');
        let header = parts.next().unwrap().to_owned();
        let payload = base64::decode(parts.next().unwrap());
        Self { header, payload }
    }

    fn token(&self, name: &str) -> String {
        let payload = base64::encode(&self.payload.replace("NAME", name));
        format!("{}.{payload}.{}", self.header, "A".repeat(86))
    }
}

mod base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    pub(super) fn decode(text: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    pub(super) fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }
}

#[tokio::test(start_paused = true)]
async fn invented_issuers_cause_only_bounded_calls() {
    flood(50_000).await;
}

/// `cargo test --release -p scopegate --test it -- --ignored --nocapture million_invented`
#[tokio::test(start_paused = true)]
#[ignore = "takes minutes without optimization"]
async fn million_invented_issuers_cause_only_bounded_calls() {
    flood(1_000_000).await;
}

#[allow(clippy::print_stderr, reason = "the documentation has these figures")]
async fn flood(names: usize) {
    let tenants = Tenants::default();
    let live: Vec<String> = (0..20).map(|n| tenant(format_args!("live-{n}"))).collect();
    for name in &live {
        tenants.sign_up(name);
    }
    let verifier =
        Verifier::builder().trust_dynamic(tenants.issuers().max_issuers(20)).start().await.unwrap();
    for name in &live {
        assert!(accepts(&verifier, name).await);
    }
    tenants.delay(5);
    let cached: Vec<String> = live.iter().map(|name| token(name)).collect();
    let (forger, began, before) = (Forger::new(), Instant::now(), tenants.calls());
    let mut undecided = 0;
    let mut times = Vec::new();
    for number in 0..names {
        let invented = forger.token(&tenant(number));
        match verifier.verify(&invented) {
            Err(Error::IssuerUnavailable { .. }) => undecided += 1,
            other => panic!("{other:?}"),
        }
        if number % 500 == 0 {
            // 500,000 names each second.
            sleep(Duration::from_millis(1)).await;
            for token in &cached {
                let began = std::time::Instant::now();
                assert!(verifier.verify(token).is_ok(), "live issuers are not displaced");
                times.push(began.elapsed());
            }
        }
    }
    let (calls, elapsed) = (tenants.calls() - before, began.elapsed());
    // 32 at a time, of 5 ms each.
    let budget = 32 * (elapsed.as_millis() / 5 + 1);
    assert!(u128::try_from(calls).unwrap() <= budget, "{calls} calls in {elapsed:?}");
    assert_eq!((undecided, tenants.most_running()), (names, 32));
    times.sort_unstable();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    eprintln!("{names} names in {elapsed:?}: {calls} calls; valid tokens: median {median:?}, p99 {p99:?}");
    let status = status(&verifier);
    assert!(status.pending_calls <= 1_024, "{}", status.pending_calls);
    assert_eq!((status.live_issuers, status.evicted_issuers), (20, 0));
    assert_eq!(tenants.calls() - before, calls);
}

#[tokio::test(start_paused = true)]
async fn invented_issuers_that_the_filter_rejects_cause_no_call() {
    let tenants = Tenants::default();
    tenants.sign_up(&tenant("a"));
    let filtered = tenants.issuers().filter(|iss| iss.strip_prefix("https://tenants.example/") == Some("a"));
    let verifier = Verifier::builder().trust_dynamic(filtered).start().await.unwrap();
    let forger = Forger::new();
    for number in 0..10_000 {
        let rejected = verifier.verify(forger.token(&tenant(number)));
        assert!(matches!(rejected, Err(Error::UnknownIssuer { .. })));
    }
    assert_eq!((tenants.calls(), status(&verifier).pending_calls), (0, 0));
    assert!(accepts(&verifier, &tenant("a")).await);
}

#[tokio::test(start_paused = true)]
async fn new_tenant_gets_in_during_a_flood() {
    let tenants = Tenants::default();
    // 800 calls each second.
    tenants.delay(10);
    let verifier = Verifier::builder().trust_dynamic(tenants.issuers().max_calls(8)).start().await.unwrap();
    let forger = Forger::new();
    let attack = {
        let verifier = verifier.clone();
        tokio::spawn(async move {
            // 2,000 names each second, at random times. With a fixed beat, one party would always come first.
            let mut random = fastrand::Rng::with_seed(7);
            for number in 0_u64.. {
                for part in 0..6 {
                    drop(verifier.verify(forger.token(&tenant(format_args!("{number}-{part}")))));
                }
                sleep(Duration::from_millis(random.u64(1..=4))).await;
            }
        })
    };
    sleep(Duration::from_secs(1)).await;
    let mut attempts = Vec::new();
    for number in 0..3 {
        let name = tenant(format_args!("new-{number}"));
        tenants.sign_up(&name);
        let mut tries = 1;
        while !accepts(&verifier, &name).await {
            tries += 1;
            // As `Retry-After` says, and not in step with the attacker.
            sleep(Duration::from_millis(1_003)).await;
        }
        attempts.push(tries);
    }
    attack.abort();
    attempts.sort_unstable();
    assert!(attempts[1] <= 8 && attempts[2] <= 20, "{attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn real_issuers_without_tokens_displace_an_eighth_at_most() {
    let tenants = Tenants::default();
    let verifier =
        Verifier::builder().trust_dynamic(tenants.issuers().max_issuers(80)).start().await.unwrap();
    let busy: Vec<String> = (0..80).map(|n| tenant(format_args!("busy-{n}"))).collect();
    for name in &busy {
        tenants.sign_up(name);
        assert!(accepts(&verifier, name).await);
    }
    let forger = Forger::new();
    for number in 0..1_000 {
        let name = tenant(format_args!("named-{number}"));
        tenants.sign_up(&name);
        let unsigned = forger.token(&name);
        let error = verifier.verify_or_refresh(&unsigned).await.unwrap_err();
        assert!(matches!(error, Error::BadSignature { .. }), "{error}");
    }
    assert_eq!(status(&verifier).live_issuers, 80);
    let stay = busy.iter().filter(|name| verifier.verify(token(name)).is_ok()).count();
    assert!(stay >= 80 - 11, "{stay} of 80 stay");
}

#[tokio::test]
async fn least_recently_used_issuer_is_dropped_with_its_cached_tokens() {
    let tenants = Tenants::default();
    let verifier = Verifier::builder().trust_dynamic(tenants.issuers().max_issuers(3)).start().await.unwrap();
    let names: Vec<String> = (0..4).map(tenant).collect();
    for name in &names {
        tenants.sign_up(name);
    }
    for name in &names[..3] {
        assert!(accepts(&verifier, name).await);
    }
    let tokens: Vec<String> = names.iter().map(|name| token(name)).collect();
    assert!(tokens[..3].iter().all(|token| verifier.verify(token).is_ok()));
    // A look at their use, which comes with each arrival.
    tenants.sign_up(&tenant("x"));
    assert!(accepts(&verifier, &tenant("x")).await);
    let live = |number: usize| verifier.issuer_status(&names[number]).is_some();
    let dropped = (0..3).find(|number| !live(*number)).unwrap();
    let others: Vec<usize> = (0..3).filter(|number| *number != dropped).collect();
    assert!(matches!(verifier.verify(&tokens[dropped]), Err(Error::IssuerUnavailable { .. })));
    // A cached token is a use.
    assert!(verifier.verify(&tokens[others[0]]).is_ok() && accepts(&verifier, &tenant("x")).await);
    while status(&verifier).pending_calls > 0 {
        tokio::task::yield_now().await;
    }
    assert!(live(dropped) && live(others[0]) && !live(others[1]));
    assert_eq!(status(&verifier).evicted_issuers, 2);
}

#[tokio::test]
async fn requests_that_wait_for_one_call_are_limited_to_1024() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    tenants.delay(500);
    let (verifier, token) = (tenants.verifier(), token(&a));
    let mut waiting: Vec<_> = (0..1_024).map(|_| Box::pin(verifier.verify_or_refresh(&token))).collect();
    for caller in &mut waiting {
        assert!(poll_once(caller).await.is_none());
    }
    let one_more = poll_once(verifier.verify_or_refresh(&token)).await.expect("it does not wait");
    assert!(matches!(one_more, Err(Error::IssuerUnavailable { .. })), "{one_more:?}");
    for caller in waiting {
        assert!(caller.await.is_ok());
    }
}
