//! Servers that evict keys, and the permissions of a user.

use scopegate::{ProofUse, ReplayStore as _};
use scopegate_redis::{Redis, RedisError, RedisReplayStore};
use testkit::Log;
use tracing_subscriber::filter::LevelFilter;

use crate::replay::used_proof;
use crate::server::server;

const WARNING: &str = "used DPoP proofs may be evicted, and accepted again";

#[tokio::test]
async fn server_that_evicts_is_an_error() {
    // DP28
    let log = Log::of_thread(LevelFilter::WARN);
    let server = server!("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru");
    let builder = RedisReplayStore::builder(&server.redis());
    let error = builder.clone().connect().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the server evicts keys: expected the policy noeviction, found "volatile-lru""#
    );
    assert!(matches!(error, RedisError::EvictsKeys { .. }));
    let lazy = builder.clone().connect_lazy().unwrap();
    let failed = lazy.record(used_proof().await).await.unwrap_err();
    assert_eq!(failed.to_string(), error.to_string());
    assert!(!log.take().contains(WARNING));
    // The twin that allows it.
    let allowed = builder.allow_eviction().connect().await.unwrap();
    assert_eq!(allowed.record(used_proof().await).await.unwrap(), ProofUse::First);
    let text = log.take();
    assert!(text.contains(WARNING) && text.contains(r#"policy="volatile-lru""#), "{text}");
}

#[tokio::test]
async fn server_without_eviction_has_no_warning() {
    let log = Log::of_thread(LevelFilter::WARN);
    let server = server!("--maxmemory", "100mb", "--maxmemory-policy", "noeviction");
    let store = RedisReplayStore::connect(&server.redis()).await.unwrap();
    assert_eq!(store.record(used_proof().await).await.unwrap(), ProofUse::First);
    assert_eq!(log.text(), "");
}

/// The permissions that the guide lists.
#[tokio::test]
async fn listed_permissions_are_enough() {
    let log = Log::of_thread(LevelFilter::WARN);
    let guide = include_str!("../../../../../docs/guide/dpop.md");
    let rule = guide.lines().find(|line| line.starts_with("ACL SETUSER ")).unwrap();
    let server = server!();
    let user = Redis::new(&format!("redis://orders@{}", server.address())).unwrap();
    let user = user.password("orders-password");
    let connect = async |rule: &str| {
        let _: u64 = server.command(&["ACL", "DELUSER", "orders"]).await;
        let _: String = server.command(&rule.split(' ').collect::<Vec<_>>()).await;
        RedisReplayStore::connect(&user).await
    };
    let store = connect(rule).await.unwrap();
    assert_eq!(store.record(used_proof().await).await.unwrap(), ProofUse::First);
    assert_eq!(log.take(), "");
    // Without the permission to see the policy.
    let store = connect(&rule.replace(" +info", "")).await.unwrap();
    assert_eq!(store.record(used_proof().await).await.unwrap(), ProofUse::First);
    let text = log.take();
    assert!(text.contains(WARNING) && text.contains(r#"policy="unknown""#), "{text}");
    for denied in [rule.replace(" +set", ""), rule.replace("~scopegate:dpop:*", "~other:*")] {
        let error = connect(&denied).await.unwrap_err();
        assert!(matches!(&error, RedisError::Rejected { code, .. } if code == "NOPERM"), "{error:?}");
    }
}
