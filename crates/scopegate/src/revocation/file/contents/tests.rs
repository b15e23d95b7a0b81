use std::fs;
use std::io::Write as _;

use super::*;
use crate::revocation::Revocations;

/// A file of an hour ago, so that its times are settled.
fn settled(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap();
}

#[test]
fn only_new_lines_of_a_grown_file_are_parsed() {
    let path = std::env::temp_dir().join(format!("scopegate-contents-{}", std::process::id()));
    let source = Revocations::new().source("file").unwrap();
    let line = |name: usize| format!("{{\"iss\":\"i\",\"jti\":\"{name}\"}}\n");
    settled(&path, &(0..1_000).map(line).collect::<String>());
    let mut before = None;
    let mut read = || Contents::read(&path, 1 << 20, false, &mut before, &source).unwrap();
    assert!(matches!(read(), Reading::Whole(all) if all.len() == 1_000));
    assert!(matches!(read(), Reading::Unchanged));
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all([line(1_000), line(1_001)].concat().as_bytes()).unwrap();
    assert!(matches!(read(), Reading::Appended(new) if new.len() == 2));
    // A malformed line has its number in the file.
    file.write_all(b"x\n").unwrap();
    assert!(matches!(read(), Reading::Appended(new) if new.is_empty()));
    file.write_all(line(1_003).trim_end().as_bytes()).unwrap();
    assert!(matches!(read(), Reading::Appended(new) if new.len() == 1));
    file.write_all(b"\n").unwrap();
    // The line that is complete now is parsed once more.
    assert!(matches!(read(), Reading::Appended(new) if new.len() == 1));
    let contents = before.unwrap();
    assert_eq!((contents.malformed.count, contents.malformed.first[0].0), (1, 1_003));
    assert_eq!(contents.complete_lines, 1_004);
    fs::remove_file(&path).unwrap();
}

#[test]
fn any_difference_in_old_lines_is_a_new_whole() {
    let path = std::env::temp_dir().join(format!("scopegate-contents-whole-{}", std::process::id()));
    let source = Revocations::new().source("file").unwrap();
    let first = "{\"iss\":\"i\",\"jti\":\"a\"}\n{\"iss\":\"i\",\"jti\":\"b\"}\n";
    for second in [
        first.replacen("\"a\"", "\"c\"", 1) + first,
        first.replacen("\"b\"", "\"c\"", 1) + first,
        first.trim_end().to_owned(),
        String::new(),
    ] {
        let mut before = None;
        let mut read = |content: &str| {
            settled(&path, content);
            Contents::read(&path, 1 << 20, false, &mut before, &source).unwrap()
        };
        assert!(matches!(read(first), Reading::Whole(_)));
        assert!(matches!(read(&second), Reading::Whole(_)), "{second}");
    }
    fs::remove_file(&path).unwrap();
}
