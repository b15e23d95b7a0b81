//! A caller that writes its requests byte by byte, because a client library would change hostile ones.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::backend::Seen;
use crate::trouble::Trouble;

/// The time limit for a response.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request of a caller.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a [u8],
    pub(crate) token: Option<&'a str>,
    /// The value of `Connection`. With `close`, the response ends with the connection.
    pub(crate) connection: &'a str,
    /// Lines with a header each.
    pub(crate) headers: &'a [&'a str],
    /// Lines with a trailer each. With one, the request has a body in chunks, and announces nothing.
    pub(crate) trailers: &'a [&'a str],
}

impl<'a> Call<'a> {
    pub(crate) fn get(target: &'a str, token: Option<&'a str>) -> Self {
        Self {
            method: "GET",
            target: target.as_bytes(),
            token,
            connection: "close",
            headers: &[],
            trailers: &[],
        }
    }

    /// Sends the request on a connection of its own.
    pub(crate) async fn send(self, address: &str) -> Result<Response, Trouble> {
        let late = || Trouble(format!("no response to {}", String::from_utf8_lossy(self.target)));
        tokio::time::timeout(PATIENCE, self.exchange(address)).await.map_err(|_| late())?
    }

    async fn exchange(self, address: &str) -> Result<Response, Trouble> {
        let mut request = format!("{} ", self.method).into_bytes();
        request.extend_from_slice(self.target);
        request.extend_from_slice(b" HTTP/1.1\r\nHost: api.example\r\n");
        request.extend_from_slice(format!("Connection: {}\r\n", self.connection).as_bytes());
        if let Some(token) = self.token {
            request.extend_from_slice(format!("Authorization: Bearer {token}\r\n").as_bytes());
        }
        for line in self.headers {
            request.extend_from_slice(format!("{line}\r\n").as_bytes());
        }
        if !self.trailers.is_empty() {
            request.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n");
            for line in self.trailers {
                request.extend_from_slice(format!("{line}\r\n").as_bytes());
            }
            request.extend_from_slice(b"\r\n");
        } else if self.method == "POST" {
            request.extend_from_slice(b"Content-Length: 5\r\n\r\nhello");
        } else {
            request.extend_from_slice(b"\r\n");
        }
        let mut stream = TcpStream::connect(address).await?;
        // A gateway may respond and close before it has read everything.
        let _ = stream.write_all(&request).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        Response::read(&bytes)
    }
}

/// A response of the gateway.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    body: String,
}

impl Response {
    fn read(bytes: &[u8]) -> Result<Self, Trouble> {
        let text = String::from_utf8_lossy(bytes);
        let parts = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let status = head.split(' ').nth(1)?.parse().ok()?;
            Some(Self { status, head: head.to_owned(), body: body.to_owned() })
        });
        parts.ok_or_else(|| Trouble(format!("expected a response, found {text:?}")))
    }

    /// Returns the values of a header.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Returns the first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns whether the body has this text.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// Returns the request that the backend has seen. `None` if it has seen none.
    pub(crate) fn seen(&self) -> Option<Seen> {
        Seen::read(&self.body)
    }
}
