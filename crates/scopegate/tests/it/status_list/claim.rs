//! Which values of `status` are accepted, and when is a list fetched at all?

use scopegate::{Error, Revocation, Revocations, StatusList};
use serde_json::{Value, json};
use testkit::{ISSUER, KEY, OTHER_KEY, client_token};

use super::fixture::{Server, token_of};

/// Returns the result for a token with this `status`.
async fn result(server: &Server, rules: StatusList, status: Value) -> Result<(), Error> {
    let token = client_token().claim("status", status).sign_with(&KEY);
    server.verifier(rules).verify_or_refresh(token).await.map(drop)
}

#[tokio::test]
async fn only_a_valid_token_causes_a_fetch() {
    // SL01
    let server = Server::start().await;
    server.publish(&[0; 8]);
    let verifier = server.verifier(StatusList::required());
    let valid = server.token(7);
    for invalid in [
        valid.clone().expired().sign_with(&KEY),
        valid.clone().bad_signature().sign_with(&KEY),
        valid.clone().tampered().sign_with(&KEY),
        valid.clone().sign_with(&OTHER_KEY),
        valid.clone().claim("aud", "other").sign_with(&KEY),
        valid.clone().client("other").sign_with(&KEY),
        valid.clone().claim("cnf", json!({ "jkt": "x" })).sign_with(&KEY),
        valid.clone().claim("scope", 1).sign_with(&KEY),
    ] {
        assert!(verifier.verify(&invalid).is_err());
        assert!(verifier.verify_or_refresh(&invalid).await.is_err());
    }
    assert_eq!(server.requests(), 0);
    assert!(verifier.verify_or_refresh(valid.sign_with(&KEY)).await.is_ok());
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn revoked_token_causes_no_fetch() {
    // SL01
    let server = Server::start().await;
    server.publish(&[0; 8]);
    let revocations = Revocations::new();
    let builder = server.builder().trust(server.issuer(StatusList::required()));
    let verifier = builder.revocations(&revocations).start_lazy().unwrap();
    let token = server.token(7).claim("jti", "id-1").sign_with(&KEY);
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::Revoked { .. }) && server.requests() == 0, "{error:?}");
    revocations.withdraw(&Revocation::token(ISSUER, "id-1"));
    assert!(verifier.verify_or_refresh(&token).await.is_ok() && server.requests() == 1);
}

#[tokio::test]
async fn malformed_status_is_rejected() {
    // SL02
    let server = Server::start().await;
    server.publish(&[0; 8]);
    let uri = server.uri();
    let of = |idx: Value, uri: Value| json!({ "status_list": { "idx": idx, "uri": uri } });
    for rules in [StatusList::optional, StatusList::required] {
        assert!(result(&server, rules(), of(json!(0), json!(uri))).await.is_ok());
        for idx in ["-1", "1.5", "\"0\"", "9007199254740992", "1e0", "null", "[]"] {
            let status = of(serde_json::from_str(idx).unwrap(), json!(uri));
            let error = result(&server, rules(), status).await.unwrap_err();
            assert!(
                matches!(&error, Error::MalformedClaim { claim, .. } if claim == "status.status_list.idx"),
                "{idx}: {error:?}"
            );
        }
        let long = format!("{uri}?{}", "a".repeat(2_048));
        for other in
            [json!("http://h.example/1"), json!("1"), json!(7), json!(format!("{uri}#1")), json!(long)]
        {
            let error = result(&server, rules(), of(json!(0), other)).await.unwrap_err();
            assert!(
                matches!(&error, Error::MalformedClaim { claim, .. } if claim == "status.status_list.uri"),
                "{error:?}"
            );
        }
        for status in [
            json!(null),
            json!("x"),
            json!([]),
            json!({ "status_list": null }),
            json!({ "status_list": [0] }),
            json!({ "status_list": { "uri": uri } }),
            json!({ "status_list": { "idx": 0 } }),
        ] {
            let error = result(&server, rules(), status.clone()).await.unwrap_err();
            assert!(matches!(error, Error::MalformedClaim { .. }), "{status}: {error:?}");
        }
    }
}

#[tokio::test]
async fn list_of_another_origin_is_never_fetched() {
    // SL02, SL15
    let (server, other) = (Server::start().await, Server::start().await);
    server.publish(&[0; 8]);
    other.publish(&[0; 8]);
    let verifier = server.verifier(StatusList::optional());
    let error = verifier.verify_or_refresh(token_of(&other.uri(), 0).sign_with(&KEY)).await.unwrap_err();
    assert!(
        matches!(&error, Error::WrongClaim { claim, .. } if claim == "status.status_list.uri"),
        "{error:?}"
    );
    assert_eq!(other.requests(), 0);
    assert!(verifier.verify_or_refresh(server.token(0).sign_with(&KEY)).await.is_ok());
}

#[tokio::test]
async fn other_mechanisms_are_ignored() {
    // SL03, SL04
    let server = Server::start().await;
    for status in [json!({ "x": {} }), json!({})] {
        assert!(result(&server, StatusList::optional(), status.clone()).await.is_ok());
        let error = result(&server, StatusList::required(), status).await.unwrap_err();
        assert!(matches!(error, Error::MissingClaim { claim: "status.status_list", .. }), "{error:?}");
    }
    // Without rules, the claim has no meaning.
    let ignores = server.builder().trust(testkit::issuer_for_client([KEY.jwk()]).unwrap());
    let token = client_token().claim("status", "malformed").sign_with(&KEY);
    assert!(ignores.build().unwrap().verify(token).is_ok());
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn token_without_status_is_accepted_if_optional() {
    // SL04
    let server = Server::start().await;
    let token = client_token().sign_with(&KEY);
    assert!(server.verifier(StatusList::optional()).verify(&token).is_ok());
    let error = server.verifier(StatusList::required()).verify(&token).unwrap_err();
    assert!(matches!(error, Error::MissingClaim { claim: "status", .. }), "{error:?}");
}
