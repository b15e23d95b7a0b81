//! `docs/generated/interop.md`, whose tables are between marks.

use std::path::PathBuf;

use crate::outcome::Trouble;

pub(crate) struct Page {
    file: PathBuf,
    text: String,
}

impl Page {
    pub(crate) fn read() -> Result<Self, Trouble> {
        let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/generated/interop.md"));
        let text = std::fs::read_to_string(&file)?;
        Ok(Self { file, text })
    }

    /// Returns the text between the marks of this name.
    pub(crate) fn between(&self, name: &str) -> &str {
        let [begin, end] = marks(name);
        let rest = self.text.split_once(&begin).map_or("", |(_, rest)| rest);
        rest.split_once(&end).map_or("", |(between, _)| between)
    }

    /// Replaces the text between the marks of this name by a table.
    pub(crate) fn put(&mut self, name: &str, table: &str) -> Result<(), Trouble> {
        let [begin, end] = marks(name);
        let parts =
            self.text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let (before, after) =
            parts.ok_or_else(|| Trouble::failed(format!("the page has no marks for {name}")))?;
        self.text = format!("{before}{begin}\n\n{}\n\n{end}{after}", table.trim());
        Ok(())
    }

    pub(crate) fn write(&self) -> Result<(), Trouble> {
        Ok(std::fs::write(&self.file, &self.text)?)
    }
}

fn marks(name: &str) -> [String; 2] {
    ["begin", "end"].map(|which| format!("<!-- {which} {name} -->"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_between_marks_is_replaced() {
        let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n".to_owned();
        let mut page = Page { file: PathBuf::new(), text };
        page.put("x", "new\n").ok().expect("the marks are there");
        assert_eq!(page.text, "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n");
        assert_eq!(page.between("x").trim(), "new");
        assert!(page.put("y", "new").is_err());
    }

    #[test]
    fn reference_has_installed_versions() {
        let page = include_str!("../../docs/reference/interop.md");
        let packages = include_str!("package.json").lines().filter_map(|line| {
            let mut words = line.split('"').skip(1).step_by(2);
            Some((words.next()?, words.next()?)).filter(|(_, version)| version.contains('.'))
        });
        let ours = ["Authlib", "requests-oauthlib", "cfn-lint", "moto", "boto3"]; // the others are what these need
        let lists = [include_str!("requirements.txt"), include_str!("cognito/requirements.txt")];
        let requirements = lists.into_iter().flat_map(str::lines).filter_map(|line| line.split_once("=="));
        let all: Vec<_> = packages.chain(requirements.filter(|(name, _)| ours.contains(name))).collect();
        assert_eq!(all.len(), 12);
        for (name, version) in all {
            assert!(page.contains(&format!("`{name}` {version}")), "{name} {version}");
        }
    }
}
