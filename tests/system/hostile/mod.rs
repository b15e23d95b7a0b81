//! Thousands of tokens: valid tokens and tokens with one change. The name of a token describes the
//! change. Its verdict is the one in our documentation.
//!
//! Names, headers, claims and times are the same in every run. Keys and signatures are new in each
//! run. The signature of a changed token is valid for its changed content. If the signature itself
//! is changed, the name says so.
#![allow(dead_code, reason = "each program with these tokens uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "only tests and their tools take it, and a panic is their failure"
)]
#![allow(clippy::match_same_arms, reason = "each arm is a rule, with the reason for it")]
#![allow(clippy::format_collect, reason = "escapes and hexadecimal, a few characters at a time")]

mod shape;

mod draft;
mod case;

mod form;
mod header;
mod claim_kinds;
mod claim_values;
mod payload;
mod signature;

mod json_values;
mod public_key_as_secret;
mod scalar;

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use scopegate::Verifier;

#[allow(unused_imports, reason = "as above")]
pub(crate) use case::{Case, Verdict};
#[allow(unused_imports, reason = "as above")]
pub(crate) use shape::{AUDIENCE, CLIENT, LEEWAY, NOW, POOL, Profile, Shape};

/// All shapes and all tokens of each.
pub(crate) struct Suite {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) cases: Vec<Case>,
}

impl Suite {
    pub(crate) fn all() -> Self {
        Self::new(Shape::all())
    }

    /// Returns only the tokens of the shapes with these names. There must be at least two, because
    /// each needs a neighbor.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self::new(Shape::all().into_iter().filter(|shape| names.contains(&shape.name)).collect())
    }

    fn new(shapes: Vec<Shape>) -> Self {
        let mut cases = Vec::new();
        for (position, shape) in shapes.iter().enumerate() {
            // Another trusted issuer.
            let neighbour = &shapes[(position + 1) % shapes.len()];
            let mut all = case::Cases::new(shape, neighbour);
            form::write(&mut all);
            header::write(&mut all);
            claim_kinds::write(&mut all);
            claim_values::write(&mut all);
            payload::write(&mut all);
            signature::write(&mut all);
            cases.extend(all.finish());
        }
        let names: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len(), "every token has a name of its own");
        Self { shapes, cases }
    }

    /// Returns a verifier that trusts the issuers of all shapes at the time of the tokens.
    pub(crate) fn verifier(&self) -> Verifier {
        let builder = Verifier::builder()
            .leeway(Duration::from_secs(LEEWAY))
            .clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
        self.shapes.iter().fold(builder, |builder, shape| builder.trust(shape.issuer())).build().unwrap()
    }
}
