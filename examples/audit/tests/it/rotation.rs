//! Rotation by renaming, as logrotate does it.

use std::os::unix::fs::PermissionsExt as _;

use audit::audit::WhenFull;

use crate::service::{Folder, Service, ids, lines, token, until};

#[tokio::test]
async fn renamed_file_is_replaced_without_loss() {
    let folder = Folder::new();
    let (path, old) = (folder.file("audit.jsonl"), folder.file("audit.jsonl.1"));
    let service = Service::start(&path, WhenFull::CountLosses);
    for round in 0..3 {
        service.get(Some(&token(&format!("before-{round}")))).await;
    }
    until("the lines are written", || lines(&path).len() == 3).await;
    std::fs::rename(&path, &old).unwrap();
    service.get(Some(&token("after"))).await;
    service.close().await.unwrap();
    assert_eq!(ids(&lines(&old)), ["before-0", "before-1", "before-2"]);
    assert_eq!(ids(&lines(&path)), ["after"]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "names of subjects are personal data");
}

#[tokio::test]
async fn existing_file_is_appended_to() {
    let folder = Folder::new();
    let path = folder.file("audit.jsonl");
    for id in ["first", "second"] {
        let service = Service::start(&path, WhenFull::CountLosses);
        service.get(Some(&token(id))).await;
        service.close().await.unwrap();
    }
    assert_eq!(ids(&lines(&path)), ["first", "second"]);
}

#[tokio::test]
async fn removed_folder_keeps_the_open_file() {
    let folder = Folder::new();
    let below = folder.file("below");
    std::fs::create_dir(&below).unwrap();
    let (path, moved) = (below.join("audit.jsonl"), folder.file("moved"));
    let service = Service::start(&path, WhenFull::CountLosses);
    std::fs::rename(&below, &moved).unwrap();
    service.get(Some(&token("a"))).await;
    service.close().await.unwrap();
    assert_eq!(ids(&lines(&moved.join("audit.jsonl"))), ["a"]);
}
