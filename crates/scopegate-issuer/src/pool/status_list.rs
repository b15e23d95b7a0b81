//! The status list of a pool (draft-ietf-oauth-status-list-20): one byte for each token.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::json;

use super::Pool;
use crate::mint::Mint;

/// The number of tokens that the list has at least.
const MIN_TOKENS: usize = 1_024;

/// The largest index, so that a mistake does not exhaust memory.
const MAX_INDEX: usize = (1 << 20) - 1;

/// The list, which tests change.
pub(crate) struct StatusList {
    content: Mutex<Content>,
    fetches: AtomicU64,
}

struct Content {
    statuses: Vec<u8>,
    ttl: u64,
}

impl Default for StatusList {
    fn default() -> Self {
        let content = Content { statuses: vec![0; MIN_TOKENS], ttl: 300 };
        Self { content: Mutex::new(content), fetches: AtomicU64::new(0) }
    }
}

impl StatusList {
    /// Returns the signed list, and counts the fetch.
    pub(crate) fn fetch(&self, uri: &str, now: u64, mint: &Mint) -> String {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let content = self.content();
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content.statuses).expect("writing into memory does not fail");
        let compressed = encoder.finish().expect("writing into memory does not fail");
        let payload = json!({
            "sub": uri,
            "iat": now,
            "ttl": content.ttl,
            "status_list": { "bits": 8, "lst": URL_SAFE_NO_PAD.encode(compressed) },
        });
        mint.clone().header("typ", "statuslist+jwt").raw_payload(payload.to_string()).sign()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // A panic under the lock leaves the list valid.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Returns the URL of the status list: the issuer followed by `/status-list`.
    pub fn status_list_uri(&self) -> String {
        self.state.status_list_uri()
    }

    /// Sets the status of an index in the status list: 0 is valid, 1 is invalid, 2 is suspended.
    /// Default: all statuses are 0. [`Mint::status_index`] gives a token an index.
    ///
    /// # Panics
    ///
    /// Panics if the index is 1,048,576 or more.
    pub fn set_status(&self, index: usize, status: u8) {
        assert!(index <= MAX_INDEX, "an index of the status list is at most {MAX_INDEX}");
        let mut content = self.state.status_list().content();
        if content.statuses.len() <= index {
            content.statuses.resize(index + 1, 0);
        }
        if let Some(place) = content.statuses.get_mut(index) {
            *place = status;
        }
    }

    /// Sets the `ttl` of the status list in seconds. Default: 300.
    pub fn set_status_list_ttl(&self, seconds: u64) {
        self.state.status_list().content().ttl = seconds;
    }

    /// Returns the number of requests for the status list.
    pub fn status_list_fetches(&self) -> u64 {
        self.state.status_list().fetches.load(Ordering::SeqCst)
    }
}
