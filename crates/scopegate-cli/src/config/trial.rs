//! A verifier that checks the settings and is dropped.

use std::ops::Range;

use scopegate::{ConfigError, Dpop, Verifier, VerifierBuilder};
use tracing::subscriber::{NoSubscriber, with_default};

use crate::causes::with_causes;
use crate::config::issuer::{IssuerEntry, Unnamed};
use crate::config::problem::Problems;

/// Checks the entries. Returns each valid entry with its name and its place.
pub(super) fn named(entries: Vec<Unnamed>, problems: &mut Problems<'_>) -> Vec<(IssuerEntry, Range<usize>)> {
    let found = names(&entries, problems);
    let named = entries.into_iter().zip(found).filter_map(|(entry, name)| {
        let span = entry.span.clone();
        name.map(|name| (entry.named(name), span))
    });
    named.collect()
}

/// Returns the name of each entry. An entry with a mistake has `None`.
///
/// One verifier has all entries, because each verifier builds an HTTP client. If an entry has a mistake,
/// the halves are checked.
fn names(entries: &[Unnamed], problems: &mut Problems<'_>) -> Vec<Option<String>> {
    match (together(entries), entries) {
        (_, []) => Vec::new(),
        (Ok(names), _) => names.into_iter().map(Some).collect(),
        // Each trial builds an HTTP client.
        (Err(_), several) if problems.are_full() => vec![None; several.len()],
        (Err(error), [entry]) => {
            problems.add(entry.span_of(&error), with_causes(&error));
            vec![None]
        }
        (Err(error), several) => {
            let before = problems.len();
            let (one, other) = several.split_at(several.len() / 2);
            let names = [names(one, problems), names(other, problems)].concat();
            // Each half is valid, so the mistake is in both together. The caller reports a name that
            // occurs twice.
            if problems.len() == before && !matches!(error, ConfigError::DuplicateIssuer { .. }) {
                let valid = partition(several);
                if let Some(entry) = several.get(valid) {
                    problems.add(entry.span_of(&error), with_causes(&error));
                }
            }
            names
        }
    }
}

/// Returns the number of entries that are valid together, from the first one.
fn partition(entries: &[Unnamed]) -> usize {
    let (mut valid, mut invalid) = (0, entries.len());
    while invalid - valid > 1 {
        let middle = valid.midpoint(invalid);
        match entries.get(..middle).map(together) {
            Some(Err(_)) => invalid = middle,
            _ => valid = middle,
        }
    }
    valid
}

/// Starts a verifier with all entries.
fn together(entries: &[Unnamed]) -> Result<Vec<String>, ConfigError> {
    let issuers = entries.iter().map(Unnamed::issuer).collect::<Result<Vec<_>, _>>()?;
    start(issuers.into_iter().fold(Verifier::builder(), VerifierBuilder::trust))
}

/// Checks the settings for DPoP proofs.
pub(super) fn check_dpop(entry: &IssuerEntry, dpop: Dpop) -> Result<(), ConfigError> {
    entry.issuer().and_then(|issuer| start(Verifier::builder().trust(issuer).dpop(dpop))).map(drop)
}

/// Starts a verifier and returns the names of its issuers. Nothing is fetched.
fn start(builder: VerifierBuilder) -> Result<Vec<String>, ConfigError> {
    aside(|| builder.cache_capacity(0).start_lazy().map(|verifier| verifier.issuers().collect()))
}

/// Calls a function on a runtime that never runs. The service does not use the result, so it leaves no
/// trace in the log and in the metrics.
pub(super) fn aside<T, E: From<ConfigError>>(start: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| ConfigError::NoRuntime)?;
    let result = {
        let _entered = runtime.enter();
        with_default(NoSubscriber::new(), || metrics::with_local_recorder(&metrics::NoopRecorder, start))
    };
    // A drop waits for threads, which panics inside of another runtime. This one has no threads.
    runtime.shutdown_background();
    result
}
