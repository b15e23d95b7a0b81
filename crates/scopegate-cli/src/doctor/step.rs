//! The steps of one examination, and their results.

use scopegate::ExplainedKey;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::keys;
use crate::terminal::{Mark, Terminal};

/// The width of the names of the steps.
const NAMES: usize = 8;

/// The columns before the text of a step.
const INDENT: &str = "           ";

/// The steps so far.
#[derive(Default)]
pub(super) struct Steps(Vec<Step>);

struct Step {
    name: &'static str,
    text: String,
    result: StepResult,
    keys: Vec<ExplainedKey>,
}

enum StepResult {
    Passed,
    Failed,
    /// A server did not respond.
    Undecidable,
    /// It was not needed, or tells nothing.
    Skipped,
}

impl Steps {
    pub(super) fn passed(&mut self, name: &'static str, text: String) {
        self.add(name, text, StepResult::Passed);
    }

    pub(super) fn failed(&mut self, name: &'static str, text: String) {
        self.add(name, text, StepResult::Failed);
    }

    pub(super) fn undecidable(&mut self, name: &'static str, text: String) {
        self.add(name, text, StepResult::Undecidable);
    }

    pub(super) fn skipped(&mut self, name: &'static str, text: String) {
        self.add(name, text, StepResult::Skipped);
    }

    pub(super) fn with_keys(&mut self, mark: Mark, text: String, keys: Vec<ExplainedKey>) {
        let result = if mark == Mark::Good { StepResult::Passed } else { StepResult::Failed };
        self.0.push(Step { name: "keys", text, result, keys });
    }

    fn add(&mut self, name: &'static str, text: String, result: StepResult) {
        self.0.push(Step { name, text, result, keys: Vec::new() });
    }

    /// Returns the exit code. A server that does not respond may hide other failures.
    pub(super) fn exit(&self) -> Exit {
        let exit = |step: &Step| match step.result {
            StepResult::Passed | StepResult::Skipped => Exit::Valid,
            StepResult::Failed => Exit::Rejected,
            StepResult::Undecidable => Exit::Undecidable,
        };
        self.0.iter().map(exit).max().unwrap_or(Exit::Valid)
    }

    pub(super) fn as_text(&self, terminal: Terminal) -> String {
        let step = |step: &Step| {
            let mark = match step.result {
                StepResult::Passed => Mark::Good,
                StepResult::Failed | StepResult::Undecidable => Mark::Bad,
                StepResult::Skipped => Mark::Skipped,
            };
            let keys = keys::rows(terminal, &step.keys);
            let indented = keys.lines().flat_map(|line| [INDENT, line, "\n"]);
            let keys: String = indented.collect();
            format!("{}{keys}", terminal.row(mark, step.name, NAMES, &step.text))
        };
        self.0.iter().map(step).collect()
    }

    pub(super) fn as_json(&self) -> Value {
        let step = |step: &Step| {
            let result = match step.result {
                StepResult::Passed => "passed",
                StepResult::Failed => "failed",
                StepResult::Undecidable => "undecidable",
                StepResult::Skipped => "skipped",
            };
            json!({
                "name": step.name,
                "result": result,
                "text": step.text,
                "keys": keys::as_json(&step.keys),
            })
        };
        self.0.iter().map(step).collect()
    }
}
