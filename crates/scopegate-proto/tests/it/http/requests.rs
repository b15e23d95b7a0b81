//! Requests as the client sends them, and responses as it returns them.

use scopegate_proto::http::{HttpClients, HttpError};
use scopegate_proto::url::SecureUrl;
use testkit::response;

use crate::http::server::{GZIPPED, Server, client, settings};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, ETAG, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

#[tokio::test]
async fn get_sends_no_additional_headers() {
    let server = Server::sending(response("200 OK", "", b"{}")).await;
    let json = HeaderValue::from_static("application/json");
    server.client().get(&server.url).header(ACCEPT, json).send().await.unwrap();
    let host = server.url.url().authority().to_owned();
    let expected = format!(
        "GET /x HTTP/1.1\r\naccept: application/json\r\nuser-agent: test/1.0\r\nhost: {host}\r\n\r\n"
    );
    assert_eq!(server.requests(), [expected]);
}

#[tokio::test]
async fn form_is_sent_with_its_type() {
    let server = Server::sending(response("200 OK", "", b"{}")).await;
    let secret = HeaderValue::from_static("Basic eDp5");
    let request = server.client().post_form(&server.url, String::from("a=b&c=d").into());
    request.header(AUTHORIZATION, secret).send().await.unwrap();
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /x HTTP/1.1\r\n") && request.ends_with("\r\n\r\na=b&c=d"), "{request}");
    for line in ["content-type: application/x-www-form-urlencoded", "authorization: Basic eDp5"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn any_method_is_sent_with_its_headers_and_body() {
    let server = Server::sending(response("200 OK", "", b"{}")).await;
    let [one, two] = ["Bearer a", "Bearer b"].map(HeaderValue::from_static);
    for (method, body, end) in [(Method::PATCH, "x=1", "\r\n\r\nx=1"), (Method::GET, "", "\r\n\r\n")] {
        let request = server.client().request(method.clone(), &server.url, body.into());
        let request = request.header(AUTHORIZATION, one.clone()).header(AUTHORIZATION, two.clone());
        request.send().await.unwrap();
        let sent = server.requests().pop().unwrap();
        assert!(sent.starts_with(&format!("{method} /x HTTP/1.1\r\n")) && sent.ends_with(end), "{sent}");
        assert!(
            sent.contains("authorization: Bearer a\r\n") && sent.contains("authorization: Bearer b\r\n"),
            "{sent}"
        );
        assert_eq!(sent.contains("content-length"), !body.is_empty(), "{sent}");
    }
}

#[tokio::test]
async fn status_and_headers_are_returned() {
    let headers =
        "etag: \"1\"\r\ncache-control: public\r\ncache-control: max-age=5\r\nretry-after: \u{fc}\r\n";
    let server = Server::sending(response("503 Service Unavailable", headers, b"down")).await;
    let response = server.client().get(&server.url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header(&ETAG), Some("\"1\""));
    assert_eq!(response.header(&RETRY_AFTER), None, "not visible ASCII");
    assert_eq!(response.header(&ACCEPT), None);
    assert!(response.headers().get_all(CACHE_CONTROL).iter().eq(["public", "max-age=5"]));
    assert_eq!(response.body(100).await.unwrap().as_slice(), b"down");
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let target = Server::sending(response("200 OK", "", b"{}")).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("location: {}\r\n", target.url.written());
        let server = Server::sending(response(status, &location, b"")).await;
        let response = server.client().get(&server.url).send().await.unwrap();
        assert!(response.status().is_redirection());
        let form = server.client().post_form(&server.url, String::from("secret=1").into());
        assert!(form.send().await.unwrap().status().is_redirection());
        assert_eq!(server.requests().len(), 2);
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn gzipped_body_is_not_decoded() {
    let server = Server::sending(response("200 OK", "content-encoding: gzip\r\n", &GZIPPED)).await;
    let response = server.client().get(&server.url).send().await.unwrap();
    assert_eq!(response.body(100).await.unwrap().as_slice(), GZIPPED);
    assert!(!server.requests()[0].contains("encoding"), "{:?}", server.requests());
}

#[tokio::test]
async fn cookie_is_not_sent_back() {
    let server = Server::sending(response("200 OK", "set-cookie: a=b\r\n", b"")).await;
    let client = server.client();
    for _ in 0..2 {
        client.get(&server.url).send().await.unwrap();
    }
    assert_eq!(server.requests()[0], server.requests()[1]);
}

#[tokio::test]
async fn failed_request_is_not_repeated() {
    let server = Server::sending("").await;
    server.client().get(&server.url).send().await.unwrap_err();
    let form = server.client().post_form(&server.url, String::from("a=b").into());
    form.send().await.unwrap_err();
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn client_sends_nothing_to_another_kind_of_url() {
    let server = Server::sending(response("200 OK", "", b"{}")).await;
    for other in ["https://issuer.example", "https://localhost:1"] {
        let other = SecureUrl::parse(other).unwrap();
        let client = client(&other, &settings());
        let error = client.get(&server.url).send().await.unwrap_err();
        assert!(matches!(error, HttpError::WrongRoute) && !error.is_transient(), "{error:?}");
        let error = server.client().get(&other).send().await.unwrap_err();
        assert!(matches!(error, HttpError::WrongRoute), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn shared_client_serves_several_servers() {
    let clients = HttpClients::default();
    let mut in_use = Vec::new();
    for _ in 0..3 {
        let server = Server::sending(response("200 OK", "", b"{}")).await;
        let client = clients.client(&server.url, &settings()).unwrap();
        assert_eq!(client.get(&server.url).send().await.unwrap().status(), StatusCode::OK);
        in_use.push(client);
    }
    assert_eq!((clients.built(), in_use.len()), (1, 3));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let server = Server::sending(response("200 OK", "etag: s3cret\r\n", b"s3cret")).await;
    let client = server.client();
    let url = SecureUrl::parse(&format!("{}?s3cret", server.url.written())).unwrap();
    let mut secret = HeaderValue::from_static("s3cret");
    secret.set_sensitive(true);
    let request = client.post_form(&url, String::from("s3cret").into()).header(AUTHORIZATION, secret);
    let unsent = format!("{request:?}");
    let response = request.send().await.unwrap();
    let shown = format!("{client:?} {unsent} {url:?} {response:?}");
    assert!(!shown.contains("s3cret") && shown.contains("200"), "{shown}");
}
