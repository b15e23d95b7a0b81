//! The values in an API's metadata: its identifier, its issuers, and the scopes of its layers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scopegate::{Dpop, Requirement, ResourceIdentifier, Scope};

/// The values in an API's metadata.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) identifier: ResourceIdentifier,
    pub(crate) authorization_servers: Vec<String>,
    scopes: Arc<Mutex<ScopesOfLayers>>,
    pub(crate) name: Option<String>,
    pub(crate) documentation: Option<String>,
    /// `None` if the API accepts no DPoP proofs.
    pub(crate) dpop: Option<Dpop>,
}

/// The scopes of every layer so far. Each set holds at most [`MAX_SCOPES`], which bounds the memory
/// of a program that creates layers from untrusted input.
#[derive(Debug, Default)]
struct ScopesOfLayers {
    named: BTreeSet<Scope>,
    /// The scopes of the layers' challenges, which leave out further alternatives.
    sufficient: BTreeSet<Scope>,
}

const MAX_SCOPES: usize = 256;

impl Description {
    pub(crate) fn new(
        identifier: ResourceIdentifier,
        authorization_servers: Vec<String>,
        dpop: Option<&Dpop>,
    ) -> Self {
        Self {
            identifier,
            authorization_servers,
            scopes: Arc::default(),
            name: None,
            documentation: None,
            dpop: dpop.cloned(),
        }
    }

    /// Adds the scopes of a layer.
    pub(crate) fn add(&self, requirement: &Requirement) {
        let mut scopes = self.lock();
        add(&mut scopes.named, requirement.scopes());
        add(&mut scopes.sufficient, requirement.challenge_scopes());
    }

    /// Returns every scope that a layer names, in alphabetical order.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.lock().named.iter().cloned().collect()
    }

    /// Returns the scopes that clients should request, in alphabetical order.
    pub(crate) fn scopes_to_request(&self) -> Vec<Scope> {
        self.lock().sufficient.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, ScopesOfLayers> {
        // A panic cannot leave a half-changed value: each insertion is complete by itself.
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
