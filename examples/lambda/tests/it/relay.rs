//! A relay in front of the issuer. It can drop connections silently, like a NAT gateway that
//! forgets them.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Relay {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    deaths: watch::Sender<()>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            target: watch::Sender::new(None),
            deaths: watch::Sender::new(()),
        };
        let (mut target, deaths) = (relay.target.subscribe(), relay.deaths.clone());
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let server = target.wait_for(Option::is_some).await.unwrap().unwrap();
                tokio::spawn(relayed(caller, server, deaths.subscribe()));
            }
        });
        relay
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn relay_to(&self, server: SocketAddr) {
        self.target.send_replace(Some(server));
    }

    /// Stops forwarding on all current connections without closing them. New connections work.
    pub(crate) fn forget_connections(&self) {
        self.deaths.send_replace(());
    }
}

async fn relayed(mut caller: TcpStream, server: SocketAddr, mut deaths: watch::Receiver<()>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let died = tokio::select! {
        _ = copy_bidirectional(&mut caller, &mut server) => false,
        died = deaths.changed() => died.is_ok(),
    };
    if died {
        // Keeps the connection open, so that neither end gets an end of stream.
        std::future::pending::<()>().await;
    }
}
