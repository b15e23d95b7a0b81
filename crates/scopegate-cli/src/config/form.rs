//! The form of a token, by which the issuer is found that may be asked about it.

use scopegate_proto::jws::CompactJws;
use serde_json::{Map, Value};

/// A token with its form.
pub(crate) struct Form<'t> {
    pub(super) token: &'t str,
    /// The JWT, not verified. `None` for an opaque token.
    pub(super) jwt: Option<Jwt>,
}

/// The claim of a JWT that names the issuer, not verified.
pub(crate) struct Jwt {
    pub(crate) issuer: Option<String>,
}

/// Maximum length of a JWT, as the verifier has it.
const MAX_TOKEN: usize = 16 * 1024;

impl<'t> Form<'t> {
    pub(crate) fn of(token: &'t str) -> Self {
        let jwt = CompactJws::split(token.as_bytes(), MAX_TOKEN).ok().and_then(|parts| {
            let _: Map<String, Value> = serde_json::from_slice(parts.header()).ok()?;
            let payload = serde_json::from_slice::<Map<String, Value>>(parts.payload()).ok();
            let issuer = payload.and_then(|payload| payload.get("iss")?.as_str().map(str::to_owned));
            Some(Jwt { issuer })
        });
        Self { token, jwt }
    }

    /// Returns the issuer that the token names, not verified.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.jwt.as_ref()?.issuer.as_deref()
    }
}
