//! `ISSUER=https://… CLIENT_ID=… cargo run --manifest-path examples/actix/Cargo.toml`

use std::error::Error;

use actix::{Routes, configure};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use scopegate::{Issuer, Verifier};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let (issuer, client) = (std::env::var("ISSUER")?, std::env::var("CLIENT_ID")?);
    let verifier = Verifier::builder().trust(Issuer::cognito_at(&issuer)?.client(client)).start().await?;
    let routes = Data::new(Routes::new(&verifier, &issuer)?);
    let server = HttpServer::new(move || App::new().configure(configure(routes.clone())));
    server.bind(("127.0.0.1", 3000))?.run().await?;
    Ok(())
}
