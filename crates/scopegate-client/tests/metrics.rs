//! The counters of token requests and rejections.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use scopegate_client::{AssertionSource, ClientAuthentication, ClientCredentials};
use scopegate_issuer::{Fault, LocalIssuer};

#[tokio::test]
async fn token_requests_and_rejections_are_counted_by_issuer() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();

    let local = LocalIssuer::start().await.unwrap();
    let credentials = |secret: &str| {
        let client = ClientAuthentication::client_secret_basic("local-reader", secret);
        let builder = ClientCredentials::builder(client).issuer(local.issuer());
        let builder = builder.clock(|| UNIX_EPOCH + Duration::from_secs(1_000));
        builder.acquire_timeout(Duration::from_secs(1)).build().unwrap()
    };
    let good = credentials("local-reader-secret");
    let token = good.token().await.unwrap();
    good.reject(&token);
    good.token().await.unwrap();
    assert!(credentials("wrong").token().await.is_err());
    local.set_token_fault(Fault::RetryAfter { status: 503, seconds: 60 });
    assert!(credentials("local-reader-secret").token().await.is_err());
    local.set_token_fault(Fault::Html);
    assert!(credentials("local-reader-secret").token().await.is_err());

    // FR-D5: the path is a folder, and not a file.
    let client = ClientAuthentication::client_assertion("report", AssertionSource::file("/"));
    let builder = ClientCredentials::builder(client).issuer(local.issuer());
    let without_file =
        builder.acquire_timeout(Duration::from_millis(100)).token_endpoint(local.token_endpoint());
    assert!(without_file.build().unwrap().token().await.is_err());

    let counted: BTreeMap<String, f64> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().map(|label| {
                let value = if label.key() == "issuer" {
                    assert_eq!(label.value(), local.issuer());
                    "…"
                } else {
                    label.value()
                };
                format!("{}={value}", label.key())
            });
            let name = format!("{} {}", key.key().name(), labels.collect::<Vec<_>>().join(" "));
            let value = match value {
                DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => f64::NAN,
            };
            (name, value)
        })
        .collect();
    let expected = [
        ("scopegate_client_token_expiry_timestamp_seconds issuer=…", 4_600.0),
        ("scopegate_client_token_requests_total issuer=… outcome=invalid_response", 1.0),
        ("scopegate_client_token_requests_total issuer=… outcome=no_assertion", 1.0),
        ("scopegate_client_token_requests_total issuer=… outcome=ok", 2.0),
        ("scopegate_client_token_requests_total issuer=… outcome=rejected", 1.0),
        ("scopegate_client_token_requests_total issuer=… outcome=unavailable", 1.0),
        ("scopegate_client_tokens_rejected_total issuer=…", 1.0),
    ];
    assert_eq!(counted, expected.map(|(name, value)| (name.to_owned(), value)).into());
}
