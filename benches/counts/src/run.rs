//! The command line of a counting program.

use std::process::ExitCode;
use std::{env, fs};

use crate::measure::{Allocations, allocations};
use crate::{callgrind, limits, table};
use scopegate_bench_kit::Case;

const USAGE: &str = "\
usage: table [WORD…]    the costs as markdown; only of cases whose names contain one of the words, and of their floors
       guard FILE       the costs that FILE limits; fails when one is above its limit
       rows [WORD…]     the same, for scripts: name, name of what it is compared with, instructions, allocations
       names            the names of the cases
       measure [NAME…]  for use by the others: runs these cases in this process";

/// Runs the command of the command line.
pub fn run(cases: &[Case]) -> ExitCode {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match (command.as_str(), rest.as_slice()) {
        ("table", words) => of_words(cases, words).map(|costs| {
            table::print(&costs);
            true
        }),
        ("rows", words) => of_words(cases, words).map(|costs| {
            table::print_rows(&costs);
            true
        }),
        ("guard", [file]) => guard(cases, file),
        ("names", []) => {
            cases
                .iter()
                .for_each(|case| println!("{}\t{}", case.name, case.floor.as_deref().unwrap_or_default()));
            Ok(true)
        }
        ("measure", names) => {
            let asked = |case: &&Case| names.is_empty() || names.contains(&case.name);
            cases.iter().filter(asked).for_each(print);
            Ok(true)
        }
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the counts of the cases whose names contain one of these words.
fn of_words(cases: &[Case], words: &[String]) -> Result<Vec<callgrind::Cost>, String> {
    counted(cases, |case| words.is_empty() || words.iter().any(|word| case.name.contains(word)))
}

/// Returns the counts of these cases and of their baselines.
fn counted(cases: &[Case], asked: impl Fn(&Case) -> bool) -> Result<Vec<callgrind::Cost>, String> {
    let asked: Vec<&Case> = cases.iter().filter(|case| asked(case)).collect();
    let is_floor = |case: &Case| asked.iter().any(|one| one.floor.as_ref() == Some(&case.name));
    let is_asked = |case: &Case| asked.iter().any(|one| one.name == case.name);
    let names: Vec<String> =
        cases.iter().filter(|case| is_asked(case) || is_floor(case)).map(|case| case.name.clone()).collect();
    if names.is_empty() {
        return Err("there is no such case".to_owned());
    }
    if !callgrind::is_installed() {
        eprintln!("valgrind is not installed: instructions were NOT counted, only allocations");
    }
    callgrind::costs(&names).map_err(|error| error.to_string())
}

fn guard(cases: &[Case], file: &str) -> Result<bool, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let limits = limits::parse(&text)?;
    if let Some(missing) = limits.iter().find(|limit| cases.iter().all(|case| case.name != limit.name)) {
        return Err(format!("{file} limits a case that does not exist: {}", missing.name));
    }
    let costs = counted(cases, |case| limits.iter().any(|limit| limit.name == case.name))?;
    Ok(limits::report(&limits, &costs))
}

fn print(case: &Case) {
    let Allocations { count, bytes } = allocations(case);
    let floor = case.floor.as_deref().unwrap_or_default();
    println!("COUNTS\t{}\t{floor}\t{count}\t{bytes}", case.name);
}
