//! `Serialize` and `Deserialize` of public types (feature `serde`).

use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::claims::Principal;
use crate::status::introspection::{IntrospectionStatus, IntrospectionSuspended};
use crate::status::revocation::{RevocationSourceStatus, RevocationStatus};
use crate::status::status_list::StatusListStatus;
use crate::status::{IssuerStatus, RefreshTaskState, ResolverStatus, SkippedKey, Status};
use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

fn seconds(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| duration.as_secs())
}

/// Serializes as an object with the names of the methods.
impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Status", 7)?;
        object.serialize_field("is_ready", &self.is_ready())?;
        object.serialize_field("fips", &self.fips())?;
        object.serialize_field("issuers", self.issuers())?;
        object.serialize_field("cached_tokens", &self.cached_tokens())?;
        object.serialize_field("cached_bytes", &self.cached_bytes())?;
        object.serialize_field("revocations", &self.revocations())?;
        object.serialize_field("resolver", &self.resolver())?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields.
impl Serialize for ResolverStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ResolverStatus", 5)?;
        object.serialize_field("live_issuers", &self.live_issuers)?;
        object.serialize_field("pending_calls", &self.pending_calls)?;
        object.serialize_field("calls", &self.calls)?;
        object.serialize_field("failed_calls", &self.failed_calls)?;
        object.serialize_field("evicted_issuers", &self.evicted_issuers)?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields. Durations are whole seconds and have the
/// suffix `_secs`. Times are seconds since 1970.
impl Serialize for IssuerStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fetched_at = self.fetched_at.map(|at: SystemTime| NumericDate::from(at).as_secs());
        let mut object = serializer.serialize_struct("IssuerStatus", 14)?;
        object.serialize_field("issuer", &self.issuer)?;
        object.serialize_field("usable", &self.usable)?;
        object.serialize_field("key_ids", &self.key_ids)?;
        object.serialize_field("skipped_keys", &self.skipped_keys)?;
        object.serialize_field("fetched_at", &fetched_at)?;
        object.serialize_field("age_secs", &seconds(self.age))?;
        object.serialize_field("last_failure", &self.last_failure)?;
        object.serialize_field("next_fetch_in_secs", &seconds(self.next_fetch_in))?;
        object.serialize_field("refresh_period_secs", &seconds(self.refresh_period))?;
        object.serialize_field("refresh_task", &self.refresh_task)?;
        object.serialize_field("fetches_succeeded", &self.fetches_succeeded)?;
        object.serialize_field("fetches_failed", &self.fetches_failed)?;
        object.serialize_field("status_lists", &self.status_lists)?;
        object.serialize_field("introspection", &self.introspection)?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields. Times are seconds since 1970.
impl Serialize for StatusListStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fetched_at = self.fetched_at.map(|at| NumericDate::from(at).as_secs());
        let mut object = serializer.serialize_struct("StatusListStatus", 5)?;
        object.serialize_field("url", &self.url)?;
        object.serialize_field("usable", &self.usable)?;
        object.serialize_field("fetched_at", &fetched_at)?;
        object.serialize_field("bytes", &self.bytes)?;
        object.serialize_field("last_failure", &self.last_failure)?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields. `suspended` is `outage`, `credentials` or
/// null.
impl Serialize for IntrospectionStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let suspended = self.suspended.map(|reason| match reason {
            IntrospectionSuspended::Outage => "outage",
            IntrospectionSuspended::Credentials => "credentials",
        });
        let mut object = serializer.serialize_struct("IntrospectionStatus", 8)?;
        object.serialize_field("endpoint", &self.endpoint)?;
        object.serialize_field("suspended", &suspended)?;
        object.serialize_field("cached_results", &self.cached_results)?;
        object.serialize_field("calls_under_way", &self.calls_under_way)?;
        object.serialize_field("waiting_requests", &self.waiting_requests)?;
        object.serialize_field("calls_succeeded", &self.calls_succeeded)?;
        object.serialize_field("calls_failed", &self.calls_failed)?;
        object.serialize_field("last_failure", &self.last_failure)?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields.
impl Serialize for RevocationStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("RevocationStatus", 5)?;
        object.serialize_field("ready", &self.ready)?;
        object.serialize_field("fresh", &self.fresh)?;
        object.serialize_field("entries", &self.entries)?;
        object.serialize_field("capacity", &self.capacity)?;
        object.serialize_field("sources", &self.sources)?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields. Durations are whole seconds, with the
/// suffix `_secs`; times are seconds since 1970.
impl Serialize for RevocationSourceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let synced_at = self.synced_at.map(|at| NumericDate::from(at).as_secs());
        let mut object = serializer.serialize_struct("RevocationSourceStatus", 13)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("entries", &self.entries)?;
        object.serialize_field("synced_at", &synced_at)?;
        object.serialize_field("age_secs", &seconds(self.age))?;
        object.serialize_field("max_feed_age_secs", &seconds(self.max_feed_age))?;
        object.serialize_field("last_failure", &self.last_failure)?;
        object.serialize_field("degraded", &self.degraded)?;
        object.serialize_field("malformed", &self.malformed)?;
        object.serialize_field("malformed_lines", &self.malformed_lines)?;
        object.serialize_field("untrusted", &self.untrusted)?;
        object.serialize_field("untrusted_issuers", &self.untrusted_issuers)?;
        object.serialize_field("incomplete", &self.incomplete)?;
        object.serialize_field("held", &self.held)?;
        object.end()
    }
}

/// Serializes as an object with the names of the fields.
impl Serialize for SkippedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("SkippedKey", 3)?;
        object.serialize_field("position", &self.position)?;
        object.serialize_field("key_id", &self.key_id)?;
        object.serialize_field("reason", &self.reason)?;
        object.end()
    }
}

/// Serializes as the name of the state in snake case.
impl Serialize for RefreshTaskState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::NotNeeded => "not_needed",
            Self::Running => "running",
            Self::Overdue => "overdue",
            Self::Panicked => "panicked",
            Self::Ended => "ended",
        })
    }
}

/// Serializes as `{"kind": "client", "id": "…"}`, `{"kind": "subject", "id": "…"}` or
/// `{"kind": "unnamed", "id": null}`.
impl Serialize for Principal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, id) = match *self {
            Self::Client { id } => ("client", Some(id)),
            Self::Subject { id } => ("subject", Some(id)),
            Self::Unnamed => ("unnamed", None),
        };
        let mut object = serializer.serialize_struct("Principal", 2)?;
        object.serialize_field("kind", kind)?;
        object.serialize_field("id", &id)?;
        object.end()
    }
}

/// Serializes as seconds since 1970, like the claims of a token.
impl Serialize for NumericDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_secs_f64())
    }
}

/// Serializes as the registered name.
impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Deserializes from the registered name, for example in a configuration file.
impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::{json, to_value};

    use super::*;
    use crate::status::cache::CacheUsage;

    #[test]
    fn status_serializes_as_object_with_seconds() {
        let issuer = IssuerStatus {
            issuer: "https://issuer.example".to_owned(),
            usable: true,
            key_ids: vec!["k1".to_owned()],
            skipped_keys: vec![SkippedKey { position: 1, key_id: None, reason: "has no `kty`".to_owned() }],
            fetched_at: Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            age: Some(Duration::from_millis(59_900)),
            last_failure: None,
            next_fetch_in: Some(Duration::from_secs(480)),
            refresh_period: Some(Duration::from_secs(600)),
            refresh_task: RefreshTaskState::Running,
            fetches_succeeded: 2,
            fetches_failed: 1,
            status_lists: vec![StatusListStatus {
                url: "https://issuer.example/lists/1".to_owned(),
                usable: true,
                fetched_at: Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
                bytes: 1_024,
                last_failure: None,
            }],
            introspection: Some(IntrospectionStatus {
                endpoint: "https://issuer.example/introspect".to_owned(),
                suspended: Some(IntrospectionSuspended::Outage),
                cached_results: 6,
                calls_under_way: 1,
                waiting_requests: 2,
                calls_succeeded: 9,
                calls_failed: 5,
                last_failure: Some("status 500".to_owned()),
            }),
        };
        let resolver =
            ResolverStatus { live_issuers: 5, calls: 7, failed_calls: 1, ..ResolverStatus::default() };
        let usage = CacheUsage { entries: 3, bytes: 9_000 };
        let status = Status::new([issuer].into_iter(), usage, None, Some(resolver));
        let expected = json!({
            "is_ready": true,
            "fips": false,
            "issuers": [{
                "issuer": "https://issuer.example",
                "usable": true,
                "key_ids": ["k1"],
                "skipped_keys": [{ "position": 1, "key_id": null, "reason": "has no `kty`" }],
                "fetched_at": 1_800_000_000,
                "age_secs": 59,
                "last_failure": null,
                "next_fetch_in_secs": 480,
                "refresh_period_secs": 600,
                "refresh_task": "running",
                "fetches_succeeded": 2,
                "fetches_failed": 1,
                "status_lists": [{
                    "url": "https://issuer.example/lists/1",
                    "usable": true,
                    "fetched_at": 1_800_000_000,
                    "bytes": 1_024,
                    "last_failure": null,
                }],
                "introspection": {
                    "endpoint": "https://issuer.example/introspect",
                    "suspended": "outage",
                    "cached_results": 6,
                    "calls_under_way": 1,
                    "waiting_requests": 2,
                    "calls_succeeded": 9,
                    "calls_failed": 5,
                    "last_failure": "status 500",
                },
            }],
            "cached_tokens": 3,
            "cached_bytes": 9_000,
            "revocations": null,
            "resolver": {
                "live_issuers": 5,
                "pending_calls": 0,
                "calls": 7,
                "failed_calls": 1,
                "evicted_issuers": 0,
            },
        });
        assert_eq!(to_value(status).unwrap(), expected);
    }

    #[test]
    fn revocation_status_has_the_names_of_its_fields() {
        let source = RevocationSourceStatus {
            name: "revoked.jsonl".to_owned(),
            entries: 2,
            synced_at: Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            age: Some(Duration::from_millis(3_900)),
            max_feed_age: None,
            last_failure: Some("no such file".to_owned()),
            degraded: Some("the server lost revocations".to_owned()),
            malformed: 1,
            malformed_lines: vec!["line 3: not UTF-8".to_owned()],
            untrusted: 2,
            untrusted_issuers: vec!["https://issuer.example/".to_owned()],
            incomplete: true,
            held: 4,
        };
        let status =
            RevocationStatus { ready: true, fresh: false, entries: 3, capacity: 100, sources: vec![source] };
        let expected = json!({
            "ready": true,
            "fresh": false,
            "entries": 3,
            "capacity": 100,
            "sources": [{
                "name": "revoked.jsonl",
                "entries": 2,
                "synced_at": 1_800_000_000,
                "age_secs": 3,
                "max_feed_age_secs": null,
                "last_failure": "no such file",
                "degraded": "the server lost revocations",
                "malformed": 1,
                "malformed_lines": ["line 3: not UTF-8"],
                "untrusted": 2,
                "untrusted_issuers": ["https://issuer.example/"],
                "incomplete": true,
                "held": 4,
            }],
        });
        assert_eq!(to_value(status).unwrap(), expected);
    }

    #[test]
    fn principal_serializes_with_kind_and_id() {
        for (principal, expected) in [
            (Principal::Client { id: "a" }, json!({ "kind": "client", "id": "a" })),
            (Principal::Subject { id: "b" }, json!({ "kind": "subject", "id": "b" })),
            (Principal::Unnamed, json!({ "kind": "unnamed", "id": null })),
        ] {
            assert_eq!(to_value(principal).unwrap(), expected);
        }
    }

    #[test]
    fn algorithm_is_read_by_its_exact_name() {
        for algorithm in Algorithm::ALL {
            let name = to_value(algorithm).unwrap();
            assert_eq!(serde_json::from_value::<Algorithm>(name).unwrap(), *algorithm);
        }
        for name in ["", "none", "HS256", "rs256"] {
            assert!(serde_json::from_value::<Algorithm>(json!(name)).is_err(), "{name}");
        }
        assert_eq!(
            to_value(NumericDate::from(UNIX_EPOCH + Duration::from_millis(1_500))).unwrap(),
            json!(1.5)
        );
    }
}
