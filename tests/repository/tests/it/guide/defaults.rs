//! Compares the defaults in the guide with the code.

use std::path::Path;

use crate::guide::read;

/// Rows of the tables of defaults, each with the file and the words of its source.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("end of an entry | 10 min", "scopegate/src/revocation/store/entry.rs", "AFTER_EXPIRY: f64 = 600.0"),
    (
        "after 1 min if the file grows all the time",
        "scopegate/src/revocation/file/follower.rs",
        "GROWN_LONG_ENOUGH: Duration = Duration::from_secs(60)",
    ),
    (
        "issuers that are counted for a source | 1,000",
        "scopegate/src/revocation/issuers.rs",
        "MAX_NAMES: usize = 1_000",
    ),
    ("`leeway` | 30 s", "scopegate/src/verifier/builder.rs", "leeway: Duration::from_secs(30)"),
    ("`leeway` | 30 s | 0–300 s", "scopegate/src/verifier/builder/check_settings.rs", "0 s to 300 s"),
    ("size of a token | 16 KiB", "scopegate/src/checks/form.rs", "MAX_LENGTH: usize = 16 * 1024"),
    ("members of a JSON object | 256", "scopegate-proto/src/json.rs", "MAX_MEMBERS: usize = 256"),
    ("scopes in `implied_scopes` | 256", "scopegate/src/scope/mask.rs", "MAX_SCOPES: usize = 256"),
    (
        "10 min without it | 1 s–24 h",
        "scopegate/src/verifier/builder.rs",
        "fallback: Duration::from_secs(600)",
    ),
    ("10 min without it | 1 s–24 h", "scopegate/src/verifier/builder/check_settings.rs", "1 s to 24 h"),
    (
        "between 1 min and 1 h",
        "scopegate/src/keys/refresh/schedule.rs",
        "MIN_ADVISED: Duration = Duration::from_secs(60)",
    ),
    (
        "between 1 min and 1 h",
        "scopegate/src/keys/refresh/schedule.rs",
        "MAX_ADVISED: Duration = Duration::from_secs(3_600)",
    ),
    ("after 80 % of the period, ±10 %", "scopegate/src/keys/refresh/schedule.rs", "RENEW_AT: f64 = 0.8"),
    (
        "`refresh_cooldown` | 30 s | 1 s–1 h",
        "scopegate/src/verifier/builder.rs",
        "cooldown: Duration::from_secs(30)",
    ),
    (
        "unknown key | after 1.1 s",
        "scopegate/src/keys/refresh/schedule.rs",
        "LATE_PUBLICATION_DELAY: Duration = Duration::from_millis(1_100)",
    ),
    (
        "`max_stale` | 24 h | 1 min–30 days",
        "scopegate/src/verifier/builder.rs",
        "max_stale: Duration::from_secs(24 * 3600)",
    ),
    (
        "`fetch_timeout` | 5 s",
        "scopegate-proto/src/http/settings.rs",
        "const TIMEOUT: Duration = Duration::from_secs(5)",
    ),
    ("| 100 ms–30 s |", "scopegate/src/verifier/builder/check_settings.rs", "100 ms to 30 s"),
    (
        "with all its requests | 30 s",
        "scopegate/src/keys/refresh/schedule.rs",
        "FETCH_TIMEOUT: Duration = Duration::from_secs(30)",
    ),
    (
        "1 s, doubled up to 1 min | fixed | The service",
        "scopegate/src/keys/refresh/schedule.rs",
        "MAX_RETRY: Duration = Duration::from_secs(60)",
    ),
    (
        "usable keys | 30 s, or 5 min",
        "scopegate/src/keys/refresh/schedule.rs",
        "MAX_UNCONFIRMED: Duration = Duration::from_secs(300)",
    ),
    (
        "application | once in 10 s",
        "scopegate/src/keys/refresh/schedule.rs",
        "FORCE_COOLDOWN: Duration = Duration::from_secs(10)",
    ),
    (
        "metadata | after 24 h",
        "scopegate/src/keys/endpoint.rs",
        "REDISCOVER_AFTER: Duration = Duration::from_secs(24 * 3600)",
    ),
    ("of metadata | 256 KiB", "scopegate/src/fetch/document.rs", "MAX_BODY: usize = 256 * 1024"),
    ("keys of a set | 100", "scopegate/src/keys/set.rs", "MAX_KEYS: usize = 100"),
    ("same time | 32 first ones", "scopegate/src/fetch/permits.rs", "MAX_FETCHES: usize = 32"),
    ("max_issuers` | 1,000 | 1–100,000", "scopegate/src/issuer/issuers.rs", "limit: 1_000"),
    ("max_issuers` | 1,000 | 1–100,000", "scopegate/src/issuer/issuers.rs", "1 to 100000"),
    ("`Issuers::lifetime` | 10 min", "scopegate/src/issuer/issuers.rs", "lifetime: Duration::from_secs(600)"),
    (
        "unknown_lifetime` | 1 min",
        "scopegate/src/issuer/issuers.rs",
        "unknown_lifetime: Duration::from_secs(60)",
    ),
    ("`Issuers::timeout` | 5 s", "scopegate/src/issuer/issuers.rs", "timeout: Duration::from_secs(5)"),
    ("max_calls` | 32", "scopegate/src/issuer/issuers.rs", "max_calls: 32"),
    (
        "wait for a call | 1,024",
        "scopegate/src/verifier/trust/resolver/budget.rs",
        "MAX_QUEUED: usize = 1_024",
    ),
    (
        "remembered | 10,000",
        "scopegate/src/verifier/trust/resolver/answers.rs",
        "MAX_ANSWERS: usize = 10_000",
    ),
    (
        "failed call | 2 s",
        "scopegate/src/verifier/trust/resolver/answers.rs",
        "FAILURE_PAUSE: Duration = Duration::from_secs(2)",
    ),
    (
        "each failure up to 30 s",
        "scopegate/src/verifier/trust/resolver/answers.rs",
        "MAX_FAILURE_PAUSE: Duration = Duration::from_secs(30)",
    ),
    (
        "displaced issuers | 30 s",
        "scopegate/src/verifier/trust/resolver.rs",
        "PARKED_FOR: Duration = Duration::from_secs(30)",
    ),
    ("longer; 1,024", "scopegate/src/verifier/trust/resolver/parked.rs", "MAX_PARKED: usize = 1_024"),
    ("up to an eighth", "scopegate/src/verifier/trust/resolver/live.rs", "UNPROVEN_PART: usize = 8"),
    (
        "for a key | 2 s",
        "scopegate/src/verifier/key_wait.rs",
        "KEY_WAIT_TIMEOUT: Duration = Duration::from_secs(2)",
    ),
    (
        "| 4,096, and 1,024 for one key id",
        "scopegate/src/keys/refresh/waiting.rs",
        "MAX_WAITING_PER_KEY: usize = 1_024",
    ),
    ("`cache_capacity` | 4,096 tokens", "scopegate/src/verifier/builder.rs", "cache_entries: 4_096"),
    (
        "`cache_bytes` | 4 KiB",
        "scopegate/src/verifier/builder/assemble.rs",
        "BYTES_PER_ENTRY: usize = 4 * 1024",
    ),
    ("cached token | 4 KiB", "scopegate/src/cache.rs", "MAX_TOKEN_LEN: usize = 4 * 1024"),
    ("metadata of an API | 256", "scopegate-axum/src/resource/description.rs", "MAX_SCOPES: usize = 256"),
    ("80 characters, 256 of identifiers", "scopegate-proto/src/excerpt.rs", "IDENTIFIER_LIMIT: usize = 256"),
    ("at 75 % of the lifetime", "scopegate-client/src/credentials/renewal.rs", "RENEW_AT: f64 = 0.75"),
    (
        "| 10 s before it expires",
        "scopegate-client/src/credentials/renewal.rs",
        "EXPIRY_MARGIN: Duration = Duration::from_secs(10)",
    ),
    (
        "`acquire_timeout` | 10 s | 0–24 h",
        "scopegate-client/src/credentials/builder.rs",
        "DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10)",
    ),
    (
        "`max_backoff_without_token` | 5 s",
        "scopegate-client/src/credentials/builder.rs",
        "DEFAULT_MAX_BACKOFF_WITHOUT_TOKEN: Duration = Duration::from_secs(5)",
    ),
    (
        "followed up to 5 min",
        "scopegate-client/src/credentials/renewal.rs",
        "MAX_RETRY_AFTER: Duration = Duration::from_secs(300)",
    ),
    (
        "`rejection_cooldown` | 30 s, doubled up to 1 h",
        "scopegate-client/src/credentials/rejections.rs",
        "MAX_COOLDOWN: Duration = Duration::from_secs(3_600)",
    ),
    ("the last 64 of issuers and APIs", "scopegate-client/src/dpop/nonces.rs", "MAX_NONCES: usize = 64"),
    ("APIs, 1,024 characters", "scopegate-client/src/dpop/nonces.rs", "MAX_LENGTH: usize = 1024"),
    (
        "`default_lifetime` | 5 min",
        "scopegate-client/src/credentials/builder.rs",
        "DEFAULT_LIFETIME: Duration = Duration::from_secs(300)",
    ),
    (
        "feed` | after 250 ms",
        "scopegate/src/revocation/feed.rs",
        "FIRST_PAUSE: Duration = Duration::from_millis(250)",
    ),
    (
        "doubled up to 15 s",
        "scopegate/src/revocation/feed.rs",
        "MAX_PAUSE: Duration = Duration::from_secs(15)",
    ),
    ("`Redis::timeout` | 2 s", "scopegate-redis/src/connection.rs", "timeout: Duration::from_secs(2)"),
    (
        "`RedisRevocations::stream_length` | 10,000",
        "scopegate-redis/src/revocations.rs",
        "DEFAULT_STREAM_LENGTH: usize = 10_000",
    ),
    ("| `scopegate:revocations` |", "scopegate-redis/src/revocations.rs", "\"scopegate:revocations\""),
    (
        "`RedisReplayStoreBuilder::timeout` | 250 ms",
        "scopegate-redis/src/replay/builder.rs",
        "limit: Duration::from_millis(250)",
    ),
    (
        "`RedisReplayStoreBuilder::timeout` | 250 ms | 10–900 ms",
        "scopegate-redis/src/replay/builder.rs",
        "10 ms to 900 ms",
    ),
    ("| `scopegate:dpop` |", "scopegate-redis/src/replay/builder.rs", "\"scopegate:dpop\""),
    ("Redis replay store | 1,024", "scopegate-redis/src/replay.rs", "MAX_PENDING: usize = 1_024"),
    (
        "after 100 ms, doubled up to 1 s",
        "scopegate-redis/src/replay/opened.rs",
        "Backoff::new(Duration::from_millis(100), Duration::from_secs(1))",
    ),
    (
        "does not respond | once in 1 s",
        "scopegate-redis/src/replay/link.rs",
        "MIN_AGE: Duration = Duration::from_secs(1)",
    ),
    (
        "Redis replay store | once a minute",
        "scopegate-redis/src/replay/outage.rs",
        "LOG_INTERVAL: Duration = Duration::from_secs(60)",
    ),
    ("in Redis | 1 day", "scopegate-redis/src/revocations/publish.lua", "local delay = 86400"),
    (
        "together | 10 min",
        "scopegate-redis/src/revocations/reader.rs",
        "SYNC_LIMIT: Duration = Duration::from_secs(600)",
    ),
    ("in a row | 10", "scopegate-redis/src/revocations/reader.rs", "MAX_SNAPSHOTS: usize = 10"),
    ("a page of Redis | 500", "scopegate-redis/src/revocations/snapshot.rs", "PAGE: usize = 500"),
    ("at once | 256", "scopegate-redis/src/revocations/reader.rs", "BATCH: usize = 256"),
    ("one script | 250", "scopegate-redis/src/revocations/publish.rs", "CHANGES_PER_SCRIPT: usize = 250"),
    (
        "`Transmitter::poll_interval` | 5 s | 100 ms–1 h",
        "scopegate/src/security_events/poll.rs",
        "interval: Duration::from_secs(5)",
    ),
    (
        "`Transmitter::subject_issuer` | the transmitter's own name | at most 16",
        "scopegate/src/security_events/transmitter.rs",
        "MAX_SUBJECT_ISSUERS: usize = 16",
    ),
    (
        "remembered ids of security events | 10,000",
        "scopegate/src/security_events/receiver.rs",
        "MAX_SEEN: usize = 10_000",
    ),
    (
        "`Introspection::cache_for` | 10 s",
        "scopegate/src/introspection.rs",
        "CACHED_FOR: Duration = Duration::from_secs(10)",
    ),
    ("`Introspection::cache_for` | 10 s | 0 s–5 min", "scopegate/src/introspection.rs", "0 s to 5 min"),
    ("`Introspection::cache_capacity` | 8,192", "scopegate/src/introspection.rs", "CACHED: usize = 8_192"),
    (
        "`Introspection::cache_capacity` | 8,192 | 1–1,048,576",
        "scopegate/src/introspection.rs",
        "MAX_CACHED: usize = 1_048_576",
    ),
    (
        "need no budget | 131,072 at least",
        "scopegate/src/introspection/calls/accepted.rs",
        "GENERATION: usize = 131_072",
    ),
    (
        "wait for a place | 1,024 for known tokens",
        "scopegate/src/introspection/calls/schedule.rs",
        "MAX_QUEUED: usize = 1_024",
    ),
    ("`Introspection::serve_stale` | off | 1 s–5 min", "scopegate/src/introspection.rs", "1 s to 5 min"),
    (
        "`Introspection::unseen_tokens` | 300, then 100 per second",
        "scopegate/src/introspection.rs",
        "burst: 300, per_second: 100",
    ),
    ("300, then 100 per second | 1–100,000 each", "scopegate/src/introspection.rs", "1 to 100000"),
    (
        "`Introspection::timeout` | 2 s",
        "scopegate/src/introspection.rs",
        "TIME_LIMIT: Duration = Duration::from_secs(2)",
    ),
    ("half of it to connect | 100 ms–10 s", "scopegate/src/introspection.rs", "100 ms to 10 s"),
    (
        "rejected token | 5 s, 1,024 tokens",
        "scopegate/src/introspection/calls/rejected.rs",
        "REMEMBERED: Duration = Duration::from_secs(5)",
    ),
    (
        "opens after 5 failures, one probe in 2 s",
        "scopegate/src/introspection/calls/circuit.rs",
        "PROBE_INTERVAL: Duration = Duration::from_secs(2)",
    ),
    (
        "size of a response | 64 KiB",
        "scopegate/src/introspection/responses/statement.rs",
        "MAX_BODY: usize = 64 * 1024",
    ),
    (
        "64 for known tokens, 64 for others",
        "scopegate/src/introspection/calls/schedule.rs",
        "MAX_CALLS: usize = 64",
    ),
    (
        "pushed events at once | 64; 64 KiB, 10 s",
        "scopegate-axum/src/security_events.rs",
        "MAX_REQUESTS: usize = 64",
    ),
];

#[test]
fn defaults_are_those_of_the_code() {
    let page = read("docs/guide/defaults.md");
    for (row, file, words) in DEFAULTS {
        assert!(page.contains(row), "the table of defaults does not have {row:?}");
        assert!(
            read(Path::new("crates").join(file)).contains(words),
            "{file} does not have {words:?}: {row:?}"
        );
    }
}
