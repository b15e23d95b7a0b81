//! Compares the responses of actix-web with the responses of the layers of `scopegate-axum`.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::sync::{Arc, Mutex};

use actix::{Routes, configure};
use actix_web::body::to_bytes;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::web::Data;
use actix_web::{App, test};
use scopegate::{Issuer, Verifier};
use scopegate_issuer::LocalIssuer;
use serde_json::Value;

const READ: &str = "https://my-api-server.org/api.read";

fn challenge(headers: &HeaderMap) -> Option<&str> {
    headers.get("www-authenticate").map(HeaderValue::to_str).transpose().unwrap()
}

#[actix_web::test]
async fn responses_and_records_are_those_of_the_layers() {
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let records = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&records);
    let verifier = Verifier::builder().trust(issuer).observe(move |decision| {
        let line =
            format!("{} {} {}", decision.verdict(), decision.reason(), decision.route().unwrap_or("-"));
        lines.lock().unwrap().push(line);
    });
    let verifier = verifier.start().await.unwrap();
    let routes = Data::new(Routes::new(&verifier, local.issuer()).unwrap());
    let app = test::init_service(App::new().configure(configure(routes))).await;

    let reader = local.mint().scope(READ).claim("sub", "user-1").sign();
    let writer = local.mint().scope("https://my-api-server.org/api.write").sign();
    let expired = local.mint().scope(READ).expired().sign();
    let bearer = |token: &str| vec![format!("Bearer {token}")];
    let scope = format!(r#"Bearer realm="api", scope="{READ}""#);
    for (path, headers, status, challenged, record) in [
        ("/orders/user-1", bearer(&reader), 200, None, "accepted accepted /orders/{owner}"),
        ("/whoami", bearer(&writer), 200, None, "accepted accepted /whoami"),
        ("/orders/user-1", vec![], 401, Some(scope.clone()), "rejected no_credentials /orders/{owner}"),
        (
            "/whoami",
            vec!["Basic dTpw".to_owned()],
            401,
            Some(r#"Bearer realm="api""#.into()),
            "rejected unsupported_scheme /whoami",
        ),
        (
            "/orders/user-1",
            bearer(&expired),
            401,
            Some(format!(r#"{scope}, error="invalid_token""#)),
            "rejected expired /orders/{owner}",
        ),
        (
            "/orders/user-1",
            bearer(&writer),
            403,
            Some(format!(r#"{scope}, error="insufficient_scope""#)),
            "rejected insufficient_scope /orders/{owner}",
        ),
        (
            "/orders/user-2",
            bearer(&reader),
            403,
            Some(r#"Bearer realm="api""#.into()),
            "rejected not_owner /orders/{owner}",
        ),
        (
            "/whoami",
            [bearer(&reader), bearer(&writer)].concat(),
            400,
            Some(r#"Bearer realm="api", error="invalid_request""#.into()),
            "rejected several_headers /whoami",
        ),
    ] {
        let request = test::TestRequest::get().uri(path);
        let request = headers
            .iter()
            .fold(request, |request, value| request.append_header(("authorization", value.as_str())));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let found = challenge(response.headers()).map(str::to_owned);
        assert_eq!(found.is_some(), challenged.is_some(), "{path} {found:?}");
        if let (Some(found), Some(expected)) = (found, challenged) {
            assert!(found.starts_with(&expected), "{path}: {found}");
            assert!(found.contains("error") || found == expected, "{path}: {found}");
            assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
            assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
            let body: Value = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
            assert_eq!(body["status"], status);
            assert_eq!(
                body.get("reason").and_then(Value::as_str),
                found.eq("Bearer realm=\"api\"").then_some("not_owner").filter(|_| status == 403)
            );
        }
        assert_eq!(std::mem::take(&mut *records.lock().unwrap()), [record]);
    }
}

#[actix_web::test]
async fn same_subject_of_other_issuer_owns_nothing() {
    // A subject is unique only within its issuer.
    let (ours, theirs) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let trusted = |local: &LocalIssuer| Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(trusted(&ours)).trust(trusted(&theirs)).start().await.unwrap();
    let routes = Data::new(Routes::new(&verifier, ours.issuer()).unwrap());
    let app = test::init_service(App::new().configure(configure(routes))).await;
    for (local, status) in [(&ours, 200), (&theirs, 403)] {
        let token = local.mint().scope(READ).claim("sub", "user-1").sign();
        let request = test::TestRequest::get().uri("/orders/user-1");
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        assert_eq!(test::call_service(&app, request.to_request()).await.status().as_u16(), status);
    }
}
