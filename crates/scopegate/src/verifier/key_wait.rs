//! Waiting for a key that may arrive, with a bound on the time.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::issuer::trusted::{KeyLookup, Missing};
use crate::keys::fetched::OverdueKeys;
use crate::keys::refresh::waiting::WaitPermit;
use crate::token::numeric_date::NumericDate;
use crate::verifier::outcome::UnknownKey;

/// Upper bound on how long a request waits for an unknown key: one fetch, and a second one about a
/// second later for issuers that publish keys late. After that, a definite error serves the caller
/// better.
pub(crate) const KEY_WAIT_TIMEOUT: Duration = Duration::from_secs(2);

impl UnknownKey {
    /// Waits until the token is worth another verification: its key has arrived, or its issuer's
    /// trust has ended. Returns the error if the key does not arrive.
    pub(crate) async fn settled(
        &self,
        deadline: Instant,
        now: impl Fn() -> NumericDate,
    ) -> Result<(), Error> {
        let Self { issuer, missing } = self;
        let first_reason = missing.why;
        let Some(keys) = issuer.keys.fetched() else {
            return Err(issuer.error_without_waiting(missing));
        };
        let name = &missing.name;
        let mut changes = keys.refresh().watch();
        let waiting = keys.refresh().waiting();
        let permit = match first_reason {
            Missing::NoKeysYet | Missing::Overdue => waiting.permit_for_keys(name),
            Missing::Unknown(_) => waiting.permit(name),
        };
        // Without a permit, or after the timeout, the current keys are used.
        let mut overdue = if permit.is_some() { OverdueKeys::Wait } else { OverdueKeys::Use };
        loop {
            // Looks up the key before it waits: the key may have arrived before the watch began.
            let now = now();
            if !issuer.keys.standing().is_trusted(now) {
                return Ok(());
            }
            let missing = match issuer.find_key(&name.id, name.algorithm, now, overdue)? {
                KeyLookup::Found(_) => return Ok(()),
                KeyLookup::Missing(missing) => missing,
            };
            if overdue == OverdueKeys::Use {
                return Err(issuer.error_without_waiting(&missing));
            }
            if let Some(error) = issuer.settled_error(&missing) {
                return Err(error);
            }
            // The keys have arrived without that key, and fewer requests may wait for one key than for all.
            if let (Missing::NoKeysYet | Missing::Overdue, Missing::Unknown(_)) = (first_reason, missing.why)
                && !permit.as_ref().is_some_and(WaitPermit::is_within_key_limit)
            {
                return Err(issuer.error_without_waiting(&missing));
            }
            // The change may come at the same moment, so the key is looked up once more.
            if timeout_at(deadline, changes.changed()).await.is_err() {
                overdue = OverdueKeys::Use;
            }
        }
    }
}
