//! The counts as a Markdown table.

use scopegate_bench_kit::grouped;

use crate::callgrind::{Cost, by_name};

pub(crate) fn print(costs: &[Cost]) {
    let all = by_name(costs);
    println!("| operation | instructions | allocations | bytes | compared with | ratio | difference |");
    println!("| --- | ---: | ---: | ---: | --- | ---: | ---: |");
    for cost in costs {
        let Cost { name, floor, instructions, allocations, bytes } = cost;
        let floor = floor.as_deref().and_then(|floor| all.get(floor));
        let compared = floor.map_or("", |floor| floor.name.as_str());
        let (mut ratio, mut difference) = (String::new(), String::new());
        if let Some(floor) = floor {
            let more = allocations - floor.allocations;
            if let (Some(own), Some(least)) = (instructions, floor.instructions) {
                ratio = format!("{:.3}", own / least);
                difference = format!("{} and {more:+.1}", signed(own - least));
            } else {
                difference = format!("{more:+.1}");
            }
        }
        let instructions = instructions.map_or("-".to_owned(), grouped);
        let (allocations, bytes) = (format!("{allocations:.1}"), grouped(*bytes));
        println!(
            "| {name} | {instructions} | {allocations} | {bytes} | {compared} | {ratio} | {difference} |"
        );
    }
}

pub(crate) fn print_rows(costs: &[Cost]) {
    for Cost { name, floor, instructions, allocations, .. } in costs {
        let instructions = instructions.map_or("-".to_owned(), |number| format!("{number:.0}"));
        println!("{name}\t{}\t{instructions}\t{allocations:.1}", floor.as_deref().unwrap_or_default());
    }
}

fn signed(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "+" };
    format!("{sign}{}", grouped(number.abs()))
}
