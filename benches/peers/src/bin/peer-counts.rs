//! Counts the instructions and allocations of all crates in one process.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use scopegate_bench_peers::{all, cases};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cases = cases(all(), &runtime);
    let _entered = runtime.enter();
    scopegate_bench_counts::run(&cases)
}
