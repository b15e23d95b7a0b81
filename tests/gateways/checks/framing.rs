//! Request lines and bodies that programs read in different ways.

use crate::backend::Seen;
use crate::caller::{Call, send_raw};
use crate::checks::requests::is_judged;
use crate::checks::{Cell, Tried, YES};
use crate::trouble::ensure;

/// Methods without a rule. The rules of the route are for `GET`, with `HEAD`, and for `POST`.
const METHODS: [&str; 14] = [
    "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "TRACK", "CONNECT", "PROPFIND", "PURGE", "get", "Get",
    "GETS", "POST,GET", "\"GET\"",
];

/// Request lines that no client sends.
const LINES: [&str; 16] = [
    "GET /public/a /admin/keys HTTP/1.1",
    "GET /public/a HTTP/1.1 /admin/keys HTTP/1.1",
    "GET /admin/keys /public/a HTTP/1.1",
    "GET  /admin/keys HTTP/1.1",
    "GET\t/admin/keys\tHTTP/1.1",
    " GET /admin/keys HTTP/1.1",
    "GET /admin/keys",
    "GET /admin/keys HTTP/0.9",
    "GET /admin/keys HTTP/2.0",
    "GET /public/a#/../admin/keys HTTP/1.1",
    "GET /public/a\0/admin/keys HTTP/1.1",
    "GET /public/a\r/admin/keys HTTP/1.1",
    "GET /public/a HTTP/1.1\nX-Original-URL: /admin/keys",
    "GET *  HTTP/1.1",
    "GET admin/keys HTTP/1.1",
    "GET \\admin\\keys HTTP/1.1",
];

/// The request that a wrong end of the first one would add.
const SECOND: &str = "GET /admin/keys HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n";

/// Two readings of the end of a body. `LENGTH` is the length of everything that follows.
const FRAMINGS: [&str; 30] = [
    "Content-Length: LENGTH\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: LENGTH",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding: xchunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding: chunked, identity",
    "Content-Length: LENGTH\r\nTransfer-Encoding: identity, chunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding: identity",
    "Content-Length: LENGTH\r\nTransfer-Encoding:\tchunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding : chunked",
    "Content-Length: LENGTH\r\n Transfer-Encoding: chunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding:\r\n chunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding: \u{b}chunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding: \"chunked\"",
    "Content-Length: LENGTH\r\nTransfer-Encoding: CHUNKED",
    "Content-Length: LENGTH\r\nTransfer_Encoding: chunked",
    "Content-Length: LENGTH\r\nX: y\nTransfer-Encoding: chunked",
    "Content-Length: LENGTH\r\nX: y\rTransfer-Encoding: chunked",
    "Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
    "Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\nConnection: Content-Length",
    "Content-Length: LENGTH\r\nConnection: Content-Length",
    "Content-Length: 0, LENGTH",
    "Content-Length: 0\r\nContent-Length: LENGTH",
    "Content-Length: LENGTH\r\nContent-Length: 0",
    "Content-Length: +LENGTH",
    "Content-Length: -1",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content_Length: LENGTH\r\nContent-Length: 0",
];

impl Tried<'_> {
    pub(super) async fn methods(&self) -> Cell {
        // FW01, FW03, FW15
        for method in METHODS {
            let call = Call { method, ..Call::get("/public/a", None) };
            let response = call.send(&self.gateway.address).await?;
            ensure!(response.seen().is_none() && response.status >= 400, "{method}: {response:?}");
        }
        for method in ["GET", "POST"] {
            let call = Call { method, ..Call::get("/public/a", None) };
            let response = call.send(&self.gateway.address).await?;
            ensure!(response.seen().is_some_and(|seen| seen.method == method), "{method}: {response:?}");
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn lines(&self) -> Cell {
        // FW03
        for line in LINES {
            for seen in self.seen(&format!("{line}\r\nHost: api.example")).await? {
                is_judged(line, &seen)?;
                ensure!(seen.path.starts_with("/public/") && seen.method == "GET", "{line:?}: {seen:?}");
            }
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn framing(&self) -> Cell {
        // FW03, FW16
        for (body, framing) in
            [("hello", "Content-Length: 5"), ("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked")]
        {
            let seen = self.seen_post(framing, body).await?;
            ensure!(seen.len() == 1 && seen.iter().all(has_one_end), "{framing}: {seen:?}");
        }
        let body = format!("0\r\n\r\n{SECOND}");
        for framing in FRAMINGS {
            let framing = framing.replace("LENGTH", &body.len().to_string());
            for seen in self.seen_post(&framing, &body).await? {
                is_judged(&framing, &seen)?;
                ensure!(seen.path == "/public/a" && has_one_end(&seen), "{framing:?}: {seen:?}");
            }
        }
        Ok(YES.to_owned())
    }

    async fn seen_post(&self, framing: &str, body: &str) -> Result<Vec<Seen>, crate::trouble::Trouble> {
        let head = "POST /public/a HTTP/1.1\r\nHost: api.example\r\nConnection: close";
        let request = format!("{head}\r\n{framing}\r\n\r\n{body}");
        Ok(Seen::all(&send_raw(request.as_bytes(), &self.gateway.address).await?))
    }
}

/// Returns whether all programs agree on the end of this request.
fn has_one_end(seen: &Seen) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (&seen.values("Content-Length")[..], &seen.values("Transfer-Encoding")[..]) {
        ([], []) => true,
        ([length], []) => is_number(length),
        ([], [coding]) => coding.eq_ignore_ascii_case("chunked"),
        _ => false,
    }
}
