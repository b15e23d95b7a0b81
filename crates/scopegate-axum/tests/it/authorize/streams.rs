//! Streams and upgrades through a layer, over loopback sockets. The tests prove without timing that
//! nothing is buffered: the second piece is sent only after the first one has arrived.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::WebSocket;
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::{get as on_get, post as on_post};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use scopegate_axum::{Claims, RequireScope};
use testkit::{bearer, listen, serve_on};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::fixture::{token, verifier};

/// Serves behind a layer that requires `read`, until the test ends.
async fn serve(router: Router) -> SocketAddr {
    let (listener, _) = listen().await;
    let address = listener.local_addr().unwrap();
    serve_on(listener, router.layer(RequireScope::new(&verifier(), "read")));
    address
}

async fn serve_echo() -> SocketAddr {
    async fn echo(mut socket: WebSocket, client: String) {
        while let Some(Ok(message)) = socket.recv().await {
            let response = format!("{} to {client}", message.to_text().unwrap());
            if socket.send(response.into()).await.is_err() {
                break;
            }
        }
    }
    let upgrade = async |claims: Claims, upgrade: WebSocketUpgrade| {
        let client = claims.client_id().unwrap().to_owned();
        upgrade.on_upgrade(|socket| echo(socket, client))
    };
    serve(Router::new().route("/", on_get(upgrade))).await
}

fn upgrade_request(address: SocketAddr, token: Option<&str>) -> Request {
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("authorization", bearer(token).try_into().unwrap());
    }
    request
}

#[tokio::test]
async fn accepted_upgrade_becomes_websocket() {
    // D23
    let address = serve_echo().await;
    let (mut socket, response) = connect_async(upgrade_request(address, Some(&token("read")))).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["hello", "again"] {
        socket.send(Message::text(text)).await.unwrap();
        let echo = socket.next().await.unwrap().unwrap();
        assert_eq!(echo, Message::text(format!("{text} to 1example23456789")));
    }
    socket.close(None).await.unwrap();
}

#[tokio::test]
async fn rejected_upgrade_becomes_no_websocket() {
    // D07, D23
    let address = serve_echo().await;
    let writer = token("write");
    for (token, status, error) in [
        (None, 401, ""),
        (Some("opaque"), 401, r#"error="invalid_token""#),
        (Some(writer.as_str()), 403, r#"error="insufficient_scope""#),
    ] {
        let rejected = connect_async(upgrade_request(address, token)).await;
        let Err(Error::Http(response)) = rejected else {
            panic!("expected an HTTP response, found {rejected:?}")
        };
        assert_eq!(response.status(), status);
        let challenge = response.headers().get("www-authenticate").unwrap().to_str().unwrap();
        assert!(challenge.starts_with(r#"Bearer realm="api", scope="read""#), "{challenge}");
        assert!(challenge.contains(error), "{challenge}");
        assert!(response.headers().get("upgrade").is_none());
    }
}

#[tokio::test]
async fn server_sent_event_arrives_before_the_next() {
    // D23
    let (send, receive) = mpsc::channel::<&str>(1);
    let receive = Arc::new(Mutex::new(Some(receive)));
    let events = async move || {
        let mut receive = receive.lock().unwrap().take().unwrap();
        let texts = stream::poll_fn(move |cx| receive.poll_recv(cx));
        Sse::new(texts.map(|text| Ok::<_, Infallible>(Event::default().data(text))))
    };
    let url = format!("http://{}/", serve(Router::new().route("/", on_get(events))).await);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 401);

    let mut response = http.get(&url).bearer_auth(token("read")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    for text in ["first", "second"] {
        send.send(text).await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), format!("data: {text}\n\n"));
    }
    drop(send);
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn first_upload_chunk_arrives_before_the_second() {
    // D23
    let (forward, mut forwarded) = mpsc::channel(1);
    let upload = async move |body: Body| {
        let mut chunks = body.into_data_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            forward.send(chunk).await.unwrap();
        }
        Response::new(Body::from("done"))
    };
    let address = serve(Router::new().route("/", on_post(upload))).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n",
        token("read")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    for (framed, chunk) in [("5\r\nfirst\r\n", "first"), ("6\r\nsecond\r\n", "second")] {
        socket.write_all(framed.as_bytes()).await.unwrap();
        assert_eq!(forwarded.recv().await.unwrap(), chunk);
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("done"), "{response}");
}

#[tokio::test]
async fn rejection_arrives_before_body_is_sent() {
    // D07, D23
    let upload = async |body: Body| body;
    let address = serve(Router::new().route("/", on_post(upload))).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: {address}\r\ntransfer-encoding: chunked\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut response = [0; 12];
    socket.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 401");
}
