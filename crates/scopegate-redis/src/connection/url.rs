//! The URL of a server.

use redis::{IntoConnectionInfo as _, RedisConnectionInfo};
use scopegate_proto::url::{FetchUrl, redacted};
use url::Url;

use crate::error::RedisError;

const EXPECTED: &str = "rediss://[[user]:password@]host[:port][/database] (redis:// without TLS)";

const DEFAULT_PORT: u16 = 6379;

/// A URL that was checked. It has no `Debug`, because it has credentials.
#[derive(Clone)]
pub(crate) struct ServerUrl {
    /// `host:port`.
    pub(crate) address: String,
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only TLS compares it"))]
    pub(crate) host: String,
    pub(crate) tls: bool,
    /// Whether requests are sent over a network without TLS.
    pub(crate) is_plain_network: bool,
    /// User name, password and database.
    pub(crate) login: RedisConnectionInfo,
}

impl ServerUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, RedisError> {
        Self::read(text).ok_or_else(|| RedisError::InvalidUrl { expected: EXPECTED, found: redacted(text) })
    }

    fn read(text: &str) -> Option<Self> {
        // The client library takes query parameters and `#insecure`, which would switch checks off.
        let mut url =
            Url::parse(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none())?;
        let tls = match url.scheme() {
            "rediss" => true,
            "redis" => false,
            _ => return None,
        };
        let port = url.port().unwrap_or(DEFAULT_PORT);
        let address = format!("{}:{port}", url.host_str()?);
        // The rules for hosts and for loopback addresses are those of other fetches.
        let scheme = if tls { "https" } else { "http" };
        let fetched = FetchUrl::parse_allowing_http(&format!("{scheme}://{address}")).ok()?;
        url.set_scheme("redis").ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        let login = url.into_connection_info().ok()?.redis_settings().clone();
        (login.db() >= 0).then_some(())?;
        Some(Self { address, host, tls, is_plain_network: fetched.is_plain_network(), login })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_host_credentials_and_database() {
        let url = ServerUrl::parse("rediss://us%20er:p%40ss%2Bw@redis.example:7000/3").ok().unwrap();
        assert_eq!((&*url.address, &*url.host, url.tls), ("redis.example:7000", "redis.example", true));
        assert_eq!((url.login.username(), url.login.password()), (Some("us er"), Some("p@ss+w")));
        assert_eq!(url.login.db(), 3);

        let url = ServerUrl::parse("redis://:secret@[::1]").ok().unwrap();
        assert_eq!((&*url.address, &*url.host, url.tls), ("[::1]:6379", "::1", false));
        assert_eq!((url.login.username(), url.login.password()), (None, Some("secret")));
    }

    #[test]
    fn other_urls_are_rejected_without_their_secrets() {
        for url in [
            "",
            "redis.example:6379",
            "http://redis.example",
            "unix:///run/redis.sock",
            "redis://",
            "rediss://:s3cret@redis.example#insecure",
            "redis://:s3cret@redis.example?protocol=resp3",
            "redis://:s3cret@redis.example/x",
            "redis://:s3cret@redis.example/-1",
            "redis://:s3cret@0.0.0.0",
            "redis://:s3cret@redis}.example",
            "redis://:s3cret@redis.example:99999",
        ] {
            let error = ServerUrl::parse(url).err().unwrap_or_else(|| panic!("{url} was accepted"));
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
