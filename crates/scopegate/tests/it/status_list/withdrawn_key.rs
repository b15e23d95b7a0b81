//! How long is a list used after the withdrawal of the key that signed it?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scopegate::{Error, Issuer, RefreshOutcome, StatusList, Verifier};
use scopegate_issuer::LocalIssuer;
use serde_json::json;
use testkit::{LOCAL_CLIENT, pass};

use super::fixture::{Reply, Server, list};

/// An issuer that publishes its keys, and a server of its lists.
struct Fixture {
    local: LocalIssuer,
    server: Server,
    verifier: Verifier,
    /// The verifier's clock, in seconds after the current time.
    ahead: Arc<AtomicU64>,
}

impl Fixture {
    async fn start() -> Self {
        let (local, server) = (LocalIssuer::start().await.unwrap(), Server::start().await);
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&ahead);
        let clock = move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::SeqCst));
        let issuer = Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
        let issuer = issuer.status_list(StatusList::required().origin(&server.url));
        let verifier = Verifier::builder().clock(clock).trust(issuer).start().await.unwrap();
        Self { local, server, verifier, ahead }
    }

    /// Creates a fixture whose list was fetched a while ago, and whose issuer has a new key since.
    async fn with_new_key(withdraws_the_old_one: bool) -> Self {
        let fixture = Self::start().await;
        fixture.publish(0);
        assert!(fixture.verify().await.is_ok());
        pass(Duration::from_secs(10)).await;
        if withdraws_the_old_one {
            fixture.local.rotate_without_overlap();
        } else {
            fixture.local.rotate();
        }
        fixture
    }

    /// Publishes a list of one status, signed with the current key.
    fn publish(&self, status: u8) {
        let mut payload = list(&self.server.uri(), 8, &[status]);
        payload["iat"] = json!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
        let mint = self.local.mint().header("typ", "statuslist+jwt").raw_payload(payload.to_string());
        self.server.reply("1", Reply::Document(mint.sign()));
    }

    /// Verifies a token that is signed with the current key.
    async fn verify(&self) -> Result<(), Error> {
        let status = json!({ "status_list": { "idx": 0, "uri": self.server.uri() } });
        let token = self.local.mint().claim("status", status).sign();
        self.verifier.verify_or_refresh(token).await.map(drop)
    }

    async fn refresh_keys(&self) {
        let outcome = self.verifier.refresh_issuer(self.local.issuer()).await.unwrap();
        assert_eq!(outcome, RefreshOutcome::Changed);
    }
}

#[tokio::test]
async fn list_is_fetched_again_without_its_key() {
    // SL08
    for withdrawn in [false, true] {
        let fixture = Fixture::with_new_key(withdrawn).await;
        fixture.publish(1);
        fixture.refresh_keys().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let result = fixture.verify().await;
        assert_eq!(matches!(result, Err(Error::InvalidStatus { .. })), withdrawn, "{result:?}");
        assert_eq!(fixture.server.requests(), 1 + usize::from(withdrawn));
    }
}

#[tokio::test]
async fn list_ends_five_minutes_after_its_key() {
    // SL08
    for withdrawn in [false, true] {
        // The server still sends the list that is signed with the old key.
        let fixture = Fixture::with_new_key(withdrawn).await;
        fixture.refresh_keys().await;
        for (seconds, usable) in [(0, true), (290, true), (301, !withdrawn)] {
            fixture.ahead.store(seconds, Ordering::SeqCst);
            let result = fixture.verify().await;
            assert_eq!(result.is_ok(), usable, "{withdrawn} {seconds}: {result:?}");
            assert!(usable || matches!(result, Err(Error::StatusUnavailable { .. })), "{result:?}");
        }
        let failure = fixture.verifier.status().issuers()[0].status_lists[0].last_failure.clone();
        assert_eq!(failure.is_some_and(|failure| failure.contains("does not publish the key")), withdrawn);
    }
}
