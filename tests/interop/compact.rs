//! A compact token that is split into parts, which tests change and join again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::SigningKey;
use serde_json::{Map, Value};

use crate::outcome::Trouble;

pub(crate) struct Compact {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    signature: String,
}

impl Compact {
    pub(crate) fn read(token: &str) -> Result<Self, Trouble> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Trouble::failed("a token without three parts"));
        };
        let object = |part: &str| -> Result<Map<String, Value>, Trouble> {
            Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
        };
        Ok(Self { header: object(header)?, claims: object(claims)?, signature: signature.to_owned() })
    }

    pub(crate) fn key_id(&self) -> &str {
        self.header.get("kid").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the token with its original signature.
    pub(crate) fn text(&self) -> String {
        format!("{}.{}", self.signed_part(), self.signature)
    }

    /// Returns the token signed with another key, and with its original key id.
    pub(crate) fn signed_with(&self, key: &SigningKey) -> String {
        let signed = self.signed_part();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
    }

    fn signed_part(&self) -> String {
        let [header, claims] = [&self.header, &self.claims]
            .map(|part| URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string()));
        format!("{header}.{claims}")
    }
}
