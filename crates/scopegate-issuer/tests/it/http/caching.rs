//! Caching headers of the key set, and 304 responses (RFC 9110 §13.1.2, §15.4.5).

use std::time::Duration;

use reqwest::Response;
use reqwest::header::HeaderMap;
use scopegate_issuer::{Fault, LocalIssuer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn issuer() -> LocalIssuer {
    LocalIssuer::start().await.unwrap()
}

async fn with_etags() -> LocalIssuer {
    let issuer = issuer().await;
    issuer.enable_etags();
    issuer
}

async fn fetch(issuer: &LocalIssuer) -> Response {
    reqwest::get(issuer.jwks_uri()).await.unwrap()
}

/// Fetches the key set with one `If-None-Match` header for each of these values.
async fn fetch_unless(issuer: &LocalIssuer, if_none_match: &[&str]) -> Response {
    let request = reqwest::Client::new().get(issuer.jwks_uri());
    let request = if_none_match.iter().fold(request, |request, line| request.header("if-none-match", *line));
    request.send().await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    assert!(headers.get_all(name).iter().count() < 2, "{name} is there twice");
    headers.get(name).map(|value| value.to_str().unwrap())
}

fn cache_control(response: &Response) -> Option<&str> {
    header(response.headers(), "cache-control")
}

fn etag(response: &Response) -> String {
    header(response.headers(), "etag").unwrap().to_owned()
}

#[tokio::test]
async fn caching_headers_are_absent_by_default() {
    let issuer = issuer().await;
    for response in [fetch(&issuer).await, fetch_unless(&issuer, &["*"]).await] {
        assert_eq!(response.status(), 200);
        for name in ["cache-control", "etag", "last-modified", "expires", "age", "vary"] {
            assert_eq!(header(response.headers(), name), None, "{name}");
        }
    }
    assert_eq!(issuer.jwks_not_modified(), 0);
}

#[tokio::test]
async fn cache_control_is_sent_verbatim_until_unset() {
    let issuer = issuer().await;
    for value in [
        "public, max-age=3600, must-revalidate",
        "MAX-AGE = 1 ,,no-store",
        "",
        "max-age=99999999999999999999",
    ] {
        issuer.set_cache_control(Some(value)).unwrap();
        assert_eq!(cache_control(&fetch(&issuer).await), Some(value));
    }
    issuer.set_cache_control(Some("max-age=\u{e9}")).unwrap();
    assert_eq!(fetch(&issuer).await.headers()["cache-control"].as_bytes(), "max-age=\u{e9}".as_bytes());
    issuer.set_cache_control(None).unwrap();
    assert_eq!(cache_control(&fetch(&issuer).await), None);
}

#[tokio::test]
async fn invalid_cache_control_is_rejected_and_changes_nothing() {
    let issuer = issuer().await;
    issuer.set_cache_control(Some("max-age=60")).unwrap();
    for value in ["max-age=1\r\nx: y", " max-age=1", "\0"] {
        let error = issuer.set_cache_control(Some(value)).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid header value {value:?}"));
    }
    assert_eq!(cache_control(&fetch(&issuer).await), Some("max-age=60"));
}

#[tokio::test]
async fn cache_control_covers_faults_but_no_other_endpoint() {
    let issuer = issuer().await;
    issuer.set_cache_control(Some("max-age=60")).unwrap();
    for fault in [Fault::Status(503), Fault::Html, Fault::EmptySet, Fault::Drip, Fault::Truncated] {
        issuer.set_fault(fault);
        assert_eq!(cache_control(&fetch(&issuer).await), Some("max-age=60"));
    }
    let other = issuer.pool("eu-west-1_Local0002").unwrap();
    let metadata = format!("{}/.well-known/openid-configuration", issuer.issuer());
    for uri in [other.jwks_uri(), metadata] {
        assert_eq!(cache_control(&reqwest::get(uri).await.unwrap()), None);
    }
    issuer.set_token_fault(Fault::EmptySet);
    let form = [("grant_type", "client_credentials")];
    let token = reqwest::Client::new().post(issuer.token_endpoint()).form(&form).send().await.unwrap();
    assert_eq!(cache_control(&token), None);
}

#[tokio::test]
async fn matching_etag_returns_304() {
    let issuer = with_etags().await;
    let first = fetch(&issuer).await;
    let tag = etag(&first);
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "strong: {tag}");
    assert_eq!(first.text().await.unwrap(), issuer.default_pool().jwks());
    assert_eq!(issuer.jwks_not_modified(), 0);

    let weak = format!("W/{tag}");
    let list = format!("\"a,b\" , W/\"c\",{tag}");
    for lines in [&[tag.as_str()][..], &[&weak], &["*"], &[&list], &["\"a\"", &tag]] {
        let response = fetch_unless(&issuer, lines).await;
        assert_eq!((response.status().as_u16(), etag(&response)), (304, tag.clone()), "{lines:?}");
        assert_eq!(header(response.headers(), "content-type"), None);
        assert_eq!(response.text().await.unwrap(), "");
    }
    assert_eq!((issuer.jwks_not_modified(), issuer.jwks_fetches()), (5, 6));
}

#[tokio::test]
async fn other_or_malformed_etag_returns_200() {
    let issuer = with_etags().await;
    let tag = etag(&fetch(&issuer).await);
    let (bare, weak_in_lower_case, star) = (tag.replace('"', ""), format!("w/{tag}"), format!("*, {tag}"));
    let unclosed = tag.strip_suffix('"').unwrap();
    for line in ["\"\"", "\"other\"", &bare, &weak_in_lower_case, &star, unclosed, ""] {
        let response = fetch_unless(&issuer, &[line]).await;
        assert_eq!((response.status().as_u16(), etag(&response)), (200, tag.clone()), "{line}");
        assert_eq!(response.text().await.unwrap(), issuer.default_pool().jwks());
    }
    assert_eq!(issuer.jwks_not_modified(), 0);
}

#[tokio::test]
async fn changed_set_has_another_etag() {
    let issuer = with_etags().await;
    let first = etag(&fetch(&issuer).await);
    issuer.rotate();
    let rotated = fetch_unless(&issuer, &[&first]).await;
    assert_eq!(rotated.status(), 200);
    assert_ne!(etag(&rotated), first);
    assert_eq!(fetch_unless(&issuer, &[&etag(&rotated)]).await.status(), 304);
    let other = issuer.pool("eu-west-1_Local0002").unwrap();
    other.enable_etags();
    assert_ne!(etag(&reqwest::get(other.jwks_uri()).await.unwrap()), first);
    assert_eq!((issuer.jwks_not_modified(), other.jwks_not_modified()), (1, 0));
}

#[tokio::test]
async fn not_modified_response_has_cache_control() {
    let issuer = with_etags().await;
    issuer.set_cache_control(Some("max-age=60")).unwrap();
    let response = fetch_unless(&issuer, &["*"]).await;
    assert_eq!((response.status().as_u16(), cache_control(&response)), (304, Some("max-age=60")));
}

#[tokio::test]
async fn etags_can_be_disabled_again() {
    let issuer = with_etags().await;
    let tag = etag(&fetch(&issuer).await);
    issuer.disable_etags();
    let response = fetch_unless(&issuer, &[&tag]).await;
    assert_eq!((response.status().as_u16(), header(response.headers(), "etag")), (200, None));
}

#[tokio::test]
async fn faulty_body_has_own_etag_failure_has_none() {
    let issuer = with_etags().await;
    let right = etag(&fetch(&issuer).await);
    let mut seen = vec![right.clone()];
    for fault in [
        Fault::Html,
        Fault::EmptySet,
        Fault::Oversized(10_000),
        Fault::Body("{".into()),
        Fault::Gzip(10_000),
        Fault::UnusableAmongGood,
    ] {
        issuer.set_fault(fault);
        let response = fetch_unless(&issuer, &[&right]).await;
        assert_eq!(response.status(), 200);
        let tag = etag(&response);
        assert!(!response.bytes().await.unwrap().is_empty());
        // The tag matches the body that the client received.
        assert_eq!(fetch_unless(&issuer, &[&tag]).await.status(), 304);
        assert!(!seen.contains(&tag));
        seen.push(tag);
    }
    let retry_after = Fault::RetryAfter { status: 503, seconds: 1 };
    for fault in [Fault::Status(503), Fault::Drip, Fault::Redirect("/".into()), retry_after] {
        issuer.fail_next(1, fault);
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let response = client.get(issuer.jwks_uri()).header("if-none-match", "*").send().await.unwrap();
        assert_ne!(response.status(), 304);
        assert_eq!(header(response.headers(), "etag"), None);
    }
    issuer.fail_next(1, Fault::Reset);
    let request = reqwest::Client::new().get(issuer.jwks_uri()).header("if-none-match", "*");
    assert!(request.send().await.is_err());
    assert_eq!(issuer.jwks_not_modified(), 6);
}

#[tokio::test]
async fn truncated_set_has_etag_of_complete_set() {
    let issuer = with_etags().await;
    issuer.fail_next(1, Fault::Truncated);
    let truncated = fetch(&issuer).await;
    let tag = etag(&truncated);
    assert!(truncated.text().await.is_err());
    // If a client stores the tag of a truncated body, it gets only 304 from then on.
    assert_eq!(fetch_unless(&issuer, &[&tag]).await.status(), 304);
}

#[tokio::test(start_paused = true)]
async fn delayed_response_may_be_304() {
    let issuer = with_etags().await;
    issuer.set_fault(Fault::Delay(Duration::from_secs(60)));
    let before = tokio::time::Instant::now();
    assert_eq!(fetch_unless(&issuer, &["*"]).await.status(), 304);
    assert!(before.elapsed() >= Duration::from_secs(60));
}

#[tokio::test]
async fn not_modified_response_keeps_the_connection_usable() {
    let issuer = with_etags().await;
    let path = issuer.jwks_uri().replace(issuer.url(), "");
    let mut stream = TcpStream::connect(issuer.url().replace("http://", "")).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
    let requests = format!("{head}if-none-match: *\r\n\r\n{head}connection: close\r\n\r\n");
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();

    let jwks = issuer.default_pool().jwks();
    let (first, rest) = answers.split_once("\r\n\r\n").unwrap();
    assert!(first.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{first}");
    // RFC 9110 §8.6: a length of 0 would mean an empty key set.
    assert!(!first.contains("content-length"), "{first}");
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with(&jwks), "{rest}");
}

#[tokio::test]
async fn head_request_gets_headers_of_get() {
    let issuer = with_etags().await;
    issuer.set_cache_control(Some("max-age=60")).unwrap();
    let request = || reqwest::Client::new().head(issuer.jwks_uri());
    let response = request().send().await.unwrap();
    assert_eq!((response.status().as_u16(), cache_control(&response)), (200, Some("max-age=60")));
    let tag = etag(&response);
    assert_eq!(tag, etag(&fetch(&issuer).await));
    assert_eq!(request().header("if-none-match", tag).send().await.unwrap().status(), 304);
}
