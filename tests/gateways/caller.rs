//! A caller that writes its requests byte by byte, because a client library would change hostile ones.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::backend::Seen;
use crate::tls::connect;
use crate::trouble::Trouble;

/// The time limit for a response. Traefik waits for a decision for 30 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// A gateway that sends nothing for this long waits for more of a hostile request.
const SILENCE: Duration = Duration::from_secs(1);

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
        self.in_time(async { exchange(TcpStream::connect(address).await?, &self.bytes()).await }).await
    }

    /// Sends the request over TLS.
    pub(crate) async fn send_over(self, tls: &TlsConnector, address: &str) -> Result<Response, Trouble> {
        let exchanged = async { exchange(connect(tls, address).await?, &self.bytes()).await };
        self.in_time(exchanged).await
    }

    async fn in_time(
        &self,
        exchanged: impl Future<Output = Result<Response, Trouble>>,
    ) -> Result<Response, Trouble> {
        let late = || Trouble(format!("no response to {}", String::from_utf8_lossy(self.target)));
        tokio::time::timeout(PATIENCE, exchanged).await.map_err(|_| late())?
    }

    fn bytes(&self) -> Vec<u8> {
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
        request
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> Result<Response, Trouble> {
    // A gateway may respond and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    Response::read(&bytes)
}

/// Sends these bytes on a connection of their own, and returns everything that comes back. It is empty if
/// the gateway only closes the connection.
pub(crate) async fn send_raw(request: &[u8], address: &str) -> Result<String, Trouble> {
    let mut stream = TcpStream::connect(address).await?;
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    while let Ok(Ok(1..)) = tokio::time::timeout(SILENCE, stream.read_buf(&mut bytes)).await {}
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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
