//! Orders over gRPC. `List` requires one scope, `Create` and `CreateMany` another. `main.rs` has a
//! client.
#![forbid(unsafe_code)]

use std::pin::Pin;

use axum::Router;
use axum::routing::post_service;
use scopegate_axum::{Claims, RequireScope, Verifier};
use tokio_stream::{Stream, StreamExt as _};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use crate::shop::orders_server::{Orders, OrdersServer};

/// The generated client and server; `build.rs` describes them.
#[allow(missing_docs, clippy::pedantic, unused_qualifications, reason = "generated")]
pub mod shop {
    tonic::include_proto!("shop.Orders");
}

/// The scope for reading orders.
pub const READ: &str = "https://my-api-server.org/api.read";
/// The scope for creating orders.
pub const WRITE: &str = "https://my-api-server.org/api.write";

/// Returns a route for each method, with the layer of its scope. Callers cannot reach a method
/// without a route, so a forgotten method is not exposed.
pub fn routes(verifier: &Verifier) -> Routes {
    let orders = OrdersServer::new(Shop);
    let read = RequireScope::new(verifier, READ);
    let write = RequireScope::new(verifier, WRITE);
    let methods = Router::new()
        .route("/shop.Orders/List", post_service(orders.clone()).layer(read))
        .route("/shop.Orders/Create", post_service(orders.clone()).layer(write.clone()))
        .route("/shop.Orders/CreateMany", post_service(orders).layer(write));
    methods.into()
}

/// The implementation of the service.
#[derive(Debug)]
pub struct Shop;

#[tonic::async_trait]
impl Orders for Shop {
    async fn list(&self, request: Request<String>) -> Result<Response<String>, Status> {
        // The layer has verified these claims.
        let claims = Claims::from_extensions(request.extensions())?;
        Ok(Response::new(format!("orders of {}", claims.client_id().unwrap_or("?"))))
    }

    async fn create(&self, request: Request<String>) -> Result<Response<String>, Status> {
        let claims = Claims::from_extensions(request.extensions())?;
        let client = claims.client_id().unwrap_or("?");
        Ok(Response::new(format!("{} for {client}", request.get_ref())))
    }

    type CreateManyStream = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

    /// Sends a response for each order as soon as it arrives.
    async fn create_many(
        &self,
        request: Request<Streaming<String>>,
    ) -> Result<Response<Self::CreateManyStream>, Status> {
        let claims = Claims::from_extensions(request.extensions())?;
        let created = request.into_inner().map(move |order| {
            let client = claims.client_id().unwrap_or("?");
            order.map(|order| format!("{order} for {client}"))
        });
        Ok(Response::new(Box::pin(created)))
    }
}
