//! Keys for sender-constrained tokens, as headers of a token request.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::json;

use crate::outcome::Trouble;
use crate::server::Binding;

impl Binding {
    /// Returns the name and the value of the header, for a request to this URL.
    pub(crate) fn header(
        self,
        token_endpoint: &str,
        certificate: Option<&str>,
    ) -> Result<(&'static str, String), Trouble> {
        match (self, certificate) {
            (Self::Dpop, _) => Ok(("DPoP", proof(token_endpoint)?)),
            (Self::Certificate, Some(pem)) => Ok(("X-Client-Certificate", encoded(pem))),
            (Self::Certificate, None) => Ok(("X-Client-Certificate", encoded(&certificate_pem()?))),
        }
    }
}

/// Returns a DPoP proof (RFC 9449 §4.2).
fn proof(token_endpoint: &str) -> Result<String, Trouble> {
    let key = SigningKey::generate(Algorithm::ES256);
    let iat = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() });
    let claims = json!({ "jti": key.kid(), "htm": "POST", "htu": token_endpoint, "iat": iat });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    Ok(format!("{signed}.{signature}"))
}

/// Returns a new certificate as PEM.
pub(crate) fn certificate_pem() -> Result<String, Trouble> {
    Ok(rcgen::generate_simple_self_signed(["client.test".to_owned()])?.cert.pem())
}

/// Returns percent-encoded PEM, as a proxy that terminates TLS passes it on, such as nginx.
fn encoded(pem: &str) -> String {
    let encoded = pem.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}
