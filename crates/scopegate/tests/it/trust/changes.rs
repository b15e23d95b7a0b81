//! Can issuers be trusted, replaced and distrusted while the verifier runs?

use std::time::Duration;

use scopegate::{ConfigError, Denied, Error, Issuer, Verifier, middleware};
use scopegate_issuer::{LocalIssuer, Mint};
use testkit::{CLIENT, LOCAL_CLIENT, builder_trusting, poll_once};

use super::fixture::{issuer, key, tenant, token};

fn verifier() -> Verifier {
    Verifier::builder().trust(issuer(&tenant("a"))).build().unwrap()
}

#[test]
fn issuer_is_trusted_while_the_verifier_runs() {
    let verifier = verifier();
    let of_b = token(&tenant("b"));
    assert!(matches!(verifier.verify(&of_b), Err(Error::UnknownIssuer { .. })));
    verifier.trust(issuer(&tenant("b"))).unwrap();
    assert!(verifier.verify(&of_b).is_ok() && verifier.verify(token(&tenant("a"))).is_ok());
    assert_eq!(verifier.issuers().collect::<Vec<_>>(), [tenant("a"), tenant("b")]);
    assert!(matches!(verifier.verify(token(&tenant("c"))), Err(Error::UnknownIssuer { .. })));
}

#[test]
fn cached_token_of_distrusted_issuer_is_rejected() {
    let verifier = verifier();
    let (of_a, of_b) = (token(&tenant("a")), token(&tenant("b")));
    verifier.trust(issuer(&tenant("b"))).unwrap();
    for _ in 0..2 {
        assert!(verifier.verify(&of_a).is_ok() && verifier.verify(&of_b).is_ok());
    }
    assert_eq!(verifier.status().cached_tokens(), 2);
    assert!(verifier.distrust(&tenant("a")).unwrap() && !verifier.distrust(&tenant("a")).unwrap());
    assert!(matches!(verifier.verify(&of_a), Err(Error::UnknownIssuer { .. })));
    assert!(verifier.verify(&of_b).is_ok());
    // Trust returns with its tokens.
    verifier.trust(issuer(&tenant("a"))).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
}

#[test]
fn layers_and_compiled_requirements_keep_working() {
    let verifier = verifier();
    let required = middleware::compile(&verifier, "orders/read");
    let clone = verifier.clone();
    verifier.trust(issuer(&tenant("b"))).unwrap();
    for name in ["a", "b"] {
        let mint = |scope| Mint::cognito(&tenant(name), CLIENT).without_claim("token_use").scope(scope);
        let claims = |scope| clone.verify(mint(scope).sign_with(key())).unwrap();
        assert!(claims("orders/read").require(&required).is_ok());
        assert!(claims("orders/write").require(&required).is_err());
    }
    assert!(middleware::same_verifier(&verifier, &clone));
    assert_eq!(middleware::select_issuers(&clone, [tenant("b")]).unwrap(), [tenant("b")]);
    verifier.distrust(&tenant("b")).unwrap();
    let gone = middleware::select_issuers(&clone, [tenant("b")]);
    assert!(matches!(gone, Err(ConfigError::UntrustedIssuer { .. })));
}

#[test]
fn replaced_rules_apply_to_cached_tokens() {
    let verifier = verifier();
    let (name, of_a) = (tenant("a"), token(&tenant("a")));
    assert!(verifier.verify(&of_a).is_ok());
    let others = Issuer::from_jwks(&name, &testkit::jwks([key().jwk()])).unwrap().client("another");
    verifier.trust(others.clone()).unwrap();
    assert!(matches!(verifier.verify(&of_a), Err(Error::WrongClient { .. })));
    // FR-E5
    verifier.trust(others.client(CLIENT)).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
    verifier.trust(issuer(&name).algorithms([scopegate::Algorithm::RS256])).unwrap_err();
    assert!(verifier.verify(&of_a).is_ok(), "a set without usable keys changes nothing");
    assert_eq!(verifier.issuers().count(), 1);
}

#[test]
fn same_rules_leave_cached_tokens_alone() {
    let verifier = verifier();
    let of_a = token(&tenant("a"));
    let address = || verifier.verify(&of_a).unwrap().client_id().unwrap().as_ptr();
    let cached = address();
    verifier.trust(issuer(&tenant("a"))).unwrap();
    assert_eq!(address(), cached);
    verifier.trust(issuer(&tenant("a")).client("another")).unwrap();
    assert_ne!(address(), cached);
}

#[test]
fn changed_scope_limit_applies_to_cached_tokens() {
    // FR-B11
    let verifier = verifier();
    let mint = Mint::cognito(&tenant("a"), CLIENT).without_claim("token_use");
    let token = mint.scope("orders/admin orders/read").sign_with(key());
    let granted = || verifier.verify(&token).unwrap().scopes().to_string();
    let (all, limited) = ("orders/admin orders/read", "orders/read");
    for _ in 0..2 {
        for limit in [None, Some(limited)] {
            let rules = issuer(&tenant("a"));
            verifier
                .trust(match limit {
                    None => rules,
                    Some(scope) => rules.limit_scopes([scope]),
                })
                .unwrap();
            for _ in 0..2 {
                assert_eq!(granted(), limit.unwrap_or(all));
            }
        }
    }
    assert_eq!(verifier.status().cached_tokens(), 1);
}

#[test]
fn changed_algorithms_apply_to_cached_tokens() {
    // FR-E5
    let verifier = verifier();
    let rs256 = testkit::KEY.jwk();
    let rules = |algorithm| {
        let keys = testkit::jwks([key().jwk(), rs256.clone()]);
        let issuer = Issuer::from_jwks(&tenant("a"), &keys).unwrap().client(CLIENT);
        issuer.algorithms([algorithm])
    };
    let es256 = token(&tenant("a"));
    for (algorithm, is_accepted) in [
        (scopegate::Algorithm::ES256, true),
        (scopegate::Algorithm::RS256, false),
        (scopegate::Algorithm::ES256, true),
    ] {
        verifier.trust(rules(algorithm)).unwrap();
        for _ in 0..2 {
            match verifier.verify(&es256) {
                Ok(_) => assert!(is_accepted, "{algorithm}"),
                Err(Error::UnacceptableAlgorithm { .. }) => assert!(!is_accepted, "{algorithm}"),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn changed_clients_and_audiences_apply_to_cached_tokens() {
    // FR-E5
    let verifier = verifier();
    let mint = Mint::cognito(&tenant("a"), CLIENT).without_claim("token_use").claim("aud", "api");
    let token = mint.sign_with(key());
    let draft = || Issuer::from_jwks(&tenant("a"), &testkit::jwks([key().jwk()])).unwrap();
    for (rules, is_accepted) in [
        (draft().audience("api"), true),
        (draft().audience("api").client("another"), false),
        (draft().audience("api").clients(["another", CLIENT]), true),
        (draft().audience("another"), false),
        (draft().audiences(["another", "api"]), true),
    ] {
        verifier.trust(rules.clone()).unwrap();
        for _ in 0..2 {
            assert_eq!(verifier.verify(&token).is_ok(), is_accepted, "{rules:?}");
        }
    }
}

#[test]
fn check_of_application_is_asked_for_cached_tokens() {
    // FR-C1
    let suspended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = std::sync::Arc::clone(&suspended);
    let builder = Verifier::builder().trust(issuer(&tenant("a")));
    let builder = builder.check(move |_| {
        if flag.load(std::sync::atomic::Ordering::Relaxed) { Err(Denied::new("suspended")) } else { Ok(()) }
    });
    let verifier = builder.build().unwrap();
    let of_a = token(&tenant("a"));
    let address = || verifier.verify(&of_a).unwrap().client_id().unwrap().as_ptr();
    let cached = address();
    for is_suspended in [true, false, true] {
        suspended.store(is_suspended, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(matches!(verifier.verify(&of_a), Err(Error::Denied(_))), is_suspended);
    }
    suspended.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(address(), cached, "it was in the cache all the time");
}

#[tokio::test]
async fn issuers_with_one_key_set_change_their_rules_alone() {
    // FR-B11, FR-E5
    let local = LocalIssuer::start().await.unwrap();
    let rules = |name: &str| Issuer::from_jwks_uri(name, &local.jwks_uri()).unwrap().client(LOCAL_CLIENT);
    let (a, b) = (tenant("a"), tenant("b"));
    let verifier = Verifier::builder().trust(rules(&a)).trust(rules(&b)).start().await.unwrap();
    let token = |iss: &str| {
        let mint = local.mint().without_claim("token_use").claim("iss", iss);
        mint.scope("orders/admin").sign()
    };
    let (of_a, of_b) = (token(&a), token(&b));
    let granted = |token: &str| verifier.verify(token).map(|claims| claims.scopes().to_string());
    assert_eq!(
        (granted(&of_a).unwrap(), granted(&of_b).unwrap()),
        ("orders/admin".into(), "orders/admin".into())
    );
    let cached = verifier.verify(&of_b).unwrap().client_id().unwrap().as_ptr();
    verifier.trust(rules(&a).limit_scopes(["orders/read"])).unwrap();
    assert_eq!((granted(&of_a).unwrap(), granted(&of_b).unwrap()), (String::new(), "orders/admin".into()));
    verifier.trust(rules(&a).client("another").leeway(Duration::ZERO)).unwrap();
    verifier.distrust(&a).unwrap();
    assert!(granted(&of_a).is_err());
    assert_eq!(verifier.verify(&of_b).unwrap().client_id().unwrap().as_ptr(), cached, "never verified anew");
    assert_eq!(local.jwks_fetches(), 1);
}

#[test]
fn leeway_of_issuer_is_its_own_and_can_change() {
    // FR-B11
    let verifier = Verifier::builder()
        .leeway(Duration::ZERO)
        .trust(issuer(&tenant("a")))
        .trust(issuer(&tenant("b")).leeway(Duration::from_secs(120)))
        .build()
        .unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let expired = |name| {
        let mint = Mint::cognito(&tenant(name), CLIENT).without_claim("token_use");
        mint.issued_at(now - 100).lifetime(50).sign_with(key())
    };
    let (of_a, of_b) = (expired("a"), expired("b"));
    assert!(matches!(verifier.verify(&of_a), Err(Error::Expired { .. })));
    assert!(verifier.verify(&of_b).is_ok() && verifier.verify(&of_b).is_ok());
    verifier.trust(issuer(&tenant("a")).leeway(Duration::from_secs(120))).unwrap();
    verifier.trust(issuer(&tenant("b"))).unwrap();
    assert!(verifier.verify(&of_a).is_ok());
    assert!(matches!(verifier.verify(&of_b), Err(Error::Expired { .. })), "also if it was cached");
    let error = verifier.trust(issuer(&tenant("a")).leeway(Duration::from_secs(301))).unwrap_err();
    assert!(matches!(error, ConfigError::OutOfRange { setting: "leeway", .. }), "{error}");
}

#[test]
fn second_issuer_of_tokens_without_iss_is_rejected() {
    let verifier = verifier();
    verifier.trust(issuer(&tenant("b")).allow_missing_iss()).unwrap();
    let unnamed = Mint::cognito("", CLIENT).without_claim("token_use").without_claim("iss").sign_with(key());
    assert!(verifier.verify(&unnamed).is_ok());
    let error = verifier.trust(issuer(&tenant("a")).allow_missing_iss()).unwrap_err();
    assert!(matches!(error, ConfigError::OutOfRange { setting: "allow_missing_iss", .. }), "{error}");
    assert!(verifier.verify(token(&tenant("a"))).is_ok());
    verifier.distrust(&tenant("b")).unwrap();
    assert!(matches!(verifier.verify(&unnamed), Err(Error::UnknownIssuer { .. })));
}

#[test]
fn verifier_without_runtime_takes_static_keys_only() {
    let verifier = verifier();
    let fetched = Issuer::from_jwks_uri(&tenant("b"), "https://tenants.example/keys").unwrap().client(CLIENT);
    assert!(matches!(verifier.trust(fetched), Err(ConfigError::KeysRequireRuntime { .. })));
    assert!(verifier.verify(token(&tenant("a"))).is_ok());
}

#[tokio::test]
async fn first_token_of_new_issuer_waits_for_its_keys() {
    let (first, second) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let verifier = builder_trusting(&first).start().await.unwrap();
    let of_second = second.mint().sign();
    assert!(matches!(verifier.verify_or_refresh(&of_second).await, Err(Error::UnknownIssuer { .. })));
    verifier.trust(Issuer::cognito_at(second.issuer()).unwrap().client(LOCAL_CLIENT)).unwrap();
    assert!(verifier.verify_or_refresh(&of_second).await.is_ok());
    assert_eq!((first.jwks_fetches(), second.jwks_fetches()), (1, 1));
}

#[tokio::test]
async fn keys_survive_a_change_of_rules() {
    // FR-E5
    let local = LocalIssuer::start().await.unwrap();
    let pool = Issuer::cognito_at(local.issuer()).unwrap();
    let verifier = Verifier::builder().trust(pool.clone().client("another")).start().await.unwrap();
    let token = local.mint().sign();
    assert!(matches!(verifier.verify(&token), Err(Error::WrongClient { .. })));
    verifier.trust(pool.clients(["another", LOCAL_CLIENT])).unwrap();
    // At once, without a wait.
    assert!(verifier.verify(&token).is_ok());
    assert_eq!((local.jwks_fetches(), verifier.status().is_ready()), (1, true));
}

#[tokio::test(start_paused = true)]
async fn keys_of_distrusted_issuer_are_no_longer_fetched() {
    let (gone, stays) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let trusted = |local: &LocalIssuer| Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let builder = Verifier::builder().trust(trusted(&gone)).trust(trusted(&stays));
    let verifier = builder.start().await.unwrap();
    let token = gone.mint().sign();
    // The cached token must not keep the refresh alive.
    assert!(verifier.verify(&token).is_ok() && verifier.verify(&token).is_ok());
    verifier.distrust(gone.issuer()).unwrap();
    while stays.jwks_fetches() < 5 {
        tokio::time::advance(Duration::from_secs(60)).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(gone.jwks_fetches(), 1);
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownIssuer { .. })));
}

#[tokio::test]
async fn request_that_waits_for_distrusted_issuer_is_rejected() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.set_fault(scopegate_issuer::Fault::Drip);
    local.rotate_without_overlap();
    let mut waits = Box::pin(verifier.verify_or_refresh(local.mint().sign()));
    assert!(poll_once(&mut waits).await.is_none());
    verifier.distrust(local.issuer()).unwrap();
    let error = waits.await.unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer { .. }), "{error}");
}

#[tokio::test]
async fn ready_returns_when_unready_issuer_is_distrusted() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(scopegate_issuer::Fault::Status(500));
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    let mut ready = Box::pin(verifier.ready());
    assert!(poll_once(&mut ready).await.is_none());
    verifier.distrust(local.issuer()).unwrap();
    ready.await;
}
