//! The outer of the two processes. It starts this program under callgrind, and reads the collected
//! counts.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io, process};

use crate::measure::{COLLECTED, COLLECTIONS, TIMES, WRITTEN};

/// The counts of a case.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) name: String,
    pub(crate) floor: Option<String>,
    /// `None` if valgrind is not installed.
    pub(crate) instructions: Option<f64>,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

pub(crate) fn is_installed() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Returns the counts of the cases that the inner process selects with these arguments, in their
/// order.
pub(crate) fn costs(arguments: &[String]) -> io::Result<Vec<Cost>> {
    let program = env::current_exe()?;
    let folder = env::temp_dir().join(format!("scopegate-counts-{}", process::id()));
    fs::create_dir(&folder)?;
    let valgrind = is_installed();
    let mut command = if valgrind {
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--collect-atstart=no"])
            .arg(format!("--toggle-collect={COLLECTED}"))
            // Writes a file for each case, and resets the counts.
            .arg(format!("--dump-after={WRITTEN}"))
            .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    let output = command.arg("measure").args(arguments).stderr(Stdio::piped()).output()?;
    let costs = if output.status.success() {
        read(&String::from_utf8_lossy(&output.stdout), valgrind.then_some(folder.as_path()))
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("==")).collect();
        Err(io::Error::other(format!("{}\n{}", output.status, said.join("\n"))))
    };
    fs::remove_dir_all(&folder)?;
    costs
}

fn read(printed: &str, folder: Option<&Path>) -> io::Result<Vec<Cost>> {
    let rows = printed.lines().filter_map(|line| line.strip_prefix("COUNTS\t"));
    rows.enumerate()
        .map(|(position, row)| {
            let mut cells = row.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            let (name, floor) = (cell().to_owned(), Some(cell().to_owned()).filter(|name| !name.is_empty()));
            let mut number = || cell().parse().map_err(io::Error::other);
            let (allocations, bytes) = (number()?, number()?);
            let instructions = match folder {
                Some(folder) => Some(fewest(folder, position)?),
                None => None,
            };
            Ok(Cost { name, floor, instructions, allocations, bytes })
        })
        .collect()
}

/// Returns the smallest count of the case at this position.
fn fewest(folder: &Path, position: usize) -> io::Result<f64> {
    let mut fewest = f64::INFINITY;
    for number in 1..=COLLECTIONS {
        fewest = fewest.min(instructions(&folder.join(format!("out.{}", position * COLLECTIONS + number)))?);
    }
    Ok(fewest)
}

/// Reads the instructions from the file that callgrind wrote after [`COLLECTED`].
#[allow(clippy::cast_precision_loss, reason = "they are small numbers")]
fn instructions(file: &Path) -> io::Result<f64> {
    let text = fs::read_to_string(file)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    let total = total.and_then(|total| total.trim().parse::<f64>().ok());
    Ok(total.ok_or_else(|| io::Error::other("callgrind collected nothing"))? / TIMES as f64)
}

/// Returns the counts by the name of the case.
pub(crate) fn by_name(costs: &[Cost]) -> HashMap<&str, &Cost> {
    costs.iter().map(|cost| (cost.name.as_str(), cost)).collect()
}
