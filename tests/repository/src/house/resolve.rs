//! Finds the module that defines the item of a path. Re-exports are followed.

use super::module::{CrateTree, ROOT};

/// The target of a path of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The named module, or the module that defines the named item.
    pub(crate) module: usize,
    /// Whether another module's re-export was followed.
    pub(crate) through_re_export: bool,
}

/// The maximum depth of re-exports, which ends circular ones.
const MAX_DEPTH: usize = 12;

impl CrateTree {
    /// Returns the target of a path. Returns `None` for a path of another crate, and for a path
    /// that begins with an item of the module itself.
    pub(crate) fn resolve(&self, from: usize, path: &[String]) -> Option<Target> {
        self.follow(from, path, MAX_DEPTH)
    }

    /// Returns whether the path names an item in `lib.rs` that is not a module.
    pub(crate) fn is_through_root(&self, from: usize, path: &[String]) -> bool {
        match self.begin(from, path) {
            Some((ROOT, rest)) if from != ROOT => {
                rest.first().is_none_or(|name| self.child(ROOT, name).is_none())
            }
            _ => false,
        }
    }

    /// Returns the module of `crate`, `self` or `super`, and the rest of the path.
    fn begin<'p>(&self, from: usize, path: &'p [String]) -> Option<(usize, &'p [String])> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => ROOT,
            "self" => from,
            "super" => self.modules[from].parent,
            _ => return None,
        };
        while let Some(after) = rest.strip_prefix(&["super".to_owned()]) {
            (module, rest) = (self.modules[module].parent, after);
        }
        Some((module, rest))
    }

    fn follow(&self, from: usize, path: &[String], depth: usize) -> Option<Target> {
        if let Some((module, rest)) = self.begin(from, path) {
            return self.down(module, rest, module != from, depth);
        }
        let (first, rest) = path.split_first()?;
        if let Some(child) = self.child(from, first) {
            return self.down(child, rest, true, depth);
        }
        self.imported(from, path, depth)
    }

    /// Follows names from a module. `foreign` is whether the path is in another module.
    fn down(&self, module: usize, path: &[String], foreign: bool, depth: usize) -> Option<Target> {
        let here = Target { module, through_re_export: false };
        let Some((name, rest)) = path.split_first() else { return Some(here) };
        if let Some(child) = self.child(module, name) {
            return self.down(child, rest, true, depth);
        }
        if self.modules[module].body.items.contains(name) {
            return Some(here);
        }
        match self.imported(module, path, depth) {
            Some(target) => Some(Target { through_re_export: foreign || target.through_re_export, ..target }),
            // The item is from a macro or from another crate.
            None => Some(here),
        }
    }

    /// Resolves a path that begins with an imported name.
    fn imported(&self, module: usize, path: &[String], depth: usize) -> Option<Target> {
        let (name, rest) = path.split_first()?;
        let depth = depth.checked_sub(1)?;
        let body = &self.modules[module].body;
        if body.items.contains(name) {
            return None;
        }
        if let Some(import) = body.imports.iter().find(|import| import.name.as_ref() == Some(name)) {
            // `use set::KeySet` names a child; `use serde` names a crate, and not itself.
            if import.path.first() == Some(name) && self.child(module, name).is_none() {
                return None;
            }
            let path = [&import.path[..], rest].concat();
            return self.follow(module, &path, depth);
        }
        let globs = body.imports.iter().filter(|import| import.name.is_none());
        globs.into_iter().find_map(|glob| {
            let target = self.follow(module, &glob.path, depth)?.module;
            let has_it = self.child(target, name).is_some() || self.modules[target].body.items.contains(name);
            has_it.then(|| self.down(target, path, true, depth)).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::module::tests::tree;
    use super::*;

    fn sample() -> CrateTree {
        tree(&[
            ("src/lib.rs", "mod a; mod keys; pub use keys::KeySet; pub use a::*; pub fn at_root() {}"),
            (
                "src/a.rs",
                "use crate::keys; use crate::keys::set as s; use serde::de; pub struct A; fn own() {}",
            ),
            (
                "src/keys.rs",
                "mod set; mod jwk; pub use set::{KeySet, circle}; pub use self::jwk::*; fn f() {}",
            ),
            (
                "src/keys/set.rs",
                "pub struct KeySet; pub use super::circle; pub use crate::keys::jwk::Jwk as Key;",
            ),
            ("src/keys/jwk.rs", "pub struct Jwk;"),
        ])
    }

    fn words(path: &str) -> Vec<String> {
        path.split("::").map(str::to_owned).collect()
    }

    fn resolved(from: &str, path: &str) -> Option<(String, bool)> {
        let tree = sample();
        let from = (0..tree.modules.len()).find(|&module| tree.name(module) == from).unwrap();
        let target = tree.resolve(from, &words(path))?;
        Some((tree.name(target.module), target.through_re_export))
    }

    #[test]
    fn paths_lead_to_the_defining_module() {
        for (from, path, module, through) in [
            ("a", "crate::keys::set::KeySet", "keys::set", false),
            ("a", "crate::keys", "keys", false),
            ("a", "crate::keys::f", "keys", false),
            ("a", "super::keys::set::KeySet::new", "keys::set", false),
            ("a", "keys::f", "keys", false),
            ("a", "s::KeySet", "keys::set", false),
            ("keys", "set::KeySet", "keys::set", false),
            ("keys", "self::jwk::Jwk", "keys::jwk", false),
            ("keys::set", "super::jwk::Jwk", "keys::jwk", false),
            ("a", "crate::keys::KeySet", "keys::set", true),
            ("a", "crate::keys::Jwk", "keys::jwk", true),
            ("a", "crate::keys::set::Key", "keys::jwk", true),
            ("a", "crate::KeySet", "keys::set", true),
            ("keys", "crate::A", "a", true),
            ("a", "crate::at_root", "", false),
        ] {
            assert_eq!(resolved(from, path), Some((module.to_owned(), through)), "{from}: {path}");
        }
    }

    #[test]
    fn paths_of_crates_and_own_items_lead_nowhere() {
        for path in ["serde::Serialize", "de::Error", "A::new", "own::x", "Vec::new", "std::fmt"] {
            assert_eq!(resolved("a", path), None, "{path}");
        }
        // A circle of re-exports ends.
        assert_eq!(resolved("a", "crate::keys::circle").map(|(_, through)| through), Some(true));
    }

    #[test]
    fn path_through_root_differs_from_module_path() {
        let tree = sample();
        let [a, set] = [1, 3];
        for (from, path, expected) in [
            (a, "crate::KeySet", true),
            (a, "crate::at_root", true),
            (a, "super::KeySet", true),
            (set, "super::super::KeySet", true),
            (a, "crate", true),
            (a, "crate::keys::KeySet", false),
            (a, "crate::keys", false),
            (a, "self::own", false),
            (set, "super::KeySet", false),
            (a, "serde::KeySet", false),
            (ROOT, "crate::KeySet", false),
            (ROOT, "self::KeySet", false),
        ] {
            assert_eq!(tree.is_through_root(from, &words(path)), expected, "{path}");
        }
    }
}
