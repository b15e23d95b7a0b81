//! The modules of a crate as a tree, read from its files.

use std::collections::BTreeSet;

use super::Sources;
use super::body::{Body, Declared};
use super::lexer::tokens;
use super::test_code::split;

#[derive(Debug)]
pub(crate) struct CrateTree {
    /// All modules. The first one is the root.
    pub(crate) modules: Vec<Module>,
    /// Files that only a test build reads.
    pub(crate) test_files: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Module {
    /// The path of the module, empty for the root.
    pub(crate) path: Vec<String>,
    pub(crate) file: String,
    pub(crate) body: Body,
    /// The parent. The root is its own parent.
    pub(crate) parent: usize,
    /// The children in the order of their declaration.
    pub(crate) children: Vec<usize>,
}

/// The root of a crate in [`CrateTree::modules`].
pub(crate) const ROOT: usize = 0;

impl CrateTree {
    /// Reads a crate. Returns `None` if there is no file `root`.
    pub(crate) fn read(sources: &Sources, root: &str) -> Option<Self> {
        sources.get(root)?;
        let mut tree = Self { modules: Vec::new(), test_files: BTreeSet::new() };
        tree.add_file(sources, root, Vec::new(), ROOT);
        Some(tree)
    }

    pub(crate) fn name(&self, module: usize) -> String {
        self.modules[module].path.join("::")
    }

    pub(crate) fn child(&self, module: usize, name: &str) -> Option<usize> {
        let mut children = self.modules[module].children.iter().copied();
        children.find(|&child| self.modules[child].path.last().is_some_and(|last| last == name))
    }

    fn add_file(&mut self, sources: &Sources, file: &str, path: Vec<String>, parent: usize) -> usize {
        let tokens = tokens(&sources[file]);
        let split = split(&tokens);
        for declared in Body::parse(&split.tests).modules {
            self.add_test_files(sources, &folder_of_children(file), &declared);
        }
        self.add_body(sources, file, &folder_of_children(file), path, parent, Body::parse(&split.product))
    }

    fn add_body(
        &mut self,
        sources: &Sources,
        file: &str,
        folder: &str,
        path: Vec<String>,
        parent: usize,
        mut body: Body,
    ) -> usize {
        let declared = std::mem::take(&mut body.modules);
        let module = self.modules.len();
        let own_path = path.clone();
        self.modules.push(Module { path, file: file.to_owned(), body, parent, children: Vec::new() });
        for Declared { name, body } in declared {
            let path = [&own_path[..], std::slice::from_ref(&name)].concat();
            let child = if let Some(body) = body {
                Some(self.add_body(sources, file, &format!("{folder}/{name}"), path, module, body))
            } else {
                file_of(sources, folder, &name).map(|file| self.add_file(sources, &file, path, module))
            };
            self.modules[module].children.extend(child);
        }
        module
    }

    fn add_test_files(&mut self, sources: &Sources, folder: &str, declared: &Declared) {
        let folder = format!("{folder}/{}", declared.name);
        if let Some(body) = &declared.body {
            body.modules.iter().for_each(|inner| self.add_test_files(sources, &folder, inner));
            return;
        }
        let below = format!("{folder}/");
        let files =
            sources.keys().filter(|file| **file == format!("{folder}.rs") || file.starts_with(&below));
        self.test_files.extend(files.cloned());
    }
}

/// Returns the folder of the files that the `mod` lines of a file name.
fn folder_of_children(file: &str) -> String {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

fn file_of(sources: &Sources, folder: &str, name: &str) -> Option<String> {
    let candidates = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    candidates.into_iter().find(|file| sources.contains_key(file))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn tree(files: &[(&str, &str)]) -> CrateTree {
        let sources = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        CrateTree::read(&sources, "src/lib.rs").unwrap()
    }

    #[test]
    fn modules_are_read_in_order_of_declaration() {
        let tree = tree(&[
            ("src/lib.rs", "mod b; pub mod a; mod missing;"),
            ("src/a.rs", "mod inline { mod c; }"),
            ("src/a/inline/c.rs", ""),
            ("src/b/mod.rs", "mod d; #[cfg(test)] mod tests; #[cfg(test)] mod more { mod e; }"),
            ("src/b/d.rs", ""),
            ("src/b/tests.rs", "mod f;"),
            ("src/b/tests/f.rs", ""),
            ("src/b/more/e.rs", ""),
            ("src/unread.rs", ""),
        ]);
        let names: Vec<_> = (0..tree.modules.len()).map(|module| tree.name(module)).collect();
        assert_eq!(names, ["", "b", "b::d", "a", "a::inline", "a::inline::c"]);
        assert_eq!(tree.modules[4].file, "src/a.rs");
        let test_files: Vec<_> = tree.test_files.iter().map(String::as_str).collect();
        assert_eq!(test_files, ["src/b/more/e.rs", "src/b/tests.rs", "src/b/tests/f.rs"]);
    }
}
