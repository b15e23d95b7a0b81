//! Status lists: does the issuer's list say that a valid token is still valid?
//!
//! Specification: draft-ietf-oauth-status-list-20. A token names a list and an index in it. Lists
//! are fetched in the background, and requests read a snapshot without a lock.

mod array;
mod budget;
mod claim;
mod document;
pub(crate) mod error;
mod fetch;
pub(crate) mod list;
pub(crate) mod lists;
mod memory;
mod newest;
mod snapshot;
pub(crate) mod task;
pub(crate) mod token_status;

use std::time::Duration;

use scopegate_proto::url::SecureUrl;

use crate::config_error::ConfigError;

/// The status list rules of one issuer. Pass them to
/// [`Issuer::status_list`](crate::Issuer::status_list).
///
/// An issuer writes `status.status_list` into its tokens: the URL of a list and an index. The list
/// has one status for each index. A token is accepted if its status is 0 (`VALID`).
///
/// ```
/// use scopegate::{Error, Issuer, StatusList, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let (token, revoked) = (local.mint().status_index(7).sign(), local.mint().status_index(8).sign());
/// # local.set_status(8, 1);
/// # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
/// let issuer = issuer.status_list(StatusList::required());
/// let verifier = Verifier::builder().trust(issuer).start().await?;
///
/// assert!(verifier.verify_or_refresh(&token).await.is_ok());
/// assert!(matches!(verifier.verify_or_refresh(&revoked).await, Err(Error::InvalidStatus { .. })));
/// # Ok(()) }
/// ```
///
/// # Fetching
///
/// - A list is fetched when the first valid token names it. That request waits at most 2 s, like a
///   request with an unknown key. [`Verifier::verify`](crate::Verifier::verify) never waits.
/// - A list is renewed in the background, after four fifths of its `ttl`, ±10 %. The `ttl` is
///   clamped to 30 s–12 h. Default without `ttl`: 5 min.
/// - If a list cannot be renewed, it stays in use until its `exp`, and at most for
///   [`max_stale`](Self::max_stale). From then on, its tokens are
///   [`Error::StatusUnavailable`](crate::Error::StatusUnavailable) (503).
/// - A list whose `iat` is earlier than before is rejected, because an attacker may replay it. This
///   counts as a failed fetch. A restart, or new rules for the issuer, forget the earlier `iat`.
/// - If the issuer no longer publishes the key that signed a list, the list is fetched again. If that
///   brings no valid list, it ends 5 min later.
/// - After a successful fetch, a list is not fetched for 5 s. At most 4 lists of an issuer are fetched
///   at the same time.
/// - Lists are fetched from configured [origins](Self::origin) only, by `https` or from a loopback
///   address. Up to three redirects within the origin are followed.
///
/// # Checks of a list
///
/// The list is a JWT with `typ` `statuslist+jwt` (§5.1), signed with a key of the issuer that its
/// tokens may use. Its `sub` is exactly the URL that tokens name (§8.3). It is within its lifetime,
/// and has an `iat`.
///
/// # Limits
///
/// A list has at most 2 MiB on the wire and 4 MiB once inflated: 32 million tokens with one bit
/// each. The lists of an issuer have at most 64 MiB, and all lists of a verifier 256 MiB. If a list
/// has no room, its tokens are [`Error::StatusUnavailable`](crate::Error::StatusUnavailable). Each
/// issuer has at most [`max_lists`](Self::max_lists). When the trust in an issuer ends, its lists
/// return their memory at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "rules apply to an issuer: Issuer::status_list"]
pub struct StatusList {
    presence: Presence,
    /// If there are none, the issuer's own origin.
    origins: Vec<String>,
    max_lists: usize,
    max_stale: Duration,
}

/// Whether each token must name a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Optional,
    Required,
}

/// The checked rules.
#[derive(Clone, Debug)]
pub(crate) struct ListRules {
    presence: Presence,
    origins: Vec<SecureUrl>,
    max_lists: usize,
    max_stale: Duration,
}

const DEFAULT_MAX_LISTS: usize = 16;

/// The number of lists is a limit on memory and requests, so it is a small one.
const MAX_MAX_LISTS: usize = 1_024;

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl StatusList {
    /// Checks the status of tokens that name a list. Tokens without a list are accepted.
    ///
    /// Use it while the issuer introduces status lists. A malformed `status` is rejected.
    pub fn optional() -> Self {
        Self::new(Presence::Optional)
    }

    /// Checks the status of each token, and rejects tokens that name no list as
    /// [`Error::MissingClaim`](crate::Error::MissingClaim).
    pub fn required() -> Self {
        Self::new(Presence::Required)
    }

    /// Returns whether tokens that name no list are rejected.
    #[cfg(feature = "http")]
    pub(crate) fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }

    fn new(presence: Presence) -> Self {
        Self { presence, origins: Vec::new(), max_lists: DEFAULT_MAX_LISTS, max_stale: DAY }
    }

    /// Adds an origin that lists may be fetched from, such as `https://status.example`. Default:
    /// the issuer's own origin, which must be added too if it is to stay.
    ///
    /// A token that names a list at another origin is rejected as
    /// [`Error::WrongClaim`](crate::Error::WrongClaim). Starting the verifier fails with
    /// [`ConfigError::InvalidUrl`] if the origin has a path or a query, or is neither `https` nor a
    /// loopback address. It also fails if there is no origin and the issuer's name is no such URL.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Sets the number of lists of the issuer that are used at the same time. Default: 16.
    /// Range: 1–1,024.
    ///
    /// If a token names a further list, a list that no token has used for one to two minutes is
    /// dropped. If there is none, the token is [`Error::StatusUnavailable`](crate::Error::StatusUnavailable).
    pub fn max_lists(mut self, lists: usize) -> Self {
        self.max_lists = lists;
        self
    }

    /// Sets how long a list is used after its last successful fetch. Default: 24 h.
    /// Range: 1 min–30 days.
    ///
    /// For a list without `exp`, the limit counts from its `iat`, and an older list is rejected. If
    /// the issuer signs its lists rarely, it should set `exp`.
    ///
    /// The list's `exp` may end it earlier. A shorter limit bounds how long an attacker who cuts
    /// the connection to the issuer can use a revoked token. The renewal period is at most half of
    /// it. After a restart, an older list whose `exp` has not passed is accepted if the server sends
    /// it, so an issuer should set a short `exp`.
    pub fn max_stale(mut self, limit: Duration) -> Self {
        self.max_stale = limit;
        self
    }

    pub(crate) fn origins_mut(&mut self) -> &mut Vec<String> {
        &mut self.origins
    }

    /// Checks the settings, for an issuer with this name.
    pub(crate) fn rules(&self, issuer: &str) -> Result<ListRules, ConfigError> {
        let Self { presence, max_lists, max_stale, .. } = *self;
        if !(1..=MAX_MAX_LISTS).contains(&max_lists) {
            return Err(out_of_range("status lists", "1 to 1024", max_lists.to_string()));
        }
        let limits = Duration::from_secs(60)..=30 * DAY;
        ConfigError::check_range("stale limit of status lists", max_stale, limits, "1 min to 30 days")?;
        let origins = if self.origins.is_empty() {
            vec![own_origin(issuer)?]
        } else {
            self.origins.iter().map(|origin| only_origin(origin)).collect::<Result<_, _>>()?
        };
        Ok(ListRules { presence, origins, max_lists, max_stale })
    }
}

/// Returns the issuer's URL, whose origin counts.
fn own_origin(issuer: &str) -> Result<SecureUrl, ConfigError> {
    SecureUrl::parse(issuer).map_err(|error| ConfigError::InvalidUrl {
        setting: "status list origin",
        expected: "`origin`, because the issuer's name is not an https URL (http only on a loopback address)",
        found: error.found,
    })
}

fn only_origin(origin: &str) -> Result<SecureUrl, ConfigError> {
    let setting = "status list origin";
    let url = SecureUrl::parse(origin).map_err(|error| ConfigError::invalid_url(setting, error))?;
    if url.url().path() != "/" || url.url().query().is_some() {
        let found = url.without_query();
        return Err(ConfigError::InvalidUrl { setting, expected: "an origin without path and query", found });
    }
    Ok(url)
}

fn out_of_range(setting: &'static str, expected: &'static str, found: String) -> ConfigError {
    ConfigError::OutOfRange { setting, expected, found }
}
