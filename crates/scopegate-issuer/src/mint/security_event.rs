//! Security event tokens (RFC 8417), which revoke tokens at a resource server.

use serde_json::{Value, json};

use super::Mint;
use super::shape::Shape;
use crate::clock;

/// Security event tokens, for a receiver that revokes tokens by them.
///
/// ```
/// use scopegate_issuer::{LocalIssuer, Mint};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let local = LocalIssuer::start().await?;
/// let set = local
///     .security_event("https://api.example/security-events")
///     .event(Mint::SESSION_REVOKED, json!({ "event_timestamp": 1_800_000_000 }))
///     .claim("sub_id", json!({ "format": "iss_sub", "iss": local.issuer(), "sub": "user-1" }))
///     .sign();
/// # let _ = set; Ok(()) }
/// ```
impl Mint {
    /// The event of CAEP 1.0 for a session that has ended.
    pub const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

    /// The event of CAEP 1.0 for a password or another credential that was changed.
    pub const CREDENTIAL_CHANGE: &str =
        "https://schemas.openid.net/secevent/caep/event-type/credential-change";

    /// Creates a security event token without events: `typ` is `secevent+jwt`, and its claims are
    /// `iss`, `aud`, `iat`, `jti` and `events`. Add an [`event`](Self::event) and a claim `sub_id`.
    pub fn security_event(issuer: &str, audience: &str) -> Self {
        Self::starting_at(clock::system_now(), Shape::Rfc9068, issuer, "").into_security_event(audience)
    }

    pub(crate) fn into_security_event(mut self, audience: &str) -> Self {
        self.shape = Shape::Rfc9068;
        self.claims.retain(|name, _| ["iss", "iat", "jti"].contains(&name.as_str()));
        self.claim("aud", audience).claim("events", json!({})).header("typ", "secevent+jwt")
    }

    /// Adds an event to `events`, by its type.
    pub fn event(mut self, uri: &str, details: impl Into<Value>) -> Self {
        if let Some(Value::Object(events)) = self.claims.get_mut("events") {
            events.insert(uri.to_owned(), details.into());
        }
        self
    }
}
