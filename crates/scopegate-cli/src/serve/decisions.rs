//! The port of decisions.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::header::CONNECTION;
use http::request::Parts;

use crate::decide;
use crate::decide::live::Live;
use crate::serve::listener::Handler;

/// Responds with decisions.
#[derive(Clone)]
pub(super) struct Decisions(Arc<Live>);

impl Decisions {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self(live)
    }
}

impl Handler for Decisions {
    fn trusts(&self, peer: SocketAddr) -> bool {
        self.0.rules().trusted_proxies.contain(peer.ip())
    }

    async fn respond(&self, request: Parts, peer: SocketAddr) -> Response<Bytes> {
        let mut response = decide::decide(&self.0, &request, peer.ip()).await;
        if !self.trusts(peer) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
