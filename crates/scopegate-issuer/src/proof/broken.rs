//! Makes the requests and the tokens that have a defect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::DpopProof;
use super::defect::DpopDefect;
use super::request::DpopRequest;
use crate::keys::public_key::sha256;
use crate::mint::Mint;

impl DpopProof {
    /// Returns the headers of requests. The last request has exactly this defect.
    ///
    /// An API must accept every request but the last, and reject the last one with 401 and
    /// [`DpopDefect::error`]. There are two for [`DpopDefect::Replay`], and one for each other defect.
    ///
    /// ```
    /// use scopegate_issuer::{Algorithm, DpopDefect, DpopProof, LocalIssuer, SigningKey};
    ///
    /// # struct Api;
    /// # impl Api { fn status(&self, _: &scopegate_issuer::DpopRequest) -> u16 { 401 } }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// # let api = Api;
    /// let issuer = LocalIssuer::start().await?;
    /// let key = SigningKey::generate(Algorithm::ES256);
    /// let proof = DpopProof::new(&key, "GET", "https://api.example/orders");
    /// for defect in DpopDefect::ALL.iter().filter(|defect| !defect.needs_nonces()) {
    ///     let requests = proof.broken_requests(&issuer.mint().scope("orders/read"), *defect);
    ///     let last = requests.iter().map(|request| api.status(request)).last();
    ///     assert_eq!(last, Some(401), "{defect}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the `Mint` has no pool.
    #[must_use]
    #[track_caller]
    pub fn broken_requests(&self, token: &Mint, defect: DpopDefect) -> Vec<DpopRequest> {
        if let Some(token) = self.token_with(token, defect) {
            return vec![self.request_with(token)];
        }
        let valid = self.request(token);
        let mut request = valid.clone();
        match defect {
            DpopDefect::NoProof => request.proofs.clear(),
            DpopDefect::TwoProofs => request.proofs.push(self.clone().token(&valid.token).sign()),
            DpopDefect::ListOfProofs => {
                let another = self.clone().token(&valid.token).sign();
                request.proofs = vec![format!("{}, {another}", valid.proofs.join(""))];
            }
            DpopDefect::Replay => return vec![valid, request],
            DpopDefect::BearerScheme => request.scheme = "Bearer",
            DpopDefect::BearerWithoutProof => {
                request.scheme = "Bearer";
                request.proofs.clear();
            }
            defect => request.proofs = vec![self.clone().token(&valid.token).sign_broken(defect)],
        }
        vec![request]
    }

    /// Returns a token that has the defect, if the defect is one of tokens.
    #[track_caller]
    fn token_with(&self, token: &Mint, defect: DpopDefect) -> Option<String> {
        let jkt = self.key.thumbprint();
        let bound = |cnf: Value| token.clone().claim("cnf", cnf);
        let token = match defect {
            DpopDefect::UnboundToken => token.clone().without_claim("cnf"),
            DpopDefect::NullConfirmation => bound(Value::Null),
            DpopDefect::ConfirmationAsString => bound(json!(jkt)),
            DpopDefect::EmptyConfirmation => bound(json!({})),
            DpopDefect::UnknownBinding => bound(json!({ "unknown": jkt })),
            DpopDefect::BothBindings => bound(json!({ "jkt": jkt, "x5t#S256": sha256(b"a certificate") })),
            DpopDefect::RepeatedThumbprint => {
                let mut claims = token.claims();
                claims.remove("cnf");
                let cnf = format!(r#"{{"jkt":"{jkt}","jkt":"{jkt}"}}"#);
                token.clone().raw_payload(with_member(&claims, "cnf", &cnf))
            }
            DpopDefect::ThumbprintAsNumber => bound(json!({ "jkt": 7 })),
            DpopDefect::ThumbprintAsArray => bound(json!({ "jkt": [jkt] })),
            DpopDefect::ShortThumbprint => {
                let bytes = URL_SAFE_NO_PAD.decode(&jkt).unwrap_or_default();
                let short = bytes.get(..31).unwrap_or_default();
                bound(json!({ "jkt": URL_SAFE_NO_PAD.encode(short) }))
            }
            DpopDefect::PaddedThumbprint => bound(json!({ "jkt": format!("{jkt}=") })),
            DpopDefect::NonCanonicalThumbprint => bound(json!({ "jkt": non_canonical(&jkt) })),
            _ => return None,
        };
        Some(token.sign())
    }
}

/// Returns an object with a further member, which is written verbatim.
fn with_member(members: &Map<String, Value>, name: &str, json: &str) -> String {
    let text = Value::Object(members.clone()).to_string();
    format!("{},\"{name}\":{json}}}", text.strip_suffix('}').unwrap_or(&text))
}

/// Returns base64url of the same 32 bytes with one of the two unused bits of the last character set.
fn non_canonical(thumbprint: &str) -> String {
    let mut text = thumbprint.to_owned();
    // Canonical ends are `A`, `E`, `I` … and each is followed by another character of base64url.
    let last = text.pop().unwrap_or('A');
    text.push(char::from_u32(u32::from(last) + 1).unwrap_or('B'));
    text
}
