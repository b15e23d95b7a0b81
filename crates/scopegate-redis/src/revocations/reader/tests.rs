//! Servers whose snapshot has no end, or is never whole.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scopegate::Revocations;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Responds to pages with this cursor and one field, and says that there are five.
async fn respond(mut stream: TcpStream, cursor: u8, pages: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 4_096];
    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
        let commands = String::from_utf8_lossy(&buffer[..len]);
        let state = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n*3\r\n$1\r\ng\r\n$1\r\n0\r\n$-1\r\n*0\r\n";
        let response = if commands.contains("HSCAN") {
            pages.fetch_add(1, Ordering::Relaxed);
            format!("*2\r\n$1\r\n{cursor}\r\n*2\r\n$5\r\nfield\r\n$1\r\nx\r\n")
        } else if commands.contains("HLEN") {
            format!("{state}:5\r\n")
        } else {
            format!("{state}*0\r\n")
        };
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Returns the error of a reader with this limit, and the number of pages.
async fn error_of(cursor: u8, limit: Duration) -> (RedisError, usize) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let redis = Redis::new(&format!("redis://{}", listener.local_addr().unwrap())).unwrap();
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    tokio::spawn(async move { respond(listener.accept().await.unwrap().0, cursor, counted).await });
    let key = |name: &str| name.to_owned();
    let keys = Keys { entries: key("entries"), ends: key("ends"), stream: key("stream") };
    let mut reader = Reader::new(redis.clone(), keys);
    assert_eq!(reader.sync_limit, SYNC_LIMIT);
    reader.sync_limit = limit;
    let mut connection = Connection::open(&redis).await.unwrap();
    let source = Revocations::new().source("redis").unwrap();
    let error = reader.sync(&mut connection, &source).await.unwrap_err();
    (error, pages.load(Ordering::Relaxed))
}

#[tokio::test]
async fn snapshot_without_end_is_given_up() {
    let limit = Duration::from_millis(100);
    let (error, pages) = error_of(7, limit).await;
    assert!(matches!(error, RedisError::Timeout { limit: found, .. } if found == limit), "{error:?}");
    assert!(pages > 1, "{pages}");
}

#[tokio::test]
async fn ten_snapshots_are_read_in_a_row() {
    let (error, pages) = error_of(0, SYNC_LIMIT).await;
    assert!(matches!(error, RedisError::UnexpectedResponse { .. }), "{error:?}");
    assert_eq!(pages, MAX_SNAPSHOTS);
}
