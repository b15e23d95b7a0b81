//! A server that records requests and sends planned responses. It tests nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response, Uri};

/// A running server, until the test ends.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) url: String,
    state: Arc<Mutex<Recorded>>,
}

#[derive(Default)]
struct Recorded {
    requests: Vec<Received>,
    answers: VecDeque<Reply>,
    otherwise: Reply,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A planned response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, body: body.into(), headers: Vec::new() }
}

/// Returns a token response with these further members.
pub(crate) fn token(token: &str, further: &str) -> Reply {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"{further}}}"#);
    reply(200, body).with("content-type", "application/json")
}

impl Reply {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the parameters of a form, in order.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut values = self.form().into_iter().filter(|(found, _)| found == name);
        let value = values.next().map(|(_, value)| value);
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }
}

impl Recorder {
    /// Starts a server that sends this response to each request.
    pub(crate) async fn start(otherwise: Reply) -> Self {
        let state = Arc::new(Mutex::new(Recorded { otherwise, ..Recorded::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        Self { url: testkit::serve(router).await, state }
    }

    /// Plans the responses to the next requests, in this order.
    pub(crate) fn then(&self, answers: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}/token", self.url)
    }
}

async fn answer(State(state): State<Arc<Mutex<Recorded>>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let reply = {
        let mut state = state.lock().unwrap();
        let received = Received { method: head.method, uri: head.uri, headers: head.headers, body };
        state.requests.push(received);
        state.answers.pop_front().unwrap_or_else(|| state.otherwise.clone())
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body.into()).unwrap()
}
