//! Tests of the introspector with an endpoint on a socket. Time is virtual: tests move it.

mod caching;
mod fixture;
mod isolation;
mod logs;
mod outage;
mod requests;
