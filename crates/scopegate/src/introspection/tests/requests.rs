//! The bytes of requests, and the separation of configurations.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use scopegate_issuer::{Algorithm, SigningKey};
use scopegate_proto::client_auth::{Authenticator, ClientAuthentication, PrivateKey};
use testkit::pass;
use tokio::runtime::Handle;

use super::fixture::{Behavior, Fixture, LIFETIMES, Received, SECOND, Server};
use crate::fetch::authorization::FetchAuthorization;
use crate::introspection::endpoint::Credentials;

async fn sent(credentials: Credentials) -> Received {
    let server = Server::start().await;
    let fixture = Fixture::with(&server, credentials, LIFETIMES, &Handle::current());
    assert_eq!(fixture.ask("valid+/=").await, "active s");
    server.last()
}

fn client(client: ClientAuthentication) -> Credentials {
    Credentials::Client(Authenticator::new(client).unwrap())
}

#[tokio::test]
async fn token_is_sent_in_the_body_with_a_hint() {
    // IN01, IN02
    let request = sent(Fixture::client("s3cret:of api")).await;
    assert_eq!(request.uri, "/introspect?tenant=1");
    assert_eq!(request.body, "token=valid%2B%2F%3D&token_type_hint=access_token");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers["accept"], "application/json");
    let basic = request.headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    assert_eq!(STANDARD.decode(basic).unwrap(), b"orders-api:s3cret%3Aof+api");
}

#[tokio::test]
async fn client_authenticates_by_each_method() {
    // IN01
    let post = sent(client(ClientAuthentication::client_secret_post("orders-api", "s3cret"))).await;
    assert!(post.body.ends_with("&client_id=orders-api&client_secret=s3cret"), "{}", post.body);
    assert!(!post.headers.contains_key("authorization"));

    let key = SigningKey::generate(Algorithm::EdDSA);
    let private = PrivateKey::from_pem(&key.private_key_pem()).unwrap();
    let signed = sent(client(ClientAuthentication::private_key_jwt("orders-api", private))).await;
    let (_, assertion) = signed.body.split_once("&client_assertion=").unwrap();
    let (input, signature) = assertion.rsplit_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap(), key.sign(input.as_bytes()));
    let (_, claims) = input.split_once('.').unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["aud"], &claims["sub"]), (&testkit::ISSUER.into(), &"orders-api".into()));

    let bearer = FetchAuthorization::callback(|| async {
        Ok::<_, std::io::Error>(HeaderValue::from_static("Bearer s3cret"))
    });
    let bearer = sent(Credentials::Authorization(bearer)).await;
    assert_eq!(bearer.headers["authorization"], "Bearer s3cret");
    assert_eq!(bearer.body, "token=valid%2B%2F%3D&token_type_hint=access_token");
}

#[tokio::test]
async fn missing_credentials_send_no_request() {
    // IN05
    let server = Server::start().await;
    let failing =
        FetchAuthorization::callback(|| async { Err::<HeaderValue, _>(std::io::Error::other("x")) });
    let fixture = Fixture::with(&server, Credentials::Authorization(failing), LIFETIMES, &Handle::current());
    assert_eq!(fixture.ask("valid").await, "undecided 1");
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn slow_credentials_are_told_from_a_slow_endpoint() {
    // IN15
    let server = Server::start().await;
    server.set(Behavior::Stalls);
    let hanging = || std::future::pending::<Result<HeaderValue, std::io::Error>>();
    let hanging = Credentials::Authorization(FetchAuthorization::callback(hanging));
    for (credentials, expected) in [
        (hanging, "no credentials of this API within 2 s"),
        (Fixture::client("s3cret"), "no complete response within 2 s: "),
    ] {
        let fixture = Fixture::with(&server, credentials, LIFETIMES, &Handle::current());
        assert_eq!(fixture.ask_now("valid"), "pending");
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        pass(2 * SECOND).await;
        fixture.has_calls_under_way(0).await;
        let failure = fixture.introspector.status().last_failure.unwrap();
        assert!(failure.starts_with(expected), "{failure}");
    }
}

#[tokio::test]
async fn two_configurations_share_no_result() {
    // IN16
    let server = Server::start().await;
    let (one, other) = (Fixture::new(&server), Fixture::new(&server));
    assert_eq!(one.ask("valid").await, "active s");
    assert_eq!(other.ask_now("valid"), "pending");
    assert_eq!(one.ask_now("valid"), "active s");
    assert_eq!(one.ask("unknown").await, "inactive");
    assert_eq!(other.ask_now("unknown"), "pending");
}

#[tokio::test]
async fn connection_is_used_again_for_some_seconds() {
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("valid-{n}")).await, "active s");
    }
    assert_eq!((server.calls(), server.connections()), (5, 1));
}

#[tokio::test]
async fn closed_connection_is_retried_for_known_tokens() {
    // IN06, IN12: an invented token costs one request.
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    for (token, expected, requests) in [("valid", "active s", 2), ("valid-unseen", "undecided 1", 1)] {
        pass(10 * SECOND).await;
        let before = server.calls();
        server.set(Behavior::ClosesOnce);
        assert_eq!(fixture.ask(token).await, expected);
        assert_eq!(server.calls(), before + requests, "{token}");
    }
}

#[tokio::test]
async fn encoded_response_decides_nothing() {
    // IN06
    let server = Server::start().await;
    for (encoding, expected) in [("gzip", "undecided 1"), ("br", "undecided 1"), ("identity", "inactive")] {
        let fixture = Fixture::new(&server);
        server.set(Behavior::Encoded(encoding));
        assert_eq!(fixture.ask("unknown").await, expected, "{encoding}");
        let failure = fixture.introspector.status().last_failure;
        let found = format!("expected no content encoding, found {encoding:?}");
        assert_eq!(failure, (expected != "inactive").then_some(found));
    }
}

#[tokio::test]
async fn redirect_leads_nowhere() {
    // IN21
    let server = Server::start().await;
    for status in [301, 302, 303, 307, 308] {
        server.set(Behavior::Responds(status, "application/json", "", r#"{"active":true}"#.to_owned()));
        let before = server.calls();
        assert_eq!(Fixture::new(&server).ask("valid").await, "undecided 1");
        assert_eq!(server.calls(), before + 1, "{status}");
    }
}

#[tokio::test]
async fn claims_hold_a_digest_in_place_of_the_token() {
    // IN22
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    fixture.ask("valid-token-of-a-user").await;
    let introspected = fixture.look_up("valid-token-of-a-user");
    let crate::introspection::introspector::Introspected::Settled(
        crate::introspection::responses::outcome::Outcome::Active(claims),
    ) = introspected
    else {
        panic!("the token is cached")
    };
    assert_eq!(claims.token().len(), 32);
    assert!(!format!("{claims:?} {:?}", fixture.introspector).contains("valid"));
}
