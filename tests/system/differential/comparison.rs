//! Compares our verdicts with the verdicts of another implementation.

use crate::peer::{Answer, Peer};

pub(crate) struct Comparison<'a> {
    pub(crate) peer: &'static Peer,
    compared: Vec<Compared<'a>>,
}

struct Compared<'a> {
    name: &'a str,
    ours: bool,
    theirs: Answer,
}

/// A case about which the two implementations disagree.
pub(crate) struct Disagreement<'a> {
    pub(crate) name: &'a str,
    pub(crate) accepted_by_us: bool,
    /// The error of the other implementation, if it rejects the case.
    pub(crate) reason: &'a str,
}

impl<'a> Comparison<'a> {
    /// Compares the verdicts about cases, each with its name and our verdict.
    pub(crate) fn new(
        peer: &'static Peer,
        ours: impl Iterator<Item = (&'a str, bool)>,
        theirs: Vec<Answer>,
    ) -> Self {
        let ours: Vec<_> = ours.collect();
        assert_eq!(ours.len(), theirs.len(), "{} answers once for each case", peer.name);
        let compared = ours.into_iter().zip(theirs).map(|((name, ours), theirs)| {
            assert_eq!(name, theirs.name, "{} answers in the order it is asked", peer.name);
            Compared { name, ours, theirs }
        });
        Self { peer, compared: compared.collect() }
    }

    pub(crate) fn cases(&self) -> usize {
        self.compared.len()
    }

    /// Returns the number of cases with this verdict of ours and this verdict of theirs.
    pub(crate) fn count(&self, ours: bool, theirs: bool) -> usize {
        self.compared.iter().filter(|one| (one.ours, one.theirs.accepted) == (ours, theirs)).count()
    }

    pub(crate) fn disagreements(&self) -> impl Iterator<Item = Disagreement<'_>> {
        self.compared.iter().filter(|one| one.ours != one.theirs.accepted).map(|one| Disagreement {
            name: one.name,
            accepted_by_us: one.ours,
            reason: &one.theirs.reason,
        })
    }
}
