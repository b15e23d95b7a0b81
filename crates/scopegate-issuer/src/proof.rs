//! Builds DPoP proofs: valid ones, and requests with exactly one defect.

mod broken;
mod broken_proof;
pub(crate) mod defect;
pub(crate) mod request;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::clock::system_now;
use crate::keys::public_key::sha256;
use crate::keys::signing_key::SigningKey;
use crate::mint::random_uuid;

/// A builder of DPoP proofs for one method and URL (RFC 9449 §4.2), for tests that are the client.
///
/// Each call of [`sign`](Self::sign) makes a new proof, with its own `jti` and the current time. A
/// proof for an API names the request's token; a proof for the token endpoint does not.
///
/// ```
/// use scopegate_issuer::{Algorithm, DpopProof, LocalIssuer, SigningKey};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = LocalIssuer::start().await?;
/// let key = SigningKey::generate(Algorithm::ES256);
///
/// // A client gets a token that is bound to its key …
/// let client = issuer.client("reader").expect("the built-in configuration has this client");
/// let response = reqwest::Client::new()
///     .post(issuer.token_endpoint())
///     .header("dpop", DpopProof::new(&key, "POST", &issuer.token_endpoint()).sign())
///     .basic_auth(client.id(), Some(client.secret()))
///     .form(&[("grant_type", "client_credentials")])
///     .send()
///     .await?;
/// let response: serde_json::Value = response.json().await?;
/// assert_eq!(response["token_type"], "DPoP");
///
/// // … or a test mints it, and proves each request.
/// let token = issuer.mint().with_dpop_key(&key).sign();
/// let proof = DpopProof::new(&key, "GET", "https://api.example/orders").token(&token).sign();
/// let authorization = format!("DPoP {token}");
/// # let _ = (proof, authorization); Ok(()) }
/// ```
///
/// [`request`](Self::request) returns both headers of a request.
/// [`broken_requests`](Self::broken_requests) returns the headers of requests that an API must reject.
#[derive(Clone, Debug)]
#[must_use = "a proof does nothing until it is signed"]
pub struct DpopProof {
    key: SigningKey,
    method: String,
    url: String,
    /// Members that are added, or replace others. `None` removes a member.
    header: BTreeMap<String, Option<Value>>,
    claims: BTreeMap<String, Option<Value>>,
    raw_header: Option<String>,
    raw_payload: Option<String>,
}

impl DpopProof {
    /// Creates a proof of this key for requests with this method and URL. The URL has neither query
    /// nor fragment.
    pub fn new(key: &SigningKey, method: &str, url: &str) -> Self {
        Self {
            key: key.clone(),
            method: method.to_owned(),
            url: url.to_owned(),
            header: BTreeMap::new(),
            claims: BTreeMap::new(),
            raw_header: None,
            raw_payload: None,
        }
    }

    /// Sets `ath` to the hash of this access token. By default, there is no `ath`.
    pub fn token(self, token: &str) -> Self {
        self.claim("ath", sha256(token.as_bytes()))
    }

    /// Sets `nonce` to the value of a `DPoP-Nonce` header. By default, there is no nonce.
    pub fn nonce(self, nonce: &str) -> Self {
        self.claim("nonce", nonce)
    }

    /// Sets `iat`, in seconds since 1970. Default: the time of the system clock when it is signed. Use
    /// it if the [clock of the issuer](crate::LocalIssuer::set_now) is fixed.
    pub fn issued_at(self, unix_seconds: u64) -> Self {
        self.claim("iat", unix_seconds)
    }

    /// Sets a claim to a value of any type.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), Some(value.into()));
        self
    }

    /// Removes a claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.insert(name.to_owned(), None);
        self
    }

    /// Sets a header member to a value of any type.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), Some(value.into()));
        self
    }

    /// Removes a header member.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.insert(name.to_owned(), None);
        self
    }

    /// Replaces the header by this string.
    pub fn raw_header(mut self, text: impl Into<String>) -> Self {
        self.raw_header = Some(text.into());
        self
    }

    /// Replaces the payload by this string. The claims are then ignored.
    pub fn raw_payload(mut self, text: impl Into<String>) -> Self {
        self.raw_payload = Some(text.into());
        self
    }

    /// Returns a new compact proof, signed with the key.
    ///
    /// # Panics
    ///
    /// Panics if the operating system provides no randomness.
    #[must_use]
    pub fn sign(&self) -> String {
        self.sign_with(&self.key)
    }

    /// Returns a new compact proof that still names the key, but is signed with another one.
    ///
    /// # Panics
    ///
    /// Panics if the operating system provides no randomness.
    #[must_use]
    pub fn sign_with(&self, key: &SigningKey) -> String {
        let signing_input = self.signing_input();
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signing_input.as_bytes()));
        format!("{signing_input}.{signature}")
    }

    fn signing_input(&self) -> String {
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}", encode(self.header_text()), encode(self.payload_text()))
    }

    fn header_text(&self) -> String {
        let header = [
            ("typ", json!("dpop+jwt")),
            ("alg", json!(self.key.alg().to_string())),
            ("jwk", Value::Object(self.jwk())),
        ];
        self.raw_header.clone().unwrap_or_else(|| with_changes(header, &self.header))
    }

    fn payload_text(&self) -> String {
        let claims = [
            ("jti", json!(random_uuid())),
            ("htm", json!(self.method)),
            ("htu", json!(self.url)),
            ("iat", json!(system_now())),
        ];
        self.raw_payload.clone().unwrap_or_else(|| with_changes(claims, &self.claims))
    }

    /// Returns the public key with its required members only, as clients write it.
    fn jwk(&self) -> Map<String, Value> {
        let jwk = self.key.jwk().as_object().cloned().unwrap_or_default();
        // RFC 9964 §3: a key of ML-DSA has `alg`.
        let names_its_algorithm = jwk.get("kty").is_some_and(|kty| kty == "AKP");
        let identifies = |name: &str| match name {
            "kid" | "use" => false,
            "alg" => names_its_algorithm,
            _ => true,
        };
        jwk.into_iter().filter(|(name, _)| identifies(name)).collect()
    }
}

/// Returns the members as JSON, after these changes.
fn with_changes<const N: usize>(
    members: [(&str, Value); N],
    changes: &BTreeMap<String, Option<Value>>,
) -> String {
    let mut members: Map<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, value) in changes {
        match value {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
    Value::Object(members).to_string()
}
