//! A full disk: `/dev/full` behind a link, which is replaced by a file later.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use audit::audit::{Audit, WhenFull};
use axum::http::StatusCode;

use crate::service::{Folder, Service, ids, lines, token, until};

/// Returns a path whose file is full. `false` without `/dev/full`.
pub(crate) fn full(folder: &Folder) -> Option<PathBuf> {
    let path = folder.file("audit.jsonl");
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("not run: there is no /dev/full");
        return None;
    }
    symlink("/dev/full", &path).unwrap();
    Some(path)
}

/// Replaces the full file by an ordinary one.
pub(crate) fn make_room(path: &PathBuf) {
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn full_disk_costs_no_request() {
    let folder = Folder::new();
    let Some(path) = full(&folder) else { return };
    let service = Service::start(&path, WhenFull::CountLosses);
    let (sent, first, more) = (3_000, token("first"), token("more"));
    for round in 0..sent {
        let token = if round == 0 { &first } else { &more };
        assert_eq!(service.get(Some(token)).await.0, StatusCode::OK);
    }
    make_room(&path);
    until("it is written again", || path.exists() && !lines(&path).is_empty()).await;
    service.close().await.unwrap();
    let lines = lines(&path);
    let lost: u64 = lines.iter().filter_map(|line| line["lost"].as_u64()).sum();
    // The queue, and the batch that could not be written.
    let written = ids(&lines).len();
    assert!((1_024..=1_024 + 256).contains(&written), "{written}");
    assert_eq!(written as u64 + lost, sent, "each record is written or counted");
    assert_eq!(ids(&lines)[0], "first", "the oldest ones were kept");
}

#[tokio::test]
async fn full_disk_rejects_requests_if_chosen() {
    let folder = Folder::new();
    let Some(path) = full(&folder) else { return };
    let service = Service::start(&path, WhenFull::RejectRequests);
    assert_eq!(service.get(Some(&token("first"))).await.0, StatusCode::OK);
    let mut accepted = 1;
    // Until the writer has failed, requests have room in the queue.
    let rejected = loop {
        match service.get(Some(&token("more"))).await {
            (StatusCode::OK, _) => accepted += 1,
            other => break other.0,
        }
    };
    assert_eq!(rejected, StatusCode::SERVICE_UNAVAILABLE);
    make_room(&path);
    let begun = std::time::Instant::now();
    while service.get(Some(&token("last"))).await.0 != StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is not written again");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    service.close().await.unwrap();
    let lines = lines(&path);
    let turned_away: u64 = lines.iter().filter_map(|line| line["turned_away"].as_u64()).sum();
    assert!(turned_away > 0);
    assert_eq!(lines.iter().filter_map(|line| line["lost"].as_u64()).sum::<u64>(), 0);
    let ids = ids(&lines);
    assert_eq!((ids.len(), ids[0], *ids.last().unwrap()), (accepted + 1, "first", "last"));
}

#[tokio::test]
async fn closing_a_full_file_is_an_error() {
    let folder = Folder::new();
    let Some(path) = full(&folder) else { return };
    let audit = Audit::open(&path, WhenFull::CountLosses).unwrap();
    let service = Service::start(&path, WhenFull::CountLosses);
    service.get(Some(&token("a"))).await;
    audit.close(Duration::from_secs(30)).await.expect("nothing was queued");
    let error = service.audit.close(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}
