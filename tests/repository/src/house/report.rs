//! The measurements as Markdown.

use std::fmt::Write as _;

use super::{Folder, House};

impl House {
    /// Returns the tables, and the members of each cycle.
    pub fn report(&self) -> String {
        let mut text = String::from(
            "| crate | modules | rooms | arrows | upward | cycles | cycles of rooms | files that import through lib.rs \
             | names through another re-export |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for (name, graph) in
            self.folders.iter().filter_map(|folder| Some((&folder.name, folder.graph.as_ref()?)))
        {
            row(
                &mut text,
                name,
                &[
                    graph.modules,
                    graph.rooms.len(),
                    graph.arrows.len(),
                    graph.upward(),
                    graph.cycles.len(),
                    graph.room_cycles.len(),
                    graph.files_through_lib(),
                    graph.through_front_pages.len(),
                ],
            );
        }
        for (name, graph) in
            self.folders.iter().filter_map(|folder| Some((&folder.name, folder.graph.as_ref()?)))
        {
            for (what, cycles) in [("cycle", &graph.cycles), ("cycle of rooms", &graph.room_cycles)] {
                for cycle in cycles {
                    write!(text, "\n{name}, {what} of {}: {}", cycle.len(), cycle.join(", ")).unwrap();
                }
            }
        }
        text.push_str(
            "\n\n| folder | lines of code | of these also in another file | lines of test code | of these also in another \
             file | tests | assertions |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        let mut sum = [0; 6];
        for folder in &self.folders {
            let numbers = folder.numbers();
            row(&mut text, &folder.name, &numbers);
            sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        row(&mut text, "sum", &sum);
        text
    }

    /// Returns one line for each arrow between rooms, and for each import of a re-export.
    pub fn list_of_arrows(&self) -> String {
        let mut text = String::new();
        for (name, graph) in
            self.folders.iter().filter_map(|folder| Some((&folder.name, folder.graph.as_ref()?)))
        {
            for &(from, to) in &graph.arrows {
                let direction = if to < from { "up" } else { "down" };
                writeln!(text, "{name}: {} -> {} ({direction})", graph.rooms[from], graph.rooms[to]).unwrap();
            }
            for [from, to] in &graph.cycle_arrows {
                writeln!(text, "{name}: {from} -> {to} (in a cycle of modules)").unwrap();
            }
            for import in &graph.imports_through_lib {
                writeln!(text, "{name}: {}:{}: {} (through lib.rs)", import.file, import.line, import.path)
                    .unwrap();
            }
            for (file, line, path) in &graph.through_front_pages {
                writeln!(text, "{name}: {file}:{line}: {path} (through a re-export)").unwrap();
            }
        }
        text
    }
}

impl Folder {
    fn numbers(&self) -> [usize; 6] {
        let (product, tests) = (&self.lines.product, &self.lines.tests);
        [
            product.count(),
            product.duplicated,
            tests.count(),
            tests.duplicated,
            self.tests.tests,
            self.tests.assertions,
        ]
    }
}

fn row(text: &mut String, name: &str, numbers: &[usize]) {
    write!(text, "| {name} |").unwrap();
    for number in numbers {
        write!(text, " {number} |").unwrap();
    }
    text.push('\n');
}
