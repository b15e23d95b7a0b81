//! Servers on free ports of the loopback interface, for tests that need a real socket.

use axum::Router;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpListener;

/// Listens on a free port, and returns the listener with its URL, `http://127.0.0.1:…`.
pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Serves a router on a free port until the test ends, and returns its URL, `http://127.0.0.1:…`.
pub async fn serve(router: Router) -> String {
    let (listener, url) = listen().await;
    serve_on(listener, router);
    url
}

/// Serves a router on the listener until the test ends. Use it if the router needs its own URL.
pub fn serve_on(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// Reads an HTTP/1.1 request: its header section, and a body of the announced length. Returns an
/// incomplete request if the client closes the connection.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
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

/// Returns a complete HTTP/1.1 response. `headers` are additional header lines, each with its line
/// break.
pub fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn served_router_responds_at_its_url() {
        let url = serve(Router::new().fallback(async || "found")).await;
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("\r\n\r\nfound"), "{text}");
    }

    #[tokio::test]
    async fn request_is_read_up_to_its_announced_length() {
        let sent = "POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbody";
        for read in [sent, "GET / HTTP/1.1\r\n\r\n"] {
            let (mut client, mut server) = tokio::io::duplex(8);
            let writer = tokio::spawn(async move {
                client.write_all(read.as_bytes()).await.unwrap();
                client
            });
            assert_eq!(read_request(&mut server).await, read);
            drop(writer.await.unwrap());
        }
        assert_eq!(read_request(&mut &sent.as_bytes()[..20]).await, sent[..20]);
    }

    #[test]
    fn response_announces_the_length_of_its_body() {
        let text = String::from_utf8(response("200 OK", "etag: \"1\"\r\n", b"body")).unwrap();
        assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\netag: \"1\"\r\n\r\nbody");
    }
}
