//! DPoP (RFC 9449): the proofs of token requests and of requests to an API. `dpop_both_halves.rs` of
//! the system tests has the real verifier.

#[cfg(feature = "reqwest")]
mod api_requests;
mod token_requests;

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_client::{ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, DpopKey};
use serde_json::Value;

use crate::recorder::{Received, Recorder, Reply, reply};

/// The time of the client's clock.
const NOW: u64 = 1_750_000_000;

/// A proof that a server received. Its signature is checked by the system tests.
#[derive(Debug)]
pub(crate) struct Proof {
    header: Value,
    claims: Value,
}

impl Proof {
    fn of(request: &Received) -> Self {
        let mut values = request.headers.get_all("dpop").iter();
        let text = values.next().expect("a proof").to_str().unwrap();
        assert!(values.next().is_none(), "one proof");
        Self::parse(text)
    }

    fn parse(text: &str) -> Self {
        let parts: Vec<&str> = text.split('.').collect();
        assert_eq!(parts.len(), 3);
        let [header, claims] =
            [0, 1].map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[part]).unwrap()).unwrap());
        Self { header, claims }
    }

    fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).map(|claim| claim.as_str().unwrap())
    }

    fn nonce(&self) -> Option<&str> {
        self.claim("nonce")
    }
}

/// Returns the proofs that a server received, in order.
fn proofs(server: &Recorder) -> Vec<Proof> {
    server.requests().iter().map(Proof::of).collect()
}

/// Returns the nonces of these proofs. The string is empty if a proof has none.
fn nonces(server: &Recorder) -> Vec<String> {
    proofs(server).iter().map(|proof| proof.nonce().unwrap_or_default().to_owned()).collect()
}

/// Returns a token response with this type.
fn token(text: &str, kind: &str) -> Reply {
    reply(200, format!(r#"{{"access_token":"{text}","token_type":"{kind}","expires_in":3600}}"#))
}

/// Returns the response of a token endpoint that requires this nonce.
fn nonce_required(nonce: &str) -> Reply {
    reply(400, r#"{"error":"use_dpop_nonce","error_description":"nonce"}"#).with("dpop-nonce", nonce)
}

fn builder(server: &Recorder) -> ClientCredentialsBuilder {
    let client = ClientAuthentication::client_secret_basic("report", "s3cret");
    ClientCredentials::builder(client)
        .token_endpoint(format!("{}?tenant=1", server.endpoint()))
        .acquire_timeout(Duration::from_secs(1))
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .dpop(DpopKey::per_token())
}

fn client(server: &Recorder) -> ClientCredentials {
    builder(server).build().unwrap()
}
