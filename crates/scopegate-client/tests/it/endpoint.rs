//! How is a token requested?

mod discovery;
mod request;
mod response;
mod tls;
