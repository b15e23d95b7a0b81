//! Prints counts, criterion's times and their baselines as Markdown. A time is the 10th percentile
//! of the samples, because fast samples were disturbed least.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use scopegate_bench_kit::grouped;
use serde_json::Value;

const USAGE: &str = "\
usage: report [--cores] FOLDER-OF-CRITERION ROUND…
On standard input: lines of a name, the name of what it is compared with, instructions and allocations, with tabs between";

/// A row.
struct Row {
    name: String,
    floor: String,
    instructions: Option<f64>,
    allocations: String,
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    // With `--cores`, also prints the processors that 10,000 operations per second need.
    let cores = arguments.next_if_eq("--cores").is_some();
    let (Some(folder), rounds) = (arguments.next(), arguments.collect::<Vec<_>>()) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let mut times = HashMap::new();
    collect(Path::new(&folder), &rounds, &mut times);
    let input = io::read_to_string(io::stdin()).unwrap_or_default();
    let mut rows: Vec<Row> = input.lines().map(Row::parse).collect();
    let is_counted = !rows.is_empty();
    if !is_counted {
        rows = of_criterion(&times);
    }
    let instructions: HashMap<&str, f64> =
        rows.iter().filter_map(|row| Some((row.name.as_str(), row.instructions?))).collect();

    let (more, line) = if cores { (" processors for 10,000/s |", " ---: |") } else { ("", "") };
    if is_counted {
        println!("| | instructions | ratio | allocations | ns | ratio | ratio to |{more}");
        println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |{line}");
    } else {
        println!("| | ns | ratio | ratio to |\n| --- | ---: | ---: | --- |");
    }
    for Row { name, floor, instructions: own, allocations } in &rows {
        let (counted, time) = (own.map_or("-".to_owned(), shown), times.get(name));
        let of_counts = ratio(*own, instructions.get(floor.as_str()));
        let of_times = ratio(time.copied(), times.get(floor));
        let busy = |time: &f64| format!(" {:.3} |", time * 10_000.0 / 1e9);
        let busy = if cores { time.map_or(" - |".to_owned(), busy) } else { String::new() };
        let time = time.map_or("-".to_owned(), |&time| shown(time));
        let counted =
            if is_counted { format!(" {counted} | {of_counts} | {allocations} |") } else { String::new() };
        println!("| {name} |{counted} {time} | {of_times} | {floor} |{busy}");
    }
    ExitCode::SUCCESS
}

impl Row {
    fn parse(line: &str) -> Self {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or_default().to_owned();
        Self { name: cell(), floor: cell(), instructions: cell().parse().ok(), allocations: cell() }
    }
}

/// Returns the rows of cases that were only timed. A group is compared with its baseline, or with
/// one thread.
fn of_criterion(times: &HashMap<String, f64>) -> Vec<Row> {
    let mut names: Vec<&String> = times.keys().filter(|name| name.contains('/')).collect();
    names.sort_unstable_by_key(|name| {
        name.split_once('/').map(|(group, name)| (group, name != "floor", name))
    });
    let rows = names.into_iter().map(|name| {
        let group = name.split_once('/').map_or("", |(group, _)| group);
        let floors = ["floor", "1 thread"].map(|floor| format!("{group}/{floor}"));
        let floor = floors.into_iter().find(|floor| times.contains_key(floor) && floor != name);
        let floor = floor.unwrap_or_default();
        Row { name: name.clone(), floor, instructions: None, allocations: "-".to_owned() }
    });
    rows.collect()
}

fn ratio(own: Option<f64>, floor: Option<&f64>) -> String {
    own.zip(floor).map_or(String::new(), |(own, floor)| match own / floor {
        small if small < 0.1 => format!("{small:.4}"),
        ratio => format!("{ratio:.2}"),
    })
}

/// Collects the name and the 10th percentile of each case below this folder that was measured in
/// these rounds.
fn collect(folder: &Path, rounds: &[String], found: &mut HashMap<String, f64>) {
    let mut best = Vec::new();
    let mut name = None;
    for round in rounds.iter().map(|round| folder.join(round)) {
        let Some(sample) = read(&round.join("sample.json")) else { continue };
        name = read(&round.join("benchmark.json")).and_then(|it| it["full_id"].as_str().map(str::to_owned));
        let numbers = |name: &str| -> Vec<f64> {
            sample[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        let each = numbers("times").into_iter().zip(numbers("iters"));
        best.extend(each.map(|(time, iterations)| time / iterations));
    }
    best.sort_by(f64::total_cmp);
    if let (Some(name), Some(tenth)) = (name, best.get(best.len() / 10)) {
        found.insert(name, *tenth);
        return;
    }
    let below = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    below.filter(|path| path.is_dir()).for_each(|folder| collect(&folder, rounds, found));
}

fn read(file: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// Formats a number with the precision of criterion's times: one decimal below 100.
fn shown(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { grouped(number) }
}
