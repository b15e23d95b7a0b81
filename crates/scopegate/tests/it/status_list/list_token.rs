//! Which list tokens are accepted, and which statuses?

use scopegate::{Error, ErrorKind, StatusList};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{KEY, NOW, OTHER_KEY};

use super::fixture::{Reply, Server, mint_of, sign};

/// Returns the result for index 0, and the reason why the list was rejected.
async fn fetch(server: &Server, document: String) -> (Result<(), Error>, Option<String>) {
    server.reply("1", Reply::Document(document));
    let verifier = server.verifier(StatusList::required());
    let result = verifier.verify_or_refresh(server.token(0).sign_with(&KEY)).await.map(drop);
    (result, verifier.status().issuers()[0].status_lists[0].last_failure.clone())
}

async fn assert_used(server: &Server, document: String) {
    let (result, failure) = fetch(server, document).await;
    assert!(result.is_ok() && failure.is_none(), "{result:?} {failure:?}");
}

async fn assert_not_used(server: &Server, document: String, reason: &str) {
    let (result, failure) = fetch(server, document).await;
    assert!(matches!(&result, Err(Error::StatusUnavailable { .. })), "{result:?}");
    assert!(failure.as_ref().is_some_and(|failure| failure.contains(reason)), "{reason}: {failure:?}");
}

/// Returns the payload of a valid list with another value of a member. `null` removes it.
fn with(server: &Server, member: &str, value: Value) -> Value {
    let mut payload = server.payload(8, &[0; 8]);
    payload[member] = value;
    if payload[member].is_null() {
        payload.as_object_mut().unwrap().remove(member);
    }
    payload
}

#[tokio::test]
async fn type_must_be_that_of_a_list() {
    // SL05
    let server = Server::start().await;
    let mint = mint_of(&server.payload(8, &[0; 8]));
    for typ in ["statuslist+jwt", "application/statuslist+jwt", "STATUSLIST+jwt"] {
        assert_used(&server, mint.clone().header("typ", typ).sign_with(&KEY)).await;
    }
    for typ in ["JWT", "at+jwt", "statuslist+cwt", "statuslist"] {
        assert_not_used(&server, mint.clone().header("typ", typ).sign_with(&KEY), "`typ`").await;
    }
    assert_not_used(&server, mint.without_header("typ").sign_with(&KEY), "`typ`").await;
}

#[tokio::test]
async fn list_is_no_access_token() {
    // SL05
    let server = Server::start().await;
    let list = server.token(0).header("typ", "statuslist+jwt").sign_with(&KEY);
    let error = server.verifier(StatusList::optional()).verify(list).unwrap_err();
    assert!(matches!(error, Error::WrongType { .. }), "{error:?}");
}

#[tokio::test]
async fn subject_must_be_exactly_the_uri() {
    // SL06
    let server = Server::start().await;
    assert_used(&server, sign(&with(&server, "sub", json!(server.uri())))).await;
    for other in
        [json!(format!("{}/", server.uri())), json!(server.url), json!(7), json!([server.uri()]), Value::Null]
    {
        assert_not_used(&server, sign(&with(&server, "sub", other)), "`sub`").await;
    }
}

#[tokio::test]
async fn list_must_be_within_its_lifetime() {
    // SL07
    let server = Server::start().await;
    for (member, value) in
        [("exp", json!(NOW + 1)), ("exp", Value::Null), ("iat", json!(NOW)), ("nbf", json!(NOW))]
    {
        assert_used(&server, sign(&with(&server, member, value))).await;
    }
    for (member, value, reason) in [
        ("exp", json!(NOW), "expired"),
        ("exp", json!("soon"), "`exp`"),
        ("iat", json!(NOW + 1), "`iat`"),
        ("iat", json!("now"), "`iat`"),
        ("iat", Value::Null, "`iat`"),
        ("nbf", json!(NOW + 1), "`nbf`"),
    ] {
        assert_not_used(&server, sign(&with(&server, member, value)), reason).await;
    }
}

#[tokio::test]
async fn ttl_must_be_a_positive_number() {
    // SL07
    let server = Server::start().await;
    for ttl in [json!(1), json!(0.5), json!(1e300), json!(43_200), Value::Null] {
        assert_used(&server, sign(&with(&server, "ttl", ttl))).await;
    }
    for ttl in [json!(0), json!(-1), json!("300"), json!([300]), json!(true)] {
        assert_not_used(&server, sign(&with(&server, "ttl", ttl)), "`ttl`").await;
    }
}

#[tokio::test]
async fn list_must_be_signed_by_the_issuer() {
    // SL08
    let server = Server::start().await;
    let mint: Mint = mint_of(&server.payload(8, &[0; 8]));
    assert_used(&server, mint.sign_with(&KEY)).await;
    let with_kid_of_ours = OTHER_KEY.clone().with_kid(KEY.kid());
    for (document, reason) in [
        (mint.sign_with(&OTHER_KEY), "does not publish the key"),
        (mint.sign_with(&with_kid_of_ours), "signature"),
        (mint.clone().bad_signature().sign_with(&KEY), "signature"),
        (mint.clone().alg("HS256").sign_with(&KEY), "`alg`"),
        (mint.clone().alg("none").sign_with(&KEY), "`alg`"),
        (mint.clone().alg("ES512").sign_with(&KEY), "`alg`"),
        (mint.clone().header("crit", json!(["exp"])).sign_with(&KEY), "`crit`"),
        (mint.clone().unsigned().sign_with(&KEY), "signature"),
    ] {
        assert_not_used(&server, document, reason).await;
    }
}

#[tokio::test]
async fn list_must_have_its_structure() {
    // SL09, SL10
    let server = Server::start().await;
    for bits in [1, 2, 4, 8] {
        assert_used(&server, sign(&server.payload(bits, &[0; 8]))).await;
    }
    let with_list = |member: &str, value: Value| {
        let mut payload = server.payload(8, &[0; 8]);
        payload["status_list"][member] = value;
        sign(&payload)
    };
    for bits in [json!(3), json!(16), json!("1"), json!(0), Value::Null] {
        assert_not_used(&server, with_list("bits", bits), "`bits`").await;
    }
    for lst in [json!(7), Value::Null, json!("="), json!("eNrbuRgAAhcBXQ==")] {
        assert_not_used(&server, with_list("lst", lst), "`lst`").await;
    }
    assert_not_used(&server, with_list("lst", json!("AAAA")), "ZLIB").await;
    assert_not_used(&server, sign(&with(&server, "status_list", json!([]))), "`status_list`").await;
    assert_not_used(&server, sign(&with(&server, "status_list", Value::Null)), "`status_list`").await;
}

#[tokio::test]
async fn only_status_zero_is_accepted() {
    // SL11, SL13
    let server = Server::start().await;
    server.publish(&[0, 1, 2, 3, 255, 0]);
    let verifier = server.verifier(StatusList::required());
    for (index, found) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 255), (5, 0)] {
        let result = verifier.verify_or_refresh(server.token(index).sign_with(&KEY)).await;
        match result {
            Ok(_) => assert_eq!(found, 0, "{index}"),
            Err(error) => {
                let uri = server.uri();
                let text = format!("index {index} of the list \"{uri}\": expected status 0, found {found}");
                assert!(found != 0 && error.kind() == ErrorKind::InvalidStatus, "{error:?}");
                assert_eq!((error.kind().status(), error.to_string()), (401, text));
            }
        }
    }
    for index in [6, 1 << 40, (1 << 53) - 1] {
        let error = verifier.verify_or_refresh(server.token(index).sign_with(&KEY)).await.unwrap_err();
        assert!(matches!(error, Error::InvalidStatus { found: None, .. }), "{error:?}");
        assert!(error.to_string().ends_with("expected status 0, found none"), "{error}");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn inflated_list_is_bounded() {
    // SL12
    let server = Server::start().await;
    assert_used(&server, sign(&server.payload(8, &vec![0; 4 << 20]))).await;
    assert_not_used(&server, sign(&server.payload(8, &vec![0; 16 << 20])), "4194304 bytes").await;
}
