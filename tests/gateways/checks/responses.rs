//! The responses of the service that reach the caller.

use std::time::{Duration, Instant};

use crate::caller::Call;
use crate::checks::{Cell, Tried, YES};
use crate::gateway::Gateway;
use crate::trouble::{Trouble, ensure};
use crate::variant::{SHIPPED, Variant};

/// The time limits of the gateways in seconds. None is changed by a busy machine for this long.
const LIMITS: [u64; 2] = [5, 30];
const MARGIN: u64 = 6;

impl Tried<'_> {
    pub(super) async fn challenge(&self, token: Option<&str>, status: u16) -> Cell {
        // FW06
        let response = self.get("/admin/keys", token).await?;
        ensure!(response.status == status && response.seen().is_none(), "{response:?}");
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        ensure!(challenge.starts_with("Bearer "), "{response:?}");
        if status == 403 {
            ensure!(challenge.contains("insufficient_scope") && challenge.contains("admin"), "{response:?}");
        }
        Ok(YES.to_owned())
    }

    /// A response of a service that accepts DPoP has two challenges.
    pub(super) async fn both_challenges(&self) -> Cell {
        // FW09
        let response = self.get("/orders/7", None).await?;
        let challenges = response.all("WWW-Authenticate").collect::<Vec<_>>().join(", ");
        ensure!(challenges.starts_with("Bearer "), "{response:?}");
        Ok(if challenges.contains(", DPoP ") { "both" } else { "the first one" }.to_owned())
    }

    pub(super) async fn ambiguous(&self) -> Cell {
        let response = self.get("/files/a;b", Some(self.reader())).await?;
        ensure!(response.seen().is_none() && response.status >= 400, "{response:?}");
        Ok(response.status.to_string())
    }

    pub(super) async fn undecidable(&self) -> Cell {
        // FW07, FW08
        let response = self.get("/orders/7", Some(&self.tokens.undecidable)).await?;
        ensure!(response.seen().is_none() && response.status >= 500, "{response:?}");
        let retry = if response.header("Retry-After").is_some() { "with" } else { "without" };
        Ok(format!("{} {retry} `Retry-After`", response.status))
    }

    /// No caller waits without end.
    pub(super) async fn silent(&self) -> Cell {
        // FW07
        let gateway = Gateway::start(self.kind, self.setup, Variant { name: "-silent", ..SHIPPED }).await?;
        gateway.silence_service();
        let asked = Instant::now();
        let response = Call::get("/public/a", None).send(&gateway.address).await?;
        // A gateway's timer may end some milliseconds early.
        let seconds = (asked.elapsed() + Duration::from_millis(500)).as_secs();
        ensure!(response.seen().is_none() && response.status >= 500, "{response:?}");
        let limit = LIMITS.into_iter().find(|limit| (*limit..limit + MARGIN).contains(&seconds));
        let limit = limit.ok_or_else(|| Trouble(format!("{} after {seconds} s", response.status)))?;
        Ok(format!("{} after {limit} s", response.status))
    }

    pub(super) async fn stopped(&mut self) -> Cell {
        // FW07
        self.gateway.stop_service().await?;
        for target in ["/orders/7", "/public/a", "/admin/keys"] {
            let response = self.get(target, Some(self.reader())).await?;
            ensure!(response.seen().is_none() && response.status >= 500, "{target}: {response:?}");
        }
        Ok(self.get("/orders/7", Some(self.reader())).await?.status.to_string())
    }
}
