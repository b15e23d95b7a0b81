//! A bound on the requests that are served at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone)]
pub(super) struct Permits {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// A place, until it is dropped.
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permits {
    pub(super) fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    /// Returns a place, if one is free.
    pub(super) fn acquire(&self) -> Option<Permit> {
        // Counted first, so two requests cannot take the last place.
        let permit = Permit(Arc::clone(&self.used));
        (self.used.fetch_add(1, Ordering::Relaxed) < self.limit).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_permit_is_free_again() {
        let permits = Permits::new(2);
        let first = permits.acquire().unwrap();
        let second = permits.clone().acquire();
        assert!(second.is_some());
        // A request without a place takes none.
        assert!(permits.acquire().is_none() && permits.acquire().is_none());
        drop(first);
        assert!(permits.acquire().is_some());
    }
}
