//! An API's description of itself: its identifier, its issuers, and the scopes of its layers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scopegate::{Requirement, ResourceIdentifier, Scope};

/// What is told about an API.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) identifier: ResourceIdentifier,
    pub(crate) authorization_servers: Vec<String>,
    scopes: Arc<Mutex<ScopesOfLayers>>,
    pub(crate) name: Option<String>,
    pub(crate) documentation: Option<String>,
}

/// The scopes of every layer so far. At most [`MAX_SCOPES`] each, because a program that makes
/// layers out of what requests ask for must not fill its memory with them.
#[derive(Debug, Default)]
struct ScopesOfLayers {
    named: BTreeSet<Scope>,
    /// Without those that are there for callers who have more than they need.
    sufficient: BTreeSet<Scope>,
}

const MAX_SCOPES: usize = 256;

impl Description {
    pub(crate) fn new(identifier: ResourceIdentifier, authorization_servers: Vec<String>) -> Self {
        Self { identifier, authorization_servers, scopes: Arc::default(), name: None, documentation: None }
    }

    /// Adds the scopes of a layer.
    pub(crate) fn add(&self, requirement: &Requirement) {
        let mut scopes = self.lock();
        add(&mut scopes.named, requirement.scopes());
        add(&mut scopes.sufficient, requirement.challenge_scopes());
    }

    /// Every scope that a layer names, in alphabetical order.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.lock().named.iter().cloned().collect()
    }

    /// The scopes that callers should request, in alphabetical order.
    pub(crate) fn scopes_to_request(&self) -> Vec<Scope> {
        self.lock().sufficient.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, ScopesOfLayers> {
        // Nothing panics between two halves of a change, and if it did, these would still be scopes
        // that layers ask for.
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(scopes: &mut BTreeSet<Scope>, more: Vec<&Scope>) {
    for scope in more {
        if scopes.len() < MAX_SCOPES {
            scopes.insert(scope.clone());
        }
    }
}
