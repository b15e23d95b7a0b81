//! The HTTP interface of Lambda's runtime for one function. Tests enqueue events.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Time limit of each step, long enough for a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The result of an event: the function's response, or its error.
pub(crate) type Outcome = Result<Value, Value>;

pub(crate) struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<Value>,
    shared: Arc<Shared>,
}

struct Shared {
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Value>>,
    /// The number of events that the function has requested.
    asked: watch::Sender<usize>,
    /// The senders by request id. Lambda sends one event at a time, so request ids are numbers in
    /// order.
    outcomes: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    enqueued: Mutex<usize>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Self {
        let (events, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            queue: tokio::sync::Mutex::new(queue),
            asked: watch::Sender::new(0),
            outcomes: Mutex::default(),
            enqueued: Mutex::default(),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, events, shared }
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until the function is idle and requests its next event. At this time, Lambda freezes
    /// it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux freezes"))]
    pub(crate) async fn idle(&self) {
        let enqueued = *self.shared.enqueued.lock().unwrap();
        let mut asked = self.shared.asked.subscribe();
        let asks = asked.wait_for(|asked| *asked > enqueued);
        drop(timeout(DEADLINE, asks).await.expect("the function asks for its next event").unwrap());
    }

    /// Enqueues an event, and returns a receiver of its outcome.
    pub(crate) fn enqueue(&self, event: Value) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let mut enqueued = self.shared.enqueued.lock().unwrap();
        self.shared.outcomes.lock().unwrap().insert(enqueued.to_string(), sender);
        *enqueued += 1;
        self.events.send(event).unwrap();
        receiver
    }

    /// Sends an event, and returns its outcome.
    pub(crate) async fn invoke(&self, event: Value) -> Outcome {
        outcome(self.enqueue(event)).await
    }
}

pub(crate) async fn outcome(receiver: oneshot::Receiver<Outcome>) -> Outcome {
    timeout(DEADLINE, receiver).await.expect("the function responds").unwrap()
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let mut id = 0;
    shared.asked.send_modify(|asked| {
        id = *asked;
        *asked += 1;
    });
    // If the queue is closed, the test has ended.
    let event = shared.queue.lock().await.recv().await.unwrap_or_default();
    let headers = [
        ("lambda-runtime-aws-request-id", id.to_string()),
        // The year 2100.
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
        ),
    ];
    (headers, Json(event))
}

async fn response(shared: State<Arc<Shared>>, id: Path<String>, body: Bytes) -> StatusCode {
    end(&shared, &id, Ok(json(&body)))
}

async fn error(shared: State<Arc<Shared>>, id: Path<String>, body: Bytes) -> StatusCode {
    end(&shared, &id, Err(json(&body)))
}

/// Parses a body. The runtime does not always send a content type.
fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn end(shared: &Shared, id: &str, outcome: Outcome) -> StatusCode {
    let sender = shared.outcomes.lock().unwrap().remove(id);
    sender.unwrap().send(outcome).unwrap();
    StatusCode::ACCEPTED
}
