//! `replay_store`: the place of used proofs.

use scopegate::Dpop;
use scopegate_redis::RedisReplayStore;

use crate::config::beside::Beside;
use crate::config::problem::Problems;
use crate::config::reader::Reader;
use crate::config::redis::Server;

/// The store of used proofs.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// The memory of this process.
    Memory,
    /// A server that several instances share. The store connects when the first proof needs it.
    Redis { server: Box<Server>, store: RedisReplayStore },
}

impl Store {
    /// Returns whether the password of the server differs from that of the earlier store.
    pub(super) fn has_other_password_than(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Redis { server, .. }, Self::Redis { server: earlier, .. }) => {
                server.has_other_password_than(earlier)
            }
            _ => false,
        }
    }

    /// Returns settings whose used proofs are in this store.
    pub(super) fn add_to(&self, dpop: Dpop) -> Dpop {
        match self {
            Self::Memory => dpop,
            Self::Redis { store, .. } => dpop.replay_store(store.clone()),
        }
    }
}

/// Equal stores are one server with one user.
impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Redis { server, .. }, Self::Redis { server: other, .. }) => server == other,
            (Self::Memory, Self::Redis { .. }) | (Self::Redis { .. }, Self::Memory) => false,
        }
    }
}

impl Eq for Store {}

/// Reads the store.
pub(super) fn read(table: &mut Reader<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Store {
    let url = table.string("replay_store", problems);
    let file = table.string("replay_store_password_file", problems);
    match (url, file) {
        (Some(url), file) if url.text != "memory" => {
            let server = Server::read(&url, file.as_ref(), "\"memory\" or ", beside, problems);
            let Some(server) = server else { return Store::Memory };
            match RedisReplayStore::builder(&server.redis).connect_lazy() {
                Ok(store) => return Store::Redis { server: Box::new(server), store },
                Err(error) => problems.add(&url.span, error),
            }
        }
        (_, Some(file)) => problems.add(&file.span, "expected `replay_store` with a URL beside it"),
        (_, None) => {}
    }
    Store::Memory
}
