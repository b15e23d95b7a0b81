//! A proxy that holds back a command or loses a response, so that a test can change the server's data
//! meanwhile.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use scopegate_redis::{Redis, RedisRevocations};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::server::Server;

pub(crate) struct Gate {
    address: SocketAddr,
    rule: watch::Sender<Rule>,
    /// Each open connection has a clone.
    open: Arc<()>,
}

/// What happens to commands that contain a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Pass,
    /// Lets as many of them pass, and holds the next one.
    Hold(&'static str, usize),
    Held,
    /// Closes the connection instead of sending the response to the next one.
    Lose(&'static str),
    Lost,
    /// Swallows the next one, and all further commands on its connection.
    Stall(&'static str),
}

impl Gate {
    pub(crate) async fn new(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, target) = (listener.local_addr().unwrap(), server.address());
        let rule = watch::Sender::new(Rule::Pass);
        let sender = rule.clone();
        let open = Arc::new(());
        let each = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, is_open) = (sender.clone(), Arc::clone(&each));
                tokio::spawn(async move {
                    let Ok(other) = TcpStream::connect(target).await else { return };
                    let (from_client, to_client) = stream.into_split();
                    let (from_server, to_server) = other.into_split();
                    tokio::select! {
                        () = commands(from_client, to_server, &sender) => {}
                        () = responses(from_server, to_client, &sender) => {}
                    }
                    drop(is_open);
                });
            }
        });
        Self { address, rule, open }
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::new(&format!("redis://{}", self.address)).unwrap()
    }

    pub(crate) fn shared(&self) -> RedisRevocations {
        RedisRevocations::new(&self.redis())
    }

    /// Holds back a command with this word after others with it.
    pub(crate) fn hold(&self, word: &'static str, after: usize) {
        self.rule.send_replace(Rule::Hold(word, after));
    }

    /// Waits until a command is held back.
    pub(crate) async fn until_held(&self) {
        let mut rule = self.rule.subscribe();
        let held = rule.wait_for(|rule| *rule == Rule::Held);
        let _ = tokio::time::timeout(Duration::from_secs(30), held).await.unwrap().unwrap();
    }

    /// Sends the command that is held back, and all others.
    pub(crate) fn release(&self) {
        self.rule.send_replace(Rule::Pass);
    }

    /// Stalls the connection of the next command with this word. Others work.
    pub(crate) fn stall(&self, word: &'static str) {
        self.rule.send_replace(Rule::Stall(word));
    }

    /// Returns the number of open connections.
    pub(crate) fn connections(&self) -> usize {
        // One is that of this value, and one that of the task that accepts.
        Arc::strong_count(&self.open) - 2
    }

    /// Closes the connection when the server has executed the next command with this word.
    pub(crate) fn lose_response(&self, word: &'static str) {
        self.rule.send_replace(Rule::Lose(word));
    }
}

async fn commands(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rule: &watch::Sender<Rule>) {
    let mut buffer = vec![0; 1024 * 1024];
    // A process sends a command after the response to the one before.
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        let has = |word: &str| buffer[..len].windows(word.len()).any(|found| found == word.as_bytes());
        let mut is_stalled = false;
        rule.send_modify(|rule| {
            *rule = match *rule {
                Rule::Stall(word) if has(word) => {
                    is_stalled = true;
                    Rule::Pass
                }
                Rule::Hold(word, 0) if has(word) => Rule::Held,
                Rule::Hold(word, more) if has(word) => Rule::Hold(word, more - 1),
                Rule::Lose(word) if has(word) => Rule::Lost,
                other => other,
            };
        });
        if is_stalled {
            while let Ok(1..) = from.read(&mut buffer).await {}
            return;
        }
        let _ = rule.subscribe().wait_for(|rule| *rule != Rule::Held).await;
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

async fn responses(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rule: &watch::Sender<Rule>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        if *rule.borrow() == Rule::Lost {
            rule.send_replace(Rule::Pass);
            return;
        }
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}
