//! A server that sends prepared bytes, and records the requests. It tests nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use scopegate_proto::http::{HttpClient, HttpClients, TransportSettings};
use scopegate_proto::url::SecureUrl;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// `{}` gzipped: a client that decodes bodies returns `{}`.
pub(super) const GZIPPED: [u8; 22] =
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 0x05, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];

pub(super) struct Server {
    pub(super) url: SecureUrl,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Sends these bytes to each connection once it has sent a request, and closes it.
    pub(super) async fn sending(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                recorded.lock().unwrap().push(request);
                let _ = stream.write_all(&response).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { url: SecureUrl::parse(&url).unwrap(), requests }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn client(&self) -> HttpClient {
        client(&self.url, &settings())
    }
}

/// Reads a request: its header section, and a body of the announced length.
pub(super) async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read_buf(&mut request).await {
            Ok(read) if read > 0 => {}
            _ => return text,
        }
    }
}

pub(super) fn settings() -> TransportSettings {
    TransportSettings::new("test/1.0")
        .timeout(Duration::from_secs(30))
        .connect_timeout(Duration::from_secs(10))
}

pub(super) fn client(url: &SecureUrl, settings: &TransportSettings) -> HttpClient {
    HttpClients::default().client(url, settings).unwrap()
}

/// A complete response with a body, and further header lines.
pub(super) fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The error and its causes, on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
