//! The responses of the service that reach the caller.

use crate::checks::{Cell, Tried, YES};
use crate::trouble::ensure;

impl Tried<'_> {
    pub(super) async fn challenge(&self, token: Option<&str>, status: u16) -> Cell {
        let response = self.get("/admin/keys", token).await?;
        ensure!(response.status == status && response.seen().is_none(), "{response:?}");
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        ensure!(challenge.starts_with("Bearer "), "{response:?}");
        if status == 403 {
            ensure!(challenge.contains("insufficient_scope") && challenge.contains("admin"), "{response:?}");
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn ambiguous(&self) -> Cell {
        let response = self.get("/files/a;b", Some(self.reader())).await?;
        ensure!(response.seen().is_none() && response.status >= 400, "{response:?}");
        Ok(response.status.to_string())
    }

    pub(super) async fn undecidable(&self) -> Cell {
        let response = self.get("/orders/7", Some(&self.tokens.undecidable)).await?;
        ensure!(response.seen().is_none() && response.status >= 500, "{response:?}");
        let retry = if response.header("Retry-After").is_some() { "with" } else { "without" };
        Ok(format!("{} {retry} `Retry-After`", response.status))
    }

    pub(super) async fn stopped(&mut self) -> Cell {
        self.gateway.service.stop().await?;
        for target in ["/orders/7", "/public/a", "/admin/keys"] {
            let response = self.get(target, Some(self.reader())).await?;
            ensure!(response.seen().is_none() && response.status >= 500, "{target}: {response:?}");
        }
        Ok(self.get("/orders/7", Some(self.reader())).await?.status.to_string())
    }
}
