//! What else does our job in Rust: each crate as the middleware that it is, in front of the same route, with the keys of
//! the same issuer on a loopback address. Each checks the signature, `iss`, `aud`, `exp` and a scope, as far as it can;
//! where a crate leaves a check to the application, the handler does it.
#![forbid(unsafe_code)]

mod cases;

mod apps;
mod app;

mod authority;
mod rotating;

pub use app::App;
pub use apps::{Maker, all};
pub use authority::Authority;
pub use cases::cases;
pub use rotating::Rotating;
