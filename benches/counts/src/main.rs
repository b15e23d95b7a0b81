//! Counts our own cases.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    scopegate_bench_counts::run(&scopegate_bench_kit::cases())
}
