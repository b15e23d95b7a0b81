//! Pushes a security event token to a receiver (RFC 8935 §2.1).

use std::io;

use axum::body::Body;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, Uri};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Returns the status of the response.
pub(crate) async fn push(url: &str, bearer_token: Option<&str>, set: String) -> io::Result<u16> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a URL with the scheme http"));
    };
    let address = (authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80));
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(HOST, authority.as_str())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/secevent+jwt");
    if let Some(token) = bearer_token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::from(set)).map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other);
    connection.abort();
    response.map(|response| response.status().as_u16())
}
