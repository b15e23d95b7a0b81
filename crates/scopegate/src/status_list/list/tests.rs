use std::time::UNIX_EPOCH;

use scopegate_issuer::Mint;
use serde_json::json;
use testkit::{CLIENT, ISSUER, KEY, NOW};

use super::*;
use crate::keys::set::KeySet;
use crate::status_list::budget::Budget;
use crate::status_list::document::{UnverifiedList, VerifiedList};
use crate::status_list::memory::{Document, FetchMemory};
use crate::token::algorithm::Algorithm;

const URI: &str = "https://status.example/1";
const MAX_STALE: Duration = Duration::from_secs(3_600);

/// Returns a verified list of three bytes, which expires in a second.
async fn verified() -> VerifiedList {
    let status_list = json!({ "bits": 2, "lst": "eNo76fITAAPfAgc" });
    let payload = json!({ "sub": URI, "iat": NOW, "exp": NOW + 1, "status_list": status_list });
    let mint = Mint::cognito(ISSUER, CLIENT).header("typ", "statuslist+jwt").raw_payload(payload.to_string());
    let memory = FetchMemory::new();
    let document = Document::new(mint.sign_with(&KEY).into_bytes(), memory.document(1).await);
    let list = UnverifiedList::read(document, Algorithm::ALL).unwrap();
    let set = KeySet::from_json(testkit::jwks([KEY.jwk()]).as_bytes(), Algorithm::ALL, None).unwrap();
    let key = Arc::clone(set.find(&list.key.id, list.key.algorithm).unwrap());
    list.verify(key, URI, now().into(), Duration::ZERO, memory.inflating().await).unwrap()
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn list(share: &Arc<Share>) -> List {
    List::new(SecureUrl::parse(URI).unwrap(), share, None)
}

#[tokio::test]
async fn ended_list_is_not_published() {
    // SL12: the fetch was under way when the list made room for another one.
    for ended in [false, true] {
        let budget = Budget::default();
        let list = list(&budget.share());
        assert!(list.begin());
        if ended {
            list.close();
        }
        list.publish(verified().await, (Instant::now(), now()), MAX_STALE, 0.5).unwrap();
        assert_eq!(list.look_up(1, now().into()) == Looked::Found(Some(2)), !ended);
        assert_eq!(budget.reserved(), if ended { 0 } else { 3 });
        assert_eq!(list.begin(), !ended);
        list.close();
        assert_eq!(budget.reserved(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_fetch_is_followed_by_a_pause() {
    // SL07: the list expires before its fetch has ended.
    for seconds in [0, 20] {
        let list = list(&Budget::default().share());
        assert!(list.begin());
        let asked = Instant::now();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        list.publish(verified().await, (asked, now()), MAX_STALE, 0.5).unwrap();
        assert_eq!(list.retry_after(), MIN_PERIOD);
        let ended = now() + Duration::from_secs(seconds);
        assert!(!list.request(ended.into()));
        // By the wall clock, the process was suspended for 5 s.
        assert!(list.request((ended + MIN_PERIOD).into()));
    }
}
