//! Other crates for the same purpose, each as middleware in front of the same route. They use the
//! keys of the same issuer on a loopback address.
//!
//! Each checks the signature, `iss`, `aud`, `exp` and a scope. If a crate leaves a check to the
//! application, the handler does it.
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
