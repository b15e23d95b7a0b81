//! A client over gRPC that asks as Envoy does: one connection, and some questions at a time.

use std::fmt;
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::messages::{AttributeContext, CheckRequest, CheckResponse, HttpRequest, HttpResponse, Request};

const METHOD: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The questions of a measurement.
pub struct Load<'t> {
    pub url: &'t str,
    pub token: &'t str,
    pub seconds: u64,
    /// The number of different paths: `/r0/7`, `/r1/7` and so on.
    pub paths: u64,
}

/// Shows requests, requests per second, and p50 and p99 in µs, with tabs between them.
pub struct Measured {
    times: Vec<Duration>,
    elapsed: Duration,
}

impl Load<'_> {
    /// Asks for some seconds.
    ///
    /// # Panics
    /// Panics if a request is not accepted.
    pub async fn run(&self, at_a_time: u64) -> Measured {
        let address = Channel::from_shared(self.url.to_owned()).expect("a URL").tcp_nodelay(true);
        let channel = address.connect().await.expect("a connection");
        let begin = Instant::now();
        let end = begin + Duration::from_secs(self.seconds);
        let mut callers = JoinSet::new();
        for first in 0..at_a_time {
            let questions: Vec<_> = (0..self.paths).map(|path| question(path, self.token)).collect();
            callers.spawn(ask_until(end, channel.clone(), questions, first));
        }
        let mut times = callers.join_all().await.concat();
        times.sort_unstable();
        Measured { times, elapsed: begin.elapsed() }
    }
}

async fn ask_until(
    end: Instant,
    channel: Channel,
    questions: Vec<CheckRequest>,
    first: u64,
) -> Vec<Duration> {
    let mut client = Grpc::new(channel);
    let mut times = Vec::new();
    for question in questions.iter().cycle().skip(usize::try_from(first).expect("a small number")) {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        client.ready().await.expect("a connection");
        let method = PathAndQuery::from_static(METHOD);
        let codec = ProstCodec::<CheckRequest, CheckResponse>::default();
        let response = client.unary(tonic::Request::new(question.clone()), method, codec).await;
        let verdict = response.expect("a response").into_inner().http_response;
        assert!(
            matches!(verdict, Some(HttpResponse::Ok(_))),
            "expected an accepted request, found {verdict:?}"
        );
        times.push(sent.elapsed());
    }
    times
}

/// Returns a question with the headers of an ordinary request.
fn question(path: u64, token: &str) -> CheckRequest {
    let headers = [
        (":authority", "api.example".to_owned()),
        (":method", "GET".to_owned()),
        (":path", format!("/r{path}/7")),
        (":scheme", "http".to_owned()),
        ("accept", "application/json".to_owned()),
        ("authorization", format!("Bearer {token}")),
        ("user-agent", "bench/1.0".to_owned()),
        ("x-forwarded-proto", "http".to_owned()),
        ("x-request-id", "6f3c1a52-8f0e-4a53-9d0c-8b0d0f2f7c11".to_owned()),
    ];
    let http = HttpRequest {
        method: "GET".to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        path: format!("/r{path}/7"),
        host: "api.example".to_owned(),
        header_map: None,
    };
    let request = Some(Request { http: Some(http) });
    CheckRequest { attributes: Some(AttributeContext { source: None, request }) }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.times.len();
        let rate = count as f64 / self.elapsed.as_secs_f64();
        let quantile = |part: usize| self.times.get(count * part / 100).map_or(0, Duration::as_micros);
        write!(f, "{count}\t{rate:.0}\t{}\t{}", quantile(50), quantile(99))
    }
}
