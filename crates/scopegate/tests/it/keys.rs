//! Which keys does an issuer have now: read from a key set, found, fetched, and renewed?

mod set;
mod ed25519;
mod thumbprint;
mod pem;
mod authorization;
mod discovery;
mod fetch;
mod refresh;
mod without_tls;
