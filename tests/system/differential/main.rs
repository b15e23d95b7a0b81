//! Compares our verdicts about the hostile tokens and about DPoP proofs with the verdicts of other
//! implementations, which `scripts/differential` installs.
//!
//! The run fails if `explained.toml` or `proofs/explained.toml` does not explain a disagreement, or
//! if one of their entries explains none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for a terminal: what goes wrong ends it, with a message"
)]

#[path = "../hostile/mod.rs"]
mod hostile;

mod comparison;
mod explained;
mod peer;
mod proofs;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::thread;

use comparison::Comparison;
use explained::Explanations;
use hostile::Suite;
use peer::{PEERS, Peer};

/// Maximum number of unexplained disagreements that are printed for each peer. The rest is counted.
const SHOWN: usize = 100;

fn main() -> ExitCode {
    let installed =
        std::env::args_os().nth(1).expect("the folder that the other implementations are installed in");
    let suite = Suite::all();
    let verifier = suite.verifier();
    let ours: Vec<bool> = suite.cases.iter().map(|case| verifier.verify(&case.token).is_ok()).collect();

    let ask = |peer: &'static Peer| {
        let cases = suite.cases.iter().zip(&ours).filter(|(case, _)| peer.knows(case.shape));
        let ours = cases.map(|(case, accepted)| (case.name.as_str(), *accepted));
        Comparison::new(peer, ours, peer.judge(&suite, Path::new(&installed)))
    };
    let comparisons: Vec<Comparison<'_>> = thread::scope(|scope| {
        let asked: Vec<_> = PEERS.iter().map(|peer| scope.spawn(move || ask(peer))).collect();
        asked.into_iter().map(|thread| thread.join().expect("a peer answers")).collect()
    });
    let failed = report("tokens", &comparisons, "explained.toml", include_str!("explained.toml"));

    let proofs = proofs::Proofs::all();
    let comparisons = proofs.compare(Path::new(&installed));
    let list = include_str!("proofs/explained.toml");
    let failed = report("proofs", &comparisons, "proofs/explained.toml", list) || failed;
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Prints the table and unexplained disagreements. Returns whether there is one, or an entry of the
/// list that explains none.
fn report(what: &str, comparisons: &[Comparison<'_>], file: &str, list: &str) -> bool {
    let mut explanations = Explanations::from_toml(list);
    let (mut failed, mut explained) = (false, Vec::new());
    for comparison in comparisons {
        let unexplained: Vec<_> = comparison
            .disagreements()
            .filter(|one| !explanations.explain(comparison.peer.name, one))
            .collect();
        explained.push(comparison.disagreements().count() - unexplained.len());
        for one in unexplained.iter().take(SHOWN) {
            let (what, reason) = if one.accepted_by_us {
                ("WE ACCEPT, it rejects", one.reason)
            } else {
                ("we reject, it accepts", "")
            };
            println!("{}: {what}: {} {reason}", comparison.peer.name, one.name);
        }
        if !unexplained.is_empty() {
            println!("{}: {} disagreements are not explained", comparison.peer.name, unexplained.len());
            failed = true;
        }
    }
    for unused in explanations.unused() {
        println!("{file}: nothing matches {unused}");
        failed = true;
    }
    println!("{}", table::text(what, comparisons, &explained));
    failed
}
