//! The port for operators: liveness, readiness and metrics.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use scopegate::Verifier;

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
            tracing::error!("metrics are recorded elsewhere");
        }
        Recorder(handle)
    }
}

impl Recorder {
    pub(super) fn of(self, verifier: Verifier) -> Admin {
        Admin { metrics: self.0, verifier }
    }
}

impl Handler for Admin {
    /// The address is that of operators.
    fn trusts(&self, _: SocketAddr) -> bool {
        true
    }

    async fn respond(&self, request: Parts, _: SocketAddr) -> Response<Bytes> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n".into());
        }
        match request.uri.path() {
            "/livez" => text(StatusCode::OK, "live\n".into()),
            "/readyz" if self.verifier.status().is_ready() => text(StatusCode::OK, "ready\n".into()),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".into()),
            "/metrics" => text(StatusCode::OK, self.metrics.render()),
            _ => text(StatusCode::NOT_FOUND, "expected /livez, /readyz or /metrics\n".into()),
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}
