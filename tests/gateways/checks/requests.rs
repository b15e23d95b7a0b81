//! The requests that reach the backend.

use crate::backend::Seen;
use crate::caller::Call;
use crate::checks::{Cell, Tried, YES};
use crate::gateway::Gateway;
use crate::paths::{HARMLESS, METADATA, hostile, readings};
use crate::service::{CLIENT, FORWARDED, SCOPES};
use crate::trouble::{Trouble, ensure};
use crate::variant::{SHIPPED, Variant};

/// A part of the metadata.
const RESOURCE: &str = "\"resource\":\"https://api.example";

impl Tried<'_> {
    pub(super) async fn scopes(&self) -> Cell {
        let response = self.get("/orders/7?page=2", Some(self.reader())).await?;
        let seen = response.seen().ok_or_else(|| Trouble(format!("not at the backend: {response:?}")))?;
        ensure!(response.status == 200 && seen.path == "/orders/7" && seen.method == "GET", "{response:?}");
        ensure!(seen.values("X-Auth-Client") == [CLIENT], "{response:?}");
        let scopes = seen.values("X-Auth-Scope").concat();
        let all = |text: &str| text.split(' ').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        ensure!(all(&scopes) == all(SCOPES), "{response:?}");
        for (method, target, token) in [
            ("POST", "/orders/7", Some(self.reader())),
            ("DELETE", "/orders/7", Some(self.reader())),
            ("GET", "/admin/keys", Some(self.reader())),
            ("GET", "/unknown", Some(self.reader())),
        ] {
            let call = Call { method, ..Call::get(target, token) };
            let response = call.send(&self.gateway.address).await?;
            ensure!(response.status == 403, "{method} {target}: {response:?}");
            ensure!(response.seen().is_none(), "{method} {target} is at the backend");
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn public(&self) -> Cell {
        // FW05
        let headers = ["X-Auth-Client: spoof", "X-Auth-Scope: admin"];
        let call = Call { headers: &headers, ..Call::get("/public/a", None) };
        let response = call.send(&self.gateway.address).await?;
        let seen = response.seen().ok_or_else(|| Trouble(format!("not at the backend: {response:?}")))?;
        for name in FORWARDED {
            ensure!(seen.values(name).concat().is_empty(), "{name}: {response:?}");
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn harmless(&self) -> Cell {
        let mut rejected = Vec::new();
        for path in HARMLESS {
            let response = self.get(path, Some(self.reader())).await?;
            if let Some(seen) = response.seen() {
                ensure!(seen.path == path, "expected {path}, found {}", seen.path);
            } else {
                ensure!(response.status >= 400, "{path}: {response:?}");
                rejected.push(format!("`{path}` is {}", response.status));
            }
        }
        Ok(if rejected.is_empty() { YES.to_owned() } else { rejected.join(", ") })
    }

    pub(super) async fn hostile(&self) -> Cell {
        // FW03
        let (mut elsewhere, mut passed) = (0, 0);
        for path in hostile(self.is_sample) {
            let response = self.get(&path, Some(self.reader())).await?;
            let Some(seen) = response.seen() else {
                let is_rejected = (400..=599).contains(&response.status);
                let is_metadata = path.starts_with(METADATA) && response.has(RESOURCE);
                ensure!(is_rejected || is_metadata, "{path}: {response:?}");
                elsewhere += 1;
                continue;
            };
            passed += 1;
            is_judged(&path, &seen)?;
            let forbidden = readings(&seen.path).into_iter().find(|path| path.starts_with("/admin"));
            ensure!(forbidden.is_none(), "{path}: the backend sees {}", seen.path);
        }
        Ok(format!("{elsewhere}, {passed}"))
    }

    /// A caller names the request of another route.
    pub(super) async fn other_request(&self) -> Cell {
        // FW03
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
                let call = Call { method, headers: &[&header], ..Call::get(target, Some(self.reader())) };
                let response = call.send(&self.gateway.address).await?;
                ensure!(response.seen().is_none(), "{header}: {method} {target} is at the backend");
                ensure!((400..=499).contains(&response.status), "{header}: {response:?}");
            }
            let call = Call { headers: &[&header], ..Call::get("/files/a", Some(self.reader())) };
            let response = call.send(&self.gateway.address).await?;
            if let Some(seen) = response.seen() {
                ensure!(seen.path == "/files/a", "{header}: {response:?}");
                ensure!(seen.values("X-Auth-Path") == ["/files/a"], "{header}: {response:?}");
            }
        }
        Ok(YES.to_owned())
    }

    /// Most of it is scopes, which the gateway receives in a header too.
    pub(super) async fn large_token(&self) -> Cell {
        let response = self.get("/files/a", Some(&self.tokens.large)).await?;
        let scopes = response.seen().map_or(0, |seen| seen.values("X-Auth-Scope").concat().len());
        ensure!(response.status == 200 && scopes > 8_192, "{}, {scopes} bytes of scopes", response.status);
        Ok(YES.to_owned())
    }

    /// The decision service gets the whole token, over HTTP or gRPC, and accepts it.
    pub(super) async fn ml_dsa(&self) -> Cell {
        // ML05
        let token = &self.tokens.ml_dsa;
        ensure!((7_000..7_200).contains(&token.len()), "{} bytes", token.len());
        self.gateway.forget();
        let response = self.get("/files/a", Some(token)).await?;
        ensure!(self.gateway.service_got(token), "the service has not got the token: {response:?}");
        ensure!(response.status == 200 && response.seen().is_some(), "{response:?}");
        Ok(YES.to_owned())
    }

    /// Returns the longest header that reaches the backend, and the response to a longer one.
    pub(super) async fn longest_header(&self) -> Cell {
        // ML05
        let mut longest = 0;
        // Between 64 and 128 KiB, the service may accept one, which depends on how the bytes arrive.
        for kib in [4, 8, 16, 24, 31, 32, 48, 56, 60, 63, 128, 256, 512, 1024, 2048] {
            // With its name and the line break.
            let line = format!("X-Long: {}", "x".repeat(kib * 1024 - "X-Long: \r\n".len()));
            let call = Call { headers: &[&line], ..Call::get("/public/a", None) };
            let response = call.send(&self.gateway.address).await?;
            if response.seen().is_none() {
                return Ok(format!("{longest} KiB; {kib} KiB: {}", response.status));
            }
            longest = kib;
        }
        Ok(format!("{longest} KiB"))
    }

    /// nginx alone has larger buffers in its file.
    pub(super) async fn small_buffers(&self) -> Cell {
        // ML05
        if self.kind.name != "nginx" {
            return Ok("–".to_owned());
        }
        let lines = &["large_client_header_buffers", "proxy_buffer_size", "proxy_buffers"];
        let variant = Variant { name: "-small", without: lines, ..SHIPPED };
        let gateway = Gateway::start(self.kind, self.setup, variant).await?;
        let response = Call::get("/files/a", Some(&self.tokens.ml_dsa)).send(&gateway.address).await?;
        ensure!(gateway.service_got(&self.tokens.ml_dsa) && response.status == 200, "{response:?}");
        let response = Call::get("/files/a", Some(&self.tokens.large)).send(&gateway.address).await?;
        ensure!(response.seen().is_none(), "{response:?}");
        Ok(format!("arrives, {}", response.status))
    }

    pub(super) async fn metadata(&self) -> Cell {
        let response = self.get(METADATA, None).await?;
        ensure!(response.status == 200 && response.has(RESOURCE), "{response:?}");
        Ok(YES.to_owned())
    }
}

/// The backend sees the path that was judged.
pub(super) fn is_judged(request: &str, seen: &Seen) -> Result<(), Trouble> {
    let judged = seen.values("X-Auth-Path");
    let path = &seen.path;
    ensure!(
        judged == [with_upper_case_digits(path)],
        "{request}: judged {judged:?}, the backend sees {path}"
    );
    Ok(())
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
