//! Does each of the hostile tokens get the verdict that the documentation promises? They touch most rows of the sections
//! A and C of docs/conformance.md; which test shows which row by itself is said there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]
#![allow(clippy::print_stdout, reason = "it shows how many there are")]

mod hostile;

use std::collections::BTreeMap;

use hostile::{Suite, Verdict};

#[test]
fn every_token_of_the_suite_gets_the_verdict_that_is_documented() {
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
    // Each shape has tokens on both sides, and the suite has not shrunk unnoticed.
    assert!(counts.values().all(|(accepted, refused)| *accepted > 100 && *refused > 300), "{counts:?}");
}
