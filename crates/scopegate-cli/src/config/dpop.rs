//! `dpop` and its details: tokens that are bound to a key of their client.

mod store;

use std::time::Duration;

use scopegate::{Algorithm, ConfigError, Dpop, DpopNonces};

use crate::config::algorithms;
use crate::config::beside::{Beside, Found, SecretText};
use crate::config::dpop::store::Store;
use crate::config::problem::Problems;
use crate::config::reader::Reader;

/// The settings for tokens that are bound to a key (RFC 9449).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DpopSettings {
    is_required: bool,
    nonces: Option<Nonces>,
    algorithms: Option<Vec<Algorithm>>,
    max_age: Option<Duration>,
    store: Store,
}

/// The key of nonces.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Nonces {
    /// A random key of this process.
    Random,
    /// A key that several instances share.
    Shared(SecretText),
    /// The key cannot be read here, so no service runs with this configuration.
    Unavailable,
}

/// The settings of a verifier, with the nonces that a reload can rotate.
pub(crate) struct Started {
    pub(crate) dpop: Dpop,
    nonces: Option<DpopNonces>,
}

/// The range of `dpop_max_age_secs`, as that of [`Dpop::max_age`].
const MAX_AGES: std::ops::RangeInclusive<u64> = 1..=300;

impl DpopSettings {
    /// Returns the settings of a verifier for this origin. Used proofs are in the memory of these
    /// settings, or in their server. Nothing connects before the first proof.
    ///
    /// # Errors
    /// Returns the error of a setting. Settings of a valid file have none.
    pub(crate) fn start(&self, origin: &str) -> Result<Started, ConfigError> {
        let settings = if self.is_required { Dpop::require } else { Dpop::accept };
        let mut dpop = settings().origin(origin);
        if let Some(algorithms) = &self.algorithms {
            dpop = dpop.algorithms(algorithms.iter().copied());
        }
        if let Some(age) = self.max_age {
            dpop = dpop.max_age(age);
        }
        let nonces = self.nonces.as_ref().map(Nonces::start).transpose()?;
        if let Some(nonces) = &nonces {
            dpop = dpop.nonces(nonces);
        }
        Ok(Started { dpop: self.store.add_to(dpop), nonces })
    }

    /// Returns whether the key of nonces cannot be read here.
    pub(crate) fn lacks_secret(&self) -> bool {
        matches!(self.nonces, Some(Nonces::Unavailable))
    }

    /// Returns whether the password of the server of used proofs differs from the earlier one.
    pub(crate) fn has_other_password_than(&self, earlier: &Self) -> bool {
        self.store.has_other_password_than(&earlier.store)
    }

    /// Returns whether a verifier has the same settings. The shared key of nonces may differ, because it
    /// can be rotated, and so may the password of the server of used proofs: a restart needs it.
    pub(crate) fn has_settings_of(&self, other: &Self) -> bool {
        let kind = |nonces: &Option<Nonces>| nonces.as_ref().map(std::mem::discriminant);
        let Self { is_required, nonces, algorithms, max_age, store } = self;
        (is_required, algorithms, max_age, store)
            == (&other.is_required, &other.algorithms, &other.max_age, &other.store)
            && kind(nonces) == kind(&other.nonces)
    }

    /// Returns the shared key of nonces if it differs from the earlier one.
    fn key_after(&self, earlier: &Self) -> Option<&SecretText> {
        match (&self.nonces, &earlier.nonces) {
            (Some(Nonces::Shared(key)), Some(Nonces::Shared(other))) if key != other => Some(key),
            _ => None,
        }
    }
}

impl Nonces {
    fn start(&self) -> Result<DpopNonces, ConfigError> {
        match self {
            Self::Random | Self::Unavailable => Ok(DpopNonces::new()),
            Self::Shared(key) => DpopNonces::from_secret(key.expose()),
        }
    }
}

impl Started {
    /// Replaces the key of the nonces, if it has changed. Nonces of the earlier key stay valid until
    /// their end.
    ///
    /// # Errors
    /// Returns the error of the key. A valid file has none.
    pub(crate) fn rotate(&self, earlier: &DpopSettings, new: &DpopSettings) -> Result<bool, ConfigError> {
        match (&self.nonces, new.key_after(earlier)) {
            (Some(nonces), Some(key)) => nonces.rotate_to(key.expose()).map(|()| true),
            _ => Ok(false),
        }
    }
}

/// Reads the settings. Returns `None` if bound tokens are rejected.
pub(super) fn read(
    table: &mut Reader<'_>,
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Option<DpopSettings> {
    let mode = table.string("dpop", problems);
    let nonces = nonces(table, beside, problems);
    let algorithms = algorithms::read(table, "dpop_algorithms", problems);
    let max_age = table.whole_seconds("dpop_max_age_secs", MAX_AGES, problems);
    let store = store::read(table, beside, problems);
    let is_required = match mode.as_ref().map(|mode| mode.text) {
        None | Some("off") => {
            for key in DETAILS {
                if table.has(key) {
                    let expected = "expected `dpop` of \"accept\" or \"require\" beside it";
                    problems.add(&table.key_span(key), expected);
                }
            }
            return None;
        }
        Some("accept") => false,
        Some("require") => true,
        Some(other) => {
            let span = mode.map_or(0..0, |mode| mode.span);
            problems.add(&span, format_args!("expected \"off\", \"accept\" or \"require\", found {other:?}"));
            return None;
        }
    };
    let max_age = max_age.map(|(age, _)| age);
    Some(DpopSettings { is_required, nonces, algorithms, max_age, store })
}

/// The keys that need proofs.
const DETAILS: [&str; 6] = [
    "dpop_nonce",
    "dpop_nonce_key_file",
    "dpop_algorithms",
    "dpop_max_age_secs",
    "replay_store",
    "replay_store_password_file",
];

fn nonces(table: &mut Reader<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Option<Nonces> {
    let mode = table.string("dpop_nonce", problems);
    let file = table.string("dpop_nonce_key_file", problems);
    match (mode.as_ref().map(|mode| mode.text), file) {
        (Some("require"), None) => Some(Nonces::Random),
        (Some("require"), Some(file)) => {
            let key = match beside.secret_in_file(&file, problems)? {
                Found::Secret(key) => key,
                Found::Unavailable => return Some(Nonces::Unavailable),
            };
            match DpopNonces::from_secret(key.expose()) {
                Ok(_) => Some(Nonces::Shared(key)),
                Err(error) => {
                    problems.add(&file.span, format_args!("{}: {error}", file.text));
                    None
                }
            }
        }
        (None | Some("off"), None) => None,
        (None | Some("off"), Some(file)) => {
            problems.add(&file.span, "expected `dpop_nonce = \"require\"` beside it");
            None
        }
        (Some(other), _) => {
            let span = mode.as_ref().map_or(0..0, |mode| mode.span.clone());
            problems.add(&span, format_args!("expected \"off\" or \"require\", found {other:?}"));
            None
        }
    }
}
