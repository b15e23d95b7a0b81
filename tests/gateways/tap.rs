//! The connections between a gateway and the decision service, with the bytes that the gateway sends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::trouble::Trouble;

/// Maximum length of the recorded bytes. Later ones are passed on only.
const MAX_RECORDED: usize = 4 * 1024 * 1024;

/// An address that passes on each connection. It ends on drop.
pub(crate) struct Tap {
    pub(crate) address: String,
    record: Arc<Record>,
    task: JoinHandle<()>,
}

/// The bytes of all connections of an address.
#[derive(Default)]
struct Record {
    bytes: Mutex<Vec<u8>>,
    /// Whether the service gets no further bytes.
    is_silent: AtomicBool,
}

impl Tap {
    pub(crate) async fn start(service: &str) -> Result<Self, Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, service) = (listener.local_addr()?.to_string(), service.to_owned());
        let record = Arc::<Record>::default();
        let of_task = Arc::clone(&record);
        let task = tokio::spawn(async move {
            while let Ok((gateway, _)) = listener.accept().await {
                tokio::spawn(pass_on(gateway, service.clone(), Arc::clone(&of_task)));
            }
        });
        Ok(Self { address, record, task })
    }

    /// Forgets the recorded bytes.
    pub(crate) fn clear(&self) {
        self.record.bytes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Keeps all connections open, but passes on nothing more to the service.
    pub(crate) fn silence(&self) {
        self.record.is_silent.store(true, Ordering::SeqCst);
    }

    /// Returns whether the service has got this text, in any case. Messages of gRPC have texts as they are.
    pub(crate) fn has(&self, text: &str) -> bool {
        let recorded = self.record.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(gateway: TcpStream, service: String, record: Arc<Record>) -> std::io::Result<()> {
    let service = TcpStream::connect(service).await?;
    // Without it, the second part of a message waits for the acknowledgment of the first.
    gateway.set_nodelay(true)?;
    service.set_nodelay(true)?;
    let (mut from_gateway, mut to_gateway) = gateway.into_split();
    let (mut from_service, mut to_service) = service.into_split();
    let back = tokio::spawn(async move {
        let _ = copy(&mut from_service, &mut to_gateway).await;
        to_gateway.shutdown().await
    });
    let mut bytes = Vec::new();
    while from_gateway.read_buf(&mut bytes).await? > 0 {
        {
            let mut recorded = record.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            let space = MAX_RECORDED.saturating_sub(recorded.len()).min(bytes.len());
            recorded.extend_from_slice(bytes.get(..space).unwrap_or_default());
        }
        if !record.is_silent.load(Ordering::SeqCst) {
            to_service.write_all(&bytes).await?;
        }
        bytes.clear();
    }
    to_service.shutdown().await?;
    back.await?
}
