//! DPoP through a gateway: proofs, nonces and challenges.

use scopegate_issuer::{Algorithm, SigningKey};

use crate::caller::{Call, Response};
use crate::checks::{Cell, Tried, YES};
use crate::gateway::Gateway;
use crate::service::Issuers;
use crate::trouble::{Trouble, ensure};
use crate::variant::{SHIPPED, Variant};

/// The public URL of the route.
const URL: &str = "https://api.example/files/a";

const ACCEPTED: Variant = Variant {
    name: "-nonces",
    settings: "dpop = \"accept\"\ndpop_nonce = \"require\"\ndpop_nonce_key_file = \"nonce-key\"\n",
    ..SHIPPED
};

const REQUIRED: Variant = Variant {
    name: "-required",
    settings: "dpop = \"require\"\ndpop_nonce = \"require\"\ndpop_nonce_key_file = \"nonce-key\"\n",
    ..SHIPPED
};

/// A client with a key of its own.
struct Client<'a> {
    key: SigningKey,
    issuers: &'a Issuers,
    gateway: &'a Gateway,
}

impl Client<'_> {
    /// Sends a request with these headers.
    async fn send(&self, headers: &[String]) -> Result<Response, Trouble> {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        Call { headers: &headers, ..Call::get("/files/a", None) }.send(&self.gateway.address).await
    }

    fn proof(&self, url: &str, nonce: Option<&str>) -> [String; 2] {
        self.issuers.with_proof(&self.key, url, nonce)
    }

    /// The request reaches the backend.
    async fn is_accepted(&self, headers: &[String]) -> Result<Response, Trouble> {
        let response = self.send(headers).await?;
        ensure!(response.status == 200 && response.seen().is_some(), "{response:?}");
        Ok(response)
    }

    /// The request is rejected with a DPoP challenge that has this text.
    async fn is_rejected(&self, headers: &[String], error: &str) -> Result<Response, Trouble> {
        let response = self.send(headers).await?;
        ensure!(response.status == 401 && response.seen().is_none(), "{response:?}");
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        ensure!(challenge.starts_with("DPoP ") && challenge.contains(error), "{response:?}");
        Ok(response)
    }

    /// Returns the nonce of a response to a proof without a nonce.
    async fn nonce(&self) -> Result<String, Trouble> {
        let response = self.is_rejected(&self.proof(URL, None), "error=\"use_dpop_nonce\"").await?;
        one_nonce(&response)
    }
}

/// Returns the nonce of a response that must have one.
fn one_nonce(response: &Response) -> Result<String, Trouble> {
    let nonces: Vec<&str> = response.all("DPoP-Nonce").collect();
    let [nonce] = nonces[..] else { return Err(Trouble(format!("expected one nonce: {response:?}"))) };
    ensure!(!nonce.is_empty(), "an empty nonce: {response:?}");
    Ok(nonce.to_owned())
}

impl Tried<'_> {
    fn client<'c>(&'c self, gateway: &'c Gateway) -> Client<'c> {
        Client { key: SigningKey::generate(Algorithm::ES256), issuers: &self.setup.issuers, gateway }
    }

    async fn start(&self, variant: Variant) -> Result<Gateway, Trouble> {
        Gateway::start(self.kind, self.setup, variant).await
    }

    pub(super) async fn proofs(&self) -> Cell {
        // FW13, DP06, DP16, DP18, DP24
        const ERROR: &str = "error=\"invalid_dpop_proof\"";
        let client = self.client(self.gateway);
        let valid = client.proof(URL, None);
        client.is_accepted(&valid).await?;
        client.is_rejected(&valid, ERROR).await?;
        let address = &self.gateway.address;
        for url in [
            "https://api.example/files/b",
            "https://api.example/decide",
            "https://api.example/decide/files/a",
            "http://api.example/files/a",
            "https://other.example/files/a",
            &format!("http://{address}/files/a"),
        ] {
            let [token, proof] = client.proof(url, None);
            client.is_rejected(&[token.clone(), proof.clone()], ERROR).await?;
            for name in ["X-Forwarded-Host", "X-Original-Host"] {
                let other = [token.clone(), proof.clone(), format!("{name}: other.example")];
                client.is_rejected(&other, ERROR).await?;
            }
        }
        let [token, proof] = client.proof(URL, None);
        let [_, second] = client.proof(URL, None);
        client.is_rejected(&[token, proof, second], ERROR).await?;
        self.other_challenges(&client).await
    }

    /// A bound token needs the scheme `DPoP`. A token without the scope gets 403 in this scheme.
    async fn other_challenges(&self, client: &Client<'_>) -> Cell {
        let [token, proof] = client.proof(URL, None).map(|line| line.replace(": DPoP ", ": Bearer "));
        let response = client.send(&[token, proof]).await?;
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        ensure!(response.status == 401 && response.seen().is_none(), "{response:?}");
        ensure!(challenge.contains("error=\"invalid_token\""), "{response:?}");
        let [token, proof] = client.proof("https://api.example/admin/keys", None);
        let call = Call { headers: &[&token, &proof], ..Call::get("/admin/keys", None) };
        let response = call.send(&self.gateway.address).await?;
        ensure!(response.status == 403 && response.seen().is_none(), "{response:?}");
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        let is_of_dpop = challenge.starts_with("DPoP ") && challenge.contains("error=\"insufficient_scope\"");
        ensure!(is_of_dpop, "{response:?}");
        Ok(YES.to_owned())
    }

    pub(super) async fn nonces(&self) -> Cell {
        // FW13, DP33, DP34, DP38
        for (variant, is_required) in [(ACCEPTED, false), (REQUIRED, true)] {
            let gateway = self.start(variant).await?;
            let client = self.client(&gateway);
            let nonce = client.nonce().await?;
            let valid = client.proof(URL, Some(&nonce));
            let response = client.is_accepted(&valid).await?;
            ensure!(response.header("DPoP-Nonce").is_none(), "the nonce is the current one: {response:?}");
            let used = client.is_rejected(&valid, "error=\"invalid_dpop_proof\"").await?;
            ensure!(one_nonce(&used)? == nonce, "{used:?}");
            client.is_rejected(&client.proof(URL, Some("unknown")), "error=\"use_dpop_nonce\"").await?;
            // A bearer caller gets a nonce if it must become a client of DPoP.
            let bearer = Call::get("/files/a", Some("invalid")).send(&gateway.address).await?;
            ensure!(bearer.status == 401, "{bearer:?}");
            ensure!(bearer.header("DPoP-Nonce").is_some() == is_required, "{bearer:?}");
        }
        Ok(YES.to_owned())
    }

    /// A proof with the earlier nonce is accepted, and the response has the next nonce.
    pub(super) async fn new_nonce(&self) -> Cell {
        // DP35
        let gateway = self.start(ACCEPTED).await?;
        let client = self.client(&gateway);
        let earlier = client.nonce().await?;
        gateway.replace_nonce_key().await?;
        let response = client.is_accepted(&client.proof(URL, Some(&earlier))).await?;
        let current = client.nonce().await?;
        ensure!(current != earlier, "the nonce is the same");
        match response.all("DPoP-Nonce").collect::<Vec<_>>()[..] {
            [] => Ok("no".to_owned()),
            [nonce] if nonce == current => Ok(YES.to_owned()),
            _ => Err(Trouble(format!("expected the nonce {current}: {response:?}"))),
        }
    }

    /// Returns the challenges that reach the caller.
    pub(super) async fn failed_proof(&self) -> Cell {
        // FW09, DP31
        let client = self.client(self.gateway);
        let [token, _] = client.proof(URL, None);
        let response = client.is_rejected(&[token], "error=\"invalid_dpop_proof\"").await?;
        let challenges = response.all("WWW-Authenticate").collect::<Vec<_>>().join(", ");
        let errors = challenges.matches("error=").count();
        ensure!(errors == 1, "{challenges}");
        Ok(if challenges.contains(", Bearer ") { "both" } else { "the first one" }.to_owned())
    }

    /// Returns the challenges for a bearer token.
    pub(super) async fn required_proofs(&self) -> Cell {
        // DP04, FW06
        let gateway = self.start(REQUIRED).await?;
        for token in [Some(self.reader()), None] {
            let response = Call::get("/files/a", token).send(&gateway.address).await?;
            ensure!(response.status == 401 && response.seen().is_none(), "{response:?}");
            let challenges: Vec<&str> = response.all("WWW-Authenticate").collect();
            let is_one =
                matches!(challenges[..], [one] if one.starts_with("DPoP ") && !one.contains("error"));
            ensure!(is_one, "{response:?}");
        }
        Ok("a DPoP challenge".to_owned())
    }
}
