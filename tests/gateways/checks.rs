//! The checks. Each returns the text of its cell, or fails.
//!
//! They are the evidence of four rows: FW03 (paths), FW05 (identity headers), FW06 (challenges) and FW07 (503).

use crate::caller::{Call, Response};
use crate::gateway::Gateway;
use crate::paths::{HARMLESS, METADATA, hostile, readings};
use crate::service::{CLIENT, FORWARDED, Issuers, SCOPES, Tokens};
use crate::spellings::spellings;
use crate::trouble::{Trouble, ensure};

const YES: &str = "yes";

/// A part of the metadata.
const RESOURCE: &str = "\"resource\":\"https://api.example";

/// A gateway with the tokens of its callers.
pub(crate) struct Tried<'a> {
    pub(crate) gateway: &'a mut Gateway,
    pub(crate) issuers: &'a Issuers,
    pub(crate) tokens: &'a Tokens,
    pub(crate) is_sample: bool,
}

type Cell = Result<String, Trouble>;

impl Tried<'_> {
    /// Returns the cells of all checks, each with the name of its row.
    pub(crate) async fn rows(&mut self) -> Vec<(&'static str, Cell)> {
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
            (
                "`X-Auth-Client` of the caller is replaced, also as `x_auth-client` and the like",
                self.identity("_").await,
            ),
            ("`X.Auth.Client` of the caller", self.dots().await),
            ("a token of 12 KiB: 200", self.large_token().await),
            ("a DPoP proof: 200, again or for another path: 401 with a DPoP challenge", self.proofs().await),
            ("the metadata of the API is public", self.metadata().await),
            ("the challenge of a 401 arrives", self.challenge(None, 401).await),
            ("the challenge of a 403 arrives", self.challenge(Some(&self.tokens.reader), 403).await),
            ("an ambiguous path arrives as", self.ambiguous().await),
            ("an undecidable token arrives as", self.undecidable().await),
            // The last one, because nothing is decided afterwards.
            ("with the decision service stopped, the response is", self.stopped().await),
        ]);
        rows
    }

    async fn get(&self, target: &str, token: Option<&str>) -> Result<Response, Trouble> {
        Call::get(target, token).send(&self.gateway.address).await
    }

    fn reader(&self) -> Option<&str> {
        Some(&self.tokens.reader)
    }

    async fn scopes(&self) -> Cell {
        let response = self.get("/orders/7?page=2", self.reader()).await?;
        let seen = response.seen().ok_or_else(|| Trouble(format!("not at the backend: {response:?}")))?;
        ensure!(response.status == 200 && seen.path == "/orders/7" && seen.method == "GET", "{response:?}");
        ensure!(seen.values("X-Auth-Client") == [CLIENT], "{response:?}");
        let scopes = seen.values("X-Auth-Scope").concat();
        let all = |text: &str| text.split(' ').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        ensure!(all(&scopes) == all(SCOPES), "{response:?}");
        for (method, target, token) in [
            ("POST", "/orders/7", self.reader()),
            ("DELETE", "/orders/7", self.reader()),
            ("GET", "/admin/keys", self.reader()),
            ("GET", "/unknown", self.reader()),
        ] {
            let call = Call { method, ..Call::get(target, token) };
            let response = call.send(&self.gateway.address).await?;
            ensure!(response.status == 403, "{method} {target}: {response:?}");
            ensure!(response.seen().is_none(), "{method} {target} is at the backend");
        }
        Ok(YES.to_owned())
    }

    async fn public(&self) -> Cell {
        let headers = ["X-Auth-Client: spoof", "X-Auth-Scope: admin"];
        let call = Call { headers: &headers, ..Call::get("/public/a", None) };
        let response = call.send(&self.gateway.address).await?;
        let seen = response.seen().ok_or_else(|| Trouble(format!("not at the backend: {response:?}")))?;
        for name in FORWARDED {
            ensure!(seen.values(name).concat().is_empty(), "{name}: {response:?}");
        }
        Ok(YES.to_owned())
    }

    async fn harmless(&self) -> Cell {
        let mut rejected = Vec::new();
        for path in HARMLESS {
            let response = self.get(path, self.reader()).await?;
            match response.seen() {
                Some(seen) => ensure!(seen.path == path, "expected {path}, found {}", seen.path),
                None => {
                    ensure!(response.status >= 400, "{path}: {response:?}");
                    rejected.push(format!("`{path}` is {}", response.status));
                }
            }
        }
        Ok(if rejected.is_empty() { YES.to_owned() } else { rejected.join(", ") })
    }

    async fn hostile(&self) -> Cell {
        let (mut elsewhere, mut passed) = (0, 0);
        for path in hostile(self.is_sample) {
            let response = self.get(&path, self.reader()).await?;
            let Some(seen) = response.seen() else {
                let is_rejected = (400..=599).contains(&response.status);
                let is_metadata = path.starts_with(METADATA) && response.has(RESOURCE);
                ensure!(is_rejected || is_metadata, "{path}: {response:?}");
                elsewhere += 1;
                continue;
            };
            passed += 1;
            let judged = seen.values("X-Auth-Path");
            ensure!(
                judged == [with_upper_case_digits(&seen.path)],
                "{path}: judged {judged:?}, the backend sees {}",
                seen.path
            );
            let forbidden = readings(&seen.path).into_iter().find(|path| path.starts_with("/admin"));
            ensure!(forbidden.is_none(), "{path}: the backend sees {}", seen.path);
        }
        Ok(format!("{elsewhere}, {passed}"))
    }

    /// A caller names the request of another route.
    async fn other_request(&self) -> Cell {
        for (name, value) in [
            ("X-Original-URI", "/public/a"),
            ("X-Original-Url", "/public/a"),
            ("X-Original-Method", "GET"),
            ("X-Original-Host", "other.example"),
            ("X-Forwarded-Uri", "/public/a"),
            ("X-Forwarded-Path", "/public/a"),
            ("X-Forwarded-Prefix", "/public"),
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", "other.example"),
            ("X-Rewrite-URL", "/public/a"),
            ("X-Envoy-Original-Path", "/public/a"),
            ("X-Auth-Path", "/public/a"),
            ("X-HTTP-Method-Override", "GET"),
            // A gateway removes the headers that this one names.
            ("Connection", "X-Forwarded-Uri, X-Forwarded-Method, X-Original-URI"),
            ("Connection", "X-Original-Method, Authorization, X-Auth-Client, X-Auth-Path"),
        ] {
            let header = format!("{name}: {value}");
            for (method, target) in [("GET", "/admin/keys"), ("POST", "/orders/7")] {
                let call = Call { method, headers: &[&header], ..Call::get(target, self.reader()) };
                let response = call.send(&self.gateway.address).await?;
                ensure!(response.seen().is_none(), "{header}: {method} {target} is at the backend");
                ensure!((400..=499).contains(&response.status), "{header}: {response:?}");
            }
            let call = Call { headers: &[&header], ..Call::get("/files/a", self.reader()) };
            let response = call.send(&self.gateway.address).await?;
            if let Some(seen) = response.seen() {
                ensure!(seen.path == "/files/a", "{header}: {response:?}");
                ensure!(seen.values("X-Auth-Path") == ["/files/a"], "{header}: {response:?}");
            }
        }
        Ok(YES.to_owned())
    }

    /// Few backends read a dot as a hyphen, so that it is no failure if a gateway passes it on.
    async fn dots(&self) -> Cell {
        let replaced = self.identity(".").await.is_ok();
        Ok(if replaced { "removed" } else { "reaches the backend" }.to_owned())
    }

    /// Most of it is scopes, which the gateway receives in a header too.
    async fn large_token(&self) -> Cell {
        let response = self.get("/files/a", Some(&self.tokens.large)).await?;
        let scopes = response.seen().map_or(0, |seen| seen.values("X-Auth-Scope").concat().len());
        ensure!(response.status == 200 && scopes > 8_192, "{}, {scopes} bytes of scopes", response.status);
        Ok(YES.to_owned())
    }

    async fn proofs(&self) -> Cell {
        let (valid, other) = (self.issuers.dpop_request("/files/a"), self.issuers.dpop_request("/files/b"));
        for (request, status) in [(&valid, 200), (&valid, 401), (&other, 401)] {
            let authorization = format!("Authorization: {}", request.authorization());
            let proofs = request.proofs().map(|proof| format!("DPoP: {proof}"));
            let headers: Vec<String> = std::iter::once(authorization).chain(proofs).collect();
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let call = Call { headers: &headers, ..Call::get("/files/a", None) };
            let response = call.send(&self.gateway.address).await?;
            ensure!(response.status == status, "expected {status}, found {}", response.status);
            ensure!(response.seen().is_some() == (status == 200), "{status}: at the backend");
            let challenge = response.header("WWW-Authenticate").unwrap_or_default();
            ensure!(status == 200 || challenge.contains("DPoP "), "{status}: {challenge}");
        }
        Ok(YES.to_owned())
    }

    async fn metadata(&self) -> Cell {
        let response = self.get(METADATA, None).await?;
        ensure!(response.status == 200 && response.has(RESOURCE), "{response:?}");
        Ok(YES.to_owned())
    }

    async fn identity(&self, separator: &str) -> Cell {
        for (target, token) in [("/files/a", self.reader()), ("/public/a", None)] {
            for name in FORWARDED.into_iter().chain(["X-Auth-Path"]) {
                for spelling in spellings(name, separator) {
                    let header = format!("{spelling}: spoof");
                    let call = Call { headers: &[&header, &header], ..Call::get(target, token) };
                    let response = call.send(&self.gateway.address).await?;
                    // A gateway may reject a header with a malformed name.
                    let Some(seen) = response.seen() else {
                        ensure!(response.status == 400, "{header}: {response:?}");
                        continue;
                    };
                    let values = seen.values(name);
                    let is_ours = values.len() <= 1 && !values.concat().contains("spoof");
                    ensure!(is_ours, "{header}: the backend sees {values:?}");
                }
            }
        }
        Ok(YES.to_owned())
    }

    async fn challenge(&self, token: Option<&str>, status: u16) -> Cell {
        let response = self.get("/admin/keys", token).await?;
        ensure!(response.status == status && response.seen().is_none(), "{response:?}");
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        ensure!(challenge.starts_with("Bearer "), "{response:?}");
        if status == 403 {
            ensure!(challenge.contains("insufficient_scope") && challenge.contains("admin"), "{response:?}");
        }
        Ok(YES.to_owned())
    }

    async fn ambiguous(&self) -> Cell {
        let response = self.get("/files/a;b", self.reader()).await?;
        ensure!(response.seen().is_none() && response.status >= 400, "{response:?}");
        Ok(response.status.to_string())
    }

    async fn undecidable(&self) -> Cell {
        let response = self.get("/orders/7", Some(&self.tokens.undecidable)).await?;
        ensure!(response.seen().is_none() && response.status >= 500, "{response:?}");
        let retry = if response.header("Retry-After").is_some() { "with" } else { "without" };
        Ok(format!("{} {retry} `Retry-After`", response.status))
    }

    async fn stopped(&mut self) -> Cell {
        self.gateway.service.stop().await?;
        for target in ["/orders/7", "/public/a", "/admin/keys"] {
            let response = self.get(target, self.reader()).await?;
            ensure!(response.seen().is_none() && response.status >= 500, "{target}: {response:?}");
        }
        Ok(self.get("/orders/7", self.reader()).await?.status.to_string())
    }
}

/// Returns a path in the form that is judged: with hex digits in upper case, which changes no meaning.
fn with_upper_case_digits(path: &str) -> String {
    let mut parts = path.split('%');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        all = format!("{all}%{}{rest}", digits.to_ascii_uppercase());
    }
    all
}
