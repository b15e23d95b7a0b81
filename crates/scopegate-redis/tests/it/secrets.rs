//! Passwords: required, and in no error, status or log.

use scopegate_redis::{Redis, RedisError, RedisRevocations};
use testkit::Log;
use tracing_subscriber::filter::LevelFilter;

use crate::server::{Instance, revocation, server};

#[tokio::test]
async fn wrong_password_is_rejected_and_not_shown() {
    let log = Log::of_thread(LevelFilter::TRACE);
    let server = server!("--requirepass", "s3cret-right");
    let url = |password: &str| format!("redis://{password}{}", server.address());
    for url in [url(":s3cret-wrong@"), url("user:s3cret-wrong@"), url("")] {
        let shared = RedisRevocations::new(&Redis::new(&url).unwrap());
        let instance = Instance::new();
        let error = shared.follow(&instance.revocations).await.unwrap_err();
        assert!(matches!(error, RedisError::AuthenticationFailed { .. }), "{error:?}");
        let published = shared.publish(&revocation("a")).await.unwrap_err();
        assert!(matches!(published, RedisError::AuthenticationFailed { .. }), "{published:?}");
        shared.follow_lazy(&instance.revocations).unwrap();
        instance.until_failed("rejected the user name or the password").await;
        let shown = format!("{error} {error:?} {published:?} {shared:?} {:?}", instance.source());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let right = Redis::new(&url("")).unwrap().password("s3cret-right");
    for redis in [right, Redis::new(&url(":s3cret-right@")).unwrap()] {
        let shared = RedisRevocations::new(&redis);
        let instance = Instance::following(&shared).await;
        shared.publish(&revocation("a")).await.unwrap();
        instance.until_revoked("a", true).await;
    }
    assert!(!log.text().contains("s3cret"));
}

/// The permissions that the guide lists.
#[tokio::test(flavor = "multi_thread")]
async fn listed_permissions_are_enough() {
    let guide = include_str!("../../../../docs/guide/redis.md");
    let rules: Vec<&str> = guide.lines().filter(|line| line.starts_with("ACL SETUSER ")).collect();
    assert_eq!(rules.len(), 2);
    let server = server!();
    for rule in rules {
        let words: Vec<&str> = rule.split(' ').collect();
        let _: String = server.command(&words).await;
    }
    let user = |name: &str| {
        let redis = Redis::new(&format!("redis://{name}@{}", server.address())).unwrap();
        RedisRevocations::new(&redis.password(format!("{name}-password")))
    };
    let (reader, writer) = (user("orders"), user("operator"));
    writer.publish_all([]).await.unwrap();
    let instance = Instance::following(&reader).await;
    writer.publish(&revocation("a")).await.unwrap();
    instance.until_revoked("a", true).await;
    let error = reader.publish(&revocation("b")).await.unwrap_err();
    assert!(matches!(&error, RedisError::Rejected { code, .. } if code == "NOPERM"), "{error:?}");
    assert!(writer.follow(&Instance::new().revocations).await.is_err());
}
