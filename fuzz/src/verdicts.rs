//! Counts the results of a run's inputs, to check that a target reaches all of them. It is enabled
//! by `FUZZ_VERDICTS=1` in the environment. The counts are printed to stderr whenever the number of
//! inputs has doubled.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{LazyLock, Mutex, PoisonError};

static ASKED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("FUZZ_VERDICTS").is_some());
static COUNTS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// The number of inputs before the first table.
const FIRST_TABLE: u64 = 1 << 10;

/// Counts a result by the first word of its `Debug` text.
pub(crate) fn count(verdict: &impl Debug) {
    if !*ASKED {
        return;
    }
    let text = format!("{verdict:?}");
    let name = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    *counts.entry(name.to_owned()).or_default() += 1;
    let total: u64 = counts.values().sum();
    if total >= FIRST_TABLE && total.is_power_of_two() {
        eprintln!("verdicts on {total} inputs: {counts:?}");
    }
}
