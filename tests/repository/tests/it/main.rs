//! Tests of the repository: its documents, manifests and files must agree with each other.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]
#![allow(clippy::print_stdout, reason = "the counts of a document are shown")]

mod test_functions;

mod attacks;
mod conformance;
mod dependencies;
mod deploy;
mod design;
mod external_types;
mod fuzz_targets;
mod gateways;
mod guide;
mod house;
mod links;
mod minimum_rust;
mod modules;
mod numbers;
mod prose;
mod readme;
mod reexports;
