//! The markers, and the words of a block in which they are counted.
//!
//! The table of markers and aims is that of the project's prose guide.

use super::extract::Block;

/// The aim of a marker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// At most this many in 1,000 words. It is enforced.
    PerThousand(f64),
    /// More than this many in 1,000 words. It is only reported.
    AtLeast(f64),
}

/// A habit of wording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marker {
    pub(super) name: &'static str,
    pub(super) limit: Limit,
    /// Returns whether the marker is at this word of the sentence.
    is_at: fn(&Sentence, usize) -> bool,
}

pub(super) const MARKERS: [Marker; 10] = [
    Marker { name: "a clause with `what` as a noun", limit: Limit::PerThousand(0.5), is_at: what },
    Marker { name: "`whoever`, `who` without a noun", limit: Limit::PerThousand(0.0), is_at: whoever },
    Marker { name: "nobody, somebody, anybody, everybody", limit: Limit::PerThousand(0.0), is_at: nobody },
    Marker { name: "`one that`, `those of` without a noun", limit: Limit::PerThousand(0.5), is_at: one_that },
    Marker { name: "hear, heard, is told", limit: Limit::PerThousand(0.0), is_at: hears },
    Marker { name: "you, your", limit: Limit::AtLeast(2.0), is_at: you },
    Marker { name: "if", limit: Limit::AtLeast(6.0), is_at: |sentence, at| sentence.word(at) == "if" },
    Marker { name: "can, must, should, will", limit: Limit::AtLeast(10.0), is_at: modal },
    Marker {
        name: "returns",
        limit: Limit::AtLeast(2.0),
        is_at: |sentence, at| sentence.word(at) == "returns",
    },
    Marker { name: "default(s)", limit: Limit::AtLeast(2.0), is_at: default },
];

/// The numbers of a file, or of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) words: u32,
    /// The count of each marker.
    pub(super) of: [u32; MARKERS.len()],
    /// The sentences outside of tables.
    pub(super) sentences: u32,
    /// The commas outside of tables.
    pub(super) commas: u32,
}

impl Counts {
    pub(super) fn add(&mut self, block: &Block) {
        for sentence in sentences(&block.text) {
            self.words += count(sentence.words.iter().filter(|word| !word.text.is_empty()));
            for (count_of, marker) in self.of.iter_mut().zip(MARKERS) {
                *count_of += count((0..sentence.words.len()).filter(|at| (marker.is_at)(&sentence, *at)));
            }
            if !block.is_table {
                self.sentences += 1;
                self.commas += count(sentence.words.iter().filter(|word| word.has_comma));
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.words += other.words;
        self.sentences += other.sentences;
        self.commas += other.commas;
        self.of.iter_mut().zip(other.of).for_each(|(own, other)| *own += other);
    }

    pub(super) fn commas_per_sentence(&self) -> f64 {
        f64::from(self.commas) / f64::from(self.sentences.max(1))
    }
}

fn count(items: impl Iterator) -> u32 {
    u32::try_from(items.count()).unwrap()
}

struct Word {
    /// The word in lower case, without punctuation.
    text: String,
    has_comma: bool,
    /// Punctuation follows, so the next word does not continue the phrase.
    ends_phrase: bool,
}

struct Sentence {
    words: Vec<Word>,
    is_question: bool,
}

impl Sentence {
    /// Returns a word, or an empty string before the first and after the last one.
    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| word.text.as_str())
    }

    /// Returns the next word of the same phrase.
    fn next(&self, at: usize) -> &str {
        if self.words.get(at).is_none_or(|word| word.ends_phrase) { "" } else { self.word(at + 1) }
    }

    /// Returns the word before this one, in the same phrase.
    fn before(&self, at: usize) -> &str {
        let before = at.checked_sub(1).and_then(|before| self.words.get(before));
        before.filter(|word| !word.ends_phrase).map_or("", |word| word.text.as_str())
    }
}

/// Abbreviations that do not end a sentence.
const ABBREVIATIONS: [&str; 5] = ["e.g", "i.e", "vs", "cf", "approx"];

fn sentences(text: &str) -> Vec<Sentence> {
    let (mut sentences, mut words) = (Vec::new(), Vec::new());
    for raw in text.split_whitespace() {
        let text = raw.trim_matches(|c: char| !c.is_alphanumeric() && c != '_').to_lowercase();
        let end = raw.trim_end_matches([')', '"', '”', '’', '_']);
        let is_end = end.ends_with(['.', '?', '!']) && !ABBREVIATIONS.contains(&text.as_str());
        let ends_phrase =
            end.ends_with([',', ';', ':', '.', '?', '!', '…']) || raw.ends_with(')') || text.is_empty();
        words.push(Word { has_comma: raw.ends_with(','), ends_phrase, text });
        if is_end {
            sentences.push(Sentence { words: std::mem::take(&mut words), is_question: end.ends_with('?') });
        }
    }
    if words.iter().any(|word| !word.text.is_empty()) {
        sentences.push(Sentence { words, is_question: false });
    }
    sentences
}

fn what(sentence: &Sentence, at: usize) -> bool {
    const CLAUSE: [&str; 14] =
        ["is", "was", "are", "were", "has", "have", "a", "an", "the", "it", "they", "this", "we", "they're"];
    sentence.word(at) == "what" && CLAUSE.contains(&sentence.next(at)) && !sentence.is_question
}

fn whoever(sentence: &Sentence, at: usize) -> bool {
    // A noun stands before the `who` of a relative clause.
    const NO_NOUN: [&str; 14] =
        ["", "and", "or", "but", "of", "to", "for", "by", "with", "from", "than", "that", "if", "as"];
    let follows_comma = at > 0 && sentence.words[at - 1].has_comma;
    let is_headless = sentence.word(at) == "who"
        && NO_NOUN.contains(&sentence.before(at))
        && !follows_comma
        && !sentence.is_question;
    sentence.word(at) == "whoever" || is_headless
}

fn nobody(sentence: &Sentence, at: usize) -> bool {
    let word = sentence.word(at).trim_end_matches("'s").trim_end_matches("’s");
    ["nobody", "somebody", "anybody", "everybody"].contains(&word)
}

fn one_that(sentence: &Sentence, at: usize) -> bool {
    match sentence.word(at) {
        "one" | "ones" => ["that", "who", "whose"].contains(&sentence.next(at)),
        "those" => ["of", "that", "who", "whose", "which"].contains(&sentence.next(at)),
        _ => false,
    }
}

fn hears(sentence: &Sentence, at: usize) -> bool {
    const PASSIVE: [&str; 6] = ["is", "are", "was", "were", "be", "been"];
    match sentence.word(at) {
        "hear" | "hears" | "heard" | "hearing" => true,
        "told" => PASSIVE.contains(&sentence.before(at)) && sentence.next(at) != "apart",
        _ => false,
    }
}

fn you(sentence: &Sentence, at: usize) -> bool {
    ["you", "your", "yours", "yourself"].contains(&sentence.word(at))
}

fn modal(sentence: &Sentence, at: usize) -> bool {
    ["can", "cannot", "must", "should", "will"].contains(&sentence.word(at))
}

fn default(sentence: &Sentence, at: usize) -> bool {
    ["default", "defaults"].contains(&sentence.word(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        let mut counts = Counts::default();
        counts.add(&Block { text: text.to_owned(), is_table: false });
        counts
    }

    fn assert_pairs(name: &str, found: &[&str], passed: &[&str]) {
        let index = MARKERS.iter().position(|marker| marker.name.contains(name)).unwrap();
        for text in found {
            assert_eq!(counts(text).of[index], 1, "{name}: {text}");
        }
        for text in passed {
            assert_eq!(counts(text).of[index], 0, "{name}: {text}");
        }
    }

    #[test]
    fn clause_with_what_is_found_except_in_question() {
        let found = ["See what is asked for.", "What a caller gets", "It reads what the token grants."];
        assert_pairs(
            "what",
            &found,
            &["What is a scope?", "Responses.", "no matter what, the key", "somewhat the same"],
        );
    }

    #[test]
    fn only_who_without_a_noun_is_found() {
        let found =
            ["Whoever has it wins.", "Who lacks one gets 401.", "It depends, and who has none fails."];
        assert_pairs(
            "whoever",
            &found,
            &["A client who has a token.", "Alice, who is a user.", "Who is it?"],
        );
    }

    #[test]
    fn pronoun_without_a_person_is_found() {
        let found = ["Nobody knows.", "It is everybody's key.", "(somebody)", "anybody, then"];
        assert_pairs("nobody", &found, &["No client knows.", "A body.", "busybody"]);
    }

    #[test]
    fn only_one_without_a_noun_is_found() {
        let found = ["Take one that fits.", "Those of others.", "only those that expired"];
        assert_pairs(
            "one that",
            &found,
            &["Take one token.", "the one, that is, the first", "those keys", "tone that"],
        );
    }

    #[test]
    fn program_that_hears_is_found() {
        let found = ["The caller hears 401.", "It is told so.", "callers are told why"];
        assert_pairs(
            "hear",
            &found,
            &["The caller gets 401.", "They are told apart.", "A header.", "He told it."],
        );
    }

    #[test]
    fn lower_aims_are_counted() {
        assert_pairs("you", &["Set your key."], &["young"]);
        assert_pairs("if", &["Returns it if there is one."], &["ifs", "diff"]);
        assert_pairs("can, must", &["It can fail.", "It cannot.", "You must."], &["canary"]);
        assert_pairs("returns", &["Returns it."], &["It is returned."]);
        assert_pairs("default", &["By default.", "Defaults to 3."], &["defaulted"]);
    }

    #[test]
    fn commas_are_counted_per_sentence() {
        let found = counts("One, two. Three (4,096 of them) and e.g. five, six? No");
        assert_eq!((found.sentences, found.commas, found.words), (3, 2, 11));
        assert!((found.commas_per_sentence() - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn tables_have_words_and_no_sentences() {
        let mut counts = Counts::default();
        counts.add(&Block { text: "nobody, really".to_owned(), is_table: true });
        assert_eq!((counts.words, counts.sentences, counts.commas, counts.of[2]), (2, 0, 0, 1));
    }
}
