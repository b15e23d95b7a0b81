//! Unverified claims of a rejected token.

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};

use crate::checks::audience::ANY_CLIENT_CLAIM;
use crate::checks::form;

/// Claims of a rejected token. They are untrusted: an attacker may have written them.
///
/// Each value is cut to 80 characters and escaped, so it is safe in a log.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// `iss`.
    pub issuer: Option<Excerpt>,
    /// `client_id`, or else `azp`, `appid` or `cid`.
    pub client_id: Option<Excerpt>,
    /// `sub`.
    pub subject: Option<Excerpt>,
    /// `jti`.
    pub token_id: Option<Excerpt>,
}

impl Unverified {
    pub(crate) fn read(token: &[u8]) -> Option<Self> {
        let parts = form::split(token).ok()?;
        let payload = JsonObject::from_slice(parts.payload()).ok()?;
        let claim = |name: &str| payload.get(name).and_then(string).map(|text| Excerpt::new(&text));
        Some(Self {
            issuer: claim("iss"),
            client_id: ANY_CLIENT_CLAIM.into_iter().find_map(claim),
            subject: claim("sub"),
            token_id: claim("jti"),
        })
    }
}
