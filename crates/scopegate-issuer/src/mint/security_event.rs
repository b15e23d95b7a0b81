//! Signed documents that are no access tokens. Security event tokens (RFC 8417) revoke tokens at a
//! resource server. Introspection responses (RFC 9701) decide about one token.

use serde_json::{Map, Value, json};

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

    /// Creates the response of an introspection endpoint (RFC 9701 §5) for this client.
    pub(crate) fn into_introspection_response(
        mut self,
        client_id: &str,
        members: Map<String, Value>,
    ) -> Self {
        self.shape = Shape::Rfc9068;
        self.claims.retain(|name, _| ["iss", "iat"].contains(&name.as_str()));
        let mint = self.claim("aud", client_id).claim("token_introspection", members);
        mint.header("typ", "token-introspection+jwt")
    }

    /// Adds an event to `events`, by its type.
    pub fn event(mut self, uri: &str, details: impl Into<Value>) -> Self {
        if let Some(Value::Object(events)) = self.claims.get_mut("events") {
            events.insert(uri.to_owned(), details.into());
        }
        self
    }
}
