//! Compares our verdicts with the verdicts of another implementation.

use crate::hostile::Case;
use crate::peer::{Answer, Peer};

pub(crate) struct Comparison<'a> {
    pub(crate) peer: &'static Peer,
    compared: Vec<Compared<'a>>,
}

struct Compared<'a> {
    case: &'a Case,
    ours: bool,
    theirs: Answer,
}

/// A token about which the two implementations disagree.
pub(crate) struct Disagreement<'a> {
    pub(crate) name: &'a str,
    pub(crate) accepted_by_us: bool,
    /// The error of the other implementation, if it rejects the token.
    pub(crate) reason: &'a str,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(peer: &'static Peer, cases: &'a [Case], ours: &[bool], theirs: Vec<Answer>) -> Self {
        let asked = cases.iter().zip(ours).filter(|(case, _)| peer.knows(case.shape));
        assert_eq!(asked.clone().count(), theirs.len(), "{} answers once for each token", peer.name);
        let compared = asked.zip(theirs).map(|((case, ours), theirs)| {
            assert_eq!(case.name, theirs.name, "{} answers in the order it is asked", peer.name);
            Compared { case, ours: *ours, theirs }
        });
        Self { peer, compared: compared.collect() }
    }

    pub(crate) fn tokens(&self) -> usize {
        self.compared.len()
    }

    /// Returns the number of tokens with this verdict of ours and this verdict of theirs.
    pub(crate) fn count(&self, ours: bool, theirs: bool) -> usize {
        self.compared.iter().filter(|one| (one.ours, one.theirs.accepted) == (ours, theirs)).count()
    }

    pub(crate) fn disagreements(&self) -> impl Iterator<Item = Disagreement<'_>> {
        self.compared.iter().filter(|one| one.ours != one.theirs.accepted).map(|one| Disagreement {
            name: &one.case.name,
            accepted_by_us: one.ours,
            reason: &one.theirs.reason,
        })
    }
}
