//! The header `Connection` of the caller: a proxy removes the headers that it names (RFC 9110 §7.6.1).

use crate::caller::Call;
use crate::checks::{Cell, Tried, YES};
use crate::trouble::{Trouble, ensure};

/// Headers that a gateway sets itself. A backend may take their absence for a request of its own network.
const OF_THE_GATEWAY: [&str; 8] = [
    "X-Auth-Path",
    "X-Auth-Client",
    "X-Auth-Sub",
    "X-Auth-Scope",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
];

const UPGRADE: &str = "Upgrade: websocket";

impl Tried<'_> {
    /// The backend gets the headers of the gateway, also if the caller lists them in `Connection`.
    pub(super) async fn connection(&self) -> Cell {
        // FW05
        let all = OF_THE_GATEWAY.join(", ");
        let lower = all.to_lowercase();
        for (target, token) in [("/files/a", Some(self.reader())), ("/public/a", None)] {
            let call = Call::get(target, token);
            let plain = call.send(&self.gateway.address).await?;
            let plain = plain.seen().ok_or_else(|| Trouble(format!("not at the backend: {plain:?}")))?;
            ensure!(token.is_none() || plain.values("X-Auth-Path") == [target], "{plain:?}");
            for connection in [
                format!("close, {all}"),
                "close, X-Auth-Client".to_owned(),
                format!("{all},close"),
                format!("close\r\nConnection: {lower}"),
                format!("{lower}\r\nconnection: close"),
                format!("close, Upgrade, {all}"),
                format!("close, upgrade\r\nConnection: {all}"),
                "close, Authorization, X-Auth-Client, X-Auth-Path".to_owned(),
            ] {
                for headers in [&[][..], &[UPGRADE]] {
                    let call = Call { connection: &connection, headers, ..call };
                    let response = call.send(&self.gateway.address).await?;
                    let Some(seen) = response.seen() else {
                        // A gateway may reject it, or remove the token before it asks.
                        ensure!((400..=499).contains(&response.status), "{connection:?}: {response:?}");
                        continue;
                    };
                    let lost = OF_THE_GATEWAY.into_iter().find(|name| {
                        let (now, before) = (seen.values(name), plain.values(name));
                        // Traefik has another `X-Forwarded-Proto` for WebSocket.
                        if name.starts_with("X-Auth") { now != before } else { now.len() != before.len() }
                    });
                    ensure!(lost.is_none(), "{target}: {connection:?}: without {lost:?}");
                }
            }
        }
        self.unjudged().await
    }

    /// No `Connection` of a caller leads to a request that the service would reject.
    async fn unjudged(&self) -> Cell {
        for connection in ["close, Authorization", "close\r\nConnection: Authorization, X-Auth-Path"] {
            for (target, token, status) in
                [("/admin/keys", Some(self.reader()), 401..=403), ("/files/a", None, 401..=401)]
            {
                let call = Call { connection, ..Call::get(target, token) };
                let response = call.send(&self.gateway.address).await?;
                ensure!(response.seen().is_none(), "{connection:?}: {target} is at the backend");
                ensure!(status.contains(&response.status), "{connection:?}: {target}: {response:?}");
            }
        }
        Ok(YES.to_owned())
    }

    /// A backend that speaks HTTP/2 on the same connection would read further requests, which no one judges.
    pub(super) async fn other_upgrade(&self) -> Cell {
        // FW03
        let settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA";
        for headers in [
            &["Upgrade: h2c", settings][..],
            &["Upgrade: H2C, websocket", settings],
            &["Upgrade: websocket, h2c", settings],
            &["Upgrade: h2c", "Upgrade: websocket", settings],
            &["Upgrade: websocket", "Upgrade: h2c", settings],
        ] {
            for connection in ["close, Upgrade, HTTP2-Settings", "close, upgrade", "close", "close, X-Other"]
            {
                for (target, token) in [("/files/a", Some(self.reader())), ("/public/a", None)] {
                    let call = Call { connection, headers, ..Call::get(target, token) };
                    let response = call.send(&self.gateway.address).await?;
                    let Some(seen) = response.seen() else {
                        ensure!((400..=499).contains(&response.status), "{headers:?}: {response:?}");
                        continue;
                    };
                    let found = seen.values("Upgrade").concat().to_ascii_lowercase();
                    ensure!(!found.contains("h2c"), "{connection}, {headers:?}: {found}");
                }
            }
        }
        Ok(YES.to_owned())
    }

    /// Returns whether the backend gets the request of a WebSocket client.
    pub(super) async fn web_socket(&self) -> Cell {
        let headers = [UPGRADE, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
        let call = Call {
            connection: "close, Upgrade",
            headers: &headers,
            ..Call::get("/files/a", Some(self.reader()))
        };
        let response = call.send(&self.gateway.address).await?;
        let Some(seen) = response.seen() else { return Ok(response.status.to_string()) };
        let has =
            |name: &str, value: &str| seen.values(name).iter().any(|found| found.eq_ignore_ascii_case(value));
        let is_upgrade = has("Connection", "upgrade") && has("Upgrade", "websocket");
        Ok(if is_upgrade { YES } else { "as a request without an upgrade" }.to_owned())
    }
}
