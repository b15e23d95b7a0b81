//! The names and the time of all fixtures.

/// Identifies the issuer of every token.
pub const ISSUER: &str = "https://issuer.example/pool";

/// Identifies the client that every token was issued to.
pub const CLIENT: &str = "1example23456789";

/// Identifies the API that an RFC 9068 token was issued for.
pub const AUDIENCE: &str = "https://my-api-server.org";

/// Identifies a client of every [`LocalIssuer`](scopegate_issuer::LocalIssuer).
pub const LOCAL_CLIENT: &str = "local-reader";

/// The time at which the tokens are issued and verified, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;
