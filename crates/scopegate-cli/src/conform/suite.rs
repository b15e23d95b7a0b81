//! The hostile tokens and requests. Each differs from a valid one in one thing.

mod credentials;
mod header;
mod keys;
mod kind;
mod lifetime;
mod recipients;
mod scopes;
mod signature;

use crate::conform::authority::Authority;
use crate::conform::check::{About, Check, Group, Level};

/// The check whose requests a server may answer by closing the connection.
pub(super) const OVERSIZED: &str = "oversized";

/// Returns the checks of a group. `offers_dpop` is whether a challenge of the API has offered DPoP.
pub(super) fn checks(group: Group, authority: &Authority, offers_dpop: bool) -> Vec<Check> {
    match group {
        Group::Credentials => credentials::checks(authority),
        Group::Signature => signature::checks(authority),
        Group::Keys => keys::checks(authority),
        Group::Header => header::checks(authority),
        Group::Lifetime => lifetime::checks(authority),
        Group::Recipients => recipients::checks(authority),
        Group::Kind => kind::checks(authority, offers_dpop),
        Group::Scopes => scopes::checks(authority),
        Group::Rotation | Group::Answers => Vec::new(),
    }
}

/// A check whose requests must be rejected.
const fn hole(
    group: Group,
    id: &'static str,
    title: &'static str,
    reference: &'static str,
    harm: &'static str,
) -> About {
    About { id, group, level: Level::Hole, title, reference, harm }
}

/// A check whose requests should be rejected.
const fn warning(
    group: Group,
    id: &'static str,
    title: &'static str,
    reference: &'static str,
    harm: &'static str,
) -> About {
    About { id, group, level: Level::Warning, title, reference, harm }
}
