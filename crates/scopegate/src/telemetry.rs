//! Telemetry: what do operators see of events, and how often?
//!
//! Metrics count every event. The log has a bound on events that strangers can cause.

pub(crate) mod causes;
pub(crate) mod log_limit;
pub(crate) mod metrics;
