//! A gRPC service behind `RequireScope`, and its clients, in one program:
//!
//! ```sh
//! cargo run -p grpc
//! ```
//!
//! `lib.rs` has the service. A local issuer issues the tokens, and `scopegate-client` fetches them.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the example prints its results")]

use std::error::Error;

use grpc::shop::orders_client::OrdersClient;
use grpc::{READ, routes};
use scopegate_axum::{Issuer, Verifier};
use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
use scopegate_issuer::LocalIssuer;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Response, Status};
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local = LocalIssuer::start().await?;
    let pool = Issuer::cognito_at(local.issuer())?.client("local-reader");
    let verifier = Verifier::builder().trust(pool).start().await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = Server::builder().add_routes(routes(&verifier));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(url.clone())?.connect().await?;
    let mut nobody = OrdersClient::new(channel.clone());
    show("List without a token", nobody.list(String::new()).await);

    // The layer fetches a token on the first call. `with_origin` sets the server of the calls.
    let client = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
    let credentials = ClientCredentials::builder(client).issuer(local.issuer()).scope(READ).build()?;
    let to_api = AddToken::new(&credentials, &url)?;
    let channel = ServiceBuilder::new().layer(to_api).service(channel);
    let mut reader = OrdersClient::with_origin(channel, url.parse()?);
    show("List with a reader's token", reader.list(String::new()).await);
    show("Create with the same token", reader.create("a chair".to_owned()).await);
    Ok(())
}

fn show(call: &str, answer: Result<Response<String>, Status>) {
    match answer {
        Ok(response) => println!("{call}: OK, {}", response.into_inner()),
        Err(status) => {
            println!("{call}: {:?}, {}", status.code(), status.message());
            if let Some(Ok(challenge)) = status.metadata().get("www-authenticate").map(|value| value.to_str())
            {
                println!("    {challenge}");
            }
        }
    }
}
