//! The value of the gauge of keys ends with the last issuer that has its label.

#[cfg(feature = "metrics")]
use std::collections::BTreeMap;
#[cfg(feature = "metrics")]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
#[cfg(feature = "metrics")]
use std::time::UNIX_EPOCH;

use crate::telemetry::metrics::issuer_label::IssuerLabel;

/// The number of issuers of this process that have each label. A recorder is the process's too, so
/// several verifiers share a gauge.
#[cfg(feature = "metrics")]
static IN_USE: Mutex<BTreeMap<Arc<str>, usize>> = Mutex::new(BTreeMap::new());

/// A trusted issuer whose keys are fetched.
pub(crate) struct KeysInUse(Arc<str>);

impl KeysInUse {
    /// Begins the use. `None` if the issuer has no label of its own.
    ///
    /// `fetched_at` is the time of the keys if there are some already.
    pub(crate) fn new(label: &IssuerLabel, fetched_at: Option<SystemTime>) -> Option<Self> {
        let name = label.name()?;
        #[cfg(feature = "metrics")]
        {
            *in_use().entry(Arc::clone(name)).or_default() += 1;
            if let Some(at) = fetched_at {
                keys_fetched(name, at);
            }
        }
        #[cfg(not(feature = "metrics"))]
        let _ = fetched_at;
        Some(Self(Arc::clone(name)))
    }
}

/// The facade cannot remove a gauge. No comparison with "not a number" is true, so no alert on the
/// age of the keys fires.
impl Drop for KeysInUse {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        {
            let mut in_use = in_use();
            let Some(count) = in_use.get_mut(&self.0) else { return };
            *count -= 1;
            if *count == 0 {
                in_use.remove(&self.0);
                // With the lock, so that a fetch that ends now does not follow.
                set(&self.0, f64::NAN);
            }
        }
        #[cfg(not(feature = "metrics"))]
        let _ = &self.0;
    }
}

/// Sets the gauge, unless the last use has ended meanwhile.
#[cfg(feature = "metrics")]
pub(super) fn keys_fetched(name: &Arc<str>, at: SystemTime) {
    let in_use = in_use();
    if in_use.contains_key(name) {
        set(name, at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    }
}

/// A panic of the recorder is ignored, because an issuer must end in any case.
#[cfg(feature = "metrics")]
fn set(name: &Arc<str>, value: f64) {
    let name = name.to_string();
    let _ = catch_unwind(AssertUnwindSafe(|| {
        metrics::gauge!("scopegate_keys_fetched_timestamp_seconds", "issuer" => name).set(value);
    }));
}

#[cfg(feature = "metrics")]
fn in_use() -> MutexGuard<'static, BTreeMap<Arc<str>, usize>> {
    // No code that runs under this lock leaves the counts half changed.
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}
