//! The state of the revocations, for operators.

use std::time::{Duration, SystemTime};

/// The state of the revocations of a verifier. Get one from
/// [`Status::revocations`](crate::Status::revocations) or
/// [`Revocations::status`](crate::Revocations::status).
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct RevocationStatus {
    /// Whether each source that readiness waits for was synced.
    pub ready: bool,
    /// Whether each source is younger than its [limit](crate::RevocationSource::with_max_feed_age).
    /// If not, tokens are rejected with 503.
    pub fresh: bool,
    /// How many entries are stored. Ended ones are included until they are removed.
    pub entries: usize,
    /// How many entries can be stored.
    pub capacity: usize,
    /// The sources, in the order in which they were created.
    pub sources: Vec<RevocationSourceStatus>,
}

/// The state of one source of revocations.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct RevocationSourceStatus {
    /// The source's name: `application` for [`Revocations::revoke`](crate::Revocations::revoke),
    /// `file:` and the path for a followed file, and otherwise the name of the
    /// [source](crate::Revocations::source).
    pub name: String,
    /// How many entries of it are stored.
    pub entries: usize,
    /// When it was last known to be complete. `None` for a source that reports nothing.
    pub synced_at: Option<SystemTime>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// The longest age at which verification continues.
    pub max_feed_age: Option<Duration>,
    /// Why it could not be read the last time. `None` if it could.
    pub last_failure: Option<String>,
    /// Why its entries may differ from the source's data, although it can be read. A server that lost
    /// its data is such a [reason](crate::RevocationSource::degraded).
    pub degraded: Option<String>,
    /// How many of its entries are malformed.
    pub malformed: usize,
    /// The first 10 of these, with their line numbers or ids.
    pub malformed_lines: Vec<String>,
    /// How many of its lines or revocations name an issuer that no verifier trusts now. Of up to
    /// 1,000 issuers. 0 if there is no verifier, or if one of them has a
    /// [resolver](crate::VerifierBuilder::trust_dynamic), which may trust the issuer.
    pub untrusted: usize,
    /// The first 10 of these issuers, sorted.
    pub untrusted_issuers: Vec<String>,
    /// Whether ended entries were removed that have not ended by the present clock. The clock was
    /// ahead when they were removed. A followed file is read again, other sources have to
    /// [add](crate::RevocationSource::is_incomplete) their entries again.
    pub incomplete: bool,
    /// How many polled security events wait for a key that the transmitter does not publish. Their
    /// revocations are missing. 0 for other sources.
    pub held: usize,
}
