//! A slow disk: a pipe that nothing reads for a while.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

use audit::audit::WhenFull;
use axum::http::StatusCode;
use serde_json::Value;

use crate::service::{Folder, LIMIT, Service, token};

#[tokio::test]
async fn slow_disk_blocks_no_request_and_queue_is_bounded() {
    let folder = Folder::new();
    let path = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Opened for both, so that the writer does not wait for a reader.
    let pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let service = Service::start(&path, WhenFull::CountLosses);
    let (sent, begun) = (5_000, Instant::now());
    let token = token("a");
    for _ in 0..sent {
        assert_eq!(service.get(Some(&token)).await.0, StatusCode::OK);
    }
    assert!(begun.elapsed() < LIMIT);
    // The thread is blocked in the pipe, so the limit of `close` ends the wait.
    let late = service.audit.clone().close(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);

    // Now the pipe is read. The sum of records and losses is complete.
    let (mut written, mut lost) = (0, 0);
    for line in BufReader::new(pipe).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match line["lost"].as_u64() {
            Some(more) => lost += more,
            None => written += 1,
        }
        if written + lost == sent {
            break;
        }
    }
    // The pipe holds 64 KiB, the queue 1,024 records, and the writer a batch.
    assert!(written < 1_024 + 256 + 64 * 1_024 / 200, "{written}");
    assert!(lost > 0);
}
