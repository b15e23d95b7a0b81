//! Prints the house of a checkout: modules, rooms, arrows, cycles, lines of code, tests and
//! assertions.
//!
//! ```sh
//! cargo run -q -p repository-tests --bin house -- [--arrows] [DIR]
//! ```
//!
//! `DIR` is a checkout of any age, and defaults to the current directory. `--arrows` lists each
//! arrow between rooms.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a report")]

use std::path::PathBuf;
use std::process::ExitCode;

use repository_tests::house::House;

fn main() -> ExitCode {
    let (options, directories): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let directory = match &directories[..] {
        [] => PathBuf::from("."),
        [directory] => PathBuf::from(directory),
        [_, ..] => return usage(),
    };
    if options.iter().any(|option| option != "--arrows") || !directory.join("crates").is_dir() {
        return usage();
    }
    let house = House::read(&directory);
    print!("{}", house.report());
    if !options.is_empty() {
        print!("{}", house.list_of_arrows());
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: house [--arrows] [DIR], where DIR/crates is a folder");
    ExitCode::from(2)
}
