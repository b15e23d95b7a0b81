mod certificates;
mod credentials;

use std::net::IpAddr;

use envoy::attribute_context::{HttpRequest, Peer, Request};
use envoy::check_response::HttpResponse;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::service::auth::v3 as envoy;
use envoy_types::pb::google::protobuf::value::Kind;
use prost::Message as _;
use scopegate::{Dpop, Verifier};
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{CLIENT, ISSUER, KEY, NOW, Proof, bound_to, builder_at, cognito_issuer, cognito_token};
use tonic::Code;

use crate::decide::live::Live;
use crate::decide::tests::{PROXY, config, live, service, token};
use crate::decide::{self};
use crate::gateway::Question;
use crate::grpc::messages::{CheckRequest, CheckResponse};
use crate::grpc::{question, response};

/// A request as Envoy sends it, with pseudo-headers.
fn http(method: &str, path: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let pseudo = [(":method", method), (":path", path), (":authority", "api.example")];
    let all = pseudo.iter().chain(headers);
    HttpRequest {
        id: "7".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        host: "api.example".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/2".to_owned(),
        size: -1,
        headers: all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..HttpRequest::default()
    }
}

fn message(http: HttpRequest) -> envoy::CheckRequest {
    let source = Peer { certificate: "-----BEGIN%20CERTIFICATE".to_owned(), ..Peer::default() };
    let attributes = envoy::AttributeContext {
        source: Some(source),
        request: Some(Request { http: Some(http), ..Request::default() }),
        ..envoy::AttributeContext::default()
    };
    envoy::CheckRequest { attributes: Some(attributes) }
}

/// Asks with the bytes of Envoy's message, and reads the answer as Envoy does.
async fn ask_from(live: &Live, message: &envoy::CheckRequest, peer: &str) -> envoy::CheckResponse {
    let ours = CheckRequest::decode(message.encode_to_vec().as_slice()).unwrap();
    let sent = question::read(ours);
    let peer: IpAddr = peer.parse().unwrap();
    let answer = decide::answer(live, Question::Message(&sent), peer).await;
    let response = response::of(answer, &sent.headers);
    let bytes = response.encode_to_vec();
    // The judge writes the same message.
    let judged = envoy::CheckResponse::decode(bytes.as_slice()).unwrap();
    assert_eq!(CheckResponse::decode(judged.encode_to_vec().as_slice()).unwrap(), response);
    judged
}

async fn ask(live: &Live, http: HttpRequest) -> envoy::CheckResponse {
    ask_from(live, &message(http), PROXY).await
}

fn accepted(response: envoy::CheckResponse) -> envoy::OkHttpResponse {
    assert_eq!(response.status.unwrap().code, 0);
    match response.http_response {
        Some(HttpResponse::OkResponse(accepted)) => accepted,
        other => panic!("{other:?}"),
    }
}

fn denied(response: envoy::CheckResponse) -> envoy::DeniedHttpResponse {
    assert_ne!(response.status.unwrap().code, 0);
    match response.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

fn error(response: envoy::CheckResponse) -> envoy::DeniedHttpResponse {
    assert_ne!(response.status.unwrap().code, 0);
    match response.http_response {
        Some(HttpResponse::ErrorResponse(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn status(denied: &envoy::DeniedHttpResponse) -> i32 {
    denied.status.as_ref().unwrap().code
}

fn values<'h>(headers: &'h [core::HeaderValueOption], name: &str) -> Vec<&'h str> {
    let headers = headers.iter().map(|option| option.header.as_ref().unwrap());
    headers.filter(|header| header.key == name).map(|header| header.value.as_str()).collect()
}

fn metadata(response: &envoy::CheckResponse, name: &str) -> Option<String> {
    let fields = &response.dynamic_metadata.as_ref().unwrap().fields;
    match fields.get(name)?.kind.as_ref().unwrap() {
        Kind::StringValue(text) => Some(text.clone()),
        Kind::ListValue(list) => {
            Some(format!("{:?}", list.values.iter().map(|value| &value.kind).collect::<Vec<_>>()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn question_of_envoy_is_read_both_ways() {
    let sent = message(http("GET", "/orders/7?x=1", &[("dpop", "p")]));
    let ours = CheckRequest::decode(sent.encode_to_vec().as_slice()).unwrap();
    let judged = envoy::CheckRequest::decode(ours.encode_to_vec().as_slice()).unwrap();
    let http = judged.attributes.unwrap().request.unwrap().http.unwrap();
    let original = sent.attributes.unwrap().request.unwrap().http.unwrap();
    assert_eq!((&http.method, &http.path, &http.host), (&original.method, &original.path, &original.host));
    assert_eq!(http.headers, original.headers);
}

#[tokio::test]
async fn accepted_request_replaces_headers_of_caller() {
    // FW05
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read x")));
    let spoofed = [
        ("authorization", bearer.as_str()),
        ("x-auth-tenant", "spoof"),
        ("x_auth-tenant", "spoof"),
        ("x_other", "kept"),
    ];
    let response = ask(&live, http("GET", "/orders/caf%c3%a9?page=2", &spoofed)).await;
    let accepted = accepted(response);
    let expected = [
        ("x-auth-client", CLIENT),
        ("x-auth-scope", "orders/read x"),
        ("x-auth-tenant", ""),
        ("x-auth-path", "/orders/caf%C3%A9"),
    ];
    for (name, value) in expected {
        assert_eq!(values(&accepted.headers, name), [value], "{name}");
    }
    assert_eq!(accepted.headers.len(), expected.len());
    for option in &accepted.headers {
        #[expect(deprecated, reason = "older versions of Envoy read it")]
        let append = option.append.as_ref().map(|append| append.value);
        assert_eq!((append, option.append_action, option.keep_empty_value), (Some(false), 2, true));
    }
    let removed = ["x_auth-tenant", "x_auth_client", "x_auth_path", "x_auth_scope", "x_auth_tenant"];
    assert_eq!(accepted.headers_to_remove, removed);

    // A public route reads no token.
    let response = ask(&live, http("OPTIONS", "/orders/7", &spoofed)).await;
    assert_eq!(metadata(&response, "reason").as_deref(), Some("public"));
    assert_eq!(metadata(&response, "client_id"), None);
    let accepted = self::accepted(response);
    for name in ["x-auth-client", "x-auth-scope", "x-auth-tenant"] {
        assert_eq!(values(&accepted.headers, name), [""], "{name}");
    }
}

#[tokio::test]
async fn rules_are_those_of_decisions_over_http() {
    // FW01, FW02, FW15
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read")));
    for (method, path, expected) in [
        ("GET", "/orders/7", None),
        ("HEAD", "/orders/7?x=/../", None),
        ("OPTIONS", "/orders/7", None),
        ("GET", "/users/a%40b", None),
        ("POST", "/orders/7", Some(403)),
        ("get", "/orders/7", Some(403)),
        ("GET", "/orders/mine", Some(403)),
        ("GET", "/unknown", Some(403)),
        ("GET", "/users/%40me", Some(400)),
        ("GET", "/orders/../orders/7", Some(400)),
        ("GET", "//orders/7", Some(400)),
        ("GET", "/orders/7#x", Some(400)),
        ("GET", "/orders/\u{e9}", Some(400)),
        ("GET", "/orders/7 ", Some(400)),
        ("GET", "https://api.example/orders/7", Some(400)),
        ("GET", "", Some(400)),
        ("G T", "/orders/7", Some(400)),
    ] {
        let response = ask(&live, http(method, path, &[("authorization", &bearer)])).await;
        match expected {
            None => drop(accepted(response)),
            Some(expected) => assert_eq!(status(&denied(response)), expected, "{method} {path}"),
        }
    }
}

#[tokio::test]
async fn only_fields_name_the_request() {
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read")));
    let mut request = http("GET", "/orders/mine", &[("authorization", &bearer)]);
    let spoofed = [(":path", "/orders/7"), ("x-forwarded-uri", "/orders/7"), ("x-original-uri", "/orders/7")];
    request.headers.extend(spoofed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(status(&denied(ask(&live, request.clone()).await)), 403);
    request.path = "/orders/7".to_owned();
    request.headers.insert(":path".to_owned(), "/orders/mine".to_owned());
    accepted(ask(&live, request).await);
}

#[tokio::test]
async fn denial_has_status_and_challenge() {
    // FW06
    let live = service();
    let bearer = format!("Bearer {}", token("x"));
    for (headers, expected, code, challenge) in [
        (vec![], 401, Code::Unauthenticated, r#"scope="orders/read""#),
        (
            vec![("authorization", bearer.as_str())],
            403,
            Code::PermissionDenied,
            r#"error="insufficient_scope""#,
        ),
    ] {
        let response = ask(&live, http("GET", "/orders/7", &headers)).await;
        assert_eq!(response.status.as_ref().unwrap().code, i32::from(code));
        let denied = denied(response);
        assert_eq!(status(&denied), expected);
        let found = values(&denied.headers, "www-authenticate");
        assert!(found.len() == 1 && found[0].contains(challenge), "{found:?}");
        assert_eq!(values(&denied.headers, "cache-control"), ["no-store"]);
        assert!(denied.body.starts_with('{'), "{}", denied.body);
    }
}

#[tokio::test]
async fn two_challenges_are_two_entries() {
    // FW09
    let config =
        config(|text| text.replace("https://api.example\"", "https://api.example\"\ndpop = \"accept\""));
    let verifier = builder_at(NOW).trust(cognito_issuer()).dpop(Dpop::accept().origin("https://api.example"));
    let live = live(&config, verifier.build().unwrap());
    let denied = denied(ask(&live, http("GET", "/orders/7", &[])).await);
    let challenges = values(&denied.headers, "www-authenticate");
    let schemes: Vec<_> = challenges.iter().map(|challenge| challenge.split(' ').next().unwrap()).collect();
    assert_eq!(schemes, ["Bearer", "DPoP"]);
    for option in &denied.headers {
        #[expect(deprecated, reason = "older versions of Envoy read it")]
        let append = option.append.as_ref();
        assert_eq!((append, option.append_action), (None, 0));
    }

    // FW13
    let key = SigningKey::generate(Algorithm::ES256);
    let token = bound_to(&key, cognito_token().scope("orders/read")).sign_with(&KEY);
    let authorization = format!("DPoP {token}");
    for (url, passes) in [("https://api.example/orders/7", true), ("https://api.example/orders/8", false)] {
        let proof = Proof::new(&key, "GET", url, &token).sign_with(&key);
        let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
        let response = ask(&live, http("GET", "/orders/7", &headers)).await;
        assert_eq!(matches!(response.http_response, Some(HttpResponse::OkResponse(_))), passes, "{url}");
    }
}

#[tokio::test]
async fn undecidable_request_is_error_response() {
    // FW08
    let issuer = "http://127.0.0.1:1/pool";
    let config =
        config(|text| text.replace(ISSUER, issuer).replace("https://issuer.example", "http://127.0.0.1:1"));
    let issuers = config.issuers.iter().map(|entry| entry.issuer().unwrap());
    let verifier: Verifier =
        issuers.fold(Verifier::builder(), scopegate::VerifierBuilder::trust).start_lazy().unwrap();
    let live = live(&config, verifier);
    let token = cognito_token().claim("iss", issuer).scope("orders/read").sign_with(&KEY);
    let bearer = format!("Bearer {token}");
    let response = ask(&live, http("GET", "/orders/7", &[("authorization", &bearer)])).await;
    assert_eq!(response.status.as_ref().unwrap().code, i32::from(Code::Unavailable));
    assert_eq!(metadata(&response, "verdict").as_deref(), Some("undecidable"));
    let error = error(response);
    assert_eq!(status(&error), 503);
    assert_eq!(values(&error.headers, "retry-after").len(), 1);
    // The same issuer rejects a malformed token.
    let response = ask(&live, http("GET", "/orders/7", &[("authorization", "Bearer x.y.z")])).await;
    assert_eq!(status(&denied(response)), 401);
}

#[tokio::test]
async fn message_without_request_is_error_response() {
    let live = service();
    let response = ask_from(&live, &envoy::CheckRequest::default(), PROXY).await;
    assert_eq!(status(&error(response)), 500);
    let response = ask(&live, http("", "/orders/7", &[])).await;
    assert_eq!(status(&error(response)), 500);
}

#[tokio::test]
async fn metadata_names_caller_and_never_token() {
    let live = service();
    for (scope, verdict, reason) in
        [("orders/read x", "accepted", "accepted"), ("x", "rejected", "insufficient_scope")]
    {
        let token = cognito_token().scope(scope).sign_with(&KEY);
        let bearer = format!("Bearer {token}");
        let response = ask(&live, http("GET", "/orders/7", &[("authorization", &bearer)])).await;
        let field = |name| metadata(&response, name);
        assert_eq!(field("verdict").as_deref(), Some(verdict));
        assert_eq!(field("reason").as_deref(), Some(reason));
        assert_eq!(field("client_id").as_deref(), Some(CLIENT));
        assert_eq!(field("iss").as_deref(), Some(ISSUER));
        assert_eq!(field("route").as_deref(), Some("/orders/{id}"));
        assert!(field("scopes").unwrap().contains(r#"StringValue("x")"#));
        let signature = token.rsplit('.').next().unwrap();
        assert!(!format!("{response:?}").contains(signature));
    }
    // Claims of a token that is not verified are not in it.
    let expired = format!("Bearer {}", cognito_token().expired().sign_with(&KEY));
    let response = ask(&live, http("GET", "/orders/7", &[("authorization", &expired)])).await;
    assert_eq!(metadata(&response, "client_id"), None);
    assert_eq!(metadata(&response, "verdict").as_deref(), Some("rejected"));
}

#[tokio::test]
async fn raw_headers_replace_joined_ones() {
    let (live, bearer) = (service(), format!("Bearer {}", token("orders/read")));
    let raw = |values: &[&str]| {
        let header = |value: &&str| core::HeaderValue {
            key: "authorization".to_owned(),
            raw_value: value.as_bytes().to_vec(),
            ..core::HeaderValue::default()
        };
        let mut request = http("GET", "/orders/7", &[]);
        request.headers.clear();
        request.header_map = Some(core::HeaderMap { headers: values.iter().map(header).collect() });
        request
    };
    accepted(ask(&live, raw(&[&bearer])).await);
    assert_eq!(status(&denied(ask(&live, raw(&[&bearer, &bearer])).await)), 400);
    let joined = format!("{bearer}, {bearer}");
    let response = ask(&live, http("GET", "/orders/7", &[("authorization", &joined)])).await;
    assert_eq!(status(&denied(response)), 400);
    // The two forms may differ.
    let mut both = raw(&[&bearer]);
    both.headers.insert("accept".to_owned(), "*/*".to_owned());
    assert_eq!(status(&denied(ask(&live, both).await)), 400);
    let mut twofold = raw(&[&bearer]);
    twofold.header_map.as_mut().unwrap().headers[0].value = "Bearer x".to_owned();
    assert_eq!(status(&denied(ask(&live, twofold).await)), 400);
}

#[tokio::test]
async fn malformed_or_excessive_headers_are_rejected() {
    let live = service();
    let with = |count: usize| {
        let mut request = http("OPTIONS", "/orders/7", &[]);
        request.headers = (0..count).map(|number| (format!("x-{number}"), "x".to_owned())).collect();
        request
    };
    accepted(ask(&live, with(256)).await);
    assert_eq!(status(&denied(ask(&live, with(257)).await)), 400);
    for (name, value) in [("x y", "x"), ("", "x"), ("x", "a\nb")] {
        let response = ask(&live, http("OPTIONS", "/orders/7", &[(name, value)])).await;
        assert_eq!(status(&denied(response)), 400, "{name:?}");
    }
}

#[tokio::test]
async fn host_of_message_selects_the_route() {
    // FW12
    let hosts = |text: String| text.replace("path = \"/me\"", "host = \"b.example\"\npath = \"/me\"");
    let config = config(|text| hosts(text).replace("GET = \"authenticated\"", "GET = \"public\""));
    let live = live(&config, testkit::cognito_verifier());
    for (host, passes) in [
        ("b.example", true),
        ("B.example:443", true),
        ("api.example", false),
        ("", false),
        ("b.example, b.example", false),
    ] {
        let mut request = http("GET", "/me", &[("host", "b.example")]);
        host.clone_into(&mut request.host);
        let response = ask(&live, request).await;
        assert_eq!(matches!(response.http_response, Some(HttpResponse::OkResponse(_))), passes, "{host}");
    }
}

#[tokio::test]
async fn message_of_untrusted_peer_is_rejected() {
    // FW04
    let live = service();
    let question = message(http("OPTIONS", "/orders/7", &[]));
    accepted(ask_from(&live, &question, PROXY).await);
    assert_eq!(status(&denied(ask_from(&live, &question, "127.0.0.2").await)), 403);
    assert!(decide::admits(&live, PROXY.parse().unwrap()));
    assert!(!decide::admits(&live, "127.0.0.2".parse().unwrap()));
}
