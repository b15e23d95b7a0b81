//! Counts habits of wording in doc comments and Markdown.
//!
//! ```sh
//! scripts/prose             # fails if a file is above an aim and is not listed
//! scripts/prose --shrink    # removes the files from the list that meet the aims now
//! scripts/prose --table DIR # only the table, for another source tree
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a report")]

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use repository_tests::checkout::root;
use repository_tests::prose::{NOT_YET, NOT_YET_FILE, problems, read, shrunk, table};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => check(),
        ["--shrink"] => {
            let list = shrunk(&read(root()), NOT_YET);
            println!("{} of {} files are left", list.lines().count(), NOT_YET.lines().count());
            fs::write(root().join(NOT_YET_FILE), list).expect("the list is in this checkout");
            ExitCode::SUCCESS
        }
        ["--table", folder] if Path::new(folder).is_dir() => {
            print!("{}", table(&read(Path::new(folder))));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: prose [--shrink | --table DIR]");
            ExitCode::from(2)
        }
    }
}

fn check() -> ExitCode {
    let files = read(root());
    print!("{}", table(&files));
    let problems = problems(&files, NOT_YET);
    println!("\n{} of {} files are not rewritten yet", NOT_YET.lines().count(), files.len());
    if problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("\nSee docs/STYLE.md:\n- {}", problems.join("\n- "));
    ExitCode::FAILURE
}
