//! A set of at most 256 scopes, as bits. The owner of the numbers maps them to scopes.

/// The number of different scopes in a set.
pub(crate) const MAX_SCOPES: usize = 256;

/// A set of numbers below [`MAX_SCOPES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BitSet([u64; MAX_SCOPES / 64]);

impl BitSet {
    pub(crate) fn of(number: usize) -> Self {
        let mut bits = Self::default();
        bits.insert(number);
        bits
    }

    pub(crate) fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    pub(crate) fn has(self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    pub(crate) fn contains(self, others: Self) -> bool {
        self.0.iter().zip(others.0).all(|(ours, theirs)| theirs & !ours == 0)
    }

    pub(crate) fn union(self, others: Self) -> Self {
        Self(std::array::from_fn(|word| {
            self.0.get(word).copied().unwrap_or_default() | others.0.get(word).copied().unwrap_or_default()
        }))
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Returns the numbers in ascending order.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_SCOPES).filter(move |number| self.has(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_has_inserted_numbers() {
        let numbers = [0, 1, 63, 64, 200, 255];
        let set = numbers.into_iter().map(BitSet::of).fold(BitSet::default(), BitSet::union);
        assert_eq!(set.iter().collect::<Vec<_>>(), numbers);
        assert!(set.has(64) && !set.has(65) && !set.has(MAX_SCOPES));
        assert!(
            set.contains(BitSet::of(200).union(BitSet::of(1)))
                && !set.contains(BitSet::of(200).union(BitSet::of(2)))
        );
        assert!(BitSet::default().is_empty() && !BitSet::of(255).is_empty());
    }

    #[test]
    fn number_above_maximum_is_ignored() {
        assert!(BitSet::of(MAX_SCOPES).is_empty());
    }
}
