//! Checks that each chapter of the guide is listed, that its links are valid, and that its code is
//! compiled.

mod defaults;
mod names;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use repository_tests::checkout::root;

const GUIDE: &str = "docs/guide";

/// The file with one item for each chapter with Rust code.
const COMPILED: &str = "crates/scopegate-axum/src/guide.rs";

fn read(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the Markdown files below this folder, relative to the root.
fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root().join(&path).is_dir() {
            found.append(&mut pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path);
        }
    }
    found
}

/// Returns a path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Returns the lines of a page outside of its code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !fence && !code
    })
}

/// Returns the targets of the links and pictures on a page.
fn targets(page: &str) -> Vec<&str> {
    prose(page).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next()).collect()
}

/// Returns the anchors of a page's headings, as the forge and mdBook derive them.
fn anchors(page: &str) -> Vec<String> {
    let headings =
        prose(page).filter_map(|line| line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' '));
    let of = |character: char| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then(|| character.to_ascii_lowercase()),
    };
    headings.map(|heading| heading.trim().chars().filter_map(of).collect()).collect()
}

/// Returns a message for each broken link of a page at this path.
fn broken(path: &Path, page: &str) -> Vec<String> {
    let folder = path.parent().unwrap();
    let local = targets(page).into_iter().filter(|target| !target.contains("://"));
    let leads = |target: &str| {
        let (file, anchor) =
            target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let file = if file.is_empty() { path.to_owned() } else { normal(&folder.join(file)) };
        let text =
            if file == path { Some(page.to_owned()) } else { fs::read_to_string(root().join(&file)).ok() };
        match (text, anchor) {
            (Some(text), Some(anchor)) => anchors(&text).iter().any(|found| found == anchor),
            (Some(_), None) => true,
            (None, _) => anchor.is_none() && root().join(&file).is_dir(),
        }
    };
    let broken = local.filter(|target| !leads(target));
    broken.map(|target| format!("{}: there is no {target}", path.display())).collect()
}

/// Returns the words after the fence of each code block.
fn languages(page: &str) -> Vec<&str> {
    let fences = page.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
    fences.step_by(2).collect()
}

#[test]
fn summary_lists_each_chapter_once() {
    let summary = read("docs/guide/SUMMARY.md");
    let listed: Vec<PathBuf> = targets(&summary).iter().map(|target| Path::new(GUIDE).join(target)).collect();
    let unique: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a chapter is listed twice");
    let mut chapters = pages(Path::new(GUIDE));
    assert!(chapters.remove(Path::new("docs/guide/SUMMARY.md")));
    assert_eq!(unique, chapters);
}

#[test]
fn links_lead_to_files_and_headings() {
    let problems: Vec<String> =
        pages(Path::new(GUIDE)).iter().flat_map(|page| broken(page, &read(page))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The guide is two levels below the root, like `target/book`, so a link that begins at the root
/// leads to the same file in both.
#[test]
fn external_links_of_guide_begin_at_root() {
    for path in pages(Path::new(GUIDE)) {
        let up = "../".repeat(path.components().count() - 1);
        for target in targets(&read(&path)) {
            let file = normal(&path.parent().unwrap().join(target.split('#').next().unwrap()));
            let inside = target.contains("://") || file.starts_with(GUIDE);
            assert!(
                inside || target.starts_with(&up),
                "{}: {target} does not begin with {up}",
                path.display()
            );
        }
    }
}

#[test]
fn rust_code_is_compiled() {
    let compiled = read(COMPILED);
    for path in pages(Path::new(GUIDE)) {
        let page = read(&path);
        let languages = languages(&page);
        let rust = languages.iter().any(|language| language.starts_with("rust"));
        let included = compiled.contains(&format!("include_str!(\"../../../{}\")", path.display()));
        assert_eq!(rust, included, "{}: with Rust code, and in {COMPILED}", path.display());
        for language in languages {
            assert!(!language.contains("ignore"), "{}: {language} is not compiled", path.display());
            // A block without a language would be compiled as Rust.
            assert!(!language.is_empty(), "{}: a code block has no language", path.display());
        }
    }
    assert!(read("crates/scopegate-axum/src/lib.rs").contains("\nmod guide;\n"));
}

#[test]
fn broken_link_is_found() {
    let page = "# A heading, of `code`\n[a](providers.md) [b](no.md) [c](#a-heading-of-code) [d](#e)\n\
                ```text\n[f](g.md)\n# h\n```\n[i](providers.md#presets) [j](providers.md#k) [l](https://m.example)";
    let found = broken(Path::new("docs/guide/index.md"), page);
    assert_eq!(
        found.join(" "),
        "docs/guide/index.md: there is no no.md docs/guide/index.md: there is no #e \
                                 docs/guide/index.md: there is no providers.md#k"
    );
}
