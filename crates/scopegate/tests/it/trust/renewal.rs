//! What does a renewal change if the resolver returns another issuer than before?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use scopegate::{Algorithm, Error, FetchAuthorization, Issuer, Issuers, StatusList, Verifier};
use testkit::{CLIENT, jwks, pass};
use tokio::sync::watch;
use tokio::time::sleep;

use super::fixture::{Behavior, Tenants, accepts, key, status, tenant, token};

/// How the server of the key set responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Keys,
    Fails,
    Hangs,
}

/// A protected key set, whose credentials a resolver builds anew at each call.
struct Protected {
    url: String,
    reply: watch::Sender<Reply>,
    requests: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Protected {
    async fn start() -> Self {
        let (reply, requests) = (watch::Sender::new(Reply::Keys), Arc::new(AtomicUsize::new(0)));
        let (replies, counted) = (reply.subscribe(), Arc::clone(&requests));
        let router = Router::new().fallback(async move |headers: HeaderMap| {
            counted.fetch_add(1, Ordering::SeqCst);
            assert_eq!(headers[header::AUTHORIZATION], "Basic s3cret");
            let mut replies = replies.clone();
            let reply = *replies.wait_for(|reply| *reply != Reply::Hangs).await.unwrap();
            match reply {
                Reply::Keys => jwks([key().jwk()]).into_response(),
                _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        });
        Self { url: testkit::serve(router).await, reply, requests, calls: Arc::default() }
    }

    fn issuers(&self) -> Issuers {
        let (url, calls) = (format!("{}/keys", self.url), Arc::clone(&self.calls));
        Issuers::resolver(move |iss| {
            calls.fetch_add(1, Ordering::SeqCst);
            let callback = FetchAuthorization::callback(|| async {
                Ok::<_, std::io::Error>(HeaderValue::from_static("Basic s3cret"))
            });
            let issuer = Issuer::from_jwks_uri(iss, &url).map(|draft| {
                let issuer = draft.client(CLIENT).algorithms([Algorithm::ES256]);
                Some(issuer.keys_authorization(callback))
            });
            std::future::ready(issuer)
        })
    }

    async fn until_requests(&self, requests: usize) {
        while self.requests.load(Ordering::SeqCst) < requests {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Returns a verifier of the resolver, and a token that it has accepted.
async fn accepted(protected: &Protected) -> (Verifier, String) {
    // No regular fetch of the keys is due meanwhile.
    let builder = Verifier::builder().refresh_interval(Duration::from_secs(3_600));
    let verifier = builder.trust_dynamic(protected.issuers()).start().await.unwrap();
    let token = token(&tenant("a"));
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    (verifier, token)
}

#[tokio::test]
async fn issuer_serves_until_its_successor_has_keys() {
    let protected = Protected::start().await;
    let (verifier, token) = accepted(&protected).await;
    protected.reply.send_replace(Reply::Hangs);
    pass(Duration::from_secs(490)).await;
    protected.until_requests(2).await;
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(protected.calls.load(Ordering::SeqCst), 2);
    assert_eq!(status(&verifier).pending_calls, 1);
    protected.reply.send_replace(Reply::Keys);
    while status(&verifier).pending_calls > 0 {
        assert!(verifier.verify(&token).is_ok());
        sleep(Duration::from_millis(1)).await;
    }
    assert!(verifier.verify(&token).is_ok());
    assert_eq!((status(&verifier).live_issuers, status(&verifier).failed_calls), (1, 0));
}

#[tokio::test]
async fn successor_without_keys_is_a_failed_renewal() {
    let protected = Protected::start().await;
    let (verifier, token) = accepted(&protected).await;
    protected.reply.send_replace(Reply::Fails);
    pass(Duration::from_secs(490)).await;
    while status(&verifier).failed_calls == 0 {
        assert!(verifier.verify(&token).is_ok());
        sleep(Duration::from_millis(1)).await;
    }
    assert!(verifier.verify(&token).is_ok() && verifier.issuer_status(&tenant("a")).unwrap().usable);
    // Its lifetime ends nevertheless, and the next token does not find keys.
    pass(Duration::from_secs(120)).await;
    while status(&verifier).live_issuers > 0 {
        tokio::task::yield_now().await;
    }
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert_eq!(error.kind().status(), 503, "{error}");
}

#[tokio::test(start_paused = true)]
async fn order_of_a_list_is_no_change() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    let returns = |clients: [&str; 2], algorithms: [Algorithm; 2]| {
        let issuer =
            Issuer::from_jwks(&a, &jwks([key().jwk()])).unwrap().clients(clients).algorithms(algorithms);
        tenants.set(&a, Behavior::Returns(Box::new(issuer)));
    };
    returns([CLIENT, "another"], [Algorithm::ES256, Algorithm::RS256]);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    let token = token(&a);
    let address = || verifier.verify(&token).map(|claims| claims.client_id().unwrap().as_ptr());
    let cached = address().unwrap();
    returns(["another", CLIENT], [Algorithm::RS256, Algorithm::ES256]);
    sleep(Duration::from_secs(560)).await;
    assert_eq!((tenants.calls(), address().unwrap()), (2, cached));
    returns(["another", "third"], [Algorithm::RS256, Algorithm::ES256]);
    sleep(Duration::from_secs(560)).await;
    assert!(matches!(address(), Err(Error::WrongClient { .. })));
}

#[tokio::test]
async fn status_list_rules_decide_about_a_new_start() {
    // SL15
    for (rules, is_same) in [
        (StatusList::required().origin("https://a.example").origin("https://b.example"), true),
        (StatusList::required().origin("https://a.example"), false),
    ] {
        let a = tenant("a");
        let issuer = |rules: StatusList, client: &str| {
            let issuer = Issuer::from_jwks(&a, &jwks([key().jwk()])).unwrap().client(client);
            issuer.algorithms([Algorithm::ES256]).status_list(rules)
        };
        let before = StatusList::required().origin("https://b.example").origin("https://a.example");
        let verifier = Verifier::builder().trust(issuer(before, CLIENT)).start().await.unwrap();
        let minted = scopegate_issuer::Mint::cognito(&a, CLIENT).without_claim("token_use");
        let named = serde_json::json!({ "status_list": { "idx": 0, "uri": "https://a.example/1" } });
        let token = minted.claim("status", named).sign_with(key());
        // The list is opened, and its fetch fails.
        assert!(verifier.verify(&token).is_err());
        let opened = || verifier.status().issuers()[0].status_lists.len();
        assert_eq!(opened(), 1);
        verifier.trust(issuer(rules, "another")).unwrap();
        assert_eq!(opened(), usize::from(is_same));
    }
}
