use super::*;

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("scopegate-audit-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn cut_line_is_written_whole_after_rotation() -> io::Result<()> {
    let folder = Folder::new("rotation")?;
    let (path, old) = (folder.0.join("audit.jsonl"), folder.0.join("audit.jsonl.1"));
    let mut file = AuditFile::open(path.clone())?;
    file.push("first\n");
    file.push("second\n");
    // As after a write that has ended within the second line.
    file.file.write_all(b"first\nsec")?;
    file.written = 9;
    fs::rename(&path, &old)?;
    file.write()?;
    assert_eq!(
        (fs::read_to_string(&old)?, fs::read_to_string(&path)?),
        ("first\nsec".into(), "second\n".into())
    );

    file.push("third\n");
    file.file.write_all(b"thi")?;
    file.written = 3;
    file.write()?;
    assert_eq!(fs::read_to_string(&path)?, "second\nthird\n", "without rotation, the rest follows");
    Ok(())
}

#[test]
fn half_line_of_earlier_process_is_ended() -> io::Result<()> {
    let folder = Folder::new("half")?;
    let path = folder.0.join("audit.jsonl");
    for (before, after) in [
        ("first\nsec", "first\nsec\nthird\nfourth\n"),
        ("first\n", "first\nthird\nfourth\n"),
        ("", "third\nfourth\n"),
    ] {
        fs::write(&path, before)?;
        let mut file = AuditFile::open(path.clone())?;
        file.push("third\n");
        file.write()?;
        file.push("fourth\n");
        file.write()?;
        assert_eq!(fs::read_to_string(&path)?, after);
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn file_that_is_not_reopened_is_reported_once() -> io::Result<()> {
    let folder = Folder::new("reopen")?;
    let below = folder.0.join("below");
    fs::create_dir(&below)?;
    let (path, moved) = (below.join("audit.jsonl"), folder.0.join("moved"));
    let mut file = AuditFile::open(path.clone())?;
    file.push("first\n");
    file.write()?;
    assert!(file.take_news().is_none());
    fs::rename(&below, &moved)?;
    for is_first in [true, false] {
        file.push("second\n");
        file.write()?;
        assert_eq!(matches!(file.take_news(), Some(News::NotReopened(_))), is_first);
    }
    fs::create_dir(&below)?;
    for is_first in [true, false] {
        file.push("third\n");
        file.write()?;
        assert_eq!(matches!(file.take_news(), Some(News::Reopened)), is_first);
    }
    assert_eq!(fs::read_to_string(moved.join("audit.jsonl"))?, "first\nsecond\nsecond\n");
    assert_eq!(fs::read_to_string(&path)?, "third\nthird\n");
    Ok(())
}

#[cfg(unix)]
#[test]
fn deleted_file_is_not_written() -> io::Result<()> {
    let folder = Folder::new("deleted")?;
    let below = folder.0.join("below");
    fs::create_dir(&below)?;
    let path = below.join("audit.jsonl");
    let mut file = AuditFile::open(path.clone())?;
    fs::remove_dir_all(&below)?;
    file.push("first\n");
    assert!(file.write().is_err());
    // The line is written when the folder is there again.
    fs::create_dir(&below)?;
    file.write()?;
    assert_eq!(fs::read_to_string(&path)?, "first\n");
    Ok(())
}
