//! The host of a request: the backend sees the host that was judged.

use std::collections::BTreeSet;

use crate::backend::Seen;
use crate::caller::send_raw;
use crate::checks::requests::is_judged;
use crate::checks::{Cell, Tried, YES};
use crate::service::OTHER_HOST;
use crate::trouble::ensure;

/// Requests with several hosts, with none, or with an unusual one. The route is public at [`OTHER_HOST`] only.
const REQUESTS: [&str; 38] = [
    "GET /tenant/a HTTP/1.1\r\nHost: other.example\r\nHost: api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: api.example\r\nHost: other.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example, api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: api.example other.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example\r\n api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: api.example\r\nHost : other.example",
    "GET /tenant/a HTTP/1.1\r\nHost : other.example\r\nHost: api.example",
    "GET /tenant/a HTTP/1.1\r\n Host: other.example\r\nHost: api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example\0api.example",
    "GET /tenant/a HTTP/1.1",
    "GET /tenant/a HTTP/1.1\r\nHost:",
    "GET /tenant/a HTTP/1.0",
    "GET /tenant/a HTTP/1.0\r\nHost: other.example",
    "GET /tenant/a HTTP/1.0\r\nHost: api.example",
    "GET /tenant/a HTTP/1.0\r\nX-Forwarded-Host: other.example",
    "GET http://other.example/tenant/a HTTP/1.0",
    "GET http://other.example/tenant/a HTTP/1.1",
    "GET http://other.example/tenant/a HTTP/1.1\r\nHost: api.example",
    "GET http://api.example/tenant/a HTTP/1.1\r\nHost: other.example",
    "GET https://api.example/tenant/a HTTP/1.1\r\nHost: other.example",
    "GET HTTP://OTHER.EXAMPLE:80/tenant/a HTTP/1.1\r\nHost: api.example",
    "GET http://api.example@other.example/tenant/a HTTP/1.1\r\nHost: api.example",
    "GET http://other.example@api.example/tenant/a HTTP/1.1\r\nHost: other.example",
    "GET http://api.example\\@other.example/tenant/a HTTP/1.1\r\nHost: api.example",
    "GET other.example/tenant/a HTTP/1.1\r\nHost: api.example",
    "GET //other.example/tenant/a HTTP/1.1\r\nHost: api.example",
    "GET http:/tenant/a HTTP/1.1\r\nHost: other.example",
    "GET http:///tenant/a HTTP/1.1\r\nHost: other.example",
    "GET /tenant/a HTTP/1.1\r\nHost: OTHER.EXAMPLE:80",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example.",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example:443@api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example#api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example/api.example",
    "GET /tenant/a HTTP/1.1\r\nHost: api.example\\other.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other%2Eexample",
    "GET /tenant/a HTTP/1.1\r\nHost: api.example\r\nX-Original-Host: other.example\r\nX-Forwarded-Host: other.example",
    "GET /tenant/a HTTP/1.1\r\nHost: api.example\r\nForwarded: host=other.example\r\nX-Host: other.example",
    "GET /tenant/a HTTP/1.1\r\nHost: other.example\r\nConnection: Host, X-Forwarded-Host, X-Original-Host",
];

impl Tried<'_> {
    pub(super) async fn hosts(&self) -> Cell {
        // FW03, FW12
        for (host, is_public) in [(OTHER_HOST, true), ("api.example", false)] {
            let seen = self.seen(&format!("GET /tenant/a HTTP/1.1\r\nHost: {host}")).await?;
            ensure!(seen.len() == usize::from(is_public), "{host}: {seen:?}");
        }
        for request in REQUESTS {
            for seen in self.seen(request).await? {
                ensure!(is_public(&seen), "{request:?}: the backend sees {seen:?}");
                is_judged(request, &seen)?;
            }
        }
        Ok(YES.to_owned())
    }

    /// Returns the requests that the backend sees. The head lacks its last line breaks.
    pub(super) async fn seen(&self, head: &str) -> Result<Vec<Seen>, crate::trouble::Trouble> {
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        Ok(Seen::all(&send_raw(request.as_bytes(), &self.gateway.address).await?))
    }
}

/// Returns whether the backend sees the host with the public route, and no other.
pub(super) fn is_public(seen: &Seen) -> bool {
    let hosts = ["Host", "X-Forwarded-Host"].into_iter().flat_map(|name| seen.values(name)).map(plain);
    let hosts: BTreeSet<String> = hosts.collect();
    hosts.iter().map(String::as_str).eq([OTHER_HOST])
}

/// Returns a host without its port and the dot at its end, in lower case.
fn plain(host: &str) -> String {
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.trim_end_matches('.').to_ascii_lowercase()
}
