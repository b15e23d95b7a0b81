//! Gateways that pass on no credentials of the caller.

use scopegate_issuer::{Algorithm, SigningKey};

use crate::caller::Call;
use crate::checks::{Cell, Tried, YES};
use crate::gateway::Gateway;
use crate::trouble::{Trouble, ensure};
use crate::variant::{SHIPPED, Variant};

/// The lines of deploy/ that remove the credentials.
const BY_GATEWAY: Variant = Variant {
    name: "-no-credentials",
    replaced: &[
        ("# proxy_set_header Authorization", "proxy_set_header Authorization"),
        ("# proxy_set_header DPoP", "proxy_set_header DPoP"),
        ("# request_header -Authorization", "request_header -Authorization"),
        ("# request_header -DPoP", "request_header -DPoP"),
        ("[untrusted, scopegate]", "[untrusted, scopegate, no-credentials]"),
    ],
    ..SHIPPED
};

/// The service asks Envoy to remove them.
const BY_SERVICE: Variant =
    Variant { name: "-no-credentials", settings: "dpop = \"accept\"\nstrip_credentials = true\n", ..SHIPPED };

impl Tried<'_> {
    /// An accepted request reaches the backend without its token and its proof. With the file of deploy/, it
    /// has both.
    pub(super) async fn credentials_are_removed(&self) -> Cell {
        let variant = if self.kind.name.starts_with("envoy") { BY_SERVICE } else { BY_GATEWAY };
        let gateway = Gateway::start(self.kind, self.setup, variant).await?;
        ensure!(
            self.credentials_at_backend(self.gateway).await? == [1, 1],
            "the file of deploy/ removes them"
        );
        let found = self.credentials_at_backend(&gateway).await?;
        ensure!(found == [0, 0], "the backend gets {} tokens and {} proofs", found[0], found[1]);
        Ok(YES.to_owned())
    }

    /// Returns how many `Authorization` and `DPoP` headers of an accepted request reach the backend.
    async fn credentials_at_backend(&self, gateway: &Gateway) -> Result<[usize; 2], Trouble> {
        let key = SigningKey::generate(Algorithm::ES256);
        let headers = self.setup.issuers.with_proof(&key, "https://api.example/files/a", None);
        let headers = headers.each_ref().map(String::as_str);
        let call = Call { headers: &headers, ..Call::get("/files/a", None) };
        let response = call.send(&gateway.address).await?;
        let Some(seen) = response.seen() else { return Err(Trouble(format!("rejected: {response:?}"))) };
        ensure!(!seen.values("X-Auth-Sub").concat().is_empty(), "no identity: {seen:?}");
        Ok(["Authorization", "DPoP"]
            .map(|name| seen.values(name).iter().filter(|value| !value.is_empty()).count()))
    }
}
