//! A verifier that checks the settings and is dropped.

use std::ops::Range;

use scopegate::{ConfigError, Dpop, Verifier, VerifierBuilder};
use tracing::subscriber::{NoSubscriber, with_default};

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
    let issuers = entries.iter().map(Unnamed::issuer).collect::<Result<Vec<_>, _>>();
    let started = issuers
        .and_then(|issuers| start(issuers.into_iter().fold(Verifier::builder(), VerifierBuilder::trust)));
    match (started, entries) {
        (_, []) => Vec::new(),
        (Ok(names), _) => names.into_iter().map(Some).collect(),
        (Err(error), [entry]) => {
            problems.add(entry.span_of(&error), error);
            vec![None]
        }
        (Err(_), several) => {
            let (one, other) = several.split_at(several.len() / 2);
            [names(one, problems), names(other, problems)].concat()
        }
    }
}

/// Checks the settings for DPoP proofs.
pub(super) fn check_dpop(entry: &IssuerEntry, dpop: Dpop) -> Result<(), ConfigError> {
    entry.issuer().and_then(|issuer| start(Verifier::builder().trust(issuer).dpop(dpop))).map(drop)
}

/// Starts a verifier and returns the names of its issuers. Its runtime never runs, so nothing is
/// fetched. The service does not use it, so it leaves no trace in the log and in the metrics.
fn start(builder: VerifierBuilder) -> Result<Vec<String>, ConfigError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| ConfigError::NoRuntime)?;
    let names = {
        let _entered = runtime.enter();
        let start = || builder.cache_capacity(0).start_lazy().map(|verifier| verifier.issuers().collect());
        with_default(NoSubscriber::new(), || metrics::with_local_recorder(&metrics::NoopRecorder, start))
    };
    // A drop waits for threads, which panics inside of another runtime. This one has no threads.
    runtime.shutdown_background();
    names
}
