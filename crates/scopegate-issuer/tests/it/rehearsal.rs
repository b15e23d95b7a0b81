//! The counts of a rehearsal, for resource servers of known behavior.

use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scopegate_issuer::{Event, LocalIssuer, Pool, Rehearsal};

use crate::independent::verify;

const A_MOMENT: Duration = Duration::from_millis(100);

async fn pool() -> Pool {
    LocalIssuer::start().await.unwrap().default_pool()
}

fn rehearsal(pool: &Pool) -> Rehearsal {
    Rehearsal::new(pool).callers(3).duration(A_MOMENT)
}

/// A server that never fetches keys again.
fn never_looks_again(pool: &Pool) -> impl Fn(String) -> std::future::Ready<bool> + Send + Sync + 'static {
    let jwks = pool.jwks();
    move |token| ready(verify(&token, &jwks).is_ok())
}

/// A server that always has the published keys.
fn all_knowing(pool: &Pool) -> impl Fn(String) -> std::future::Ready<bool> + Send + Sync + 'static {
    let pool = pool.clone();
    move |token| ready(verify(&token, &pool.jwks()).is_ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_with_current_keys_rejects_exactly_removed_keys() {
    let pool = pool().await;
    for event in Event::ALL.into_iter().filter(|event| !matches!(event, Event::PublishLate(_))) {
        let report = rehearsal(&pool).play(event, all_knowing(&pool)).await;
        assert_eq!((report.event, report.valid_rejected, report.fetches), (event, 0, 0), "{report}");
        assert!(report.sent >= 6, "{report}");
        assert_eq!(report.removed_key_rejected_after.is_some(), event.removes_a_key(), "{report}");
    }
}

/// A server that asks the introspection endpoint about each token.
fn asks_each_time(pool: &Pool) -> impl Fn(String) -> Introspected + Send + Sync + 'static {
    let http = reqwest::Client::builder().timeout(A_MOMENT).build().unwrap();
    let endpoint = pool.introspection_endpoint();
    move |token| {
        let request = http.post(&endpoint).basic_auth(CLIENT.0, Some(CLIENT.1)).form(&[("token", token)]);
        Box::pin(async move {
            let Ok(response) = request.send().await else { return false };
            let body: Option<serde_json::Value> = response.json().await.ok();
            body.is_some_and(|body| body["active"] == true)
        })
    }
}

type Introspected = std::pin::Pin<Box<dyn Future<Output = bool> + Send>>;

/// The built-in client.
const CLIENT: (&str, &str) = ("local-reader", "local-reader-secret");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_introspection_reject_valid_tokens() {
    let pool = pool().await;
    for event in Event::INTROSPECTION {
        let is_failure = !matches!(event, Event::IntrospectionRecovery | Event::TokenRevoked);
        let report = rehearsal(&pool).opaque_tokens().play(event, asks_each_time(&pool)).await;
        assert_eq!(report.valid_rejected > 0, is_failure, "{report}");
        assert_eq!(report.removed_key_rejected_after.is_some(), event == Event::TokenRevoked, "{report}");
        assert!(report.introspections >= 3 && report.fetches == 0, "{report}");
        pool.trigger(Event::IntrospectionRecovery);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_token_is_found_in_both_forms() {
    let pool = pool().await;
    let never_asks = move |_| ready(true);
    let report = rehearsal(&pool).opaque_tokens().play(Event::TokenRevoked, never_asks).await;
    assert_eq!((report.valid_rejected, report.removed_key_rejected_after), (0, None), "{report}");
    assert!(report.to_string().contains("never"), "{report}");
    let report = rehearsal(&pool).play(Event::TokenRevoked, asks_each_time(&pool)).await;
    assert_eq!(report.valid_rejected, 0, "{report}");
    assert!(report.removed_key_rejected_after.is_some(), "a JWT: {report}");
    let (one, other) = (pool.opaque_token(&pool.mint()), pool.opaque_token(&pool.mint()));
    pool.revoke_token(&one);
    assert!(!asks_each_time(&pool)(one).await && asks_each_time(&pool)(other.clone()).await);
    pool.trigger(Event::TokenRevoked);
    assert!(!asks_each_time(&pool)(other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_server_rejects_new_and_accepts_removed_keys() {
    for (event, names_a_new_key) in [
        (Event::RotateWithOverlap, true),
        (Event::RotateWithoutOverlap, true),
        (Event::ReuseKeyId, true),
        (Event::ServerError, false),
    ] {
        let pool = pool().await;
        let report = rehearsal(&pool).play(event, never_looks_again(&pool)).await;
        assert_eq!(report.valid_rejected > 0, names_a_new_key, "{report}");
        assert_eq!(report.first_rejected_after.is_some(), names_a_new_key, "{report}");
        assert_eq!(report.removed_key_rejected_after, None, "{report}");
        assert_eq!(report.to_string().contains("never"), event.removes_a_key(), "{report}");
    }
}

#[tokio::test]
async fn rejections_are_counted_until_late_key_is_published() {
    let pool = pool().await;
    let late = Event::PublishLate(A_MOMENT);
    let report = rehearsal(&pool).duration(10 * A_MOMENT).play(late, all_knowing(&pool)).await;
    assert!(report.valid_rejected > 0, "{report}");
    assert!(report.last_rejected_after.unwrap() >= report.first_rejected_after.unwrap(), "{report}");
    assert!(report.last_rejected_after.unwrap() < 9 * A_MOMENT, "{report}");
}

#[tokio::test]
async fn tokens_and_report_name_can_be_set() {
    let pool = pool().await;
    let others = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&others);
    let is_accepted = move |token: String| {
        // Only the tokens of this test do not begin with a JSON object.
        seen.fetch_or(!token.starts_with("eyJ"), Ordering::SeqCst);
        ready(true)
    };
    let rehearsal = rehearsal(&pool).name("mine").token(|mint| mint.raw_header("nonsense"));
    let report = rehearsal.play(Event::ServerError, is_accepted).await;
    assert!(others.load(Ordering::SeqCst) && report.to_string().starts_with("| mine "), "{report}");
}

#[tokio::test]
async fn callers_send_requests_concurrently() {
    let pool = pool().await;
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(0)));
    let seen = Arc::clone(&most);
    let is_accepted = move |_| {
        let (under_way, seen) = (Arc::clone(&under_way), Arc::clone(&seen));
        async move {
            let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
            {
                let mut most = seen.lock().unwrap();
                *most = now.max(*most);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            true
        }
    };
    rehearsal(&pool).callers(5).play(Event::Html, is_accepted).await;
    assert_eq!(*most.lock().unwrap(), 5);
}

#[tokio::test]
async fn panic_in_caller_ends_rehearsal() {
    let pool = pool().await;
    for panics_at in [1, 20] {
        let asked = AtomicUsize::new(0);
        let is_accepted = move |_| {
            let panics = asked.fetch_add(1, Ordering::SeqCst) >= panics_at;
            async move {
                assert!(!panics, "as the test says");
                true
            }
        };
        let rehearsal = rehearsal(&pool);
        let played = tokio::spawn(async move { rehearsal.play(Event::Reset, is_accepted).await });
        let reason = played.await.unwrap_err().into_panic();
        assert_eq!(reason.downcast_ref::<&str>(), Some(&"as the test says"));
    }
}
