//! Compares the results for a suite of vectors with the published ones. Each difference must be
//! listed, and each entry of the list must still apply.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

/// A vector, with the published result and ours.
pub(super) struct Judged {
    pub(super) file: String,
    pub(super) id: u64,
    /// The subject that a rule about many vectors selects by.
    pub(super) subject: &'static str,
    pub(super) published: Published,
    /// `Err` with the text of our rejection.
    pub(super) ours: Result<(), String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Published {
    Valid,
    Invalid,
    /// The authors accept both results, so ours is listed in any case.
    Acceptable,
}

/// Vectors with a result that differs from the published one.
pub(super) struct Difference {
    pub(super) vectors: Vectors,
    pub(super) ours: Ours,
    pub(super) reason: &'static str,
}

pub(super) enum Vectors {
    /// Exactly these vectors.
    Ids(&'static str, &'static [u64]),
    /// Each vector of a subject with this published result, in every file.
    Every(&'static str, Published),
}

pub(super) enum Ours {
    Accepted,
    /// Rejected with an error that contains this string.
    Refused(&'static str),
}

impl Judged {
    fn differs(&self) -> bool {
        match self.published {
            Published::Valid => self.ours.is_err(),
            Published::Invalid => self.ours.is_ok(),
            Published::Acceptable => true,
        }
    }
}

impl Difference {
    fn names(&self, vector: &Judged) -> bool {
        match self.vectors {
            Vectors::Ids(file, ids) => vector.file == file && ids.contains(&vector.id),
            Vectors::Every(subject, published) => vector.subject == subject && vector.published == published,
        }
    }

    fn explains(&self, vector: &Judged) -> bool {
        vector.differs()
            && match (&self.ours, &vector.ours) {
                (Ours::Accepted, Ok(())) => true,
                (Ours::Refused(expected), Err(found)) => found.contains(expected),
                _ => false,
            }
    }
}

/// Prints the number of vectors and of differences for each file.
///
/// # Panics
/// Panics on a difference that is not listed, and on an entry of the list that no longer applies.
pub(super) fn compare(suite: &str, vectors: &[Judged], differences: &[Difference]) {
    assert!(!vectors.is_empty(), "{suite}: no vectors");
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for vector in vectors {
        let (same, different) = files.entry(&vector.file).or_default();
        *(if vector.differs() { different } else { same }) += 1;
    }
    for (file, (same, different)) in &files {
        say(&format!("{suite}: {file}: {same} as published, {different} different"));
    }
    let problems = problems(vectors, differences);
    assert!(problems.is_empty(), "{suite}: {} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Writes a line to standard error. `println!` is not shown when a test passes, and the number of
/// vectors should be.
pub(super) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

fn problems(vectors: &[Judged], differences: &[Difference]) -> Vec<String> {
    let mut problems = Vec::new();
    for difference in differences {
        let named: Vec<&Judged> = vectors.iter().filter(|vector| difference.names(vector)).collect();
        let expected = match difference.vectors {
            Vectors::Ids(_, ids) => ids.len(),
            Vectors::Every(..) => named.len().max(1),
        };
        if named.len() != expected {
            problems.push(format!("{} vectors found of {expected}: {}", named.len(), difference.reason));
        }
        for vector in named.iter().filter(|vector| !difference.explains(vector)) {
            problems.push(format!("{vector}; no longer true: {}", difference.reason));
        }
    }
    let not_listed =
        |vector: &&Judged| vector.differs() && !differences.iter().any(|difference| difference.names(vector));
    problems.extend(vectors.iter().filter(not_listed).map(|vector| format!("{vector}; it is not listed")));
    problems
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, id, subject, published, ours } = self;
        write!(f, "{file} {id} ({subject}) is published as {published:?}, and ours is {ours:?}")
    }
}

#[test]
fn unlisted_and_outdated_differences_fail() {
    let vector = |id, published, ours: Result<(), &str>| Judged {
        file: "f".to_owned(),
        id,
        subject: "s",
        published,
        ours: ours.map_err(str::to_owned),
    };
    let vectors = [
        vector(1, Published::Valid, Ok(())),
        vector(2, Published::Valid, Err("too small")),
        vector(3, Published::Invalid, Ok(())),
        vector(4, Published::Invalid, Err("no")),
    ];
    let listed = |vectors, ours| Difference { vectors, ours, reason: "" };
    let two = || listed(Vectors::Ids("f", &[2]), Ours::Refused("small"));
    let three = || listed(Vectors::Ids("f", &[3]), Ours::Accepted);
    let passes = |differences: &[Difference]| problems(&vectors, differences).is_empty();
    assert!(passes(&[two(), three()]));
    assert!(!passes(&[two()]), "one is not listed");
    assert!(
        !passes(&[two(), three(), listed(Vectors::Ids("f", &[4]), Ours::Refused("no"))]),
        "not different"
    );
    assert!(!passes(&[two(), three(), listed(Vectors::Ids("f", &[5]), Ours::Accepted)]), "not there");
    assert!(!passes(&[listed(Vectors::Ids("f", &[2]), Ours::Refused("large")), three()]), "another reason");
    let every = |subject, ours| listed(Vectors::Every(subject, Published::Valid), ours);
    assert!(!passes(&[two(), three(), every("t", Ours::Accepted)]), "none of that subject");
    assert!(!passes(&[every("s", Ours::Refused("")), three()]), "not every one of it");
}
