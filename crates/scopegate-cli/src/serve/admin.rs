//! The port for operators: liveness, readiness and metrics.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use scopegate::{IssuerStatus, RevocationSourceStatus, Status, Verifier};

use crate::serve::actions::RESTART;
use crate::serve::listener::Handler;

/// The metrics of this process.
pub(super) struct Recorder(PrometheusHandle);

/// Responds to operators.
#[derive(Clone)]
pub(super) struct Admin {
    metrics: PrometheusHandle,
    verifier: Verifier,
}

impl Admin {
    /// Installs the recorder of metrics.
    pub(super) fn install() -> Recorder {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::error!(action = RESTART, "metrics are recorded elsewhere, so /metrics is empty");
        }
        describe();
        Recorder(handle)
    }
}

impl Recorder {
    pub(super) fn of(self, verifier: Verifier) -> Admin {
        Admin { metrics: self.0, verifier }
    }
}

impl Handler for Admin {
    /// Only operators reach the address.
    fn trusts(&self, _: SocketAddr) -> bool {
        true
    }

    async fn respond(&self, request: Parts, _: SocketAddr) -> Response<Bytes> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n".into());
        }
        match request.uri.path() {
            "/livez" => text(StatusCode::OK, "live\n".into()),
            "/readyz" => readiness(&self.verifier.status()),
            "/metrics" => text(StatusCode::OK, self.metrics.render()),
            _ => text(StatusCode::NOT_FOUND, "expected /livez, /readyz or /metrics\n".into()),
        }
    }
}

/// Describes the metrics of the service. `docs/guide/program.md` has the metrics of the verifier too.
fn describe() {
    metrics::describe_gauge!(
        "scopegate_config_valid",
        "0 while the file has a mistake, or a change that needs a restart. The earlier rules are in effect"
    );
    metrics::describe_gauge!(
        "scopegate_config_applied_timestamp_seconds",
        "When the rules in effect were applied"
    );
    metrics::describe_counter!("scopegate_config_reloads_total", "Changes of the file, by outcome");
}

/// Returns the readiness, with each reason why the service is not ready.
fn readiness(status: &Status) -> Response<Bytes> {
    if status.is_ready() {
        return text(StatusCode::OK, "ready\n".into());
    }
    let issuers = status.issuers().iter().filter(|issuer| !issuer.is_ready()).map(unready_issuer);
    let sources = status.revocations().into_iter().flat_map(|revocations| &revocations.sources);
    let reasons: Vec<String> = issuers.chain(sources.filter_map(unready_source)).collect();
    text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{}", reasons.concat()))
}

fn unready_issuer(issuer: &IssuerStatus) -> String {
    let name = &issuer.issuer;
    match (issuer.usable, &issuer.last_failure) {
        (true, _) => format!("{name}: its keys are not refreshed ({:?})\n", issuer.refresh_task),
        (false, None) => format!("{name}: its keys were not fetched yet\n"),
        (false, Some(failure)) => format!("{name}: it has no usable keys: {failure}\n"),
    }
}

/// Returns the reason if a source of revocations is too old.
fn unready_source(source: &RevocationSourceStatus) -> Option<String> {
    let limit = source.max_feed_age?;
    if source.age.is_some_and(|age| age <= limit) {
        return None;
    }
    let read = source.age.map_or("never read".to_owned(), |age| format!("last read {} s ago", age.as_secs()));
    let failure = source.last_failure.as_deref().unwrap_or("no failure");
    Some(format!("{}: {read}, at most {} s are allowed: {failure}\n", source.name, limit.as_secs()))
}

fn text(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}
