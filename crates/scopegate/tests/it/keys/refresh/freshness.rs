//! When is the next fetch, by the issuer's `Cache-Control` and the configuration?

use std::time::Duration;

use scopegate_issuer::LocalIssuer;
use testkit::builder_trusting;

#[tokio::test]
async fn cache_control_of_issuer_sets_next_fetch() {
    // B20, FR-A2: advice of more than an hour is an hour.
    let local = LocalIssuer::start().await.unwrap();
    let next = async |value, period: Option<u64>| {
        local.set_cache_control(Some(value)).unwrap();
        let builder = match period {
            Some(period) => builder_trusting(&local).refresh_interval(Duration::from_secs(period)),
            None => builder_trusting(&local),
        };
        builder.start().await.unwrap().status().issuers()[0].next_fetch_in.unwrap().as_secs()
    };
    for (value, at_least, at_most) in [
        ("max-age=3600", 2_591, 3_168),
        ("max-age=300", 215, 264),
        ("max-age=0", 42, 53),
        ("max-age=1", 42, 53),
        ("no-store", 42, 53),
        ("max-age=3600, max-age=300", 215, 264),
        ("max-age=3600, no-store", 42, 53),
        ("max-age=-1", 431, 528),
        ("max-age=garbage", 431, 528),
        ("max-age=1000000000", 2_591, 3_168),
        ("public", 431, 528),
    ] {
        let seconds = next(value, None).await;
        assert!((at_least..=at_most).contains(&seconds), "{value}: {seconds}");
    }
    let seconds = next("max-age=3600", Some(100)).await;
    assert!((71..=88).contains(&seconds), "the operator has the last word: {seconds}");
}
