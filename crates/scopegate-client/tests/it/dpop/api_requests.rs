//! The proofs of requests to an API, and its nonces.

use std::collections::HashSet;

use axum::body::Body;
use http::{Method, Request, Uri};
use scopegate_client::{AddToken, ClientCredentials, SignProofError};
use testkit::token_hash;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::dpop::{NOW, Proof, client, nonces, proofs, token};
use crate::recorder::{Recorder, Reply, reply};

/// Returns the response of an API that requires this nonce.
fn nonce_required(nonce: &str) -> Reply {
    reply(401, "").with("www-authenticate", r#"DPoP error="use_dpop_nonce""#).with("dpop-nonce", nonce)
}

fn invalid_token() -> Reply {
    reply(401, "").with("www-authenticate", r#"DPoP error="invalid_token", algs="ES256""#)
}

struct System {
    issuer: Recorder,
    api: Recorder,
    credentials: ClientCredentials,
    layer: AddToken,
    http: reqwest::Client,
}

impl System {
    async fn start() -> Self {
        let (issuer, api) =
            (Recorder::start(token("t1", "DPoP")).await, Recorder::start(reply(200, "")).await);
        issuer.then([token("t0", "DPoP")]);
        let credentials = client(&issuer);
        let layer = AddToken::new(&credentials, &api.url).unwrap();
        Self { issuer, api, credentials, layer, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    fn url(&self) -> String {
        format!("{}/orders?x=1", self.api.url)
    }

    /// Sends a request with `AddToken::send`.
    async fn get(&self) -> u16 {
        self.layer.send(self.http.get(self.url())).await.unwrap().status().as_u16()
    }

    /// Sends a request through the layer.
    async fn call(&self, method: Method, body: &'static str) -> u16 {
        let body = if body.is_empty() { Body::empty() } else { Body::from(body) };
        let request = Request::builder().method(method).uri(self.url()).body(body).unwrap();
        self.layer.layer(client_of(&self.http)).oneshot(request).await.unwrap().status().as_u16()
    }
}

/// Returns an HTTP client for layers.
fn client_of(
    http: &reqwest::Client,
) -> impl Service<Request<Body>, Response = http::Response<reqwest::Body>, Error = reqwest::Error, Future: Send>
+ Clone
+ Send
+ 'static {
    let http = http.clone();
    service_fn(move |request: Request<Body>| {
        let http = http.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1_000).await.unwrap();
            let request = http.request(head.method, head.uri.to_string()).headers(head.headers);
            request.body(body).send().await.map(http::Response::from)
        }
    })
}

#[tokio::test]
async fn each_request_has_its_own_proof() {
    // DP50: RFC 9449 §4.2, §7.1
    let system = System::start().await;
    for _ in 0..3 {
        assert_eq!(system.get().await, 200);
        assert_eq!(system.call(Method::POST, "").await, 200);
    }
    assert_eq!(system.issuer.count(), 1);
    let key = &Proof::of(&system.issuer.requests()[0]).header;
    let mut ids = HashSet::new();
    for (request, method) in system.api.requests().iter().zip(["GET", "POST"].into_iter().cycle()) {
        assert_eq!(request.header("authorization"), Some("DPoP t0"));
        let proof = Proof::of(request);
        let jti = proof.claim("jti").unwrap();
        assert!(ids.insert(jti.to_owned()), "used twice");
        let expected = serde_json::json!({
            "jti": jti, "htm": method, "htu": format!("{}/orders", system.api.url), "iat": NOW,
            "ath": token_hash("t0"),
        });
        assert_eq!(proof.claims, expected);
        assert_eq!(proof.header, *key, "the key of the token");
    }
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn required_nonce_is_sent_in_one_retry() {
    // DP52: RFC 9449 §9
    let system = System::start().await;
    system.api.then([nonce_required("n0")]);
    assert_eq!(system.get().await, 200);
    system.api.then([nonce_required("n1")]);
    assert_eq!(system.call(Method::PUT, "").await, 200);
    assert_eq!(nonces(&system.api), ["", "n0", "n0", "n1"]);
    let sent = proofs(&system.api);
    let ids: HashSet<_> = sent.iter().map(|proof| proof.claim("jti")).collect();
    assert_eq!(ids.len(), 4, "each proof is new");
    assert_eq!(system.issuer.count(), 1, "the token is valid");
}

#[tokio::test]
async fn endless_nonce_requirement_ends_after_one_retry() {
    // DP52
    let system = System::start().await;
    system.api.then((0..10).map(|n| nonce_required(&format!("n{n}"))));
    assert_eq!(system.get().await, 401);
    assert_eq!(system.api.count(), 2);
    assert_eq!(system.call(Method::GET, "").await, 401);
    assert_eq!(nonces(&system.api), ["", "n0", "n1", "n2"]);
    assert_eq!(system.issuer.count(), 1);
}

#[tokio::test]
async fn nonce_and_token_are_retried_once_each() {
    // DP52: any sequence of rejections ends.
    let system = System::start().await;
    system.api.then((0..10).flat_map(|n| [nonce_required(&format!("n{n}")), invalid_token()]));
    assert_eq!(system.get().await, 401);
    let tokens: Vec<_> = system.api.requests().iter().map(Proof::of).collect();
    assert_eq!(tokens.len(), 3, "the request, a nonce and a new token");
    let keys: Vec<_> = tokens.iter().map(|proof| proof.header["jwk"]["x"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2], "the new token has a new key (DP53)");
    let hashes: Vec<_> = tokens.iter().map(|proof| proof.claim("ath").unwrap().to_owned()).collect();
    assert_eq!(hashes, [token_hash("t0"), token_hash("t0"), token_hash("t1")]);
    assert_eq!(system.issuer.count(), 2);
}

#[tokio::test]
async fn nonce_of_any_response_is_used_next() {
    // DP52: RFC 9449 §8.2, §9
    let system = System::start().await;
    for (status, nonce) in [(200, "n0"), (404, "n1"), (503, "n2"), (200, "a\"b")] {
        system.api.then([reply(status, "").with("dpop-nonce", nonce)]);
        assert_eq!(system.get().await, status);
    }
    system.api.then([reply(200, "").with("dpop-nonce", "n3")]);
    system.call(Method::GET, "").await;
    system.get().await;
    let expected = ["", "n0", "n1", "n2", "n2", "n3"];
    assert_eq!(nonces(&system.api), expected);
}

#[tokio::test]
async fn retry_has_nonce_of_its_own_response() {
    // DP52: the second response arrives while the first retry waits for the connection.
    let system = System::start().await;
    system.api.then([nonce_required("n0"), nonce_required("n1"), reply(200, "").with("dpop-nonce", "n2")]);
    let limited = ConcurrencyLimit::new(client_of(&system.http), 1);
    let request = || Request::get(system.url()).body(Body::empty()).unwrap();
    let calls = [0, 1].map(|_| tokio::spawn(system.layer.layer(limited.clone()).oneshot(request())));
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    // The second request was signed after the first response, and the third one is the first retry.
    assert_eq!(nonces(&system.api), ["", "n0", "n0", "n1"]);
    // The nonce of a later response with status 200 is the last one.
    assert_eq!(system.get().await, 200);
    assert_eq!(nonces(&system.api)[4], "n2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_requests_have_nonces_of_their_own() {
    // DP52: a server that accepts a nonce only from the request that it was made for.
    let api = async |request: Request<Body>| {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        let proof = Proof::parse(request.headers()["dpop"].to_str().unwrap());
        if proof.nonce() == Some(path.as_str()) {
            return http::Response::new(String::new());
        }
        let response = http::Response::builder().status(401).header("dpop-nonce", path);
        let challenge = r#"DPoP error="use_dpop_nonce""#;
        response.header("www-authenticate", challenge).body(String::new()).unwrap()
    };
    let url = testkit::serve(axum::Router::new().fallback(api)).await;
    let system = System::start().await;
    let layer = AddToken::new(&system.credentials, &url).unwrap();
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let (layer, http) = (layer.clone(), system.http.clone());
            let request = http.get(format!("{url}/n{n}"));
            tokio::spawn(async move { layer.send(request).await.unwrap().status() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn nonces_of_issuer_and_api_are_separate() {
    // DP52: also if both have one origin.
    let server = Recorder::start(reply(200, "").with("dpop-nonce", "api")).await;
    server.then([token("t", "DPoP").with("dpop-nonce", "issuer")]);
    let credentials = client(&server);
    let layer = AddToken::new(&credentials, &server.url).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..2 {
        layer.send(http.get(format!("{}/orders", server.url))).await.unwrap();
    }
    server.then([token("u", "DPoP")]);
    credentials.for_scopes(["a"]).unwrap().token().await.unwrap();
    assert_eq!(nonces(&server), ["", "", "api", "issuer"]);

    // Another API does not get this nonce.
    let other = Recorder::start(reply(200, "")).await;
    let layer = AddToken::new(&credentials, &other.url).unwrap();
    layer.send(http.get(&other.url)).await.unwrap();
    assert_eq!(nonces(&other), [""]);
}

#[tokio::test]
async fn body_that_cannot_be_repeated_is_sent_once() {
    // DP52: the nonce is used by the next request.
    let system = System::start().await;
    system.api.then([nonce_required("n0")]);
    assert_eq!(system.call(Method::POST, "body").await, 401);
    assert_eq!(system.call(Method::POST, "body").await, 200);
    assert_eq!(nonces(&system.api), ["", "n0"]);
}

#[tokio::test]
async fn invalid_proof_is_final_and_keeps_token() {
    // DP50: a repeated request would have the same fault.
    let system = System::start().await;
    let invalid = reply(401, "").with("www-authenticate", r#"DPoP error="invalid_dpop_proof""#);
    system.api.then([invalid]);
    assert_eq!(system.get().await, 401);
    assert_eq!((system.api.count(), system.issuer.count()), (1, 1));
    assert_eq!(system.get().await, 200);
    assert_eq!(system.issuer.count(), 1);
}

#[tokio::test]
async fn redirect_stores_no_nonce() {
    // DP52: the response may be another server's.
    let system = System::start().await;
    let elsewhere = Recorder::start(reply(200, "").with("dpop-nonce", "elsewhere")).await;
    system.api.then([reply(307, "").with("location", format!("{}/x", elsewhere.url))]);
    assert_eq!(system.get().await, 200);
    assert_eq!(system.get().await, 200);
    assert_eq!(nonces(&system.api), ["", ""]);
    // `reqwest` drops the token, and keeps the proof. A policy has no access to the headers.
    let sent = elsewhere.requests().remove(0);
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(sent.header("dpop"), system.api.requests()[0].header("dpop"));
}

#[tokio::test]
async fn client_without_redirects_sends_no_proof_elsewhere() {
    // DP50
    let mut system = System::start().await;
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    system.http = builder.build().unwrap();
    let elsewhere = Recorder::start(reply(200, "")).await;
    let redirect = reply(307, "").with("location", format!("{}/x", elsewhere.url));
    system.api.then([redirect.clone(), redirect]);
    assert_eq!(system.get().await, 307);
    assert_eq!(system.call(Method::GET, "").await, 307);
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn nonce_behind_redirect_costs_the_layer_one_retry() {
    // DP52: the layer cannot see that the client has followed a redirect.
    let system = System::start().await;
    let elsewhere = Recorder::start(reply(200, "").with("dpop-nonce", "elsewhere")).await;
    system.api.then([reply(307, "").with("location", format!("{}/x", elsewhere.url)), nonce_required("n0")]);
    assert_eq!(system.call(Method::GET, "").await, 200);
    assert_eq!(system.call(Method::GET, "").await, 200);
    assert_eq!(nonces(&system.api), ["", "elsewhere", "n0"]);
}

#[tokio::test]
async fn other_origin_gets_no_proof() {
    // DP50
    let system = System::start().await;
    let elsewhere = Recorder::start(reply(200, "")).await;
    system.layer.send(system.http.get(&elsewhere.url)).await.unwrap();
    assert_eq!(elsewhere.requests()[0].header("dpop"), None);
    // A URI without an origin is no request to the API, so it is passed on unchanged.
    let echo = service_fn(async |request: Request<Body>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(request.headers().contains_key("dpop")))
    });
    let mut service = system.layer.layer(echo);
    let request = Request::get("/orders").body(Body::empty()).unwrap();
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    assert!(!response.into_body());
}

#[tokio::test]
async fn token_makes_proofs_for_other_clients() {
    // DP50, DP52
    let system = System::start().await;
    let token = system.credentials.token().await.unwrap();
    let uri: Uri = system.url().parse().unwrap();
    let proof = |uri: &Uri| {
        let header = token.dpop_proof(&Method::DELETE, uri)?.expect("the token is bound");
        assert!(header.is_sensitive());
        Ok::<_, SignProofError>(Proof::parse(header.to_str().unwrap()))
    };
    let first = proof(&uri).unwrap();
    assert_eq!(first.claim("htu").unwrap(), format!("{}/orders", system.api.url));
    assert_eq!((first.claim("htm"), first.nonce()), (Some("DELETE"), None));
    let mut response = http::HeaderMap::new();
    assert!(!token.store_dpop_nonce(&uri, &response));
    response.insert("dpop-nonce", "n0".parse().unwrap());
    assert!(token.store_dpop_nonce(&uri, &response));
    assert_eq!(proof(&uri).unwrap().nonce(), Some("n0"));
    assert_eq!(proof(&"https://other.example/".parse().unwrap()).unwrap().nonce(), None);
    // The response of a parallel request has another nonce.
    let first = response.clone();
    response.insert("dpop-nonce", "n1".parse().unwrap());
    assert!(token.store_dpop_nonce(&uri, &response));
    let retry = |response| {
        let header = token.dpop_proof_after(response, &Method::GET, &uri).unwrap().unwrap();
        Proof::parse(header.to_str().unwrap()).nonce().map(ToOwned::to_owned)
    };
    assert_eq!(retry(&first).as_deref(), Some("n0"));
    assert_eq!(retry(&http::HeaderMap::new()).as_deref(), Some("n1"), "there is none in the response");
    for relative in ["/orders", "localhost:80", "*"] {
        let uri: Uri = relative.parse().unwrap();
        assert_eq!(proof(&uri).unwrap_err(), SignProofError::InvalidUri, "{relative}");
        assert!(!token.store_dpop_nonce(&uri, &response), "{relative}");
    }
    // The layer has the nonce, too.
    assert_eq!(system.get().await, 200);
    assert_eq!(nonces(&system.api), ["n1"]);
}
