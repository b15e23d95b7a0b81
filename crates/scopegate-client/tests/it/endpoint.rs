//! Token requests.

mod discovery;
mod request;
mod response;
mod tls;
