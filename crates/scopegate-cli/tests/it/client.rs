//! A gateway: sends questions on one connection.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to the service.
pub(crate) struct Connection(TcpStream);

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a request line with headers, and reads the response.
    pub(crate) async fn send(&mut self, line: &str, headers: &[(&str, &str)]) -> Response {
        self.send_body(line, headers, "").await
    }

    /// Sends a request line with headers and a body, and reads the response.
    pub(crate) async fn send_body(&mut self, line: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut request = format!("{line} HTTP/1.1\r\n");
        if headers.iter().all(|(name, _)| *name != "host") {
            request.push_str("host: decisions\r\n");
        }
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        loop {
            if let Some(response) = Response::read(&text) {
                return response;
            }
            let read = self.0.read_buf(&mut text).await.unwrap();
            assert!(read > 0, "the connection was closed after {:?}", String::from_utf8_lossy(&text));
        }
    }

    /// Asks about a request as nginx does.
    pub(crate) async fn ask(&mut self, method: &str, uri: &str, token: Option<&str>) -> Response {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("x-original-method", method), ("x-original-uri", uri)];
        headers.extend(authorization.iter().map(|value| ("authorization", value.as_str())));
        self.send("GET /decide", &headers).await
    }

    /// Returns whether the server has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]).await, Ok(0) | Err(_))
    }
}

impl Response {
    fn read(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let response = Self { status, head: head.to_owned(), body: body.to_owned() };
        let length: usize = response.header("content-length").map_or(0, |length| length.parse().unwrap());
        (body.len() >= length).then_some(response)
    }

    /// Returns the only value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let value = values.next()?.1.trim();
        assert!(values.next().is_none(), "{name} is repeated: {}", self.head);
        Some(value)
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn get(address: &str, path: &str) -> Response {
    Connection::open(address).await.send(&format!("GET {path}"), &[]).await
}
