//! A server whose responses a test writes one by one, in any order.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scopegate_redis::Redis;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

/// The server has the commands of requests, and accepts each login.
pub(crate) struct Scripted {
    address: SocketAddr,
    commands: mpsc::UnboundedReceiver<Received>,
    connections: Arc<AtomicUsize>,
    holds_logins: Arc<AtomicBool>,
}

/// A command that waits for its response.
pub(crate) struct Received {
    /// The number of the connection, from 0.
    pub(crate) connection: usize,
    pub(crate) words: Vec<String>,
    to: Arc<Mutex<OwnedWriteHalf>>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, commands) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let holds_logins = Arc::new(AtomicBool::new(false));
        let (accepted, holds) = (Arc::clone(&connections), Arc::clone(&holds_logins));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = accepted.fetch_add(1, Ordering::Relaxed);
                let holds = Arc::clone(&holds);
                tokio::spawn(serve(number, stream, sender.clone(), holds));
            }
        });
        Self { address, commands, connections, holds_logins }
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::new(&format!("redis://{}", self.address)).unwrap()
    }

    /// Returns the next command, which is this one, on this connection.
    pub(crate) async fn next(&mut self, name: &str, connection: usize) -> Received {
        // The time of the runtime may stand still.
        let begun = Instant::now();
        let received = loop {
            if let Ok(received) = self.commands.try_recv() {
                break received;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "expected {name}");
            tokio::task::yield_now().await;
        };
        assert_eq!((received.words[0].as_str(), received.connection), (name, connection));
        received
    }

    /// Sends no more responses to logins.
    pub(crate) fn hold_logins(&self) {
        self.holds_logins.store(true, Ordering::Relaxed);
    }

    /// Returns how many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Received {
    /// Returns the value that a `SET` writes.
    pub(crate) fn value(&self) -> &str {
        &self.words[2]
    }

    pub(crate) async fn ok(&self) {
        self.respond("+OK\r\n").await;
    }

    pub(crate) async fn nothing(&self) {
        self.respond("$-1\r\n").await;
    }

    pub(crate) async fn text(&self, text: &str) {
        self.respond(&format!("${}\r\n{text}\r\n", text.len())).await;
    }

    pub(crate) async fn respond(&self, response: &str) {
        // The client may have closed the connection.
        let _ = self.to.lock().await.write_all(response.as_bytes()).await;
    }
}

async fn serve(
    connection: usize,
    stream: TcpStream,
    commands: mpsc::UnboundedSender<Received>,
    holds_logins: Arc<AtomicBool>,
) {
    let (from, to) = stream.into_split();
    let (mut from, to) = (BufReader::new(from), Arc::new(Mutex::new(to)));
    while let Some(words) = command(&mut from).await {
        let received = Received { connection, words, to: Arc::clone(&to) };
        match received.words[0].as_str() {
            "SET" | "GET" => drop(commands.send(received)),
            _ if holds_logins.load(Ordering::Relaxed) => {}
            "INFO" => received.text("maxmemory:0\r\n").await,
            _ => received.ok().await,
        }
    }
}

/// Reads an array of strings.
async fn command(from: &mut BufReader<OwnedReadHalf>) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..length(from, '*').await? {
        let mut word = vec![0; length(from, '$').await? + 2];
        let _ = from.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8(word).unwrap());
    }
    Some(words)
}

async fn length(from: &mut BufReader<OwnedReadHalf>, mark: char) -> Option<usize> {
    let mut line = String::new();
    let _ = from.read_line(&mut line).await.ok()?;
    line.trim_end().strip_prefix(mark)?.parse().ok()
}
