//! The baselines: servers that accept every request, with the response of the program and no decision.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use tonic::Status;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::bind;
use crate::messages::{
    self, AppendAction, BoolValue, CheckRequest, CheckResponse, HeaderValueOption, HttpResponse, Kind,
    OkHttpResponse, Struct, Value,
};

const CLIENT: &str = "local-reader";

/// Serves `/decide` with a bare handler of axum.
pub async fn http() {
    let (listener, url) = bind().await;
    println!("{url}");
    let router = Router::new().route("/decide", get(decide));
    axum::serve(listener, router).await.expect("it serves");
}

async fn decide(request: HeaderMap) -> HeaderMap {
    let mut response = HeaderMap::new();
    response.insert("x-auth-client", HeaderValue::from_static(CLIENT));
    if let Some(path) = request.get("x-original-uri") {
        response.insert(HeaderName::from_static("x-auth-path"), path.clone());
    }
    response.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

/// Serves the method of `ext_authz` with a bare service of tonic.
pub async fn grpc() {
    let (listener, url) = bind().await;
    println!("{url}");
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().add_service(Checks).serve_with_incoming(incoming).await.expect("it serves");
}

#[derive(Clone)]
struct Checks;

impl NamedService for Checks {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl Service<http::Request<Body>> for Checks {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async { Ok(Grpc::new(ProstCodec::default()).unary(Accept, request).await) })
    }
}

struct Accept;

impl UnaryService<CheckRequest> for Accept {
    type Response = CheckResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<CheckResponse>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<CheckRequest>) -> Self::Future {
        let asked = request.into_inner().attributes.and_then(|it| it.request).and_then(|it| it.http);
        let path = asked.map(|asked| asked.path).unwrap_or_default();
        Box::pin(async move { Ok(tonic::Response::new(accepted(path))) })
    }
}

fn accepted(path: String) -> CheckResponse {
    let header = |name: &str, value: String| HeaderValueOption {
        header: Some(messages::HeaderValue { key: name.to_owned(), value, raw_value: Vec::new() }),
        append: Some(BoolValue { value: false }),
        append_action: AppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: true,
    };
    let headers = vec![header("x-auth-client", CLIENT.to_owned()), header("x-auth-path", path)];
    let verdict = Value { kind: Some(Kind::Text("accepted".to_owned())) };
    CheckResponse {
        status: Some(messages::Status { code: 0 }),
        http_response: Some(HttpResponse::Ok(OkHttpResponse {
            headers,
            headers_to_remove: vec!["x_auth_client".to_owned(), "x_auth_path".to_owned()],
            response_headers_to_add: Vec::new(),
        })),
        dynamic_metadata: Some(Struct { fields: [("verdict".to_owned(), verdict)].into() }),
    }
}
