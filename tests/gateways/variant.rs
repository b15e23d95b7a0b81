//! Changes of the shipped files for one start of a gateway.

use crate::tls::with_tls;

/// A start of a gateway with changed files.
#[derive(Clone, Copy)]
pub(crate) struct Variant {
    /// The end of the name of its folder.
    pub(crate) name: &'static str,
    /// Lines of deploy/ that begin with one of these texts are left out.
    pub(crate) without: &'static [&'static str],
    /// Texts of deploy/, each with its replacement.
    pub(crate) replaced: &'static [(&'static str, &'static str)],
    pub(crate) has_tls: bool,
    /// Settings of the decision service about bound tokens.
    pub(crate) settings: &'static str,
}

/// The files of deploy/ as they are.
pub(crate) const SHIPPED: Variant =
    Variant { name: "", without: &[], replaced: &[], has_tls: false, settings: "dpop = \"accept\"\n" };

impl Variant {
    /// Returns a file of deploy/ with the changes.
    pub(crate) fn of(self, file: &str) -> String {
        let is_kept = |line: &&str| !self.without.iter().any(|begin| line.trim_start().starts_with(begin));
        let kept: String = file.split_inclusive('\n').filter(is_kept).collect();
        let replaced = self.replaced.iter().fold(kept, |text, (from, to)| text.replace(from, to));
        if self.has_tls { with_tls(&replaced) } else { replaced }
    }
}
