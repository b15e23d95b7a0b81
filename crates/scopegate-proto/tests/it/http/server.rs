//! A server that sends prepared bytes, and records the requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use scopegate_proto::http::{HttpClient, HttpClients, TransportSettings};
use scopegate_proto::url::{FetchUrl, SecureUrl};
use testkit::{listen, read_request};
use tokio::io::AsyncWriteExt as _;

/// `{}` in gzip. A client that decodes bodies would return `{}`.
pub(super) const GZIPPED: [u8; 22] =
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 0x05, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];

pub(super) struct Server {
    pub(super) url: SecureUrl,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server that reads a request from each connection, sends these bytes, and closes it.
    pub(super) async fn sending(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        let (listener, url) = listen().await;
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
        Self { url: SecureUrl::parse(&format!("{url}/x")).unwrap(), requests }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn client(&self) -> HttpClient {
        client(&self.url, &settings())
    }
}

pub(super) fn settings() -> TransportSettings {
    TransportSettings::new("test/1.0")
        .timeout(Duration::from_secs(30))
        .connect_timeout(Duration::from_secs(10))
}

pub(super) fn client(url: &FetchUrl, settings: &TransportSettings) -> HttpClient {
    HttpClients::default().client(url, settings).unwrap()
}
