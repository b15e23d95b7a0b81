//! Access to the server's routes without a socket, for fuzz targets. It exists only with the cfg
//! `fuzzing`, which fuzzers set, and is not part of the API.
#![allow(missing_docs, missing_debug_implementations, reason = "no part of the API")]

use std::sync::Arc;

use axum::Router;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::error::ConfigError;
use crate::endpoints;
use crate::pool::state::PoolState;

/// Returns the routes of a server with this configuration and base URL.
pub fn routes(config: Config, url: &str) -> Result<Router, ConfigError> {
    config.check()?;
    let clock = Arc::new(Clock::system());
    let pools = config.pools.into_iter();
    let pools = pools.map(|pool| Arc::new(PoolState::new(pool, url, Arc::clone(&clock)))).collect();
    Ok(endpoints::routes(pools, Arc::new([])))
}
