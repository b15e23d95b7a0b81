//! How is the server reached? The URL, its secrets, TLS and timeouts.

pub(crate) mod open;
pub(crate) mod prefix;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::connection::url::ServerUrl;
use crate::error::RedisError;

/// A Redis or Valkey server, and how to connect to it. Nothing connects before it is used.
///
/// `Debug` shows the address and no credentials.
#[derive(Clone)]
pub struct Redis {
    pub(crate) url: ServerUrl,
    password: Option<Arc<Zeroizing<String>>>,
    #[cfg(feature = "tls")]
    root_certificates: Vec<Arc<[u8]>>,
    allows_network_without_tls: bool,
    timeout: Duration,
}

impl Redis {
    /// Parses a URL: `rediss://[[user]:password@]host[:port][/database]`. The port defaults to
    /// 6379. User name and password are percent-encoded.
    ///
    /// A `redis` URL, without TLS, is accepted for a loopback address.
    ///
    /// ```
    /// use scopegate_redis::Redis;
    ///
    /// let redis = Redis::new("rediss://orders:s3cret@redis.example/2")?;
    /// assert_eq!(format!("{redis:?}"), r#"Redis { address: "redis.example:6379", tls: true, .. }"#);
    /// # Ok::<(), scopegate_redis::RedisError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`RedisError::InvalidUrl`] for anything else, also for a URL with a query or a
    /// fragment.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        Ok(Self {
            url: ServerUrl::parse(url)?,
            password: None,
            #[cfg(feature = "tls")]
            root_certificates: Vec::new(),
            allows_network_without_tls: false,
            timeout: Duration::from_secs(2),
        })
    }

    /// Sets the password, so that the URL has none. It replaces the password of the URL.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Arc::new(Zeroizing::new(password.into())));
        self
    }

    /// Trusts certificate authorities in PEM, in addition to the system's authorities. Needs the
    /// feature `tls`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.root_certificates.push(pem.as_ref().into());
        self
    }

    /// Allows `redis` URLs of other machines.
    ///
    /// An attacker in the network then sees the password, can hide or withdraw revocations, and can
    /// delete used proofs. Use it only where every machine of the network is trusted, such as in a
    /// compose network.
    #[must_use]
    pub fn allow_network_without_tls(mut self) -> Self {
        self.allows_network_without_tls = true;
        self
    }

    /// Sets how long connecting and each response may take. Default: 2 s. Range: 100 ms–30 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    pub(crate) fn database(&self) -> i64 {
        self.url.login.db()
    }

    /// The longest time for one response.
    pub(crate) fn response_limit(&self) -> Duration {
        self.timeout
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> &str {
        &self.url.address
    }

    /// How long a step of a writer may take: to connect, to send changes, and once more.
    pub(crate) fn limit_of_step(&self) -> Duration {
        self.timeout * 2
    }

    pub(crate) fn check(&self) -> Result<(), RedisError> {
        if !(Duration::from_millis(100)..=Duration::from_secs(30)).contains(&self.timeout) {
            let found = format!("{} s", self.timeout.as_secs_f64());
            return Err(RedisError::OutOfRange { setting: "timeout", expected: "100 ms to 30 s", found });
        }
        if self.url.is_plain_network && !self.allows_network_without_tls {
            return Err(RedisError::WithoutTls { address: self.url.address.clone() });
        }
        if self.url.tls && cfg!(not(feature = "tls")) {
            return Err(RedisError::TlsFeatureOff);
        }
        Ok(())
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Redis");
        shown.field("address", &self.url.address).field("tls", &self.url.tls).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_without_tls_needs_permission() {
        for (url, allowed) in [
            ("rediss://redis.example", cfg!(feature = "tls")),
            ("redis://redis.example", false),
            ("redis://10.0.0.7:6379", false),
            ("redis://127.0.0.1:7000/3", true),
            ("redis://[::1]", true),
            ("redis://localhost", true),
            ("redis://localhost.example", false),
        ] {
            let redis = Redis::new(url).unwrap();
            assert_eq!(redis.check().is_ok(), allowed, "{url}");
            if url.starts_with("redis:") {
                redis.allow_network_without_tls().check().unwrap();
            }
        }
    }

    #[test]
    fn timeout_has_a_range() {
        let redis = Redis::new("redis://127.0.0.1").unwrap();
        for (milliseconds, valid) in [(99, false), (100, true), (30_000, true), (30_001, false)] {
            let checked = redis.clone().timeout(Duration::from_millis(milliseconds)).check();
            assert_eq!(checked.is_ok(), valid, "{milliseconds}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let redis = Redis::new("redis://user:s3cret@127.0.0.1").unwrap().password("s3cret2");
        let shown = format!("{redis:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("user"), "{shown}");
    }
}
