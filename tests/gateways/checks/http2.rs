//! HTTP/2 between caller and gateway. It has the host twice: in `:authority` and in `host`.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Collected, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::backend::Seen;
use crate::checks::hosts::is_public;
use crate::checks::requests::is_judged;
use crate::checks::{Cell, Tried, YES};
use crate::gateway::Gateway;
use crate::paths::{hostile, readings};
use crate::service::FORWARDED;
use crate::tls::connect;
use crate::trouble::{Trouble, ensure};
use crate::variant::{SHIPPED, Variant};

const HTTP2: Variant = Variant { name: "-http2", has_tls: true, ..SHIPPED };

/// The authority, and a further header. The route is public at the other host only.
const HOSTS: [(&str, &str, &str); 8] = [
    ("api.example", "host", "other.example"),
    ("other.example", "host", "api.example"),
    ("api.example", "x-forwarded-host", "other.example"),
    ("api.example", "x-original-host", "other.example"),
    ("other.example", "x-forwarded-host", "api.example"),
    ("other.example:443", "host", "api.example:443"),
    ("OTHER.example", "host", "other.example."),
    ("api.example@other.example", "host", "api.example"),
];

impl Tried<'_> {
    pub(super) async fn http2(&self) -> Cell {
        // FW03, FW05, FW12
        let gateway = Gateway::start(self.kind, self.setup, HTTP2).await?;
        for (host, is_public) in [("other.example", true), ("api.example", false)] {
            let seen = self.seen_over_http2(&gateway, host, "/tenant/a", ("x-other", "a")).await?;
            // With TLS, the file of Caddy names one host.
            let is_served = is_public && self.kind.name != "caddy";
            ensure!(seen.is_some() == is_served, "{host}: {seen:?}");
        }
        for (host, name, value) in HOSTS {
            if let Some(seen) = self.seen_over_http2(&gateway, host, "/tenant/a", (name, value)).await? {
                ensure!(is_public(&seen), "{host}, {name}: {value}: the backend sees {seen:?}");
                is_judged(host, &seen)?;
            }
        }
        let authorization = format!("Bearer {}", self.reader());
        for path in hostile(true) {
            let header = ("authorization", authorization.as_str());
            if let Some(seen) = self.seen_over_http2(&gateway, "api.example", &path, header).await? {
                is_judged(&path, &seen)?;
                let forbidden = readings(&seen.path).into_iter().find(|path| path.starts_with("/admin"));
                ensure!(forbidden.is_none(), "{path}: the backend sees {}", seen.path);
            }
        }
        for name in FORWARDED {
            for name in [name.to_lowercase(), name.to_lowercase().replace('-', "_")] {
                let seen = self
                    .seen_over_http2(&gateway, "api.example", "/public/a", (name.as_str(), "spoof"))
                    .await?;
                ensure!(seen.is_some_and(|seen| !seen.has("spoof")), "{name}: at the backend");
            }
        }
        Ok(YES.to_owned())
    }

    /// Returns the request that the backend has seen. `None` if no client sends it, or if it is rejected.
    async fn seen_over_http2(
        &self,
        gateway: &Gateway,
        host: &str,
        path: &str,
        (name, value): (&str, &str),
    ) -> Result<Option<Seen>, Trouble> {
        let request = Request::get(format!("https://{host}{path}")).header(name, value);
        let Ok(request) = request.body(Empty::<Bytes>::new()) else { return Ok(None) };
        let stream = connect(&self.setup.server.http2_connector()?, &gateway.address).await?;
        let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        // A gateway may reset the stream.
        let text = match sender.send_request(request).await {
            Ok(response) => {
                response.into_body().collect().await.map_or_else(|_| Bytes::new(), Collected::to_bytes)
            }
            Err(_) => Bytes::new(),
        };
        connection.abort();
        Ok(Seen::read(&String::from_utf8_lossy(&text)))
    }
}
