//! Reads the DER elements (X.690 §8, §10) of public keys.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// The remaining elements.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// Reads the content of the next element, which must have this tag.
    pub(crate) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (header, length) = self.header(tag)?;
        let (element, rest) = self.0.split_at_checked(header.checked_add(length)?)?;
        self.0 = rest;
        element.get(header..)
    }

    /// Returns the next element with its header, without consuming it.
    pub(crate) fn element(&self, tag: u8) -> Option<&'a [u8]> {
        let (header, length) = self.header(tag)?;
        self.0.get(..header.checked_add(length)?)
    }

    pub(crate) fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Returns `None` if elements remain.
    pub(crate) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// Returns the length of the header and of the content. DER allows only the shortest form.
    fn header(&self, tag: u8) -> Option<(usize, usize)> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if found != tag {
            return None;
        }
        match (first, rest) {
            (0..=0x7f, _) => Some((2, first.into())),
            (0x81, &[length, ..]) if length >= 0x80 => Some((3, length.into())),
            (0x82, &[high, low, ..]) if high != 0 => Some((4, u16::from_be_bytes([high, low]).into())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_in_their_shortest_form_only() {
        // FR-B13
        let mut two = Der(&[2, 1, 7, 6, 0]);
        assert!(two.next_is(INTEGER) && two.read(OBJECT_IDENTIFIER).is_none());
        assert_eq!(two.element(INTEGER), Some(&[2, 1, 7][..]));
        assert_eq!(two.read(INTEGER), Some(&[7][..]));
        assert_eq!((two.end(), two.read(OBJECT_IDENTIFIER), two.end()), (None, Some(&[][..]), Some(())));
        let long = |header: &[u8], length: usize| [header, &vec![0; length]].concat();
        for (header, length) in [(&[2, 0x7f][..], 0x7f), (&[2, 0x81, 0x80], 0x80), (&[2, 0x82, 1, 0], 0x100)]
        {
            assert_eq!(Der(&long(header, length)).read(INTEGER).unwrap().len(), length);
            // Cut short.
            assert_eq!(Der(&long(header, length - 1)).read(INTEGER), None);
        }
        for (header, length) in [
            (&[2, 0x81, 0x7f][..], 0x7f),
            (&[2, 0x82, 0, 0x80], 0x80),
            (&[2, 0x80], 0),
            (&[2, 0x83, 1, 0, 0], 0x1_0000),
            (&[2], 0),
            (&[], 0),
        ] {
            assert_eq!(Der(&long(header, length)).read(INTEGER), None, "{header:?}");
        }
    }
}
