//! Prints the public API in rustdoc's JSON, one item per line. `scripts/api` runs it.
//!
//! Derived traits are one line each. Automatic and blanket implementations are omitted.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;

use public_api::{Builder, PublicApi};

/// Items of derives and `pin_project!` that users cannot name.
const OF_MACROS: [&str; 2] = ["::StructuralPartialEq ", "::__private::"];

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args().nth(1).ok_or("expected the path of a JSON file")?;
    let read = |without_derived: bool| -> Result<PublicApi, public_api::Error> {
        Builder::from_rustdoc_json(&json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(without_derived)
            .build()
    };
    let written: BTreeSet<String> = read(true)?.items().map(|item| item.to_string()).collect();
    for item in read(false)?.items() {
        let line = item.to_string();
        let is_kept = written.contains(&line) || line.starts_with("impl");
        if is_kept && !OF_MACROS.iter().any(|mark| line.contains(mark)) {
            println!("{line}");
        }
    }
    Ok(())
}
