//! Compares the verdict about each hostile token with the documented one.
//!
//! These tokens cover most rows of the sections A and C of docs/generated/conformance.md, which
//! also names a separate test for each row.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]
#![allow(clippy::print_stdout, reason = "it shows how many there are")]

mod hostile;

use std::collections::BTreeMap;

use hostile::{Suite, Verdict};

#[test]
fn every_hostile_token_gets_documented_verdict() {
    let suite = Suite::all();
    let verifier = suite.verifier();
    let mut surprises = Vec::new();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in &suite.cases {
        let result = verifier.verify(&case.token);
        let count = counts.entry(case.shape).or_default();
        match &result {
            Ok(_) => count.0 += 1,
            Err(_) => count.1 += 1,
        }
        if Verdict::accepted_if(result.is_ok()) != case.verdict {
            let found = result.map_or_else(|error| error.to_string(), |_| "accepted".to_owned());
            surprises.push(format!("{}: expected {:?}: {found}", case.name, case.verdict));
        }
    }
    println!("{counts:?}");
    assert!(surprises.is_empty(), "{} surprises:\n{}", surprises.len(), surprises.join("\n"));
    // Each shape has accepted and rejected tokens, and the suite must not shrink unnoticed.
    assert!(counts.values().all(|(accepted, refused)| *accepted > 100 && *refused > 300), "{counts:?}");
}
