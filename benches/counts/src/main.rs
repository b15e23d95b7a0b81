//! Our own cases, in the order of the table. Peers are in `peers/`.
#![forbid(unsafe_code)]

mod cases;

use std::process::ExitCode;

fn main() -> ExitCode {
    scopegate_bench_counts::run(&cases::all())
}
