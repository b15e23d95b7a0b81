//! The checks. Each returns the text of its cell, or fails.
//!
//! A function that returns a [`Cell`] is a check. It names its rows of docs/generated/conformance.md as a
//! test does.

mod certificates;
mod connection;
mod credentials;
mod framing;
mod headers;
mod hosts;
mod http2;
mod proofs;
mod requests;
mod responses;

use crate::caller::{Call, Response};
use crate::gateway::{Gateway, Kind, Setup};
use crate::service::Tokens;
use crate::trouble::Trouble;

const YES: &str = "yes";

/// A gateway with the tokens of its callers.
pub(crate) struct Tried<'a> {
    pub(crate) gateway: &'a mut Gateway,
    pub(crate) kind: &'a Kind,
    pub(crate) setup: &'a Setup,
    pub(crate) tokens: &'a Tokens,
    pub(crate) is_sample: bool,
}

type Cell = Result<String, Trouble>;

impl Tried<'_> {
    /// Returns the cells of all checks, each with the name of its row.
    pub(crate) async fn rows(mut self) -> Vec<(&'static str, Cell)> {
        let mut rows = vec![
            ("with the scopes: 200, without: 403, and the backend sees nothing", self.scopes().await),
            ("a public route: 200 without a token, and empty identity headers", self.public().await),
            ("unusual paths arrive unchanged", self.harmless().await),
        ];
        let (compared, counted) = match self.hostile().await {
            Ok(counted) => (Ok(YES.to_owned()), Ok(counted)),
            Err(trouble) => (Err(trouble), Ok(String::new())),
        };
        rows.push(("hostile paths: the backend sees the judged route, or the request is rejected", compared));
        if !self.is_sample {
            rows.push(("hostile paths: not at the backend, and at the backend as judged", counted));
        }
        rows.extend([
            ("headers of the caller about method and URI have no effect", self.other_request().await),
            ("a method without a rule, such as `get` or `CONNECT`, is rejected", self.methods().await),
            ("malformed request lines: the backend sees the judged request, or none", self.lines().await),
            (
                "`Transfer-Encoding` beside `Content-Length`: the backend gets one of them, or no request",
                self.framing().await,
            ),
            (
                "two hosts, none, or another one in the target: the backend sees the judged host",
                self.hosts().await,
            ),
            (
                "over HTTP/2, the backend sees the judged host and path, and no identity of the caller",
                self.http2().await,
            ),
            (
                "headers such as `X-Original-URL` and `X-HTTP-Method-Override` are removed",
                self.other_request_is_removed().await,
            ),
            ("`X-Forwarded-For` and the like are replaced", self.client_address_is_replaced().await),
            (
                "`Client-Cert` and other headers with certificates are removed",
                self.certificates_are_removed().await,
            ),
            (
                "these headers as `X_Original_URL`, `X-Original_URL` and the like are removed",
                self.underscores().await,
            ),
            ("these headers as `X.Original.URL` and the like", self.dots().await),
            (
                "`X-Auth-Sub` of the caller is replaced, also as `X_Auth_Sub`, `x-auth.sub` and the like",
                self.identity().await,
            ),
            ("the same with white space in the name, and on two lines", self.malformed_names().await),
            ("trailers with these names become no header, and", self.trailers().await),
            (
                "`Connection: X-Auth-Sub` of the caller removes no header of the gateway",
                self.connection().await,
            ),
            ("no upgrade to `h2c` reaches the backend", self.other_upgrade().await),
            ("a WebSocket upgrade reaches the backend", self.web_socket().await),
            ("a token of 12 KiB: 200", self.large_token().await),
            ("a token of 7 KB with ML-DSA-87 is accepted", self.ml_dsa().await),
            ("the longest header that arrives, and a longer one", self.longest_header().await),
            ("without the larger buffers: a token of 7 KB, and of 12 KiB", self.small_buffers().await),
            ("a DPoP proof: 200, again or for another URL: 401 with a DPoP challenge", self.proofs().await),
            (
                "with nonces, a 401 has `DPoP-Nonce`, and a proof with it is accepted once",
                self.nonces().await,
            ),
            ("a new nonce in a 200 reaches the caller", self.new_nonce().await),
            ("of the challenges for a failed proof, `DPoP` first", self.failed_proof().await),
            ("with `dpop = \"require\"`, a bearer token: 401 with", self.required_proofs().await),
            (
                "a token that is bound to a certificate: with it 200, with another one or none 401",
                self.certificates().await,
            ),
            ("the same if the caller sends the certificate in a header", self.spoofed_certificates().await),
            (
                "with the lines or the setting for it, the backend gets no `Authorization` and no `DPoP`",
                self.credentials_are_removed().await,
            ),
            ("the metadata of the API is public", self.metadata().await),
            ("the challenge of a 401 arrives", self.challenge(None, 401).await),
            ("the challenge of a 403 arrives", self.challenge(Some(&self.tokens.reader), 403).await),
            ("of two challenges, `Bearer` and `DPoP`", self.both_challenges().await),
            ("an ambiguous path arrives as", self.ambiguous().await),
            ("an undecidable token arrives as", self.undecidable().await),
            ("with a decision service that does not respond, the response is", self.silent().await),
            // The last one, because nothing is decided afterwards.
            ("with the decision service stopped, the response is", self.stopped().await),
        ]);
        rows
    }

    async fn get(&self, target: &str, token: Option<&str>) -> Result<Response, Trouble> {
        Call::get(target, token).send(&self.gateway.address).await
    }

    fn reader(&self) -> &str {
        &self.tokens.reader
    }
}
