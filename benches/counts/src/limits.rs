//! Limits of counts in a file, and the report that compares them.

use scopegate_bench_kit::grouped;

use crate::callgrind::{Cost, by_name};

/// A limit of one quantity of one case.
pub(crate) struct Limit {
    pub(crate) name: String,
    quantity: Quantity,
    most: f64,
}

#[derive(Clone, Copy)]
enum Quantity {
    /// Instructions as a multiple of the baseline.
    Ratio,
    Instructions,
    /// Instructions above the baseline.
    MoreInstructions,
    Allocations,
    /// Allocations above the baseline.
    MoreAllocations,
}

/// Tolerance for instructions. Signatures differ in each run, and so do the instructions for
/// checking them. Allocations have no tolerance.
const TOLERANCE: f64 = 0.005;

impl Quantity {
    fn tolerance(self) -> f64 {
        match self {
            Self::Ratio | Self::Instructions | Self::MoreInstructions => TOLERANCE,
            Self::Allocations | Self::MoreAllocations => 0.0,
        }
    }
}

/// Parses lines of `QUANTITY MOST NAME OF THE CASE`. Empty lines and lines that begin with `#` are
/// skipped.
pub(crate) fn parse(text: &str) -> Result<Vec<Limit>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| limit(line).ok_or_else(|| format!("this is not a limit: {line}"))).collect()
}

fn limit(line: &str) -> Option<Limit> {
    let (quantity, rest) = line.split_once(' ')?;
    let (most, name) = rest.trim_start().split_once(' ')?;
    let quantity = match quantity {
        "ratio" => Quantity::Ratio,
        "instructions" => Quantity::Instructions,
        "more-instructions" => Quantity::MoreInstructions,
        "allocations" => Quantity::Allocations,
        "more-allocations" => Quantity::MoreAllocations,
        _ => return None,
    };
    Some(Limit { name: name.trim().to_owned(), quantity, most: most.parse().ok()? })
}

/// Prints each limit and the found value. Returns whether all limits are met.
pub(crate) fn report(limits: &[Limit], costs: &[Cost]) -> bool {
    let all = by_name(costs);
    let mut hold = true;
    for limit in limits {
        let cost = all.get(limit.name.as_str());
        let floor = cost.and_then(|cost| all.get(cost.floor.as_deref()?));
        let found = match limit.quantity {
            Quantity::Ratio => both(cost, floor).map(|(own, least)| own / least),
            Quantity::Instructions => cost.and_then(|cost| cost.instructions),
            Quantity::MoreInstructions => both(cost, floor).map(|(own, least)| own - least),
            Quantity::Allocations => cost.map(|cost| cost.allocations),
            Quantity::MoreAllocations => {
                cost.zip(floor).map(|(cost, floor)| cost.allocations - floor.allocations)
            }
        };
        let unit = match limit.quantity {
            Quantity::Ratio => "times its floor",
            Quantity::Instructions => "instructions",
            Quantity::MoreInstructions => "instructions above its floor",
            Quantity::Allocations => "allocations",
            Quantity::MoreAllocations => "allocations above its floor",
        };
        let most = written(limit.quantity, limit.most);
        match found {
            Some(found) => {
                let within = found <= limit.most * (1.0 + limit.quantity.tolerance());
                hold &= within;
                let verdict = if within { "ok  " } else { "OVER" };
                println!(
                    "{verdict}  {}: {} {unit}, at most {most}",
                    limit.name,
                    written(limit.quantity, found)
                );
            }
            None if cost.is_some_and(|cost| cost.instructions.is_none()) => {
                println!("----  {}: NOT counted without valgrind; at most {most} {unit}", limit.name);
            }
            None => {
                hold = false;
                println!("OVER  {}: has no floor; at most {most} {unit}", limit.name);
            }
        }
    }
    hold
}

fn both(cost: Option<&&Cost>, floor: Option<&&Cost>) -> Option<(f64, f64)> {
    cost?.instructions.zip(floor?.instructions)
}

fn written(quantity: Quantity, number: f64) -> String {
    match quantity {
        Quantity::Ratio => format!("{number:.3}"),
        Quantity::Allocations | Quantity::MoreAllocations => format!("{number:.1}"),
        Quantity::Instructions | Quantity::MoreInstructions => grouped(number),
    }
}
